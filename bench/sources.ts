/** Files of the pattern, for systems that serve or send files; made once per size. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { writePattern } from "./load/pattern.ts";
import type { Source } from "./systems/system.ts";

let folder: string | undefined;
const files = new Map<number, Promise<string>>();

/** @param size bytes */
export function sourceOf(size: number): Source {
  return { size, file: () => fileOf(size) };
}

function fileOf(size: number): Promise<string> {
  const known = files.get(size);
  if (known !== undefined) return known;
  if (folder === undefined) {
    const made = mkdtempSync(join(tmpdir(), "fileshare-bench-"));
    folder = made;
    process.on("exit", () => rmSync(made, { recursive: true, force: true }));
  }
  const path = join(folder, `${size}.bin`);
  const made = writePattern(path, size).then(() => path);
  files.set(size, made);
  return made;
}
