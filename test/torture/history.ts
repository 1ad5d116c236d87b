/** All that happened in a run: one JSON object a line in a file, and the round at hand in memory. */
import { closeSync, openSync, writeSync } from "node:fs";
import type { ClientEvent } from "../../cli/mod.ts";
import { HISTORY_ENTRIES } from "./limits.ts";
import type { ClusterFault, ClusterPlan } from "./cluster/plan.ts";
import type { Fault, RoundPlan } from "./plan.ts";

/** Of one relay, or of a cluster. */
export type PlannedFault = Fault | ClusterFault;

/** A file as it lay in a receiver's folder at the end. */
export interface Copy {
  readonly path: string;
  readonly bytes: number;
  readonly sha256: string;
}

/** Why a process ended that would not have by itself; undefined: it did so by itself. */
export type Reason = "killed" | "told";

export type Happening =
  | { readonly what: "plan"; readonly seed: string; readonly plan: PlannedRound }
  | {
      readonly what: "source";
      readonly path: string;
      readonly bytes: number;
      readonly sha256: string;
    }
  | { readonly what: "start"; readonly who: string; readonly pid: number }
  | { readonly what: "event"; readonly who: string; readonly event: ClientEvent }
  | { readonly what: "said"; readonly who: string; readonly line: unknown }
  | {
      readonly what: "exit";
      readonly who: string;
      readonly pid: number;
      /** Undefined when a signal ended it. */
      readonly exitCode: number | undefined;
      readonly signal: string | undefined;
      readonly reason: Reason | undefined;
      readonly stderr: string;
    }
  /** A killed receiver had given the file its name, and nobody says whether the sender knows. */
  | { readonly what: "placed"; readonly who: string }
  /** The room of a receiver's disk was taken, or is there again. */
  | { readonly what: "disk"; readonly who: string; readonly full: boolean }
  | { readonly what: "fault"; readonly fault: PlannedFault; readonly skipped?: string }
  | { readonly what: "calm" }
  /** The most memory of its own that a process had so far. */
  | { readonly what: "memory"; readonly who: string; readonly bytes: number }
  /** Bytes that came to a relay from the others in a round, and how often it may have needed the share. */
  | {
      readonly what: "crossed";
      readonly who: string;
      readonly bytes: number;
      readonly times: number;
    }
  | { readonly what: "late"; readonly who: string }
  | { readonly what: "copies"; readonly who: string; readonly copies: readonly Copy[] }
  | { readonly what: "left over"; readonly who: string; readonly names: readonly string[] };

/** What the verdict looks at. */
type PlannedRound = Pick<RoundPlan, "round" | "name" | "bytes" | "receivers"> &
  Partial<Pick<ClusterPlan, "content">>;

/** `at` is ms since the run began. */
export type Entry = Happening & { readonly at: number };

export class History implements Disposable {
  readonly path: string;
  readonly #file: number;
  readonly #startedAt = performance.now();
  #entries: Entry[] = [];

  constructor(path: string) {
    this.path = path;
    this.#file = openSync(path, "ax");
  }

  /** Of the round at hand. */
  get entries(): readonly Entry[] {
    return this.#entries;
  }

  add(happening: Happening): void {
    const entry: Entry = { at: Math.round(performance.now() - this.#startedAt), ...happening };
    // At once: what a crash of this process cuts off is what one wants to read.
    writeSync(this.#file, `${JSON.stringify(entry)}\n`);
    if (this.#entries.length >= HISTORY_ENTRIES) throw new RangeError("too much in one round");
    this.#entries.push(entry);
  }

  /** Forgets the round at hand; the file keeps it. */
  nextRound(): void {
    this.#entries = [];
  }

  [Symbol.dispose](): void {
    closeSync(this.#file);
  }
}
