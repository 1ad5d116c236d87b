import { expect, test } from "bun:test";
import { appendFileSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { findPartial, openPartial } from "../../../cli/receive/find-partial.ts";
import type { PartialShare } from "../../../cli/receive/partial.ts";
import { concat } from "../../../protocol/wire/bytes.ts";
import { RECORD_INDEX } from "../../../protocol/wire/limits.ts";
import { encodeManifest } from "../../../protocol/content/encode-manifest.ts";
import { senderName } from "../../../protocol/content/names.ts";
import {
  bytesOf,
  faultOf,
  list,
  reboot,
  RECORD_SIZE,
  seededBytes,
  temporaryFolder,
} from "../../support/disk.ts";

const SHARE = seededBytes(1, 16);
const FILE = { path: senderName("s.log"), type: "file" as const, size: 0, mode: 0, mtime: 0 };
const { manifest, head } = encodeManifest({
  share: SHARE,
  recordSize: RECORD_SIZE,
  files: [FILE],
  open: true,
});
/** The bytes of each record after those of the manifest: records of a stream have any length. */
const PIECES = [40, 0, 111, 1, 7, 111, 30].map((length, i) => seededBytes(i, length));
const HEAD_RECORDS = Math.ceil(head.length / (RECORD_SIZE - 17));
const WHOLE = concat(...PIECES);

function begin(dir: string): PartialShare {
  const partial = openPartial({ dir, manifest, head, receiver: seededBytes(2, 16) });
  const size = RECORD_SIZE - 17;
  for (let i = 0; i < HEAD_RECORDS; i++) {
    partial.write(i, head.subarray(i * size, (i + 1) * size));
  }
  return partial;
}

function writeUntil(partial: PartialShare, end: number): void {
  for (let i = partial.next - HEAD_RECORDS; i < end; i++) {
    partial.write(partial.next, PIECES[i]!, i === PIECES.length - 1);
  }
}

test("an open share ends where its last record says, with all its pieces one after another", async () => {
  using folder = temporaryFolder();
  const partial = begin(folder.path);
  expect(partial.records).toBe(RECORD_INDEX);
  writeUntil(partial, PIECES.length);
  expect(partial.records).toBe(HEAD_RECORDS + PIECES.length);
  expect(faultOf(() => partial.write(partial.next, PIECES[0]!))).toBe("corrupt-record");
  const path = await partial.finish({ onExists: "fail" });
  expect(path).toBe(join(folder.path, "s.log"));
  expect(bytesOf(path)).toEqual(WHOLE);
  expect(list(folder.path)).toEqual(["s.log"]);
});

test("F28 it goes on from every record, also when what was cut off left more", async () => {
  for (let stop = 1; stop <= PIECES.length; stop++) {
    for (const more of [0, 5, 60]) {
      using folder = temporaryFolder();
      const partial = begin(folder.path);
      writeUntil(partial, stop);
      if (stop % 2 === 0) await partial.checkpoint();
      const path = (await partial.close())!;
      if (more > 0 && stop < PIECES.length) {
        appendFileSync(join(path, "data"), new Uint8Array(more).fill(7));
      }
      const found = findPartial({ dir: folder.path, share: SHARE });
      expect({ stop, next: found?.next }).toEqual({ stop, next: HEAD_RECORDS + stop });
      expect(found?.bytes).toBe(concat(...PIECES.slice(0, stop)).length);
      writeUntil(found!, PIECES.length);
      expect(bytesOf(await found!.finish({ onExists: "fail" }))).toEqual(WHOLE);
    }
  }
});

test("F29 shorter data than was noted is not believed", async () => {
  using folder = temporaryFolder();
  const partial = begin(folder.path);
  writeUntil(partial, 4);
  truncateSync(join((await partial.close())!, "data"), 20);
  expect(findPartial({ dir: folder.path, share: SHARE })?.next).toBe(0);
});

test("after another boot only what was brought to the disk counts", async () => {
  using folder = temporaryFolder();
  const partial = begin(folder.path);
  writeUntil(partial, 3);
  await partial.checkpoint();
  writeUntil(partial, 5);
  reboot(join((await partial.close())!, "journal"));
  const found = findPartial({ dir: folder.path, share: SHARE });
  expect(found?.next).toBe(HEAD_RECORDS + 3);
  expect(found?.bytes).toBe(concat(...PIECES.slice(0, 3)).length);
  writeUntil(found!, PIECES.length);
  expect(bytesOf(await found!.finish({ onExists: "fail" }))).toEqual(WHOLE);
});
