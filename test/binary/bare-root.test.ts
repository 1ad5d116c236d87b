/** The binary on a root that holds the C library and nothing else: no shell, no /proc, no /dev, no /etc. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { copyFileSync, linkSync, mkdirSync, readdirSync, realpathSync } from "node:fs";
import { basename, dirname, join } from "node:path";

import { smoke } from "../../deploy/build/smoke.ts";
import { builtBinary, type Built } from "../support/binary.ts";
import { temporaryFolder } from "../support/disk.ts";
import { lacks, lacksProgram } from "../needs.ts";

/** Files of the Debian package libc6, with the loader of each architecture. */
const LIBC = [
  "ld-linux-aarch64.so.1",
  "ld-linux-x86-64.so.2",
  "libc.so.6",
  "libdl.so.2",
  "libm.so.6",
  "libpthread.so.0",
];

/** Libraries that a binary of GNU/Linux loads, as the loader finds them. */
function librariesOf(path: string): string[] {
  const { stdout } = Bun.spawnSync(["ldd", path]);
  return [...stdout.toString().matchAll(/(?<=^\s|=> )\/\S+/gm)].map(([found]) => found);
}

function chrooted(root: string): readonly string[] {
  const isRoot = process.geteuid?.() === 0;
  return isRoot ? ["chroot", root, "/fileshare"] : ["unshare", "-r", "chroot", root, "/fileshare"];
}

const canChroot = Bun.spawnSync([...chrooted("/").slice(0, -1), "/bin/true"]).exitCode === 0;
const skipped = lacksProgram("ldd") || lacks(canChroot, "util-linux");

describe.skipIf(skipped)("a root with nothing but the C library", () => {
  let binary: Built;
  beforeAll(() => {
    binary = builtBinary();
  });
  afterAll(() => binary[Symbol.dispose]());

  test("is enough to send, receive, relay and serve both pages", async () => {
    using root = temporaryFolder();
    const libraries = librariesOf(binary.path);
    expect(libraries.map((path) => basename(path)).filter((name) => !LIBC.includes(name))).toEqual(
      [],
    );
    for (const library of libraries) {
      mkdirSync(join(root.path, dirname(library)), { recursive: true });
      copyFileSync(realpathSync(library), join(root.path, library));
    }
    placed(binary.path, join(root.path, "fileshare"));
    const folder = join(root.path, "home");
    mkdirSync(folder);
    await smoke({ words: chrooted(root.path), folder, seenAs: "/home" });
    const made = readdirSync(root.path).filter((name) => !/^(?:lib|usr)/.test(name));
    expect(made.toSorted()).toEqual(["fileshare", "home"]);
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
