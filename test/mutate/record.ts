/** The findings of a run, as a file that another run can start from. */
import * as v from "valibot";

import { KINDS } from "./operators.ts";

const mutant = v.object({
  path: v.string(),
  line: v.number(),
  kind: v.picklist(KINDS),
  before: v.string(),
  after: v.string(),
  statement: v.string(),
  ordinal: v.number(),
  context: v.string(),
  /** The change with the code around it. */
  from: v.string(),
  to: v.string(),
  /** Of a run from another run's file: whether it is a mutant of that run, as it was or like it. */
  origin: v.picklist(["chosen", "same", "alike", "replaced"]),
  /** The test file that caught it; null: it survived. */
  by: v.nullable(v.string()),
  test: v.nullable(v.string()),
  ran: v.number(),
  seconds: v.number(),
});
export type Mutant = v.InferOutput<typeof mutant>;

const run = v.object({
  seed: v.string(),
  mutants: v.array(mutant),
  /** Mutants of the other run whose statement is gone. */
  gone: v.array(v.string()),
  failing: v.array(v.string()),
});
export type Run = v.InferOutput<typeof run>;

export async function readRun(path: string): Promise<Run> {
  return v.parse(run, await Bun.file(path).json());
}

export async function writeRun(path: string, content: Run): Promise<void> {
  await Bun.write(path, `${JSON.stringify(content, null, 2)}\n`);
}

const MARKS = { chosen: "", same: "", alike: " (alike)", replaced: " (replaced)" };

export function placeOf({ path, line, kind, origin }: Mutant): string {
  return `${path}:${line} ${kind}${MARKS[origin]}`;
}

export function changeOf({ from, to }: Mutant): string {
  return `${from}  ->  ${to}`;
}

/** One line about a mutant. */
export function lineOf(it: Mutant): string {
  const verdict = it.by === null ? "SURVIVED" : `caught by ${it.by}`;
  return `${placeOf(it)}  ${changeOf(it)}  ${verdict}`;
}

export function lastLine(mutants: readonly Mutant[]): string {
  const caught = mutants.filter(({ by }) => by !== null).length;
  return `${caught} of ${mutants.length} caught`;
}
