import type { FaultCode } from "../../protocol/mod.ts";

import type { Party } from "./party.ts";
import { checkWhole } from "./copies.ts";
import { isAble, type Scenario } from "./scenario.ts";
import type { SimSender } from "./sender.ts";
import type { SimStore } from "./store.ts";
import { isShortLived } from "./stored-scenario.ts";
import { Violation } from "./world.ts";

/** How a receiver ended; undefined: it did not. */
export function endOf({ home, process }: Party, key: string): FaultCode | "whole" | undefined {
  const end = home.ends.get(key);
  if (end !== undefined) return end.fault ?? "whole";
  return process?.finished?.fault;
}

/**
 * Checks how everybody ended with a share that was stored.
 * @throws Violation
 */
export function checkStored(
  scenario: Scenario,
  parties: readonly Party[],
  { share, outcome, name }: SimSender,
  store: SimStore,
): void {
  const reasons = reasonsOf(scenario, share.key, store);
  if (outcome === undefined) throw new Violation(`${name} has no outcome`);
  if (outcome.fault !== undefined && !reasons.has(outcome.fault)) {
    throw new Violation(`${name} ends with ${outcome.fault}`);
  }
  for (const party of parties) {
    const { plan, home } = party;
    if (!isAble(plan)) continue;
    const end = endOf(party, share.key);
    if (end === "whole") {
      const copy = home.disk.get(share.key);
      if (copy === undefined) throw new Violation(`${home.name} has nothing and says it is done`);
      checkWhole(copy, share);
    } else if (end === undefined ? !isLost(scenario, share.key, store) : !reasons.has(end)) {
      throw new Violation(`${home.name} ended with ${end ?? "nothing"}`);
    }
  }
}

/** Why somebody may be without the share. */
function reasonsOf(
  { store: plan, stream }: Scenario,
  key: string,
  store: SimStore,
): Set<FaultCode> {
  const reasons = new Set<FaultCode>(store.endsOf(key));
  if (store.exhausted(key) !== undefined) reasons.add("exhausted");
  // Before it was whole.
  if (plan === undefined || !isShortLived(plan)) return reasons;
  reasons.add("expired");
  // Nor can a sender that reads once begin anew.
  if (stream) reasons.add("bad-message").add("sender-gone");
  return reasons;
}

/** Whether it expired before it was whole: nobody is told later. */
export function isLost({ store: plan }: Scenario, key: string, store: SimStore): boolean {
  const isShort = plan !== undefined && isShortLived(plan);
  return isShort && store.facts(key) === undefined && store.tombstone(key) === undefined;
}
