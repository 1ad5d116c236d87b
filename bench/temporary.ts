/** Folders that the bench makes among the system's temporary ones. None is left when it ends. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const there = new Set<TemporaryFolder>();

/** Disposing removes it, with all that is in it. */
export class TemporaryFolder implements Disposable {
  readonly path: string;

  /** @param what it is for, as a part of its name */
  constructor(what: string) {
    this.path = mkdtempSync(join(tmpdir(), `fileshare-bench-${what}-`));
    there.add(this);
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true });
    there.delete(this);
  }
}

process.on("exit", () => {
  for (const folder of there) folder[Symbol.dispose]();
});
