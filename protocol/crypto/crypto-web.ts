/** The primitives on WebCrypto, and by the noble libraries what it lacks: scrypt and Ed25519. */
import { scryptAsync } from "@noble/hashes/scrypt.js";
import { FaultError } from "../wire/faults.ts";
import {
  type Aead,
  AEAD_TAG_BYTES,
  checkAeadKey,
  checkAeadNonce,
  type Primitives,
} from "./crypto.ts";
import { randomBytes, scryptOptions, signer, verify } from "./portable.ts";

const SHA256 = "SHA-256";

export const webPrimitives: Primitives = {
  name: "WebCrypto",
  randomBytes,
  scrypt: (secret, salt, length) => scryptAsync(secret, salt, scryptOptions(length)),
  async hkdf(ikm, salt, info, length) {
    const key = await crypto.subtle.importKey("raw", owned(ikm), "HKDF", false, ["deriveBits"]);
    const how = { name: "HKDF", hash: SHA256, salt: owned(salt), info: owned(info) };
    return new Uint8Array(await crypto.subtle.deriveBits(how, key, length * 8));
  },
  async hmac(key, data) {
    const how = { name: "HMAC", hash: SHA256 };
    const imported = await crypto.subtle.importKey("raw", owned(key), how, false, ["sign"]);
    return new Uint8Array(await crypto.subtle.sign("HMAC", imported, owned(data)));
  },
  sha256: async (data) => new Uint8Array(await crypto.subtle.digest(SHA256, owned(data))),
  aead,
  signer,
  verify,
};

async function aead(key: Uint8Array): Promise<Aead> {
  checkAeadKey(key);
  const imported = await crypto.subtle.importKey("raw", owned(key), "AES-GCM", false, [
    "encrypt",
    "decrypt",
  ]);
  // WebCrypto copies what it is given before `encrypt` returns, so one array serves all records: a
  // browser takes longer to give 1 MiB of fresh memory than to fill it.
  let joined = new Uint8Array();
  return {
    async seal(nonce, plaintext, aad) {
      const length = plaintext.reduce((sum, part) => sum + part.length, 0);
      if (joined.length < length) joined = new Uint8Array(length);
      let at = 0;
      for (const part of plaintext) {
        joined.set(part, at);
        at += part.length;
      }
      const whole = joined.subarray(0, length);
      return new Uint8Array(await crypto.subtle.encrypt(gcm(nonce, aad), imported, whole));
    },
    async open(nonce, ciphertext, aad) {
      const how = gcm(nonce, aad);
      try {
        return new Uint8Array(await crypto.subtle.decrypt(how, imported, owned(ciphertext)));
      } catch (cause) {
        throw new FaultError("corrupt-record", undefined, { cause });
      }
    },
  };
}

function gcm(nonce: Uint8Array, aad: Uint8Array = new Uint8Array()) {
  checkAeadNonce(nonce);
  return {
    name: "AES-GCM",
    iv: owned(nonce),
    additionalData: owned(aad),
    tagLength: AEAD_TAG_BYTES * 8,
  };
}

/** WebCrypto takes no views of shared memory; those are copied, all others pass as they are. */
function owned(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return bytes.buffer instanceof ArrayBuffer
    ? (bytes as Uint8Array<ArrayBuffer>)
    : new Uint8Array(bytes);
}
