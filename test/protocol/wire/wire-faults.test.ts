/** Every code of every table, every way: what its decoder makes of it, and what a client does then. */
import { describe, expect, test } from "bun:test";
import { pack } from "msgpackr";
import {
  decodeControl,
  EXIT,
  FAULT_WAYS,
  FAULTS,
  goes,
  isFaultCode,
  PROTOCOL_VERSION,
  ReceiverSession,
  SenderSession,
  WIRE_FAULTS,
  type FaultCode,
  type FaultWay,
  type From,
  type Message,
  type ReceiverEffect,
  type SenderEffect,
} from "../../../protocol/mod.ts";
import { nodePrimitives } from "../../../protocol/crypto/crypto-node.ts";
import { CLI_FAULTS } from "../../../protocol/wire/cli-faults.ts";
import { RELAY_FAULTS } from "../../../protocol/wire/relay-faults.ts";
import { faultOf } from "../../support/faults.ts";

const CODES = Object.keys(FAULTS) as FaultCode[];
const WAYS = Object.keys(FAULT_WAYS) as FaultWay[];
const share = new Uint8Array(16).fill(1);
const signer = nodePrimitives.signer(new Uint8Array(32));

/** By which message and from whom a code comes each way. */
const MESSAGE_OF: Readonly<Record<FaultWay, readonly [t: "fault" | "cancel", from: From]>> = {
  toSender: ["fault", "relay-to-sender"],
  toReceiver: ["fault", "relay-to-receiver"],
  bySender: ["cancel", "sender"],
  ofShare: ["cancel", "relay-to-receiver"],
};

function said(t: "fault" | "cancel", code: string): Uint8Array {
  return t === "fault"
    ? pack({ t, code, message: "said so", retry: false })
    : pack({ t, share, reason: code });
}

/** The code that a message says, as it was decoded. */
function codeIn(message: Message): string {
  if (message.t === "fault") return message.code;
  return message.t === "cancel" ? message.reason : "none";
}

test("each code is in one table", () => {
  const all = [CLI_FAULTS, WIRE_FAULTS, RELAY_FAULTS].flatMap((table) => Object.keys(table));
  expect(all.toSorted()).toEqual(CODES.toSorted());
  expect(new Set(all).size).toBe(all.length);
});

describe.each(WAYS)("%s", (way) => {
  const [t, from] = MESSAGE_OF[way];

  test.each([...CODES, "what-we-never-heard-of", "constructor"])(
    "a code that may not come so is a broken protocol: %s",
    (code) => {
      if (goes(code, way)) {
        expect(codeIn(decodeControl(said(t, code), from))).toBe(code);
      } else if (from === "sender") {
        faultOf(() => decodeControl(said(t, code), from), "bad-message");
      } else {
        expect(codeIn(decodeControl(said(t, code), from))).toBe("bad-message");
      }
    },
  );

  test("none of them is what this side alone can know", () => {
    const own: readonly string[] = ["interrupted", "some-failed", "declined", "receipt-refused"];
    expect([...own, ...Object.keys(CLI_FAULTS)].filter((code) => goes(code, way))).toEqual([]);
  });
});

/** A sender that is served, with a receiver that has everything: Ctrl-C would be a good end. */
function sender(): SenderSession {
  const offer = { share, recordSize: 100, records: 3, bytes: 100, seekable: true };
  const options = { signer, offer, proof: new Uint8Array(32), random: () => 0 };
  const goal = { receivers: 1, stay: true };
  const session = new SenderSession({ ...options, goal, giveUpAfterMs: undefined }, 0);
  session.handle({ type: "tick" }, 0);
  session.handle({ type: "opened" }, 0);
  for (const message of [CHALLENGE, WELCOME, { t: "accepted", share } as const]) {
    session.handle({ type: "message", message }, 0);
  }
  const receipt = {
    t: "receipt",
    share,
    receiver: new Uint8Array(16).fill(2),
    records: 3,
    mac: new Uint8Array(16),
  } as const;
  session.handle({ type: "receipt-checked", receipt, valid: true }, 0);
  return session;
}

const CHALLENGE: Message = { t: "challenge", nonce: new Uint8Array(32) };
const WELCOME: Message = {
  t: "welcome",
  v: PROTOCOL_VERSION,
  session: new Uint8Array(8),
  limits: { frame: 1 << 20, window: 16, credit: 16 },
};

/** As a driver hears it: what can't be decoded ends the session. */
function tell(
  session: SenderSession | ReceiverSession,
  bytes: Uint8Array,
  from: From,
): readonly (SenderEffect | ReceiverEffect)[] {
  return session.handle({ type: "message", message: decodeControl(bytes, from) }, 0);
}

describe("a sender that has what it stays for", () => {
  const outcomes = (effects: readonly (SenderEffect | ReceiverEffect)[]) =>
    effects.flatMap((effect) =>
      effect.type === "finish" && "outcome" in effect ? [effect.outcome] : [],
    );

  test("ends well by Ctrl-C", () => {
    const [outcome] = outcomes(sender().handle({ type: "interrupted" }, 0));
    expect(outcome).toMatchObject({ fault: undefined, verified: 1 });
  });

  test.each(CODES.flatMap((code) => [["fault", code] as const, ["cancel", code] as const]))(
    "ends ill by any %s of its relay: %s",
    (t, code) => {
      const session = sender();
      const effects = tell(session, said(t, code), "relay-to-sender");
      const [outcome] = outcomes(effects);
      const due = t === "fault" && goes(code, "toSender") ? code : "bad-message";
      expect(outcome?.fault).toBe(due);
      const { exitCode } = FAULTS[outcome?.fault ?? "internal"];
      expect([EXIT.failed, EXIT.versionMismatch]).toContain(exitCode as 1);
      // Its share is not told to be over: it can be gone on with.
      expect(effects.filter(({ type }) => type === "send")).toEqual([]);
    },
  );
});

describe("a receiver amid a share", () => {
  test.each(CODES.flatMap((code) => [["fault", code] as const, ["cancel", code] as const]))(
    "takes any %s of its relay for what a relay can know: %s",
    (t, code) => {
      const session = new ReceiverSession(
        {
          signer,
          lobby: false,
          giveUpAfterMs: undefined,
          window: 16,
          confirmMs: 1000,
          random: () => 0,
        },
        0,
      );
      session.handle({ type: "tick" }, 0);
      session.handle({ type: "opened" }, 0);
      const offer = { share, recordSize: 100, records: 3, bytes: 100, seekable: true };
      session.handle({ type: "message", message: CHALLENGE }, 0);
      session.handle({ type: "message", message: WELCOME }, 0);
      const offers: Message = { t: "offers", list: [{ ...offer, senderHere: true }] };
      session.handle({ type: "message", message: offers }, 0);
      const name = new Uint8Array(60);
      const opened = { receiver: new Uint8Array(16), name, next: 1, agreed: true };
      session.handle({ type: "share-opened", ...opened }, 0);
      const way = t === "fault" ? "toReceiver" : "ofShare";
      const due = goes(code, way) ? code : "bad-message";
      const effects = tell(session, said(t, code), "relay-to-receiver");
      if (due === "new-edition") {
        // Not the end: another share takes its place.
        expect(effects).toEqual([{ type: "passed-over", anew: "told" }, { type: "waiting" }]);
        return;
      }
      const finished = effects.flatMap((effect) =>
        effect.type === "finish" && "fault" in effect ? [effect.fault] : [],
      );
      expect(finished).toEqual([due as FaultCode]);
      expect(isFaultCode(due) && FAULTS[due].exitCode).not.toBe(EXIT.interrupted);
    },
  );
});
