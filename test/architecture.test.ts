/** The pictures and paths of docs/architecture.md are those of the code. */
import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";

import { read, ROOT } from "./support/documents.ts";
import { ROOMS } from "./import-arrows.ts";

const text = await read("docs/architecture.md");

interface Step {
  readonly number: number;
  readonly file: string;
  readonly names: readonly string[];
}

/** The tables of paths, by the heading above them. */
function paths(): Map<string, Step[]> {
  const found = new Map<string, Step[]>();
  for (const section of text.split(/^## /m).slice(1)) {
    const steps = [...section.matchAll(/^\| (\d+) +\| `([^`]+)` +\| ([^|]+?) +\|/gm)].map(
      ([, number = "", file = "", names = ""]) => ({
        number: Number(number),
        file,
        names: [...names.matchAll(/`([^`]+)`/g)].map(([, name = ""]) => name),
      }),
    );
    if (steps.length > 0) found.set(section.split("\n", 1)[0] ?? "", steps);
  }
  return found;
}

test("there is a path of a record, an acknowledgement and a fault, also to another relay, with numbered steps", () => {
  const all = [...paths()];
  expect(all.map(([heading]) => heading)).toEqual([
    "The path of a record",
    "The path of a record to another relay",
    "The path of an acknowledgement",
    "The path of a fault: the relay is killed",
  ]);
  for (const [, steps] of all) {
    expect(steps.map(({ number }) => number)).toEqual(steps.map((_, index) => index + 1));
  }
});

test.each([...paths()])("each step of %s is where it says", async (_heading, steps) => {
  const wrong: string[] = [];
  for (const { number, file, names } of steps) {
    if (!existsSync(join(ROOT, file))) {
      wrong.push(`step ${number}: no ${file}`);
      continue;
    }
    const source = await read(file);
    if (names.length === 0) wrong.push(`step ${number}: names nothing`);
    for (const name of names) {
      const isThere = new RegExp(`(?<![\\w#])${name}(?!\\w)`).test(source);
      if (!isThere) wrong.push(`step ${number}: no ${name} in ${file}`);
    }
  }
  expect(wrong).toEqual([]);
});

test("the picture has every room, and no other", () => {
  const picture = /^```mermaid\n([^]*?)^```$/m.exec(text)?.[1] ?? "";
  const shown = new Set(
    [...picture.matchAll(/\b(?:cli|protocol|relay|web)\/[\w-]+/g)].map(([room]) => room),
  );
  const rooms = Object.entries(ROOMS).flatMap(([part, names]) =>
    names.filter((name) => !name.endsWith(".ts")).map((name) => `${part}/${name}`),
  );
  expect([...shown].toSorted()).toEqual(rooms.toSorted());
});

test("the glossary is sorted, and has each term once", () => {
  const glossary = text.split(/^## Glossary$/m)[1] ?? "";
  const terms = [...glossary.matchAll(/^\| ([^|]+?) +\|/gm)]
    .map(([, term = ""]) => term)
    .filter((term) => term !== "term" && !term.startsWith("-"));
  expect(terms.length).toBeGreaterThan(0);
  expect(terms).toEqual([...new Set(terms)].toSorted());
});
