/** Counts of a share or a worker: traffic in all, and receivers by lane. */

/** Counters that only grow. A frame is a record with its head; other traffic is too little to count. */
export interface Totals {
  framesIn: number;
  bytesIn: number;
  framesOut: number;
  bytesOut: number;
  /** Records that senders were asked for a second time. */
  wantedAgain: number;
  /** Bytes of frames that the store gave. */
  bytesRead: number;
}

export interface LaneCounts {
  live: number;
  catchUp: number;
  /** Receivers that have not agreed, or stopped to take. */
  paused: number;
}

export function noTotals(): Totals {
  return { framesIn: 0, bytesIn: 0, framesOut: 0, bytesOut: 0, wantedAgain: 0, bytesRead: 0 };
}

export function addTotals(into: Totals, more: Totals): void {
  into.framesIn += more.framesIn;
  into.bytesIn += more.bytesIn;
  into.framesOut += more.framesOut;
  into.bytesOut += more.bytesOut;
  into.wantedAgain += more.wantedAgain;
  into.bytesRead += more.bytesRead;
}

export function noLanes(): LaneCounts {
  return { live: 0, catchUp: 0, paused: 0 };
}

export function addLanes(into: LaneCounts, more: LaneCounts): void {
  into.live += more.live;
  into.catchUp += more.catchUp;
  into.paused += more.paused;
}
