/** The page works in browsers of two and a half years, so its code uses nothing that is newer. */
import { expect, test } from "bun:test";
import { Glob } from "bun";
import { join } from "node:path";

const ROOT = join(import.meta.dir, "../..");
/** Bun runs these, or they have a way for browsers without it. */
const ELSEWHERE = new Set([
  "web/build.ts",
  "web/mod.ts",
  "web/page-files.ts",
  "protocol/wire/bytes.ts",
]);

/** Chrome 120, Firefox 121 and Safari 17.4 lack at least one of each. */
const TOO_NEW: readonly RegExp[] = [
  /\.(?:to|from|setFrom)(?:Hex|Base64)\(/,
  /\bURL\.parse\(/,
  /\bArray\.fromAsync\(/,
  /\bPromise\.try\(/,
  /\bRegExp\.escape\(/,
  /\bMath\.(?:sumPrecise|f16round)\(/,
  /\bError\.isError\(/,
  /\bIterator\.(?:from|concat|prototype)\b/,
  /\.(?:values|keys|entries)\(\)\s*\.(?:map|filter|some|every|find|reduce|toArray|take|drop|flatMap|forEach)\(/,
  /\.(?:getOrInsert|getOrInsertComputed)\(/,
  /\.(?:union|difference|intersection|symmetricDifference|isSubsetOf|isSupersetOf|isDisjointFrom)\(/,
  /\b(?:Disposable|AsyncDisposable)Stack\b/,
  /\bTemporal\./,
];

const sources = (): string[] =>
  ["web/**/*.{ts,tsx}", "protocol/**/*.ts"]
    .flatMap((pattern) => Array.from(new Glob(pattern).scanSync(ROOT)))
    .filter((path) => !ELSEWHERE.has(path) && !path.endsWith("crypto-node.ts"));

test("nothing of the page needs a newer browser than the docs say", async () => {
  const found: string[] = [];
  const paths = sources();
  for (const path of paths) {
    const text = await Bun.file(join(ROOT, path)).text();
    for (const [at, line] of text.split("\n").entries()) {
      const isComment = /^\s*(?:\/?\*|\/\/)/.test(line);
      if (!isComment && TOO_NEW.some((each) => each.test(line))) found.push(`${path}:${at + 1}`);
    }
  }
  expect(paths).toContain("web/client/worker.ts");
  expect(found).toEqual([]);
  const docs = await Bun.file(join(ROOT, "docs/how-to/use-the-page.md")).text();
  expect(docs).toContain("Chrome and Edge 120, Firefox 121 and Safari 17.4");
});
