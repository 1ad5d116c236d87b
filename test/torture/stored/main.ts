/**
 * Stores shares while relay and sender are killed, by seed: `bun run torture:stored --runs 200 --seed 1`, with `--s3` in a
 * bucket. Ends with 1 when a share or its store was not as it must be, and keeps the history of that run.
 */
import { parseArgs } from "node:util";
import { EXIT } from "../../../protocol/wire/faults.ts";
import { startS3 } from "../../support/net/s3-server.ts";
import { playStored } from "./run.ts";

const { values } = parseArgs({
  options: {
    runs: { type: "string", default: "20" },
    seed: { type: "string", default: "1" },
    s3: { type: "boolean", default: false },
  },
});
const runs = Number(values.runs);
const first = Number(values.seed);
if (!Number.isSafeInteger(runs) || runs < 1 || !Number.isSafeInteger(first)) {
  console.error("--runs and --seed take whole numbers");
  process.exit(EXIT.usage);
}

const s3 = values.s3 ? await startS3() : undefined;
const startedAt = performance.now();
const failed: number[] = [];
let kills = 0;
for (let seed = first; seed < first + runs; seed++) {
  const result = await playStored(seed, s3);
  kills += result.kills;
  if (result.wrong.length === 0) continue;
  failed.push(seed);
  for (const each of result.wrong) console.log(`Seed ${seed}: ${each}`);
  console.log(`Seed ${seed}: history ${result.historyPath}`);
}
const seconds = Math.round((performance.now() - startedAt) / 1000);
console.log(`${runs} runs, ${kills} kills, ${failed.length} failed; ${seconds} s`);
await s3?.[Symbol.asyncDispose]();
process.exit(failed.length === 0 ? EXIT.done : EXIT.failed);
