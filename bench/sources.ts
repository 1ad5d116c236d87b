/** Files of the pattern, for systems that serve or send files; made once per size. */
import { join } from "node:path";

import { writePattern } from "./load/pattern.ts";
import type { Source } from "./systems/system.ts";
import { TemporaryFolder } from "./temporary.ts";

let folder: TemporaryFolder | undefined;
const files = new Map<number, Promise<string>>();

/** @param size bytes */
export function sourceOf(size: number): Source {
  return { size, file: () => fileOf(size) };
}

/** For tests, in which no process ends: removes all files; who asks again gets new ones. */
export function removeSources(): void {
  files.clear();
  folder?.[Symbol.dispose]();
  folder = undefined;
}

function fileOf(size: number): Promise<string> {
  const known = files.get(size);
  if (known !== undefined) return known;
  folder ??= new TemporaryFolder("sources");
  const path = join(folder.path, `${size}.bin`);
  const made = writePattern(path, size).then(() => path);
  files.set(size, made);
  return made;
}
