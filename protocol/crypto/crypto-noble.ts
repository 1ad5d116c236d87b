/**
 * The primitives without WebCrypto, which browsers keep from pages that came over plain http: all by
 * the noble libraries, and all at once. They are slower than WebCrypto and run in script, so a cache or
 * timing attack by other code of the same machine has more to measure; WebCrypto is used where it is.
 */
import { gcm } from "@noble/ciphers/aes.js";
import { hkdf } from "@noble/hashes/hkdf.js";
import { hmac } from "@noble/hashes/hmac.js";
import { scrypt } from "@noble/hashes/scrypt.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { concat } from "../wire/bytes.ts";
import { FaultError } from "../wire/faults.ts";
import { checkAeadKey, checkAeadNonce, type SyncAead, type SyncPrimitives } from "./crypto.ts";
import { randomBytes, scryptOptions, signer, verify } from "./portable.ts";

export const noblePrimitives: SyncPrimitives = {
  name: "noble",
  randomBytes,
  scrypt: (secret, salt, length) => scrypt(secret, salt, scryptOptions(length)),
  hkdf: (ikm, salt, info, length) => hkdf(sha256, ikm, salt, info, length),
  hmac: (key, data) => hmac(sha256, key, data),
  sha256: (data) => sha256(data),
  aead,
  signer,
  verify,
};

function aead(key: Uint8Array): SyncAead {
  checkAeadKey(key);
  const own = key.slice();
  return {
    seal(nonce, plaintext, aad) {
      checkAeadNonce(nonce);
      const whole = plaintext.length === 1 ? plaintext[0]! : concat(...plaintext);
      return gcm(own, nonce, aad).encrypt(whole);
    },
    open(nonce, ciphertext, aad) {
      checkAeadNonce(nonce);
      try {
        // It compares the tag before it deciphers anything.
        return gcm(own, nonce, aad).decrypt(ciphertext);
      } catch (cause) {
        throw new FaultError("corrupt-record", undefined, { cause });
      }
    },
  };
}
