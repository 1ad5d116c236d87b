/** The comparison of two commits by their rounds: pure functions of the runs. */
import type { Run, SystemName } from "../result.ts";
import { median } from "../stats.ts";
import type { Figure, GuardRow } from "./rows.ts";

export type Side = "before" | "after" | SystemName;

/** One run of one side; the receivers and samples of its `Run` are left out. */
export interface GuardRun {
  readonly row: string;
  readonly side: Side;
  readonly run: Run;
}

export interface Compared {
  readonly row: string;
  readonly figure: string;
  readonly unit: string;
  readonly judged: boolean;
  /** Medians over the rounds; undefined: no round has it. */
  readonly before: number | undefined;
  readonly after: number | undefined;
  /** After over before, each of one round. */
  readonly ratio: Spread | undefined;
  readonly peers: readonly Peer[];
  /** Undefined: it is not. */
  readonly worse: string | undefined;
}

export interface Peer {
  readonly name: SystemName;
  readonly value: number;
  /** After over the peer, each of one round. */
  readonly ratio: Spread | undefined;
}

export interface Spread {
  readonly median: number;
  readonly least: number;
  readonly most: number;
}

/** @param bound how much worse a figure may be. percent */
export function compare(
  rows: readonly GuardRow[],
  runs: readonly GuardRun[],
  bound: number,
): Compared[] {
  return rows.flatMap((row) => {
    const own = runs.filter((each) => each.row === row.name);
    return row.figures.map((figure) => compareFigure(row, figure, own, bound));
  });
}

/** A run without figures, and why. */
export interface Failure {
  /** A peer may fail. */
  readonly isOurs: boolean;
  readonly text: string;
}

export function failures(runs: readonly GuardRun[]): Failure[] {
  return runs.flatMap(({ row, side, run: { round, invalid } }) => {
    if (invalid === undefined) return [];
    const text = `${row} ${side}, round ${round + 1}: ${invalid}`;
    return [{ isOurs: side === "before" || side === "after", text }];
  });
}

function compareFigure(
  row: GuardRow,
  figure: Figure,
  runs: readonly GuardRun[],
  bound: number,
): Compared {
  const of = (side: Side) => valuesOf(runs, side, figure);
  const [before, after] = [of("before"), of("after")];
  const peers = row.peers.flatMap((name) => {
    const values = of(name);
    const value = middle(values);
    return value === undefined ? [] : [{ name, value, ratio: ratioOf(values, after) }];
  });
  const ratio = ratioOf(before, after);
  return {
    row: row.name,
    figure: figure.name,
    unit: figure.unit,
    judged: figure.judged,
    before: middle(before),
    after: middle(after),
    ratio,
    peers,
    worse: figure.judged && ratio !== undefined ? lossOf(figure, ratio, bound) : undefined,
  };
}

/** By round. */
type Values = ReadonlyMap<number, number>;

function valuesOf(runs: readonly GuardRun[], side: Side, { of }: Figure): Values {
  return new Map(
    runs.flatMap(({ side: whose, run }) => {
      if (whose !== side || run.invalid !== undefined) return [];
      const value = of(run);
      return value === undefined ? [] : [[run.round, value] as const];
    }),
  );
}

function middle(values: Values): number | undefined {
  return values.size === 0 ? undefined : median([...values.values()]);
}

function ratioOf(below: Values, above: Values): Spread | undefined {
  const ratios = [...below].flatMap(([round, value]) => {
    const other = above.get(round);
    return other === undefined || value <= 0 ? [] : [other / value];
  });
  if (ratios.length === 0) return undefined;
  return { median: median(ratios), least: Math.min(...ratios), most: Math.max(...ratios) };
}

/**
 * Worse is a figure whose median is beyond the bound, if every single round says so too: a busy machine
 * makes one round slow more easily than all.
 */
function lossOf({ better }: Figure, ratio: Spread, bound: number): string | undefined {
  const [loss, least] =
    better === "less" ? [ratio.median, ratio.least] : [1 / ratio.median, 1 / ratio.most];
  if (loss <= 1 + bound / 100 || least <= 1) return undefined;
  return `${((loss - 1) * 100).toFixed(0)} % worse`;
}
