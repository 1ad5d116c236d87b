/**
 * Short texts that cross the relay sealed, such as a receiver's name:
 *
 *   | nonce 12 | AES-128-GCM( length u16 | UTF-8 | zeros ) | tag 16 |
 *
 * The plaintext is padded to a multiple of 32 bytes, so that its length tells little.
 */
import { concat, fromUtf8, type MaybePromise, utf8 } from "./bytes.ts";
import {
  AEAD_NONCE_BYTES,
  AEAD_TAG_BYTES,
  type Primitives,
  type SyncPrimitives,
} from "./crypto.ts";
import type { Keys } from "./keys.ts";
import { RECEIVER_NAME_CHARACTERS, SEALED_BYTES } from "./limits.ts";
import { chain } from "./maybe-promise.ts";

const PADDED_BYTES = 32;
const LENGTH_BYTES = 2;

/**
 * Seals a text, cut to RECEIVER_NAME_CHARACTERS, into at most SEALED_BYTES.
 * @param context what the text is and of whom; it opens under the same context only
 */
export function sealText(
  text: string,
  context: string,
  keys: Keys,
  primitives: SyncPrimitives,
): Uint8Array;
export function sealText(
  text: string,
  context: string,
  keys: Keys,
  primitives: Primitives,
): MaybePromise<Uint8Array>;
export function sealText(
  text: string,
  context: string,
  keys: Keys,
  primitives: Primitives,
): MaybePromise<Uint8Array> {
  const bytes = utf8(shorten(text));
  const padded = Math.ceil((LENGTH_BYTES + bytes.length) / PADDED_BYTES) * PADDED_BYTES;
  const plain = new Uint8Array(padded);
  new DataView(plain.buffer).setUint16(0, bytes.length);
  plain.set(bytes, LENGTH_BYTES);
  const nonce = primitives.randomBytes(AEAD_NONCE_BYTES);
  return chain(primitives.aead(keys.label), (aead) =>
    chain(aead.seal(nonce, [plain], utf8(context)), (sealed) => concat(nonce, sealed)),
  );
}

/**
 * The text again, or undefined where these bytes were not sealed so. It may hold anything that
 * its writer liked: escape it before it is shown.
 */
export function openText(
  sealed: Uint8Array,
  context: string,
  keys: Keys,
  primitives: SyncPrimitives,
): string | undefined;
export function openText(
  sealed: Uint8Array,
  context: string,
  keys: Keys,
  primitives: Primitives,
): MaybePromise<string | undefined>;
export function openText(
  sealed: Uint8Array,
  context: string,
  keys: Keys,
  primitives: Primitives,
): MaybePromise<string | undefined> {
  const least = AEAD_NONCE_BYTES + PADDED_BYTES + AEAD_TAG_BYTES;
  if (sealed.length < least || sealed.length > SEALED_BYTES) return undefined;
  const nonce = sealed.subarray(0, AEAD_NONCE_BYTES);
  const rest = sealed.subarray(AEAD_NONCE_BYTES);
  return chain(primitives.aead(keys.label), (aead) => {
    try {
      const plain = aead.open(nonce, rest, utf8(context));
      return plain instanceof Promise ? plain.then(textOf, () => undefined) : textOf(plain);
    } catch {
      return undefined; // forged, damaged or of another channel: all the same here
    }
  });
}

function textOf(plain: Uint8Array): string | undefined {
  if (plain.length < LENGTH_BYTES) return undefined;
  const length = new DataView(plain.buffer, plain.byteOffset).getUint16(0);
  if (length > plain.length - LENGTH_BYTES) return undefined;
  try {
    return shorten(fromUtf8(plain.subarray(LENGTH_BYTES, LENGTH_BYTES + length)));
  } catch {
    return undefined;
  }
}

/** At most RECEIVER_NAME_CHARACTERS code points, none cut in half. */
function shorten(text: string): string {
  const start = text.slice(0, 2 * RECEIVER_NAME_CHARACTERS); // a code point has two units at most
  return Array.from(start.toWellFormed()).slice(0, RECEIVER_NAME_CHARACTERS).join("");
}
