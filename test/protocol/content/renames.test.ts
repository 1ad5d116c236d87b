/** Other names for those that cannot be written: by the share alone, and in bounded time. */
import { expect, test } from "bun:test";
import { giveNames, type Naming } from "../../../protocol/content/renames.ts";
import type { SafePath } from "../../../protocol/content/names.ts";

const NAMING: Naming = { renames: true, folds: () => true, holds: () => true };

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
