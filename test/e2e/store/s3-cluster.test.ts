/** One prefix of a bucket for all relays of a cluster: their lease, and the facts of shares that go from one to another. */
import { expect, test } from "bun:test";

import { S3Bucket, type S3Place } from "../../../relay/store/s3-bucket.ts";
import { S3Ledger, type S3Cluster } from "../../../relay/store/s3-ledger.ts";
import type { LedgerChange } from "../../../relay/store/ledger.ts";
import { failingS3 } from "../../support/net/failing-s3.ts";
import type { S3Request } from "../../support/net/s3-faults.ts";
import { hexOf, storedShare, tombstone } from "../../support/relay/stored-shares.ts";
import { hearing, messageOf } from "../../support/s3-events.ts";
import { QUICK, withRecords } from "../../support/s3-share.ts";
import { until } from "../../support/until.ts";

const s3 = failingS3();
const NOTHING: LedgerChange = { shares: [], removed: [], tombstones: [], forgotten: [] };
const OURS = hexOf(0xaa);
const OTHERS = hexOf(0xbb);

/** Of a relay whose heartbeats are always in time. */
function clusterOf(lease: string): S3Cluster & { fence: { left: number; lapses: number } } {
  return { lease, fence: { left: 60_000, lapses: 0 }, secondLookMs: 1 };
}

/** A request may get lost when a ledger of this process ends: it is sent again. */
function newPlace(leaseMs = 30_000): S3Place {
  return { ...s3.newPlace(), times: { ...QUICK, answerMs: 500, leaseMs } };
}

async function opened(place: S3Place, cluster = clusterOf(OURS)): Promise<S3Ledger> {
  const ledger = new S3Ledger(place, undefined, cluster);
  await ledger.load();
  return ledger;
}

function keys(place: S3Place, below: string): string[] {
  return s3.server.keys(`${place.prefix}${below}/`).map((key) => key.split("/").at(-1)!);
}

test("relays of one cluster hold one lease, which no relay of another cluster and no lone one takes", async () => {
  const place = newPlace(3000);
  const events = [hearing(), hearing()];
  const ours = events.map((each) => new S3Ledger(place, each, clusterOf(OURS)));
  await Promise.all(ours.map((ledger) => ledger.load()));
  expect(events.flatMap(({ heard }) => heard)).toEqual([]);
  const used = /the relay at \S+ \(process \d+\) uses \S+lease: /.source;
  await using others = closing(new S3Ledger(place, hearing(), clusterOf(OTHERS)));
  const ofCluster = `${used}it is not of this cluster: give this cluster a prefix of its own`;
  expect(await messageOf(others.ledger.load())).toMatch(new RegExp(ofCluster));
  await using lone = closing(new S3Ledger(place, hearing()));
  expect(await messageOf(lone.ledger.load())).toMatch(new RegExp(`${used}stop it, or give`));
  // Both renew it, so one that ends takes nothing from the other.
  await ours[0]!.close();
  await using further = closing(new S3Ledger(place, hearing(), clusterOf(OTHERS)));
  expect(await messageOf(further.ledger.load())).toMatch(new RegExp(ofCluster));
  expect(events.flatMap(({ heard }) => heard)).toEqual([]);
  await ours[1]!.close();
});

function closing(ledger: S3Ledger): AsyncDisposable & { readonly ledger: S3Ledger } {
  return { ledger, [Symbol.asyncDispose]: () => ledger.close() };
}

test("a relay of a cluster that was killed leaves a lease that a lone one on its machine has to wait for", async () => {
  const place = newPlace(150);
  const cluster = await opened(place);
  await cluster.close();
  // As if it had run in a process that is gone.
  const [key, bucket] = [`${place.prefix}lease`, new S3Bucket(place)];
  const lease = await bucket.find(key, 1e6, (bytes) => new TextDecoder().decode(bytes));
  const { pid } = Bun.spawnSync(["true"]);
  expect(lease).toEndWith(` ${process.pid}\n`);
  await bucket.put(key, new TextEncoder().encode(lease!.replace(/\d+\n$/, `${pid}\n`)));
  const events = hearing();
  const lone = new S3Ledger(place, events);
  await lone.load();
  expect(events.heard.length).toBe(1);
  await lone.close();
});

test("a relay that starts deletes nothing of shares that other relays are about to change", async () => {
  const place = newPlace();
  const first = await opened(place);
  const [one, other] = [storedShare(1, { seenAt: 5 }), storedShare(2)];
  await first.save({ ...NOTHING, shares: [one, other], tombstones: [tombstone(1, { at: 9 })] });
  await withRecords(place, one);
  const second = new S3Ledger(place, undefined, { ...clusterOf(OURS), secondLookMs: 60_000 });
  // The first is in the middle of a save: what is over is written, and the facts are there still.
  expect(await second.load()).toEqual({ shares: [other], tombstones: [tombstone(1, { at: 9 })] });
  expect(keys(place, "facts")).toEqual([one.place, other.place].toSorted());
  expect(keys(place, "records").length).toBe(2);
  await Promise.all([first.close(), second.close()]);
});

/** The next request like this waits in the proxy. */
function held(isIt: (request: S3Request) => boolean): {
  readonly came: Promise<void>;
  readonly goOn: () => void;
} {
  const [came, goneOn] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  let isFirst = true;
  s3.proxy.fault = (request) => {
    if (!isFirst || !isIt(request)) return undefined;
    isFirst = false;
    came.resolve();
    return { t: "hold", until: goneOn.promise };
  };
  return { came: came.promise, goOn: goneOn.resolve };
}

test("records whose facts come before the second look stay", async () => {
  const place = newPlace();
  const [late, gone] = [storedShare(1), storedShare(2)];
  const first = await opened(place);
  await withRecords(place, late);
  await withRecords(place, gone);
  let asked = 0;
  const second = held(({ key }) => key.endsWith(`facts/${late.place}`) && ++asked === 2);
  const relay = await opened(place);
  await second.came;
  await first.save({ ...NOTHING, shares: [late] });
  second.goOn();
  await until(() => s3.server.keys(`${place.prefix}records/${gone.place}/`).length === 0);
  expect(s3.server.keys(`${place.prefix}records/${late.place}/`).length).toBe(2);
  await Promise.all([first.close(), relay.close()]);
});

test("records whose share another relay took over since the start stay", async () => {
  const place = newPlace();
  const [share, gone] = [storedShare(1), storedShare(2)];
  const first = await opened(place);
  await withRecords(place, share);
  await withRecords(place, gone);
  // The relay that starts has read all facts by then.
  const list = held(({ query }) => query.get("prefix") === `${place.prefix}records/`);
  const relay = await opened(place);
  await list.came;
  await first.save({ ...NOTHING, shares: [share] });
  await first.adopt(share.place, 40);
  await first.save({ ...NOTHING, shares: [share] });
  expect(keys(place, "facts")).toEqual([`${share.place}.40`]);
  list.goOn();
  await until(() => s3.server.keys(`${place.prefix}records/${gone.place}/`).length === 0);
  expect(s3.server.keys(`${place.prefix}records/${share.place}/`).length).toBe(2);
  await Promise.all([first.close(), relay.close()]);
});

test("records without facts are deleted at a second look", async () => {
  const place = newPlace();
  const [gone, there] = [storedShare(1), storedShare(2)];
  const first = await opened(place);
  await first.save({ ...NOTHING, shares: [there] });
  await first.close();
  await withRecords(place, gone);
  await withRecords(place, there);
  const second = await opened(place);
  await until(() => keys(place, "records").length === 2);
  expect(s3.server.keys(`${place.prefix}records/${there.place}/`).length).toBe(2);
  const asked = s3.proxy.seen.filter(({ key }) => key.endsWith(`facts/${gone.place}`));
  expect(asked.length).toBe(2);
  await second.close();
});

test("facts that a late write brought back are deleted at a second look", async () => {
  const place = newPlace();
  const [over, again] = [storedShare(1, { seenAt: 5 }), storedShare(2, { seenAt: 5 })];
  const first = await opened(place);
  const tombstones = [tombstone(1, { at: 9 }), tombstone(2, { at: 4 })];
  await first.save({ ...NOTHING, shares: [over, again], tombstones });
  await withRecords(place, over);
  await withRecords(place, again);
  await first.close();
  const second = await opened(place);
  await until(() => s3.server.keys(`${place.prefix}records/${over.place}/`).length === 0);
  expect(keys(place, "facts")).toEqual([again.place]);
  expect(keys(place, "records").length).toBe(2);
  await second.close();
});

test("a share that comes again before the second look stays", async () => {
  const place = newPlace();
  const [again, over] = [storedShare(1, { seenAt: 5 }), storedShare(2, { seenAt: 5 })];
  const first = await opened(place);
  const tombstones = [tombstone(1, { at: 9 }), tombstone(2, { at: 9 })];
  await first.save({ ...NOTHING, shares: [again, over], tombstones });
  const look = held(({ query }) => query.get("prefix") === `${place.prefix}facts/${again.place}`);
  const second = await opened(place);
  await look.came;
  await first.save({ ...NOTHING, shares: [{ ...again, seenAt: 10 }] });
  const seen = s3.proxy.seen.length;
  look.goOn();
  const isRead = ({ key }: S3Request) => key.includes("/over/");
  await until(() => s3.proxy.seen.slice(seen).some(isRead));
  await until(() => !keys(place, "facts").includes(over.place));
  await first.adopt(again.place, 40);
  expect(keys(place, "facts")).toEqual([again.place]);
  await Promise.all([first.close(), second.close()]);
});

test.each(["a save", "a second look"])(
  "%s that ends early brings no earlier facts of a share back",
  async (way) => {
    const place = newPlace();
    const share = storedShare(1, { seenAt: 5 });
    const ledger = await opened(place);
    await ledger.save({ ...NOTHING, shares: [share], tombstones: [tombstone(1, { at: 9 })] });
    await ledger.adopt(share.place, 40);
    let deleted = 0;
    s3.proxy.fault = ({ method, key }) => {
      if (method !== "DELETE" || !key.includes("/facts/") || ++deleted === 2) return undefined;
      return { t: "refuse", status: 403, code: "AccessDenied" };
    };
    // It can't delete the facts before: two turns are there.
    await messageOf(ledger.save({ ...NOTHING, shares: [share] }));
    expect(keys(place, "facts").length).toBe(2);
    if (way === "a save") await messageOf(ledger.save({ ...NOTHING, removed: [share.place] }));
    const another = way === "a save" ? undefined : await opened(place);
    await until(() => deleted === 3);
    expect(keys(place, "facts")).toEqual([`${share.place}.40`]);
    await Promise.all([ledger.close(), another?.close()]);
  },
);

test("a relay remembers a later turn of a share until the share is gone or another relay's", async () => {
  const place = newPlace();
  const ledger = await opened(place);
  const share = storedShare(1);
  const save = () => ledger.save({ ...NOTHING, shares: [share] });
  await save();
  await ledger.adopt(share.place, 40);
  await save();
  const seen = s3.proxy.seen.length;
  await save();
  expect(s3.proxy.seen.slice(seen).filter(({ method }) => method === "DELETE")).toEqual([]);
  expect(keys(place, "facts")).toEqual([`${share.place}.40`]);
  await ledger.save({ ...NOTHING, removed: [share.place] });
  await save();
  expect(keys(place, "facts")).toEqual([share.place]);
  await ledger.adopt(share.place, 50);
  ledger.disown(share.place);
  await save();
  expect(keys(place, "facts")).toEqual([share.place]);
  await ledger.close();
});

test("a share goes to the relay that adopts it, and what the one before writes late changes nothing", async () => {
  const place = newPlace();
  const [first, second] = [await opened(place), await opened(place)];
  const share = storedShare(1, { downloadsMost: 3 });
  await first.save({ ...NOTHING, shares: [{ ...share, downloads: 1 }] });
  expect(await second.adopt(share.place, 40)).toEqual({
    share: { ...share, downloads: 1 },
    over: undefined,
  });
  await second.save({ ...NOTHING, shares: [{ ...share, downloads: 2 }] });
  expect(keys(place, "facts")).toEqual([`${share.place}.40`]);
  // A write that was under way when the first stood still.
  await first.save({ ...NOTHING, shares: [{ ...share, downloads: 1 }] });
  const third = await opened(place);
  expect(await third.adopt(share.place, 45)).toMatchObject({ share: { downloads: 2 } });
  await third.save({ ...NOTHING, shares: [{ ...share, downloads: 3 }] });
  expect(keys(place, "facts")).toEqual([`${share.place}.45`]);
  const last = new S3Ledger(place, undefined, clusterOf(OURS));
  expect((await last.load()).shares).toEqual([{ ...share, downloads: 3 }]);
  await Promise.all([first, second, third, last].map((each) => each.close()));
});

test("a relay that finds no facts at a place has no turn there", async () => {
  const place = newPlace();
  const ledger = await opened(place);
  const share = storedShare(1);
  expect(await ledger.adopt(share.place, 40)).toEqual({ share: undefined, over: undefined });
  await ledger.save({ ...NOTHING, shares: [share] });
  expect(keys(place, "facts")).toEqual([share.place]);
  await ledger.close();
});

test("a later owner has a later turn, also in a directory that was lost", async () => {
  const place = newPlace();
  const share = storedShare(1);
  const ledgers = [await opened(place), await opened(place), await opened(place)];
  await ledgers[0]!.save({ ...NOTHING, shares: [share] });
  for (const [at, epoch] of [
    [1, 500],
    [2, 3],
  ] as const) {
    await ledgers[at]!.adopt(share.place, epoch);
    await ledgers[at]!.save({ ...NOTHING, shares: [{ ...share, downloads: at }] });
  }
  expect(keys(place, "facts")).toEqual([`${share.place}.501`]);
  await Promise.all(ledgers.map((each) => each.close()));
});

test("a share that was adopted and is over leaves no facts, and a relay that adopts it finds that it is over", async () => {
  const place = newPlace();
  const [first, second] = [await opened(place), await opened(place)];
  const share = storedShare(1);
  await first.save({ ...NOTHING, shares: [share] });
  await second.adopt(share.place, 40);
  const over = tombstone(1, { at: 9 });
  await second.save({ ...NOTHING, tombstones: [over] });
  expect(await first.adopt(share.place, 50)).toEqual({ share, over });
  await second.save({ ...NOTHING, removed: [share.place] });
  expect(keys(place, "facts")).toEqual([]);
  expect(await first.adopt(share.place, 51)).toEqual({ share: undefined, over: undefined });
  expect(await first.over(share.key)).toEqual(over);
  expect(await first.over(hexOf(7))).toBeUndefined();
  await Promise.all([first.close(), second.close()]);
});

test("a relay that is not sure of its shares writes nothing, and no save goes on over a lapse", async () => {
  const place = newPlace();
  const cluster = clusterOf(OURS);
  const ledger = await opened(place, cluster);
  const save = () => ledger.save({ ...NOTHING, shares: [storedShare(1)] });
  cluster.fence.left = 0;
  const unsure = "the cluster's directory did not confirm this relay";
  expect(await messageOf(save())).toContain(unsure);
  cluster.fence.left = 60_000;
  let tries = 0;
  s3.proxy.fault = ({ key }) => {
    if (!key.includes("/facts/") || ++tries > 2) return undefined;
    cluster.fence.lapses++;
    return { t: "refuse", status: 503, code: "SlowDown" };
  };
  expect(await messageOf(save())).toContain(unsure);
  expect(tries).toBe(1);
  expect(keys(place, "facts")).toEqual([]);
  s3.proxy.fault = () => undefined;
  await save();
  expect(keys(place, "facts")).toEqual([storedShare(1).place]);
  await ledger.close();
});

test.each([
  ["a write", "PUT", { shares: [storedShare(1)] }],
  ["a deletion", "DELETE", { removed: [storedShare(1).place] }],
] as const)("%s that is done after a lapse counts as none", async (_, method, change) => {
  const cluster = clusterOf(OURS);
  const ledger = await opened(newPlace(), cluster);
  // The relay stands still until the answer is there.
  s3.proxy.fault = (request) => {
    if (request.method === method && request.key.includes("/facts/")) cluster.fence.lapses++;
    return undefined;
  };
  expect(await messageOf(ledger.save({ ...NOTHING, ...change }))).toContain("not confirm");
  await ledger.close();
});

test("a write that the store does not answer ends with the time in which the relay is sure", async () => {
  const place = { ...s3.newPlace(), times: { ...QUICK, answerMs: 600_000 } };
  const cluster = clusterOf(OURS);
  const ledger = await opened(place, cluster);
  s3.proxy.fault = ({ key }) => {
    if (!key.includes("/facts/")) return undefined;
    cluster.fence.lapses++;
    return { t: "hang" };
  };
  cluster.fence.left = 20;
  expect(await messageOf(ledger.save({ ...NOTHING, shares: [storedShare(1)] }))).toContain(
    "not confirm",
  );
  await ledger.close();
});

test("records that may not be written wait until they may", async () => {
  const place = newPlace();
  const bucket = new S3Bucket(place);
  const right = { left: 0, asked: 0 };
  const may = {
    waits: true,
    get left() {
      right.asked++;
      return right.left;
    },
  };
  const writing = bucket.put(`${place.prefix}records/1`, new Uint8Array(8), undefined, may);
  await until(() => right.asked > 1);
  expect(keys(place, "records")).toEqual([]);
  right.left = 60_000;
  await writing;
  expect(keys(place, "records")).toEqual(["1"]);
});

test("a lone relay goes on with the facts of a cluster, and deletes those of earlier owners", async () => {
  const place = newPlace(30);
  const [first, second] = [await opened(place), await opened(place)];
  const share = storedShare(1);
  await first.save({ ...NOTHING, shares: [share] });
  await second.adopt(share.place, 40);
  await new S3Bucket(place).put(
    `${place.prefix}facts/${share.place}.40`,
    (await new S3Bucket(place).find(`${place.prefix}facts/${share.place}`, 1e6, (bytes) =>
      bytes.slice(),
    )) ?? new Uint8Array(),
  );
  await Promise.all([first.close(), second.close()]);
  const lone = new S3Ledger(place);
  expect((await lone.load()).shares).toEqual([share]);
  await lone.save({ ...NOTHING, shares: [{ ...share, downloads: 1 }] });
  expect(keys(place, "facts")).toEqual([`${share.place}.40`]);
  await lone.save({ ...NOTHING, removed: [share.place] });
  expect(keys(place, "facts")).toEqual([]);
  await lone.close();
});
