/** Files and folders as they lie on the disk: of a sender, and of a receiver at the end. */
import { readFileSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { BALLAST } from "./disk.ts";
import type { Copy } from "./history.ts";

/** The content of a receiver's folder, without partials. */
export function copiesIn(out: string): Copy[] {
  return readdirSync(out)
    .filter((name) => name !== BALLAST && !name.endsWith(PARTIAL))
    .map((name) => copyAt(join(out, name)));
}

/** A file, or a folder with the names of all that is in it. */
export function copyAt(path: string): Copy {
  const hash = new Bun.CryptoHasher("sha256");
  let bytes = 0;
  for (const file of filesAt(path)) {
    const content = readFileSync(join(path, file));
    if (file !== "") hash.update(`${file} ${content.length}\n`);
    hash.update(content);
    bytes += content.length;
  }
  return { path, bytes, sha256: hash.digest("hex") };
}

export function bytesAt(path: string): number {
  return filesAt(path).reduce((sum, file) => sum + statSync(join(path, file)).size, 0);
}

export function partialsIn(out: string): string[] {
  return readdirSync(out).filter((name) => name.endsWith(PARTIAL));
}

const PARTIAL = ".partial";

/** Paths of files below it, sorted; one that is empty for a file. */
function filesAt(path: string): string[] {
  if (statSync(path).isFile()) return [""];
  return readdirSync(path, { recursive: true, encoding: "utf8" })
    .filter((name) => statSync(join(path, name)).isFile())
    .toSorted();
}
