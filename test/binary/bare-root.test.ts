/** The binary on a root that holds the C library and nothing else: no shell, no /dev, no /etc. It has /proc, where glibc looks for
 * the bounds of the stack. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { copyFileSync, linkSync, mkdirSync, readdirSync, realpathSync } from "node:fs";
import { basename, dirname, join } from "node:path";

import { smoke } from "../../deploy/build/smoke.ts";
import { builtBinary, type Built } from "../support/binary.ts";
import { temporaryFolder } from "../support/disk.ts";
import { lacks, mountNamespace } from "../needs.ts";

/** Files of the Debian package libc6, with the loader of each architecture. */
const LIBC: ReadonlySet<string> = new Set([
  "ld-linux-aarch64.so.1",
  "ld-linux-x86-64.so.2",
  "libc.so.6",
  "libdl.so.2",
  "libm.so.6",
  "libpthread.so.0",
]);

/** Libraries that a binary of GNU/Linux loads, as the loader finds them. */
function librariesOf(path: string): string[] {
  const { stdout } = Bun.spawnSync(["ldd", path]);
  return [...stdout.toString().matchAll(/(?<=^\s|=> )\/\S+/gm)].map(([found]) => found);
}

const NAMESPACE = mountNamespace();

/** The words that start the binary of that root. Each process has its own mounts, which end with it. */
function chrooted(root: string): readonly string[] {
  const script = 'mount --rbind /proc "$0/proc" && exec chroot "$0" /fileshare "$@"';
  return ["unshare", NAMESPACE ?? "", "sh", "-c", script, root];
}

const skipped = lacks(NAMESPACE !== undefined, "util-linux");

describe.skipIf(skipped)("a root with nothing but the C library", () => {
  let binary: Built;
  beforeAll(() => {
    binary = builtBinary();
  });
  afterAll(() => binary[Symbol.dispose]());

  test("is enough to send, receive, relay and serve both pages", async () => {
    using root = temporaryFolder();
    const libraries = librariesOf(binary.path);
    expect(libraries.map((path) => basename(path)).filter((name) => !LIBC.has(name))).toEqual([]);
    for (const library of libraries) {
      mkdirSync(join(root.path, dirname(library)), { recursive: true });
      copyFileSync(realpathSync(library), join(root.path, library));
    }
    placed(binary.path, join(root.path, "fileshare"));
    const folder = join(root.path, "home");
    mkdirSync(folder);
    mkdirSync(join(root.path, "proc"));
    await smoke({ words: chrooted(root.path), folder, seenAs: "/home" });
    const made = readdirSync(root.path).filter((name) => !/^(?:lib|usr)/.test(name));
    expect(made.toSorted()).toEqual(["fileshare", "home", "proc"]);
  });
});

/** A link where the file system allows one: the file has more than 100 MiB. */
function placed(from: string, to: string): void {
  try {
    linkSync(from, to);
  } catch {
    copyFileSync(from, to);
  }
}
