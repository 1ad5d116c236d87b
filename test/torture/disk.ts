/** A small file system of a receiver's own, whose room can be taken. */
import { rmSync, statfsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { History } from "./history.ts";

/** The name of the file that takes the room. */
export const BALLAST = "ballast";

export class SmallDisk implements Disposable {
  readonly #path: string;
  readonly #who: string;
  readonly #history: History;
  #free: PromiseWithResolvers<void> | undefined;

  /** @throws Error when it can't be mounted */
  constructor(path: string, bytes: number, who: string, history: History) {
    this.#path = path;
    this.#who = who;
    this.#history = history;
    const mount = ["mount", "-t", "tmpfs", "-o", `size=${bytes}`, "tmpfs", path];
    if (Bun.spawnSync(mount).exitCode !== 0) throw new Error(`can't mount ${path}`);
  }

  /** Resolves at once while there is room. */
  get free(): Promise<void> {
    return this.#free?.promise ?? Promise.resolve();
  }

  get isFull(): boolean {
    return this.#free !== undefined;
  }

  /** Takes the room that is left. From now on `isFull` says so. */
  async fill(): Promise<void> {
    const { bavail, bsize } = statfsSync(this.#path);
    this.#history.add({ what: "disk", who: this.#who, full: true });
    this.#free = Promise.withResolvers();
    try {
      // In a thread, and so that nobody else waits for it.
      await writeFile(join(this.#path, BALLAST), new Uint8Array(bavail * bsize));
    } catch {
      // The receiver was quicker; it is full all the same.
    }
  }

  empty(): void {
    rmSync(join(this.#path, BALLAST), { force: true });
    this.#history.add({ what: "disk", who: this.#who, full: false });
    this.#free?.resolve();
    this.#free = undefined;
  }

  [Symbol.dispose](): void {
    // Lazily: it goes when the last process that looks at it does.
    Bun.spawnSync(["umount", "-l", this.#path]);
  }
}
