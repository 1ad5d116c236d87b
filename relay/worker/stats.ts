/** Statistics of a worker for the bench, on request of the program that starts the relay. */
import type { Hub } from "../share/hub.ts";

/** Between two samples of how late the event loop is. ms */
const SAMPLE_MS = 10;
/** Between two reports. ms */
export const STATS_EVERY_MS = 100;

/** Of one worker, about a window of STATS_EVERY_MS. */
export interface WorkerStats {
  readonly worker: number;
  /** Bytes that wait for sockets, over all of them. */
  readonly buffered: number;
  /** The same of the socket with most. */
  readonly bufferedMost: number;
  /** How late each sample was. ms */
  readonly delays: readonly number[];
  /** Receivers in each lane. */
  readonly live: number;
  readonly catchUp: number;
  /** Changes of lane since the last report, the first entry into the live lane too, by receiver id in hex. */
  readonly switches: Readonly<Record<string, number>>;
}

export interface StatsOptions {
  readonly worker: number;
  readonly hub: Hub;
  readonly buffered: () => { readonly sum: number; readonly most: number };
  readonly report: (stats: WorkerStats) => void;
}

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
