/** What the disk side does on real mounts that lack what a disk of Linux has. */
import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { findPartial, openPartial } from "../../cli/find-partial.ts";
import type { PartialShare } from "../../cli/partial.ts";
import { ON_EXISTS, type OnExists } from "../../cli/policy.ts";
import { bytesOf, list, listTree, testShare, testTree } from "./disk.ts";
import { canMount, mountBindfs, mountFaulty, type Faults } from "./mounts.ts";

type Share = Pick<ReturnType<typeof testShare>, "manifest" | "head" | "receiver" | "record">;

function begin(dir: string, { manifest, head, receiver }: Share): PartialShare {
  return openPartial({ dir, manifest, head, receiver });
}

function writeUntil(partial: PartialShare, share: Share, end = share.manifest.records): void {
  while (partial.next < end) partial.write(partial.next, share.record(partial.next));
}

async function receive(dir: string, share: Share, onExists: OnExists): Promise<string> {
  const partial = begin(dir, share);
  writeUntil(partial, share);
  await partial.checkpoint();
  return partial.finish({ onExists });
}

const NOTHING_MORE: Faults = {
  utimens: "EPERM",
  chmod: "ENOTSUP",
  truncate: "EIO",
  fsync: "EINVAL",
  fsyncdir: "EIO",
  flush: "EOPNOTSUPP",
  statfs: "EIO",
};

const LACKING: Faults[] = [
  ...["EIO", "EPERM", "ENOSYS", "EOPNOTSUPP", "EMLINK", "EXDEV", "EINVAL", "EACCES", "EBUSY"].map(
    (link) => ({ link }),
  ),
  { link: "EIO", "rename-over": "EIO" },
  { link: "EXDEV", "rename-over": "EEXIST" },
  { link: "EXDEV", "rename-out": "EXDEV" },
  { link: "EIO", "rename-out": "EIO", "rename-over": "EPERM" },
  { link: "EIO", ...NOTHING_MORE },
  { nlink: 0 },
];

describe.skipIf(!canMount)("on a file system that lacks something", () => {
  test("a file gets its name, and only --overwrite replaces one", async () => {
    await using mount = await mountFaulty();
    for (const faults of LACKING) {
      for (const [seed, onExists] of ON_EXISTS.entries()) {
        mount.set({});
        const name = `${Bun.hash(JSON.stringify(faults))}-${onExists}`;
        const path = join(mount.path, name);
        if (onExists !== "fail") writeFileSync(path, "mine");
        mount.set(faults);
        const share = testShare(seed, 300, { name });
        const got = await receive(mount.path, share, onExists);
        mount.set({});
        const isNew = onExists === "number" || onExists === "skip";
        expect([faults, got]).toEqual([faults, isNew ? `${path} (1)` : path]);
        expect(bytesOf(got)).toEqual(share.content);
        if (isNew) expect(readFileSync(path, "utf8")).toBe("mine");
        // No empty file, no copy and no partial is left.
        expect(list(mount.path)).toEqual(isNew ? [name, `${name} (1)`] : [name]);
        for (const each of list(mount.path)) await Bun.file(join(mount.path, each)).delete();
      }
    }
  });

  test("folders get theirs, new ones and those that are there", async () => {
    await using mount = await mountFaulty();
    const entries = [
      { path: "top/a", size: 300 },
      { path: "top/in/b", size: 10 },
      { path: "top/none" },
      { path: "top/zero", size: 0 },
    ];
    const all = ["", "/a", "/in", "/in/b", "/none", "/zero"];
    const cases = [
      ...LACKING,
      { "rename-folder": "EXDEV" },
      { "rename-folder": "EIO", link: "EIO", "rename-over": "EIO" },
      { "rename-folder": "EXDEV", link: "EXDEV", "rename-out": "EXDEV" },
    ];
    for (const [i, faults] of cases.entries()) {
      for (const [seed, onExists] of (["number", "overwrite", "skip"] as const).entries()) {
        mount.set({});
        const dir = join(mount.path, `${i}-${onExists}`);
        for (const top of ["top", "top (1)"]) {
          await Bun.$`mkdir -p ${dir}`;
          const share = testTree(seed, entries);
          mount.set(faults);
          const got = await receive(dir, share, onExists);
          mount.set({});
          const name = onExists === "number" ? top : "top";
          expect([faults, got]).toEqual([faults, join(dir, name)]);
          for (const [path, bytes] of share.contents) {
            expect(bytesOf(join(dir, name, path.slice(4)))).toEqual(bytes);
          }
        }
        const names = onExists === "number" ? ["top", "top (1)"] : ["top"];
        const paths = names.flatMap((top) => all.map((path) => top + path));
        const isFolder = /^top(?: \(1\))?(?:|\/in|\/none)$/;
        const listed = paths.map((path) => (isFolder.test(path) ? `${path}/` : path)).toSorted();
        expect([faults, listTree(dir)]).toEqual([faults, listed]);
        expect(readdirSync(dir)).toEqual(names);
      }
    }
  });

  test("what can get no name at all stays whole where the fault says, and does so later", async () => {
    await using mount = await mountFaulty();
    const share = testShare(1, 300);
    const partial = begin(mount.path, share);
    writeUntil(partial, share);
    mount.set({ link: "EIO", rename: "EIO" });
    let message = "";
    await partial.finish({ onExists: "number" }).catch((error: unknown) => {
      message = String(error);
    });
    expect(message).toContain(`${partial.path}/data`);
    expect(bytesOf(join(partial.path, "data"))).toEqual(share.content);
    expect(await partial.close()).toBe(partial.path);
    expect(list(mount.path).length).toBe(1);
    mount.set({});
    const again = begin(mount.path, share);
    await again.discard();
  });

  test("what was begun goes on where folders cannot be read or renamed over", async () => {
    await using mount = await mountFaulty({ nlink: 0, link: "EIO", "rename-over": "EIO" });
    const share = testShare(1, 900);
    const partial = begin(mount.path, share);
    writeUntil(partial, share, 4);
    await partial.close();
    const again = findPartial({ dir: mount.path, share: share.manifest.share });
    expect(again?.next).toBe(4);
    await again?.discard();
    expect(list(mount.path)).toEqual([]);
  });
});

describe.skipIf(!canMount)("on a mount that shows another owner", () => {
  test.each(["--force-user=12345", "--force-user=12345 --chmod-deny --chown-deny"])(
    "%s what was begun goes on, and nothing is left of it",
    async (options) => {
      await using mount = await mountBindfs(...options.split(" "));
      const file = testShare(1, 900);
      const tree = testTree(2, [
        { path: "t/a", size: 400 },
        { path: "t/b", size: 500 },
      ]);
      for (const share of [file, tree]) {
        const partial = begin(mount.path, share);
        writeUntil(partial, share, 4);
        await partial.close();
        const again = findPartial({ dir: mount.path, share: share.manifest.share });
        expect(again?.next).toBe(4);
        writeUntil(again!, share);
        await again!.finish({ onExists: "fail" });
      }
      expect(list(mount.path)).toEqual(["report.pdf", "t"]);
      expect(statSync(join(mount.path, "report.pdf")).uid).toBe(12345);
    },
  );

  test("another owner than that is still another's", async () => {
    await using mount = await mountFaulty({ owner: 12345 });
    const share = testShare(1, 900);
    const partial = begin(mount.path, share);
    writeUntil(partial, share, 4);
    await partial.close();
    mount.set({ owner: 54321 }); // also what is new is shown so
    const later = findPartial({ dir: mount.path, share: share.manifest.share });
    expect(later?.next).toBe(4);
    await later?.close();
    mount.set({});
    await Bun.$`chown -R 54321 ${mount.real}`;
    expect(findPartial({ dir: mount.path, share: share.manifest.share })).toBeUndefined();
  });
});

describe.skipIf(!canMount)("the state folder on a mount that shows another owner", () => {
  test("is ours", async () => {
    await using mount = await mountBindfs("--force-user=12345");
    const before = process.env["XDG_STATE_HOME"];
    process.env["XDG_STATE_HOME"] = mount.path;
    try {
      const { keptReceives, registerReceive } = await import("../../cli/state.ts");
      const { parseSenderCode } = await import("../../protocol/code.ts");
      const receive = {
        share: "00".repeat(16),
        code: parseSenderCode("abandon-ability-able-about-above-absent"),
        relay: "ws://localhost/",
        again: { cwd: "/", words: [] },
        out: "/",
        name: "a",
        bytes: 1,
      };
      expect(registerReceive(receive)).toBe(true);
      expect(keptReceives().map(({ name }) => name)).toEqual(["a"]);
    } finally {
      if (before === undefined) delete process.env["XDG_STATE_HOME"];
      else process.env["XDG_STATE_HOME"] = before;
    }
  });
});
