/**
 * What the bench and a load process say to each other: one JSON object per line.
 *
 * bench → load (stdin):  `plan`, then `go`, then `join` per group that waits, then `stop`.
 * load → bench (stdout): `ready` once everything is connected; `sample` every SAMPLE_MS from `go` on;
 * `wrong` at once when a byte, an order or a share is not right; `done` at the end. Then it exits.
 *
 * A sender says `ready` when it can be received from; it goes on until `stop` and answers that with
 * `done`. Receivers say `done` when all have everything but the slow and the stopped, who hold nobody
 * up, or at `stop`. At the end of stdin a load exits, so that none outlives its bench. What goes to
 * stderr is shown when the run fails. The sender is `ready` before the receivers get their plan, and
 * they before anyone gets `go`.
 */

export const SAMPLE_MS = 200;

export type ReceiverKind = "healthy" | "slow" | "stopped" | "late" | "churning";

/** Receivers that behave alike. */
export interface Group {
  readonly kind: ReceiverKind;
  readonly count: number;
  /** `slow`: reads so much per second, by pausing. bytes */
  readonly bytesPerSecond?: number;
  /** `stopped`: reads no more after so much. `churning`: cuts its line each time it took so much. bytes */
  readonly afterBytes?: number;
}

export interface Plan {
  readonly t: "plan";
  readonly url: string;
  /** 32 hex digits, new in each run: channels, shares and paths are made from it. */
  readonly id: string;
  /** bytes of the source */
  readonly size: number;
  /** `late` ones start when `join` names their group, others at `go`. */
  readonly groups: readonly Group[];
}

export type ToLoad =
  | Plan
  | { readonly t: "go" }
  | { readonly t: "join"; readonly group: number }
  | { readonly t: "stop" };

export type FromLoad =
  { readonly t: "ready" } | Sampled | { readonly t: "wrong"; readonly what: string } | Done;

export interface Sampled {
  readonly t: "sample";
  /** ms since the epoch, with fractions */
  readonly at: number;
  /** bytes so far of those receivers that `sampledReceivers` of result.ts chooses */
  readonly received: readonly number[];
  /** bytes of the source that the most advanced receiver has */
  readonly furthest: number;
}

export interface Done {
  readonly t: "done";
  /** Empty from a sender. */
  readonly receivers: readonly LoadReceiver[];
  /** Figures for `extra`, such as `recordsSentAgain`. */
  readonly extra: Readonly<Record<string, number>>;
}

/** All times are ms since the epoch, with fractions: clocks of one machine. */
export interface LoadReceiver {
  readonly kind: ReceiverKind;
  /** As the system names it; where its lane switches are counted by name. */
  readonly id?: string;
  /** bytes of the source that it has, each counted once */
  readonly bytes: number;
  readonly startedAt: number;
  readonly firstByteAt?: number;
  /** When a late one had all that the most advanced one had; absent: never, or not asked. */
  readonly headAt?: number;
  /** Absent: it does not have everything. */
  readonly doneAt?: number;
  /** records behind the most advanced one; absent where there are no records */
  readonly largestLag?: number;
  readonly bytesTwice: number;
  readonly gaps: number;
}

/** ms since the epoch, with fractions, on every process of this machine alike. */
export function clock(): number {
  return performance.timeOrigin + performance.now();
}
