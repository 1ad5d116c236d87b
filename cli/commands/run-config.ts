import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

import { EXIT, FaultError } from "../../protocol/wire/faults.ts";
import { escapeForDisplay } from "../../protocol/wire/display.ts";
import { usage } from "../arguments/command-line.ts";
import {
  ALL,
  SECRETS,
  configPath,
  configText,
  noFile,
  parseConfig,
} from "../arguments/configuration.ts";
import { reasonOf } from "../system/system-error.ts";
import { settingsFor, variableFor } from "../arguments/settings.ts";
import type { ConfigValues } from "./local-commands.ts";
import type { Call, Registry } from "./command.ts";

export async function runConfig(values: ConfigValues, { registry }: Call): Promise<number> {
  const asked = [values.edit, values.path, values.example, values.json].filter(Boolean);
  if (asked.length > 1) throw usage("give one of --edit, --path, --example and --json");
  if (values.example) {
    process.stdout.write(await exampleFile(registry));
    return EXIT.done;
  }
  const path = configPath(process.env);
  if (path === undefined && (values.path || values.edit)) throw usage(noFile(process.env));
  if (values.path) {
    process.stdout.write(`${path}\n`);
    return EXIT.done;
  }
  if (values.edit && path !== undefined) return edit(path, registry);
  await show(path, values.json, registry);
  return EXIT.done;
}

async function show(path: string | undefined, json: boolean, registry: Registry): Promise<void> {
  const all = await Promise.all(
    (await registry.loadAll()).map(async ([word, command]) => {
      const settings = await settingsFor(word, command, process.env, registry);
      const shown = [...settings].map(([name, setting]) => {
        return [name, SECRETS.has(name) ? { ...setting, value: "..." } : setting] as const;
      });
      return [word, shown] as const;
    }),
  );
  const set = all.filter(([, settings]) => settings.length > 0);
  if (json) {
    const object = Object.fromEntries(
      set.map(([word, settings]) => [word, Object.fromEntries(settings)]),
    );
    process.stdout.write(`${JSON.stringify({ path: path ?? null, options: object })}\n`);
    return;
  }
  const lines = [`Configuration file: ${fileShown(path)}`];
  for (const [word, settings] of set) {
    lines.push("", section(word));
    for (const [name, { value, from }] of settings) {
      lines.push(`${name} = ${JSON.stringify(value)}  # ${from === path ? "the file" : from}`);
    }
  }
  if (set.length === 0) lines.push("Nothing is set; fileshare config --edit changes that.");
  process.stdout.write(lines.map((line) => `${escapeForDisplay(line)}\n`).join(""));
}

function fileShown(path: string | undefined): string {
  if (path === undefined) return `none. ${noFile(process.env)}`;
  const isThere = configText(path, process.env) !== undefined;
  return `${path} (${isThere ? "read" : "there is no such file yet"})`;
}

/** TOML has quotes around a name with spaces. */
function section(word: string): string {
  return /^[\w-]+$/.test(word) ? `[${word}]` : `[${JSON.stringify(word)}]`;
}

/** The edited file is checked at once, not at the next command. */
async function edit(path: string, registry: Registry): Promise<number> {
  const { VISUAL, EDITOR } = process.env;
  const editor = VISUAL || EDITOR || undefined;
  if (configText(path, process.env) === undefined) writeNew(path, await exampleFile(registry));
  const child = Bun.spawn(editorCommand(editor, path), {
    stdio: ["inherit", "inherit", "inherit"],
  });
  const exitCode = await child.exited;
  if (exitCode !== 0) throw usage(`the editor ended with ${exitCode}`);
  await parseConfig(path, configText(path, process.env) ?? "", await registry.loadAll());
  return EXIT.done;
}

/** As git does it: the variable may hold arguments, which a shell takes apart. Windows may have none that does. */
export function editorCommand(
  editor: string | undefined,
  path: string,
  platform: NodeJS.Platform = process.platform,
): string[] {
  if (platform !== "win32") return ["sh", "-c", `${editor ?? "vi"} "$@"`, editor ?? "vi", path];
  const words = (editor ?? "notepad").match(/"[^"]+"|[^\s"]+/g) ?? [];
  return [...words.map((word) => word.replaceAll('"', "")), path];
}

/** @throws FaultError "bad-config" where it can't be written */
function writeNew(path: string, text: string): void {
  try {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text, { flag: "wx" });
  } catch (cause) {
    const why = `${path}: it cannot be made (${reasonOf(cause)}); FILESHARE_CONFIG can name another`;
    throw new FaultError("bad-config", why, { cause });
  }
}

/** Every option of every command, as comments. */
async function exampleFile(registry: Registry): Promise<string> {
  const lines = [
    "# Options of fileshare, for when they are not given on the command line.",
    `# A variable such as ${variableFor("relay")} wins over this file, an option over both;`,
    "# --no-NAME takes a switch back.",
    "",
    `# [${ALL}] is for every command that has the option.`,
    `[${ALL}]`,
    '# relay = "wss://relay.example"',
  ];
  for (const [word, { args, settable }] of await registry.loadAll()) {
    if (settable.length === 0) continue;
    lines.push("", section(word));
    for (const name of settable) {
      const { type, description = "" } = args[name] ?? {};
      lines.push(`# ${description}`, `# ${name} = ${type === "boolean" ? "true" : '""'}`);
    }
  }
  return `${lines.join("\n")}\n`;
}
