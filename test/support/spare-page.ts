/**
 * Stands for `web/build.ts` where the relay of a test asks for the page: the first one of a run bundles it, which takes more
 * than a second, and all others read what it made, with the compressed forms. `spare-scrypt.ts` puts it there.
 */
import { deserialize, serialize } from "bun:jsc";
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { bundlePage as bundle } from "../../web/build.ts";
import type { PageFile } from "../../web/page-files.ts";

export { DIST } from "../../web/build.ts";

export async function bundlePage(): Promise<readonly PageFile[]> {
  const folder = process.env["SPARED_SCRYPTS"];
  const path = folder === undefined ? undefined : join(folder, "page.files");
  if (path !== undefined && existsSync(path))
    return deserialize(readFileSync(path)) as readonly PageFile[];
  const files = await bundle();
  if (path !== undefined) {
    const own = `${path}.${crypto.randomUUID()}`;
    try {
      writeFileSync(own, Buffer.from(serialize(files)));
      renameSync(own, path);
    } catch {
      // A command of another user, or with a full disk: the next relay bundles it too.
    }
  }
  return files;
}
