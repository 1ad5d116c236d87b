/**
 * `bun run bench guard`: compares two commits. The load, the peers and the figures are those of this checkout; a
 * commit gives only what is measured: its relay and its commands. In each round a row runs both commits one
 * right after the other, every second round in reversed order: A B, B A, A B.
 */
import { writeFileSync } from "node:fs";

import { machine } from "../machine.ts";
import { progressLine } from "../report/table.ts";
import type { Machine, Run, SystemInfo, SystemName } from "../result.ts";
import { runAll, type Job } from "../runner.ts";
import { withProduct } from "../systems/product.ts";
import { systemOf } from "../systems/registry.ts";
import { checkOut, mergeBase, workingTree, type Checkout } from "./checkout.ts";
import { compare, failures, type Compared, type GuardRun, type Side } from "./comparison.ts";
import { parseGuard, type GuardOptions } from "./options.ts";
import type { GuardRow } from "./rows.ts";
import { guardTable } from "./table.ts";

/** The file of `--json`. */
export interface GuardResult {
  readonly version: 1;
  /** ISO 8601. */
  readonly startedAt: string;
  readonly seconds: number;
  readonly machine: Machine;
  readonly command: readonly string[];
  readonly before: string;
  readonly after: string;
  readonly rounds: number;
  /** percent */
  readonly bound: number;
  readonly systems: readonly SystemInfo[];
  readonly compared: readonly Compared[];
  readonly runs: readonly GuardRun[];
}

/** @returns whether no figure is worse than the bound, and every run of both commits has figures */
export async function guard(args: readonly string[], signal: AbortSignal): Promise<boolean> {
  const options = parseGuard(args);
  const startedAt = new Date();
  using before = await checkOut(options.before ?? (await mergeBase()));
  using after = options.after === undefined ? workingTree() : await checkOut(options.after);
  const systems = await peersOf(options);
  for (const { name, missing } of systems) {
    if (missing !== undefined) console.error(`${name} is left out: ${missing}`);
  }
  const jobs = jobsOf(options, { before, after }, systems);
  const runs: GuardRun[] = [];
  const resultSoFar = (): GuardResult => ({
    version: 1,
    startedAt: startedAt.toISOString(),
    seconds: (Date.now() - startedAt.getTime()) / 1000,
    machine: machine(),
    command: ["bun", "run", "bench", "guard", ...args],
    before: before.label,
    after: after.label,
    rounds: options.rounds,
    bound: options.bound,
    systems,
    compared: compare(options.rows, runs, options.bound),
    runs,
  });
  await runAll([...jobs.keys()], {
    rounds: options.rounds,
    timeout: options.timeout,
    signal,
    onRun: (progress) => {
      const which = jobs.get(progress.job);
      if (progress.run === undefined || which === undefined) return;
      console.error(`${which.row} ${which.side}: ${progressLine(progress)}`);
      runs.push({ ...which, run: withoutDetails(progress.run) });
      // After each run: an interruption loses none of the rounds before.
      if (options.json !== undefined) {
        writeFileSync(options.json, `${JSON.stringify(resultSoFar())}\n`);
      }
    },
  });
  const result = resultSoFar();
  const failed = failures(runs);
  console.log(summary(result));
  for (const { text } of failed) console.log(`! no figures: ${text}`);
  return (
    !failed.some(({ isOurs }) => isOurs) &&
    result.compared.every(({ worse }) => worse === undefined)
  );
}

function summary({ before, after, rounds, bound, seconds, compared }: GuardResult): string {
  const head = `before: ${before}, after: ${after}; ${rounds} rounds in ${seconds.toFixed(0)} s; medians, and ratios of each round (least-most)`;
  const worse = compared.filter((each) => each.worse !== undefined).length;
  const end =
    worse === 0
      ? `No figure is worse by more than ${bound} % in every round.`
      : `${worse} figures are worse by more than ${bound} %, and in every round.`;
  return [head, "", guardTable(compared), "", end].join("\n");
}

/** A comparison needs no receivers and no samples, of which 10,000 receivers have many. */
function withoutDetails(run: Run): Run {
  return { ...run, perReceiver: [], samples: [] };
}

async function peersOf({ peers, rows }: GuardOptions): Promise<SystemInfo[]> {
  const names = peers ? [...new Set(rows.flatMap((row) => row.peers))] : [];
  return Promise.all(
    names.map(async (name) => {
      const { version, missing } = await systemOf(name).find();
      return { name, version, missing };
    }),
  );
}

/** The jobs of one round in their order, and what each is. */
function jobsOf(
  { rows }: GuardOptions,
  { before, after }: Readonly<Record<"before" | "after", Checkout>>,
  systems: readonly SystemInfo[],
): Map<Job, Pick<GuardRun, "row" | "side">> {
  const here = new Set(systems.flatMap(({ name, missing }) => (missing ? [] : [name])));
  const jobs = new Map<Job, Pick<GuardRun, "row" | "side">>();
  for (const row of rows) {
    const add = (side: Side, system: SystemName, folder?: string): void => {
      jobs.set(jobOf(row, system, folder), { row: row.name, side });
    };
    add("before", row.system, before.folder);
    add("after", row.system, after.folder);
    for (const peer of row.peers) if (here.has(peer)) add(peer, peer);
  }
  return jobs;
}

function jobOf(row: GuardRow, system: SystemName, folder: string | undefined): Job {
  const job = row.jobOf(system);
  if (folder === undefined) return job;
  const run = (signal: AbortSignal) => withProduct(folder, () => job.case.run(signal));
  return { ...job, case: { ...job.case, run } };
}
