import { existsSync } from "node:fs";

import { CODE_WORDS, SECRET_WORDS } from "../protocol/limits.ts";
import { shellQuote } from "./shell.ts";
import { suggest } from "./suggest.ts";

/** What people call it elsewhere. */
const SYNONYMS = new Map([
  ["receive", "recv"],
  ["recieve", "recv"],
  ["get", "recv"],
  ["download", "recv"],
  ["rx", "recv"],
  ["tx", "send"],
  ["put", "send"],
  ["upload", "send"],
  ["share", "send"],
  ["serve", "relay"],
  ["server", "relay"],
]);

/** Why the first word is no command, with what was probably meant. */
export function noSuchCommand(words: readonly string[], commands: readonly string[]): string {
  const first = words[0] ?? "";
  const later = words.find((word) => commands.includes(word));
  if (first.startsWith("-")) {
    if (later === undefined) return `there is no option ${first} without a command`;
    return `options go after the command: fileshare ${later} ${shellQuote(first)}`;
  }
  const meant = SYNONYMS.get(first.toLowerCase()) ?? suggest(first, commands);
  if (existsSync(first)) return `did you mean: fileshare send ${shellQuote(first)}`;
  if (meant !== undefined) return `there is no command "${first}" (did you mean ${meant}?)`;
  const parts = first.split(/[-_.]/).filter((part) => /^[a-z]{3,8}$/i.test(part));
  if (parts.length === CODE_WORDS || parts.length === SECRET_WORDS)
    return "did you mean: fileshare recv CODE";
  if (/[./\\]/.test(first)) return `did you mean: fileshare send ${shellQuote(first)}`;
  return `there is no command "${first}"`;
}

/**
 * Why the words call none of those commands that begin as they do, with what was probably meant.
 * @param further their names
 * @returns undefined: they look like none of them
 */
export function noSuchFurtherCommand(
  words: readonly string[],
  further: readonly string[],
): string | undefined {
  const end = words.findIndex((word) => word.startsWith("-"));
  const given = end === -1 ? words : words.slice(0, end);
  const typed = given.join(" ");
  const rest = further
    .filter((name) => name.startsWith(`${typed} `))
    .map((name) => name.slice(typed.length + 1));
  if (rest.length > 0) return `${typed} takes one of: ${rest.join(", ")}`;
  const [first = "", ...others] = given;
  // Words of a command may follow its name, and the first word is right.
  for (let length = others.length; length > 0; length--) {
    const names = further
      .map((name) => name.split(" ").slice(1))
      .filter((parts) => parts.length >= length)
      .map((parts) => parts.slice(0, length).join(" "));
    const meant = suggest(others.slice(0, length).join(" "), [...new Set(names)]);
    if (meant !== undefined) {
      return `there is no command "${typed}" (did you mean ${first} ${meant}?)`;
    }
  }
  return undefined;
}
