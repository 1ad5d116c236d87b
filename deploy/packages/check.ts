/**
 * `bun run check-packages DIR`: the tools of each package manager read the packages of `bun run packages`. The workflow of
 * releases runs this on Debian with lintian, nix-bin, ruby and shellcheck.
 */
import { existsSync, readdirSync } from "node:fs";
import { join, resolve } from "node:path";

import { ROOT } from "../release.ts";

/** Files by the end of their names, and the words that read one. */
const READERS: readonly (readonly [end: string, words: readonly string[]])[] = [
  [".deb", ["lintian", "--allow-root", "--fail-on", "error", "--tag-display-limit", "0"]],
  [".nix", ["nix-instantiate", "--parse"]],
  [".rb", ["ruby", "-wc"]],
  [".sh", ["shellcheck", "-s", "sh"]],
];

const folder = resolve(ROOT, process.argv[2] ?? "dist/packages");
if (!existsSync(folder)) throw new Error(`${folder} is not there. Run "bun run packages" before.`);
const names = readdirSync(folder).toSorted();
const failed: string[] = [];
for (const [end, words] of READERS) {
  const files = names.filter((name) => name.endsWith(end));
  if (files.length === 0) failed.push(`no file *${end}`);
  for (const name of files) {
    const command = [...words, join(folder, name)];
    const child = Bun.spawnSync(command, { stdin: "ignore", stderr: "inherit" });
    console.log(`${child.exitCode === 0 ? "passed" : "failed"}: ${words[0]} ${name}`);
    // The derivation as Nix understood it helps nobody.
    if (child.exitCode === 0 && end === ".nix") continue;
    process.stdout.write(child.stdout);
    if (child.exitCode !== 0) failed.push(name);
  }
}
if (failed.length > 0) {
  console.error(`Not accepted: ${failed.join(", ")}`);
  process.exit(1);
}
