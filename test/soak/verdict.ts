/** Whether what a process holds stays what it is, however long it is used. */
import type { Sample } from "./sample.ts";

export type Held = "rssAnon" | "descriptors" | "mappedFiles" | "threads";

const MiB = 2 ** 20;

/** Growth allowed on top of a tenth: data on its way goes up and down. */
const SLACK: Readonly<Record<Held, number>> = {
  rssAnon: 32 * MiB,
  descriptors: 40,
  mappedFiles: 10,
  threads: 2,
};

export const HELD = Object.keys(SLACK) as readonly Held[];

export interface Trend {
  readonly held: Held;
  /** Medians of the second and of the last quarter of the time; the first one warms up. */
  readonly early: number;
  readonly late: number;
  readonly most: number;
  readonly isFlat: boolean;
}

/** @param samples in the order of time */
export function trendsOf(samples: readonly Sample[]): Trend[] {
  const quarter = Math.floor(samples.length / 4);
  return HELD.map((held) => {
    const values = samples.map((sample) => sample[held]);
    // Of fewer than four samples none is late.
    const early = median(quarter === 0 ? values : values.slice(quarter, 2 * quarter));
    const late = median(values.slice(-quarter));
    const isFlat = late <= early * 1.1 + SLACK[held];
    return { held, early, late, most: Math.max(...values), isFlat };
  });
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}
