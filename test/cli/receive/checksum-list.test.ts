/** The text of SHA256SUMS is what GNU writes and reads. */
import { describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";

import { checksumLine, withChecksums } from "../../../cli/receive/checksum-list.ts";
import { lacksProgram } from "../../needs.ts";
import { temporaryFolder } from "../../support/disk.ts";

const sumOf = (text: string): string => new Bun.CryptoHasher("sha256").update(text).digest("hex");
const ONE = sumOf("one");
const TWO = sumOf("two");
const MINE = `${ONE}  mine.iso\n`;

test.each([
  ["a.bin", `${ONE}  a.bin`],
  ["d/of it/a b", `${ONE}  d/of it/a b`],
  ["a\\b", `\\${ONE}  a\\\\b`],
  ["a\nb", `\\${ONE}  a\\nb`],
  ["a\rb", `\\${ONE}  a\\rb`],
  ["-", `${ONE}  ./-`],
])("the line of %j is GNU's", (path, line) => {
  expect(checksumLine({ path, sum: ONE })).toBe(line);
});

test.skipIf(lacksProgram("sha256sum", "coreutils"))("sha256sum -c finds files of all names", () => {
  using folder = temporaryFolder();
  const paths = ["a.bin", " b", "*c", "#d", "-", "ä", String.raw`e\n`, "f\ng", String.raw`\h`];
  for (const path of paths) writeFileSync(join(folder.path, path), path);
  const list = withChecksums(
    "",
    paths.map((path) => ({ path, sum: sumOf(path) })),
  );
  writeFileSync(join(folder.path, "SHA256SUMS"), list ?? "");
  const words = ["sha256sum", "--strict", "--quiet", "-c", "SHA256SUMS"];
  const { exitCode, stdout, stderr } = Bun.spawnSync(words, { cwd: folder.path });
  expect(`${stdout.toString()}${stderr.toString()}`).toBe("");
  expect(exitCode).toBe(0);
});

describe("a list that is there", () => {
  const NEW = [{ path: "a", sum: TWO }];

  test.each([
    ["keeps other lines, and gets the new ones behind them", MINE, `${MINE}${TWO}  a\n`],
    ["gets the new sum of a path in its old place", `${ONE}  a\n${MINE}`, `${TWO}  a\n${MINE}`],
    ["has one line for a path", `${ONE}  a\n${MINE}${ONE} *a\n`, `${TWO}  a\n${MINE}`],
    ["may name a path from its folder", `${ONE}  ./a\n`, `${TWO}  a\n`],
    ["keeps comments and empty lines", `# mine\n\n${MINE}`, `# mine\n\n${MINE}${TWO}  a\n`],
    ["may lack its last line break", MINE.trimEnd(), `${MINE}${TWO}  a\n`],
    ["may be in the form of BSD", `SHA256 (a) = ${ONE}\n`, `${TWO}  a\n`],
    ["may be empty", "", `${TWO}  a\n`],
  ])("%s", (_, before, after) => {
    expect(withChecksums(before, NEW)).toBe(after);
  });

  test("knows an escaped path again", () => {
    for (const path of ["a\nb", "a\rb", String.raw`a\b`]) {
      const old = `${checksumLine({ path, sum: ONE })}\n`;
      const fresh = `${checksumLine({ path, sum: TWO })}\n`;
      expect(withChecksums(old, [{ path, sum: TWO }])).toBe(fresh);
    }
  });

  test("is none with anything besides, which a new line could break", () => {
    for (const other of [
      "see you at eight\n",
      `${MINE}see you at eight\n`,
      `-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n${MINE}`,
      `${"0".repeat(128)}  sha512\n`,
      `${ONE}  a\r\n`,
      `\\${ONE}  a\\x\n`,
      `\uFEFF${MINE}`,
    ]) {
      expect(withChecksums(other, NEW)).toBeUndefined();
    }
  });
});
