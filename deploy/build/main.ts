/** `bun run build`: binaries for all targets, with their checksums, the list of their parts and all licences. */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";

import { failUsage, scriptOptions } from "../command-line.ts";
import { bundlePages, makeBinary, ROOT, sourcesHere } from "./binary.ts";
import { bundledPackages } from "./inventory.ts";
import { licencesText } from "./licences.ts";
import { sbomOf } from "./sbom.ts";
import { fileNameOf, targetsNamed, type Target, type TargetName } from "./targets.ts";

const HELP = `
bun run build                      a binary for every target of deploy/build/targets.ts, in dist/
bun run build --only linux-x64     for one target; may be repeated
bun run build --out DIR            in another folder
bun run build --gzip               also compressed with gzip, half the size, for install.sh
bun run build --commit NAME        from sources without Git, such as those of a container

SHA256SUMS names every file that the run made.`;

/** Of a binary it makes fewer bytes than zlib at its highest level, in a third of the time. */
const GZIP = { library: "libdeflate", level: 6 } as const;

const values = scriptOptions(
  {
    only: { type: "string", multiple: true },
    out: { type: "string", default: "dist" },
    gzip: { type: "boolean", default: false },
    commit: { type: "string" },
  },
  HELP,
);
const targets = wanted();
const folder = resolve(ROOT, values.out);
await mkdir(folder, { recursive: true });

const { build, at } = sourcesHere(values.commit);
const [bundles, packages] = await Promise.all([bundlePages(), bundledPackages()]);
const texts = {
  "fileshare.spdx.json": `${JSON.stringify(sbomOf(packages, build, at), null, 2)}\n`,
  "LICENSES.txt": licencesText(packages),
};
for (const [name, text] of Object.entries(texts)) await writeFile(join(folder, name), text);
const made = Object.keys(texts);
// One after the other: each is held in memory.
for (const target of targets) {
  const started = performance.now();
  const path = await makeBinary(target, folder, { bundles, build });
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  made.push(fileNameOf(target.name));
  if (values.gzip) {
    await writeFile(`${path}.gz`, Bun.gzipSync(await readFile(path), GZIP));
    made.push(`${fileNameOf(target.name)}.gz`);
  }
  const mib = (Bun.file(path).size / 2 ** 20).toFixed(1);
  console.log(`${fileNameOf(target.name).padEnd(28)} ${mib.padStart(6)} MiB  ${seconds} s`);
}
const sums = made.toSorted().map(async (name) => `${await sha256(join(folder, name))}  ${name}\n`);
await writeFile(join(folder, "SHA256SUMS"), (await Promise.all(sums)).join(""));

function wanted(): readonly (Target & { readonly name: TargetName })[] {
  try {
    return targetsNamed(values.only ?? []);
  } catch (error) {
    return failUsage(error);
  }
}

async function sha256(path: string): Promise<string> {
  return new Bun.CryptoHasher("sha256").update(await readFile(path)).digest("hex");
}
