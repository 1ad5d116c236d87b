/** T2, T3 and T10 of the hostile inputs: lines that say nothing whole, and lines that say too much. */
import { describe, expect, test } from "bun:test";

import {
  FAULTS,
  FRAME_BYTES,
  PING_MS,
  RECEIVERS_PER_SHARE,
  ADMISSIONS_PER_SHARE,
} from "../../../protocol/mod.ts";
import { DEFAULT_LIMITS } from "../../../relay/limits/operator-limits.ts";
import { TICK_MS } from "../../../relay/limits/limits.ts";
import { MessageBudget, answersTo } from "../../../relay/limits/message-budget.ts";
import { BodyProgress } from "../../../relay/lobby/http/upload.ts";
import { ReceiveMeter, type MeterKernel } from "../../../relay/net/receive-meter.ts";
import type { SocketId } from "../../../relay/share/outlet.ts";
import { hasNative } from "../../support/relay/log-rooms.ts";
import type { RawReceiver } from "../../support/relay/raw-receiver.ts";
import { Stage } from "../../support/relay/stage.ts";
import { PING, PONG } from "../../support/relay/strict-socket.ts";

const IDLE_MS = DEFAULT_LIMITS["idle-timeout"];
const MESSAGES_PER_SECOND = DEFAULT_LIMITS["messages-per-second"];
const MESSAGE_MS = DEFAULT_LIMITS["message-timeout"];

const MASKED = 0x80;
const BINARY_FRAGMENT = 0x02;
const CONTINUATION = 0x00;

/** The head of a frame that says how much will follow, masked with zeros. */
function head(first: number, length: number): Buffer {
  const bytes = Buffer.alloc(14);
  bytes[0] = first;
  bytes[1] = MASKED | 127;
  bytes.writeBigUInt64BE(BigInt(length), 2);
  return bytes;
}

interface Client {
  readonly receiver: RawReceiver;
  readonly id: SocketId;
}

/** A stage with one line, of which the relay has read all. */
async function openLine(): Promise<{ stage: Stage; client: Client }> {
  const stage = new Stage({ frameBytes: 100 });
  const client = await stage.client();
  await stage.received(client.id, 0);
  return { stage, client };
}

/** Writes bytes, and lets the relay read them; a line that has ended takes none. */
async function write(stage: Stage, { receiver, id }: Client, bytes: Uint8Array): Promise<void> {
  receiver.socket.write(bytes);
  await stage.received(id, bytes.length);
}

/** Answers a ping; a line that has ended answers none. */
async function pong(stage: Stage, client: Client): Promise<void> {
  const heard = stage.heard(client.id);
  client.receiver.socket.send(new Uint8Array(0), PONG);
  if (!(await heard)) return;
  // A pong without payload.
  await stage.received(client.id, 6);
}

describe.skipIf(!hasNative)("T3 a line (GNU/Linux)", () => {
  const part = new Uint8Array(100_000);
  const fast = new Uint8Array((FRAME_BYTES / MESSAGE_MS) * 1000 * 0.9);
  const continuation = Buffer.concat([head(CONTINUATION, 1), new Uint8Array(1)]);

  test.each([
    {
      what: "that drips a byte of a frame now and then is given up as one that is silent",
      first: Buffer.concat([head(0x82, FRAME_BYTES), new Uint8Array(20_000)]),
      next: { bytes: new Uint8Array(1), everyMs: 2000 },
      ends: [0, IDLE_MS + PING_MS],
    },
    {
      what: "that drips fast enough to seem alive has MESSAGE_MS for a frame",
      first: head(0x82, FRAME_BYTES),
      next: { bytes: fast, everyMs: 1000 },
      ends: [MESSAGE_MS, MESSAGE_MS + 3 * PING_MS],
    },
    {
      what: "whose fragments never end is not kept by the pongs between them",
      first: Buffer.concat([head(BINARY_FRAGMENT, part.length), part]),
      next: { bytes: continuation, everyMs: PING_MS, pongs: true },
      ends: [0, MESSAGE_MS + 3 * PING_MS],
    },
  ])("$what", async ({ first, next, ends: [least = 0, most = 0] }) => {
    const { stage, client } = await openLine();
    await using _ = stage;
    await write(stage, client, first);
    const closed = stage.closed(client.id);
    while (stage.size > 0 && stage.now < 2 * MESSAGE_MS) {
      if (next.pongs === true) await pong(stage, client);
      await write(stage, client, next.bytes);
      stage.tick(next.everyMs);
    }
    await closed;
    await client.receiver.socket.closed;
    expect(stage.now).toBeGreaterThanOrEqual(least);
    expect(stage.now).toBeLessThanOrEqual(most);
    expect(client.receiver.events).toContain("fault timed-out");
    expect(client.receiver.events).toContain(`close ${FAULTS["timed-out"].closeCode}`);
  });

  // Frames that came whole must not hide the one on its way.
  test.each([0, 20])(
    "of 20 KiB/s may take a minute for a frame, again and again, also after %d fast ones",
    async (fast) => {
      const { stage, client } = await openLine();
      await using _ = stage;
      const whole = Buffer.concat([head(0x82, FRAME_BYTES), new Uint8Array(FRAME_BYTES)]);
      for (let frame = 0; frame < fast; frame++) await write(stage, client, whole);
      for (let frame = 0; frame < 3; frame++) {
        for (let at = 0; at < whole.length; at += 20 * 1024) {
          await write(stage, client, whole.subarray(at, at + 20 * 1024));
          stage.tick(1000);
        }
      }
      await pong(stage, client);
      expect(stage.now).toBeGreaterThan(4 * IDLE_MS);
      expect(stage.size).toBe(1);
      expect(client.receiver.events).not.toContain("fault timed-out");
    },
  );

  test("on which a sender waits for receivers may say nothing but pongs for hours", async () => {
    const { stage, client } = await openLine();
    await using _ = stage;
    for (let after = 0; after < 4 * 60 * 60_000; after += IDLE_MS - 1) {
      await pong(stage, client);
      stage.tick(IDLE_MS - 1);
    }
    await pong(stage, client);
    expect(stage.size).toBe(1);
  });
});

describe("T3 the input of a line", () => {
  const BEFORE = 16 * 1024;
  let received = 0;
  const kernel: MeterKernel = { find: () => 7, isPeer: () => true, received: () => received };

  /** A line that is new, and what it was looked at as so far. */
  function lineOf(): ReceiveMeter {
    received = BEFORE;
    return new ReceiveMeter(kernel, new Uint8Array(18), 0);
  }

  test("is whole as long as messages were told for it, heads and a little more aside", () => {
    const meter = lineOf();
    expect(meter.check(MESSAGE_MS, 0)).toBe("whole");
    for (let at = 1; at < 1000; at++) {
      // A small message in a record of TLS of its own.
      received += 60 + 6 + 29;
      meter.came(60);
      expect(meter.check(MESSAGE_MS, at * 1000)).toBe("whole");
    }
    // In fragments of 1 KiB.
    received += FRAME_BYTES + 8 * 1024;
    meter.came(FRAME_BYTES);
    expect(meter.check(MESSAGE_MS, 2_000_000)).toBe("whole");
  });

  test("may take as long as it is large", () => {
    const meter = lineOf();
    meter.countFromHere();
    received += BEFORE + 4 * FRAME_BYTES;
    expect(meter.check(MESSAGE_MS, 1000)).toBe("arriving");
    expect(meter.check(MESSAGE_MS, 1000 + MESSAGE_MS)).toBe("stuck");
    received += FRAME_BYTES;
    expect(meter.check(MESSAGE_MS, 1000 + 4 * MESSAGE_MS)).toBe("arriving");
    expect(meter.check(MESSAGE_MS, 1000 + 5 * MESSAGE_MS)).toBe("late");
  });

  test("is not timed while it is not read", () => {
    const meter = lineOf();
    received += FRAME_BYTES;
    expect(meter.check(MESSAGE_MS, 0)).toBe("arriving");
    meter.paused(10 * MESSAGE_MS);
    expect(meter.check(MESSAGE_MS, 10 * MESSAGE_MS + 1)).toBe("stuck");
    expect(meter.check(MESSAGE_MS, 11 * MESSAGE_MS + 1)).toBe("late");
  });

  test("is a new message after a whole one, even if every look finds a part of one", () => {
    const meter = lineOf();
    const half = FRAME_BYTES / 2;
    for (let now = 0; now < 100 * MESSAGE_MS; now += MESSAGE_MS / 2) {
      // The looks always find half of a frame that is not told yet.
      received += half;
      expect(meter.check(MESSAGE_MS, now)).not.toBe("late");
      if (now % MESSAGE_MS === 0) continue;
      meter.came(FRAME_BYTES);
      meter.whole();
    }
  });

  test.each([10, 15, 20, 26, 40, 100])(
    "by a line of %d KiB/s without a gap is never late",
    (rate) => {
      const perFrame = FRAME_BYTES + 14;
      for (let phase = 0; phase < PING_MS; phase += 2 * TICK_MS) {
        const meter = lineOf();
        let told = 0;
        let aliveAt = 0;
        for (let now = phase; now < 10 * 60_000; now += TICK_MS) {
          const sent = Math.floor(((now - phase) * rate * 1024) / 1000);
          received = BEFORE + sent;
          for (; told + perFrame <= sent; told += perFrame) {
            meter.came(FRAME_BYTES);
            meter.whole();
            aliveAt = now;
          }
          if (!meter.isDue(MESSAGE_MS, now)) continue;
          const arrival = meter.check(MESSAGE_MS, now);
          expect(arrival).not.toBe("late");
          if (arrival === "arriving") aliveAt = now;
          // No pong comes within a frame: only what arrives shows that the line is alive.
          expect(now - aliveAt).toBeLessThan(IDLE_MS);
        }
      }
    },
  );

  test("is seen to come on after hours of nothing but pongs", () => {
    const meter = lineOf();
    let now = 0;
    for (; now < 100 * 60 * 60_000; now += PING_MS) {
      received += 6;
      meter.came(0);
      expect(meter.check(MESSAGE_MS, now)).toBe("whole");
    }
    received += 200 * 1024;
    expect(meter.check(MESSAGE_MS, now)).toBe("arriving");
  });
});

describe("T10 the messages of one client", () => {
  test.skipIf(!hasNative)("pings without end are told so, and cut off", async () => {
    await using stage = new Stage({ frameBytes: 100 });
    const { receiver, id } = await stage.client();
    const closed = stage.closed(id);
    for (let at = 0; at < 20 * MESSAGES_PER_SECOND; at++) {
      receiver.socket.send(new Uint8Array(100), PING);
    }
    await closed;
    await receiver.socket.closed;
    expect(receiver.events).toContain("fault too-fast");
    expect(receiver.events).toContain(`close ${FAULTS["too-fast"].closeCode}`);
  });

  test("is as much per second as the limit says, and ten seconds' worth at once", () => {
    const budget = new MessageBudget();
    const spend = (now: number): number => {
      let spent = 0;
      while (budget.spend(MESSAGES_PER_SECOND, now)) spent++;
      return spent;
    };
    expect(spend(0)).toBe(10 * MESSAGES_PER_SECOND);
    expect(spend(1000)).toBeLessThanOrEqual(MESSAGES_PER_SECOND);
    expect(spend(61_000)).toBe(10 * MESSAGES_PER_SECOND);
  });

  test("as an answer is free, once: acks of records, records, receipts", () => {
    const budget = new MessageBudget();
    budget.earn(100_000);
    for (let at = 0; at < 100_000; at++) expect(budget.spend(MESSAGES_PER_SECOND, 0)).toBe(true);
    let more = 0;
    while (budget.spend(MESSAGES_PER_SECOND, 0)) more++;
    expect(more).toBe(10 * MESSAGES_PER_SECOND);
    const share = new Uint8Array(16);
    expect(answersTo({ t: "want", share, first: 5, count: 16 })).toBe(16);
    expect(answersTo({ t: "receipt", share, receiver: share, records: 1, mac: share })).toBe(1);
    expect(answersTo({ t: "offers", list: [] })).toBe(0);
    // Else a client that asks for nonsense could do so for ever.
    expect(answersTo({ t: "cancel", share, reason: "no-such-share" })).toBe(0);
    expect(ADMISSIONS_PER_SHARE).toBeGreaterThanOrEqual(RECEIVERS_PER_SHARE);
  });
});

describe("T1 the body of a request", () => {
  test("has as long for each MiB as a message has, while it is read", () => {
    const pace = new BodyProgress(0);
    pace.came(FRAME_BYTES - 1, MESSAGE_MS - 1);
    expect(pace.isLate(MESSAGE_MS, MESSAGE_MS - 1)).toBe(false);
    expect(pace.isLate(MESSAGE_MS, MESSAGE_MS)).toBe(true);
    pace.came(1, MESSAGE_MS);
    expect(pace.isLate(MESSAGE_MS, MESSAGE_MS)).toBe(false);
    pace.pause();
    expect(pace.isLate(MESSAGE_MS, 10 * MESSAGE_MS)).toBe(false);
    pace.resume(10 * MESSAGE_MS);
    expect(pace.isLate(MESSAGE_MS, 11 * MESSAGE_MS - 1)).toBe(false);
    expect(pace.isLate(MESSAGE_MS, 11 * MESSAGE_MS)).toBe(true);
  });
});
