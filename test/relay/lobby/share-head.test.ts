import { describe, expect, test } from "bun:test";

import {
  RECORD_SIZE,
  dataPerRecord,
  encodeManifest,
  parseSafePath,
  type OfferSeen,
} from "../../../protocol/mod.ts";
import { ShareHead } from "../../../relay/lobby/share-head.ts";
import { MEMORY_SIZES, MemoryBudget } from "../../../relay/limits/memory-budget.ts";

const RECORD_BYTES = dataPerRecord(RECORD_SIZE);
const share = new Uint8Array(16).fill(7);

/** A share whose manifest goes over several records. */
function long(): { offer: OfferSeen; records: Uint8Array[]; bytes: number } {
  const files = Array.from({ length: 20_000 }, (_, number) => ({
    path: parseSafePath(`${number}-${"x".repeat(100)}`),
    type: "file" as const,
    size: 1,
    mode: 0,
    mtime: 0,
  }));
  const { manifest, head } = encodeManifest({ share, recordSize: RECORD_SIZE, files, open: false });
  const plain = new Uint8Array(head.length + files.length);
  plain.set(head);
  const records: Uint8Array[] = [];
  for (let at = 0; at < plain.length; at += RECORD_BYTES) {
    records.push(plain.subarray(at, at + RECORD_BYTES));
  }
  const offer: OfferSeen = {
    share,
    recordSize: RECORD_SIZE,
    records: manifest.records,
    bytes: manifest.bytes,
    seekable: false,
    senderHere: true,
  };
  return { offer, records, bytes: head.length };
}

function used(memory: MemoryBudget): number {
  return memory.measures.used.kept;
}

describe("the head of a share", () => {
  test("is read once for all that take it, wherever each of them is", () => {
    const { offer, records, bytes } = long();
    const last = Math.floor(bytes / RECORD_BYTES);
    expect(last).toBeGreaterThan(0);
    const memory = new MemoryBudget(() => 0);
    const head = new ShareHead(memory);
    const places = [0, 0, 0];
    const found = new Set<unknown>();
    // The first one goes on alone, then leaves; the others come after it.
    for (const reader of [0, 1, 2, 1, 2, 1, 2, 1, 2, 1, 2, 1, 2]) {
      const index = places[reader] ?? 0;
      places[reader] = index + 1;
      if (index > last) continue;
      const read = head.take({ index, data: records[index]! }, offer);
      if (index < last) expect(read).toBeUndefined();
      else expect(read).toMatchObject({ bytes, record: last, first: bytes - last * RECORD_BYTES });
      if (read !== undefined) found.add(read.manifest);
    }
    expect(found.size).toBe(1);
    expect(used(memory)).toBeGreaterThanOrEqual(bytes);
    head.leave();
    expect(used(memory)).toBe(0);
  });

  test("is not taken without memory for it, and can be when there is some", () => {
    const { offer, records } = long();
    const memory = new MemoryBudget(() => 0, { ...MEMORY_SIZES, bytes: 4 * RECORD_BYTES });
    const head = new ShareHead(memory);
    const take = (): unknown => head.take({ index: 0, data: records[0]! }, offer);
    expect(take).toThrow("no memory for its manifest");
    expect(used(memory)).toBe(0);
    expect(head.take({ index: 1, data: records[1]! }, offer)).toBeUndefined();
  });

  test("that is none is told to each, and not kept", () => {
    const { offer } = long();
    const memory = new MemoryBudget(() => 0);
    const head = new ShareHead(memory);
    const data = new Uint8Array(100).fill(1, 3, 4);
    for (let count = 0; count < 2; count++) {
      expect(() => head.take({ index: 0, data }, offer)).toThrow("description of the share");
    }
    expect(used(memory)).toBe(0);
  });
});
