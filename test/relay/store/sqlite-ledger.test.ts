import { afterEach, expect, test } from "bun:test";
import {
  closeSync,
  existsSync,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";

import { SqliteLedger, prepareFolder } from "../../../relay/store/sqlite-ledger.ts";
import { mountNamespace } from "../../needs.ts";
import { Random } from "../../simulation/random.ts";
import { storeFolder, temporaryFolder } from "../../support/disk.ts";
import { faultOfAsync } from "../../support/faults.ts";
import { hexOf, storedReceipt, storedShare, tombstone } from "../../support/relay/stored-shares.ts";

const CHILD = join(import.meta.dir, "../../support/relay/ledger-child.ts");
const FULL_CHILD = join(import.meta.dir, "../../support/relay/full-ledger-child.ts");
/** Kills of one child after the other, at the same index. */
const KILLS = 8;

let opened = new AsyncDisposableStack();
afterEach(async () => {
  const all = opened;
  opened = new AsyncDisposableStack();
  await all.disposeAsync();
});

function ledgerIn(folder: string): SqliteLedger {
  return new SqliteLedger(folder, prepareFolder(folder));
}

const NOTHING = { shares: [], removed: [], tombstones: [], forgotten: [] };

test("what was saved is there again", async () => {
  const folder = storeFolder(opened);
  const ledger = ledgerIn(folder);
  const shares = [
    storedShare(1, { receipts: [storedReceipt(4)], begun: [hexOf(5)] }),
    storedShare(2),
  ];
  await ledger.save({ ...NOTHING, shares, tombstones: [tombstone(3), tombstone(4)] });
  await ledger.save({ ...NOTHING, removed: [shares[1]!.place], forgotten: [hexOf(3)] });
  await ledger.close();
  const again = ledgerIn(folder);
  expect(await again.load()).toEqual({ shares: [shares[0]!], tombstones: [tombstone(4)] });
  await again.close();
});

test("records without a share go when it is loaded, and a share without its records", async () => {
  const folder = storeFolder(opened);
  const ledger = ledgerIn(folder);
  const durable = [{ first: 0, count: 5 }];
  const shares = [
    storedShare(1, { durable }),
    storedShare(2, { durable }),
    // No record of it came yet.
    storedShare(3),
  ];
  await ledger.save({ ...NOTHING, shares });
  await ledger.close();
  const records = join(folder, "records");
  for (const name of [shares[0]!.place, hexOf(0x77), "not-of-the-relay"]) {
    writeFileSync(join(records, name), "x");
  }
  mkdirSync(join(records, hexOf(0x78)));
  const again = ledgerIn(folder);
  expect((await again.load()).shares).toEqual([shares[0]!, shares[2]!]);
  expect(readdirSync(records).toSorted()).toEqual(
    [shares[0]!.place, "not-of-the-relay", hexOf(0x78)].toSorted(),
  );
  await again.removeRecords(shares[0]!.place);
  await again.removeRecords(shares[0]!.place);
  expect(existsSync(join(records, shares[0]!.place))).toBe(false);
  await again.close();
});

test("the space of removed records is free at the second call, although somebody still has their file open", async () => {
  const folder = storeFolder(opened);
  const ledger = ledgerIn(folder);
  opened.defer(() => ledger.close());
  const path = join(folder, "records", hexOf(1));
  writeFileSync(path, new Uint8Array(1_000_000).fill(1));
  // As a worker that crashed leaves it.
  const left = openSync(path, "r");
  opened.defer(() => closeSync(left));
  await ledger.removeRecords(hexOf(1));
  expect(existsSync(path)).toBe(false);
  expect(fstatSync(left)).toMatchObject({ size: 1_000_000, nlink: 0 });
  await ledger.removeRecords(hexOf(1));
  expect(fstatSync(left)).toMatchObject({ size: 0, blocks: 0 });
  await ledger.removeRecords(hexOf(1));
});

test("removed records that wait for the second call are empty when the ledger ends", async () => {
  const folder = storeFolder(opened);
  const ledger = ledgerIn(folder);
  const path = join(folder, "records", hexOf(1));
  writeFileSync(path, "records");
  const left = openSync(path, "r");
  opened.defer(() => closeSync(left));
  await ledger.removeRecords(hexOf(1));
  await ledger.close();
  expect(fstatSync(left).size).toBe(0);
});

test("a child that is killed at any moment loses no save that it told of", async () => {
  const folder = storeFolder(opened);
  const random = new Random("ledger");
  let next = 0;
  for (let kill = 0; kill < KILLS; kill++) {
    const child = Bun.spawn([process.execPath, CHILD, folder, `${next}`], { stdout: "pipe" });
    const lines = random.whole(1, 60);
    let text = "";
    const decoder = new TextDecoder();
    for await (const chunk of child.stdout) {
      text += decoder.decode(chunk, { stream: true });
      // It goes on meanwhile, so that it dies at any step of a later save.
      if (text.split("\n").length > lines) child.kill("SIGKILL");
    }
    await child.exited;
    const last = Number(text.trimEnd().split("\n").at(-1));
    expect(last).toBeGreaterThanOrEqual(next + lines - 1);
    const ledger = ledgerIn(folder);
    const { shares } = await ledger.load();
    await ledger.close();
    const latest = Math.max(...shares.map(({ seenAt }) => seenAt));
    // One more may be there than was told.
    expect([last, last + 1]).toContain(latest);
    expect(shares.map(stateOf).toSorted()).toEqual(statesAfter(latest).toSorted());
    next = latest + 1;
  }
});

const stateOf = ({ place, downloads }: { readonly place: string; readonly downloads: number }) =>
  `${place.slice(0, 2)} ${downloads}`;

/** What the child's index holds after that save. */
function statesAfter(latest: number): string[] {
  const places = new Map<string, number>();
  for (let number = 0; number <= latest; number++) {
    places.set(hexOf(number % 7), number);
    if (number % 5 === 0) places.delete(hexOf((number + 3) % 7));
  }
  return [...places].map(([place, downloads]) => stateOf({ place, downloads }));
}

test("facts that this relay cannot read are no reason to go on without them", async () => {
  const folder = storeFolder(opened);
  const ledger = ledgerIn(folder);
  await ledger.save({ ...NOTHING, shares: [{ ...storedShare(1), counted: "no hex" }] });
  await ledger.close();
  const again = ledgerIn(folder);
  await faultOfAsync(() => again.load(), "bad-store");
  await again.close();
});

const NAMESPACE = mountNamespace();

test.skipIf(NAMESPACE === undefined)(
  "a full disk lets a share go, although the index has no room to say so (needs unshare and tmpfs)",
  async () => {
    const folder = opened.use(temporaryFolder()).path;
    const script = 'mount -t tmpfs -o size=1m none "$1" && exec "$2" "$3" "$1"';
    const args = ["sh", "-c", script, "sh", folder, process.execPath, FULL_CHILD];
    const child = Bun.spawn(["unshare", NAMESPACE!, ...args], { stdout: "pipe" });
    expect(await child.stdout.json()).toEqual({ fault: "store-full", has: false, last: true });
    expect(await child.exited).toBe(0);
  },
);
