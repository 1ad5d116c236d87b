import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import { FaultError } from "../../../protocol/wire/faults.ts";
import { NAME_BYTES, PATH_BYTES, PATH_DEPTH } from "../../../protocol/wire/limits.ts";
import {
  baseName,
  checkNames,
  foreignParts,
  isHiddenName,
  nameProblem,
  parseSafeName,
  parseSafePath,
  safetyProblem,
  type SafePath,
  senderName,
} from "../../../protocol/content/names.ts";
import { escapeForDisplay } from "../../../protocol/wire/display.ts";
import { anyPoint } from "../../support/any-point.ts";
import { faultOf } from "../../support/faults.ts";

const refused = (raw: unknown): FaultError => faultOf(() => parseSafePath(raw), "unsafe-name");
/** Quotes for a test's name: bun would print the name as it is. */
const shown = (names: string[]): [shown: string, name: string][] =>
  names.map((name) => [JSON.stringify(escapeForDisplay(name).slice(0, 40)), name]);

const hostile: Record<string, string[]> = {
  "F1 other folders": ["../x", "a/../../x", "..", ".", "", "a//b", "./a", "a/", "a/.", "a/..", "/"],
  "F2 absolute paths": ["/etc/passwd", "~/.bashrc", "~", "~root/x", "a/~", "file:///x", "//x/y"],
  "F5 controls": [
    ...Array.from("\0\r\n\t\u0001\u001f\u007f\u0080\u0085\u009f\u2028\u2029"),
    "a\0.txt",
    "x\ny",
    "x/y\r",
  ],
  "F6 terminal sequences": [
    "\u001b[2J",
    "\u001b]52;c;eA==\u0007",
    "\u001b]8;;http://x",
    "\u009b2J",
  ],
  "F7 direction marks": [
    "invoice\u202efdp.exe",
    ...Array.from("\u202a\u202b\u202c\u202d\u2066\u2067\u2068\u2069\u200e\u200f\u061c"),
  ],
  "F7 names that only look empty or dotted": ["\u200b", "\ufeff", ".\u200c.", "a/.\u2060"],
  "F8 lone surrogates": ["\ud800x", "\ud801x", "x\udc00", "a/\udfff"],
  "F10 lengths": [
    "a/".repeat(PATH_DEPTH + 1) + "x",
    "a/".repeat(10_000) + "x",
    `${"x".repeat(100)}/`.repeat(11) + "x",
    "x".repeat(1 << 20),
  ],
};

/** Safe, and impossible on some system. */
const foreign: Record<string, string[]> = {
  "F2 paths of Windows": ["C:\\x", "C:x", "\\\\srv\\s\\x", "\\\\?\\C:\\x"],
  "F3 backslashes": ["a\\..\\..\\x", "a\\b", "\\", "..\\x"],
  "F9 devices": [
    "CON",
    "con",
    "nul.txt",
    "NUL.tar.gz",
    "COM1",
    "com0",
    "LPT9.x",
    "LPT¹",
    "COM².txt",
    "Aux",
    "prn",
    "CONIN$",
    "conout$.x",
    "CLOCK$",
    "a/nul/b",
    "con .txt",
    "co\u200bn",
  ],
  "F9 characters and ends that Windows lacks": [
    "a.",
    "a ",
    "a. ",
    "a.\u200d",
    "...",
    " ",
    "a:b",
    "a::$DATA",
    "a/b./c",
    ...Array.from('<>"|?*', (character) => `a${character}b`),
  ],
  "F10 long names": [
    "x".repeat(NAME_BYTES + 1),
    "x".repeat(256),
    "\u{1F600}".repeat(255),
    "é".repeat(NAME_BYTES / 2) + "x",
  ],
};

for (const [rule, names] of Object.entries(hostile)) {
  describe(rule, () => {
    test.each(shown(names))("%s is refused", (_shown, name) => {
      refused(name);
      faultOf(() => parseSafeName(name), "unsafe-name");
      faultOf(() => senderName(name), "unsendable-name");
    });
  });
}

for (const [rule, names] of Object.entries(foreign)) {
  describe(`${rule} are safe, and not everywhere possible`, () => {
    test.each(shown(names))("%s", (_shown, name) => {
      expect(String(parseSafePath(name))).toBe(name);
      const problems = name.split("/").map((part) => [safetyProblem(part), nameProblem(part)]);
      expect(problems.every(([safety]) => safety === undefined)).toBe(true);
      expect(problems.some(([, any]) => any !== undefined)).toBe(true);
    });
  });
}

test("F9 the parts of a name that a system may lack are each tried alone", () => {
  expect(foreignParts("a:b:c?.")).toEqual(["x:x", "x?x", "x."]);
  expect(foreignParts("NUL.txt")).toEqual(["aux.x"]);
  expect(foreignParts("fine (1).txt")).toEqual([]);
});

test("a value that is no text is refused", () => {
  for (const raw of [undefined, null, 5, {}, ["a"], new Uint8Array(1)]) refused(raw);
});

test("F4 percent forms are literal names", () => {
  for (const name of ["%2e%2e%2f", "%2e%2e", "%00", "a%2fb"]) {
    expect(String(parseSafeName(name))).toBe(name);
  }
});

test.each(
  shown([
    "report.pdf",
    "folder/sub folder/a-b_c (1).tar.gz",
    ".bashrc",
    "..x",
    "x..y",
    "~backup~",
    "dir/~$draft.docx",
    "über/日本語/ß.txt",
    "\u{1F468}\u200d\u{1F469}\u200d\u{1F467}.png", // a family, joined by zero-width joiners
    "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645.txt", // Persian, with its zero-width non-joiner
    "console",
    "com10",
    "null.txt",
    "x".repeat(NAME_BYTES),
    "a/".repeat(PATH_DEPTH) + "x",
    `${"x".repeat(127)}/`.repeat(8).slice(0, PATH_BYTES - 1),
  ]),
)("%s is taken as it is", (_shown, name) => {
  expect(String(parseSafePath(name))).toBe(name);
});

test("a name has no folder, and a path's last part is a name", () => {
  faultOf(() => parseSafeName("a/b"), "unsafe-name");
  faultOf(() => senderName("a/b"), "unsendable-name");
  expect(String(parseSafeName("b"))).toBe("b");
  expect(String(senderName("b"))).toBe("b");
  expect(String(baseName(parseSafePath("a/b")))).toBe("b");
  expect(String(baseName(parseSafePath("b")))).toBe("b");
});

test("no path that passes can leave its folder", () => {
  const piece = fc.oneof(
    fc.constantFrom("..", ".", "/", "\\", "a", "C:", "~", "\0", "\u200b", " ", "%2e"),
    fc.string({ unit: anyPoint, maxLength: 3 }),
  );
  fc.assert(
    fc.property(
      fc.array(piece, { maxLength: 6 }).map((pieces) => pieces.join("")),
      (raw) => {
        let path: SafePath;
        try {
          path = parseSafePath(raw);
        } catch (error) {
          expect(error).toBeInstanceOf(FaultError);
          return;
        }
        const encoded = path.split("/").map(encodeURIComponent).join("/");
        const there = new URL(`./${encoded}`, "file:///root/folder/");
        expect(there.href.startsWith("file:///root/folder/")).toBe(true);
        for (const name of path.split("/")) {
          expect(["", ".", ".."]).not.toContain(name.replaceAll("\u200b", ""));
          expect(name).not.toMatch(/\0/);
        }
      },
    ),
    { numRuns: 500 },
  );
});

test("F5 F6 F7 a fault quotes the name escaped and cut", () => {
  expect(refused("\u001b[2J\u202e").detail).toBe(
    '"\\u{1b}[2J\\u{202e}": it has a control character',
  );
  expect(refused("x".repeat(1 << 20)).detail!.length).toBeLessThan(200);
  expect(faultOf(() => senderName("a\tb"), "unsendable-name").detail).toBe(
    '"a\\u{9}b": receivers would refuse it: it has a control character',
  );
});

/** A path that ends with "/" is a folder with an entry of its own. */
const together = (...raw: string[]): number => counted(Infinity, ...raw);
const counted = (most: number, ...raw: string[]): number =>
  checkNames(
    raw.map((text) => ({
      path: parseSafePath(text.replace(/\/$/, "")),
      type: text.endsWith("/") ? "folder" : "file",
    })),
    most,
  );
const collide = (...raw: string[]): void => void faultOf(() => together(...raw), "unsafe-name");

test("F11 names that some file system takes for one are refused", () => {
  collide("A", "a");
  collide("\u00e9", "e\u0301"); // é in NFC and NFD
  collide("ß", "ss");
  collide("\ufb01", "fi"); // the ligature
  collide("\u212a", "k"); // the Kelvin sign
  collide("x/A.txt", "x/a.TXT");
  collide("git", "g\u200cit"); // HFS+ drops the zero-width non-joiner
});

test("F11 two spellings of one folder are refused too", () => {
  collide("Docs/a", "docs/b");
  collide("stra\u00dfe/a", "strasse/b");
});

test("folders count that paths only lead through", () => {
  expect(together("a", "b")).toBe(0);
  expect(together("a/b/c/f", "a/b/g", "a/d/")).toBe(4);
  expect(together("a/", "a/f", "b/c/f", "a/g")).toBe(3);
  expect(counted(7, "a/b/c/f", "a/b/g", "d/")).toBe(4);
  const refused = faultOf(() => counted(5, "a/b/c/f", "a/b/g", "d/"), "share-too-big");
  expect(refused.detail).toBe("more than 5 files and folders");
  faultOf(() => counted(5, "a/b/c/d/e/f"), "share-too-big");
  expect(counted(6, "a/b/c/d/e/f")).toBe(5);
});

test("F12 one path twice, and a file where a folder must be", () => {
  collide("a", "a");
  collide("a", "a/b");
  collide("a/b", "a");
  collide("x/y", "X");
  collide("a/b/c", "z", "a/B");
  collide("a/", "a");
  collide("a", "a/");
  collide("a/", "a/");
  collide("a/b", "a/", "a/");
  collide("A/", "a/b");
  collide("a/b", "A/");
});

test("F11 F12 everything else goes together", () => {
  together();
  together("a", "b", "c/a", "c/b", "d/c/a", "c/c/a", "ab", "a b");
  together("a/b", "a/", "c/", "c/d", "e/", "f/g/", "f/");
  together(...Array.from({ length: 5000 }, (_, i) => `folder${i % 7}/${i}`));
});

test("F18 hidden names, and those that systems act upon, are told", () => {
  for (const path of [
    ".bashrc",
    ".ssh/authorized_keys",
    ".git/hooks/post-checkout",
    "a/.npmrc",
    "a/.b/c",
    "autorun.inf",
    "x/Desktop.INI",
    "\u200c.git",
  ]) {
    expect(isHiddenName(path)).toBe(true);
  }
  for (const path of ["a", "a.b", "a/b.c", "autorun.info"]) expect(isHiddenName(path)).toBe(false);
});

test("F6 F7 F8 a shown name moves no cursor and hides nothing", () => {
  expect(escapeForDisplay("a\u001b[2J\u0007\u009b\n")).toBe("a\\u{1b}[2J\\u{7}\\u{9b}\\u{a}");
  expect(escapeForDisplay("invoice\u202efdp.exe")).toBe("invoice\\u{202e}fdp.exe");
  expect(escapeForDisplay("a\u200bb\ufeff\u2060\u00ad")).toBe(
    "a\\u{200b}b\\u{feff}\\u{2060}\\u{ad}",
  );
  expect(escapeForDisplay("\ud800x\udc00")).toBe("\\u{d800}x\\u{dc00}");
  expect(escapeForDisplay("\u3164\u{e0041}\u2028")).toBe("\\u{3164}\\u{e0041}\\u{2028}");
  for (const plain of ["", "report (1).pdf", "über 日本語 \u{1F600}", "\u2764\ufe0f"]) {
    expect(escapeForDisplay(plain)).toBe(plain);
  }
});

test("F6 F7 nothing escaped needs escaping again, and no control is left", () => {
  fc.assert(
    fc.property(fc.string({ unit: anyPoint }), (text) => {
      const out = escapeForDisplay(text);
      expect(escapeForDisplay(out)).toBe(out);
      expect(out).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}]/u);
    }),
  );
});
