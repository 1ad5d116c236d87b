/** The measures of the last minutes, for the charts. */
import type { Overview } from "../overview.ts";

/** How far back the charts go. s */
export const SHOWN_SECONDS = 300;
/** One each second, and some more for a clock that hurries. */
const POINTS = SHOWN_SECONDS + 20;

export interface Moment {
  /** Seconds on the relay's clock. */
  readonly at: number;
  /** bytes per second, since the moment before */
  readonly inRate: number;
  readonly outRate: number;
  readonly live: number;
  readonly catchUp: number;
  readonly paused: number;
  readonly buffered: number;
  readonly kept: number;
  /** ms */
  readonly delay: number;
}

export class History {
  readonly moments: Moment[] = [];
  #before: Overview | undefined;
  #shares = new Map<number, { readonly inRate: number; readonly outRate: number }>();

  get last(): Moment | undefined {
    return this.moments.at(-1);
  }

  /** bytes per second of one share */
  rateOf(number: number): { readonly inRate: number; readonly outRate: number } {
    return this.#shares.get(number) ?? { inRate: 0, outRate: 0 };
  }

  /** @returns false: it is what was known already */
  add(overview: Overview): boolean {
    const before = this.#before;
    const seconds = before === undefined ? 0 : overview.at - before.at;
    if (before !== undefined && seconds === 0) return false;
    // A relay that began anew counts from 0, on another clock.
    const isSame = before !== undefined && seconds > 0 && overview.uptime >= before.uptime;
    if (!isSame) this.moments.length = 0;
    const per = (now: number, then: number | undefined): number =>
      isSame && then !== undefined ? Math.max(0, now - then) / seconds : 0;
    const { at, lanes, buffered, log, delays } = overview;
    this.moments.push({
      at,
      inRate: per(overview.bytesIn, before?.bytesIn),
      outRate: per(overview.bytesOut, before?.bytesOut),
      ...lanes,
      buffered,
      kept: log.held,
      delay: Math.max(0, ...delays),
    });
    if (this.moments.length > POINTS) this.moments.shift();
    const shares = new Map(before?.shares.list.map((share) => [share.number, share]));
    this.#shares = new Map(
      overview.shares.list.map(({ number, bytesIn, bytesOut }) => {
        const known = shares.get(number);
        const inRate = per(bytesIn, known?.bytesIn);
        return [number, { inRate, outRate: per(bytesOut, known?.bytesOut) }];
      }),
    );
    this.#before = overview;
    return true;
  }
}
