/** The line that says what a sender waits for, and how to end that; pure. */
import { count } from "./format.ts";
import { isThrough, type Gate, type Person } from "./people.ts";
import type { Goal } from "./screen.ts";

/**
 * @param gate the gate that the content waits at
 * @returns undefined while content moves
 */
export function waitLine(
  goal: Goal | undefined,
  people: readonly Person[],
  gate?: Gate,
): string | undefined {
  if (goal === undefined) return undefined;
  if (gate !== undefined) return gateLine(gate);
  const having = (word: Person["word"]): number => {
    return people.filter((person) => person.word === word).length;
  };
  if (having("receiving") + having("catching up") + having("checking") > 0) return undefined;
  const done = people.filter(isThrough).length;
  if (goal.stay)
    return `Serving until Ctrl-C; ${count(done, "receiver has", "receivers have")} all`;
  const missing = goal.receivers - done;
  const asked = having("waiting");
  if (missing > 0 && asked < missing) {
    const of = done === 0 ? "" : ` of ${goal.receivers}`;
    const which = of === "" ? count(missing, "receiver", "receivers") : `${missing}${of} receivers`;
    return `Waiting for ${which}; Ctrl-C ends`;
  }
  if (asked > 0) return `Waiting for ${count(asked, "answer", "answers")} there; Ctrl-C ends`;
  const lost = having("lost");
  return lost === 0 ? undefined : `Waiting for ${lost} lost to return; Ctrl-C ends`;
}

/** A share that begins with enough receivers, or after a while. */
function gateLine({ agreed, wanted }: Gate): string {
  const missing = wanted - agreed;
  if (missing <= 0) return "Waiting for the start; Ctrl-C ends";
  const which = wanted === 1 ? "a receiver" : `${missing} of ${wanted} receivers`;
  return `Waiting for ${which} to start; Ctrl-C ends`;
}
