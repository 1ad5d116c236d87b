import { parseArgs, type ArgsDef, type CommandDef } from "citty";

import { FaultError } from "../../protocol/wire/faults.ts";
import { checkArgs } from "../arguments/command-line.ts";
import { settingsFor, variableFor, type Setting } from "../arguments/settings.ts";

/** The values of a command's arguments: a boolean for a switch, else the text if given, or all texts. */
type Values<Args extends ArgsDef, Many extends keyof Args> = {
  readonly [Name in keyof Args]: Name extends Many
    ? readonly string[]
    : Args[Name]["type"] extends "boolean"
      ? boolean
      : string | undefined;
};

/** The definition of a command. */
export interface Spec<Args extends ArgsDef, Many extends keyof Args & string> {
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

/** What the code of a command gets from its definition. */
export type ValuesOf<Definition> =
  Definition extends Spec<infer Args, infer Many> ? Values<Args, Many> : never;

/** A command line besides its values. */
export interface Call {
  /** The words after the command's name. */
  readonly raw: readonly string[];
  readonly args: ArgsDef;
  readonly registry: Registry;
}

/** The code of a command. @returns the exit code. @throws FaultError */
export type Runner<Args extends ArgsDef, Many extends keyof Args & string> = (
  values: Values<Args, Many>,
  call: Call,
) => Promise<number> | number;

/** Keeps the literal types of a definition. */
export function define<const Args extends ArgsDef, const Many extends keyof Args & string = never>(
  spec: Spec<Args, Many>,
): Spec<Args, Many> {
  return spec;
}

/** A command as data, with arguments that are checked before it runs. */
export interface Command {
  readonly name: string;
  readonly description: string;
  readonly args: ArgsDef;
  /** Names of those that may be given several times. */
  readonly many: readonly string[];
  /** Names of the options that a configuration may set. */
  readonly settable: readonly string[];
  readonly definition: CommandDef;
  readonly examples: Spec<ArgsDef, never>["examples"];
  /** @returns the exit code. @throws FaultError */
  run(raw: readonly string[], registry: Registry): Promise<number>;
}

/** A command with the words that call it. */
export type NamedCommand = readonly [word: string, command: Command];

/** The table of all commands. The dispatcher hands it in, so that no command imports it. */
export interface Registry {
  /** By the words that call a command. */
  readonly commands: Readonly<Record<string, () => Promise<Command>>>;
  readonly loadAll: () => Promise<readonly NamedCommand[]>;
  /** The words that call a command besides its own. */
  readonly aliasesOf: (name: string) => readonly string[];
}

/** @param load the code that runs it, when it runs */
export function command<const Args extends ArgsDef, const Many extends keyof Args & string>(
  spec: Spec<Args, Many>,
  load: () => Promise<Runner<Args, Many>>,
): Command {
  const { name, description, args, examples, typedOnly = [], rivals = [] } = spec;
  const many: readonly string[] = spec.many ?? [];
  const settable = Object.keys(args).filter(
    (name) => args[name]?.type !== "positional" && !typedOnly.includes(name),
  );
  return {
    name,
    description,
    args,
    many,
    settable,
    definition: { meta: { name, description }, args },
    examples,
    run: async (raw, registry) => {
      const { words, values: texts } = checkArgs(raw, args, many);
      const parsed = parseArgs([...raw], args);
      const given = Object.keys(args).filter((name) => parsed[name] !== undefined);
      const settings = await settingsFor(
        name.replace("fileshare ", ""),
        { args, settable, many },
        process.env,
        registry,
      );
      await warnOfVariables(settable, registry);
      for (const group of rivals) {
        if (!group.some((rival) => given.includes(rival))) continue;
        for (const rival of group) settings.delete(rival);
      }
      if (settings.has("token") && settings.has("relay") && given.includes("relay")) {
        const { isSameRelay } = await import("../connection/relay-choice.ts");
        // A token that was configured beside a relay is for no other.
        if (!isSameRelay(parsed["relay"], settings.get("relay")?.value)) settings.delete("token");
      }
      const values = Object.entries(args).map(([name, { type }]) => {
        if (many.includes(name)) {
          const set = settings.get(name)?.value;
          const typed = type === "positional" ? words : texts.get(name);
          return [name, typed ?? (typeof set === "string" ? [set] : (set ?? []))];
        }
        const value: unknown = given.includes(name) ? parsed[name] : settings.get(name)?.value;
        if (type === "boolean") return [name, value === true];
        return [name, typeof value === "string" ? value : undefined];
      });
      try {
        const run = await load();
        return await run(Object.fromEntries(values) as Values<Args, Many>, { raw, args, registry });
      } catch (error) {
        throw withOrigin(error, given, settings);
      }
    },
  };
}

/** On stderr, so that a slip in a variable's name is found before it hurts. */
async function warnOfVariables(settable: readonly string[], registry: Registry): Promise<void> {
  if (!Object.keys(process.env).some((name) => name.startsWith("FILESHARE_"))) return;
  const { unknownVariables } = await import("../arguments/environment.ts");
  const all = async (): Promise<string[]> => {
    return (await registry.loadAll()).flatMap(([, command]) => command.settable.map(variableFor));
  };
  for (const sentence of await unknownVariables(process.env, settable.map(variableFor), all)) {
    process.stderr.write(`fileshare: ${sentence}\n`);
  }
}

/** A complaint about an option that was not typed also says where it stands. */
function withOrigin(
  error: unknown,
  given: readonly string[],
  settings: ReadonlyMap<string, Setting>,
): unknown {
  if (!(error instanceof FaultError) || error.code !== "usage") return error;
  const detail = error.detail ?? "";
  for (const [name, { from }] of settings) {
    if (given.includes(name) || !new RegExp(`--${name}(?![\\w-])`).test(detail)) continue;
    return new FaultError("usage", `${detail} (--${name} is set by ${from})`);
  }
  return error;
}

/** Arguments that several commands share. */
export const shared = {
  relay: {
    type: "string",
    valueHint: "url",
    description:
      "The relay as ws://, wss://, http:// or https://; for a host alone, wss, port 8000 and port 80 are tried (default: FILESHARE_RELAY, else ws://127.0.0.1:8000)",
  },
  ca: {
    type: "string",
    valueHint: "file",
    description:
      "Trust only the authorities in this PEM file for wss:// (default: those of this machine)",
  },
  token: {
    type: "string",
    valueHint: "token",
    description:
      "The token for a relay that asks for one; prefer FILESHARE_TOKEN, because other users can read arguments",
  },
  "connect-timeout": {
    type: "string",
    valueHint: "seconds",
    description:
      "Give up if the relay does not answer within this time (default: 10 s; most: 1 day)",
  },
  timeout: {
    type: "string",
    valueHint: "seconds",
    description:
      "End this long after the start with exit code 6, even at a question, and keep received data (default: no limit; most: 7 days)",
  },
  json: {
    type: "boolean",
    description: "Print events for programs, one JSON object per line",
  },
  quiet: {
    type: "boolean",
    description: "Print only a new code, questions, errors and the summary of a stopped send",
  },
} as const satisfies ArgsDef;
