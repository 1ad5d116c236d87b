/**
 * A command from its definition and its code: `run` checks the words, adds what the environment and the configuration
 * file set, and hands the values over. `registry.ts` makes one for each definition; the dispatcher runs it.
 */
import { parseArgs, type ArgsDef, type CommandDef } from "citty";

import type { Code } from "../../protocol/code/code.ts";
import { FaultError } from "../../protocol/wire/faults.ts";
import type { Definition, Values } from "./definition.ts";
import { checkArgs } from "../arguments/command-line.ts";
import type { Route } from "../job/routes.ts";
import { settingsFor, variableFor, type Setting } from "../arguments/settings.ts";

/** A command line besides its values. */
export interface Call {
  /** The words after the command's name. */
  readonly raw: readonly string[];
  readonly args: ArgsDef;
  readonly registry: Registry;
  /** Whether an option was typed, or set by the environment or the configuration; undefined: it was not set. */
  readonly routeOf: (option: string) => Route | undefined;
  readonly earlier?: EarlierRun | undefined;
}

/** The run that `resume` goes on with. */
export interface EarlierRun {
  readonly code: Code;
  /** Its relay, which counts for all that the environment and the configuration say now. */
  readonly relay: string;
  readonly route: Route;
}

/** The code of a command. @returns the exit code. @throws FaultError */
export type Runner<Args extends ArgsDef, Many extends keyof Args & string> = (
  values: Values<Args, Many>,
  call: Call,
) => Promise<number> | number;

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
  readonly examples: Definition<ArgsDef, never>["examples"];
  /** @returns the exit code. @throws FaultError */
  run(raw: readonly string[], registry: Registry, earlier?: EarlierRun): Promise<number>;
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
  spec: Definition<Args, Many>,
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
    run: async (raw, registry, earlier) => {
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
      const other = earlier?.relay ?? (given.includes("relay") ? parsed["relay"] : undefined);
      if (settings.has("token") && settings.has("relay") && other !== undefined) {
        const { isSameRelay } = await import("../connection/relay-choice.ts");
        // A token that was configured beside a relay is for no other.
        if (!isSameRelay(other, settings.get("relay")?.value)) settings.delete("token");
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
      const routeOf = (option: string): Route | undefined => {
        return given.includes(option) ? "option" : settings.get(option)?.route;
      };
      const call = { raw, args, registry, routeOf, earlier };
      try {
        const run = await load();
        return await run(Object.fromEntries(values) as Values<Args, Many>, call);
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
