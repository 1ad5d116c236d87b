/** The primitives on node:crypto, all at once. The only file here that a browser cannot load. */
import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createHmac,
  createPrivateKey,
  createPublicKey,
  hkdfSync,
  randomFillSync,
  scrypt,
  scryptSync,
  sign,
  verify,
  type Cipheriv,
  type Decipheriv,
} from "node:crypto";
import {
  AEAD_TAG_BYTES,
  checkAeadKey,
  checkAeadNonce,
  checkSigningSeed,
  SCRYPT_MAX_MEMORY,
  SCRYPT_N,
  SCRYPT_P,
  SCRYPT_R,
  type Signer,
  type SyncAead,
  type SyncPrimitives,
} from "./crypto.ts";
import { PUBLIC_KEY_BYTES, SIGNATURE_BYTES } from "../wire/sizes.ts";
import { FaultError } from "../wire/faults.ts";

const CIPHER = "aes-128-gcm";
// Node accepts tags as short as 4 bytes unless the length is given.
const TAG = { authTagLength: AEAD_TAG_BYTES };

const SCRYPT_COSTS = { N: SCRYPT_N, r: SCRYPT_R, p: SCRYPT_P, maxmem: SCRYPT_MAX_MEMORY };

export const nodePrimitives: SyncPrimitives = {
  name: "node:crypto",
  randomBytes: (length) => randomFillSync(new Uint8Array(length)),
  scrypt: (secret, salt, length) => plain(scryptSync(secret, salt, length, SCRYPT_COSTS)),
  hkdf: (ikm, salt, info, length) => new Uint8Array(hkdfSync("sha256", ikm, salt, info, length)),
  hmac: (key, data) => plain(createHmac("sha256", key).update(data).digest()),
  sha256: (data) => plain(createHash("sha256").update(data).digest()),
  aead,
  signer,
  verify: isSigned,
};

/** The same beside the thread that waits for it. */
export function scryptBeside(
  secret: Uint8Array,
  salt: Uint8Array,
  length: number,
): Promise<Uint8Array> {
  const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
  scrypt(secret, salt, length, SCRYPT_COSTS, (error, key) => {
    // Bun says undefined where Node says null.
    if (error instanceof Error) reject(error);
    else resolve(plain(key));
  });
  return promise;
}

/** DER in front of a raw Ed25519 seed or public key (RFC 8410), which node:crypto takes no other way. */
const SEED_PREFIX = Buffer.from("302e020100300506032b657004220420", "hex");
const PUBLIC_PREFIX = Buffer.from("302a300506032b6570032100", "hex");

function signer(seed: Uint8Array): Signer {
  checkSigningSeed(seed);
  const key = Buffer.concat([SEED_PREFIX, seed]);
  const secret = createPrivateKey({ key, format: "der", type: "pkcs8" });
  const spki = createPublicKey(secret).export({ format: "der", type: "spki" });
  return {
    publicKey: new Uint8Array(spki.subarray(PUBLIC_PREFIX.length)),
    sign: (message) => plain(sign(null, message, secret)),
  };
}

function isSigned(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  if (publicKey.length !== PUBLIC_KEY_BYTES || signature.length !== SIGNATURE_BYTES) return false;
  const key = Buffer.concat([PUBLIC_PREFIX, publicKey]);
  try {
    const known = createPublicKey({ key, format: "der", type: "spki" });
    return verify(null, message, known, signature);
  } catch {
    return false; // 32 bytes that are no point of the curve
  }
}

function aead(key: Uint8Array): SyncAead {
  checkAeadKey(key);
  const own = key.slice();
  return {
    seal(nonce, plaintext, aad, room) {
      checkAeadNonce(nonce);
      const cipher = createCipheriv(CIPHER, own, nonce, TAG);
      if (aad !== undefined) cipher.setAAD(aad);
      const length = plaintext.reduce((sum, part) => sum + part.length, 0);
      const sealed = roomOf(length + AEAD_TAG_BYTES, room);
      let offset = 0;
      for (const part of plaintext) {
        run(cipher, part, sealed.subarray(offset));
        offset += part.length;
      }
      cipher.final();
      sealed.set(cipher.getAuthTag(), offset);
      return sealed;
    },
    open(nonce, ciphertext, aad, room) {
      checkAeadNonce(nonce);
      const end = ciphertext.length - AEAD_TAG_BYTES;
      if (end < 0) throw new FaultError("corrupt-record", "shorter than its tag");
      const decipher = createDecipheriv(CIPHER, own, nonce, TAG);
      if (aad !== undefined) decipher.setAAD(aad);
      decipher.setAuthTag(ciphertext.subarray(end));
      const plaintext = roomOf(end, room);
      run(decipher, ciphertext.subarray(0, end), plaintext);
      try {
        decipher.final(); // only now is the plaintext known to be true
      } catch (cause) {
        plaintext.fill(0); // the room is its owner's, who must not find a forger's bytes there
        throw new FaultError("corrupt-record", undefined, { cause });
      }
      return plaintext;
    },
  };
}

function roomOf(length: number, room?: Uint8Array): Uint8Array {
  const isLongEnough = room !== undefined && room.length >= length;
  // Not filled with zeros first: each byte is written.
  return isLongEnough ? room.subarray(0, length) : plain(Buffer.allocUnsafeSlow(length));
}

/** Bytes that go through a cipher at once: in and out stay in the processor's cache. */
const STEP_BYTES = 64 * 1024;

/**
 * Writes what the cipher makes of `bytes` to the beginning of `to`; GCM is a stream, as many bytes out
 * as in. Each step gets a Buffer of its own from node:crypto. Left to the garbage collector, these took
 * fresh pages for every record, and the first touch of a page costs more than AES.
 */
function run(cipher: Cipheriv | Decipheriv, bytes: Uint8Array, to: Uint8Array): void {
  for (let at = 0; at < bytes.length; at += STEP_BYTES) {
    const piece = cipher.update(bytes.subarray(at, at + STEP_BYTES));
    to.set(piece, at);
    free(piece);
  }
}

/** Gives the memory of an array back at once. Of one that shares its memory, nothing happens. */
function free({ buffer, byteLength }: Uint8Array): void {
  if (buffer instanceof ArrayBuffer && buffer.byteLength === byteLength) buffer.transfer(0);
}

/** A Buffer as the Uint8Array that the interface promises, without a copy. */
function plain(buffer: Buffer): Uint8Array {
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength);
}
