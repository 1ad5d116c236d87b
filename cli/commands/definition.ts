/** The words in which commands are defined: a definition is data, and its values follow from it. */
import type { ArgsDef } from "citty";

/** The values of a command's arguments: a boolean for a switch, else the text if given, or all texts. */
export type Values<Args extends ArgsDef, Many extends keyof Args> = {
  readonly [Name in keyof Args]: Name extends Many
    ? readonly string[]
    : Args[Name]["type"] extends "boolean"
      ? boolean
      : string | undefined;
};

export interface Definition<Args extends ArgsDef, Many extends keyof Args & string> {
  /** With the program's, such as `fileshare send`. */
  readonly name: string;
  readonly description: string;
  readonly args: Args;
  /** Arguments that may be given several times; all words are those of a positional one. */
  readonly many?: readonly Many[];
  /** Command lines with what they do. */
  readonly examples: readonly (readonly [line: string, meaning: string])[];
  /** Options of one run alone: neither a configuration file nor a variable sets them. */
  readonly typedOnly?: readonly (keyof Args & string)[];
  /** Options of which one at most makes sense: one that is given shuts out configured ones. */
  readonly rivals?: readonly (readonly (keyof Args & string)[])[];
}

/** The values that a definition gives to its code. */
export type ValuesOf<Defined> =
  Defined extends Definition<infer Args, infer Many> ? Values<Args, Many> : never;

export function define<const Args extends ArgsDef, const Many extends keyof Args & string = never>(
  spec: Definition<Args, Many>,
): Definition<Args, Many> {
  return spec;
}

/** An option that takes a value, which help calls by its hint. */
export function text<const Hint extends string>(valueHint: Hint, description: string) {
  return { type: "string", valueHint, description } as const;
}

export function flag(description: string) {
  return { type: "boolean", description } as const;
}

/** Words without an option. */
export function words(description: string) {
  return { type: "positional", required: false, description } as const;
}

/** Arguments about a relay that the command itself starts. */
export const carrying = {
  port: text(
    "n",
    "Start a relay at this port of this machine, and use it; 0 takes a free one (default: 8000, else a free one)",
  ),
  addresses: flag("List all addresses of the relay that this command starts, with their networks"),
} as const satisfies ArgsDef;

/** Arguments that several commands share. */
export const shared = {
  relay: text(
    "url,...",
    "The relay as ws://, wss://, http:// or https://; for a host alone, wss, port 8000 and port 80 are tried; of up to 16 relays with commas between them, each is tried in turn, so give both sides the same list (default: FILESHARE_RELAY, else a relay on this machine or in this network)",
  ),
  ca: text(
    "file",
    "Trust only the authorities in this PEM file for wss:// (default: those of this machine)",
  ),
  token: text(
    "token",
    "The token for a relay that asks for one; prefer FILESHARE_TOKEN, because other users can read arguments",
  ),
  "connect-timeout": text(
    "seconds",
    "Give up if the relay does not answer within this time (default: 10 s; most: 1 day)",
  ),
  timeout: text(
    "seconds",
    "End this long after the start with exit code 6, even at a question, and keep received data (default: no limit; most: 7 days)",
  ),
  json: flag("Print events for programs, one JSON object per line"),
  quiet: flag("Print only a new code, questions, errors and the summary of a stopped send"),
} as const satisfies ArgsDef;
