/**
 * The messages between relays of one cluster, at their internal addresses. An edge relay opens a control line for each
 * channel in which it has receivers, a stream for each place of a share that it reads, and a forward line for each
 * client that is a sender of a share that the owner keeps:
 *
 *   owner --challenge {nonce}--------------------------> edge
 *   edge  --edge-hello {relay, channel, nonce, mac}----> owner     with a share: a stream of it; with `forward`: a
 *   owner --edge-welcome {mac}-------------------------> edge      forward line; else a control line
 *
 *   control line:  edge  --receivers, receipt, begun, finishing, download------------------------> owner
 *                  owner --shares, presence, end, cancel, receipted, admit, dismiss, full, over--> edge
 *   stream:        edge  --join, ack------------------> owner
 *                  owner --frames, cancel-------------> edge
 *   forward line:  edge  --frames and control messages of a sender, further--> owner
 *                  owner --those that a sender hears-------------------------> edge
 *
 * Streams speak as receivers do, so the owner serves them in its lanes, and forward lines as senders do. Neither end
 * takes another message.
 */
import * as v from "valibot";

import {
  CONTROL_BYTES,
  FaultError,
  NONCE_BYTES,
  OFFERS_PER_MESSAGE,
  OVER_PER_MESSAGE,
  RECORD_INDEX,
  decodeControl,
  offerEntries,
  packMessage,
  storeEnds,
  unpackMap,
  type Message,
  type MessageOf,
} from "../../protocol/mod.ts";
import { BEGUN_MOST } from "../store/begun-receivers.ts";

/** The version of these messages; relays of one cluster speak the same. */
export const CLUSTER_VERSION = 2;
/** Bytes of a relay's id, which is new at each start. */
export const RELAY_ID_BYTES = 8;
/** Bytes of a proof: HMAC-SHA256. */
export const PROOF_BYTES = 32;
/** Segments of a relay's site, and so the most gateways between an edge and an owner. */
export const SITE_SEGMENTS_MOST = 4;

/** Characters of a client's address as limits count it: an IPv6 prefix is shorter. */
const ADDRESS_MOST = 64;

const bytesOf = (length: number) =>
  v.custom<Uint8Array>((value) => value instanceof Uint8Array && value.length === length);

const whole = v.pipe(v.number(), v.safeInteger(), v.minValue(0));

const address = v.pipe(v.string(), v.minLength(1), v.maxLength(ADDRESS_MOST));

const ownSchemas = {
  "edge-hello": v.pipe(
    v.object({
      t: v.literal("edge-hello"),
      v: v.pipe(v.number(), v.safeInteger(), v.minValue(0)),
      relay: bytesOf(RELAY_ID_BYTES),
      channel: bytesOf(16),
      /** With it the line is a stream of this share. */
      share: v.optional(bytesOf(16)),
      /** With it the line is about shares of this owner, which the relay reads by a link of a lower level. */
      through: v.optional(
        v.object({
          owner: bytesOf(RELAY_ID_BYTES),
          level: v.pipe(v.number(), v.safeInteger(), v.minValue(1), v.maxValue(SITE_SEGMENTS_MOST)),
        }),
      ),
      /** With it the line carries a client of the edge: a sender that the edge let in. */
      forward: v.optional(
        v.object({
          /** The client's address as limits count it; without it the client is not counted. */
          address: v.optional(address),
          /** Whether the edge lets the client store shares. */
          mayStore: v.boolean(),
        }),
      ),
      /** The nonce for the owner's proof. */
      nonce: bytesOf(NONCE_BYTES),
      /** See `proof.ts`. */
      mac: bytesOf(PROOF_BYTES),
    }),
    v.check(({ share, through, forward }) => {
      return forward === undefined || (share ?? through) === undefined;
    }),
  ),
  "edge-welcome": v.object({ t: v.literal("edge-welcome"), mac: bytesOf(PROOF_BYTES) }),
  /** Shares of the channel that this relay owns; each is said again when it changes. */
  shares: v.object({
    t: v.literal("shares"),
    list: v.pipe(
      v.array(
        v.object({
          ...offerEntries,
          senderHere: v.boolean(),
          /** A path of HTTP needs it. */
          capability: v.optional(bytesOf(16)),
          /** Of a share that can't be read again: the first record that is still to be had. */
          first: v.optional(
            v.pipe(v.number(), v.safeInteger(), v.minValue(0), v.maxValue(RECORD_INDEX)),
          ),
          /** The owner stores the share, so edges can read it again. */
          stored: v.optional(
            v.object({
              /** ms since 1970 */
              until: whole,
              isWhole: v.boolean(),
              records: v.optional(whole),
              /** Receivers that may still get all of it; undefined: any number. */
              downloads: v.optional(whole),
              /** Receivers that may finish without a download left. */
              begun: v.optional(v.pipe(v.array(bytesOf(16)), v.maxLength(BEGUN_MOST))),
            }),
          ),
        }),
      ),
      v.maxLength(OFFERS_PER_MESSAGE),
    ),
  }),
  /** The share has as many receivers as it may have, without this one. */
  full: v.object({ t: v.literal("full"), share: bytesOf(16), receiver: bytesOf(16) }),
  /** Stored shares of the channel that are over, for receivers that find no other share. */
  over: v.object({
    t: v.literal("over"),
    list: v.pipe(
      v.array(v.object({ share: bytesOf(16), reason: v.picklist(storeEnds) })),
      v.maxLength(OVER_PER_MESSAGE),
    ),
  }),
  // Words about receivers of stored shares, see `ToStoreBook`:
  begun: v.object({
    t: v.literal("begun"),
    share: bytesOf(16),
    receiver: bytesOf(16),
    address: v.optional(address),
    isOver: v.boolean(),
  }),
  finishing: v.object({ t: v.literal("finishing"), share: bytesOf(16) }),
  download: v.object({
    t: v.literal("download"),
    share: bytesOf(16),
    receiver: bytesOf(16),
    records: whole,
    mac: bytesOf(16),
    unconfirmed: v.optional(v.literal(true)),
    wasServed: v.boolean(),
  }),
  /** The client of a forward line has one more connection, or one less. Frames on a connection that closed may be lost. */
  further: v.object({ t: v.literal("further"), isOpen: v.boolean() }),
} as const;

type OwnType = keyof typeof ownSchemas;
export type OwnMessage = { [T in OwnType]: v.InferOutput<(typeof ownSchemas)[T]> }[OwnType];
export type OwnMessageOf<T extends OwnType> = Extract<OwnMessage, { t: T }>;
/** The client of a forward line. */
export type ForwardedClient = NonNullable<OwnMessageOf<"edge-hello">["forward"]>;
export type ClusterShare = OwnMessageOf<"shares">["list"][number];
/** A word to the book of stored shares of the owner. */
export type EdgeDownload = OwnMessageOf<"begun" | "finishing" | "download">;

/** The messages of clients that relays say to each other too. */
const SHARED = {
  fromEdge: ["receivers", "receipt", "join", "ack"],
  fromOwner: ["challenge", "presence", "end", "cancel", "receipted", "admit", "dismiss", "fault"],
} as const;
const OWN = {
  fromEdge: ["edge-hello", "further", "begun", "finishing", "download"],
  fromOwner: ["edge-welcome", "shares", "full", "over"],
} as const;

export type EdgeMessage =
  OwnMessageOf<(typeof OWN)["fromEdge"][number]> | MessageOf<(typeof SHARED)["fromEdge"][number]>;
export type OwnerMessage =
  OwnMessageOf<(typeof OWN)["fromOwner"][number]> | MessageOf<(typeof SHARED)["fromOwner"][number]>;

export function encodeCluster(message: OwnMessage | Message): Uint8Array {
  return packMessage(message);
}

/**
 * @throws FaultError `version-mismatch` for the hello of another version, whatever is in it; `bad-message` for anything
 *   that is not exactly one message that an edge may send
 */
export function decodeFromEdge(bytes: Uint8Array): EdgeMessage {
  return decode(bytes, "fromEdge") as EdgeMessage;
}

/** @throws FaultError as `decodeFromEdge` */
export function decodeFromOwner(bytes: Uint8Array): OwnerMessage {
  return decode(bytes, "fromOwner") as OwnerMessage;
}

function decode(bytes: Uint8Array, from: keyof typeof OWN): OwnMessage | Message {
  const value = unpackMap(bytes, CONTROL_BYTES);
  const type = value["t"];
  const own: readonly unknown[] = OWN[from];
  if (own.includes(type)) {
    if (type === "edge-hello") checkVersion(value["v"]);
    const parsed = v.safeParse(ownSchemas[type as OwnType], value);
    if (parsed.success) return parsed.output;
    const where = v.getDotPath(parsed.issues[0]) ?? "message";
    throw new FaultError("bad-message", `${String(type)}: ${where} is not as it must be`);
  }
  const shared: readonly unknown[] = SHARED[from];
  if (!shared.includes(type)) throw new FaultError("bad-message", "a message of an unknown type");
  return decodeControl(bytes, "anyone");
}

function checkVersion(version: unknown): void {
  if (version === CLUSTER_VERSION || !Number.isSafeInteger(version)) return;
  const detail = `relays of one cluster speak the same; this one speaks version ${CLUSTER_VERSION}, and the other one ${Number(version)}`;
  throw new FaultError("version-mismatch", detail);
}
