/** Makes the manual page, docs/reference/fileshare.1, from the table of commands. */
import { loadAll, program } from "../../cli/commands/registry.ts";
import { ENVIRONMENT } from "../../cli/arguments/environment.ts";
import manifest from "../../package.json" with { type: "json" };
import { EXIT } from "../../protocol/wire/faults.ts";
import { alsoCalled, argumentsOf, EXIT_MEANING, synopsis } from "./cli-tables.ts";

/** Text for roff: nothing in it is a request, and hyphens can be copied. */
function text(plain: string): string {
  const safe = plain.replaceAll("\\", "\\e").replaceAll("-", "\\-");
  return /^[.']/.test(safe) ? `\\&${safe}` : safe;
}

/** A term, and what it means, indented below it. */
function item(term: string, meaning: string): string[] {
  return [".TP", `.B ${text(term)}`, text(meaning)];
}

export async function manualPage(): Promise<string> {
  const commands = await loadAll();
  const sections = commands.flatMap(([word, command]) => [
    `.SS ${text(word)}`,
    `.B ${text(synopsis(command))}`,
    ".PP",
    text([command.description, ...alsoCalled(word)].map((sentence) => `${sentence}.`).join(" ")),
    ...argumentsOf(command.args).flatMap(({ typed, meaning }) => item(typed, meaning)),
  ]);
  const examples = [
    ...program.examples,
    ...commands.flatMap(([, command]) => command.examples),
  ].filter(([line], index, all) => all.findIndex(([other]) => other === line) === index);
  const lines = [
    '.\\" Made by: bun docs/generate/tables.ts',
    `.TH FILESHARE 1 "" "fileshare ${manifest.version}" "User Commands"`,
    ".SH NAME",
    text(`fileshare - ${program.description[0]?.toLowerCase()}${program.description.slice(1)}`),
    ".SH SYNOPSIS",
    ".B fileshare",
    ".I command",
    "[options]",
    ".SH DESCRIPTION",
    text(
      "One sender streams files through a relay to any number of receivers, each at its own pace. " +
        "Everyone with the code can receive; the relay sees ciphertext only. A receiver that is cut off " +
        "goes on from the last record on its disk when the same command is run again.",
    ),
    ".SH COMMANDS",
    ...sections,
    ".SH EXIT STATUS",
    ...Object.entries(EXIT).flatMap(([name, code]) =>
      item(`${code}`, EXIT_MEANING[name as keyof typeof EXIT]),
    ),
    ".SH ENVIRONMENT",
    ...ENVIRONMENT.flatMap(([name, meaning]) => item(name, meaning)),
    ".SH EXAMPLES",
    ...examples.flatMap(([line, meaning]) => item(line, meaning)),
  ];
  return `${lines.join("\n")}\n`;
}
