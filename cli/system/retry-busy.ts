/** Calls of the file system that Windows refuses for a moment. */
import { errorCode } from "./system-error.ts";

/** Errors on Windows while a virus scanner, an indexer or a backup has a file or folder open. */
const BUSY = new Set(["EBUSY", "EPERM", "EACCES"]);
/** ms: waits between two tries; scanners let go of a file within a second or two */
export const BUSY_WAITS_MS: readonly number[] = [5, 10, 20, 40, 80, 160, 320, 640];

/**
 * Tries again on Windows while another program holds what the call is about. It takes the thread
 * meanwhile, BUSY_WAITS_MS at most.
 * @throws the last error of the system
 */
export function retryBusy<T>(
  call: () => T,
  platform: NodeJS.Platform = process.platform,
  wait: (ms: number) => void = sleep,
): T {
  for (const ms of platform === "win32" ? BUSY_WAITS_MS : []) {
    try {
      return call();
    } catch (error) {
      if (!BUSY.has(errorCode(error) ?? "")) throw error;
    }
    wait(ms);
  }
  return call();
}

function sleep(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}
