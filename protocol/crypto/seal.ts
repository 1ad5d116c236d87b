/**
 * A receiver's name, which crosses the relay sealed:
 *
 *   | nonce 12 | AES-128-GCM( length u16 | UTF-8 | zeros ) | tag 16 |
 *
 * The plaintext is padded to a multiple of 32 bytes, so that its length tells little. The additional
 * data are `receiver-name`, the share's id and the receiver's, so a name opens for the receiver that
 * it was sealed for and for no other: neither a relay nor anybody else without the code can make one,
 * give it to another receiver, or say it again in another share. A name that opens is how a sender
 * knows that a receiver has the code.
 */
import { concat, fromUtf8, utf8 } from "../wire/bytes.ts";
import { AEAD_NONCE_BYTES, AEAD_TAG_BYTES, chain, type Primitives, type With } from "./crypto.ts";
import { RECEIVER_BYTES, SHARE_BYTES, type Keys } from "./keys.ts";
import { RECEIVER_NAME_CHARACTERS, SEALED_BYTES } from "../wire/limits.ts";

const PADDED_BYTES = 32;
const LENGTH_BYTES = 2;
const AROUND_BYTES = AEAD_NONCE_BYTES + AEAD_TAG_BYTES;

/** The receiver and the share of a name. */
export interface Named {
  /** 16 bytes */
  readonly share: Uint8Array;
  /** 16 bytes */
  readonly receiver: Uint8Array;
}

/**
 * Seals a name, cut to RECEIVER_NAME_CHARACTERS, into at most SEALED_BYTES.
 * @throws RangeError when an id has another length
 */
export function sealName<P extends Primitives>(
  name: string,
  of: Named,
  keys: Keys,
  primitives: P,
): With<P, Uint8Array> {
  const bytes = utf8(shorten(name));
  const padded = Math.ceil((LENGTH_BYTES + bytes.length) / PADDED_BYTES) * PADDED_BYTES;
  const plain = new Uint8Array(padded);
  new DataView(plain.buffer).setUint16(0, bytes.length);
  plain.set(bytes, LENGTH_BYTES);
  const nonce = primitives.randomBytes(AEAD_NONCE_BYTES);
  const context = contextOf(of);
  return chain(primitives.aead(keys.label), (aead) =>
    chain(aead.seal(nonce, [plain], context), (sealed) => concat(nonce, sealed)),
  ) as With<P, Uint8Array>;
}

/**
 * The name again, or undefined where these bytes were not sealed so. It may hold anything that its
 * writer liked: escape it before it is shown.
 */
export function openName<P extends Primitives>(
  sealed: Uint8Array,
  of: Named,
  keys: Keys,
  primitives: P,
): With<P, string | undefined> {
  if (!mayBeName(sealed)) return undefined;
  const nonce = sealed.subarray(0, AEAD_NONCE_BYTES);
  const rest = sealed.subarray(AEAD_NONCE_BYTES);
  const context = contextOf(of);
  return chain(primitives.aead(keys.label), (aead) => {
    try {
      const plain = aead.open(nonce, rest, context);
      return plain instanceof Promise ? plain.then(textOf, () => undefined) : textOf(plain);
    } catch {
      return undefined; // forged, damaged or of another receiver: all the same here
    }
  }) as With<P, string | undefined>;
}

/** Whether these bytes have the length of a name: any other need not be deciphered to be refused. */
export function mayBeName({ length }: Uint8Array): boolean {
  const padded = length - AROUND_BYTES;
  return length <= SEALED_BYTES && padded >= PADDED_BYTES && padded % PADDED_BYTES === 0;
}

/** Fixed lengths, so that no two receivers have the same. */
function contextOf({ share, receiver }: Named): Uint8Array {
  if (share.length !== SHARE_BYTES || receiver.length !== RECEIVER_BYTES) {
    throw new RangeError(`ids of ${share.length} and ${receiver.length} bytes`);
  }
  return concat(utf8("receiver-name"), share, receiver);
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
