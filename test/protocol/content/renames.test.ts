/** Other names for those that cannot be written: by the share alone, and in bounded time. */
import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { ANY_SYSTEM, giveNames, type Naming } from "../../../protocol/content/renames.ts";
import {
  collisionKey,
  foreignParts,
  safetyProblem,
  type SafePath,
} from "../../../protocol/content/names.ts";

const NAMING: Naming = { ...ANY_SYSTEM, renames: true };

function renamed(paths: readonly string[]): string[] {
  const entries = paths.map((path) => ({ path: path as SafePath, type: "file" as const }));
  return giveNames(entries, NAMING).entries.map(({ path }) => path);
}

test("F9 F11 names that become one stem are numbered, past numbers that the share has", () => {
  expect(renamed(["a:.txt", "a~2.txt", "A?.txt", "a_.txt", "a*.TXT", "a|.txt"])).toEqual([
    "a_~1.txt",
    "a~2.txt",
    "A_~2.txt",
    "a_.txt",
    "a_~3.TXT",
    "a_~4.txt",
  ]);
  expect(renamed(["x:", "x_~1", "x?", "x<"])).toEqual(["x_", "x_~1", "x_~2", "x_~3"]);
});

test("F26 tens of thousands of names that become one cost no more than as many others", () => {
  const marks = ':?*<>|"';
  // Seven digits of base 7, in marks that no name may have.
  const names = Array.from({ length: 40_000 }, (_, at) => {
    const digits = at.toString(7).padStart(7, "0");
    return `x${Array.from(digits, (digit) => marks[Number(digit)]).join("")}`;
  });
  const found = renamed(names);
  expect(new Set(found).size).toBe(names.length);
  expect(found.at(-1)).toBe("x_______~39999");
});

/** A file system by the way it compares names, which makes and lists files as the real ones do. */
class Disk {
  readonly naming: Naming;
  readonly #keyOf: (name: string) => string;
  readonly #bytes: number;
  readonly #isWindows: boolean;

  constructor(keyOf: (name: string) => string, bytes: number, isWindows = false) {
    this.#keyOf = keyOf;
    this.#bytes = bytes;
    this.#isWindows = isWindows;
    this.naming = {
      renames: true,
      holds: (name) => this.holds(name),
      folded: (alike) => {
        const seen = new Set<string>();
        return new Set(alike.filter((name) => seen.size === seen.add(this.#keyOf(name)).size));
      },
    };
  }

  holds(name: string): boolean {
    const isHere = !this.#isWindows || foreignParts(name).length === 0;
    return isHere && new TextEncoder().encode(name).length <= this.#bytes;
  }

  /** Every file is made under its path, in folders that are made as they come. @throws for two of one path */
  make(paths: readonly string[]): void {
    const made = new Map<string, string>();
    for (const path of paths) {
      const names = path.split("/");
      for (let depth = 1; depth <= names.length; depth++) {
        if (!this.holds(names[depth - 1]!)) throw new Error(`no ${names[depth - 1]} here`);
        const own = names.slice(0, depth).join("/");
        const key = names.slice(0, depth).map(this.#keyOf).join("/");
        // A folder is there already under this very name, and a file is new.
        if ((made.get(key) ?? own) !== own || (depth === names.length && made.has(key))) {
          throw new Error(`${own} is ${made.get(key)}`);
        }
        made.set(key, own);
      }
    }
  }
}

const DISKS: readonly (readonly [string, Disk])[] = [
  ["Linux", new Disk((name) => name, 255)],
  ["eCryptfs", new Disk((name) => name, 143)],
  ["Windows", new Disk((name) => name.toUpperCase(), 255, true)],
  ["APFS", new Disk((name) => name.normalize("NFD").toLowerCase(), 255)],
  ["HFS+", new Disk(collisionKey, 255)],
];

const PIECES = [
  "a",
  "A",
  "b",
  "~1",
  "_",
  ".",
  " ",
  ":",
  "?",
  "\\",
  "con",
  "é",
  "e\u0301",
  "ß",
  "ss",
];
const RARE = [
  "fi",
  "ﬁ",
  "\u200c",
  "\u202e",
  "\n",
  "..",
  "~",
  "x".repeat(140),
  "é".repeat(120),
  ".txt",
];
const nameOf = fc
  .array(fc.oneof({ weight: 5, arbitrary: fc.constantFrom(...PIECES) }, fc.constantFrom(...RARE)), {
    minLength: 1,
    maxLength: 3,
  })
  .map((pieces) => pieces.join(""));
const pathsOf = fc.array(
  fc.array(nameOf, { minLength: 1, maxLength: 3 }).map((names) => names.join("/")),
  { minLength: 1, maxLength: 12 },
);

/** Only what a sender may offer: no path twice, and no file where a folder must be. */
function offered(paths: readonly string[]): string[] {
  const all = new Set(paths);
  const isFolder = (path: string): boolean =>
    [...all].some((other) => other.startsWith(`${path}/`));
  return [...all].filter((path) => !isFolder(path) && path.length < 1000);
}

test.each(DISKS)(
  "F9 F10 F11 on %s no two entries get one path, all can be made, and a later run finds the same",
  (_name, disk) => {
    fc.assert(
      fc.property(pathsOf, (drawn) => {
        const paths = offered(drawn);
        if (paths.length === 0) return;
        const entries = paths.map((path) => ({ path: path as SafePath, type: "file" as const }));
        const { entries: named } = giveNames(entries, disk.naming);
        const found = named.map(({ path }) => String(path));
        disk.make(found);
        for (const name of found.flatMap((path) => path.split("/"))) {
          expect(safetyProblem(name)).toBeUndefined();
        }
        expect(giveNames(entries, disk.naming).entries).toEqual(named);
        // A second pass changes no name: given names are good here.
        const again = giveNames(
          named.map(({ path, type }) => ({ path, type })),
          disk.naming,
        );
        expect(again.renames).toBeUndefined();
      }),
      { numRuns: 300 },
    );
  },
);

test.each([
  ["Windows", ["\u200c~1./a", "a"], ["_1_/a", "a"]],
  ["Windows", [".a/a", ".A/a"], [".a/a", ".A~1/a"]],
  ["HFS+", ["\u200c.txt", ".txt/a"], ["\u200c.txt", ".txt~1/a"]],
])("F9 no new name of a folder is that of a home: %s, %j", (where, paths, expected) => {
  const disk = DISKS.find(([each]) => each === where)![1];
  const entries = paths.map((path) => ({ path: path as SafePath, type: "file" as const }));
  const { entries: named } = giveNames(entries, disk.naming);
  expect(named.map(({ path }) => String(path))).toEqual(expected);
});

test("F11 a folder that is taken for another one keeps its files apart from those of the other", () => {
  const [, disk] = DISKS[2]!;
  const paths = ["Docs/a", "docs/a", "DOCS/b", "docs/b"];
  const entries = paths.map((path) => ({ path: path as SafePath, type: "file" as const }));
  const { entries: named } = giveNames(entries, disk.naming);
  expect(named.map(({ path }) => String(path))).toEqual([
    "Docs/a",
    "docs~1/a",
    "DOCS~2/b",
    "docs~1/b",
  ]);
});

test("F11 a file system that tells names apart keeps them all, and one that folds only some keeps those", () => {
  const paths = ["fi", "ﬁ", "FI", "é", "e\u0301", "ß", "SS"];
  const entries = paths.map((path) => ({ path: path as SafePath, type: "file" as const }));
  const on = (name: string): string[] => {
    const disk = DISKS.find(([each]) => each === name)![1];
    return giveNames(entries, disk.naming).entries.map(({ path }) => String(path));
  };
  expect(on("Linux")).toEqual(paths);
  expect(on("APFS")).toEqual(["fi", "ﬁ", "FI~1", "é", "e\u0301~1", "ß", "SS"]);
  expect(on("HFS+")).toEqual(["fi", "ﬁ~1", "FI~2", "é", "e\u0301~1", "ß", "SS~1"]);
});

test("F26 ten thousand names of one letter and its capital, in ten thousand folders", () => {
  const letters = Array.from({ length: 10_000 }, (_, at) => {
    const bits = at.toString(2).padStart(14, "0");
    return Array.from(bits, (bit) => (bit === "1" ? "A" : "a")).join("");
  });
  for (const [name, disk] of DISKS) {
    for (const paths of [letters, letters.map((letter) => `${letter}/x`)]) {
      const entries = paths.map((path) => ({ path: path as SafePath, type: "file" as const }));
      const found = giveNames(entries, disk.naming).entries.map(({ path }) => String(path));
      expect([name, new Set(found).size]).toEqual([name, paths.length]);
      disk.make(found);
    }
  }
});
