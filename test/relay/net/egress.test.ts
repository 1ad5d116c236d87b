import { describe, expect, test } from "bun:test";

import { LiveLimits } from "../../../relay/limits/limits.ts";
import { Egress, createEgress } from "../../../relay/net/egress.ts";
import { DEFAULT_LIMITS } from "../../../relay/limits/operator-limits.ts";
import { limitedRelay } from "../../support/relay/limited.ts";
import { RawClient, randomId, rawShare } from "../../support/relay/raw-client.ts";

const MiB = 2 ** 20;
const RATE = 20 * MiB;

/** Workers whose sockets always have another frame, in a time of their own. */
class Play {
  now = 1000;
  readonly sent: { worker: number; socket: number; at: number; bytes: number }[] = [];
  readonly limits: LiveLimits;
  readonly egresses: Egress[];
  readonly #timers: { at: number; run: () => void }[] = [];
  readonly #frames: (worker: number, socket: number) => number;

  constructor(workers: number, frames: (worker: number, socket: number) => number, rate = RATE) {
    this.#frames = frames;
    this.limits = new LiveLimits({ ...DEFAULT_LIMITS, "egress-limit": rate });
    const buffer = createEgress();
    this.egresses = Array.from({ length: workers }, (_, worker) => {
      return new Egress({
        buffer,
        limits: this.limits,
        clock: () => this.now,
        turn: (socket) => this.pump(worker, socket),
        later: (run, ms) => {
          const timer = { at: this.now + ms, run };
          this.#timers.push(timer);
          return () => void this.#timers.splice(this.#timers.indexOf(timer), 1);
        },
      });
    });
  }

  /** Gives a socket frames until it has to wait. */
  pump(worker: number, socket: number): void {
    const bytes = this.#frames(worker, socket);
    if (bytes === 0) return;
    while (this.egresses[worker]?.take(socket, bytes) === true) {
      this.sent.push({ worker, socket, at: this.now, bytes });
      if (this.sent.length > 100_000) throw new Error("no limit");
    }
  }

  run(until: number): this {
    for (;;) {
      const [next] = this.#timers.toSorted((one, other) => one.at - other.at);
      if (next === undefined || next.at > until) break;
      this.#timers.splice(this.#timers.indexOf(next), 1);
      // Timers are late.
      this.now = Math.max(this.now, next.at + 3);
      next.run();
    }
    this.now = Math.max(this.now, until);
    return this;
  }

  bytesOf(pick: (each: Play["sent"][number]) => boolean): number {
    return this.sent.filter(pick).reduce((sum, { bytes }) => sum + bytes, 0);
  }
}

describe("a frame that leaves", () => {
  test("is as much as the limit says, over all workers, and the same for each socket", () => {
    const play = new Play(2, () => MiB);
    // Two at one worker, six at the other.
    const sockets = [
      [1, 2],
      [1, 2, 3, 4, 5, 6],
    ];
    for (const [worker, ids] of sockets.entries()) for (const id of ids) play.pump(worker, id);
    play.run(11_000);
    const sum = play.bytesOf(() => true);
    expect(sum / (10 * RATE)).toBeGreaterThan(0.98);
    expect(sum / (10 * RATE)).toBeLessThan(1.02);
    for (const [worker, ids] of sockets.entries()) {
      for (const id of ids) {
        const own = play.bytesOf((each) => each.worker === worker && each.socket === id);
        expect(Math.abs(own - sum / 8)).toBeLessThanOrEqual(2 * MiB);
      }
    }
    // Never much more in a short time either.
    for (let from = 1000; from < 10_000; from += 500) {
      const part = play.bytesOf(({ at }) => at >= from && at < from + 1000);
      expect(part).toBeLessThan(1.15 * RATE);
    }
  });

  test("of a socket with small frames is not pushed aside by large ones", () => {
    const play = new Play(1, (_, socket) => (socket === 1 ? 64 * 1024 : MiB));
    for (const id of [1, 2, 3]) play.pump(0, id);
    play.run(11_000);
    // But for what may go at once at the beginning.
    const late = play.sent.filter(({ at }) => at > 2000);
    const frames = [1, 2, 3].map((id) => late.filter(({ socket }) => socket === id).length);
    expect(Math.max(...frames) - Math.min(...frames)).toBeLessThanOrEqual(2);
  });

  test("does not wait for sockets that are gone, and its time goes to others", () => {
    const play = new Play(1, (_, socket) => (socket < 100 ? MiB : 0));
    play.pump(0, 1);
    for (let id = 100; id < 1000; id++) {
      play.egresses[0]?.take(id, MiB);
      play.egresses[0]?.gone(id);
    }
    play.run(11_000);
    expect(play.bytesOf(() => true) / (10 * RATE)).toBeGreaterThan(0.97);
  });

  test("by nobody who has his turn and nothing to send costs a second's wait at most", () => {
    const play = new Play(1, (_, socket) => (socket === 1 ? MiB : 0));
    play.pump(0, 1);
    // All have a frame once, and none when it is their turn.
    for (let id = 2; id < 12; id++) play.egresses[0]?.take(id, MiB);
    play.run(11_000);
    expect(play.bytesOf(() => true) / (10 * RATE)).toBeGreaterThan(0.94);
    // A turn that was not used once is over.
    expect(play.egresses[0]?.take(2, MiB)).toBe(false);
  });

  test("a frame that could not be sent after all is not paid twice", () => {
    const play = new Play(1, () => 0);
    const [egress] = play.egresses;
    expect(egress?.take(5, MiB)).toBe(true);
    expect(egress?.take(1, MiB)).toBe(true);
    egress?.unused(1, MiB);
    expect(egress?.take(2, MiB)).toBe(false);
    expect(egress?.take(1, MiB)).toBe(true);
    expect(egress?.take(1, MiB)).toBe(false);
    expect(egress?.holdsBack(1)).toBe(true);
  });

  test("is not held up without a limit, or when it is taken away", () => {
    const play = new Play(1, () => 0, Infinity);
    const [egress] = play.egresses;
    for (let at = 0; at < 1000; at++) expect(egress?.take(1, MiB)).toBe(true);
    play.limits.now = { ...DEFAULT_LIMITS, "egress-limit": MiB };
    expect(egress?.take(1, MiB)).toBe(true);
    expect(egress?.take(1, MiB)).toBe(false);
    play.limits.now = DEFAULT_LIMITS;
    expect(egress?.take(1, MiB)).toBe(true);
  });
});

test("a relay sends no more than its limit, and all receivers get all of it", async () => {
  const rate = 8 * MiB;
  await using relay = await limitedRelay({ "egress-limit": rate });
  const url = `${relay.url}/ws`;
  const channel = randomId();
  const records = 40;
  const share = rawShare(records, 50_000);
  await using _ = await RawClient.serving(url, channel, share);
  await using open = new AsyncDisposableStack();
  const begun = performance.now();
  const all = Array.from({ length: 8 }, async () => {
    const receiver = open.use(await RawClient.greeted(url, "receiver", channel));
    await receiver.offered(share);
    receiver.onFrame = () => receiver.ack(share.offer.share, receiver.frames.length, 16);
    receiver.join(share.offer.share, 0, 16);
    await receiver.frame(records - 1);
    return receiver.frames.map((frame) => Buffer.from(frame));
  });
  const expected = Array.from({ length: records }, (_, index) => Buffer.from(share.frame(index)));
  for (const frames of await Promise.all(all)) expect(frames).toEqual(expected);
  const least = (8 * records * 50_000) / rate;
  expect((performance.now() - begun) / 1000).toBeGreaterThan(0.95 * least - 0.1);
  expect(relay.refusals["egress-limit"]).toBeGreaterThan(0);
});
