import type { ArgDef } from "citty";

import type { Command } from "../commands/command.ts";

export type Commands = readonly (readonly [word: string, command: Command])[];

/** What may follow an option, or stand alone. */
export type Value = "files" | "folders" | "anything" | readonly string[];

export interface Option {
  /** Without the dashes. */
  readonly name: string;
  readonly description: string;
  /** undefined: a switch. */
  readonly value: Value | undefined;
}

export interface CommandWords {
  readonly word: string;
  readonly description: string;
  readonly options: readonly Option[];
  /** What its words without dashes are. */
  readonly words: Value;
}

const HELP: Option = { name: "help", description: "Print its help", value: undefined };

/** What shells need to know of the commands. */
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

/** From how the help names the value. */
function valueOf(hint: string, arg: ArgDef): Value {
  if (/^(?:file|path)s?$/.test(hint)) return "files";
  if (/^(?:dir|folder)$/.test(hint)) return "folders";
  // A list such as "bash, zsh or fish" says all there is.
  const list = /^\w+(?:, \w+)*,? or \w+$/.exec(arg.description ?? "")?.[0];
  return list?.split(/,? or |, /) ?? "anything";
}

/** The first sentence's worth of a description, for a menu. */
export function short(description: string): string {
  return description.replace(/ \(.*$/, "").split(/[;:] /, 1)[0] ?? "";
}

export function isList(value: Value | undefined): value is readonly string[] {
  return Array.isArray(value);
}
