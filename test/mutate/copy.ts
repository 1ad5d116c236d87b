/** A copy of the checkout, in which a file may be changed and tests run. */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { copyFile, mkdir, readFile, rm } from "node:fs/promises";
import { dirname, join } from "node:path";

export type Outcome =
  | { readonly kind: "passed" }
  /** `test` is undefined if the file did not load. */
  | { readonly kind: "failed"; readonly test: string | undefined }
  | { readonly kind: "hung" };

/** ms that a test file may take, its processes and threads included. */
export const FILE_MS = 120_000;
/** ms from the request to end until a test's processes are killed. */
const GRACE_MS = 3000;
/** Characters of output that are kept to find the name of the failed test. */
const OUTPUT_LENGTH = 1_000_000;

/** Paths of all files that are there and that git knows or would add. */
export function filesOf(root: string): string[] {
  const command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"];
  const { stdout, exitCode } = Bun.spawnSync(command, { cwd: root });
  if (exitCode !== 0) throw new Error(`${root} is no checkout of git`);
  const paths = new Set(stdout.toString().split("\0"));
  return [...paths].filter((path) => path !== "" && existsSync(join(root, path)));
}

export class Copy {
  readonly #folder: string;
  readonly #temporary: string;

  private constructor(folder: string, temporary: string) {
    this.#folder = folder;
    this.#temporary = temporary;
  }

  /** @param folder to be made; `--frozen-lockfile` links it to the packages that are there already */
  static async make(root: string, folder: string): Promise<Copy> {
    for (const path of filesOf(root)) {
      await mkdir(dirname(join(folder, path)), { recursive: true });
      await copyFile(join(root, path), join(folder, path));
    }
    const install = [process.execPath, "install", "--frozen-lockfile", "--silent"];
    const { exitCode, stderr } = Bun.spawnSync(install, { cwd: folder });
    if (exitCode !== 0) throw new Error(`bun install failed: ${stderr.toString()}`);
    const temporary = `${folder}-tmp`;
    await mkdir(temporary);
    return new Copy(folder, temporary);
  }

  async write(path: string, text: string): Promise<void> {
    await Bun.write(join(this.#folder, path), text);
  }

  async hasRightTypes(): Promise<boolean> {
    const command = [process.execPath, "check", "--no-script"];
    const child = Bun.spawn(command, { cwd: this.#folder, stdout: "ignore", stderr: "ignore" });
    return (await child.exited) === 0;
  }

  /** Runs one file of tests up to the first that fails, and ends every process that it started. */
  async test(path: string, signal: AbortSignal): Promise<Outcome> {
    const limit = AbortSignal.any([signal, AbortSignal.timeout(FILE_MS)]);
    const child = spawn(process.execPath, ["test", "--no-orphans", "--bail", `./${path}`], {
      cwd: this.#folder,
      // A group of its own, so that all its processes can be ended together.
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, CI: "true", TMPDIR: this.#temporary },
    });
    let output = "";
    const take = (bytes: Buffer): void => {
      output = (output + bytes.toString()).slice(-OUTPUT_LENGTH);
    };
    child.stdout.on("data", take);
    child.stderr.on("data", take);
    const end = (how: NodeJS.Signals): void => endGroup(child.pid, how);
    const { promise: exited, resolve } = Promise.withResolvers<number | null>();
    child.once("exit", (code) => resolve(code));
    child.once("error", () => resolve(null));
    let kill: NodeJS.Timeout | undefined;
    const stop = (): void => {
      end("SIGTERM");
      kill = setTimeout(end, GRACE_MS, "SIGKILL");
    };
    limit.addEventListener("abort", stop, { once: true });
    if (limit.aborted) stop();
    const code = await exited;
    limit.removeEventListener("abort", stop);
    clearTimeout(kill);
    end("SIGKILL");
    if (limit.aborted) return { kind: "hung" };
    if (code === 0) return { kind: "passed" };
    const name = /^\(fail\) (.*?)(?: \[[\d.]+ ?m?s\])?$/m.exec(output)?.[1];
    return { kind: "failed", test: name };
  }
}

/** Removes a folder of copies with what tests left there that were ended in the middle. */
export async function removeCopies(folder: string): Promise<void> {
  const mounts = "/proc/self/mounts";
  // Not by `Bun.file`, to which a file of /proc is empty.
  const lines = existsSync(mounts) ? await readFile(mounts, "utf8") : "";
  const places = lines.split("\n").map((line) => line.split(" ")[1] ?? "");
  // The last mounted first: one may lie on another.
  for (const place of places.toReversed()) {
    if (place.startsWith(`${folder}/`)) Bun.spawnSync(["umount", "--lazy", place]);
  }
  try {
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  } catch (error) {
    console.error(`${folder} is left behind: ${String(error)}`);
  }
}

function endGroup(pid: number | undefined, how: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, how);
  } catch {
    // All of the group have ended.
  }
}
