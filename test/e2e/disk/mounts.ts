/** Real mounts with the habits of others: FUSE with chosen faults, bindfs, disks in a file. Root only. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { lacks, lacksProgram, mountNamespace } from "../../needs.ts";
import { temporaryFolder } from "../../support/disk.ts";

const FAULTY = new URL("faulty-fs.py", import.meta.url).pathname;

/** In a container without the rights for it nobody can. */
export const canMount =
  process.geteuid?.() === 0 &&
  mountNamespace() === "-m" &&
  existsSync("/dev/fuse") &&
  !lacks(existsSync("/usr/lib/python3/dist-packages/fusepy.py"), "python3-fusepy") &&
  !lacksProgram("bindfs", "bindfs", "fuse3") &&
  !lacksProgram("lowntfs-3g", "ntfs-3g") &&
  !lacksProgram("mkfs.ext4", "e2fsprogs");

/** Words that `faulty-fs.py` understands: an error by call, and habits. */
export type Faults = Readonly<Record<string, string | number | boolean>>;

export interface Mount extends AsyncDisposable {
  /** Where it is mounted. */
  readonly path: string;
}

export interface FaultyMount extends Mount {
  /** From the next call on. */
  set(faults: Faults): void;
  /** The folder behind it. */
  readonly real: string;
}

/** @throws Error with what the program said */
function run(command: string, ...args: readonly string[]): void {
  const { status, stderr } = spawnSync(command, args);
  if (status !== 0) throw new Error(`${command} ${args.join(" ")}: ${stderr.toString()}`);
}

export async function mountFaulty(faults: Faults = {}): Promise<FaultyMount> {
  const folder = temporaryFolder();
  const [real, path, asked] = ["real", "mount", "faults"].map((name) => join(folder.path, name));
  mkdirSync(real!);
  mkdirSync(path!);
  const set = (next: Faults): void => writeFileSync(asked!, JSON.stringify(next));
  set(faults);
  const child = Bun.spawn(["/usr/bin/python3", FAULTY, real!, path!, asked!], {
    stdout: "pipe",
    stderr: "inherit",
  });
  // It says so once the kernel has it.
  for await (const _ of child.stdout) break;
  return {
    path: path!,
    real: real!,
    set,
    async [Symbol.asyncDispose]() {
      run("umount", "-l", path!);
      child.kill("SIGKILL"); // a test that failed may hold something open
      await child.exited;
      folder[Symbol.dispose]();
    },
  };
}

/** A folder once more under another path, with options of bindfs(1). */
export async function mountBindfs(...options: readonly string[]): Promise<Mount> {
  const folder = temporaryFolder();
  const [real, path] = ["real", "mount"].map((name) => join(folder.path, name));
  mkdirSync(real!);
  mkdirSync(path!);
  run("bindfs", ...options, real!, path!); // returns when it is mounted
  return unmountedAfter(path!, folder);
}

/** NTFS with the names of Windows: capitals count as small letters, and Windows' names alone are possible. */
export async function mountNtfs(): Promise<Mount> {
  const folder = temporaryFolder();
  const [disk, path] = ["disk", "mount"].map((name) => join(folder.path, name));
  mkdirSync(path!);
  run("truncate", "-s", "64M", disk!);
  run("mkfs.ntfs", "--force", "--quick", "--quiet", disk!);
  run("lowntfs-3g", "-o", "ignore_case,windows_names", disk!, path!); // returns when it is mounted
  return unmountedAfter(path!, folder);
}

/** A disk in a file. @param make the words of a program of the mkfs family */
export async function mountDisk(...make: readonly string[]): Promise<Mount> {
  const folder = temporaryFolder();
  const [disk, path] = ["disk", "mount"].map((name) => join(folder.path, name));
  mkdirSync(path!);
  run("truncate", "-s", "16M", disk!);
  run(make[0]!, ...make.slice(1), disk!);
  run("mount", "-o", "loop", disk!, path!);
  return unmountedAfter(path!, folder);
}

/** @param folder goes with the mount in it */
function unmountedAfter(path: string, folder: Disposable): Mount {
  return {
    path,
    async [Symbol.asyncDispose]() {
      run("umount", "-l", path);
      await Promise.resolve();
      folder[Symbol.dispose]();
    },
  };
}
