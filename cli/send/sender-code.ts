/** Whether a sender may use a code: a stranger who guesses it reads the content. */
import { hostname, userInfo } from "node:os";

import { checkWords, isOwnCode, type Code } from "../../protocol/code/code.ts";
import { checkStrength } from "./code-strength.ts";
import { homeFolder } from "../system/shell.ts";
import type { SendWhat } from "../job/jobs.ts";

/** Shorter parts of a name are in any text. */
const PART_CHARACTERS = 3;
/** Of names that are sent; the code's owner does not think of more. */
const KNOWN_WORDS = 200;

/**
 * A code that fileshare made passes at once; only one of a person's own is estimated.
 * @throws FaultError "weak-code"
 */
export function checkSenderCode(code: Code, what: SendWhat): void {
  if (!isOwnCode(code)) {
    checkWords(code);
    return;
  }
  checkStrength(code, knownWords([...namesOf(what), ...ownNames()]));
}

/** Names and their parts. */
export function knownWords(names: readonly string[]): string[] {
  const parts = names.flatMap((name) => {
    const text = name.toLowerCase();
    return [text, ...text.split(/[^a-z0-9]+/)];
  });
  const long = parts.filter((part) => part.length >= PART_CHARACTERS);
  return [...new Set(long)].slice(0, KNOWN_WORDS);
}

function namesOf(what: SendWhat): string[] {
  const named = what.name === undefined ? [] : [what.name];
  const paths = what.from === "paths" ? what.paths : [];
  return [...named, ...paths.flatMap((path) => path.split(/[\\/]/).slice(-2))];
}

function ownNames(): string[] {
  const { USER, LOGNAME, USERNAME } = process.env;
  const said = [USER, LOGNAME, USERNAME].filter((name) => name !== undefined);
  return [...said, userName(), hostname(), homeFolder() ?? ""];
}

/** A user id without an entry in the system's list has none. */
function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return "";
  }
}
