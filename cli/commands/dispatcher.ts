/** From the words of the command line to an exit code; nothing here is loaded before it is needed. */
import { renderUsage, type CommandDef } from "citty";

import manifest from "../../package.json" with { type: "json" };
import { EXIT, FaultError, faultMessage, type FaultCode } from "../../protocol/wire/faults.ts";
import { usage } from "../arguments/command-line.ts";
import { calledBy, commands, furtherCommands, program, registry } from "./registry.ts";
import type { Command } from "./command.ts";
import { isLate } from "../system/interrupts.ts";
import { VERSION } from "../system/version.ts";

const root: CommandDef = {
  meta: {
    name: program.name,
    version: manifest.version,
    description: program.description,
  },
  subCommands: Object.fromEntries(
    Object.entries(commands).map(([name, load]) => [name, async () => (await load()).definition]),
  ),
};

const VERSION_FLAGS: ReadonlySet<string> = new Set(["--version", "-v", "-V"]);

/** Runs a whole command line. @returns the exit code; never rejects */
export async function runCommandLine(words: readonly string[]): Promise<number> {
  try {
    return await dispatch(words[0] === "help" ? [...words.slice(1), "--help"] : words);
  } catch (error) {
    return await report(error, optionsOf(words).includes("--json"));
  }
}

async function dispatch(words: readonly string[]): Promise<number> {
  const [name] = words;
  const options = optionsOf(words);
  const help = options.includes("--help") || options.includes("-h");
  if (name === undefined || (help && name.startsWith("-"))) {
    const text = await helpText();
    if (help) process.stdout.write(text);
    else process.stderr.write(text);
    return help ? EXIT.done : EXIT.usage;
  }
  if (words.length === 1 && VERSION_FLAGS.has(name)) {
    process.stdout.write(`${VERSION}\n`);
    return EXIT.done;
  }
  const called = calledBy(words);
  if (called === undefined) {
    const { noSuchCommand } = await import("./no-such-command.ts");
    throw usage(noSuchCommand(words, Object.keys(commands)));
  }
  const further = furtherCommands(words, called.length);
  if (further.length > 0 && !help) {
    const { noSuchFurtherCommand } = await import("./no-such-command.ts");
    const why = noSuchFurtherCommand(words, further);
    if (why !== undefined) throw usage(why);
  }
  if (further.length > 0 && help) {
    process.stdout.write(await listText(further));
    return EXIT.done;
  }
  const command = await called.load();
  if (!help) return command.run(words.slice(called.length), registry);
  process.stdout.write(await helpText(command));
  return EXIT.done;
}

/** The words that may be options: those before `--`. */
function optionsOf(words: readonly string[]): readonly string[] {
  const end = words.indexOf("--");
  return end === -1 ? words : words.slice(0, end);
}

async function helpText(command?: Command): Promise<string> {
  // The list of commands below has their names already.
  const names = Object.keys(commands).join("|");
  const usage = (await renderUsage(command?.definition ?? root)).replace(
    names,
    "COMMAND [OPTIONS]",
  );
  const color = process.stdout.isTTY && !process.env["NO_COLOR"] && process.env["TERM"] !== "dumb";
  const lines = [...usage.split("\n"), "", "EXAMPLES", ""];
  for (const [line, meaning] of (command ?? program).examples) {
    lines.push(`  ${line}`, `      ${meaning}`);
  }
  const text = lines.map((line) => `${line.trimEnd()}\n`).join("");
  return color ? text : Bun.stripANSI(text);
}

/** Commands whose names have a word in common. */
async function listText(names: readonly string[]): Promise<string> {
  const lines = names.map(async (name) => {
    const { name: full, description } = (await commands[name]?.()) ?? program;
    return `  ${full}\n      ${description}\n`;
  });
  return (await Promise.all(lines)).join("");
}

/** An interruption by the deadline is a fault of its own. */
function lateFault(error: FaultError): FaultError {
  return error.code === "interrupted" && isLate() ? new FaultError("deadline-over") : error;
}

/** A lack of descriptors comes up anywhere, also where a part of this program is loaded. */
function systemFault(error: unknown): FaultError | undefined {
  const isFull = error instanceof Error && /\b(?:EMFILE|ENFILE)\b/.test(error.message);
  return isFull ? new FaultError("too-many-files", undefined, { cause: error }) : undefined;
}

/** A fault in its own words; whatever else is thrown is a mistake of ours. */
async function report(error: unknown, json: boolean): Promise<number> {
  const fault = error instanceof FaultError ? lateFault(error) : systemFault(error);
  const code: FaultCode = fault?.code ?? "internal";
  const detail = error instanceof Error ? error.message : String(error);
  const message = fault?.message ?? faultMessage("internal", detail.split("\n", 1)[0]);
  if (json) {
    const { jsonLine } = await import("../screen/json.ts");
    process.stdout.write(jsonLine({ event: "error", code, message }));
  } else {
    const { escapeForDisplay } = await import("../../protocol/wire/display.ts");
    process.stderr.write(`fileshare: ${escapeForDisplay(message)}\n`);
  }
  if (fault === undefined && process.env["FILESHARE_DEBUG"] === "1") {
    const stack = error instanceof Error ? error.stack : undefined;
    process.stderr.write(`${stack ?? detail}\n`);
  }
  return fault?.fault.exitCode ?? EXIT.failed;
}
