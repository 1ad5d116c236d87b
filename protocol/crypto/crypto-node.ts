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
    seal(nonce, plaintext, aad) {
      checkAeadNonce(nonce);
      const cipher = createCipheriv(CIPHER, own, nonce, TAG);
      if (aad !== undefined) cipher.setAAD(aad);
      const length = plaintext.reduce((sum, part) => sum + part.length, 0);
      const sealed = new Uint8Array(length + AEAD_TAG_BYTES);
      let offset = 0;
      for (const part of plaintext) {
        sealed.set(cipher.update(part), offset); // GCM is a stream: as many bytes out as in
        offset += part.length;
      }
      cipher.final();
      sealed.set(cipher.getAuthTag(), offset);
      return sealed;
    },
    open(nonce, ciphertext, aad) {
      checkAeadNonce(nonce);
      const end = ciphertext.length - AEAD_TAG_BYTES;
      if (end < 0) throw new FaultError("corrupt-record", "shorter than its tag");
      const decipher = createDecipheriv(CIPHER, own, nonce, TAG);
      if (aad !== undefined) decipher.setAAD(aad);
      decipher.setAuthTag(ciphertext.subarray(end));
      const plaintext = decipher.update(ciphertext.subarray(0, end));
      try {
        decipher.final(); // only now is the plaintext known to be true
      } catch (cause) {
        throw new FaultError("corrupt-record", undefined, { cause });
      }
      return plain(plaintext);
    },
  };
}

/** A Buffer as the Uint8Array that the interface promises, without a copy. */
function plain(buffer: Buffer): Uint8Array {
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength);
}
