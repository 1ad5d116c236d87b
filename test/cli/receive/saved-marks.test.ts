import { describe, expect, test } from "bun:test";
import {
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";

import { markSaved, SAVED_KEPT, savedBefore } from "../../../cli/receive/saved-marks.ts";
import { statePath } from "../../../cli/system/state.ts";
import { stateOfEachTest } from "../../support/clients/own-state.ts";
import { temporaryFolder } from "../../support/disk.ts";

stateOfEachTest();

const SHARE = "5a".repeat(16);

/** A folder with a file in it, and a file, both saved and marked. */
function marked() {
  const folder = temporaryFolder();
  const out = folder.path;
  const inner = join(out, "tree", "a.txt");
  const single = join(out, "b.txt");
  mkdirSync(join(out, "tree"));
  writeFileSync(inner, "aaa");
  writeFileSync(single, "b");
  const saved = [
    { path: join(out, "tree"), files: 1, bytes: 3 },
    { path: single, files: 1, bytes: 1 },
  ];
  const job = { out, prefix: "" };
  markSaved(SHARE, job, saved);
  return { out, inner, single, saved, job, [Symbol.dispose]: () => folder[Symbol.dispose]() };
}

describe("a share that was saved whole", () => {
  test("is known by its mark, in its folder and with its prefix alone", () => {
    using has = marked();
    expect(savedBefore(SHARE, has.job)).toEqual(has.saved);
    expect(savedBefore(SHARE, { ...has.job, prefix: "x" })).toBeUndefined();
    expect(savedBefore(SHARE, { ...has.job, out: join(has.out, "tree") })).toBeUndefined();
    expect(savedBefore("00".repeat(16), has.job)).toBeUndefined();
  });

  test.each<readonly [string, (has: ReturnType<typeof marked>) => void]>([
    ["has another time", ({ inner }) => utimesSync(inner, 1, 1)],
    [
      "has another size and its time",
      ({ inner }) => {
        const { atime, mtime } = statSync(inner);
        writeFileSync(inner, "aaaa");
        utimesSync(inner, atime, mtime);
      },
    ],
    ["is gone", ({ inner }) => rmSync(inner)],
    ["has another name", ({ single, out }) => renameSync(single, join(out, "c.txt"))],
    ["has company", ({ out }) => writeFileSync(join(out, "tree", "more"), "")],
    [
      "is a link to itself",
      ({ single, out }) => {
        renameSync(single, join(out, "c.txt"));
        symlinkSync("c.txt", single);
      },
    ],
  ])("is not known once an entry %s", (_, change) => {
    using has = marked();
    change(has);
    expect(savedBefore(SHARE, has.job)).toBeUndefined();
  });
});

test("a share of very many files, or of none, has no mark", () => {
  using has = marked();
  for (const saved of [[], [{ path: has.single, files: 1001, bytes: 1 }]]) {
    const share = "77".repeat(16);
    markSaved(share, has.job, saved);
    expect(savedBefore(share, has.job)).toBeUndefined();
  }
});

test("the marks written first make room for new ones", () => {
  using has = marked();
  const first = readdirSync(statePath("saved"))[0]!;
  utimesSync(join(statePath("saved"), first), 1, 1);
  for (let i = 1; i < SAVED_KEPT; i++) writeFileSync(join(statePath("saved"), `${i}.json`), "");
  const share = "88".repeat(16);
  markSaved(share, has.job, has.saved);
  expect(readdirSync(statePath("saved"))).toHaveLength(SAVED_KEPT);
  expect(readdirSync(statePath("saved"))).not.toContain(first);
  expect(savedBefore(share, has.job)).toEqual(has.saved);
});
