/**
 * Plays seeds of the simulation: `bun run simulate --seeds 10000 [--first 1]`, or one with all that
 * happens in it: `bun run simulate --seed 42 --trace`. With `--topics` Bun's topics serve the live lanes; with
 * `--stored` the shares are stored; with `--cluster` several relays share a directory, and with `--book` the book of such a
 * cluster is played alone. Ends with 1 when a seed fails, and says how to play that seed again.
 */
import { parseArgs } from "node:util";

import { runCluster } from "./cluster/run.ts";
import { runFleet } from "./fleet/run.ts";
import type { Failure } from "./failure.ts";
import { runSeed } from "./run.ts";

const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "1000" },
    first: { type: "string", default: "1" },
    seed: { type: "string" },
    trace: { type: "boolean", default: false },
    stored: { type: "boolean", default: false },
    cluster: { type: "boolean", default: false },
    book: { type: "boolean", default: false },
    topics: { type: "boolean", default: false },
  },
});

const first = Number(values.seed ?? values.first);
const count = values.seed === undefined ? Number(values.seeds) : 1;
if (!Number.isSafeInteger(first) || !Number.isSafeInteger(count)) {
  console.error("--seeds, --first and --seed take whole numbers");
  process.exit(2);
}

const play = values.stored ? "stored" : values.topics ? "by topics" : "singly";
/** With the same options. */
const mode = ["stored", "topics", "cluster", "book"] as const;
const options = mode.flatMap((name) => (values[name] ? [` --${name}`] : [])).join("");

function playSeed(seed: number, trace?: (line: string) => void) {
  if (values.cluster) return runFleet(seed, trace);
  return values.book ? runCluster(seed, trace) : runSeed(seed, trace, play);
}

const startedAt = performance.now();
const counts = new Map<string, number>();
const failures: Failure[] = [];
let virtualMs = 0;
let steps = 0;
for (let seed = first; seed < first + count; seed++) {
  const trace = values.trace ? (line: string) => console.log(line) : undefined;
  const result = playSeed(seed, trace);
  if ("failure" in result) {
    failures.push(result.failure);
    console.log(`seed ${seed} fails: ${result.failure.message}`);
    if (count === 1 && !values.trace) for (const line of result.failure.story) console.log(line);
    if (count === 1 && values.trace) console.log(result.failure.story.slice(-8).join("\n"));
    continue;
  }
  virtualMs += result.outcome.virtualMs;
  steps += result.outcome.steps;
  for (const [what, by] of result.outcome.counts) counts.set(what, (counts.get(what) ?? 0) + by);
  if (process.stdout.isTTY && seed % 100 === 0) process.stdout.write(`\r${seed - first} seeds`);
}

const seconds = (performance.now() - startedAt) / 1000;
const perSeed = ((seconds * 1000) / count).toFixed(1);
console.log(`${count} seeds, ${(virtualMs / 3_600_000).toFixed(1)} virtual hours, ${steps} steps`);
for (const [what, number] of [...counts].toSorted(([a], [b]) => (a < b ? -1 : 1)))
  console.log(`  ${what}: ${number}`);
console.log(`${failures.length} failed; ${seconds.toFixed(1)} s, ${perSeed} ms a seed`);
if (failures.length > 0) {
  console.log(`failing seeds: ${failures.map(({ seed }) => seed).join(" ")}`);
  const [first] = failures;
  console.log(`again: bun run simulate${options} --seed ${first?.seed} --trace`);
  process.exit(1);
}
