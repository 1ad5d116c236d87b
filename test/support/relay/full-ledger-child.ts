/** Fills the small disk of a ledger, and then removes a share. Prints the fault, and the places that are left. */
import { closeSync, mkdirSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";

import { FaultError } from "../../../protocol/mod.ts";
import { prepareFolder, SqliteLedger } from "../../../relay/store/sqlite-ledger.ts";
import { hexOf, storedShare } from "./stored-shares.ts";

/** The number of the share that there is room for again. */
const LAST = 100;

const folder = join(process.argv[2]!, "store");
mkdirSync(folder, { mode: 0o700 });
const records = prepareFolder(folder);
const ledger = new SqliteLedger(folder, records);
const share = storedShare(1, { durable: [{ first: 0, count: 5 }] });
const change = { shares: [], removed: [], tombstones: [], forgotten: [] };
await ledger.save({ ...change, shares: [share] });

// A worker has it open, and fills the disk to the last byte.
const file = openSync(join(records, share.place), "w");
const [page, byte] = [new Uint8Array(4096), new Uint8Array(1)];
for (const bytes of [page, byte]) {
  try {
    while (writeSync(file, bytes) > 0);
  } catch {
    // It is full.
  }
}

let fault: string | undefined;
const begun = Array.from({ length: 1000 }, () => hexOf(5));
for (let id = 2; fault === undefined && id < LAST; id++) {
  try {
    await ledger.save({ ...change, shares: [storedShare(id, { begun })] });
  } catch (error) {
    fault = error instanceof FaultError ? error.code : String(error);
  }
}
await ledger.save({ ...change, removed: [share.place] });
await ledger.save({ ...change, shares: [storedShare(LAST)] });
closeSync(file);
const { shares } = await ledger.load();
const places = new Set(shares.map(({ place }) => place));
process.stdout.write(
  JSON.stringify({
    fault,
    has: places.has(share.place),
    last: places.has(storedShare(LAST).place),
  }),
);
await ledger.close();
