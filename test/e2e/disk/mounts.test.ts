/** The disk side on real mounts that lack calls of a Linux disk. */
import { describe, expect, test } from "bun:test";
import { cpSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { findPartial, openPartial } from "../../../cli/receive/find-partial.ts";
import { Folder } from "../../../cli/system/folder.ts";
import { HeldFolder } from "../../../cli/system/held-folder.ts";
import { namesHere } from "../../../cli/receive/names-here.ts";
import type { PartialShare } from "../../../cli/receive/partial.ts";
import { ON_EXISTS, type OnExists, type Policy } from "../../../cli/job/jobs.ts";
import { DestinationSurvey } from "../../../cli/receive/destination-survey.ts";
import { FaultError } from "../../../protocol/wire/faults.ts";
import { decodeHead } from "../../../protocol/content/manifest.ts";
import type { SafePath } from "../../../protocol/content/names.ts";
import { giveNames } from "../../../protocol/content/renames.ts";
import { packMap as pack } from "../../../protocol/wire/msgpack.ts";
import {
  bytesOf,
  list,
  listTree,
  temporaryFolder,
  testShare,
  testTree,
} from "../../support/disk.ts";
import {
  canMount,
  mountBindfs,
  mountDisk,
  mountFaulty,
  mountNtfs,
  type Faults,
  type Mount,
} from "./mounts.ts";

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

  test("a name that is too long with a number or a prefix is cut, and is found again", async () => {
    await using mount = await mountFaulty({ names: 143 });
    const name = `${"n".repeat(139)}.txt`;
    const folder = "m".repeat(143);
    const policy = { onExists: "number", prefix: "", checksum: false } as const;
    for (const [seed, size] of [300, 301].entries()) {
      const tree = testTree(seed, [{ path: `${folder}/a`, size }]);
      for (const share of [testShare(seed, size, { name }), tree]) {
        await receiveAgain(mount.path, share, policy);
      }
    }
    const cut = [`${"n".repeat(135)} (1).txt`, `${"m".repeat(139)} (1)`];
    expect(list(mount.path).toSorted()).toEqual([name, folder, ...cut].toSorted());
    const share = testShare(2, 302, { name });
    const prefixed = { ...policy, prefix: "rcv_" };
    expect(await receiveAgain(mount.path, share, prefixed)).toBeGreaterThan(0);
    expect(await receiveAgain(mount.path, share, prefixed)).toBe(0);
    const path = join(mount.path, `rcv_${"n".repeat(135)}.txt`);
    expect(bytesOf(path)).toEqual(share.content);
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
        for (const [second, top] of ["top", "top (1)"].entries()) {
          mkdirSync(dir, { recursive: true });
          const share = testTree(onExists === "number" ? 10 + second : seed, entries);
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

  test("a file that can get no name at all stays whole where the fault says, and does so later", async () => {
    await using mount = await mountFaulty();
    const share = testShare(1, 300);
    const partial = begin(mount.path, share);
    writeUntil(partial, share);
    mount.set({ link: "EIO", rename: "EIO" });
    let message = "";
    await partial.finish({ onExists: "number" }).catch((error: unknown) => {
      message = String(error);
    });
    const place = /all of it is in (\S+\/data)/.exec(message)?.[1] ?? "";
    expect(new Bun.Glob(place).match(`${partial.path}/data`)).toBe(true);
    expect(bytesOf(join(partial.path, "data"))).toEqual(share.content);
    expect(await partial.close()).toBe(partial.path);
    expect(list(mount.path).length).toBe(1);
    mount.set({});
    const again = begin(mount.path, share);
    await again.discard();
  });

  test("a begun transfer goes on where folders cannot be read or renamed over", async () => {
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
      const { keptReceives, registerReceive } = await import("../../../cli/system/state.ts");
      const { parseSenderCode } = await import("../../../protocol/code/code.ts");
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

/** Receives as a second `recv` does: what is there already is not asked for. @returns records taken */
async function receiveAgain(dir: string, share: Share, how: OnExists | Policy): Promise<number> {
  const policy = typeof how === "string" ? { onExists: how, prefix: "", checksum: false } : how;
  const folder = new Folder(dir);
  const wanted = new DestinationSurvey(folder, share.manifest, policy).wanted(policy);
  folder.close();
  if (!wanted.includes(1)) return 0;
  const partial = openPartial({ ...share, dir, policy, wanted });
  const begun = partial.next;
  writeUntil(partial, share);
  await partial.finish(policy);
  return share.manifest.records - begun;
}

const TIMES = [0, 1, 999, 1_700_000_000_123, 1_700_000_001_999, 2_000_000_000_001];
/** Before 1901 and 1970, and after 2038, 2106, 2446 and 9999: few file systems have all of these. */
const FAR_TIMES = [-2.3e12, -1_500, -1, 2 ** 31 * 1000, 4.4e12, 1.6e13, 2.6e14, 8.64e15];

const DISKS: readonly [string, () => Promise<Mount>][] = [
  ["ext4 with inodes of 128 bytes", () => mountDisk("mkfs.ext4", "-q", "-I", "128")],
  ["a file system with steps of 2 s", () => mountFaulty({ granularity: 2_000_000_000 })],
  ["a file system with steps of 10 ms", () => mountFaulty({ granularity: 10_000_000 })],
  ["a file system that takes no times", () => mountFaulty({ utimens: "EPERM" })],
];

test("a second receive that compares contents makes no copy", async () => {
  using folder = temporaryFolder();
  const entries = [
    { path: "t/a", size: 200 },
    { path: "t/in/b", size: 0 },
  ];
  for (const onExists of ["number", "overwrite", "skip"] as const) {
    const policy = { onExists, prefix: "", checksum: true };
    for (const share of [testShare(1, 300, { name: "f" }), testTree(2, entries)]) {
      await receiveAgain(folder.path, share, policy);
      await receiveAgain(folder.path, share, policy);
    }
    expect(list(folder.path).toSorted()).toEqual(["f", "t"]);
  }
});

test("another content of the same size is kept beside it, though its time is the same", async () => {
  using folder = temporaryFolder();
  const policy = { onExists: "number", prefix: "", checksum: true } as const;
  const trees = [1, 2].map((seed) => testTree(seed, [{ path: "t/a", size: 200 }]));
  for (const tree of trees) await receiveAgain(folder.path, tree, policy);
  expect(bytesOf(join(folder.path, "t", "a"))).toEqual(trees[0]!.contents.get("t/a")!);
  expect(bytesOf(join(folder.path, "t (1)", "a"))).toEqual(trees[1]!.contents.get("t/a")!);
});

describe.skipIf(!canMount)("a second receive of what did not change", () => {
  test.each(DISKS)("makes no copy on %s", async (name, mountIt) => {
    await using mount = await mountIt();
    for (const onExists of ["number", "overwrite", "skip"] as const) {
      for (const [i, mtime] of [...TIMES, ...FAR_TIMES].entries()) {
        const dir = join(mount.path, `${onExists}-${i}`);
        mkdirSync(dir);
        const file = testShare(i, 300, { name: "f", mtime });
        const tree = testTree(100 + i, [
          { path: "t/a", size: 200, mtime },
          { path: "t/in/b", size: 0, mtime },
        ]);
        for (const share of [file, tree]) {
          await receiveAgain(dir, share, onExists);
          const taken = await receiveAgain(dir, share, onExists);
          const isKept = i > 0 && i < TIMES.length && !name.includes("no times");
          if (isKept) expect([onExists, mtime, taken]).toEqual([onExists, mtime, 0]);
        }
        expect([mtime, list(dir)]).toEqual([mtime, ["f", "t"]]);
        expect(bytesOf(join(dir, "f"))).toEqual(file.content);
      }
    }
  });

  test("takes another content of the same size for another file, whatever its time became", async () => {
    await using mount = await mountDisk("mkfs.ext4", "-q", "-I", "128");
    for (const [i, mtime] of FAR_TIMES.entries()) {
      const name = `f${i}`;
      await receiveAgain(mount.path, testShare(2 * i, 300, { name, mtime }), "overwrite");
      const other = testShare(2 * i + 1, 300, { name, mtime: mtime - 5_000 });
      await receiveAgain(mount.path, other, "overwrite");
      expect(bytesOf(join(mount.path, name))).toEqual(other.content);
    }
  });
});

describe("times and modes", () => {
  test("arrive as they are where the file system has them", async () => {
    using folder = temporaryFolder();
    for (const mtime of [-2e12, -1_500, -1, 0, 1, 2 ** 31 * 1000, 4.4e12]) {
      const path = await receive(
        folder.path,
        testShare(1, 300, { name: `${mtime}`, mtime }),
        "fail",
      );
      expect(statSync(path, { bigint: true }).mtimeNs).toBe(BigInt(mtime) * 1_000_000n);
      const tree = testTree(1, [
        { path: `t${mtime}/a`, size: 3, mtime },
        { path: `t${mtime}/e`, mtime },
      ]);
      const top = await receive(folder.path, tree, "fail");
      for (const entry of ["a", "e"]) expect(statSync(join(top, entry)).mtimeMs).toBe(mtime);
    }
  });

  test("permissions arrive within the umask, and no file is ever wider than in the end", async () => {
    using folder = temporaryFolder();
    const before = process.umask(0o022);
    try {
      for (const [mode, arrives] of [
        [0o600, 0o600],
        [0o640, 0o640],
        [0o755, 0o755],
        [0o777, 0o755],
        [0o666, 0o644],
        [0o444, 0o444],
        [0o400, 0o400],
        [0o500, 0o500],
        [0o100, 0o744], // of a sender that says no more
        [0, 0o644],
      ] as const) {
        const name = mode.toString(8);
        for (const [share, data] of [
          [testShare(mode, 300, { name, mode }), "data"],
          [testTree(mode, [{ path: `t${name}/f`, size: 300, mode }]), `data/t${name}/f`],
        ] as const) {
          const partial = begin(folder.path, share);
          writeUntil(partial, share, 3);
          const coming = statSync(join(partial.path, data)).mode & 0o777;
          expect([mode, coming & ~(arrives | 0o600)]).toEqual([mode, 0]);
          writeUntil(partial, share);
          const path = await partial.finish({ onExists: "fail" });
          const at = data === "data" ? path : join(path, "f");
          expect([mode, statSync(at).mode & 0o7777]).toEqual([mode, arrives]);
        }
      }
    } finally {
      process.umask(before);
    }
  });
});

/** A share of empty files with these paths, whatever they are, as a sender could offer it. */
function shareOf(...paths: readonly string[]): Uint8Array {
  const files = paths.map((path) => ({ path, size: 0, mode: 0, mtime: 0 }));
  const [share, recordSize] = [new Uint8Array(16), 4096];
  const map = { version: 1, share, recordSize, records: 1, bytes: 0, files };
  const manifest = new Uint8Array(pack(map));
  const head = new Uint8Array(4 + manifest.length);
  new DataView(head.buffer).setUint32(0, manifest.length);
  head.set(manifest, 4);
  return head;
}

const NAMES = [
  "t/a:b",
  "t/a?b",
  "t/a_b",
  "t/con",
  "t/x.",
  "t/../y",
  "/etc/x",
  "t/\u001b[2J",
  "~/k",
];

describe("names that cannot be here", () => {
  test("refuse the share all at once, or get others that are safe and the same each time", () => {
    using folder = temporaryFolder();
    using held = HeldFolder.hold(folder.path);
    let detail = "";
    try {
      decodeHead(shareOf(...NAMES), namesHere(held, false));
    } catch (error) {
      if (error instanceof FaultError && error.code === "unsafe-name") detail = error.detail ?? "";
    }
    for (const name of ["t/../y", "/etc/x", "~/k"]) {
      expect(detail).toContain(`"${name}": `);
    }
    const named = decodeHead(shareOf(...NAMES), namesHere(held, true));
    expect(named.files.map(({ path }) => String(path))).toEqual([
      "t/a:b",
      "t/a?b",
      "t/a_b",
      "t/con",
      "t/x.",
      "t/_/y",
      "_/etc/x",
      "t/_[2J",
      "_~1/k",
    ]);
    expect(named.renames?.told.length).toBe(4);
    const there = decodeHead(shareOf(...NAMES), namesHere(held, true, "win32"));
    expect(there.files.slice(0, 5).map(({ path }) => String(path))).toEqual([
      "t/a_b~1",
      "t/a_b~2",
      "t/a_b",
      "t/_con",
      "t/x_",
    ]);
    expect(readdirSync(folder.path)).toEqual([]);
  });

  test("those that differ only in case are all there where the file system tells them apart", () => {
    using folder = temporaryFolder();
    using held = HeldFolder.hold(folder.path);
    const named = decodeHead(shareOf("t/A", "t/a", "T/x"), namesHere(held, false));
    expect(named.files.map(({ path }) => String(path))).toEqual(["t/A", "t/a", "T/x"]);
    expect(named.renames).toBeUndefined();
  });

  test.skipIf(!canMount)(
    "a file system that cannot hold them gives others, and finds them again",
    async () => {
      await using mount = await mountFaulty({ folded: true, names: 143 });
      const long = `${"é".repeat(80)}.txt`;
      const dir = mount.path;
      for (const run of ["first", "second"]) {
        using held = HeldFolder.hold(dir);
        const tree = testTree(1, [
          { path: "t/A.txt", size: 300 },
          { path: "t/a.txt", size: 301 },
          { path: `t/${long}`, size: 3 },
        ]);
        const manifest = decodeHead(tree.head, namesHere(held, false));
        expect(manifest.files.map(({ path }) => String(path))).toEqual([
          "t/A.txt",
          "t/a~1.txt",
          `t/${"é".repeat(63)}.txt`,
        ]);
        const taken = await receiveAgain(dir, { ...tree, manifest }, "number");
        expect([run, taken > 0]).toEqual([run, run === "first"]);
        expect(list(join(dir, "t")).length).toBe(3);
      }
      expect(list(dir)).toEqual(["t"]);
    },
  );

  test.skipIf(!canMount)("a partial with other names goes on", async () => {
    await using mount = await mountFaulty({ folded: true });
    const tree = testTree(1, [
      { path: "t/A", size: 300 },
      { path: "t/a", size: 301 },
    ]);
    using held = HeldFolder.hold(mount.path);
    const share = { ...tree, manifest: decodeHead(tree.head, namesHere(held, false)) };
    const partial = begin(mount.path, share);
    writeUntil(partial, share, 4);
    await partial.close();
    const again = findPartial({ dir: mount.path, share: tree.manifest.share });
    expect(again?.next).toBe(4);
    writeUntil(again!, share);
    await again!.finish({ onExists: "fail" });
    expect(bytesOf(join(mount.path, "t", "a~1"))).toEqual(tree.contents.get("t/a")!);
  });
});

/** On NTFS: the share's paths, and what they become. */
const WINDOWS = [
  ["t/A.txt", "t/A.txt"],
  ["t/a.txt", "t/a~1.txt"],
  ["t/Docs/x", "t/Docs/x"],
  ["t/docs/x", "t/docs~1/x"],
  ["t/docs/É", "t/docs~1/É"],
  ["t/docs/é", "t/docs~1/é~1"],
  ["t/a:b", "t/a_b"],
  ["t/a?b", "t/a_b~1"],
  ["t/con", "t/_con"],
  ["t/end.", "t/end_"],
  ["t/sub ./nul.txt", "t/sub_/_nul.txt"],
] as const;

describe.skipIf(!canMount)("F9 F11 on NTFS, which takes capitals for small letters", () => {
  const tree = testTree(
    7,
    WINDOWS.map(([path], at) => ({ path, size: 300 + at })),
  );

  const checkAll = (dir: string): void => {
    for (const [from, to] of WINDOWS) {
      expect([to, bytesOf(join(dir, to))]).toEqual([to, tree.contents.get(from)!]);
    }
  };

  test("every file of a share arrives, and a second run finds them all", async () => {
    await using mount = await mountNtfs();
    for (const run of ["first", "second"]) {
      using held = HeldFolder.hold(mount.path);
      const manifest = decodeHead(tree.head, namesHere(held, false));
      expect(manifest.files.map(({ path }) => String(path))).toEqual(WINDOWS.map(([, to]) => to));
      expect(manifest.renames?.told.length).toBe(9);
      const taken = await receiveAgain(mount.path, { ...tree, manifest }, "number");
      expect([run, taken > 0]).toEqual([run, run === "first"]);
      checkAll(mount.path);
    }
    expect(list(mount.path)).toEqual(["t"]);
  });

  test("a share that is half here goes on under the same names", async () => {
    await using mount = await mountNtfs();
    using held = HeldFolder.hold(mount.path);
    const share = { ...tree, manifest: decodeHead(tree.head, namesHere(held, false)) };
    const partial = begin(mount.path, share);
    writeUntil(partial, share, 5);
    await partial.close();
    const again = findPartial({ dir: mount.path, share: tree.manifest.share });
    expect(again?.next).toBe(5);
    writeUntil(again!, share);
    await again!.finish({ onExists: "fail" });
    checkAll(mount.path);
  });

  test("a share that is half on a disk of Linux goes on after its partial was moved here", async () => {
    using folder = temporaryFolder();
    await using mount = await mountNtfs();
    using held = HeldFolder.hold(folder.path);
    const share = { ...tree, manifest: decodeHead(tree.head, namesHere(held, false)) };
    // None of the names that come by then is impossible here.
    const partial = begin(folder.path, share);
    writeUntil(partial, share, 2);
    await partial.close();
    for (const name of list(folder.path)) {
      cpSync(join(folder.path, name), join(mount.path, name), {
        recursive: true,
        preserveTimestamps: true,
      });
    }
    const again = findPartial({ dir: mount.path, share: tree.manifest.share });
    if (again === undefined) throw new Error("no partial");
    writeUntil(again, share);
    await again.finish({ onExists: "fail" });
    checkAll(mount.path);
  });

  test("a file that is there in other capitals is replaced by --overwrite alone", async () => {
    await using mount = await mountNtfs();
    for (const onExists of ON_EXISTS) {
      const name = `${onExists}.txt`.toUpperCase();
      writeFileSync(join(mount.path, name), "mine");
      const share = testShare(ON_EXISTS.indexOf(onExists), 300, { name: name.toLowerCase() });
      const got = await receive(mount.path, share, onExists).catch(({ code }) => String(code));
      const mine = bytesOf(join(mount.path, name));
      if (onExists === "overwrite") expect(mine).toEqual(share.content);
      else expect(Buffer.from(mine).toString()).toBe("mine");
      if (onExists === "fail") expect(got).toBe("file-exists");
    }
  });

  test("F26 names that fold are tried in a bounded number, and fold all the same", async () => {
    await using mount = await mountNtfs();
    using held = HeldFolder.hold(mount.path);
    const paths = Array.from({ length: 5000 }, (_, at) => [`t/n${at}`, `t/N${at}`]).flat();
    const entries = paths.map((path) => ({ path: path as SafePath, type: "file" as const }));
    const { entries: named } = giveNames(entries, namesHere(held, false));
    expect(named.map(({ path }) => String(path))).toEqual(
      Array.from({ length: 5000 }, (_, at) => [`t/n${at}`, `t/N${at}~1`]).flat(),
    );
    expect(list(mount.path)).toEqual([]);
  });
});
