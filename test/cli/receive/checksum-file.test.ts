/** SHA256SUMS: the sums that are counted or read, and the file that nobody loses anything by. */
import { describe, expect, spyOn, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";

import type { ClientEvent } from "../../../cli/job/event-schema.ts";
import { ChecksumFile } from "../../../cli/receive/checksum-file.ts";
import { ShareSums } from "../../../cli/receive/share-sums.ts";
import { Folder } from "../../../cli/system/folder.ts";
import type { FaultError } from "../../../protocol/wire/faults.ts";
import { list, temporaryFolder, testTree } from "../../support/disk.ts";

const sumOf = (bytes: string | Uint8Array): string =>
  new Bun.CryptoHasher("sha256").update(bytes).digest("hex");

const TREE = testTree(1, [{ path: "a", size: 300 }, { path: "d/b", size: 500 }, { path: "d/e" }]);
const A = TREE.contents.get("a")!;
const B = TREE.contents.get("d/b")!;
const LINES = `${sumOf(A)}  a\n${sumOf(B)}  d/b\n`;
const MINE = `${sumOf("mine")}  mine.iso\n`;

/** The share in its place. */
function placed(dir: string): ShareSums {
  writeFileSync(join(dir, "a"), A);
  mkdirSync(join(dir, "d/e"), { recursive: true });
  writeFileSync(join(dir, "d/b"), B);
  return new ShareSums(new Folder(dir), TREE.manifest, "");
}

/** Lists it, and tells what was said. */
async function listed(
  sums: ShareSums,
  file?: ChecksumFile,
): Promise<{ events: ClientEvent[]; fault: FaultError | undefined }> {
  const events: ClientEvent[] = [];
  const lister = file ?? new ChecksumFile((event) => void events.push(event));
  lister.add(sums, [], () => undefined);
  return { events, fault: await lister.settled() };
}

describe("a sum", () => {
  const all = async (sums: ShareSums) => {
    let read = 0;
    using open = sums;
    const found = await open.all([], {
      reads: (files) => (read = files),
      isStopped: () => false,
    });
    return { read, sums: found.checksums.map(({ sum }) => sum), unlisted: found.unlisted };
  };

  test("of a file that is written in one go is counted, and nothing is read", async () => {
    using folder = temporaryFolder();
    const sums = placed(folder.path);
    sums.written(0, A.subarray(0, 100), 0);
    sums.written(0, A.subarray(100), 100);
    sums.written(1, B, 0);
    expect(await all(sums)).toEqual({ read: 0, sums: [sumOf(A), sumOf(B)], unlisted: 0 });
  });

  test("of a file that was begun by an earlier run, or written twice in part, is read", async () => {
    using folder = temporaryFolder();
    const sums = placed(folder.path);
    sums.written(0, A.subarray(100), 100);
    sums.written(1, B.subarray(0, 400), 0);
    sums.written(1, B.subarray(300), 300);
    expect(await all(sums)).toEqual({ read: 2, sums: [sumOf(A), sumOf(B)], unlisted: 0 });
  });

  test("of a file that was left as it was is that of the file there", async () => {
    using folder = temporaryFolder();
    const sums = placed(folder.path);
    sums.written(0, A, 0);
    sums.written(1, B, 0);
    sums.dropped(0);
    writeFileSync(join(folder.path, "a"), "mine");
    expect(await all(sums)).toEqual({ read: 1, sums: [sumOf("mine"), sumOf(B)], unlisted: 0 });
  });

  test("is missing for what is gone, no file, or behind a link", async () => {
    using folder = temporaryFolder();
    const sums = placed(folder.path);
    rmSync(join(folder.path, "a"));
    rmSync(join(folder.path, "d"), { recursive: true });
    symlinkSync("/", join(folder.path, "d"));
    expect(await all(sums)).toEqual({ read: 0, sums: [], unlisted: 2 });
  });
});

describe("SHA256SUMS", () => {
  test("is completed: old lines stay, with the mode of the file", async () => {
    using folder = temporaryFolder();
    const path = join(folder.path, "SHA256SUMS");
    writeFileSync(path, `${sumOf("old")}  d/b\n${MINE}`);
    chmodSync(path, 0o640);
    const { events } = await listed(placed(folder.path));
    expect(events.at(-1)).toEqual({ event: "checksums", path, files: 2, unlisted: 0 });
    expect(readFileSync(path, "utf8")).toBe(`${sumOf(B)}  d/b\n${MINE}${sumOf(A)}  a\n`);
    expect(statSync(path).mode & 0o777).toBe(0o640);
    expect(list(folder.path)).toEqual(["SHA256SUMS", "a", "d"]);
    const before = statSync(path).ino;
    await listed(placed(folder.path));
    expect(statSync(path).ino).toBe(before);
  });

  test.each<[what: string, make: (path: string) => void]>([
    ["a text", (path) => writeFileSync(path, "see you at eight")],
    ["no text", (path) => writeFileSync(path, new Uint8Array([0xff, 10]))],
    ["a folder", (path) => mkdirSync(path)],
    ["a link", (path) => symlinkSync("a", path)],
  ])("that is %s stays, and the list gets another name", async (_what, make) => {
    using folder = temporaryFolder();
    const path = join(folder.path, "SHA256SUMS");
    make(path);
    const { mtimeMs, ino } = lstatSync(path);
    await listed(placed(folder.path));
    await listed(placed(folder.path));
    expect(readFileSync(`${path} (1)`, "utf8")).toBe(LINES);
    expect(list(folder.path)).toEqual(["SHA256SUMS", "SHA256SUMS (1)", "a", "d"]);
    expect(lstatSync(path)).toMatchObject({ mtimeMs, ino });
  });

  test("F35 that a share brought stays as it came, also for later shares", async () => {
    using folder = temporaryFolder();
    const path = join(folder.path, "SHA256SUMS");
    writeFileSync(path, MINE);
    const theirs = testTree(2, [{ path: "SHA256SUMS", size: MINE.length }]).manifest;
    const file = new ChecksumFile(() => undefined);
    await listed(new ShareSums(new Folder(folder.path), theirs, ""), file);
    await listed(placed(folder.path), file);
    expect(readFileSync(path, "utf8")).toBe(MINE);
    const expected = `${sumOf(MINE)}  SHA256SUMS\n${LINES}`;
    expect(readFileSync(`${path} (1)`, "utf8")).toBe(expected);
  });

  test("gets the lines of all shares that end at once", async () => {
    using folder = temporaryFolder();
    const names = Array.from({ length: 8 }, (_, i) => `f${i}`);
    await Promise.all(
      names.map((name) => {
        writeFileSync(join(folder.path, name), name);
        const { manifest } = testTree(3, [{ path: name, size: 2 }]);
        return listed(new ShareSums(new Folder(folder.path), manifest, ""));
      }),
    );
    const lines = readFileSync(join(folder.path, "SHA256SUMS"), "utf8").trim().split("\n");
    expect(lines.toSorted()).toEqual(names.map((name) => `${sumOf(name)}  ${name}`).toSorted());
  });

  test("is completed also where another receiver completes it between two steps of this one", async () => {
    using folder = temporaryFolder();
    const path = join(folder.path, "SHA256SUMS");
    writeFileSync(path, MINE);
    const sums = placed(folder.path);
    const lstat = sums.folder.lstat.bind(sums.folder);
    using _ = spyOn(sums.folder, "lstat").mockImplementation((name) => {
      const there = lstat(name);
      if (name !== "SHA256SUMS" || existsSync(`${path}.theirs`)) return there;
      writeFileSync(`${path}.theirs`, "");
      writeFileSync(`${path}.new`, `${sumOf("x")}  x\n${MINE}`);
      renameSync(`${path}.new`, path);
      return there;
    });
    await listed(sums);
    expect(readFileSync(path, "utf8")).toEndWith(MINE + LINES);
    expect(existsSync(`${path} (1)`)).toBe(false);
  });

  test("is not written when Ctrl-C ends the reading", async () => {
    using folder = temporaryFolder();
    const file = new ChecksumFile(() => undefined);
    file.stop();
    const { fault } = await listed(placed(folder.path), file);
    expect(fault?.code).toBe("interrupted");
    expect(list(folder.path)).toEqual(["a", "d"]);
  });

  test("says that nothing is listed where nothing was saved", async () => {
    using folder = temporaryFolder();
    const events: ClientEvent[] = [];
    const file = new ChecksumFile((event) => void events.push(event));
    const unsound = ["a", "d/b"].map((path) => ({ path, what: "changed" as const }));
    file.add(undefined, [], () => undefined);
    file.add(placed(folder.path), unsound, () => undefined);
    expect(await file.settled()).toBeUndefined();
    expect(events).toEqual([
      { event: "checksums", files: 0, unlisted: 0 },
      { event: "checksums", files: 0, unlisted: 2 },
    ]);
    expect(list(folder.path)).toEqual(["a", "d"]);
  });
});
