/**
 * Control messages: one schema for each, the parties that may send it, and its way to bytes and
 * back. A message is at most CONTROL_BYTES; a client's has lower limits. Both ends of the wire
 * encode and decode here; `docs/reference/protocol.md` prints the schemas.
 */
import * as v from "valibot";

import { PUBLIC_KEY_BYTES, SIGNATURE_BYTES } from "./sizes.ts";
import { FaultError } from "./faults.ts";
import {
  CLIENT_CONTROL_BYTES,
  CLIENT_KEYS,
  CONTROL_BYTES,
  FRAME_BYTES,
  OFFERS_PER_MESSAGE,
  OVER_PER_MESSAGE,
  REASON_CHARACTERS,
  RECEIPTS_PER_MESSAGE,
  RECEIVERS_PER_MESSAGE,
  RECORD_INDEX,
  RETRY_AFTER_MAX_MS,
  SEALED_BYTES,
  STORE_DOWNLOADS_MOST,
  STORE_LIFE_MOST_S,
  WINDOW_MOST_RECORDS,
  WINDOW_RECORDS,
} from "./limits.ts";
import { packMessage, unpackMap, type PlainMap } from "./msgpack.ts";
import {
  commonVersion,
  OUR_VERSIONS,
  VERSION_MAX,
  versionMismatch,
  versionsIn,
} from "./version.ts";
import { goes, type FaultOf, type FaultWay } from "./wire-faults.ts";

/** Bytes of a challenge's nonce: no two lines ever get the same. */
export const NONCE_BYTES = 32;
/** Bytes of a session's id: nobody guesses one. */
export const SESSION_BYTES = 8;
/** Characters of a host name, as DNS bounds it. */
const HOST_CHARACTERS = 253;

const bytesBetween = (least: number, most: number) =>
  v.custom<Uint8Array>(
    (value) => value instanceof Uint8Array && value.length >= least && value.length <= most,
  );
const bytesOf = (length: number) => bytesBetween(length, length);
const whole = (least: number, most: number) =>
  v.pipe(v.number(), v.safeInteger(), v.minValue(least), v.maxValue(most));
const sealed = bytesBetween(0, SEALED_BYTES);

const shareId = bytesOf(16);
const receiverId = bytesOf(16);
const recordIndex = whole(0, RECORD_INDEX);
const window = whole(0, WINDOW_MOST_RECORDS);
const credit = whole(1, 0xffff);
const version = whole(0, VERSION_MAX);
const FAULT_CHARACTERS = 64;
/** A code that came one of these ways; any other, a later version's too, counts as `bad-message`. */
const faultCode = <Way extends FaultWay>(...ways: readonly Way[]) =>
  v.pipe(
    v.string(),
    v.maxLength(FAULT_CHARACTERS),
    v.transform((value): FaultOf<Way> | "bad-message" => {
      for (const way of ways) if (goes(value, way)) return value;
      return "bad-message";
    }),
  );
const reason = v.pipe(v.string(), v.maxLength(REASON_CHARACTERS));

/** An offer, as the relay sees it. */
export const offerEntries = {
  share: shareId,
  recordSize: whole(18, FRAME_BYTES - 16),
  records: whole(1, RECORD_INDEX),
  bytes: whole(0, Number.MAX_SAFE_INTEGER),
  seekable: v.boolean(),
  /** No receiver is served before the sender admits it. */
  admit: v.optional(v.boolean()),
};

/** The wish of a sender that its share stays at the relay without it. */
const storeEntries = {
  /** Seconds from now. */
  life: whole(1, STORE_LIFE_MOST_S),
  /** Receivers that may get all of it; undefined: any number. */
  downloads: v.optional(whole(1, STORE_DOWNLOADS_MOST)),
};

/** A stored share, as receivers see it. */
const stored = v.object({
  /** Seconds since 1970. */
  until: whole(0, Number.MAX_SAFE_INTEGER),
  /** Receivers that may still get all of it; undefined: any number. */
  downloads: v.optional(whole(0, STORE_DOWNLOADS_MOST)),
});

/** Why a stored share is over. */
export const storeEnds = ["stored-expired", "exhausted", "revoked"] as const;

const receiverStates = ["waiting", "live", "behind", "done", "lost", "left"] as const;

const dismissReasons = ["not-admitted", "too-slow"] as const;

const receiverEntry = v.object({
  id: receiverId,
  name: sealed,
  state: v.picklist(receiverStates),
  next: recordIndex,
});

/** A receipt as its receiver gave it, which only the sender can check. */
const storedReceipt = v.object({
  receiver: receiverId,
  records: recordIndex,
  mac: bytesOf(16),
  unconfirmed: v.optional(v.boolean()),
  /** Seconds since 1970. */
  at: whole(0, Number.MAX_SAFE_INTEGER),
});

const fault = <Code extends v.GenericSchema<unknown, string>>(code: Code) =>
  v.object({
    t: v.literal("fault"),
    code,
    message: reason,
    retry: v.boolean(),
    /** Seconds, before which trying again is of no use. */
    after: v.optional(whole(0, RETRY_AFTER_MAX_MS / 1000)),
  });

/** Every control message: key `t`, then its own keys. `from` says which side may send it. */
const schemas = {
  challenge: v.object({
    t: v.literal("challenge"),
    /** New for each line; what the client signs holds it. */
    nonce: bytesOf(NONCE_BYTES),
    /** The host name by which its operator calls the relay, where it has one. */
    name: v.optional(v.pipe(v.string(), v.maxLength(HOST_CHARACTERS))),
    /** It serves one channel alone, that of the client that carries it. */
    only: v.optional(v.literal(true)),
  }),
  hello: v.object({
    t: v.literal("hello"),
    /** The newest version that the client speaks, and the oldest, if that is another. */
    v: version,
    least: v.optional(version),
    role: v.picklist(["sender", "receiver"]),
    /** Opens the channel that is a hash of it. */
    key: bytesOf(PUBLIC_KEY_BYTES),
    /** Over all of this that identifies the client, see `proof.ts`. */
    signature: bytesOf(SIGNATURE_BYTES),
    token: v.optional(v.pipe(v.string(), v.maxLength(256))),
    quiet: v.optional(v.boolean()),
    /** It knows the addresses of other relays, and goes on there. */
    others: v.optional(v.boolean()),
    /** It is a further connection of this session, see `welcome`. */
    of: v.optional(bytesOf(SESSION_BYTES)),
  }),
  welcome: v.object({
    t: v.literal("welcome"),
    /** The version in use from now on; 1 unless given. */
    v: v.optional(version),
    session: bytesOf(SESSION_BYTES),
    /** Browsers find the page at the address of the relay. */
    page: v.optional(v.boolean()),
    /** This client may store shares here: their longest life in seconds, and the most bytes of one. */
    store: v.optional(
      v.object({ life: whole(1, STORE_LIFE_MOST_S), bytes: whole(1, Number.MAX_SAFE_INTEGER) }),
    ),
    limits: v.object({
      frame: whole(1, FRAME_BYTES),
      window: whole(0, WINDOW_RECORDS),
      credit,
      // Absent from a relay that knows no others than `window` and `credit`.
      windowMost: v.optional(whole(0, 0xffff)),
      creditMost: v.optional(credit),
    }),
  }),
  offer: v.object({
    t: v.literal("offer"),
    ...offerEntries,
    proof: bytesOf(32),
    /** A path of HTTP needs it to read this share, see `capabilityOf`; without it no path may. */
    capability: v.optional(bytesOf(16)),
    first: v.optional(recordIndex),
    store: v.optional(v.object(storeEntries)),
  }),
  /** So many records of a share to be stored are durable. */
  storing: v.object({ t: v.literal("storing"), share: shareId, records: recordIndex }),
  /** Every record is durable: the share needs its sender no more. */
  stored: v.object({ t: v.literal("stored"), share: shareId, ...stored.entries }),
  /** About a share that this sender stored, in this channel or another. */
  inspect: v.object({ t: v.literal("inspect"), share: shareId, proof: bytesOf(32) }),
  inspected: v.object({
    t: v.literal("inspected"),
    share: shareId,
    state: v.picklist(["unknown", "unfinished", "stored", ...storeEnds]),
    /** Durable records. */
    records: recordIndex,
    until: v.optional(stored.entries.until),
    /** Receivers that got all of it, and how many may. */
    downloads: recordIndex,
    downloadsMost: v.optional(whole(1, STORE_DOWNLOADS_MOST)),
    /** The latest ones, oldest first. */
    receipts: v.pipe(v.array(storedReceipt), v.maxLength(RECEIPTS_PER_MESSAGE)),
  }),
  revoke: v.object({ t: v.literal("revoke"), share: shareId, proof: bytesOf(32) }),
  /** It is gone, and its records are; `known`: it was stored here. */
  revoked: v.object({ t: v.literal("revoked"), share: shareId, known: v.boolean() }),
  accepted: v.object({ t: v.literal("accepted"), share: shareId }),
  want: v.object({
    t: v.literal("want"),
    share: shareId,
    first: recordIndex,
    count: whole(1, RECORD_INDEX),
  }),
  receivers: v.object({
    t: v.literal("receivers"),
    share: shareId,
    list: v.pipe(v.array(receiverEntry), v.maxLength(RECEIVERS_PER_MESSAGE)),
  }),
  receipt: v.object({
    t: v.literal("receipt"),
    share: shareId,
    receiver: receiverId,
    records: recordIndex,
    mac: bytesOf(16),
    /** As its receiver said, see `complete`. */
    unconfirmed: v.optional(v.boolean()),
  }),
  receipted: v.object({ t: v.literal("receipted"), share: shareId, receiver: receiverId }),
  admit: v.object({ t: v.literal("admit"), share: shareId, receiver: receiverId }),
  dismiss: v.object({
    t: v.literal("dismiss"),
    share: shareId,
    receiver: receiverId,
    reason: v.picklist(dismissReasons),
  }),
  offers: v.object({
    t: v.literal("offers"),
    list: v.pipe(
      v.array(v.object({ ...offerEntries, senderHere: v.boolean(), stored: v.optional(stored) })),
      v.maxLength(OFFERS_PER_MESSAGE),
    ),
    /** Stored shares of the channel that are over, latest first; told where no share is offered. */
    over: v.optional(
      v.pipe(
        v.array(v.object({ share: shareId, reason: v.picklist(storeEnds) })),
        v.maxLength(OVER_PER_MESSAGE),
      ),
    ),
  }),
  presence: v.object({ t: v.literal("presence"), share: shareId, senderHere: v.boolean() }),
  join: v.object({
    t: v.literal("join"),
    share: shareId,
    receiver: receiverId,
    name: sealed,
    from: recordIndex,
    window,
  }),
  ack: v.object({ t: v.literal("ack"), share: shareId, next: recordIndex, window }),
  complete: v.object({
    t: v.literal("complete"),
    share: shareId,
    records: recordIndex,
    mac: bytesOf(16),
    /** All was sent on to a client that can't say that it saved it, such as curl. */
    unconfirmed: v.optional(v.boolean()),
  }),
  completed: v.object({ t: v.literal("completed"), share: shareId }),
  leave: v.object({
    t: v.literal("leave"),
    share: shareId,
    reason: v.picklist(["declined", "interrupted", "failed"]),
  }),
  end: v.object({ t: v.literal("end"), share: shareId }),
  cancel: v.object({
    t: v.literal("cancel"),
    share: shareId,
    reason: faultCode("bySender", "ofShare"),
  }),
  fault: fault(faultCode("toSender", "toReceiver")),
} as const;

const cancel = <Reason extends v.GenericSchema<unknown, string>>(reason: Reason) =>
  v.object({ ...schemas.cancel.entries, reason });

/**
 * The sender of a message. A stranger has not said hello yet; `anyone` is for tools that read
 * recorded traffic.
 */
export type From = Role | "stranger" | "relay-to-sender" | "relay-to-receiver" | "anyone";

/** Messages with a code of a fault, which depends on their sender and their receiver. */
const directed = {
  // A relay passes it on, so it is refused and not only read as something else.
  sender: {
    cancel: cancel(
      v.custom<FaultOf<"bySender">>((code) => typeof code === "string" && goes(code, "bySender")),
    ),
  },
  "relay-to-sender": { fault: fault(faultCode("toSender")) },
  "relay-to-receiver": {
    cancel: cancel(faultCode("ofShare")),
    fault: fault(faultCode("toReceiver")),
  },
} as const;

type AnySchema =
  | (typeof schemas)[keyof typeof schemas]
  | (typeof directed.sender)["cancel"]
  | (typeof directed)["relay-to-sender"]["fault"]
  | (typeof directed)["relay-to-receiver"]["cancel" | "fault"];

export type MessageType = keyof typeof schemas;
export type Message = { [T in MessageType]: v.InferOutput<(typeof schemas)[T]> }[MessageType];
export type MessageOf<T extends MessageType> = Extract<Message, { t: T }>;
export type Offer = Omit<MessageOf<"offer">, "t" | "proof" | "capability" | "first" | "store">;
/** By name, so that the types of the npm package need no schema. */
export interface StoreWish {
  /** Seconds that the relay shall keep the share from now on. */
  readonly life: number;
  /** So many receivers may have it whole; undefined: any number. */
  readonly downloads?: number | undefined;
}
export type StoredSeen = v.InferOutput<typeof stored>;
export type StoredReceipt = v.InferOutput<typeof storedReceipt>;
export type StoreEnd = (typeof storeEnds)[number];
export type OfferSeen = MessageOf<"offers">["list"][number];
export type ReceiverEntry = MessageOf<"receivers">["list"][number];
export type ReceiverStateName = ReceiverEntry["state"];
export type Role = MessageOf<"hello">["role"];
/** Why a sender takes a receiver out. */
export type DismissReason = MessageOf<"dismiss">["reason"];
export type LeaveReason = MessageOf<"leave">["reason"];

/** The parties that may send each message; `docs/reference/protocol.md` prints this table, and the relay enforces it. */
export const SENT_BY = {
  challenge: ["relay"],
  hello: ["sender", "receiver"],
  welcome: ["relay"],
  offer: ["sender"],
  storing: ["relay"],
  stored: ["relay"],
  inspect: ["sender"],
  inspected: ["relay"],
  revoke: ["sender"],
  revoked: ["relay"],
  accepted: ["relay"],
  want: ["relay"],
  receivers: ["relay"],
  receipt: ["relay"],
  receipted: ["sender"],
  admit: ["sender"],
  dismiss: ["sender"],
  offers: ["relay"],
  presence: ["relay"],
  join: ["receiver"],
  ack: ["receiver"],
  complete: ["receiver"],
  completed: ["relay"],
  leave: ["receiver"],
  end: ["sender", "relay"],
  cancel: ["sender", "relay"],
  fault: ["relay"],
} as const satisfies Record<MessageType, readonly (Role | "relay")[]>;

/** Whether its number of records is unknown yet; its last record will tell. */
export function isOpen({ seekable, records }: Pick<Offer, "seekable" | "records">): boolean {
  return !seekable && records === RECORD_INDEX;
}

/** The keys of a message without `t`, optional ones with a question mark; for the documents. */
export function messageKeys(type: MessageType): string[] {
  return Object.entries(schemas[type].entries)
    .filter(([key]) => key !== "t")
    .map(([key, { type: kind }]) => (kind === "optional" ? `${key}?` : key));
}

/** One control message as bytes. */
export function encodeControl(message: Message): Uint8Array {
  return packMessage(message);
}

/** A client has less to say than a relay, which reads the messages of thousands. */
const CLIENTS: ReadonlySet<From> = new Set(["sender", "receiver", "stranger"]);

/**
 * Reads a control message. Keys that are not known are dropped.
 * @param from its sender: a client may send CLIENT_CONTROL_BYTES and CLIENT_KEYS at most, and a fault
 * that is not theirs to raise becomes `bad-message`
 * @throws FaultError `bad-message` for anything that is not exactly one known message,
 * `version-mismatch` for a hello of other versions, whatever else it says
 */
export function decodeControl(bytes: Uint8Array, from: From): Message {
  const value = CLIENTS.has(from)
    ? unpackMap(bytes, CLIENT_CONTROL_BYTES, CLIENT_KEYS)
    : unpackMap(bytes, CONTROL_BYTES);
  const type = typeof value === "object" && value !== null && "t" in value ? value.t : undefined;
  if (typeof type !== "string" || !Object.hasOwn(schemas, type)) {
    throw new FaultError("bad-message", "a message of an unknown type");
  }
  if (type === "hello") checkVersions(value);
  const parsed = v.safeParse(schemaOf(type as MessageType, from), value);
  if (!parsed.success) {
    const where = v.getDotPath(parsed.issues[0]) ?? "message";
    throw new FaultError("bad-message", `${type}: ${where} is not as it must be`);
  }
  return parsed.output;
}

function schemaOf(type: MessageType, from: From): AnySchema {
  if (from === "sender" && type === "cancel") return directed.sender.cancel;
  if (from === "relay-to-sender" && type === "fault") return directed[from].fault;
  if (from === "relay-to-receiver" && (type === "cancel" || type === "fault")) {
    return directed[from][type];
  }
  return schemas[type];
}

/** Before anything else of a hello is looked at: other versions may say all of it otherwise. */
function checkVersions(hello: PlainMap): void {
  const theirs = versionsIn(hello);
  if (theirs === undefined || commonVersion(theirs) === undefined) {
    throw versionMismatch(theirs, OUR_VERSIONS);
  }
}
