import type { ArgDef } from "citty";

import type { Command } from "../command.ts";

export type Commands = readonly (readonly [word: string, command: Command])[];

/** The kind of a value or of a word. */
export type Value = "files" | "folders" | "anything" | readonly string[];

export interface Option {
  readonly name: string;
  readonly description: string;
  /** undefined: a switch. */
  readonly value: Value | undefined;
}

export interface CommandWords {
  /** Several with a space between for a command such as `relay token add`. */
  readonly word: string;
  readonly description: string;
  readonly options: readonly Option[];
  readonly words: Value;
}

/** Words that begin commands of several, with the words that may come next: `relay token`: `add`, ... */
export type Further = readonly (readonly [begun: string, next: readonly string[]])[];

export function firstWords(commands: readonly CommandWords[]): string[] {
  return [...new Set(commands.map(({ word }) => word.split(" ", 1)[0] ?? ""))];
}

export function furtherWords(commands: readonly CommandWords[]): Further {
  const further = new Map<string, Set<string>>();
  for (const { word } of commands) {
    const words = word.split(" ");
    for (let length = 1; length < words.length; length++) {
      const begun = words.slice(0, length).join(" ");
      further.set(begun, (further.get(begun) ?? new Set()).add(words[length] ?? ""));
    }
  }
  return [...further].map(([begun, next]) => [begun, [...next]]);
}

/** The texts of several words that begin or call a command. */
export function longWords(further: Further): string[] {
  return further.flatMap(([begun, next]) => next.map((word) => `${begun} ${word}`));
}

const HELP: Option = { name: "help", description: "Print its help", value: undefined };

/** The commands as the scripts of all shells need them. */
export function wordsOf(commands: Commands): readonly CommandWords[] {
  return commands.map(([word, { description, args }]) => {
    const places = Object.entries(args).filter(([, { type }]) => type === "positional");
    const options = Object.entries(args).filter(([, { type }]) => type !== "positional");
    return {
      word,
      description,
      options: [
        ...options.map(([name, arg]) => ({
          name,
          description: arg.description ?? "",
          value: arg.type === "boolean" ? undefined : valueOf(arg.valueHint ?? "", arg),
        })),
        HELP,
      ],
      words: places.map(([name, arg]) => valueOf(arg.valueHint ?? name, arg))[0] ?? "anything",
    };
  });
}

/** The help names the kind of a value. */
function valueOf(hint: string, arg: ArgDef): Value {
  if (/^(?:file|path)s?$/.test(hint)) return "files";
  if (/^(?:dir|folder)$/.test(hint)) return "folders";
  // A list such as "bash, zsh or fish" says all there is.
  const list = /^\w+(?:, \w+)*,? or \w+(?=$|:)/.exec(arg.description ?? "")?.[0];
  return list?.split(/,? or |, /) ?? "anything";
}

/** The first sentence's worth of a description, for a menu. */
export function short(description: string): string {
  return description.replace(/ \(.*$/, "").split(/[;:] /, 1)[0] ?? "";
}

export function isList(value: Value | undefined): value is readonly string[] {
  return Array.isArray(value);
}
