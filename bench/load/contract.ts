/**
 * The messages between the bench and a load process: one JSON object per line.
 *
 * bench → load (stdin):  `plan`, then `go`, then `join` per group that waits, then `stop`; then perhaps
 * another `plan`, as the run that is measured follows on the one that warms up.
 * load → bench (stdout): `ready` once everything is connected; `wrong` at once when a byte, an order
 * or a share is not right; `through`; `done` at `stop`.
 *
 * A sender says `ready` when it can be received from; it goes on until `stop` and answers that with
 * `done`. Receivers are spread over several processes, each with a `Part` in its plan. One says
 * `through` when all that it has are, but the slow and the stopped, who hold nobody up; when all
 * processes are, all are told to `stop`. How far each is stands on a board meanwhile: see `board.ts`.
 * At the end of stdin a load exits, so that none outlives its bench. Its stderr is shown when
 * the run fails. The sender is `ready` before the receivers get their plan, and they before anyone
 * gets `go`.
 */

/** `waiting`: said hello in a channel in which nobody sends, and gets nothing. Where there are channels. */
export type ReceiverKind = "healthy" | "slow" | "stopped" | "late" | "churning" | "waiting";

/** Receivers that behave alike. */
export interface Group {
  readonly kind: ReceiverKind;
  readonly count: number;
  /** `slow`: reads so much per second, by pausing. bytes */
  readonly bytesPerSecond?: number;
  /** `stopped`: reads no more after so much. `churning`: cuts its line each time it took so much. bytes */
  readonly afterBytes?: number;
}

/** The part of a run's receivers that one of several processes has: every `of`-th from number `index` on. */
export interface Part {
  readonly index: number;
  readonly of: number;
  /** Path of the run's board. */
  readonly board: string;
}

export interface Plan {
  readonly t: "plan";
  readonly url: string;
  /** Where receivers go in turns, by their numbers; absent: to `url`. */
  readonly receiverUrls?: readonly string[];
  /** 32 hex digits, new in each run: channels, shares and paths are made from it. */
  readonly id: string;
  /** bytes of the source */
  readonly size: number;
  /** The most that the sender sends per second; absent: as fast as it is asked. bytes */
  readonly senderBytesPerSecond?: number;
  /** The sender has the relay store the share, and is `ready` when it is stored: then it has left. */
  readonly isStored?: boolean;
  /** Absent: for a sender. */
  readonly part?: Part;
  /** All of the run. `late` ones start when `join` names their group, others at `go`. */
  readonly groups: readonly Group[];
}

export type ToLoad =
  | Plan
  | { readonly t: "go" }
  | { readonly t: "join"; readonly group: number }
  /** `leaves`: with lines closed, as the system ends before the next plan. */
  | { readonly t: "stop"; readonly leaves?: boolean };

export type FromLoad =
  | { readonly t: "ready" }
  | { readonly t: "through" }
  | { readonly t: "wrong"; readonly what: string }
  | Done;

export interface Done {
  readonly t: "done";
  /** Empty from a sender. */
  readonly receivers: readonly LoadReceiver[];
  /** Figures for `extra`, such as `recordsSentAgain`. Those of several processes are added up. */
  readonly extra: Readonly<Record<string, number>>;
}

/** A late one is with the most advanced one. */
export interface Head {
  readonly at: number;
  /** bytes of the source that it had then */
  readonly bytes: number;
  /** bytes of the source that the most advanced one had then */
  readonly furthest: number;
}

/** All times are those of `clock`. */
export interface LoadReceiver {
  /** Its place among all receivers of the run, from 0. */
  readonly number: number;
  readonly kind: ReceiverKind;
  /** As the system names it; where its lane switches are counted by name. */
  readonly id?: string;
  /** bytes of the source that it has, each counted once */
  readonly bytes: number;
  /** Absent: it never did. */
  readonly startedAt?: number;
  readonly firstByteAt?: number;
  /** bytes that the most advanced one had when a late one started */
  readonly furthestAtStart?: number;
  /** When a late one had all that the most advanced one had; absent: never, or not asked. */
  readonly head?: Head;
  /** Absent: it does not have everything. */
  readonly doneAt?: number;
  /** records behind the most advanced one; absent where there are no records */
  readonly largestLag?: number;
  readonly bytesTwice: number;
  readonly gaps: number;
}

/**
 * ms since the epoch, with fractions, which the load processes of a run have alike: each reads the wall
 * clock once, when it starts, and goes on with the monotonic one. Whatever corrects the wall clock
 * between the starts of two processes comes between their clocks. Those of a run start together; the
 * bench may have started long before, so its own clock is not to be compared with theirs.
 */
export function clock(): number {
  return performance.timeOrigin + performance.now();
}
