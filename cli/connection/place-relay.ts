/** The relay that a command uses; the search for it is loaded only where there is one. */
import { escapeForDisplay } from "../../protocol/wire/display.ts";
import type { RelayChoice } from "./relay-choice.ts";

export interface Search {
  /** The time for a relay to answer; undefined: no limit. ms */
  readonly connectTimeoutMs: number | undefined;
  readonly json: boolean;
  readonly quiet?: boolean;
}

/** @throws FaultError as `findRelay` */
export async function placeRelay(choice: RelayChoice, search: Search): Promise<RelayChoice> {
  const { connectTimeoutMs, json, quiet = false } = search;
  if (choice.host === undefined) return choice;
  const { findRelay } = await import("./find-relay.ts");
  return findRelay(choice, connectTimeoutMs, { note: json || quiet ? undefined : tell });
}

function tell(sentence: string): void {
  process.stderr.write(`${escapeForDisplay(sentence)}\n`);
}
