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
}

const [port, count, oneWayMs, rate] = process.argv.slice(2).map(Number);
const lines = Array.from(
  { length: count ?? 1 },
  () =>
    new DelayLine({ host: "127.0.0.1", port: port!, oneWayMs: oneWayMs!, bytesPerSecond: rate }),
);
console.log(JSON.stringify(lines.map((line) => line.port)));
await Bun.stdin.text();
const carried: Carried = {
  up: lines.map(({ up }) => up.most),
  down: lines.map(({ down }) => down.most),
};
console.log(JSON.stringify(carried));
for (const line of lines) line[Symbol.dispose]();
process.exit();
