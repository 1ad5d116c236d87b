/** The relay that a command uses; the search for it is loaded only where there is one. */
import { escapeForDisplay } from "../protocol/names.ts";
import type { RelayChoice } from "./relay-choice.ts";

/**
 * @param timeoutMs how long it may take for a relay to answer; undefined: for ever
 * @throws FaultError as `findRelay`
 */
export async function placeRelay(
  choice: RelayChoice,
  timeoutMs: number | undefined,
  { json, quiet = false }: { readonly json: boolean; readonly quiet?: boolean },
): Promise<RelayChoice> {
  if (choice.host === undefined) return choice;
  const { findRelay } = await import("./find-relay.ts");
  return findRelay(choice, timeoutMs, { note: json || quiet ? undefined : tell });
}

function tell(sentence: string): void {
  process.stderr.write(`${escapeForDisplay(sentence)}\n`);
}
