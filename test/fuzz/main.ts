/**
 * Throws broken bytes at everything that takes some: `bun run fuzz --inputs 100000 --seed 7`. Ends
 * with 1 when something broke; `--target NAME --seed SEED --case N` plays one case again.
 */
import { parseArgs } from "node:util";
import { fuzz, TARGETS } from "./run.ts";

const names = TARGETS.map(({ name }) => name);
const { values } = parseArgs({
  options: {
    inputs: { type: "string", default: "100000" },
    seed: { type: "string", default: String(crypto.getRandomValues(new Uint32Array(1))[0]) },
    target: { type: "string" },
    case: { type: "string" },
  },
});
const { seed, target } = values;
const inputs = Number(values.inputs);
const only = values.case === undefined ? undefined : Number(values.case);
const isWhole = Number.isSafeInteger(inputs) && (only === undefined || Number.isSafeInteger(only));
if (!isWhole || inputs < 1 || (target !== undefined && !names.includes(target))) {
  console.error(`--inputs and --case take whole numbers, --target one of ${names.join(", ")}`);
  process.exit(2);
}

const startedAt = performance.now();
const tell = (line: string): void => console.log(line);
const result = await fuzz({ inputs, seed, target, only, tell });
const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
const { failures } = result;
console.log(`${result.inputs} inputs, seed ${seed}, ${failures.length} failed; ${seconds} s`);
process.exit(failures.length > 0 ? 1 : 0);
