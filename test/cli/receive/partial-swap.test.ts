/**
 * The owner of the destination, another local user, exchanges its contents while a share is received:
 * at a known record, between two steps of the receiver.
 */
import { describe, expect, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { findPartial, openPartial } from "../../../cli/receive/find-partial.ts";
import type { PartialShare } from "../../../cli/receive/partial.ts";
import type { Policy } from "../../../cli/job/jobs.ts";
import {
  DATA_BYTES,
  bytesOf,
  laterFaultOf,
  list,
  temporaryFolder,
  testShare,
  testTree,
  type TestShare,
  type TestTree,
} from "../../support/disk.ts";

const POLICY: Policy = { onExists: "number", prefix: "", checksum: false };
const NAMES = ["a", "b", "c"];
const TREE = testTree(
  3,
  NAMES.flatMap((name) => [
    { path: name, size: 3 * DATA_BYTES },
    { path: `d/${name}`, size: 3 * DATA_BYTES },
  ]),
);
const FILE = testShare(4, 9 * DATA_BYTES);
const SHARES: readonly (readonly [string, TestShare | TestTree])[] = [
  ["a file", FILE],
  ["a tree", TREE],
];
const isLinux = process.platform === "linux";

/** A destination, and a folder of this user that nothing may touch. */
class Stage implements Disposable {
  readonly #folder = temporaryFolder();
  readonly dir = this.at("in");
  readonly victim = this.at("victim");

  constructor() {
    mkdirSync(this.dir);
    for (const path of ["", "data", "data/d"]) mkdirSync(join(this.victim, path));
    const files = ["a", "data/a", "data/b", "data/c", "data/d/a", "journal"];
    for (const path of files) writeFileSync(join(this.victim, path), "precious");
  }

  at(path: string): string {
    return join(this.#folder.path, path);
  }

  get partial(): string {
    const name = readdirSync(this.dir).find((each) => each.endsWith(".partial"));
    return join(this.dir, name ?? "none");
  }

  /** In the place of the partial there is something else from now on. */
  swap(make: (path: string, victim: string) => void): void {
    const path = this.partial;
    renameSync(path, join(this.dir, "away"));
    make(path, this.victim);
  }

  expectVictimWhole(): void {
    const files = readdirSync(this.victim, { recursive: true, withFileTypes: true });
    expect(files.length).toBe(8);
    for (const entry of files.filter((each) => each.isFile())) {
      expect(readFileSync(join(entry.parentPath, entry.name), "utf8")).toBe("precious");
    }
  }

  [Symbol.dispose](): void {
    this.#folder[Symbol.dispose]();
  }
}

const SWAPS: readonly (readonly [string, (path: string, victim: string) => void])[] = [
  ["a link to a folder", (path, victim) => symlinkSync(victim, path)],
  [
    "a folder with links in it",
    (path, victim) => {
      mkdirSync(path);
      symlinkSync(join(victim, "data"), join(path, "data"));
      symlinkSync(join(victim, "journal"), join(path, "journal"));
    },
  ],
  ["another folder of the same user", (path, victim) => renameSync(victim, path)],
  ["a file", (path) => writeFileSync(path, "theirs")],
  ["nothing", () => undefined],
];

function begin(dir: string, share: TestShare | TestTree): PartialShare {
  return openPartial({ ...share, dir, policy: POLICY });
}

function writeUntil(partial: PartialShare, { record, manifest }: TestShare | TestTree, end = 0.5) {
  while (partial.next < manifest.records * end) partial.write(partial.next, record(partial.next));
}

describe.each(SHARES)("of %s", (_name, share) => {
  test("a partial that was removed with its folder is said to be kept nowhere", async () => {
    using stage = new Stage();
    const partial = begin(stage.dir, share);
    writeUntil(partial, share);
    rmSync(stage.dir, { recursive: true });
    expect(await laterFaultOf(partial.checkpoint())).toBe("write-failed");
    expect(await partial.close()).toBeUndefined();
  });

  describe.each(SWAPS)("a partial that is exchanged for %s", (_what, make) => {
    /** Where the victim is: one kind of swap moves it. */
    function expectUntouched(stage: Stage): void {
      if (!existsSync(stage.victim)) renameSync(stage.partial, stage.victim);
      stage.expectVictimWhole();
    }

    test("amid the share ends it, and nothing outside is written, moved or removed", async () => {
      using stage = new Stage();
      const partial = begin(stage.dir, share);
      writeUntil(partial, share);
      stage.swap(make);
      const swapped = list(stage.dir);
      expect(await laterFaultOf(partial.checkpoint())).toBe("write-failed");
      writeUntil(partial, share, 1);
      expect(await laterFaultOf(partial.finish(POLICY))).toBe("write-failed");
      const kept = await partial.close();
      if (isLinux) expect(kept).toBe(join(stage.dir, "away"));
      expect(list(stage.dir)).toEqual(swapped);
      expectUntouched(stage);
    });

    test("and given up, stays what it was put there as", async () => {
      using stage = new Stage();
      const partial = begin(stage.dir, share);
      writeUntil(partial, share);
      stage.swap(make);
      const swapped = list(stage.dir);
      await partial.close();
      expect(list(stage.dir)).toEqual(swapped);
      expectUntouched(stage);
    });

    test("and discarded, loses what was received and nothing else", async () => {
      using stage = new Stage();
      const partial = begin(stage.dir, share);
      writeUntil(partial, share);
      stage.swap(make);
      const swapped = list(stage.dir);
      await partial.discard();
      expect(list(stage.dir)).toEqual(swapped);
      expectUntouched(stage);
    });

    test("between two runs is not gone on with", async () => {
      using stage = new Stage();
      const partial = begin(stage.dir, share);
      writeUntil(partial, share);
      await partial.close();
      stage.swap(make);
      const swapped = list(stage.dir);
      expect(findPartial({ dir: stage.dir, share: share.share })).toBeUndefined();
      expect(list(stage.dir)).toEqual(swapped);
      expectUntouched(stage);
    });
  });

  test("a receiver goes on with a partial once the partial has its name again", async () => {
    using stage = new Stage();
    const partial = begin(stage.dir, share);
    writeUntil(partial, share);
    const name = stage.partial;
    stage.swap((path, victim) => symlinkSync(victim, path));
    const { next } = partial;
    expect(await laterFaultOf(partial.checkpoint())).toBe("write-failed");
    await partial.close();
    rmSync(name);
    // Given up as a receiver does it.
    const free = name.replace(/-\d+-[0-9a-f]{8}-[0-9a-z]+(?=-)/, "");
    renameSync(join(stage.dir, "away"), free);
    const found = findPartial({ dir: stage.dir, share: share.share });
    expect(found?.next).toBe(next);
    writeUntil(found!, share, 1);
    await found!.finish(POLICY);
    expect(list(stage.dir).filter((each) => each.includes("partial"))).toEqual([]);
    stage.expectVictimWhole();
  });

  test.skipIf(!isLinux)(
    "a destination that is exchanged is written on, and people are told where it is",
    async () => {
      using stage = new Stage();
      const partial = begin(stage.dir, share);
      writeUntil(partial, share);
      renameSync(stage.dir, stage.at("moved"));
      symlinkSync(stage.victim, stage.dir);
      await partial.checkpoint();
      writeUntil(partial, share, 1);
      await partial.finish(POLICY);
      for (const { path } of partial.saved) {
        expect(path).toStartWith(`${stage.at("moved")}/`);
        expect(existsSync(path)).toBe(true);
      }
      expect(list(stage.at("moved"))).toEqual(
        partial.saved.map(({ path }) => path.slice(stage.at("moved/").length)).toSorted(),
      );
      stage.expectVictimWhole();
    },
  );
});

describe("the partial", () => {
  test("is closed to all others from its beginning, and again when it is gone on with", async () => {
    using stage = new Stage();
    const partial = begin(stage.dir, FILE);
    expect(statSync(stage.partial).mode & 0o777).toBe(0o700);
    writeUntil(partial, FILE);
    const kept = (await partial.close())!;
    chmodSync(kept, 0o777);
    const found = findPartial({ dir: stage.dir, share: FILE.share });
    expect(found).toBeDefined();
    expect(statSync(stage.partial).mode & 0o777).toBe(0o700);
    await found!.discard();
  });

  test("that only looks like one that was begun keeps what is in it", async () => {
    using stage = new Stage();
    const partial = begin(stage.dir, FILE);
    const name = (await partial.close())!;
    rmSync(name, { recursive: true });
    const others: readonly ((path: string) => void)[] = [
      // Another program's journal, of this user, in a folder that another user renamed.
      (path) => writeFileSync(join(path, "journal"), "precious, and of some length"),
      (path) => mkdirSync(join(path, "journal/2026"), { recursive: true }),
      (path) => writeFileSync(join(path, "empty"), ""),
    ];
    for (const make of others) {
      mkdirSync(name);
      make(name);
      const was = list(name);
      expect(findPartial({ dir: stage.dir, share: FILE.share })).toBeUndefined();
      expect(list(name)).toEqual(was);
      rmSync(name, { recursive: true });
    }
  });

  test("of a run that was killed at its very beginning goes", () => {
    using stage = new Stage();
    const made = begin(stage.dir, FILE);
    const name = stage.partial.replace(/-\d+-[0-9a-f]{8}-[0-9a-z]+(?=-)/, "");
    const beginnings: readonly ((path: string) => void)[] = [
      () => undefined,
      (path) => writeFileSync(join(path, "data"), ""),
      (path) => writeFileSync(join(path, "journal"), ""),
      (path) => writeFileSync(join(path, "journal"), new Uint8Array(300)),
      (path) => writeFileSync(join(path, "journal"), "fsjrnl2\n and no more"),
      (path) => mkdirSync(join(path, "data")),
    ];
    for (const make of beginnings) {
      mkdirSync(name);
      make(name);
      expect(findPartial({ dir: stage.dir, share: FILE.share })).toBeUndefined();
      expect(existsSync(name)).toBe(false);
    }
    return made.discard();
  });
});

describe("the last step", () => {
  const overwrite: Policy = { ...POLICY, onExists: "overwrite" };

  test("F16 a folder that files come into is not left for a link that has its name by then", async () => {
    using stage = new Stage();
    mkdirSync(join(stage.dir, "d"));
    writeFileSync(join(stage.dir, "d/a"), "old");
    const partial = openPartial({ ...TREE, dir: stage.dir, policy: overwrite });
    writeUntil(partial, TREE, 1);
    rmSync(join(stage.dir, "d"), { recursive: true });
    symlinkSync(join(stage.victim, "data"), join(stage.dir, "d"));
    expect(await laterFaultOf(partial.finish(overwrite))).toBe("in-the-way");
    stage.expectVictimWhole();
    await partial.close();
  });

  test("F17 a file that took the name meanwhile is replaced; a link is never followed", async () => {
    using stage = new Stage();
    const target = join(stage.dir, FILE.name);
    writeFileSync(target, "old");
    const ways: readonly (readonly [() => void, string])[] = [
      [() => symlinkSync(join(stage.victim, "a"), target), "file-exists"],
      [() => mkdirSync(target), "file-exists"],
      [() => writeFileSync(target, "another"), "no fault"],
    ];
    for (const [make, fault] of ways) {
      const partial = openPartial({ ...FILE, dir: stage.dir, policy: overwrite });
      writeUntil(partial, FILE, 1);
      rmSync(target, { recursive: true, force: true });
      make();
      expect(await laterFaultOf(partial.finish(overwrite))).toBe(fault);
      stage.expectVictimWhole();
      if (fault === "no fault") expect(bytesOf(target)).toEqual(FILE.content);
      else await partial.discard();
    }
  });
});
