/**
 * How hard a code of a person's own is to guess. The library is loaded only where a sender has one: its dictionaries
 * take 0.2 s and 60 MB, about as much as the scrypt that follows.
 */
import type * as Core from "@zxcvbn-ts/core";
import type * as Common from "@zxcvbn-ts/language-common";
import type * as English from "@zxcvbn-ts/language-en";

import type { Code } from "../../protocol/code/code.ts";
import { FaultError } from "../../protocol/wire/faults.ts";

import { escapeForDisplay } from "../../protocol/wire/display.ts";

/**
 * Bits: guesses that a person's own code must withstand by zxcvbn's estimate. At 0.2 s of a core
 * each, 2^50 take 7 million core-years.
 */
export const OWN_CODE_BITS = 50;

/** Words that an attacker would try first with this program, and codes that its documents show. */
const OURS = ["fileshare", "relay", "lobby", "sender", "receiver", "share", "code", "secret"];
/** Characters of a part of the code that an error quotes. */
const QUOTED_CHARACTERS = 24;

let estimator: Core.ZxcvbnFactory | undefined;

/** Not by `import()`, as `send` of the library tells what is wrong before it returns. */
function loadEstimator(): Core.ZxcvbnFactory {
  const { ZxcvbnFactory } = require("@zxcvbn-ts/core") as typeof Core;
  const common = require("@zxcvbn-ts/language-common") as typeof Common;
  const english = require("@zxcvbn-ts/language-en") as typeof English;
  return new ZxcvbnFactory({
    dictionary: { ...common.dictionary, ...english.dictionary },
    graphs: common.adjacencyGraphs,
  });
}

/**
 * @param known words that a stranger may know of this user: names of people, machines and files
 * @throws FaultError "weak-code" for a code that takes fewer than 2^OWN_CODE_BITS guesses
 */
export function checkStrength(code: Code, known: readonly string[]): void {
  const { guesses, sequence } = (estimator ??= loadEstimator()).check(code, [...known, ...OURS]);
  const bits = Math.floor(Math.log2(guesses));
  if (bits >= OWN_CODE_BITS) return;
  const reasons = [...new Set(sequence.map(reasonOf).filter((reason) => reason !== undefined))];
  const why = reasons.length === 0 ? "" : ` (it has ${reasons.slice(0, 2).join(" and ")})`;
  throw new FaultError(
    "weak-code",
    `about 2^${bits} guesses find it, and 2^${OWN_CODE_BITS} are wanted${why}`,
  );
}

/** The weakness of a part of the code; undefined: none. */
function reasonOf({ pattern, token, ...match }: Core.MatchExtended): string | undefined {
  const shown = `"${escapeForDisplay(token.slice(0, QUOTED_CHARACTERS))}"`;
  switch (pattern) {
    case "repeat":
      return `a repeat, ${shown}`;
    case "sequence":
    case "wordSequence":
      return `a run, ${shown}`;
    case "spatial":
      return `neighbours on a keyboard, ${shown}`;
    case "date":
    case "regex":
      return `a date or year, ${shown}`;
    case "dictionary":
      return match["dictionaryName"] === "userInputs"
        ? `a name that others know, ${shown}`
        : `a common word or password, ${shown}`;
    default:
      return undefined;
  }
}
