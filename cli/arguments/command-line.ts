/**
 * The check of a command line that citty leaves out: citty takes unknown options and surplus words in silence. One walk
 * takes the words apart (`piecesOf`); the check and the shortening of command lines that are remembered build on it.
 * The advice about slips (`suggest`) and the faults of wrong usage of every room are here too.
 */
import type { ArgsDef } from "citty";

import { FaultError } from "../../protocol/wire/faults.ts";
import { editDistance } from "../../protocol/code/mistyping.ts";

/** The parts of a command line: words without an option, and each value of every option. */
export interface Given {
  readonly words: readonly string[];
  readonly values: ReadonlyMap<string, readonly string[]>;
}

/** An option with its value, or a word without an option. */
interface Piece {
  /** The option's; undefined for a word that is none, and for `--` with all behind it. */
  readonly name?: string;
  /** Of an option that takes one. */
  readonly value?: string;
  readonly words: readonly string[];
}

/**
 * Checks the arguments after a command's name against its definition.
 * @param many arguments that may be given several times
 * @throws FaultError "usage" for an unknown option, a missing or needless value, or a surplus word
 */
export function checkArgs(
  raw: readonly string[],
  args: ArgsDef,
  many: readonly string[] = [],
): Given {
  const values = new Map<string, string[]>();
  const words: string[] = [];
  for (const { name, value, words: own } of piecesOf(raw, args)) {
    if (name === undefined) words.push(...own.slice(own[0] === "--" ? 1 : 0));
    else if (value !== undefined) values.set(name, [...(values.get(name) ?? []), value]);
  }
  const places = Object.keys(args).filter((name) => args[name]?.type === "positional");
  const surplus = words[places.length];
  if (surplus !== undefined && !places.some((name) => many.includes(name))) {
    throw usage(`"${surplus}" is one word too many (quote a name with spaces in it)`);
  }
  return { words, values };
}

function piecesOf(raw: readonly string[], args: ArgsDef): Piece[] {
  const options = Object.keys(args).filter((name) => args[name]?.type !== "positional");
  const pieces: Piece[] = [];
  for (let i = 0; i < raw.length; i++) {
    const word = raw[i] ?? "";
    if (word === "--") {
      pieces.push({ words: raw.slice(i) });
      break;
    }
    if (!word.startsWith("-") || word === "-") {
      pieces.push({ words: [word] });
      continue;
    }
    const [flag, value] = splitOnce(word);
    // A switch that a configuration sets is taken back by --no-...
    const name = flag.slice(isTakenBack(flag, args) ? "--no-".length : 2);
    const type = flag.startsWith("--") && options.includes(name) ? args[name]?.type : undefined;
    if (type === undefined) throw usage(unknown(flag, options));
    if (type === "boolean" && value !== undefined) throw usage(`${flag} takes no value`);
    if (type === "boolean") pieces.push({ name, words: [word] });
    else if (value !== undefined) pieces.push({ name, value, words: [word] });
    else {
      const next = raw[++i];
      if (next === undefined) throw usage(`${flag} needs a value`);
      if (next.startsWith("-") && next !== "-") {
        throw usage(`${flag} needs a value, not ${next} (if that is the value: ${flag}=${next})`);
      }
      pieces.push({ name, value: next, words: [word, next] });
    }
  }
  return pieces;
}

/** A command line without some of its options, and their values. */
export function withoutOptions(
  raw: readonly string[],
  args: ArgsDef,
  names: readonly string[],
): string[] {
  return piecesOf(raw, args)
    .filter(({ name }) => name === undefined || !names.includes(name))
    .flatMap(({ words }) => words);
}

/** The options of a command line, and their values. */
export function optionsIn(raw: readonly string[], args: ArgsDef): string[] {
  return piecesOf(raw, args)
    .filter(({ name }) => name !== undefined)
    .flatMap(({ words }) => words);
}

/** Whether an option stands in a command line, and not in a configuration. */
export function isTyped(raw: readonly string[], name: string): boolean {
  const end = raw.indexOf("--");
  const options = end === -1 ? raw : raw.slice(0, end);
  return options.some((word) => splitOnce(word)[0] === `--${name}`);
}

function isTakenBack(flag: string, args: ArgsDef): boolean {
  const name = /^--no-(.+)$/.exec(flag)?.[1];
  return name !== undefined && Object.hasOwn(args, name) && args[name]?.type === "boolean";
}

export function usage(detail: string): FaultError {
  return new FaultError("usage", detail);
}

/** Letters by which other programs know an option of ours. */
const LETTERS: Readonly<Record<string, string>> = {
  a: "ask",
  c: "code",
  e: "exclude",
  f: "overwrite",
  h: "help",
  j: "json",
  n: "name",
  o: "out",
  p: "port",
  q: "quiet",
  t: "token",
  v: "version",
  y: "yes",
};

function unknown(flag: string, options: readonly string[]): string {
  const letter = /^-+(\w)$/.exec(flag)?.[1]?.toLowerCase();
  if (letter !== undefined) {
    const long = LETTERS[letter];
    if (long !== undefined && options.includes(long)) {
      return `there is no option ${flag} (did you mean --${long}?)`;
    }
    const folders = letter === "r" && options.includes("exclude");
    return folders
      ? `there is no option ${flag} (folders are sent with all that is in them without it)`
      : `there is no option ${flag}`;
  }
  const meant = suggest(flag.replace(/^-+(?:no-)?/, ""), [...options, "help", "version"]);
  const hint = meant === undefined ? "" : ` (did you mean --${meant}?)`;
  return `there is no option ${flag}${hint}`;
}

function splitOnce(word: string): [string, string | undefined] {
  const at = word.indexOf("=");
  return at === -1 ? [word, undefined] : [word.slice(0, at), word.slice(at + 1)];
}

/** The candidate that was probably meant: one that the input begins, or few slips away. */
export function suggest(input: string, candidates: readonly string[]): string | undefined {
  const typed = input.toLowerCase();
  if (typed.length > 40) return undefined;
  const begun = typed.length < 2 ? [] : candidates.filter((name) => name.startsWith(typed));
  if (begun.length === 1) return begun[0];
  const slips = Math.max(1, Math.floor(typed.length / 3));
  const near = candidates
    .map((name) => ({ name, distance: editDistance(typed, name) }))
    .filter(({ name, distance }) => distance <= slips && distance < name.length)
    .toSorted((a, b) => a.distance - b.distance);
  return near[0]?.name;
}
