/**
 * The page as files, for the relay that serves it. A package or a binary brings them bundled, in one file that
 * `bun web/build.ts --dist` wrote; a checkout has the sources, and bundles them when the page is first asked for.
 */
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

import { bundlePage, DIST, fromBundle, type PageFile } from "./build.ts";

export type { PageFile } from "./build.ts";

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
  const embedded = Bun.embeddedFiles.find(isBundle);
  if (embedded !== undefined) return fromBundle(await embedded.text());
  // Beside the sources a bundle may be an old one.
  if (existsSync(join(HERE, "page/main.tsx"))) return bundlePage();
  return fromBundle(await Bun.file(join(HERE, DIST)).text());
}

/** A binary may have added a hash to the name. */
function isBundle(file: Blob): boolean {
  if (!("name" in file) || typeof file.name !== "string") return false;
  return /(?:^|\/)page(?:-\w+)?\.bundle$/.test(file.name);
}
