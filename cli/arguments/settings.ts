/** Options that a command line leaves out: from the environment, else from the configuration file. */
import type { ArgDef } from "citty";

import {
  ALL,
  configPath,
  configText,
  parseConfig,
  type OptionValue,
  type Settable,
} from "./configuration.ts";
import { usage } from "./command-line.ts";
import { expandHome, type Environment } from "../system/shell.ts";
import type { Route } from "../job/routes.ts";

export interface Setting {
  readonly value: OptionValue;
  /** The variable, or the path of the file. */
  readonly from: string;
  readonly route: Extract<Route, "environment" | "configuration">;
}

/** The variable that stands for an option: `--connect-timeout` is FILESHARE_CONNECT_TIMEOUT. */
export function variableFor(option: string): string {
  return `FILESHARE_${option.replaceAll("-", "_").toUpperCase()}`;
}

/**
 * The settings of a command.
 * @param word the command's, which is its section of the file
 * @throws FaultError "bad-config", "usage" for a variable that is neither yes nor no
 */
export async function settingsFor(
  word: string,
  command: Settable,
  env: Environment,
  registry: { loadAll(): Promise<readonly (readonly [word: string, command: Settable])[]> },
): Promise<Map<string, Setting>> {
  const { args, settable } = command;
  const settings = new Map<string, Setting>();
  if (settable.length === 0) return settings;
  const path = configPath(env);
  const text = path === undefined ? undefined : configText(path, env);
  if (path !== undefined && text !== undefined) {
    // All commands are needed to know what is wrong in the file; without a file none.
    const sections = await parseConfig(path, text, await registry.loadAll());
    for (const section of [ALL, word]) {
      for (const [name, value] of sections.get(section) ?? []) {
        if (!settable.includes(name)) continue;
        settings.set(name, {
          value: withHome(args[name], value),
          from: path,
          route: "configuration",
        });
      }
    }
  }
  for (const name of settable) {
    const from = variableFor(name);
    const given = env[from];
    if (given === undefined || given === "") continue;
    const value =
      args[name]?.type === "boolean" ? yesOrNo(from, given) : withHome(args[name], given);
    settings.set(name, { value, from, route: "environment" });
  }
  return settings;
}

/** Of an option that takes a path: no shell has seen a configuration or an environment file. */
const PATH_HINTS: ReadonlySet<unknown> = new Set(["file", "dir", "folder"]);

function withHome(argument: ArgDef | undefined, value: OptionValue): OptionValue {
  const isPath = argument?.type === "string" && PATH_HINTS.has(argument.valueHint);
  return isPath && typeof value === "string" ? expandHome(value) : value;
}

function yesOrNo(variable: string, given: string): boolean {
  if (/^(?:1|true|yes|on)$/i.test(given)) return true;
  if (/^(?:0|false|no|off)$/i.test(given)) return false;
  throw usage(`${variable} takes 1 or 0`);
}
