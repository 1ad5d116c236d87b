/**
 * The bench: `bun run bench [scenario...] [options]` measures, `bun run bench report FILE` shows again
 * what was measured, `bun run bench guard` compares two commits. See `docs/reference/bench.md`.
 */
import { endChildren } from "./children.ts";
import { guard } from "./guard/guard.ts";
import { help } from "./help.ts";
import { machine } from "./machine.ts";
import { parseOptions, parseReport, UsageError, type Options } from "./options.ts";
import { page } from "./report/page.ts";
import { readResult, ResultError } from "./report/parse.ts";
import { progressLine, table } from "./report/table.ts";
import {
  ON_REQUEST,
  RESULT_VERSION,
  SYSTEMS,
  type BenchResult,
  type SystemInfo,
} from "./result.ts";
import { runAll, type Job } from "./runner.ts";
import { scenarios, standard } from "./scenarios/registry.ts";
import { fileshareAt } from "./systems/fileshare.ts";
import { replaceSystem, systemOf } from "./systems/registry.ts";

const FAILED = 1;
const USAGE = 2;
const INTERRUPTED = 130;

/** ms after which a standard run begins nothing more, so that it ends within 5 minutes */
const STANDARD_MS = 270_000;

const STANDARD = SYSTEMS.filter((name) => !ON_REQUEST.has(name));

const interrupted = new AbortController();

/** True when every run has figures. */
async function bench(args: readonly string[]): Promise<boolean> {
  const options = parseOptions(
    args,
    scenarios.flatMap((scenario) => scenario.options),
  );
  const startedAt = new Date();
  if (options.relay !== undefined) replaceSystem(fileshareAt(options.relay));
  const systems = await find(options);
  for (const { name, missing } of systems) {
    if (missing !== undefined) console.error(`${name} is left out: ${missing}`);
  }
  const jobs = jobsOf(options, systems);
  if (jobs.length === 0) throw new UsageError("No system that is here takes part in that");
  const runs = await runAll(jobs, {
    rounds: options.rounds,
    timeout: options.timeout,
    signal: interrupted.signal,
    ...(options.scenarios.length > 0
      ? {}
      : { goesOn: () => Date.now() - startedAt.getTime() < STANDARD_MS }),
    onRun: (progress) => {
      if (progress.run !== undefined) console.error(progressLine(progress));
    },
  });
  const result: BenchResult = {
    version: RESULT_VERSION,
    startedAt: startedAt.toISOString(),
    seconds: (Date.now() - startedAt.getTime()) / 1000,
    machine: machine(),
    command: ["bun", "run", "bench", ...args],
    systems,
    runs,
  };
  console.log(table(result));
  if (options.json !== undefined) await Bun.write(options.json, `${JSON.stringify(result)}\n`);
  if (options.html !== undefined) await Bun.write(options.html, await page(result));
  // A peer may fail to keep up with a scenario; fileshare may not.
  return runs.every(({ system, invalid }) => system !== "fileshare" || invalid === undefined);
}

/** Finds the installed ones of the systems asked for. A relay that runs already is measured alone. */
async function find({ systems, relay }: Options): Promise<SystemInfo[]> {
  const asked = relay === undefined ? (systems ?? STANDARD) : (["fileshare"] as const);
  return Promise.all(
    asked.map(async (name) => {
      const { version, missing } = await systemOf(name).find();
      return { name, version, missing };
    }),
  );
}

function jobsOf(options: Options, systems: readonly SystemInfo[]): Job[] {
  const here = new Set(systems.flatMap(({ name, missing }) => (missing ? [] : [name])));
  const asked = options.scenarios.length === 0 ? standard : options.scenarios;
  return scenarios
    .filter(({ name }) => asked.includes(name))
    .flatMap((scenario) => {
      const taking = scenario.systems.filter((name) => here.has(name));
      return scenario
        .cases(options, taking)
        .map((each) => ({ scenario: scenario.name, case: each }));
    });
}

async function report(args: readonly string[]): Promise<boolean> {
  const { file, html } = parseReport(args);
  const result = await readResult(file);
  console.log(table(result));
  if (html !== undefined) await Bun.write(html, await page(result));
  return true;
}

async function main(args: readonly string[]): Promise<number> {
  if (args.includes("--help") || args.includes("-h")) {
    console.log(help(scenarios));
    return 0;
  }
  try {
    const [first, ...rest] = args;
    const isGood = await (first === "report"
      ? report(rest)
      : first === "guard"
        ? guard(rest, interrupted.signal)
        : bench(args));
    return isGood ? 0 : FAILED;
  } catch (error) {
    if (interrupted.signal.aborted) return interruption();
    if (error instanceof ResultError) console.error(error.message);
    else if (error instanceof UsageError) {
      console.error(`${error.message}\n\nRun the command with --help to see its options.`);
    } else throw error;
    return USAGE;
  }
}

/** Ends the run. Temporary folders are removed at the exit: see `temporary.ts`. */
async function interruption(): Promise<number> {
  interrupted.abort();
  await endChildren();
  return INTERRUPTED;
}

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.once(signal, () => void interruption().then((code) => process.exit(code)));
}
process.exit(await main(process.argv.slice(2)));
