/**
 * `bun run package FOLDER` packs the npm package into FOLDER as `fileshare-VERSION.tgz`, which a release publishes. `npm pack` makes
 * the archive. Bun then compresses it a second time: libdeflate finds 2.5 % of the bytes that npm's gzip leaves.
 */
import { mkdir } from "node:fs/promises";
import { join, resolve } from "node:path";

import manifest from "../../package.json" with { type: "json" };

/** The highest level of libdeflate. It takes 0.1 s. */
const BEST = 12;

/** @returns the path of the archive */
async function pack(root: string, folder: string): Promise<string> {
  await mkdir(folder, { recursive: true });
  // npm writes its words to stderr, and the path to stdout is the only one there.
  const words = ["pack", "--loglevel=error", "--pack-destination", folder];
  const npm = Bun.spawn(["npm", ...words], { cwd: root, stdout: "ignore", stderr: "inherit" });
  if ((await npm.exited) !== 0) throw new Error(`npm pack ended with ${npm.exitCode}.`);
  const path = join(folder, `fileshare-${manifest.version}.tgz`);
  const archive = Bun.gunzipSync(await Bun.file(path).bytes());
  await Bun.write(path, Bun.gzipSync(archive, { library: "libdeflate", level: BEST }));
  return path;
}

const [folder] = process.argv.slice(2);
if (folder === undefined || folder.startsWith("-")) {
  console.error("Name the folder for the package: bun run package FOLDER");
  process.exit(2);
}
console.log(await pack(join(import.meta.dir, "../.."), resolve(folder)));
