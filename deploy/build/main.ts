/**
 * `bun run build`: binaries for all targets, with their checksums, the list of their parts and all licences, in `dist/`.
 *
 *   bun run build                      every target of targets.ts
 *   bun run build --only linux-x64     one; may be repeated
 *   bun run build --out DIR            another folder
 *   bun run build --commit NAME        for sources without Git, such as those of a container
 *
 * `SHA256SUMS` names every file that this run made.
 */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";

import { bundlePages, makeBinary, ROOT, sourcesHere } from "./binary.ts";
import { bundledPackages } from "./inventory.ts";
import { licencesText } from "./licences.ts";
import { sbomOf } from "./sbom.ts";
import { fileNameOf, targetsNamed } from "./targets.ts";

const { values } = parseArgs({
  options: {
    only: { type: "string", multiple: true },
    out: { type: "string", default: "dist" },
    commit: { type: "string" },
  },
});
const targets = targetsNamed(values.only ?? []);
const folder = resolve(ROOT, values.out);
await mkdir(folder, { recursive: true });

const { build, at } = sourcesHere(values.commit);
const [bundles, packages] = await Promise.all([bundlePages(), bundledPackages()]);
const texts = {
  "fileshare.spdx.json": `${JSON.stringify(sbomOf(packages, build, at), null, 2)}\n`,
  "LICENSES.txt": licencesText(packages),
};
for (const [name, text] of Object.entries(texts)) await writeFile(join(folder, name), text);
// One after the other: each is held in memory.
for (const target of targets) {
  const started = performance.now();
  const path = await makeBinary(target, folder, { bundles, build });
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  const mib = (Bun.file(path).size / 2 ** 20).toFixed(1);
  console.log(`${fileNameOf(target.name).padEnd(28)} ${mib.padStart(6)} MiB  ${seconds} s`);
}
const made = [...targets.map(({ name }) => fileNameOf(name)), ...Object.keys(texts)];
const sums = made.toSorted().map(async (name) => `${await sha256(join(folder, name))}  ${name}\n`);
await writeFile(join(folder, "SHA256SUMS"), (await Promise.all(sums)).join(""));

async function sha256(path: string): Promise<string> {
  return new Bun.CryptoHasher("sha256").update(await readFile(path)).digest("hex");
}
