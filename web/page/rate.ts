/** Bytes per second over the last seconds, from positions as they become known. */

/** The rate is that of so many last milliseconds. */
const WINDOW_MS = 3000;
/** Over a shorter time buffers decide the rate. ms */
const LEAST_MS = 250;
/** Positions of one window; the worker tells one each 100 ms. */
const SAMPLES = 64;

interface Sample {
  readonly at: number;
  readonly bytes: number;
}

export type Samples = readonly Sample[];

/** The samples with another one. A position that goes back starts anew. `now` in ms */
export function reached(samples: Samples, bytes: number, now: number): Samples {
  const last = samples.at(-1);
  const kept = last !== undefined && bytes < last.bytes ? [] : samples;
  // One sample older than the window is its beginning.
  const begin = kept.findLastIndex(({ at }) => at <= now - WINDOW_MS);
  return [...kept.slice(Math.max(begin, 0)).slice(-SAMPLES), { at: now, bytes }];
}

/** Undefined until two positions can be compared. */
export function perSecond(samples: Samples, now: number): number | undefined {
  const [first] = samples;
  const last = samples.at(-1);
  if (first === undefined || last === undefined || first === last) return undefined;
  if (now - first.at < LEAST_MS) return undefined;
  // Silence counts: a transfer that stalls slows down on the screen.
  if (now - last.at > WINDOW_MS) return 0;
  return (1000 * (last.bytes - first.bytes)) / (now - first.at);
}
