/**
 * The configuration file in TOML: options for the command lines that leave them out, in one section per command and one
 * for all. This file finds, reads and checks it against the definitions of the commands; `settings.ts` decides whether
 * the file, a variable or the command line wins. `fileshare config` and `doctor` show the same file.
 */
import { closeSync, lstatSync, openSync, readSync } from "node:fs";
import { join } from "node:path";
import type { ArgsDef } from "citty";

import { FaultError } from "../../protocol/wire/faults.ts";
import { errorCode, reasonOf } from "../system/system-error.ts";
import { expandHome, userFolder, type Environment } from "../system/shell.ts";
import { suggest } from "./command-line.ts";

/** Bytes of the configuration file; every option of every command needs a few hundred. */
const CONFIG_BYTES = 64 * 1024;

/** The options of a command that a configuration may set. */
export interface Settable {
  readonly args: ArgsDef;
  /** Names of the options that a configuration may set. */
  readonly settable: readonly string[];
  /** Names of the arguments that may be given several times. */
  readonly many: readonly string[];
}

/** The section whose options are for every command that has them. */
export const ALL = "all";

/** `fileshare config` hides the values of these options. */
export const SECRETS: ReadonlySet<string> = new Set(["token"]);

/** An option's value: that of a switch, text, or several texts where it may be given again. */
export type OptionValue = string | boolean | readonly string[];

/** Options by section: `all`, or the word of a command. */
type Config = ReadonlyMap<string, ReadonlyMap<string, OptionValue>>;

/** Where the file is, there or not; undefined: none is wanted, or there is no home for it. */
export function configPath(env: Environment): string | undefined {
  const named = env["FILESHARE_CONFIG"];
  if (named !== undefined) return named === "" ? undefined : expandHome(named);
  const above = userFolder("configuration", env);
  return above && join(above, "fileshare", "config.toml");
}

/** Why `configPath` names none. */
export function noFile(env: Environment): string {
  return env["FILESHARE_CONFIG"] === ""
    ? "FILESHARE_CONFIG is empty, so there is no file"
    : "This user has no home folder, so there is no file; FILESHARE_CONFIG can name one";
}

/** The text of the file; undefined where there is none. @throws FaultError "bad-config" */
export function configText(path: string, env: Environment): string | undefined {
  const bytes = Buffer.alloc(CONFIG_BYTES + 1);
  let length: number;
  try {
    const file = openSync(path, "r");
    try {
      length = readSync(file, bytes, 0, bytes.length, 0);
    } finally {
      closeSync(file);
    }
  } catch (error) {
    const code = errorCode(error);
    if (code === undefined) throw error;
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    // Another user's home, such as that of root in a container that gives its user id away.
    if (env["FILESHARE_CONFIG"] === undefined && !isReachable(path)) return undefined;
    throw bad(path, `it cannot be read (${reasonOf(error)})`);
  }
  if (length > CONFIG_BYTES) throw bad(path, `it has more than ${CONFIG_BYTES} bytes`);
  return bytes.toString("utf8", 0, length);
}

function isReachable(path: string): boolean {
  try {
    return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
  } catch {
    return false;
  }
}

/** @throws FaultError "bad-config" that names the line, or what is not known */
export async function parseConfig(
  path: string,
  text: string,
  commands: readonly (readonly [word: string, command: Settable])[],
): Promise<Config> {
  const sections = new Map<string, ReadonlyMap<string, OptionValue>>();
  const known = new Map<string, Settable>(commands);
  known.set(ALL, {
    args: Object.assign({}, ...commands.map(([, { args }]) => args)) as ArgsDef,
    many: commands.flatMap(([, { many }]) => many),
    settable: [...new Set(commands.flatMap(([, { settable }]) => settable))],
  });
  for (const [section, entries] of Object.entries(await parseToml(path, text))) {
    if (!isTable(entries)) throw bad(path, `${section} stands in no section, such as [${ALL}]`);
    const command = known.get(section);
    if (command === undefined) {
      const meant = suggest(section, [...known.keys()]);
      const hint = meant === undefined ? "" : ` (did you mean [${meant}]?)`;
      throw bad(path, `[${section}] is no command${hint}`);
    }
    const options = new Map<string, OptionValue>();
    for (const [name, value] of Object.entries(entries)) {
      options.set(name, optionValue(path, section, command, name, value));
    }
    sections.set(section, options);
  }
  return sections;
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((one) => typeof one === "string");
}

function isTable(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function optionValue(
  path: string,
  section: string,
  { args, settable, many }: Settable,
  name: string,
  value: unknown,
): OptionValue {
  if (!settable.includes(name)) {
    const meant = suggest(name, settable);
    const hint = meant === undefined ? "" : ` (did you mean ${meant}?)`;
    throw bad(path, `[${section}] has no option ${name}${hint}`);
  }
  if (args[name]?.type === "boolean") {
    if (typeof value === "boolean") return value;
    throw bad(path, `${name} in [${section}] takes true or false`);
  }
  if (typeof value === "string") return value;
  if (many.includes(name) && isTexts(value)) return value;
  if (typeof value === "number") return `${value}`;
  throw bad(path, `${name} in [${section}] takes a text in quotes, or a number`);
}

async function parseToml(path: string, text: string): Promise<object> {
  const { parse, TomlError } = await import("smol-toml");
  try {
    return parse(text);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const [reason = ""] = error.message.replace("Invalid TOML document: ", "").split("\n", 1);
    throw bad(path, `line ${error.line}: ${reason}`);
  }
}

function bad(path: string, why: string): FaultError {
  return new FaultError("bad-config", `${path}: ${why}`);
}
