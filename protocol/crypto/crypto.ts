/**
 * The primitives that the protocol stands on, behind one interface: node:crypto serves the CLI
 * and the relay at once, WebCrypto serves a browser with promises. Bytes in, bytes out; no input
 * is kept or changed, every output is an array of its own unless room for it was given.
 */

/** RFC 7914; 64 MiB of memory. Changing any of these changes every key. */
export const SCRYPT_N = 2 ** 16;
export const SCRYPT_R = 8;
export const SCRYPT_P = 1;
/** Twice what N and r take: node:crypto refuses anything above 32 MiB unless told. */
export const SCRYPT_MAX_MEMORY = 2 * 128 * SCRYPT_N * SCRYPT_R;

export const AEAD_KEY_BYTES = 16;
export const AEAD_NONCE_BYTES = 12;
export const AEAD_TAG_BYTES = 16;

/** AES-128-GCM under one key. The ciphertext ends with the 16-byte tag; shorter tags never pass. */
export interface Aead {
  /**
   * Encrypts the parts as if they were one plaintext. A (key, nonce) pair serves once only.
   * @param room the result may be a view of its beginning, where it is long enough; it overlaps no part
   */
  seal(
    nonce: Uint8Array,
    plaintext: Uint8Array[],
    aad?: Uint8Array,
    room?: Uint8Array,
  ): MaybePromise<Uint8Array>;
  /**
   * Gives the plaintext, and nothing of it before the tag is checked.
   * @param room as for `seal`; of a ciphertext that does not open nothing is left in it
   * @throws FaultError "corrupt-record" (or rejects with it) when the tag does not match.
   */
  open(
    nonce: Uint8Array,
    ciphertext: Uint8Array,
    aad?: Uint8Array,
    room?: Uint8Array,
  ): MaybePromise<Uint8Array>;
}

export interface SyncAead extends Aead {
  seal(nonce: Uint8Array, plaintext: Uint8Array[], aad?: Uint8Array, room?: Uint8Array): Uint8Array;
  open(nonce: Uint8Array, ciphertext: Uint8Array, aad?: Uint8Array, room?: Uint8Array): Uint8Array;
}

/** Ed25519 (RFC 8032): a seed of 32 bytes, a public key of 32, signatures of 64. */
export const SIGNING_SEED_BYTES = 32;

/** One Ed25519 key pair. It signs at once on every platform, since sessions never wait. */
export interface Signer {
  /** 32 bytes */
  readonly publicKey: Uint8Array;
  /** 64 bytes; the same for the same message. */
  sign(message: Uint8Array): Uint8Array;
}

export interface Primitives {
  readonly name: string;
  /** `length` unpredictable bytes. */
  randomBytes(length: number): Uint8Array;
  /** scrypt with the parameters above. */
  scrypt(secret: Uint8Array, salt: Uint8Array, length: number): MaybePromise<Uint8Array>;
  /** HKDF-SHA-256, RFC 5869: extract and expand. */
  hkdf(
    ikm: Uint8Array,
    salt: Uint8Array,
    info: Uint8Array,
    length: number,
  ): MaybePromise<Uint8Array>;
  /** HMAC-SHA-256, 32 bytes. */
  hmac(key: Uint8Array, data: Uint8Array): MaybePromise<Uint8Array>;
  /** SHA-256, 32 bytes. */
  sha256(data: Uint8Array): MaybePromise<Uint8Array>;
  /** AES-128-GCM under a key of 16 bytes. @throws RangeError for a key of another length. */
  aead(key: Uint8Array): MaybePromise<Aead>;
  /** The key pair of a seed. @throws RangeError unless the seed has 32 bytes */
  signer(seed: Uint8Array): Signer;
  /** Whether the owner of this public key signed the message; false for bytes that are no key. */
  verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean;
}

export interface SyncPrimitives extends Primitives {
  scrypt(secret: Uint8Array, salt: Uint8Array, length: number): Uint8Array;
  hkdf(ikm: Uint8Array, salt: Uint8Array, info: Uint8Array, length: number): Uint8Array;
  hmac(key: Uint8Array, data: Uint8Array): Uint8Array;
  sha256(data: Uint8Array): Uint8Array;
  aead(key: Uint8Array): SyncAead;
}

/** A value that is here at once with synchronous primitives, and may be promised with others. */
export type With<P extends Primitives, T> = P extends SyncPrimitives ? T : MaybePromise<T>;

/** @throws RangeError unless the key has 16 bytes. */
export function checkAeadKey(key: Uint8Array): void {
  if (key.length !== AEAD_KEY_BYTES) throw new RangeError(`a key of ${key.length} bytes`);
}

/** @throws RangeError unless the seed has 32 bytes. */
export function checkSigningSeed(seed: Uint8Array): void {
  if (seed.length !== SIGNING_SEED_BYTES) throw new RangeError(`a seed of ${seed.length} bytes`);
}

/** @throws RangeError unless the nonce has 12 bytes. */
export function checkAeadNonce(nonce: Uint8Array): void {
  if (nonce.length !== AEAD_NONCE_BYTES) throw new RangeError(`a nonce of ${nonce.length} bytes`);
}

/**
 * Values that come at once from node:crypto and later from WebCrypto. One piece of code serves
 * both: it chains with `chain` and `all`, and stays synchronous where its values are.
 */
export type MaybePromise<T> = T | Promise<T>;

/** Calls `step` with the value: now where it is here, later where it is promised. */
export function chain<T, U>(
  value: MaybePromise<T>,
  step: (value: T) => MaybePromise<U>,
): MaybePromise<U> {
  return value instanceof Promise ? value.then(step) : step(value);
}

/** All values of a tuple: an array now where none is promised, a promise of it otherwise. */
export function all<T extends readonly unknown[]>(values: {
  [K in keyof T]: MaybePromise<T[K]>;
}): MaybePromise<T> {
  const list: readonly unknown[] = values;
  if (!list.some((value) => value instanceof Promise)) return list as unknown as T;
  return Promise.all(list) as Promise<unknown> as Promise<T>;
}
