/** The relay that a command uses; the search for it is loaded only where there is one. */
import { FaultError } from "../protocol/faults.ts";
import { escapeForDisplay } from "../protocol/names.ts";
import type { RelayChoice } from "./relay-choice.ts";

export interface Search {
  /** The time for a relay to answer; undefined: no limit. ms */
  readonly connectTimeoutMs: number | undefined;
  /** The time of `--timeout`, of which the search is a part; undefined: no limit. ms */
  readonly timeoutMs?: number | undefined;
  readonly json: boolean;
  readonly quiet?: boolean;
}

export interface Placed {
  readonly relay: RelayChoice;
  /** The rest of the time of `--timeout`. */
  readonly timeoutMs: number | undefined;
}

/** @throws FaultError as `findRelay`, and "deadline-over" */
export async function placeRelay(choice: RelayChoice, search: Search): Promise<Placed> {
  const { connectTimeoutMs, timeoutMs, json, quiet = false } = search;
  if (choice.host === undefined) return { relay: choice, timeoutMs };
  const startedAt = performance.now();
  const { findRelay } = await import("./find-relay.ts");
  const note = json || quiet ? undefined : tell;
  const over = timeoutMs === undefined ? undefined : AbortSignal.timeout(Math.ceil(timeoutMs));
  try {
    const relay = await findRelay(choice, connectTimeoutMs, { note, signal: over });
    const left = timeoutMs && Math.max(1, timeoutMs - (performance.now() - startedAt));
    return { relay, timeoutMs: left };
  } catch (error) {
    const isLate = error instanceof FaultError && error.code === "interrupted";
    if (isLate && over?.aborted === true) throw new FaultError("deadline-over");
    throw error;
  }
}

function tell(sentence: string): void {
  process.stderr.write(`${escapeForDisplay(sentence)}\n`);
}
