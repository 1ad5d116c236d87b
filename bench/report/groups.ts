import type { Run, SystemName } from "../result.ts";
import { median } from "../stats.ts";
import { bytes, number } from "./figures.ts";

/** The rounds of one system in one setting. */
export interface Group {
  readonly scenario: string;
  readonly variant: string;
  readonly system: SystemName;
  readonly workers: number;
  readonly receivers: number;
  readonly size: number;
  readonly rounds: readonly Run[];
  /** The rounds whose figures count. */
  readonly valid: readonly Run[];
}

/** Runs that differ in nothing but the round, in the order in which they appear. */
export function groupsOf(runs: readonly Run[]): Group[] {
  const groups = Map.groupBy(runs, (run) =>
    JSON.stringify([run.scenario, run.variant, run.receivers, run.size, run.system, run.workers]),
  );
  return [...groups.values()].flatMap((rounds) => {
    const first = rounds[0];
    if (first === undefined) return [];
    const { scenario, variant, system, workers, receivers, size } = first;
    const valid = rounds.filter((run) => run.invalid === undefined || run.invalid === null);
    return [{ scenario, variant, system, workers, receivers, size, rounds, valid }];
  });
}

/** The median over the rounds that count; undefined where no round has the figure. */
export function medianOf(group: Group, figure: (run: Run) => unknown): number | undefined {
  const values = group.valid.flatMap((run) => number(figure(run)) ?? []);
  return values.length === 0 ? undefined : median(values);
}

/** The round whose time is the median, or the one just below. */
export function middleRound(group: Group): Run | undefined {
  const sorted = group.valid.toSorted((a, b) => a.seconds - b.seconds);
  return sorted[Math.ceil(sorted.length / 2) - 1];
}

/** Whether two groups differ in nothing but the size. */
function isSame(a: Group, b: Group): boolean {
  return (["variant", "system", "workers", "receivers"] as const).every((key) => a[key] === b[key]);
}

/** `nginx`, or `nginx, 2 workers` where the same system also ran with another number. */
export function labelOf(group: Group, all: readonly Group[]): string {
  const several = all.some(
    ({ system, workers }) => system === group.system && workers !== group.workers,
  );
  const label = several ? `${group.system}, ${counted(group.workers, "worker")}` : group.system;
  const size = all.some((other) => other !== group && isSame(other, group))
    ? bytes(group.size)
    : "";
  return [label, group.variant, size].filter((text) => text !== "").join(", ");
}

/** For what is shown of one variant alone. */
export function withoutVariant(group: Group): Group {
  return { ...group, variant: "" };
}

export function counted(count: number, what: string): string {
  return `${count.toLocaleString("en-GB")} ${what}${count === 1 ? "" : "s"}`;
}
