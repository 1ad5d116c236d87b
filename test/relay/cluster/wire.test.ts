import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import { pack } from "msgpackr";
import {
  CONTROL_BYTES,
  OFFERS_PER_MESSAGE,
  OVER_PER_MESSAGE,
  RECORD_INDEX,
} from "../../../protocol/wire/limits.ts";
import { encodeControl, type Message } from "../../../protocol/wire/control.ts";
import { FaultError } from "../../../protocol/wire/faults.ts";
import { isFrame } from "../../../protocol/wire/frame.ts";
import {
  CLUSTER_VERSION,
  SITE_SEGMENTS_MOST,
  decodeFromEdge,
  decodeFromOwner,
  encodeCluster,
  type EdgeMessage,
  type OwnerMessage,
} from "../../../relay/cluster/wire.ts";
import { BEGUN_MOST } from "../../../relay/store/begun-receivers.ts";
import { faultOf } from "../../support/faults.ts";

const share = new Uint8Array(16).fill(0x11);
const receiver = new Uint8Array(16).fill(0x22);
const mac = new Uint8Array(16).fill(0x33);
const proof = new Uint8Array(32).fill(0x44);
const name = new Uint8Array(512).fill(0x55);
const hello = {
  t: "edge-hello",
  v: CLUSTER_VERSION,
  relay: new Uint8Array(8).fill(0x66),
  channel: new Uint8Array(16).fill(0x77),
  nonce: new Uint8Array(32).fill(0x88),
  mac: proof,
} as const;
const offer = { share, recordSize: 18, records: 1, bytes: 0, seekable: true };
const owned = { ...offer, senderHere: true };

const usedUp = { until: 1, isWhole: true, records: 7, downloads: 0, begun: [receiver] };

const fromEdge: EdgeMessage[] = [
  hello,
  { ...hello, share },
  { ...hello, share, through: { owner: new Uint8Array(8).fill(0x99), level: SITE_SEGMENTS_MOST } },
  { ...hello, forward: { mayStore: false } },
  { ...hello, forward: { mayStore: true, address: "2001:db8:1234:5678:" } },
  { t: "further", isOpen: true },
  { t: "begun", share, receiver, isOver: false, address: "192.0.2.1" },
  { t: "begun", share, receiver, isOver: true },
  { t: "finishing", share },
  { t: "download", share, receiver, records: 5, mac, unconfirmed: true, wasServed: true },
  { t: "download", share, receiver, records: 0, mac, wasServed: false },
  { t: "receivers", share, list: [{ id: receiver, name, state: "live", next: 3 }] },
  { t: "receipt", share, receiver, records: 5, mac, unconfirmed: true },
  { t: "join", share, receiver, name: new Uint8Array(0), from: 0, window: 128 },
  { t: "ack", share, next: 1, window: 16 },
];

const fromOwner: OwnerMessage[] = [
  { t: "challenge", nonce: new Uint8Array(32) },
  { t: "edge-welcome", mac: proof },
  { t: "shares", list: [] },
  { t: "shares", list: [owned, { ...owned, admit: true, capability: mac, first: RECORD_INDEX }] },
  { t: "shares", list: [{ ...owned, stored: { until: 2 ** 41, isWhole: false } }] },
  { t: "shares", list: [{ ...owned, stored: usedUp }] },
  { t: "over", list: [] },
  { t: "over", list: [{ share, reason: "exhausted" }] },
  { t: "presence", share, senderHere: false },
  { t: "end", share },
  { t: "cancel", share, reason: "removed" },
  { t: "receipted", share, receiver },
  { t: "admit", share, receiver },
  { t: "dismiss", share, receiver, reason: "too-slow" },
  { t: "full", share, receiver },
  { t: "fault", code: "going-away", message: "", retry: true },
];

describe.each([
  { side: "an edge", messages: fromEdge, decode: decodeFromEdge, others: fromOwner },
  { side: "an owner", messages: fromOwner, decode: decodeFromOwner, others: fromEdge },
])("what $side says", ({ messages, decode, others }) => {
  test("comes back as it was, is no frame, and shares no memory with its bytes", () => {
    for (const message of messages) {
      const bytes = encodeCluster(message);
      expect(isFrame(bytes)).toBe(false);
      const decoded = decode(bytes);
      expect(decoded).toEqual(message);
      bytes.fill(0);
      expect(decoded).toEqual(message);
    }
  });

  test("is refused of the other side, as are messages of clients", () => {
    const clients: Message[] = [
      { t: "offers", list: [{ ...owned }] },
      { t: "complete", share, records: 5, mac },
      { t: "leave", share, reason: "declined" },
      { t: "want", share, first: 0, count: 1 },
      { t: "accepted", share },
      { t: "offer", ...offer, proof },
    ];
    for (const message of [...others, ...clients]) {
      faultOf(() => decode(encodeCluster(message)), "bad-message");
    }
  });

  test("is a message or a fault, whatever is changed of it", () => {
    const changed = fc
      .tuple(
        fc.constantFrom(...messages),
        fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 }),
      )
      .map(([message, changes]) => {
        const bytes = encodeCluster(message).slice();
        for (const [at, byte] of changes) bytes[at % bytes.length] = byte;
        return bytes;
      });
    fc.assert(
      fc.property(fc.oneof(changed, fc.uint8Array({ maxLength: 200 })), (bytes) => {
        try {
          decode(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(FaultError);
        }
      }),
    );
  });

  test("is refused where it is longer than a message may be", () => {
    faultOf(() => decode(new Uint8Array(CONTROL_BYTES + 1)), "bad-message");
  });
});

test("messages that clients say too have the same bytes", () => {
  const join: Message = { t: "join", share, receiver, name, from: 3, window: 16 };
  expect(encodeCluster(join)).toEqual(encodeControl(join));
});

test("the longest list of shares fits into a message", () => {
  const most = {
    ...owned,
    admit: true,
    capability: mac,
    first: 2 ** 20,
    bytes: 2 ** 50,
    records: 2 ** 20,
    stored: { until: 2 ** 50, isWhole: true, records: 2 ** 20, downloads: 2 ** 20 },
  };
  const list = Array.from({ length: OFFERS_PER_MESSAGE }, () => most);
  const bytes = encodeCluster({ t: "shares", list });
  expect(bytes.length).toBeLessThan(CONTROL_BYTES);
  expect(decodeFromOwner(bytes)).toEqual({ t: "shares", list });
});

test("a share with as many receivers that may finish as it may have fits into a message", () => {
  const begun = Array.from({ length: BEGUN_MOST }, () => receiver);
  const list = [{ ...owned, stored: { ...usedUp, begun } }];
  const bytes = encodeCluster({ t: "shares", list });
  expect(bytes.length).toBeLessThan(CONTROL_BYTES);
  expect(decodeFromOwner(bytes)).toEqual({ t: "shares", list });
});

test.each<{ what: string; value: unknown }>([
  { what: "a receiver that had begun, without its id", value: { t: "begun", share, isOver: true } },
  {
    what: "a receiver at an address that is too long",
    value: { t: "begun", share, receiver, isOver: true, address: "a".repeat(65) },
  },
  {
    what: "a download without the word whether it is one",
    value: { t: "download", share, receiver, records: 5, mac },
  },
  {
    what: "a download of part of a record",
    value: { t: "download", share, receiver, records: 0.5, mac, wasServed: true },
  },
  { what: "a relay's id that is too long", value: { ...hello, relay: new Uint8Array(9) } },
  { what: "a channel of text", value: { ...hello, channel: "7777777777777777" } },
  { what: "a share that is too short", value: { ...hello, share: share.subarray(1) } },
  { what: "a proof that is too short", value: { ...hello, mac } },
  { what: "a share and a client", value: { ...hello, share, forward: { mayStore: true } } },
  { what: "a level of no gateway", value: { ...hello, through: { owner: hello.relay, level: 0 } } },
  {
    what: "a level beyond all sites",
    value: { ...hello, through: { owner: hello.relay, level: 5 } },
  },
  { what: "a level without an owner", value: { ...hello, through: { level: 1 } } },
  {
    what: "a client at another owner",
    value: { ...hello, through: { owner: hello.relay, level: 1 }, forward: { mayStore: true } },
  },
  { what: "a client without its rights", value: { ...hello, forward: { address: "192.0.2.1" } } },
  { what: "an empty address", value: { ...hello, forward: { mayStore: true, address: "" } } },
  {
    what: "an address that is too long",
    value: { ...hello, forward: { mayStore: true, address: "a".repeat(65) } },
  },
  { what: "no nonce", value: { ...hello, nonce: undefined } },
  { what: "no version", value: { ...hello, v: undefined } },
  { what: "a version of text", value: { ...hello, v: "1" } },
  { what: "a type of Object.prototype", value: { t: "constructor" } },
  { what: "no type", value: { share } },
  { what: "a list", value: [hello] },
])("refused of an edge: $what", ({ value }) => {
  faultOf(() => decodeFromEdge(pack(value)), "bad-message");
});

test("a hello of another version is told which one this relay speaks, whatever else is in it", () => {
  for (const v of [0, CLUSTER_VERSION + 1]) {
    const later = pack({ t: "edge-hello", v, relay: "another", key: 1 });
    const { message } = faultOf(() => decodeFromEdge(later), "version-mismatch");
    expect(message).toContain(`version ${CLUSTER_VERSION}, and the other one ${v}`);
  }
});

test.each<{ what: string; value: unknown }>([
  { what: "a welcome without a proof", value: { t: "edge-welcome" } },
  { what: "a share of no records", value: { t: "shares", list: [{ ...owned, records: 0 }] } },
  { what: "a share without a sender's state", value: { t: "shares", list: [offer] } },
  { what: "a first record below 0", value: { t: "shares", list: [{ ...owned, first: -1 }] } },
  {
    what: "a first record beyond all shares",
    value: { t: "shares", list: [{ ...owned, first: RECORD_INDEX + 1 }] },
  },
  { what: "a short capability", value: { t: "shares", list: [{ ...owned, capability: proof }] } },
  {
    what: "more shares than a channel has",
    value: { t: "shares", list: Array.from({ length: OFFERS_PER_MESSAGE + 1 }, () => owned) },
  },
  { what: "a receiver's id that is too long", value: { t: "full", share, receiver: proof } },
  {
    what: "a stored share without its end",
    value: { t: "shares", list: [{ ...owned, stored: { isWhole: true } }] },
  },
  {
    what: "a stored share with more receivers that may finish than it may have",
    value: {
      t: "shares",
      list: [
        {
          ...owned,
          stored: { ...usedUp, begun: Array.from({ length: BEGUN_MOST + 1 }, () => receiver) },
        },
      ],
    },
  },
  {
    what: "an end that no stored share has",
    value: { t: "over", list: [{ share, reason: "sender-gone" }] },
  },
  {
    what: "more ends than a message has",
    value: {
      t: "over",
      list: Array.from({ length: OVER_PER_MESSAGE + 1 }, () => ({ share, reason: "revoked" })),
    },
  },
])("refused of an owner: $what", ({ value }) => {
  faultOf(() => decodeFromOwner(pack(value)), "bad-message");
});
