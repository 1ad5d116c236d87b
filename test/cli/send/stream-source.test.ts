/** A standard input as a source of records. */
import { expect, test } from "bun:test";
import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { closeSync, openSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { RecordData } from "../../../cli/send/source.ts";
import { StreamSource } from "../../../cli/send/stream-source.ts";
import { concat } from "../../../protocol/wire/bytes.ts";
import { CREDIT_RECORDS, RECORD_INDEX } from "../../../protocol/wire/limits.ts";
import { senderName } from "../../../protocol/content/names.ts";
import { dataPerRecord, OPEN_RECORD_SIZE } from "../../../protocol/wire/sizes.ts";
import { faultOfAsync } from "../../support/faults.ts";
import { seededBytes, temporaryFolder } from "../../support/disk.ts";

const SHARE = seededBytes(7, 16);
const ROOM = dataPerRecord(OPEN_RECORD_SIZE);

/** The record, once it is there. */
async function read(source: StreamSource, index: number): Promise<RecordData> {
  for (;;) {
    const ready = new Promise<void>((resolve) => {
      source.onReady = resolve;
    });
    const data = source.read(index);
    if (data !== undefined) return { ...data, parts: data.parts.map((part) => part.slice()) };
    await ready;
  }
}

function dataOf({ parts, padding }: RecordData): Uint8Array {
  const data = concat(...parts);
  expect(data.length + padding).toBe(ROOM);
  return data;
}

/** The output of a process, through a FIFO. */
function piped(folder: string, command: string): { fd: number; writer: ChildProcess } {
  const fifo = join(folder, "fifo");
  expect(spawnSync("mkfifo", [fifo]).status).toBe(0);
  const writer = spawn("sh", ["-c", `${command} > "${fifo}"`], { stdio: "ignore" });
  return { fd: openSync(fifo, "r"), writer };
}

test("records hold what came, the manifest first and alone, and the last one says so", async () => {
  using folder = temporaryFolder();
  const content = seededBytes(1, 10 * ROOM + 321);
  writeFileSync(join(folder.path, "content"), content);
  const { fd } = piped(folder.path, `cat "${folder.path}/content"`);
  const source = new StreamSource(senderName("x"), fd);
  const { head, manifest } = source.describe(SHARE);
  expect(manifest).toMatchObject({ open: true, records: RECORD_INDEX, bytes: 0 });
  expect(dataOf(await read(source, 0))).toEqual(head);
  const parts: Uint8Array[] = [];
  for (let index = 1; source.records === undefined; index++) {
    const record = await read(source, index);
    parts.push(dataOf(record));
    expect(record.last).toBe(source.records !== undefined);
  }
  expect(Buffer.concat(parts).equals(content)).toBe(true);
  expect(source.records).toBe(parts.length + 1);
  expect(source.bytesBefore(source.records ?? 0)).toBe(content.length);
  expect(source.read(source.records ?? 0)).toBeUndefined();
  source.close();
  closeSync(fd);
});

test("the last records can be had again, and are the same", async () => {
  using folder = temporaryFolder();
  const { fd, writer } = piped(folder.path, "yes");
  const source = new StreamSource(senderName("x"), fd);
  source.describe(SHARE);
  const seen: RecordData[] = [];
  for (let index = 0; index < 3 * CREDIT_RECORDS; index++) seen.push(await read(source, index));
  for (let back = 1; back <= CREDIT_RECORDS; back++) {
    const index = seen.length - back;
    expect(await read(source, index)).toEqual(seen[index]!);
  }
  await faultOfAsync(() => read(source, 0), "internal");
  source.close();
  const ended = new Promise((resolve) => writer.once("exit", resolve));
  closeSync(fd);
  await ended;
});

test("an input that can't be read is a fault", async () => {
  using folder = temporaryFolder();
  const fd = openSync(folder.path, "r");
  const source = new StreamSource(senderName("x"), fd);
  source.describe(SHARE);
  await read(source, 0);
  await faultOfAsync(() => read(source, 1), "source-unreadable");
  source.close();
  closeSync(fd);
  await faultOfAsync(() => new StreamSource(senderName("x"), 9999), "unreadable-file");
});
