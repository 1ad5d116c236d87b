/** The parts of the golden traffic that targets break. */
import {
  decodeControl,
  encodeControl,
  fromHex,
  isFrame,
  proveHello,
  toHex,
  type Message,
} from "../../protocol/mod.ts";
import { nodePrimitives } from "../../protocol/crypto/crypto-node.ts";
import { pack } from "msgpackr";
import { allMessages, bytesOf, conversations, named } from "../golden/conversation.ts";
import { KEPT } from "../golden/known-vectors.ts";
import type { Random } from "../simulation/random.ts";
import { mutate, oddEntry } from "./mutate.ts";

export const CONVERSATIONS = conversations();
const messages = allMessages().map(({ bytes }) => bytes);
export const FRAMES = messages.filter((bytes) => isFrame(bytes));
export const CONTROLS = messages.filter((bytes) => !isFrame(bytes));
export const HEADS = KEPT.manifests.map(({ head }) => fromHex(head)!);

/** As they are decoded. */
const DECODED: readonly Message[] = CONTROLS.filter((bytes) => named(bytes) !== "another").map(
  (bytes) => decodeControl(bytes, "anyone"),
);

/** Those of the codes that play a part, by their public keys in hex. */
const SIGNERS = new Map(
  KEPT.codes.map(({ publicKey, signing }) => [publicKey, nodePrimitives.signer(fromHex(signing)!)]),
);

/**
 * A hello of a known key, right or wrong, is signed for the line that it is said on: else nothing behind
 * the proof would ever be reached. All else stays as it is.
 */
export function signedFor(nonce: Uint8Array, bytes: Uint8Array): Uint8Array {
  if (isFrame(bytes) || named(bytes) !== "hello") return bytes;
  const hello = decodeControl(bytes, "anyone");
  const signer = hello.t === "hello" ? SIGNERS.get(toHex(hello.key)) : undefined;
  if (hello.t !== "hello" || signer === undefined) return bytes;
  return encodeControl({ ...hello, ...proveHello(hello, { nonce }, signer) });
}

/** Ids of shares and receivers that play a part. */
export const IDS: readonly Uint8Array[] = [
  ...new Set(
    DECODED.flatMap((message) =>
      Object.values(message).flatMap((value) =>
        value instanceof Uint8Array && value.length === 16
          ? [Buffer.from(value).toString("hex")]
          : [],
      ),
    ),
  ),
].map((hex) => fromHex(hex)!);

/** A control message of which something is odd, in sound MessagePack. */
export function oddMessage(random: Random, from: Message = random.pick(DECODED)): Uint8Array {
  return new Uint8Array(pack(oddEntry(random, from, IDS)));
}

/** Bytes that a faulty client or relay could send instead of these. */
export function broken(random: Random, bytes: Uint8Array): Uint8Array {
  if (isFrame(bytes)) return mutate(random, bytes, FRAMES);
  if (random.chance(0.5) && named(bytes) !== "another") {
    return oddMessage(random, decodeControl(bytes, "anyone"));
  }
  return mutate(random, bytes, CONTROLS);
}

export { bytesOf };
