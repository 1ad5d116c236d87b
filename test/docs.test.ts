import { describe, expect, test } from "bun:test";
import { join } from "node:path";

import { calledBy, loadAll } from "../cli/commands/registry.ts";
import { checkArgs } from "../cli/arguments/command-line.ts";
import { constantsOf, isConstant } from "../docs/generate/constants.ts";
import { manualPage } from "../docs/generate/man.ts";
import { PAGES, withTables } from "../docs/generate/tables.ts";
import { documents, read } from "./support/documents.ts";
import { lacksProgram } from "./needs.ts";
import { EXIT } from "../protocol/wire/faults.ts";

const docs = join(import.meta.dir, "../docs");

/** Variables of the environment and of service managers. */
const OUTSIDE = /^(?:FILESHARE|XDG|LISTEN|HTTPS?|ALL|NO|CAP)_/;

const TABLES_OF = {
  "reference/protocol.md": 7,
  "reference/cli.md": 4,
  "reference/events.md": 6,
  "reference/relay.md": 3,
  "reference/page.md": 1,
  "reference/api.md": 8,
};

test.each(PAGES)("the tables of docs/%s are those of the code", async (name) => {
  const page = await Bun.file(join(docs, name)).text();
  const cells = (text: string): string[] =>
    text.split("\n").map((line) => line.replace(/-{3,}/g, "---").replace(/ +/g, " "));
  // Formatting pads the cells; the words are what matters.
  expect(cells(page)).toEqual(cells(withTables(page)));
  expect(page.match(/<!-- table: /g)).toHaveLength(TABLES_OF[name]);
});

test.each(PAGES)("every constant that docs/%s names has its value there", async (name) => {
  const names = constantsOf(await read(`docs/${name}`));
  const of = name === "reference/page.md" ? "pageConstants" : "constants";
  const others = names.filter((each) => !isConstant(each, of) && !OUTSIDE.test(each));
  expect(others).toEqual([]);
});

test("the README has fewer than 100 lines", async () => {
  expect((await read("README.md")).split("\n").length).toBeLessThan(100);
});

test("the guide to scripts lists every exit code", async () => {
  const rows = (await read("docs/how-to/use-in-scripts.md")).matchAll(/^\| ([\d, ]+?) +\|/gm);
  const codes = [...rows].flatMap(([, cell = ""]) => cell.split(", ").map(Number));
  expect(codes.toSorted((a, b) => a - b)).toEqual(Object.values(EXIT).toSorted((a, b) => a - b));
});

describe("the manual page", () => {
  const page = join(docs, "reference/fileshare.1");

  test("is that of the code", async () => {
    expect(await Bun.file(page).text()).toBe(await manualPage());
  });

  test.skipIf(lacksProgram("groff", "groff-base"))("is understood by groff", async () => {
    const child = Bun.spawn(["groff", "-man", "-Tutf8", "-ww", page], { stderr: "pipe" });
    const [out, warnings] = await Promise.all([child.stdout.text(), child.stderr.text()]);
    expect({ warnings, exitCode: await child.exited }).toEqual({ warnings: "", exitCode: 0 });
    // Bold is each letter twice, with a step back between.
    expect(out.replaceAll(/.[\b]/g, "")).toContain("--receivers N");
  });
});

/** A line with a call of fileshare, by itself or behind variables, pipes or the way to run it. */
const COMMAND_LINE = /^(?:[$#] )?(?:[^`]*\| )?(?:[A-Z_]+=\S+ )*(?:bunx )?fileshare [a-z]/;

/** @throws FaultError when a command does not take those words */
async function checkLine(line: string): Promise<void> {
  const call = /\bfileshare ([^|>)]*)/.exec(line)?.[1] ?? "";
  const words = [...call.matchAll(/'([^']*)'|"([^"]*)"|[^\s'"]+/g)].map(
    ([word, single, double]) => single ?? double ?? word,
  );
  const called = calledBy(words);
  if (called === undefined) throw new Error(`no command in: ${line}`);
  const command = await called.load();
  checkArgs(words.slice(called.length), command.args, command.many);
}

test("the command lines of all examples are well-formed", async () => {
  const all = await loadAll();
  for (const [, { examples }] of all) {
    expect(examples.length).toBeGreaterThan(0);
    for (const [line] of examples) await checkLine(line);
  }
});

describe.each(documents())("%s", (page) => {
  test("shows well-formed command lines of fileshare", async () => {
    const text = await read(page);
    const blocks = [...text.matchAll(/^```(?:sh|text|console)\n([^]*?)^```$/gm)].flatMap(
      ([, block = ""]) => block.split("\n"),
    );
    // A span that only begins as a command does is not one; a command has an option or a word that follows.
    const spans = [...text.matchAll(/`([^`\n]+)`/g)].map(([, span = ""]) => span);
    for (const line of [...blocks, ...spans].filter((each) => COMMAND_LINE.test(each))) {
      await checkLine(line);
    }
  });
});
