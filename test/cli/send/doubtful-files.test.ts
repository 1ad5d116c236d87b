/** A file that was read in part and has its old size and time: its content says whether it is the same. */
import { describe, expect, test } from "bun:test";
import { mkdirSync, renameSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { UNSOUND_TOLD, unsoundEvent } from "../../../cli/job/unsound-event.ts";
import { FilesContent, SOURCE_FILES_OPEN } from "../../../cli/send/files-content.ts";
import { listPaths } from "../../../cli/send/file-list.ts";
import { Identities } from "../../../cli/send/identities.ts";
import { KnownSource } from "../../../cli/send/known-source.ts";
import { FaultError } from "../../../protocol/wire/faults.ts";
import { DATA_BYTES, RECORD_SIZE, seededBytes, temporaryFolder } from "../../support/disk.ts";

const SIZE = 6 * DATA_BYTES;

type Change = (path: string) => void;

/** Puts another file with that time in its place. */
const exchanged =
  (bytes: Uint8Array): Change =>
  (path) => {
    const { ino } = statSync(path);
    writeFileSync(`${path}.new`, bytes);
    utimesSync(`${path}.new`, 1e9, 1e9);
    renameSync(`${path}.new`, path);
    expect(statSync(path).ino).not.toBe(ino);
  };

/** Writes over it and sets its time back, as `touch -r` does. */
const setBack =
  (bytes: Uint8Array): Change =>
  (path) => {
    writeFileSync(path, bytes, { flag: "r+" });
    utimesSync(path, 1e9, 1e9);
  };

/** Reads a part of the first file and all others, changes it, and reads the rest. */
async function readOver(change: Change, strict: boolean): Promise<string[] | string> {
  using folder = temporaryFolder();
  const tree = join(folder.path, "t");
  mkdirSync(tree);
  const path = join(tree, "a");
  writeFileSync(path, seededBytes(1, SIZE));
  for (let i = 0; i < 2 * SOURCE_FILES_OPEN; i++) {
    writeFileSync(join(tree, `b${100 + i}`), seededBytes(i, DATA_BYTES));
  }
  utimesSync(path, 1e9, 1e9);
  const list = await listPaths({ paths: [tree] }, new AbortController().signal);
  const source = new KnownSource(new FilesContent(list, { strict }), [], RECORD_SIZE);
  const { manifest, head } = source.describe(seededBytes(9, 16));
  const sealed = new Set<number>();
  source.isSealed = (index) => sealed.has(index);
  const read = async (index: number): Promise<void> => {
    while (source.read(index) === undefined) {
      await new Promise<void>((ready) => (source.onReady = ready));
    }
    sealed.add(index);
  };
  try {
    const middle = Math.floor((head.length + SIZE / 2) / DATA_BYTES);
    const behind = Math.ceil((head.length + SIZE) / DATA_BYTES);
    for (let index = 0; index < middle; index++) await read(index);
    // So many others that it is not held open any more.
    for (let index = behind; index < manifest.records - 2; index++) await read(index);
    change(path);
    for (let index = middle; index < behind; index++) await read(index);
    for (let index = manifest.records - 2; index < manifest.records; index++) await read(index);
    return source.unsound.map((file) => `${file.path} ${file.what}`);
  } catch (error) {
    if (!(error instanceof FaultError)) throw error;
    return error.code;
  } finally {
    source.close();
  }
}

describe.each([
  ["that another inode with its size and time took the place of", exchanged],
  ["that was written over and has its time back", setBack],
])("a file %s", (_, changed) => {
  test.each([true, false])("is the same with the same content (strict: %p)", async (strict) => {
    expect(await readOver(changed(seededBytes(1, SIZE)), strict)).toEqual([]);
  });

  test("is given up with another content, which only the part that left can tell", async () => {
    const other = seededBytes(1, SIZE);
    other[3]! ^= 1;
    expect(await readOver(changed(other), false)).toEqual(["t/a changed"]);
    expect(await readOver(changed(other), true)).toBe("source-changed");
  });
});

test("files that are exchanged right after they were listed have another ctime each time", async () => {
  using folder = temporaryFolder();
  const path = join(folder.path, "a");
  for (let round = 0; round < 30; round++) {
    writeFileSync(path, "a");
    utimesSync(path, 1e9, 1e9);
    const identities = new Identities();
    identities.add(statSync(path, { bigint: true }));
    await identities.settle();
    exchanged(new Uint8Array(1))(path);
    expect(identities.compare(0, statSync(path, { bigint: true }))).toBe("unsure");
  }
});

test("of very many files that changed the first are named, and the others counted", () => {
  const files = Array.from({ length: UNSOUND_TOLD + 7 }, (_, i) => ({
    path: `${i}`,
    what: "changed" as const,
  }));
  expect(unsoundEvent(files)).toMatchObject({ more: 7 });
});
