/**
 * The primitives on WebCrypto. The noble libraries add the rest: scrypt, and
 * Ed25519, which it lacks in many browsers and never computes at once.
 */
import { ed25519 } from "@noble/curves/ed25519.js";
import { scryptAsync } from "@noble/hashes/scrypt.js";
import { concat } from "../wire/bytes.ts";
import {
  type Aead,
  AEAD_TAG_BYTES,
  checkAeadKey,
  checkAeadNonce,
  checkSigningSeed,
  type Primitives,
  SCRYPT_MAX_MEMORY,
  SCRYPT_N,
  SCRYPT_P,
  SCRYPT_R,
  type Signer,
} from "./crypto.ts";
import { PUBLIC_KEY_BYTES, SIGNATURE_BYTES } from "../wire/sizes.ts";
import { FaultError } from "../wire/faults.ts";

const SHA256 = "SHA-256";
/** `getRandomValues` gives at most this many bytes at once. */
const RANDOM_STEP = 65_536;

export const webPrimitives: Primitives = {
  name: "WebCrypto",
  randomBytes(length) {
    const bytes = new Uint8Array(length);
    for (let at = 0; at < length; at += RANDOM_STEP) {
      crypto.getRandomValues(bytes.subarray(at, at + RANDOM_STEP));
    }
    return bytes;
  },
  scrypt: (secret, salt, length) =>
    scryptAsync(secret, salt, {
      N: SCRYPT_N,
      r: SCRYPT_R,
      p: SCRYPT_P,
      dkLen: length,
      maxmem: SCRYPT_MAX_MEMORY,
    }),
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
  verify(publicKey, message, signature) {
    if (publicKey.length !== PUBLIC_KEY_BYTES || signature.length !== SIGNATURE_BYTES) return false;
    try {
      return ed25519.verify(signature, message, publicKey);
    } catch {
      return false;
    }
  },
};

function signer(seed: Uint8Array): Signer {
  checkSigningSeed(seed);
  const own = seed.slice();
  return {
    publicKey: ed25519.getPublicKey(own),
    sign: (message) => ed25519.sign(message, own),
  };
}

async function aead(key: Uint8Array): Promise<Aead> {
  checkAeadKey(key);
  const imported = await crypto.subtle.importKey("raw", owned(key), "AES-GCM", false, [
    "encrypt",
    "decrypt",
  ]);
  return {
    async seal(nonce, plaintext, aad) {
      const whole = plaintext.length === 1 ? owned(plaintext[0]!) : concat(...plaintext);
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
