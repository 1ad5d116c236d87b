/** Figures of receivers that join late, and of those who were there before. */
import type { LoadReceiver } from "../load/contract.ts";
import type { Driven } from "../load-figures.ts";
import { median, percentile } from "../stats.ts";

/** Medians over the late ones and over the live ones; a figure that nobody has is absent. */
export function joiningFigures({ receivers }: Driven): Record<string, number> {
  const late = receivers.filter(({ kind }) => kind === "late");
  const live = receivers.filter(({ kind }) => kind === "healthy");
  const startedAt = Math.min(...live.flatMap((each) => each.startedAt ?? []));
  const firstDoneAt = Math.min(...live.flatMap(({ doneAt }) => doneAt ?? []));
  const completions = live.flatMap(({ doneAt }) =>
    doneAt === undefined ? [] : (doneAt - startedAt) / 1000,
  );
  return {
    ...medianOf("secondsToHead", late.flatMap(secondsToHead)),
    ...medianOf("catchUpBytesPerSecond", late.flatMap(rate)),
    ...medianOf(
      "catchUpTimesLive",
      late.flatMap((each) => timesLive(each, firstDoneAt)),
    ),
    ...medianOf("liveBytesPerSecond", live.flatMap(rate)),
    ...percentilesOf(completions),
  };
}

function medianOf(name: string, values: readonly number[]): Record<string, number> {
  return values.length === 0 ? {} : { [name]: median(values) };
}

function percentilesOf(completions: readonly number[]): Record<string, number> {
  if (completions.length === 0) return {};
  return {
    liveCompletionP50: percentile(completions, 0.5),
    liveCompletionP99: percentile(completions, 0.99),
  };
}

function secondsToHead({ startedAt = Infinity, head }: LoadReceiver): number[] {
  return head === undefined ? [] : [(head.at - startedAt) / 1000];
}

function rate({ startedAt = Infinity, doneAt = -Infinity, bytes }: LoadReceiver): number[] {
  return doneAt > startedAt ? [(bytes * 1000) / (doneAt - startedAt)] : [];
}

/**
 * Its rate until it was at the head, over that of the most advanced one in the same time, or until the
 * first of the live ones had everything and could go no further.
 */
function timesLive(
  { startedAt = Infinity, furthestAtStart = 0, head }: LoadReceiver,
  firstDoneAt: number,
): number[] {
  if (head === undefined || head.at <= startedAt || firstDoneAt <= startedAt) return [];
  const liveBytes = head.furthest - furthestAtStart;
  const liveTime = Math.min(head.at, firstDoneAt) - startedAt;
  return liveBytes > 0 ? [(head.bytes / liveBytes) * (liveTime / (head.at - startedAt))] : [];
}
