/** Links, files and identifiers that the documents cite are there, so a rename mends them too. */
import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";

import { documents, read, ROOT } from "./support/documents.ts";
import { ROOMS } from "./import-arrows.ts";

/** Documents whose single words in code are names of the code, and not options or outputs. */
const NAMING = /^docs\/(?:decisions\/\d|architecture\.md)/;

/** Paths in code that start with a folder of the repository. */
const PATH =
  /`((?:\.github|bench|cli|deploy|docs|protocol|relay|test|web)\/(?:[\w.-]+\/)*[\w.-]*)(?::\d+)?`/g;

const glob = new Bun.Glob("{bench,cli,docs,protocol,relay,test}/**/*.{ts,py}");

/** All words of the source, comments included. */
async function sourceWords(): Promise<Set<string>> {
  const words = new Set<string>();
  for (const path of glob.scanSync(ROOT)) {
    for (const [word] of (await read(path)).matchAll(/\w+/g)) words.add(word);
  }
  return words;
}

const withoutBlocks = (text: string): string => text.replaceAll(/^```[^]*?^```$/gm, "");

/** As GitHub makes them from headings. */
function anchorsOf(text: string): Set<string> {
  const headings = [...withoutBlocks(text).matchAll(/^#+ (.*)$/gm)];
  return new Set(
    headings.map(([, heading = ""]) =>
      heading
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N} _-]/gu, "")
        .replaceAll(" ", "-"),
    ),
  );
}

/** Whether a link from a document leads to a file and, behind `#`, to one of its headings. */
async function leads(document: string, link: string): Promise<boolean> {
  const [path = "", anchor] = link.split("#");
  const target = path === "" ? document : join(dirname(document), path);
  if (!existsSync(join(ROOT, target))) return false;
  return anchor === undefined || anchorsOf(await read(target)).has(anchor);
}

test("every relative link of a document leads to a file and a heading", async () => {
  const broken: string[] = [];
  for (const document of documents()) {
    const text = withoutBlocks(await read(document));
    for (const [, link = ""] of text.matchAll(/\]\((?!https?:|mailto:)([^)\s]+)[^)]*\)/g)) {
      if (!(await leads(document, link))) broken.push(`${document}: ${link}`);
    }
  }
  expect(broken).toEqual([]);
});

test("every file or folder that a document cites exists", async () => {
  const missing: string[] = [];
  for (const document of documents()) {
    for (const [, path = ""] of (await read(document)).matchAll(PATH)) {
      if (!existsSync(join(ROOT, path))) missing.push(`${document}: ${path}`);
    }
  }
  expect(missing).toEqual([]);
});

test("every identifier that a decision or the architecture cites is in the source", async () => {
  const words = await sourceWords();
  const missing: string[] = [];
  for (const document of documents().filter((path) => NAMING.test(path))) {
    const text = withoutBlocks(await read(document));
    const cited = [
      ...text.matchAll(/`([A-Za-z]\w*)`/g),
      ...text.matchAll(/\b([A-Z]+(?:_[A-Z]+)+)\b/g),
    ].map(([, name = ""]) => name);
    for (const name of new Set(cited)) {
      if (!words.has(name)) missing.push(`${document}: ${name}`);
    }
  }
  expect(missing).toEqual([]);
});

test("the map of CONTRIBUTING.md has every room, from the top to the bottom", async () => {
  const text = await read("CONTRIBUTING.md");
  const rows = [
    ...text.matchAll(/^\| \[`((?:cli|relay|protocol)\/[\w-]+)\/`\]\(\1\/README\.md\) +\|/gm),
  ];
  const rooms = Object.keys(ROOMS).flatMap((part) =>
    (ROOMS[part] ?? []).filter((room) => !room.endsWith(".ts")).map((room) => `${part}/${room}`),
  );
  const order = ["cli", "relay", "protocol"];
  const inOrder = order.flatMap((part) => rooms.filter((room) => room.startsWith(`${part}/`)));
  expect(rows.map(([, room]) => room)).toEqual(inOrder);
});
