/**
 * Delay lines to a relay, as a process of their own, so that their CPU time is known apart:
 * `delay-lines.ts PORT COUNT ONE_WAY_MS [BYTES_PER_SECOND]`. Says the ports of the lines as JSON, and what
 * they carried when stdin ends.
 */
import { DelayLine } from "./delay-line.ts";

export interface Carried {
  /** Bytes on their way from clients to the relay at most, by line; and the other way. */
  readonly up: readonly number[];
  readonly down: readonly number[];
  /** Rate to clients once half of the bytes went into each line, and before the last of them. bytes/s */
  readonly steadyRate: readonly number[];
}

/** Windows have grown by then; and the receipt comes a round trip behind the last bytes. */
const STEADY = { from: 0.5, to: 0.95 } as const;

/** ms between two looks */
const LOOK_MS = 20;

/** How far a line had come, at each look at which it had come further. */
class Course {
  readonly #seen: { readonly at: number; readonly total: number }[] = [];

  look(at: number, total: number): void {
    if (total > (this.#seen.at(-1)?.total ?? 0)) this.#seen.push({ at, total });
  }

  get steadyRate(): number {
    const all = this.#seen.at(-1)?.total ?? 0;
    const first = this.#seen.find(({ total }) => total >= STEADY.from * all);
    const last = this.#seen.find(({ total }) => total >= STEADY.to * all);
    if (first === undefined || last === undefined || first === last) return 0;
    return ((last.total - first.total) * 1000) / (last.at - first.at);
  }
}

const [port, count, oneWayMs, rate] = process.argv.slice(2).map(Number);
const lines = Array.from(
  { length: count ?? 1 },
  () =>
    new DelayLine({ host: "127.0.0.1", port: port!, oneWayMs: oneWayMs!, bytesPerSecond: rate }),
);
const courses = lines.map(() => new Course());
const looks = setInterval(() => {
  for (const [index, { down }] of lines.entries()) {
    courses[index]?.look(performance.now(), down.total);
  }
}, LOOK_MS);
console.log(JSON.stringify(lines.map((line) => line.port)));
await Bun.stdin.text();
clearInterval(looks);
const carried: Carried = {
  up: lines.map(({ up }) => up.most),
  down: lines.map(({ down }) => down.most),
  steadyRate: courses.map(({ steadyRate }) => steadyRate),
};
console.log(JSON.stringify(carried));
for (const line of lines) line[Symbol.dispose]();
process.exit();
