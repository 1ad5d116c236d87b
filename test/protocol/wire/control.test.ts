import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import { pack } from "msgpackr";
import { fromHex } from "../../../protocol/wire/bytes.ts";
import {
  SENT_BY,
  decodeControl,
  encodeControl,
  type Message,
} from "../../../protocol/wire/control.ts";
import { FaultError } from "../../../protocol/wire/faults.ts";
import { isFrame } from "../../../protocol/wire/frame.ts";
import {
  CLIENT_CONTROL_BYTES,
  CLIENT_KEYS,
  CONTROL_BYTES,
  OFFERS_PER_MESSAGE,
  RECORD_INDEX,
  SEALED_BYTES,
  WINDOW_RECORDS,
} from "../../../protocol/wire/limits.ts";
import { packMap } from "../../../protocol/wire/msgpack.ts";
import { PROTOCOL_VERSION } from "../../../protocol/wire/version.ts";
import { faultOf } from "../../support/faults.ts";

const share = new Uint8Array(16).fill(0x11);
const receiver = new Uint8Array(16).fill(0x22);
const mac = new Uint8Array(16).fill(0x33);
const name = Uint8Array.of(0x44);

function hex(text: string): Uint8Array {
  const bytes = fromHex(text.replaceAll(/\s|\(.*?\)/g, ""));
  if (bytes === undefined) throw new Error(`no hex: ${text}`);
  return bytes;
}

test.each<{ message: Message; bytes: string }>([
  {
    message: { t: "ack", share, next: 300, window: 16 },
    bytes: `
      84 (map of 4)
      a1 74 (t)                   a3 61636b (ack)
      a5 7368617265 (share)       c410 (16 bytes) 11111111111111111111111111111111
      a4 6e657874 (next)          cd 012c (300)
      a6 77696e646f77 (window)    10`,
  },
  {
    message: { t: "end", share },
    bytes: "82 a1 74 a3 656e64 (end) a5 7368617265 c410 11111111111111111111111111111111",
  },
])("a message is these bytes: $message.t", ({ message, bytes }) => {
  expect(encodeControl(message)).toEqual(hex(bytes));
  expect(decodeControl(hex(bytes), "anyone")).toEqual(message);
});

/** One of every kind. */
const examples: { [T in Message["t"]]: Extract<Message, { t: T }> } = {
  challenge: { t: "challenge", nonce: new Uint8Array(32) },
  hello: {
    t: "hello",
    v: PROTOCOL_VERSION,
    role: "sender",
    key: new Uint8Array(32),
    signature: new Uint8Array(64),
  },
  welcome: {
    t: "welcome",
    session: new Uint8Array(8),
    limits: { frame: 1 << 20, window: 16, credit: 16 },
  },
  offer: {
    t: "offer",
    share,
    recordSize: 18,
    records: 1,
    bytes: 0,
    seekable: true,
    proof: new Uint8Array(32),
  },
  storing: { t: "storing", share, records: 3 },
  stored: { t: "stored", share, until: 1_800_000_000, downloads: 2 },
  inspect: { t: "inspect", share, proof: new Uint8Array(32) },
  inspected: {
    t: "inspected",
    share,
    state: "stored",
    records: 5,
    until: 1_800_000_000,
    downloads: 1,
    downloadsMost: 3,
    receipts: [{ receiver, records: 5, mac, at: 1_790_000_000 }],
  },
  revoke: { t: "revoke", share, proof: new Uint8Array(32) },
  revoked: { t: "revoked", share, known: true },
  accepted: { t: "accepted", share },
  want: { t: "want", share, first: 0, count: 1 },
  receivers: { t: "receivers", share, list: [{ id: receiver, name, state: "live", next: 3 }] },
  receipt: { t: "receipt", share, receiver, records: 5, mac },
  receipted: { t: "receipted", share, receiver },
  admit: { t: "admit", share, receiver },
  dismiss: { t: "dismiss", share, receiver, reason: "too-slow" },
  offers: {
    t: "offers",
    list: [{ share, recordSize: 18, records: 1, bytes: 0, seekable: true, senderHere: false }],
  },
  presence: { t: "presence", share, senderHere: true },
  join: { t: "join", share, receiver, name, from: 0, window: 1 },
  ack: { t: "ack", share, next: 1, window: 16 },
  complete: { t: "complete", share, records: 5, mac },
  completed: { t: "completed", share },
  leave: { t: "leave", share, reason: "declined" },
  end: { t: "end", share },
  cancel: { t: "cancel", share, reason: "sender-stopped" },
  fault: { t: "fault", code: "too-many", message: "The relay is full", retry: true, after: 60 },
};

test.each(Object.values(examples))("$t comes back as it was, and is no frame", (message) => {
  const bytes = encodeControl(message);
  expect(isFrame(bytes)).toBe(false);
  expect(decodeControl(bytes, "anyone")).toEqual(message);
  expect(SENT_BY[message.t].length).toBeGreaterThan(0);
});

test("a decoded message shares no memory with the bytes it was read from", () => {
  const bytes = encodeControl(examples.join);
  const message = decodeControl(bytes, "anyone");
  bytes.fill(0);
  expect(message).toEqual(examples.join);
});

test("keys that are not known are dropped, so that later versions may add some", () => {
  const bytes = pack({ ...examples.end, added: "later" });
  expect(decodeControl(bytes, "anyone")).toEqual(examples.end);
});

test("a fault of a later version is taken for a broken protocol, not for nothing", () => {
  const bytes = pack({ t: "cancel", share, reason: "what-we-never-heard-of" });
  expect(decodeControl(bytes, "anyone")).toEqual({ t: "cancel", share, reason: "bad-message" });
});

test.each<{ what: string; value: unknown }>([
  { what: "no map", value: [1, 2] },
  { what: "an unknown type", value: { t: "gossip" } },
  { what: "a type of Object.prototype", value: { t: "constructor" } },
  { what: "no type", value: { share } },
  { what: "a missing key", value: { t: "end" } },
  { what: "a share id too short", value: { t: "end", share: share.subarray(1) } },
  { what: "a share id of text", value: { t: "end", share: "1111111111111111" } },
  { what: "P6 an index of -1", value: { ...examples.ack, next: -1 } },
  { what: "P6 an index of 1.5", value: { ...examples.ack, next: 1.5 } },
  { what: "P6 an index beyond all shares", value: { ...examples.ack, next: RECORD_INDEX + 1 } },
  { what: "an index of 2^53", value: { ...examples.ack, next: 2 ** 53 } },
  { what: "an index as a bigint", value: { ...examples.ack, next: 2n ** 63n } },
  { what: "an index of NaN", value: { ...examples.ack, next: NaN } },
  { what: "a window beyond the limit", value: { ...examples.ack, window: 129 } },
  {
    what: "a first window that clients of before refuse",
    value: {
      ...examples.welcome,
      limits: { ...examples.welcome.limits, window: 17, windowMost: 17 },
    },
  },
  { what: "a want of nothing", value: { ...examples.want, count: 0 } },
  { what: "a share of no records", value: { ...examples.offer, records: 0 } },
  { what: "E2 a record size of 17", value: { ...examples.offer, recordSize: 17 } },
  { what: "a record size beyond a frame", value: { ...examples.offer, recordSize: 1 << 20 } },
  { what: "a role that is none", value: { ...examples.hello, role: "relay" } },
  { what: "a name beyond the limit", value: { ...examples.join, name: new Uint8Array(513) } },
  {
    what: "more offers than a message holds",
    value: { t: "offers", list: Array(OFFERS_PER_MESSAGE + 1).fill(examples.offers.list[0]) },
  },
])("refused: $what", ({ value }) => {
  faultOf(() => decodeControl(pack(value), "anyone"), "bad-message");
});

test.each([
  ["nothing", ""],
  ["a frame", "c1 01 0000 00000000 0001020304050607 aa"],
  ["a map cut short", "82 a1 74 a3 656e64"],
  ["a map and more", "82 a1 74 a3 656e64 a5 7368617265 c410 11111111111111111111111111111111 00"],
  ["a key twice", "82 a1 74 a3 656e64 a1 74 a3 656e64"],
  ["a map of 2^32-1 entries", "df ffffffff a1 74"],
])("refused: %s", (_what, bytes) => {
  faultOf(() => decodeControl(hex(bytes), "anyone"), "bad-message");
});

test("a message over its limit is refused before it is decoded", () => {
  faultOf(() => decodeControl(new Uint8Array(CONTROL_BYTES + 1), "anyone"), "bad-message");
});

test("any bytes, and any message with some of its bytes changed, are a message or a fault", () => {
  const changed = fc
    .tuple(
      fc.constantFrom(...Object.values(examples)),
      fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 }),
    )
    .map(([message, changes]) => {
      const bytes = encodeControl(message).slice();
      for (const [at, byte] of changes) bytes[at % bytes.length] = byte;
      return bytes;
    });
  fc.assert(
    fc.property(fc.oneof(changed, fc.uint8Array({ maxLength: 64 })), (bytes) => {
      try {
        expect(Object.keys(SENT_BY)).toContain(decodeControl(bytes, "anyone").t);
      } catch (error) {
        expect(error).toBeInstanceOf(FaultError);
        // Of a hello of another version nothing else is looked at.
        expect(["bad-message", "version-mismatch"]).toContain((error as FaultError).code);
      }
    }),
    { numRuns: 1000 },
  );
});

describe("a control message of a client", () => {
  const client = (value: object): string => {
    try {
      return decodeControl(packMap(value), "sender").t;
    } catch (error) {
      if (error instanceof FaultError) return `${error.code}: ${error.detail}`;
      throw error;
    }
  };
  const id = new Uint8Array(16);
  const ack = { t: "ack", share: id, next: 1, window: 1 };

  test("has few keys, counted in all of its maps before any is made", () => {
    const keys = (count: number): object =>
      Object.fromEntries(Array.from({ length: count }, (_, at) => [`k${at}`, at]));
    expect(client({ ...ack, ...keys(CLIENT_KEYS - 4) })).toBe("ack");
    expect(client({ ...ack, ...keys(CLIENT_KEYS - 3) })).toBe("bad-message: too many keys");
    expect(client({ ...ack, x: keys(30), y: [keys(29)] })).toBe("bad-message: too many keys");
    // It says that it has 65,535, and has none.
    const claims = Uint8Array.of(0xde, 0xff, 0xff);
    expect(() => decodeControl(claims, "sender")).toThrow("too many keys");
  });

  test("is short, and the longest that a client of ours says is far below that", () => {
    expect(client({ ...ack, x: new Uint8Array(CLIENT_CONTROL_BYTES) })).toContain("longer than");
    const join: Message = {
      t: "join",
      share: id,
      receiver: id,
      name: new Uint8Array(SEALED_BYTES),
      from: RECORD_INDEX,
      window: WINDOW_RECORDS,
    };
    const hello: Message = {
      t: "hello",
      v: PROTOCOL_VERSION,
      role: "receiver",
      key: new Uint8Array(32),
      signature: new Uint8Array(64),
      token: "x".repeat(256),
      quiet: true,
      others: true,
    };
    for (const message of [join, hello]) {
      expect(encodeControl(message).length).toBeLessThan(CLIENT_CONTROL_BYTES / 4);
      expect(decodeControl(encodeControl(message), "sender")).toEqual(message);
    }
  });
});
