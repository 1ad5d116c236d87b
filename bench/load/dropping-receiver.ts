/**
 * `fileshare recv` without a disk: takes one file of the pattern with the session and the cipher of the
 * product, opens every record, compares it, drops it, and gives its receipt. Takes the code and the
 * relay from FILESHARE_CODE and FILESHARE_RELAY; says `{"event":"waiting"}`, and ends with 0 when all
 * was right.
 */
import { RelayLink } from "../../cli/connection/relay-link.ts";
import { relayAddress } from "../../cli/connection/relay-address.ts";
import {
  CLIENT_TICK_MS,
  CONFIRM_MS,
  FRAME_BYTES,
  MANIFEST_LENGTH_BYTES,
  ReceiverSession,
  WINDOW_MOST_RECORDS,
  WINDOW_RECORDS,
  decodeControl,
  decodeFrame,
  decodeManifest,
  deriveKeys,
  encodeControl,
  isFrame,
  manifestLength,
  parseCode,
  receiptMac,
  recordCipher,
  sealName,
  signerOf,
  type OfferSeen,
  type ReceiverEffect,
  type ReceiverEvent,
  type SyncRecordCipher,
} from "../../protocol/mod.ts";
import { nodePrimitives as primitives } from "../../protocol/crypto/crypto-node.ts";

import { matches } from "./pattern.ts";

const { FILESHARE_CODE = "", FILESHARE_RELAY = "" } = process.env;
const keys = deriveKeys(parseCode(FILESHARE_CODE), primitives);
const receiver = primitives.randomBytes(16);

let link: RelayLink | undefined;
let offer: OfferSeen | undefined;
let cipher: SyncRecordCipher | undefined;
/** The frame that the session decides about. */
let ciphertext: Uint8Array | undefined;
/** for the plaintext of one record, as the product has it */
const room = new Uint8Array(FRAME_BYTES);
/** bytes of the file that came, and that there are */
let bytes = 0;
let size: number | undefined;

const session = new ReceiverSession(
  {
    signer: signerOf(keys, primitives),
    lobby: false,
    giveUpAfterMs: 10_000,
    window: WINDOW_RECORDS,
    windowMost: WINDOW_MOST_RECORDS,
    confirmMs: CONFIRM_MS,
    random: Math.random,
  },
  performance.now(),
);

function handle(event: ReceiverEvent): void {
  for (const effect of session.handle(event, performance.now())) act(effect);
}

function act(effect: ReceiverEffect): void {
  switch (effect.type) {
    case "connect":
      link = new RelayLink(
        relayAddress(FILESHARE_RELAY),
        {
          opened: () => handle({ type: "opened" }),
          message: take,
          lost: ({ fault }) => handle({ type: "lost", fault }),
        },
        performance.now(),
      );
      return;
    case "disconnect":
      link?.drop();
      return;
    case "send":
      link?.send(encodeControl(effect.message));
      return;
    case "waiting":
      console.log(JSON.stringify({ event: "waiting" }));
      return;
    case "open-share": {
      offer = effect.offer;
      cipher = recordCipher(keys.content, offer.share, primitives);
      const name = sealName("bench", { share: offer.share, receiver }, keys, primitives);
      handle({ type: "share-opened", receiver, name, next: 0, agreed: false });
      return;
    }
    case "take":
      open();
      return;
    case "ask":
      handle({ type: "accepted" });
      return;
    case "save":
      if (bytes !== size || offer === undefined) throw new Error(`${bytes} bytes of ${size}`);
      handle({
        type: "saved",
        mac: receiptMac(keys, primitives, offer.share, receiver, offer.records),
      });
      return;
    case "share-over":
    case "passed-over":
    case "link":
    case "sender":
      return;
    case "finish":
      void finish(effect.fault);
      return;
  }
}

function take(message: Uint8Array): void {
  if (!isFrame(message)) {
    handle({ type: "message", message: decodeControl(message, "relay-to-receiver") });
    return;
  }
  const frame = decodeFrame(message);
  ciphertext = frame.ciphertext;
  handle({ type: "frame", index: frame.index });
}

/** The record that the session waits for. The first holds the manifest, which is small for one file. */
function open(): void {
  const index = session.next;
  if (index === undefined || offer === undefined || ciphertext === undefined) return;
  const plain = cipher!.open(index, ciphertext, index === offer.records - 1, room);
  const isFirst = size === undefined;
  const content = isFirst ? readManifest(plain, offer) : plain;
  // Behind the file follows its state.
  const data = content.subarray(0, size! - bytes);
  if (!matches(data, bytes)) throw new Error(`a byte from ${bytes} on is wrong`);
  bytes += data.length;
  handle({ type: "stored" });
  if (isFirst) handle({ type: "manifest-known" });
}

function readManifest(plain: Uint8Array, seen: OfferSeen): Uint8Array {
  const end = MANIFEST_LENGTH_BYTES + manifestLength(plain);
  size = decodeManifest(plain.subarray(MANIFEST_LENGTH_BYTES, end), seen).bytes;
  return plain.subarray(end);
}

async function finish(fault: string | undefined): Promise<void> {
  clearInterval(timer);
  await link?.close();
  if (fault !== undefined) console.error(fault);
  process.exit(fault === undefined ? 0 : 1);
}

const timer = setInterval(() => {
  link?.watch(performance.now());
  handle({ type: "tick" });
}, CLIENT_TICK_MS);
handle({ type: "tick" });
