import { existsSync } from "node:fs";

import { CODE_WORDS, SECRET_WORDS } from "../../protocol/wire/limits.ts";
import { shellQuote } from "../system/shell.ts";
import { suggest } from "../arguments/command-line.ts";

/** Names of these commands in other programs. */
const SYNONYMS = new Map([
  ["recieve", "recv"],
  ["get", "recv"],
  ["download", "recv"],
  ["put", "send"],
  ["upload", "send"],
  ["share", "send"],
  ["ls", "list"],
  ["status", "list"],
  ["rm", "forget"],
  ["remove", "forget"],
  ["continue", "resume"],
  ["retry", "resume"],
  ["check", "doctor"],
  ["test", "doctor"],
  ["serve", "relay"],
  ["server", "relay"],
]);

/** Commands that take words of a person, which a suggestion repeats. */
const SINGLE: ReadonlySet<string> = new Set(["send", "recv", "resume", "forget"]);

/** Why the first word is no command, with what was probably meant. */
export function noSuchCommand(words: readonly string[], commands: readonly string[]): string {
  const first = words[0] ?? "";
  const later = words.find((word) => commands.includes(word));
  const line = (command: string, args: readonly string[]): string => {
    const call = ["fileshare", command, ...args.map((word) => shellQuote(word))].join(" ");
    return `there is no command "${first}" (did you mean ${call}?)`;
  };
  if (first === "version") return "fileshare --version prints the version";
  if (first === "fileshare") return "it begins with fileshare twice";
  if (first.startsWith("-")) {
    if (later === undefined) return `there is no option ${first} without a command`;
    return `options go after the command: fileshare ${later} ${shellQuote(first)}`;
  }
  const meant = SYNONYMS.get(first.toLowerCase()) ?? suggest(first, commands);
  if (existsSync(first)) return line("send", words);
  if (meant !== undefined) {
    // Behind a command of several words stands what only its own help explains.
    const args = SINGLE.has(meant) ? words.slice(1) : [];
    if (args.length === 0) return `there is no command "${first}" (did you mean ${meant}?)`;
    return line(meant, args);
  }
  if (isCode(words)) return "a code is no command (did you mean fileshare recv CODE?)";
  if (/^[a-z]+:\/\/.*#/i.test(first))
    return "a link is no command (did you mean fileshare recv LINK?)";
  if (/[./\\]/.test(first)) return line("send", words);
  return `there is no command "${first}" (fileshare send PATH sends, fileshare recv receives)`;
}

/** A code as one word, or each of its words by itself; no option belongs to it. */
function isCode(words: readonly string[]): boolean {
  const end = words.findIndex((word) => word.startsWith("-"));
  const typed = (end === -1 ? words : words.slice(0, end)).join(" ");
  const parts = typed.split(/[-_.,\s]+/).filter((part) => /^[a-z]{3,8}$/i.test(part));
  return parts.length === CODE_WORDS || parts.length === SECRET_WORDS;
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
