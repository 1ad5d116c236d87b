/**
 * The packages that are part of a binary, as the bundler found them: those of the command line and the relay, and those of
 * both pages, which are bundled before. `licences.ts` and `sbom.ts` list them.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import * as v from "valibot";

import { BUN_ALONE, BUNDLERS, ENTRIES, ROOT } from "./binary.ts";

export interface Licence {
  /** Name of the file in the package. */
  readonly file: string;
  readonly text: string;
}

export interface Package {
  readonly name: string;
  readonly version: string;
  /** As its package.json declares it, in SPDX's words. */
  readonly licence: string;
  readonly texts: readonly Licence[];
  /** Of the archive that it was installed from, as bun.lock has it. */
  readonly sha512: string;
}

/** Entries of the page, of its service worker and of the admin page; `web/build.ts` and `page.ts` bundle the same. */
const PAGES = [
  "web/page/main.tsx",
  "web/client/worker.ts",
  "web/service/service-worker.ts",
  "relay/admin/page/browser.ts",
] as const;

/** `notice` and `third-party`: some licences ask that these go along. */
const LICENCE_FILE = /^(?:licen[cs]es?|copying|notice|third[-_]party)/i;

const manifestSchema = v.object({ version: v.string(), license: v.string() });
const lockSchema = v.object({ packages: v.record(v.string(), v.array(v.unknown())) });

/** All packages in a binary, by name. */
export async function bundledPackages(): Promise<readonly Package[]> {
  const folders = new Set([
    ...(await foldersOf("bun", ENTRIES)),
    ...(await foldersOf("browser", PAGES)),
  ]);
  const lock = v.parse(lockSchema, Bun.JSONC.parse(readFileSync(join(ROOT, "bun.lock"), "utf8")));
  return [...folders].toSorted().map((folder) => packageIn(folder, lock.packages));
}

/** Folders of packages below the repository, such as `node_modules/citty`. */
async function foldersOf(target: "bun" | "browser", entries: readonly string[]): Promise<string[]> {
  const { metafile } = await Bun.build({
    entrypoints: entries.map((entry) => join(ROOT, entry)),
    root: ROOT,
    external: BUNDLERS,
    target,
    splitting: true,
    define: BUN_ALONE,
    metafile: true,
    ...(target === "browser" && { tsconfig: join(ROOT, "web/tsconfig.json") }),
  });
  if (metafile === undefined) throw new Error("The bundler made no list of its files.");
  const found = Object.keys(metafile.inputs).map(
    (path) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path.replaceAll("\\", "/"))?.[0],
  );
  return found.filter((folder) => folder !== undefined);
}

function packageIn(folder: string, lock: Readonly<Record<string, readonly unknown[]>>): Package {
  const path = join(ROOT, folder);
  const manifest: unknown = JSON.parse(readFileSync(join(path, "package.json"), "utf8"));
  const { version, license: licence } = v.parse(manifestSchema, manifest);
  // A package within another one has both names in the lock file, parted by a slash.
  const name = folder.split("node_modules/").at(-1) ?? folder;
  const key = folder.replace("node_modules/", "").replaceAll("/node_modules/", "/");
  const integrity = lock[key]?.at(-1);
  if (typeof integrity !== "string" || !integrity.startsWith("sha512-")) {
    throw new Error(`bun.lock has no checksum of ${key}; run bun install.`);
  }
  const sha512 = Uint8Array.fromBase64(integrity.slice("sha512-".length)).toHex();
  return { name, version, licence, texts: licencesIn(path), sha512 };
}

/** @throws Error where a package has no text of its licence */
export function licencesIn(folder: string): readonly Licence[] {
  const files = readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isFile() && LICENCE_FILE.test(entry.name))
    .map(({ name }) => name)
    .toSorted();
  if (!files.some((file) => /^(?:licen|copying)/i.test(file))) {
    throw new Error(
      `${folder} has no text of its licence, so no binary may contain it. Put the text into deploy/build/licences/, or use another package.`,
    );
  }
  return files.map((file) => ({ file, text: readFileSync(join(folder, file), "utf8") }));
}
