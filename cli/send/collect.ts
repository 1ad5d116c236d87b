import { COLLECT_FILES } from "../../protocol/wire/limits.ts";

/** Frees memory after so many files were looked at: what they leave behind is more than they are. */
export function collectAfter(files: number): void {
  if (files >= COLLECT_FILES) Bun.gc(true);
}
