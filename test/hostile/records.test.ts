/** Relays that pass on other records than they were given: what is saved is what was sent, or nothing. */
import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import {
  CORRUPT_RETRIES,
  concat,
  decodeFrame,
  encodeFrame,
  RECORD_INDEX,
  type Code,
} from "../../protocol/mod.ts";
import { startRelay } from "../../relay/mod.ts";
import { bytesOf, list, temporaryFolder } from "../support/disk.ts";
import { newCode, receive } from "../support/clients/clients.ts";
import { content } from "../support/files.ts";
import { RawClient } from "../support/relay/raw-client.ts";
import { HostileSender, HOSTILE_RECORD_SIZE } from "../support/hostile/sender.ts";
import { TamperingRelay, type Tamper } from "../support/hostile/tampering.ts";
import { keysOf } from "../support/clients/known-codes.ts";

const RECORDS = 9;
const CONTENT = content(1, (RECORDS - 1) * (HOSTILE_RECORD_SIZE - 17));
const files = [{ path: "a.bin" }];

function indexOf(frame: Uint8Array): number {
  return decodeFrame(frame).index;
}

/** The same frame, with another index, flag or ciphertext. */
function remade(frame: Uint8Array, change: Partial<ReturnType<typeof decodeFrame>>): Uint8Array {
  const { tag, index, last, ciphertext } = { ...decodeFrame(frame), ...change };
  return encodeFrame(tag, index, last, ciphertext);
}

function flipped(frame: Uint8Array, at = 100): Uint8Array {
  return frame.with(at, frame[at]! ^ 1);
}

/** Each record once, then the truth. */
function once(change: (frame: Uint8Array) => readonly Uint8Array[]): () => Tamper {
  return () => {
    const seen = new Set<number>();
    return (frame) => {
      const index = indexOf(frame);
      if (seen.has(index)) return [frame];
      seen.add(index);
      return change(frame);
    };
  };
}

function always(change: (frame: Uint8Array) => readonly Uint8Array[]): () => Tamper {
  return () => change;
}

/** Every second one after the one that follows it. */
function swapping(): Tamper {
  let held: Uint8Array | undefined;
  return (frame) => {
    if (held === undefined && indexOf(frame) % 2 === 1 && indexOf(frame) < RECORDS - 1) {
      held = frame;
      return [];
    }
    const both = held === undefined ? [frame] : [frame, held];
    held = undefined;
    return both;
  };
}

/** Each frame with the ciphertext of the one before. */
function shifting(): Tamper {
  let before: Uint8Array | undefined;
  const seen = new Set<number>();
  return (frame) => {
    const { index, ciphertext } = decodeFrame(frame);
    const other = before;
    before = ciphertext.slice();
    if (other === undefined || seen.has(index)) return [frame];
    seen.add(index);
    return [remade(frame, { ciphertext: other })];
  };
}

/** All frames so far, again and again. */
function replaying(): Tamper {
  const all: Uint8Array[] = [];
  return (frame) => {
    all.push(frame.slice());
    return [frame, ...all];
  };
}

const MENDED: [name: string, () => Tamper][] = [
  ["P6 each record twice", always((frame) => [frame, frame])],
  ["P6 every second one late", swapping],
  ["P6 all that came, replayed each time", replaying],
  ["P6 every third one lost, once", once((frame) => (indexOf(frame) % 3 === 1 ? [] : [frame]))],
  ["P6 each cut off, once", once((frame) => [frame.subarray(0, -1)])],
  ["P6 each with a bit flipped, once", once((frame) => [flipped(frame)])],
  [
    "P6 each with the tag of AES-GCM flipped, once",
    once((frame) => [flipped(frame, frame.length - 1)]),
  ],
  ["P6 each with what belongs to the one before, once", shifting],
  [
    "P6 other records under one number, each after its own",
    always((frame) => [frame, flipped(frame)]),
  ],
  [
    "P6 the mark of the end early, on all of them",
    always((frame) => [remade(frame, { last: true })]),
  ],
  ["P6 the mark of the end nowhere", always((frame) => [remade(frame, { last: false })])],
  ["P6 the end twice", always((frame) => (decodeFrame(frame).last ? [frame, frame] : [frame]))],
  [
    "P6 numbers beyond the count, and of no share",
    once((frame) => [
      remade(frame, { index: RECORDS }),
      remade(frame, { index: RECORD_INDEX - 1 }),
      remade(frame, { tag: new Uint8Array(8) }),
      frame,
    ]),
  ],
];

interface Outcome {
  readonly fault: string | undefined;
  /** Why the share was passed over, in the hope for another. */
  readonly passedOver: string | undefined;
  readonly saved: Uint8Array | undefined;
  readonly names: string[];
  /** How often the first record was passed on. */
  readonly firsts: number;
}

async function receiveThrough(tamper: Tamper, code: Code = newCode()): Promise<Outcome> {
  using folder = temporaryFolder();
  await using relay = await startRelay();
  await using _sender = await HostileSender.start(`${relay.url}/ws`, code, {
    files,
    content: CONTENT,
  });
  let firsts = 0;
  await using tampering = new TamperingRelay(`${relay.url}/ws`, (frame) => {
    if (indexOf(frame) === 0) firsts++;
    return tamper(frame);
  });
  await using receiver = receive({ relay: tampering.url, code, out: folder.path });
  // A receiver passes over a share that does not decrypt at all, and waits for another.
  const passedOver = receiver.when("unreadable").then(({ code: why }) => {
    receiver.interrupt();
    return why;
  });
  const told = await Promise.allSettled([passedOver, receiver.outcome]);
  const [why, outcome] = told.map((one) => (one.status === "fulfilled" ? one.value : undefined));
  const fault = typeof outcome === "object" ? (outcome.fault ?? undefined) : undefined;
  const names = list(folder.path);
  const saved = names.includes("a.bin") ? bytesOf(join(folder.path, "a.bin")) : undefined;
  return { fault, passedOver: typeof why === "string" ? why : undefined, saved, names, firsts };
}

describe("a receiver gets every byte all the same", () => {
  test.each(MENDED)("%s", async (_name, tamper) => {
    const { fault, saved, names } = await receiveThrough(tamper());
    expect(fault).toBeUndefined();
    expect(names).toEqual(["a.bin"]);
    expect(Buffer.compare(saved!, CONTENT)).toBe(0);
  });
});

describe("a receiver gives up, and nothing has its name", () => {
  test.each([
    ["P6 a bit flipped in each", (frame: Uint8Array) => [flipped(frame)]],
    ["P6 each cut off", (frame: Uint8Array) => [frame.subarray(0, -1)]],
    ["P6 each with more after it", (frame: Uint8Array) => [concat(frame, new Uint8Array(9))]],
    [
      "P6 each record under the number before",
      (frame: Uint8Array) => {
        return [remade(frame, { index: Math.max(0, indexOf(frame) - 1) })];
      },
    ],
  ] as const)("%s, after CORRUPT_RETRIES more", async (_name, tamper) => {
    const { fault, passedOver, names, firsts } = await receiveThrough(tamper);
    expect(passedOver ?? fault).toBe("corrupt-record");
    expect(names.filter((name) => name === "a.bin")).toEqual([]);
    expect(firsts).toBeLessThanOrEqual(CORRUPT_RETRIES + 1);
  });

  test("P6 a number of 2^32 - 1, which breaks the protocol", async () => {
    const { fault, saved } = await receiveThrough((frame) => {
      const other = frame.slice();
      other.fill(0xff, 4, 8);
      return [other];
    });
    expect([fault, saved]).toEqual(["bad-message", undefined]);
  });
});

describe("P7 a relay that tells receivers different things", () => {
  test("can't give one of them the list of files of another share, of the same code", async () => {
    const code = newCode();
    using folder = temporaryFolder();
    await using other = await startRelay();
    const channel = keysOf(code);
    await using _sender = await HostileSender.start(`${other.url}/ws`, code, {
      files: [{ path: "evil.bin" }],
      content: CONTENT,
    });
    await using looks = await RawClient.greeted(`${other.url}/ws`, "receiver", channel);
    const { list: offers } = await looks.when("offers", ({ list }) => list.length > 0);
    looks.join(offers[0]!.share, 0, 1);
    const { ciphertext } = decodeFrame(await looks.frame(0));

    const swapped = (frame: Uint8Array): Uint8Array[] =>
      indexOf(frame) === 0 ? [remade(frame, { ciphertext })] : [frame];
    const one = await receiveThrough(swapped, code);
    expect(one).toMatchObject({ passedOver: "corrupt-record", saved: undefined });
    const right = await receiveThrough((frame) => [frame], code);
    expect(Buffer.compare(right.saved!, CONTENT)).toBe(0);
    expect(list(folder.path)).toEqual([]);
  });
});
