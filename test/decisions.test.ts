/** The decision records: their form, their index, and the libraries that they give reasons for. */
import { describe, expect, test } from "bun:test";

import manifest from "../package.json" with { type: "json" };
import { documents, read } from "./support/documents.ts";

/** A record is read in one go, but for the rows of its tables. */
const LINES = 60;

const SECTIONS = ["Context", "Decision", "Rejected", "Consequences"];

const FOLDER = "docs/decisions/";
const INDEX = `${FOLDER}README.md`;
const records = documents().filter((path) => path.startsWith(FOLDER) && path !== INDEX);

const titleOf = (text: string): string | undefined => /^# (\d{4}\. .+)\n/.exec(text)?.[1];

test("the records are numbered without gaps", () => {
  const numbers = records.map((path) => path.slice(FOLDER.length, FOLDER.length + 4));
  expect(numbers).toEqual(records.map((_, index) => String(index + 1).padStart(4, "0")));
});

test("the index lists every record with its title, in order", async () => {
  const lines = (await read(INDEX)).split("\n").filter((line) => line.startsWith("- "));
  const expected = await Promise.all(
    records.map(async (path) => {
      const title = titleOf(await read(path));
      return `- [${title}](${path.slice(FOLDER.length)})`;
    }),
  );
  expect(lines).toEqual(expected);
});

describe.each(records)("%s", (path) => {
  test("has a title with its number, the four sections, and few lines", async () => {
    const text = await read(path);
    expect(path).toMatch(/\/\d{4}(?:-[a-z0-9]+)+\.md$/);
    expect(titleOf(text)).toStartWith(`${path.slice(FOLDER.length, FOLDER.length + 4)}. `);
    const [, ...sections] = text.split(/^## /m);
    expect(sections.map((section) => section.split("\n", 1)[0])).toEqual(SECTIONS);
    for (const section of sections) {
      expect(section.slice(section.indexOf("\n")).trim()).not.toBe("");
    }
    const prose = text.split("\n").filter((line) => !line.startsWith("| "));
    expect(prose.length).toBeLessThanOrEqual(LINES);
  });
});

test("the record of the libraries has a row for each of them, and no other", async () => {
  const text = await read(`${FOLDER}0054-libraries.md`);
  const rows = [...text.matchAll(/^\| (\S+)(?: \(built in\))? +\|.*\|$/gm)]
    .map(([row, name = ""]) => (row.includes("(built in)") ? "" : name))
    .filter((name) => name !== "" && name !== "library" && !name.startsWith("-"));
  const { fileshare: _self, ...development } = manifest.devDependencies;
  const all = Object.keys({ ...manifest.dependencies, ...development });
  expect(rows.toSorted()).toEqual(all.toSorted());
});
