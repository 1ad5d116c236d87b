/** Figures of receivers that join late. */
import type { Driven } from "../load-figures.ts";
import { median } from "../stats.ts";

/** s from joining to being with the most advanced, and the rate until then; medians. */
export function joiningFigures({ receivers }: Driven): Record<string, number> {
  const late = receivers.filter(({ kind }) => kind === "late");
  const times = late.flatMap(({ startedAt = Infinity, headAt }) =>
    headAt === undefined ? [] : (headAt - startedAt) / 1000,
  );
  const rates = late.flatMap(({ startedAt = Infinity, doneAt = -Infinity, bytes }) =>
    doneAt > startedAt ? (bytes * 1000) / (doneAt - startedAt) : [],
  );
  return { secondsToHead: median(times), catchUpBytesPerSecond: median(rates) };
}
