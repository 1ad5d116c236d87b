/** Names on disk: they stay in the chosen folder, and no two are one for any file system. */
import { describe, expect, test } from "bun:test";

import { collisionKey, nameProblem } from "../../../protocol/content/names.ts";
import {
  downloadName,
  isOneFile,
  numbered,
  PARTIAL_SUFFIX,
  placesOf,
  safePart,
} from "../../../web/save/names.ts";
import { file, folder } from "./offers.ts";

describe("a part of a path", () => {
  test.each([
    "..",
    ".",
    "",
    "a/b",
    "a\\b",
    "C:",
    "con",
    "NUL.txt",
    "end.",
    "end ",
    "a\u0000b",
    "a\nb",
    "invoice\u202Efdp.exe",
    "\u200B",
    "~",
    "x".repeat(300),
    "é".repeat(200),
    "\uD800",
  ])("is made safe: %j", (part) => {
    const safe = safePart(part);
    expect(nameProblem(safe)).toBeUndefined();
    expect(safe).not.toContain("/");
  });

  test("stays as it is where every system takes it", () => {
    for (const name of ["a.txt", ".bashrc", "שלום.pdf", "autorun.inf", "a (2).tar.gz"]) {
      expect(safePart(name)).toBe(name);
    }
  });
});

describe("places of a tree", () => {
  test("keep folders, also empty ones", () => {
    expect(placesOf([folder("tree/empty"), file("tree/sub/a.txt", 1)])).toEqual([
      { folders: ["tree"], name: "empty" },
      { folders: ["tree", "sub"], name: "a.txt" },
    ]);
  });

  test("keep names apart that some file system takes for one", () => {
    const places = placesOf([file("t/A.txt", 1), file("t/a.txt", 1), file("t/a (2).txt", 1)]);
    const keys = places.map(({ name }) => collisionKey(name));
    expect(new Set(keys).size).toBe(3);
    expect(places[0]).toEqual({ folders: ["t"], name: "A.txt" });
  });

  test("lead nowhere else, whatever the paths are", () => {
    for (const { folders, name } of placesOf([
      file("../../etc/passwd", 1),
      file("/abs", 1),
      file("a//b", 1),
      file("..", 1),
    ])) {
      for (const part of [...folders, name]) expect(nameProblem(part)).toBeUndefined();
    }
  });

  test("F11 give no whole file a name that some file system takes for that of a partial", () => {
    // The ligature and the long s fold to plain letters where capitals do not count.
    const paths = ["a.\uFB01leshare-part", "b.file\u017Fhare-part", "c.FILESHARE-PART"];
    const names = placesOf(paths.map((path) => file(path, 1))).map(({ name }) => name);
    expect(names).toEqual(paths.map((path) => `${path}_`));
  });

  test("give no whole file the name of a partial", () => {
    const [place] = placesOf([file(`t/a${PARTIAL_SUFFIX.toUpperCase()}`, 1)]);
    expect(place?.name.toLowerCase().endsWith(PARTIAL_SUFFIX)).toBe(false);
  });
});

describe("the name of a download", () => {
  test("is that of a single file", () => {
    expect(downloadName([file("big.iso", 1)])).toBe("big.iso");
    expect(isOneFile([file("big.iso", 1)])).toBe(true);
  });

  test("is that of the folder that holds all", () => {
    expect(downloadName([file("tree/a", 1), folder("tree/b")])).toBe("tree.zip");
    expect(isOneFile([file("tree/a", 1)])).toBe(false);
  });

  test("counts files without a common folder", () => {
    expect(downloadName([file("a", 1), file("b", 1)])).toBe("2 files.zip");
  });

  test("gets its number before the extension", () => {
    expect(numbered("a.tar.gz", 2)).toBe("a.tar (2).gz");
    expect(numbered(".bashrc", 3)).toBe(".bashrc (3)");
    expect(numbered("tree", 1)).toBe("tree");
  });
});
