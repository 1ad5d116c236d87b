/** The threat list and the names of tests cite the same ids. */
import { expect, test } from "bun:test";

import { read, ROOT } from "./support/documents.ts";

const DOCUMENT = "docs/threats.md";

/** A literal of a test that begins with an id, as names and rows of a table do. */
const CITING = /["'`](?:[CEFMPTW]\d{1,2}|CVE-\d{4}-\d+) [^\n]*/g;
const ID = /\b(?:[CEFMPTW]\d{1,2}|CVE-\d{4}-\d+)\b/g;

/** Rows by their id, with whether a test is named for it. */
async function listed(): Promise<Map<string, boolean>> {
  const text = await read(DOCUMENT);
  const rows = [...text.matchAll(/^\| ([A-Z]+\d[\w-]*|CVE[\w-]+) +\|(.*)\|$/gm)];
  return new Map(rows.map(([, id = "", rest = ""]) => [id, !/\| no test:/.test(rest)]));
}

async function cited(): Promise<Set<string>> {
  const ids = new Set<string>();
  for (const path of new Bun.Glob("test/**/*.test.ts").scanSync(ROOT)) {
    for (const [line] of (await read(path)).matchAll(CITING)) {
      for (const [id] of line.matchAll(ID)) ids.add(id);
    }
  }
  return ids;
}

test("every id in the name of a test is in the threat list", async () => {
  const known = await listed();
  expect([...(await cited())].filter((id) => !known.has(id))).toEqual([]);
});

test("every row of the threat list has a test, unless it says why not", async () => {
  const known = await listed();
  const tested = await cited();
  const claimed = [...known].filter(([, hasTest]) => hasTest).map(([id]) => id);
  expect(claimed.filter((id) => !tested.has(id))).toEqual([]);
  const excused = [...known].filter(([, hasTest]) => !hasTest).map(([id]) => id);
  expect(excused.filter((id) => tested.has(id))).toEqual([]);
});

test("the ids of each letter are numbered without gaps", async () => {
  const ids = [...(await listed()).keys()].filter((id) => !id.startsWith("CVE"));
  for (const letter of "FTPEMWC") {
    const mine = ids.filter((id) => id.startsWith(letter));
    expect(mine).toEqual(mine.map((_, index) => `${letter}${index + 1}`));
    expect(mine.length).toBeGreaterThan(0);
  }
});
