/** The facts of stored shares in S3, against a server in a process of its own, and a proxy that fails and lies. */
import { expect, test } from "bun:test";

import type { LedgerChange } from "../../../relay/store/ledger.ts";
import type { S3Place } from "../../../relay/store/s3-bucket.ts";
import { S3Ledger } from "../../../relay/store/s3-ledger.ts";
import type { StoredShare, Tombstone } from "../../../relay/store/stored-share.ts";
import { failingS3 } from "../../support/net/failing-s3.ts";
import { hexOf, storedReceipt, storedShare, tombstone } from "../../support/relay/stored-shares.ts";
import { messageOf } from "../../support/s3-events.ts";
import { QUICK, upTo, withRecords } from "../../support/s3-share.ts";

const s3 = failingS3();

const NOTHING: LedgerChange = { shares: [], removed: [], tombstones: [], forgotten: [] };

/** The shares that a starting relay finds, by key and place. */
async function loaded(place: S3Place): Promise<{ shares: StoredShare[]; tombstones: Tombstone[] }> {
  const ledger = new S3Ledger({ times: QUICK, ...place });
  const { shares, tombstones } = await ledger.load();
  await ledger.close();
  return {
    shares: shares.toSorted((one, other) => (one.place < other.place ? -1 : 1)),
    tombstones: tombstones.toSorted((one, other) => (one.key < other.key ? -1 : 1)),
  };
}

test("a change waits while the store is away, and is saved when it is back", async () => {
  const place = s3.newPlace();
  const ledger = new S3Ledger({ ...place, times: QUICK });
  await ledger.load();
  let left = 30;
  s3.proxy.fault = () => {
    return left-- > 0 ? { t: "refuse", status: 503, code: "SlowDown" } : undefined;
  };
  await ledger.save({ ...NOTHING, shares: [storedShare(1)] });
  await ledger.close();
  expect((await loaded(place)).shares).toEqual([storedShare(1)]);
});

function recordKeys(place: S3Place): string[] {
  return s3.server.keys(`${place.prefix}records/`);
}

test("what was saved is there after a restart, and no more", async () => {
  const place = s3.newPlace();
  expect(await loaded(place)).toEqual({ shares: [], tombstones: [] });
  const ledger = new S3Ledger({ ...place, times: QUICK });
  const one = storedShare(1, { receipts: [storedReceipt(4)], durable: [{ first: 0, count: 2 }] });
  await ledger.save({ ...NOTHING, shares: [one, storedShare(2)], tombstones: [tombstone(3)] });
  await ledger.save({ ...NOTHING, shares: [{ ...one, downloads: 1 }], tombstones: [tombstone(4)] });
  expect(await loaded(place)).toEqual({
    shares: [{ ...one, downloads: 1 }, storedShare(2)],
    tombstones: [tombstone(3), tombstone(4)],
  });
  await ledger.save({ ...NOTHING, removed: [one.place], forgotten: [hexOf(3)] });
  // A place that is gone may be removed again: a book repeats a change that failed.
  await ledger.save({ ...NOTHING, removed: [one.place], forgotten: [hexOf(3)] });
  expect(await loaded(place)).toEqual({ shares: [storedShare(2)], tombstones: [tombstone(4)] });
  await ledger.close();
});

test("keys and names of objects tell nothing of shares and channels", async () => {
  const place = s3.newPlace();
  const ledger = new S3Ledger({ ...place, times: QUICK });
  await ledger.save({ ...NOTHING, shares: [storedShare(1)], tombstones: [tombstone(2)] });
  await ledger.close();
  const keys = s3.server.keys(place.prefix).join(" ");
  expect(keys).toContain(storedShare(1).place);
  for (const secret of [hexOf(1), hexOf(2), hexOf(0xc0)]) expect(keys).not.toContain(secret);
});

test("more facts than one page lists are all loaded", async () => {
  const place = s3.newPlace();
  const ledger = new S3Ledger({ ...place, times: QUICK });
  const shares = upTo(7).map((at) => storedShare(at + 1));
  await ledger.save({ ...NOTHING, shares });
  await ledger.close();
  s3.proxy.change = (url) => {
    if (url.searchParams.has("max-keys")) url.searchParams.set("max-keys", "2");
  };
  expect((await loaded(place)).shares).toEqual(shares);
  expect(s3.proxy.seen.filter(({ query }) => query.has("continuation-token")).length).toBe(3);
});

test("a change is saved before its promise resolves, whatever fails on the way", async () => {
  const place = s3.newPlace();
  const ledger = new S3Ledger({ ...place, times: QUICK });
  let left = 3;
  s3.proxy.fault = () => (left-- > 0 ? { t: "lose" } : undefined);
  await ledger.save({ ...NOTHING, shares: [storedShare(1)], tombstones: [tombstone(2)] });
  await ledger.close();
  expect(await loaded(place)).toEqual({ shares: [storedShare(1)], tombstones: [tombstone(2)] });
});

/** A store that takes so many changes and then is gone, as at a crash. */
function dieAfter(writes: number): void {
  let left = writes;
  s3.proxy.fault = ({ method }) => {
    if (method === "GET" || left-- > 0) return undefined;
    return { t: "refuse", status: 403, code: "AccessDenied" };
  };
}

test("a crash at any moment of a revocation leaves the share, or its tombstone", async () => {
  for (const writes of [0, 1, 2]) {
    const place = s3.newPlace();
    const ledger = new S3Ledger({ ...place, times: QUICK });
    const share = storedShare(1, { seenAt: 5 });
    await withRecords(place, share);
    await ledger.save({ ...NOTHING, shares: [share] });
    dieAfter(writes);
    const change = { ...NOTHING, tombstones: [tombstone(1, { at: 9 })], removed: [share.place] };
    const saved = await ledger.save(change).then(
      () => true,
      () => false,
    );
    await ledger.close();
    expect(saved).toBe(writes === 2);
    s3.proxy.fault = () => undefined;
    const isOver = writes > 0;
    expect(await loaded(place)).toEqual({
      shares: isOver ? [] : [share],
      tombstones: isOver ? [tombstone(1, { at: 9 })] : [],
    });
    expect(recordKeys(place).length).toBe(isOver ? 0 : 2);
    expect(s3.server.keys(`${place.prefix}facts/`).length).toBe(isOver ? 0 : 1);
  }
});

test("a crash while a share takes the place of an older one leaves one of the two", async () => {
  for (const writes of [0, 1, 2, 3]) {
    const place = s3.newPlace();
    const ledger = new S3Ledger({ ...place, times: QUICK });
    const old = storedShare(1, { seenAt: 5 });
    const next = storedShare(1, { seenAt: 10, place: hexOf(0x77) });
    await ledger.save({ ...NOTHING, shares: [old], tombstones: [tombstone(1, { at: 4 })] });
    dieAfter(writes);
    await ledger
      .save({ ...NOTHING, shares: [next], removed: [old.place], forgotten: [old.key] })
      .catch(() => undefined);
    await ledger.close();
    s3.proxy.fault = () => undefined;
    expect(await loaded(place)).toEqual({ shares: [writes > 0 ? next : old], tombstones: [] });
    expect(s3.server.keys(place.prefix).length).toBe(1);
  }
});

test("records of no share are deleted at the start", async () => {
  const place = s3.newPlace();
  const ledger = new S3Ledger({ ...place, times: QUICK });
  await ledger.save({ ...NOTHING, shares: [storedShare(1)] });
  await ledger.close();
  await withRecords(place, storedShare(1));
  await withRecords(place, storedShare(2));
  expect(recordKeys(place).length).toBe(4);
  expect((await loaded(place)).shares).toEqual([storedShare(1)]);
  expect(recordKeys(place).every((key) => key.includes(storedShare(1).place))).toBe(true);
  expect(recordKeys(place).length).toBe(2);
});

test("a list that is older than the facts of a share loses no record of it", async () => {
  const place = s3.newPlace();
  const ledger = new S3Ledger({ ...place, times: QUICK });
  await ledger.save({ ...NOTHING, shares: [storedShare(1)] });
  await ledger.close();
  await withRecords(place, storedShare(1));
  s3.proxy.change = (url) => {
    if (url.searchParams.get("prefix") === `${place.prefix}facts/`) {
      url.searchParams.set("prefix", "nothing/");
    }
  };
  expect((await loaded(place)).shares).toEqual([]);
  s3.proxy.change = () => undefined;
  expect(recordKeys(place).length).toBe(2);
  expect((await loaded(place)).shares).toEqual([storedShare(1)]);
});

test("records are removed, all pages of them, and those that a list did not show", async () => {
  const place = s3.newPlace();
  const share = storedShare(1);
  await withRecords(place, share);
  const ledger = new S3Ledger({ ...place, times: QUICK });
  let lists = 0;
  s3.proxy.change = (url) => {
    if (!url.searchParams.has("max-keys")) return;
    // The first list shows one of the two alone.
    if (lists++ === 0)
      url.searchParams.set("start-after", `${place.prefix}records/${share.place}/0`);
  };
  await ledger.removeRecords(share.place);
  expect(recordKeys(place)).toEqual([]);
  await ledger.removeRecords(share.place);
  await ledger.close();
});

test("facts with a wrong byte are asked for again, and then nothing is loaded or deleted", async () => {
  const place = s3.newPlace();
  const ledger = new S3Ledger({ ...place, times: QUICK });
  await ledger.save({ ...NOTHING, shares: [storedShare(1)] });
  await ledger.close();
  let left = 2;
  s3.proxy.fault = ({ key }) => (key.includes("/facts/") && left-- > 0 ? { t: "flip" } : undefined);
  expect((await loaded(place)).shares).toEqual([storedShare(1)]);
  left = Infinity;
  const message = await messageOf(loaded(place));
  expect(message).toContain(`facts/${storedShare(1).place}: could not read`);
  expect(message).toContain("wrong bytes, 8 times");
  expect(s3.server.keys(`${place.prefix}facts/`).length).toBe(1);
});

test("a start says which bucket cannot be used, and what to check", async () => {
  const place = s3.newPlace();
  const cases: readonly (readonly [Partial<S3Place>, string])[] = [
    [
      { bucket: "none" },
      `bucket none at ${s3.proxy.url}: could not write at the object storage: it answered 404 NoSuchBucket (make the bucket`,
    ],
    [{ accessKeyId: "wrong" }, "403 InvalidAccessKeyId (check S3_ACCESS_KEY_ID)"],
    [{ endpoint: "http://127.0.0.1:1", times: { ...QUICK, giveUpMs: 20 } }, "ECONNREFUSED, "],
    [{ endpoint: "not an address" }, "check S3_ENDPOINT"],
  ];
  for (const [part, text] of cases) {
    expect(await messageOf(loaded({ ...place, ...part }))).toContain(text);
  }
  s3.proxy.fault = ({ method }) => {
    return method === "PUT" ? { t: "refuse", status: 403, code: "AccessDenied" } : undefined;
  };
  expect(await messageOf(loaded(place))).toContain("403 AccessDenied (allow s3:ListBucket");
});
