/**
 * Where the time of a 1 KiB file goes, from the start of `fileshare send` to the end of the receiver,
 * which waits already: `bun test/measure/latency.ts [ROUNDS]`. Medians, in ms.
 */
import { scryptSync } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { fileshare } from "../support/clients/command.ts";

const rounds = Number(process.argv[2] ?? 11);
const code = "timber-magnet-sunny-cliff-oven-price-script";

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

function timeOf(work: () => unknown): number {
  const startedAt = performance.now();
  work();
  return performance.now() - startedAt;
}

const folder = mkdtempSync(join(tmpdir(), "fileshare-latency-"));
await Bun.write(join(folder, "note.txt"), "x".repeat(1024));
await using relay = fileshare(["relay", "--host", "127.0.0.1", "--port", "0"]);
const listening: unknown = await relay.events(() => true);
const url =
  typeof listening === "object" && listening !== null && "url" in listening
    ? String(listening.url)
    : "";
const env = { FILESHARE_CODE: code, FILESHARE_RELAY: url };

const times: Record<string, number[]> = {};
const note = (what: string, ms: number): void => {
  (times[what] ??= []).push(ms);
};

for (let round = 0; round < rounds; round++) {
  const out = join(folder, round.toString());
  mkdirSync(out);
  await using receiver = fileshare(["recv", "--yes", "--out", out], env);
  await receiver.events(({ event }) => event === "waiting");
  const startedAt = performance.now();
  const since = (): number => performance.now() - startedAt;
  await using sender = fileshare(["send", join(folder, "note.txt")], env);
  const saved = receiver
    .events(({ event }) => event === "saved")
    .then(() => note("file saved at the receiver", since()));
  await sender.events(({ event }) => event === "code");
  note("sender has its keys", since());
  await saved;
  await receiver.events();
  await receiver.exited;
  note("receiver has exited", since());
  await sender.events();
  await sender.exited;
  note("sender has exited", since());
  note(
    "  of which: one scrypt",
    timeOf(() => scryptSync(code, "salt", 32, { N: 2 ** 16, r: 8, p: 1, maxmem: 2 ** 27 })),
  );
}
for (const [what, values] of Object.entries(times)) {
  console.log(`${what.padEnd(28)} ${median(values).toFixed(0).padStart(5)} ms`);
}
rmSync(folder, { recursive: true, force: true });
