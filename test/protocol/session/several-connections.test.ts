/** A receiver with several connections: records come in any order, and a gap alone is no loss. */
import { describe, expect, test } from "bun:test";

import {
  ReceiverSession,
  STALL_MS,
  type Message,
  type ReceiverEffect,
  type ReceiverEvent,
} from "../../../protocol/mod.ts";
import { nodePrimitives } from "../../../protocol/crypto/crypto-node.ts";
import { EarlyFrames } from "../../../protocol/session/early-frames.ts";

const WINDOW = 16;
const SHARE = new Uint8Array(16).fill(7);
const OFFER = { share: SHARE, recordSize: 100, records: 40, bytes: 4000, seekable: true };

/** A record tells by its bytes which it is. */
function recordOf(index: number): Uint8Array {
  return new Uint8Array(4).fill(index);
}

/** Joined to the one share; stores what it is told to take. */
class Receiver {
  readonly stored: number[] = [];
  readonly said: string[] = [];
  now = 0;
  readonly #previews: boolean;
  readonly #agrees: boolean;
  readonly #session = new ReceiverSession(
    {
      signer: nodePrimitives.signer(new Uint8Array(32)),
      lobby: false,
      giveUpAfterMs: undefined,
      agrees: () => this.#agrees,
      window: WINDOW,
      confirmMs: 1000,
      random: () => 0,
    },
    0,
  );

  /** @param previews it has not agreed yet: it is told of by `agrees` */
  constructor(previews?: { readonly agrees: boolean; readonly seekable?: boolean }) {
    this.#previews = previews !== undefined;
    this.#agrees = previews?.agrees === true;
    const { seekable = true } = previews ?? {};
    this.handle({ type: "tick" });
    this.handle({ type: "opened" });
    this.hear({ t: "challenge", nonce: new Uint8Array(32) });
    const limits = { frame: 1024, window: WINDOW, credit: WINDOW };
    this.hear({ t: "welcome", v: 2, session: new Uint8Array(8), limits });
    this.hear({ t: "offers", list: [{ ...OFFER, seekable, senderHere: true }] });
    const name = new Uint8Array(0);
    const receiver = new Uint8Array(16);
    const agreed = !this.#previews;
    this.handle({ type: "share-opened", receiver, name, next: 0, agreed });
    if (agreed) this.said.length = 0;
  }

  hear(message: Message): void {
    this.handle({ type: "message", message });
  }

  /** By several connections, unless told otherwise. */
  frame(index: number, isAlone = false): this {
    const ciphertext = recordOf(index);
    this.handle({ type: "frame", index, ...(!isAlone && { ciphertext }) }, ciphertext);
    return this;
  }

  tick(after: number): this {
    this.now += after;
    this.handle({ type: "tick" });
    return this;
  }

  handle(event: ReceiverEvent, atHand?: Uint8Array): void {
    for (const effect of this.#session.handle(event, this.now)) this.#do(effect, atHand);
  }

  #do(effect: ReceiverEffect, atHand: Uint8Array | undefined): void {
    if (effect.type === "take") {
      this.stored.push((effect.early ?? atHand)?.[0] ?? -1);
      this.handle({ type: "stored" });
      if (this.#previews && this.stored.length === 1) this.handle({ type: "manifest-known" });
    } else if (effect.type === "send" && effect.message.t === "join") {
      this.said.push(`join ${effect.message.from}/${effect.message.window}`);
    }
  }
}

describe("records of several connections", () => {
  test("are stored in their order, whatever the order in which they come", () => {
    const receiver = new Receiver();
    for (const index of [2, 0, 3, 1, 5, 4]) receiver.frame(index);
    expect(receiver.stored).toEqual([0, 1, 2, 3, 4, 5]);
    expect(receiver.said).toEqual([]);
  });

  test("are stored once, however often they come", () => {
    const receiver = new Receiver();
    for (const index of [1, 1, 0, 0, 1, 2, 2]) receiver.frame(index);
    expect(receiver.stored).toEqual([0, 1, 2]);
  });

  test("are asked for again from the gap when a connection breaks", () => {
    const receiver = new Receiver();
    for (const index of [0, 2, 3]) receiver.frame(index);
    receiver.handle({ type: "connection-lost" });
    expect(receiver.said).toEqual(["join 1/16"]);
    receiver.frame(1);
    expect(receiver.stored).toEqual([0, 1, 2, 3]);
  });

  test("are asked for again when one stays away for as long as a stall", () => {
    const receiver = new Receiver();
    for (const index of [0, 2, 3]) receiver.frame(index);
    receiver.tick(STALL_MS - 1);
    expect(receiver.said).toEqual([]);
    receiver.tick(1);
    expect(receiver.said).toEqual(["join 1/16"]);
  });

  test("beyond the window are not kept: no honest relay sends them", () => {
    const receiver = new Receiver();
    for (let index = 1; index <= WINDOW; index++) receiver.frame(index);
    receiver.frame(0);
    expect(receiver.stored).toEqual(Array.from({ length: WINDOW }, (_, index) => index));
  });

  test("by one connection are in order, so that a gap is a loss at once", () => {
    const receiver = new Receiver();
    receiver.frame(0, true).frame(2, true);
    expect(receiver.said).toEqual(["join 1/16"]);
  });

  test("that are whole need no other join", () => {
    const receiver = new Receiver();
    for (let index = 0; index < OFFER.records; index++) receiver.frame(index);
    receiver.handle({ type: "connection-lost" });
    expect(receiver.said).toEqual([]);
  });
});

describe("a receiver that agrees to whatever comes", () => {
  test("has its whole window from the beginning, and takes in order what came while it was asked", () => {
    const receiver = new Receiver({ agrees: true });
    expect(receiver.said).toEqual(["join 0/16"]);
    for (const index of [2, 0, 1]) receiver.frame(index);
    // The first one holds the manifest, and nothing of the rest is stored before it agreed.
    expect(receiver.stored).toEqual([0]);
    receiver.handle({ type: "accepted" });
    expect(receiver.stored).toEqual([0, 1, 2]);
  });

  test("asks again for what came by its only connection while it was asked", () => {
    const receiver = new Receiver({ agrees: true });
    receiver.frame(0, true).frame(1, true).frame(2, true);
    receiver.handle({ type: "accepted" });
    expect(receiver.said).toEqual(["join 0/16", "join 1/16"]);
    receiver.frame(1, true);
    expect(receiver.stored).toEqual([0, 1]);
  });

  test("asks again when a connection broke while it was asked", () => {
    const receiver = new Receiver({ agrees: true });
    receiver.frame(0).frame(2);
    receiver.handle({ type: "connection-lost" });
    receiver.handle({ type: "accepted" });
    expect(receiver.said).toEqual(["join 0/16", "join 1/16"]);
    receiver.frame(1);
    expect(receiver.stored).toEqual([0, 1, 2]);
  });

  test("waits for a word in a stream, which others may be held up by", () => {
    const receiver = new Receiver({ agrees: true, seekable: false });
    expect(receiver.said).toEqual(["join 0/1"]);
  });
});

describe("frames that came early", () => {
  test.each([
    ["an array", recordOf(5)],
    ["a Buffer", Buffer.from(recordOf(5))],
  ])("are copies of %s, as a link reuses its memory", (_, lent) => {
    const frames = new EarlyFrames();
    expect(frames.put(5, lent, 10)).toBe(true);
    lent.fill(0);
    expect(frames.take(5)).toEqual(recordOf(5));
  });

  test("count each byte that is kept, and none that is not", () => {
    const frames = new EarlyFrames();
    for (const index of [5, 5, 6, 10, 11]) frames.put(index, recordOf(index), 10);
    expect([frames.size, frames.bytes]).toEqual([2, 8]);
    frames.dropBefore(6);
    expect([frames.size, frames.bytes]).toEqual([1, 4]);
    frames.take(6);
    expect([frames.size, frames.bytes]).toEqual([0, 0]);
  });
});
