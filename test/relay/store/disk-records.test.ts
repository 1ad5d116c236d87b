import { afterAll, afterEach, expect, test } from "bun:test";
import { readdirSync, statSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";

import { FaultError } from "../../../protocol/mod.ts";
import { diskOpener, WAITING_BYTES } from "../../../relay/store/disk-records.ts";
import { RecordBuffers } from "../../../relay/store/record-buffers.ts";
import { RecordSet } from "../../../relay/store/record-set.ts";
import type { RecordRun, StoredShape } from "../../../relay/store/record-store.ts";
import { linesOf } from "../../../bench/lines.ts";
import { mountNamespace } from "../../needs.ts";
import { seededBytes, temporaryFolder } from "../../support/disk.ts";
import { WatchedRecords } from "../../support/relay/record-stores.ts";
import { until } from "../../support/until.ts";
import { hexOf } from "../../support/relay/stored-shares.ts";

const FRAME = 1000;
const RECORDS = 20;
const LAST = 300;

const place = hexOf(7);
const open20: StoredShape = { place, frameBytes: FRAME, records: RECORDS, durable: [] };

const folders = new DisposableStack();
afterAll(() => folders.dispose());
const opened: WatchedRecords[] = [];

afterEach(() => {
  for (const records of opened.splice(0)) records.store.close();
});

function newFolder(): string {
  return folders.use(temporaryFolder()).path;
}

function frameOf(index: number): Uint8Array {
  return seededBytes(index, index === RECORDS - 1 ? LAST : FRAME);
}

function openIn(
  folder: string,
  shape: Partial<StoredShape> = {},
  buffers?: RecordBuffers,
): WatchedRecords {
  const opener = diskOpener(folder, buffers ?? new RecordBuffers());
  const records = new WatchedRecords(opener, { ...open20, ...shape });
  opened.push(records);
  return records;
}

async function filled(folder: string): Promise<WatchedRecords> {
  const records = openIn(folder);
  for (let index = RECORDS - 1; index >= 0; index--) records.store.write(index, frameOf(index));
  records.store.flush();
  await records.until(() => records.durable.size === RECORDS);
  return records;
}

test("records come back as they were written, before they are on the disk and after the file was opened again", async () => {
  const folder = newFolder();
  const first = openIn(folder);
  first.store.write(3, frameOf(3));
  expect([first.store.has(3), first.store.has(4)]).toEqual([true, false]);
  expect(await first.read(3)).toEqual(frameOf(3));
  first.store.close();
  const { store, durable } = await filled(folder);
  store.close();
  const again = openIn(folder, { durable: durable.runs });
  for (let index = 0; index < RECORDS; index++) {
    expect(await again.read(index)).toEqual(frameOf(index));
  }
});

test("a record is durable without a word when enough time went by", async () => {
  const records = openIn(newFolder());
  records.store.write(0, frameOf(0));
  await records.until(() => records.durable.has(0));
});

test("the file is this user's alone, and each record lies at its place", async () => {
  const folder = newFolder();
  await filled(folder);
  expect(readdirSync(folder)).toEqual([place]);
  const { mode, size } = statSync(join(folder, place));
  expect(mode & 0o777).toBe(0o600);
  expect(size).toBe((RECORDS - 1) * (FRAME + 8) + LAST + 8);
});

test("a byte that the disk changed is a fault of its record alone", async () => {
  const folder = newFolder();
  const records = await filled(folder);
  const file = await open(join(folder, place), "r+");
  await file.write(new Uint8Array(1), 0, 1, 4 * (FRAME + 8) + 501);
  await file.write(new Uint8Array(8), 0, 8, 6 * (FRAME + 8) - 8);
  await file.close();
  expect(await records.read(4)).toMatchObject({ code: "store-failed" });
  expect(await records.read(5)).toMatchObject({ code: "store-failed" });
  expect(await records.read(6)).toEqual(frameOf(6));
});

test("records that a disk lost are faults", async () => {
  const folder = newFolder();
  const { durable } = await filled(folder);
  truncateSync(join(folder, place), 2 * (FRAME + 8) + 100);
  const records = openIn(folder, { durable: durable.runs });
  expect(await records.read(1)).toEqual(frameOf(1));
  expect(await records.read(2)).toMatchObject({ code: "store-failed" });
  expect(await records.read(RECORDS - 1)).toMatchObject({ code: "store-failed" });
});

test("a store that is emptied while it is read gives faults, and no other bytes", async () => {
  const folder = newFolder();
  const records = await filled(folder);
  expect(await records.read(3)).toEqual(frameOf(3));
  const reads = Array.from({ length: RECORDS }, (_, index) => records.read(index));
  truncateSync(join(folder, place));
  for (const [index, given] of (await Promise.all(reads)).entries()) {
    if (given instanceof FaultError) expect(given.code).toBe("store-failed");
    else expect(given).toEqual(frameOf(index));
  }
  expect(await records.read(3)).toMatchObject({ code: "store-failed" });
});

test("a file that is gone, or a link in its place, is a fault of the share", async () => {
  const folder = newFolder();
  const durable = [{ first: 0, count: 1 }];
  const gone = openIn(folder, { durable });
  await gone.until(() => gone.failure !== undefined);
  expect(gone.failure).toMatchObject({ code: "store-failed", detail: "ENOENT" });
  expect(await gone.read(0)).toMatchObject({ code: "store-failed" });
  writeFileSync(join(folder, "other"), "text");
  symlinkSync("other", join(folder, place));
  const linked = openIn(folder);
  await linked.until(() => linked.failure !== undefined);
  expect(linked.failure).toMatchObject({ code: "store-failed", detail: "ELOOP" });
});

test("a share takes so much ahead of its disk, and says when there is room", async () => {
  const frameBytes = 1024 ** 2;
  const records = openIn(newFolder(), { frameBytes, records: 1000 });
  const frame = new Uint8Array(frameBytes);
  let index = 0;
  while (records.store.write(index, frame)) index++;
  expect(index * frameBytes).toBeLessThanOrEqual(WAITING_BYTES);
  expect(records.store.has(index)).toBe(false);
  await records.until(() => records.rooms === 1);
  expect(records.store.write(index, frame)).toBe(true);
});

test("shares of a worker share their memory, and each hears of room", async () => {
  const buffers = new RecordBuffers(2 * (FRAME + 8));
  const [one, other] = ["1", "2"].map((digit) => {
    return openIn(newFolder(), { place: digit.repeat(32) }, buffers);
  });
  expect([one!.store.write(0, frameOf(0)), one!.store.write(1, frameOf(1))]).toEqual([true, true]);
  expect(other!.store.write(0, frameOf(0))).toBe(false);
  await other!.until(() => other!.rooms === 1);
  expect(other!.store.write(0, frameOf(0))).toBe(true);
  expect(await one!.read(1)).toEqual(frameOf(1));
  expect(await other!.read(0)).toEqual(frameOf(0));
});

test("a store that is closed calls nothing more, and closes its file", async () => {
  const folder = newFolder();
  const { store } = await filled(folder);
  const called: unknown[] = [];
  for (let index = 0; index < RECORDS; index++) store.read(index, (frame) => called.push(frame));
  store.close();
  const files = (): string[] => {
    return readdirSync("/proc/self/fd").filter((fd) => {
      try {
        return statSync(`/proc/self/fd/${fd}`).ino === statSync(join(folder, place)).ino;
      } catch {
        return false;
      }
    });
  };
  await until(() => files().length === 0);
  expect(called).toEqual([]);
});

const CHILD = join(import.meta.dir, "disk-records-child.ts");
const CHILD_FRAME = 64 * 1024;

interface ChildSays {
  readonly runs?: readonly RecordRun[];
  readonly code?: string;
}

/** What the child says, until it is told enough. */
async function heard(
  stdout: ReadableStream<Uint8Array>,
  isEnough: (durable: RecordSet) => boolean = () => false,
): Promise<{ durable: RecordSet; code: string | undefined }> {
  const durable = new RecordSet();
  for await (const line of linesOf(stdout)) {
    const { runs = [], code } = JSON.parse(line) as ChildSays;
    for (const { first, count } of runs) durable.add(first, count);
    if (code !== undefined || isEnough(durable)) return { durable, code };
  }
  return { durable, code: undefined };
}

test("what was told to be durable is there and right after kill -9", async () => {
  for (const atLeast of [1, 60]) {
    const folder = newFolder();
    const child = Bun.spawn([process.execPath, CHILD, folder], { stdout: "pipe" });
    const { durable } = await heard(child.stdout, ({ size }) => size >= atLeast);
    child.kill("SIGKILL");
    await child.exited;
    const shape = { frameBytes: CHILD_FRAME, records: undefined, durable: durable.runs };
    const records = openIn(folder, shape);
    for (const { first, count } of durable.runs) {
      for (let index = first; index < first + count; index++) {
        expect(await records.read(index)).toEqual(seededBytes(index, CHILD_FRAME));
      }
    }
  }
});

const NAMESPACE = mountNamespace();

test.skipIf(NAMESPACE === undefined)(
  "a full disk is a fault of the share that it is full for (needs unshare and tmpfs)",
  async () => {
    const script = 'mount -t tmpfs -o size=2m none "$1" && exec "$2" "$3" "$1"';
    const args = ["sh", "-c", script, "sh", newFolder(), process.execPath, CHILD];
    const child = Bun.spawn(["unshare", NAMESPACE!, ...args], { stdout: "pipe" });
    const { durable, code } = await heard(child.stdout);
    expect(code).toBe("store-full");
    expect(durable.size).toBeLessThan((2 * 1024 ** 2) / CHILD_FRAME);
    expect(await child.exited).toBe(0);
  },
);

test("a place that no book gave is a mistake", () => {
  expect(() => openIn(newFolder(), { place: "../other" })).toThrow("no place");
});
