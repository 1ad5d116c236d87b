/** What a worker tells of itself to whoever asks when it starts the relay: for the bench. */
import type { Hub } from "../share/hub.ts";

/** ms between two looks at the clock; each tells how late the event loop was */
const SAMPLE_MS = 10;
/** ms between two reports */
export const STATS_EVERY_MS = 100;

/** One worker's word about a window of STATS_EVERY_MS. */
export interface WorkerStats {
  readonly worker: number;
  /** bytes given to sockets that the kernel has not taken, over all of them */
  readonly buffered: number;
  /** the same of the socket with most */
  readonly bufferedMost: number;
  /** ms that each look at the clock came late */
  readonly delays: readonly number[];
  /** Receivers in each lane. */
  readonly live: number;
  readonly catchUp: number;
  /** Changes of lane since the report before, the first entry into the live one too, by receiver id in hex. */
  readonly switches: Readonly<Record<string, number>>;
}

export interface StatsOptions {
  readonly worker: number;
  readonly hub: Hub;
  readonly buffered: () => { readonly sum: number; readonly most: number };
  readonly report: (stats: WorkerStats) => void;
}

/** Reports until the timer that it returns is cleared. */
export function reportStats({ worker, hub, buffered, report }: StatsOptions): NodeJS.Timeout {
  let last = performance.now();
  let reported = last;
  let delays: number[] = [];
  return setInterval(() => {
    const now = performance.now();
    delays.push(Math.max(0, now - last - SAMPLE_MS));
    last = now;
    if (now - reported < STATS_EVERY_MS) return;
    reported = now;
    const { sum, most } = buffered();
    const lanes = { live: 0, catchUp: 0 };
    const switches: Record<string, number> = {};
    for (const { fanout } of hub.shares) {
      lanes.live += fanout.lanes.live;
      lanes.catchUp += fanout.attached - fanout.lanes.live;
      fanout.takeSwitches(switches);
    }
    report({ worker, buffered: sum, bufferedMost: most, delays, ...lanes, switches });
    delays = [];
  }, SAMPLE_MS);
}
