/**
 * Where the script of a worker is. In a checkout it lies beside the file that starts it. In a binary and in the npm package
 * each worker is an entry of its own, at its path below the root, while all other code lies in the root itself.
 */
import { compiledFile } from "./compiled.ts";

/**
 * The scripts of the workers, from the top of the repository. `deploy/build/binary.ts` makes each an entry of binaries.
 */
export const WORKER_SCRIPTS = ["cli/library/worker.ts", "relay/worker/worker.ts"] as const;

/**
 * For `new Worker`.
 * @param script from the top of the repository
 * @param beside the script as the sources name it
 */
export function workerScript(script: (typeof WORKER_SCRIPTS)[number], beside: URL): string {
  if (isBinary()) return new URL(script, import.meta.url).href;
  return (compiledFile(script.replace(/\.ts$/, ".js"), import.meta.url) ?? beside).href;
}

/** Whether this program is a binary of `bun run build`. */
function isBinary(): boolean {
  return typeof Bun !== "undefined" && Bun.isStandaloneExecutable;
}
