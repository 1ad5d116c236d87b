/** The machine that ran the scenarios. */
import { cpus, release, totalmem } from "node:os";

import type { Machine } from "./result.ts";

export function machine(): Machine {
  const all = cpus();
  return {
    cpu: all[0]?.model.trim() ?? "unknown",
    cores: all.length,
    memoryBytes: totalmem(),
    kernel: release(),
    bun: Bun.version,
  };
}
