import { describe, expect, test } from "bun:test";
import {
  appendFileSync,
  chmodSync,
  closeSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { findPartial, openPartial } from "../../../cli/receive/find-partial.ts";
import { Folder } from "../../../cli/system/folder.ts";
import type { PartialShare } from "../../../cli/receive/partial.ts";
import type { OnExists, Policy } from "../../../cli/job/jobs.ts";
import { DestinationSurvey } from "../../../cli/receive/destination-survey.ts";
import {
  bytesOf,
  DATA_BYTES,
  faultOf,
  laterFaultOf,
  list,
  listTree,
  temporaryFolder,
  testTree,
  type TestTree,
} from "../../support/disk.ts";
import { boundByModes } from "../../needs.ts";

const D = DATA_BYTES;
const TREE = [
  { path: "photos/a.jpg", size: 3 * D },
  { path: "photos/run.sh", size: 10, mode: 0o100 },
  { path: "photos/empty.txt", size: 0 },
  { path: "photos/deep/er/b.jpg", size: 2 * D + 7 },
  { path: "photos/nothing here" },
  { path: "photos/tiny", size: 1 },
  { path: "notes.txt", size: D - 3 },
];
const NAMES = [
  "notes.txt",
  "photos/",
  "photos/a.jpg",
  "photos/deep/",
  "photos/deep/er/",
  "photos/deep/er/b.jpg",
  "photos/empty.txt",
  "photos/nothing here/",
  "photos/run.sh",
  "photos/tiny",
];

function policyOf(onExists: OnExists): Policy {
  return { onExists, prefix: "", checksum: false };
}

function begin(dir: string, tree: TestTree, onExists: OnExists = "number"): PartialShare {
  const folder = new Folder(dir);
  try {
    const policy = policyOf(onExists);
    const wanted = new DestinationSurvey(folder, tree.manifest, policy).wanted(policy);
    return openPartial({ ...tree, dir, policy, wanted });
  } finally {
    folder.close();
  }
}

function writeUntil(partial: PartialShare, tree: TestTree, end = tree.manifest.records): number {
  let written = 0;
  for (; partial.next < end; written++) partial.write(partial.next, tree.record(partial.next));
  return written;
}

function put(dir: string, path: string, bytes: Uint8Array | string, mtime?: number): void {
  mkdirSync(dirname(join(dir, path)), { recursive: true });
  writeFileSync(join(dir, path), bytes);
  if (mtime !== undefined) utimesSync(join(dir, path), mtime / 1000, mtime / 1000);
}

function expectWhole(dir: string, tree: TestTree, under = ""): void {
  for (const [path, content] of tree.contents) {
    expect({ path, bytes: bytesOf(join(dir, under, path)) }).toEqual({ path, bytes: content });
  }
}

describe("a whole tree", () => {
  test("F19 F20 is what was sent, with empty files and folders, modes and times", async () => {
    using folder = temporaryFolder();
    const tree = testTree(1, TREE);
    const partial = begin(folder.path, tree);
    writeUntil(partial, tree);
    expect(listTree(folder.path)).toEqual([]);
    expect(await partial.finish({ onExists: "number" })).toBe(folder.path);
    expect(list(folder.path)).toEqual(["notes.txt", "photos"]);
    expect(listTree(folder.path)).toEqual(NAMES);
    expectWhole(folder.path, tree);
    const stat = (path: string) => statSync(join(folder.path, path));
    expect(stat("photos/run.sh").mode & 0o7100).toBe(0o100);
    expect(stat("photos/a.jpg").mode & 0o111).toBe(0);
    for (const path of ["photos/a.jpg", "photos/empty.txt", "photos/nothing here", "notes.txt"]) {
      expect([path, stat(path).mtimeMs]).toEqual([path, 1_700_000_000_123]);
    }
    expect(partial.saved).toEqual([
      { path: join(folder.path, "photos"), files: 5, bytes: 5 * D + 18 },
      { path: join(folder.path, "notes.txt"), files: 1, bytes: D - 3 },
    ]);
  });

  test("of a single folder its path is told", async () => {
    using folder = temporaryFolder();
    const tree = testTree(2, [{ path: "x/y/z", size: 5 }]);
    const partial = begin(folder.path, tree);
    writeUntil(partial, tree);
    expect(await partial.finish({ onExists: "fail" })).toBe(join(folder.path, "x"));
  });

  test("that holds nothing but folders and empty files arrives too", async () => {
    using folder = temporaryFolder();
    const tree = testTree(3, [{ path: "a/b/c" }, { path: "d" }, { path: "e", size: 0 }]);
    const partial = begin(folder.path, tree);
    writeUntil(partial, tree);
    await partial.finish({ onExists: "number" });
    expect(listTree(folder.path)).toEqual(["a/", "a/b/", "a/b/c/", "d/", "e"]);
  });
});

describe("names that are taken", () => {
  /** Puts files there before the transfer: some of the tree, some of others. */
  function before(dir: string, tree: TestTree): void {
    put(dir, "photos/a.jpg", tree.contents.get("photos/a.jpg")!, 1_700_000_000_123);
    put(dir, "photos/tiny", "another", 1);
    put(dir, "photos/mine", "mine");
  }

  async function receive(
    onExists: OnExists,
  ): Promise<{ dir: string; fetched: number } & Disposable> {
    const folder = temporaryFolder();
    const tree = testTree(4, TREE);
    before(folder.path, tree);
    const partial = begin(folder.path, tree, onExists);
    const fetched = writeUntil(partial, tree);
    await partial.finish(policyOf(onExists));
    expect(list(folder.path).filter((name) => name.endsWith(".partial"))).toEqual([]);
    return { dir: folder.path, fetched, [Symbol.dispose]: () => folder[Symbol.dispose]() };
  }

  test("number: a folder of its own, and nothing into the one that is there", async () => {
    using got = await receive("number");
    const theirs = NAMES.map((name) => name.replace(/^photos/, "photos (1)"));
    const mine = ["photos/", "photos/a.jpg", "photos/mine", "photos/tiny"];
    expect(listTree(got.dir)).toEqual([...theirs, ...mine].toSorted());
    expect(readFileSync(join(got.dir, "photos/tiny"), "utf8")).toBe("another");
  });

  test("F17 overwrite: files that differ are replaced, equal files are left alone", async () => {
    const tree = testTree(4, TREE);
    using got = await receive("overwrite");
    expect(listTree(got.dir)).toEqual([...NAMES, "photos/mine"].toSorted());
    expectWhole(got.dir, tree);
    expect(readFileSync(join(got.dir, "photos/mine"), "utf8")).toBe("mine");
  });

  test("skip: only what is missing comes", async () => {
    using got = await receive("skip");
    expect(listTree(got.dir)).toEqual([...NAMES, "photos/mine"].toSorted());
    expect(readFileSync(join(got.dir, "photos/tiny"), "utf8")).toBe("another");
  });

  test("--checksum: only content makes files the same, and those are left alone", async () => {
    using folder = temporaryFolder();
    const tree = testTree(12, TREE);
    put(folder.path, "photos/a.jpg", tree.contents.get("photos/a.jpg")!, 5000);
    // Of the right size and time, and not the same.
    put(folder.path, "photos/run.sh", "0123456789", 1_700_000_000_123);
    put(folder.path, "notes.txt", tree.contents.get("notes.txt")!, 5000);
    const policy: Policy = { ...policyOf("overwrite"), checksum: true };
    const destination = new Folder(folder.path);
    const survey = new DestinationSurvey(destination, tree.manifest, policy);
    destination.close();
    const partial = openPartial({
      ...tree,
      dir: folder.path,
      policy,
      wanted: survey.wanted(policy),
    });
    writeUntil(partial, tree);
    await partial.finish(policy);
    expectWhole(folder.path, tree);
    expect(listTree(folder.path)).toEqual(NAMES);
    for (const path of ["photos/a.jpg", "notes.txt"]) {
      expect(statSync(join(folder.path, path)).mtimeMs).toBe(5000);
    }
  });

  test("equal files are not fetched; if all are equal, nothing is fetched", () => {
    using folder = temporaryFolder();
    const far = [
      { path: "d/a", size: 5 },
      { path: "d/big", size: 100 * D },
      { path: "d/z", size: 5 },
    ];
    const tree = testTree(5, far);
    for (const path of ["d/big", "d/z"]) {
      put(folder.path, path, tree.contents.get(path)!, 1_700_000_000_123);
    }
    const partial = begin(folder.path, tree, "overwrite");
    expect(partial.left).toEqual({ bytes: 2 * 4096 + 17, inodes: 2 });
    expect(writeUntil(partial, tree)).toBeLessThan(20);
    expect(partial.left).toEqual({ bytes: 0, inodes: 0 });
    put(folder.path, "d/a", tree.contents.get("d/a")!, 1_700_000_000_123);
    const destination = new Folder(folder.path);
    const survey = new DestinationSurvey(destination, tree.manifest, policyOf("number"));
    destination.close();
    expect(survey.exists).toBe(false);
    expect(survey.same).toEqual({ files: 3, bytes: 100 * D + 10 });
    for (const onExists of ["number", "overwrite", "skip", "fail"] as const) {
      expect([...survey.wanted(policyOf(onExists))]).toEqual([0, 0, 0]);
    }
  });

  test("F15 F17 a link, a folder or a file in the way refuses what would go through it", () => {
    const tree = testTree(6, TREE);
    const outside = temporaryFolder();
    using _ = outside;
    const ways: ((dir: string) => void)[] = [
      (dir) => symlinkSync(outside.path, join(dir, "photos")),
      (dir) => writeFileSync(join(dir, "photos"), "a file"),
      (dir) => {
        mkdirSync(join(dir, "photos"));
        symlinkSync(outside.path, join(dir, "photos/deep"));
      },
      (dir) => mkdirSync(join(dir, "photos/a.jpg"), { recursive: true }),
      (dir) => {
        mkdirSync(join(dir, "photos"));
        symlinkSync("/etc/passwd", join(dir, "photos/tiny"));
      },
    ];
    for (const make of ways) {
      using folder = temporaryFolder();
      make(folder.path);
      const was = listTree(folder.path);
      expect(faultOf(() => begin(folder.path, tree, "overwrite"))).toBe("file-exists");
      expect(listTree(folder.path)).toEqual(was);
      expect(list(outside.path)).toEqual([]);
    }
  });

  test("F15 F16 a folder that becomes a link before the last step is not followed", async () => {
    using folder = temporaryFolder();
    using outside = temporaryFolder();
    const tree = testTree(7, TREE);
    mkdirSync(join(folder.path, "photos/deep"), { recursive: true });
    const partial = begin(folder.path, tree, "overwrite");
    writeUntil(partial, tree);
    rmSync(join(folder.path, "photos/deep"), { recursive: true });
    symlinkSync(outside.path, join(folder.path, "photos/deep"));
    expect(await laterFaultOf(partial.finish(policyOf("overwrite")))).toBe("in-the-way");
    expect(list(outside.path)).toEqual([]);
    // The way is free again: it goes on with what is not in its place yet.
    rmSync(join(folder.path, "photos/deep"));
    await partial.finish(policyOf("overwrite"));
    expectWhole(folder.path, tree);
    expect(listTree(folder.path)).toEqual(NAMES);
  });
});

describe("going on", () => {
  test("from every record, however often it was given up", async () => {
    const tree = testTree(8, TREE);
    for (let step = 1; step <= tree.manifest.records; step += 2) {
      using folder = temporaryFolder();
      let partial = begin(folder.path, tree);
      while (partial.next < tree.manifest.records) {
        writeUntil(partial, tree, Math.min(partial.next + step, tree.manifest.records));
        if (step % 3 === 0) await partial.checkpoint();
        const { next } = partial;
        await partial.close();
        const found = findPartial({ dir: folder.path, share: tree.share });
        expect(found?.next).toBe(next);
        partial = found!;
      }
      await partial.finish({ onExists: "number" });
      expectWhole(folder.path, tree);
      expect(listTree(folder.path)).toEqual(NAMES);
      expect(list(folder.path)).toEqual(["notes.txt", "photos"]);
    }
  });

  test("a file that was equal and changed since is fetched after all", async () => {
    using folder = temporaryFolder();
    const tree = testTree(9, [
      { path: "d/a", size: 40 * D },
      { path: "d/b", size: 2 * D },
    ]);
    put(folder.path, "d/a", tree.contents.get("d/a")!, 1_700_000_000_123);
    const partial = begin(folder.path, tree, "overwrite");
    writeUntil(partial, tree);
    await partial.close();
    rmSync(join(folder.path, "d/a"));
    const found = findPartial({ dir: folder.path, share: tree.share });
    expect(found!.next).toBeLessThan(3);
    writeUntil(found!, tree);
    await found!.finish(found!.policy);
    expectWhole(folder.path, tree);
  });
});

describe("F29 a spoilt partial is never called whole", () => {
  const tree = testTree(10, TREE);
  const RECORDS = 9;

  async function after(spoil: (data: string) => void): Promise<number | undefined> {
    using folder = temporaryFolder();
    const partial = begin(folder.path, tree);
    writeUntil(partial, tree, RECORDS);
    const path = await partial.close();
    spoil(join(path!, "data"));
    const found = findPartial({ dir: folder.path, share: tree.share });
    const next = found?.next;
    const again = found ?? begin(folder.path, tree);
    writeUntil(again, tree);
    await again.finish({ onExists: "number" });
    expectWhole(folder.path, tree);
    expect(listTree(folder.path).filter((name) => !name.startsWith("was"))).toEqual(NAMES);
    return next;
  }

  const change = (path: string): void => {
    // As it would be a while later: the clock of a file system ticks in milliseconds.
    const journal = join(dirname(path.slice(0, path.indexOf("/data/") + 5)), "journal");
    const past = Date.now() / 1000 - 5;
    utimesSync(journal, past, past);
    const { mtimeMs } = statSync(path);
    const fd = openSync(path, "r+");
    writeSync(fd, new Uint8Array([1, 2, 3]), 0, 3, 0);
    closeSync(fd);
    utimesSync(path, mtimeMs / 1000, mtimeMs / 1000);
  };

  test("as it is, it is gone on with", async () => {
    expect(await after(() => {})).toBe(RECORDS);
  });

  test("a file is shorter, longer, gone, written to, a link or a folder: it comes again", async () => {
    const first = (data: string): string => join(data, "photos/a.jpg");
    const ways: ((data: string) => void)[] = [
      (data) => truncateSync(first(data), 10),
      (data) => appendFileSync(first(data), "more"),
      (data) => rmSync(first(data)),
      (data) => change(first(data)),
      (data) => {
        rmSync(first(data));
        symlinkSync("/etc/passwd", first(data));
      },
      (data) => {
        rmSync(first(data));
        mkdirSync(first(data));
      },
      (data) => rmSync(data, { recursive: true }),
      (data) => {
        renameSync(join(data, "photos"), join(data, "was"));
        symlinkSync(join(data, "was"), join(data, "photos"));
      },
    ];
    for (const [at, spoil] of ways.entries()) {
      const next = (await after(spoil)) ?? 0;
      expect([at, next < RECORDS]).toEqual([at, true]);
    }
  });

  test("a later file only costs what follows it", async () => {
    const next = await after((data) => truncateSync(join(data, "photos/deep/er/b.jpg"), 1));
    expect(next).toBeGreaterThan(3);
    expect(next).toBeLessThan(RECORDS);
  });
});

const READ_ONLY = "a folder that is read-only says so";
/** Set in a copy of this process that modes bind. */
const BOUND = "TEST_BOUND_BY_MODES";

test(READ_ONLY, async () => {
  if (process.geteuid?.() === 0 && process.env[BOUND] === undefined) {
    const again = [process.execPath, "test", import.meta.path, "-t", READ_ONLY];
    const run = Bun.spawnSync(boundByModes(again), { env: { ...process.env, [BOUND]: "1" } });
    expect(run.stderr.toString()).toContain("\n 1 pass\n");
    return;
  }
  using folder = temporaryFolder();
  const tree = testTree(11, TREE);
  mkdirSync(join(folder.path, "photos"), { mode: 0o555 });
  const partial = begin(folder.path, tree, "overwrite");
  writeUntil(partial, tree);
  expect(await laterFaultOf(partial.finish(policyOf("overwrite")))).toBe("write-failed");
  chmodSync(join(folder.path, "photos"), 0o755);
  await partial.finish(policyOf("overwrite"));
  expectWhole(folder.path, tree);
});
