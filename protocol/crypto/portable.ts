/**
 * The primitives that are alike in all browsers, with WebCrypto and without: random bytes, and Ed25519
 * by a noble library, because WebCrypto lacks it in many browsers and never computes it at once.
 */
import { getPublicKey, hashes, sign, verify as isSigned } from "@noble/ed25519";
import { sha512 } from "@noble/hashes/sha2.js";

import { PUBLIC_KEY_BYTES, SIGNATURE_BYTES } from "../wire/sizes.ts";
import {
  checkSigningSeed,
  SCRYPT_MAX_MEMORY,
  SCRYPT_N,
  SCRYPT_P,
  SCRYPT_R,
  type Signer,
} from "./crypto.ts";

// Without it the library would ask WebCrypto, which answers later.
hashes.sha512 = sha512;

/** `getRandomValues` gives at most this many bytes at once. */
const RANDOM_STEP = 65_536;

export function randomBytes(length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at += RANDOM_STEP) {
    crypto.getRandomValues(bytes.subarray(at, at + RANDOM_STEP));
  }
  return bytes;
}

/** The parameters of scrypt as the noble library takes them. */
export function scryptOptions(length: number) {
  return {
    N: SCRYPT_N,
    r: SCRYPT_R,
    p: SCRYPT_P,
    dkLen: length,
    maxmem: SCRYPT_MAX_MEMORY,
  };
}

export function signer(seed: Uint8Array): Signer {
  checkSigningSeed(seed);
  const own = seed.slice();
  return {
    publicKey: getPublicKey(own),
    sign: (message) => sign(message, own),
  };
}

export function verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  if (publicKey.length !== PUBLIC_KEY_BYTES || signature.length !== SIGNATURE_BYTES) return false;
  try {
    return isSigned(signature, message, publicKey);
  } catch {
    return false;
  }
}
