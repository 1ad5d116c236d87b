import { readdirSync } from "node:fs";

import { expandHome } from "../system/shell.ts";

/** The paths that the typed one may become; folders end with "/". */
export function completePath(line: string): [string[], string] {
  const slash = line.lastIndexOf("/") + 1;
  const folder = line.slice(0, slash);
  const start = line.slice(slash);
  try {
    const entries = readdirSync(expandHome(folder) || ".", {
      withFileTypes: true,
    });
    const paths = entries
      .filter(({ name }) => name.startsWith(start) && (start !== "" || !name.startsWith(".")))
      .map((entry) => folder + entry.name + (entry.isDirectory() ? "/" : ""));
    return [paths.toSorted(), line];
  } catch {
    return [[], line];
  }
}
