/** The command line of the bench: strict, an unknown flag is refused. */
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";

import { SCENARIOS, SYSTEMS, type ScenarioName, type SystemName } from "./result.ts";

/** An option of one scenario. Its value is a list of numbers, often of one. */
export interface OptionSpec {
  /** With the scenario's name first, where others might have it too: `slow-rate`. */
  readonly name: string;
  /** `bytes` takes 1GiB, 64MiB, 1000. `bits` takes 1Gbit, 100Mbit, and is bytes/s. */
  readonly kind: "bytes" | "bits" | "count";
  /** The default; empty: there is none. */
  readonly standard: readonly number[];
  readonly help: string;
  /** True: 0 is a value too, of a `count`. */
  readonly orNone?: boolean;
}

export interface Options {
  readonly scenarios: readonly ScenarioName[];
  /** Undefined: all that are here. */
  readonly systems: readonly SystemName[] | undefined;
  /** Undefined: each scenario's own. */
  readonly receivers: readonly number[] | undefined;
  /** bytes; undefined: each scenario's own */
  readonly size: number | undefined;
  readonly rounds: number;
  /** Undefined: each system's own. */
  readonly workers: readonly number[] | undefined;
  /** The most processes that have the receivers of a run. */
  readonly loadProcesses: number;
  readonly json: string | undefined;
  readonly html: string | undefined;
  /** A relay that is already there; then only `fileshare` runs, and nothing is known of its process. */
  readonly relay: string | undefined;
  /** ms that one run may take */
  readonly timeout: number;
  /** Values of scenarios' options by name. */
  readonly own: ReadonlyMap<string, readonly number[]>;
}

export class UsageError extends Error {}

/** The first value of a scenario's option. */
export function own(options: Options, name: string): number {
  return ownList(options, name)[0]!;
}

/** All values of a scenario's option. */
export function ownList(options: Options, name: string): readonly number[] {
  const values = options.own.get(name);
  if (values === undefined || values.length === 0) throw new RangeError(`no option --${name}`);
  return values;
}

/** As `own`; undefined when nobody says and there is no standard. */
export function ownIfAny(options: Options, name: string): number | undefined {
  return options.own.get(name)?.[0];
}

const ROUNDS = 3;
/** Of a run without scenarios, which shall end within 5 minutes: each order once. */
const STANDARD_ROUNDS = 2;
const STANDARD_TIMEOUT_SECONDS = 120;

/** @throws UsageError in words for a person */
export function parseOptions(args: readonly string[], specs: readonly OptionSpec[]): Options {
  const text = { type: "string" } as const;
  const config = {
    systems: text,
    receivers: text,
    size: text,
    rounds: text,
    workers: text,
    "load-processes": text,
    json: text,
    html: text,
    relay: text,
    timeout: text,
    ...Object.fromEntries(specs.map(({ name }) => [name, text])),
  };
  let parsed;
  try {
    parsed = parseArgs({ args: [...args], options: config, allowPositionals: true, strict: true });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
  const values: Readonly<Record<string, string | undefined>> = parsed.values;
  const { systems, receivers, size, rounds, workers, timeout } = values;
  const loadProcesses = values["load-processes"];
  const standardRounds = parsed.positionals.length > 0 ? ROUNDS : STANDARD_ROUNDS;
  return {
    scenarios: parsed.positionals.map((name) => oneOf(SCENARIOS, name, "scenario")),
    systems: systems?.split(",").map((name) => oneOf(SYSTEMS, name, "system")),
    receivers: receivers === undefined ? undefined : counts(receivers),
    size: size === undefined ? undefined : parseBytes(size),
    rounds: rounds === undefined ? standardRounds : count(rounds),
    workers: workers === undefined ? undefined : counts(workers),
    loadProcesses: loadProcesses === undefined ? availableParallelism() : count(loadProcesses),
    json: values["json"],
    html: values["html"],
    relay: values["relay"],
    timeout: (timeout === undefined ? STANDARD_TIMEOUT_SECONDS : count(timeout)) * 1000,
    own: new Map(
      specs.map((spec) => [spec.name, numbers(spec, values[spec.name]) ?? spec.standard]),
    ),
  };
}

/** @throws UsageError */
export function parseReport(args: readonly string[]): { file: string; html: string | undefined } {
  let parsed;
  try {
    const config = { html: { type: "string" } } as const;
    parsed = parseArgs({ args: [...args], options: config, allowPositionals: true });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
  const [file, ...others] = parsed.positionals;
  if (file === undefined || others.length > 0) {
    throw new UsageError("`report` takes the one file that --json wrote");
  }
  return { file, html: parsed.values.html };
}

const UNITS = new Map([
  ["", 1],
  ["B", 1],
  ["KiB", 1024],
  ["MiB", 1024 ** 2],
  ["GiB", 1024 ** 3],
  ["TiB", 1024 ** 4],
]);

/** `1GiB`, `1.5MiB`, `1000` in bytes. */
export function parseBytes(text: string): number {
  const [, number, unit = ""] = /^(\d+(?:\.\d+)?)\s*([A-Za-z]*)$/.exec(text) ?? [];
  const factor = UNITS.get(unit);
  const bytes = Math.round(Number(number) * (factor ?? Number.NaN));
  if (!Number.isSafeInteger(bytes) || bytes < 1) {
    throw new UsageError(`'${text}' is not a size such as 64MiB or 1GiB`);
  }
  return bytes;
}

/** `1Gbit`, `12.5Mbit` per second in bytes per second. */
export function parseRate(text: string): number {
  const [, number, unit = ""] = /^(\d+(?:\.\d+)?)\s*([KMG])bit$/.exec(text) ?? [];
  const bits = Number(number) * 1000 ** ("KMG".indexOf(unit) + 1);
  const bytes = Math.round(bits / 8);
  if (!Number.isSafeInteger(bytes) || bytes < 1) {
    throw new UsageError(`'${text}' is not a rate such as 100Mbit or 1Gbit`);
  }
  return bytes;
}

function numbers({ kind, orNone }: OptionSpec, text: string | undefined): number[] | undefined {
  if (text === undefined) return undefined;
  if (kind === "bits") return text.split(",").map(parseRate);
  return kind === "bytes" ? text.split(",").map(parseBytes) : counts(text, orNone ? 0 : 1);
}

function counts(text: string, least = 1): number[] {
  return text.split(",").map((each) => count(each, least));
}

function count(text: string, least = 1): number {
  if (!/^\d{1,9}$/.test(text) || Number(text) < least) {
    throw new UsageError(`'${text}' is not a number from ${least} on`);
  }
  return Number(text);
}

function oneOf<T extends string>(known: readonly T[], name: string, what: string): T {
  const found = known.find((each) => each === name);
  if (found === undefined) {
    throw new UsageError(`There is no ${what} '${name}'; there are ${known.join(", ")}`);
  }
  return found;
}
