/**
 * Stores records in the folder that is its argument until it is killed or the disk is full, and says each run that is
 * durable, and how it failed, as a line of JSON.
 */
import { writeSync } from "node:fs";

import { diskOpener } from "../../../relay/store/disk-records.ts";
import { RecordBuffers } from "../../../relay/store/record-buffers.ts";
import { seededBytes } from "../../support/disk.ts";
import { hexOf } from "../../support/relay/stored-shares.ts";

const FRAME = 64 * 1024;
const RECORDS = 2 ** 20;
/** Records between two hurried syncs. */
const HURRY = 8;

function say(what: unknown): void {
  writeSync(1, `${JSON.stringify(what)}\n`);
}

let index = 0;

function write(): void {
  while (store.write(index, seededBytes(index, FRAME))) {
    index++;
    if (index % HURRY === 0) store.flush();
  }
}

const shape = { place: hexOf(7), frameBytes: FRAME, records: RECORDS, durable: [] };
const store = diskOpener(process.argv[2]!, new RecordBuffers())(shape, {
  room: () => setImmediate(write),
  durable: (runs) => say({ runs }),
  failed: ({ code }) => {
    say({ code });
    process.exit(0);
  },
});
write();
