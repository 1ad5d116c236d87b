/** The command line of `bun run bench guard`. */
import { parseArgs } from "node:util";

import { UsageError } from "../options.ts";
import { ROWS, type GuardRow } from "./rows.ts";

const ROUNDS = 3;
/** percent */
const BOUND = 10;
/** ms; croc takes minutes for the file of `transfer` on a busy machine */
const TIMEOUT_MS = 300_000;

export interface GuardOptions {
  /** Undefined: the commit at which the branch left the main one. */
  readonly before: string | undefined;
  /** Undefined: the working tree. */
  readonly after: string | undefined;
  readonly rows: readonly GuardRow[];
  readonly peers: boolean;
  readonly rounds: number;
  /** How much worse a figure may be. percent */
  readonly bound: number;
  readonly json: string | undefined;
  readonly timeout: number;
}

/** @throws UsageError in words for a person */
export function parseGuard(args: readonly string[]): GuardOptions {
  const text = { type: "string" } as const;
  const options = {
    rows: text,
    peers: { type: "boolean" },
    rounds: text,
    bound: text,
    json: text,
  } as const;
  let parsed;
  try {
    parsed = parseArgs({ args: [...args], options, allowPositionals: true, strict: true });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
  const { values, positionals } = parsed;
  const [before, after, ...others] = positionals;
  if (others.length > 0) throw new UsageError("`guard` compares two commits at most");
  return {
    before,
    after,
    rows: values.rows === undefined ? ROWS : values.rows.split(",").map(rowNamed),
    peers: values.peers === true,
    rounds: whole("rounds", values.rounds, ROUNDS, 1),
    bound: whole("bound", values.bound, BOUND, 0),
    json: values.json,
    timeout: TIMEOUT_MS,
  };
}

function rowNamed(name: string): GuardRow {
  const found = ROWS.find((row) => row.name === name);
  if (found !== undefined) return found;
  const known = ROWS.map((row) => row.name).join(", ");
  throw new UsageError(`There is no row '${name}'; there are ${known}`);
}

function whole(option: string, text: string | undefined, standard: number, least: number): number {
  if (text === undefined) return standard;
  if (!/^\d{1,4}$/.test(text) || Number(text) < least) {
    throw new UsageError(`--${option} takes a number from ${least} to 9999, not '${text}'`);
  }
  return Number(text);
}
