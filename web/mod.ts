/**
 * The page as files, for the relay that serves it. A package or a binary brings them bundled, in one file that
 * `bun web/build.ts --dist` wrote; a checkout has the sources, and bundles them when the page is first asked for.
 */
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

import { compiledFile } from "../relay/system/compiled.ts";
import {
  adminSources,
  dictionaryOf,
  fromBundle,
  type AdminSources,
  type PageFile,
} from "./page-files.ts";

export type { PageFile } from "./page-files.ts";

const HERE = dirname(fileURLToPath(import.meta.url));

let bundling: Promise<readonly PageFile[]> | undefined;

/**
 * The files of the page; the first call makes them.
 * @throws Error if there is no bundle and the sources cannot be bundled
 */
export function pageFiles(): Promise<readonly PageFile[]> {
  bundling ??= findFiles().catch((error: unknown) => {
    // The next call tries again: the reason may be a moment without memory or descriptors.
    bundling = undefined;
    throw error;
  });
  return bundling;
}

async function findFiles(): Promise<readonly PageFile[]> {
  const embedded = await embeddedBundle("page");
  if (embedded !== undefined) return fromBundle(await embedded.bytes());
  const packed = await packedBundle();
  if (packed !== undefined) return fromBundle(...packed);
  const { bundlePage, DIST } = await import("./build.ts");
  // Beside the sources a bundle may be an old one.
  if (existsSync(join(HERE, "page/main.tsx"))) return bundlePage();
  return fromBundle(await Bun.file(join(HERE, DIST)).bytes());
}

/** The admin page as the npm package has it; undefined: this is a checkout, which has the sources, or a binary. */
export async function packedAdmin(): Promise<AdminSources | undefined> {
  const packed = await packedBundle();
  return packed && adminSources(...packed);
}

/** The bundle of the npm package, with its dictionary. */
async function packedBundle(): Promise<[Uint8Array<ArrayBuffer>, Buffer] | undefined> {
  const compiled = compiledFile("page.bundle", import.meta.url);
  if (compiled === undefined) return undefined;
  const folder = fileURLToPath(new URL(".", compiled));
  return [await Bun.file(compiled).bytes(), dictionaryOf(folder)];
}

/**
 * A bundle that a binary carries. `deploy/build/binary.ts` puts it there, and may add a hash to its name.
 * @returns undefined in a program that is no binary
 */
export async function embeddedBundle(name: "page" | "admin-page"): Promise<Blob | undefined> {
  if (!Bun.isStandaloneExecutable) return undefined;
  const isIt = new RegExp(`(?:^|/)${name}(?:-\\w+)?\\.bundle$`);
  const found = Bun.embeddedFiles.find(
    (file) => "name" in file && typeof file.name === "string" && isIt.test(file.name),
  );
  if (found === undefined) throw new Error(`This binary was built without ${name}.bundle.`);
  return found;
}
