/** A whole relay that stores shares on disk, and raw clients. */
import { afterEach, describe, expect, test } from "bun:test";
import { chmodSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { Database } from "bun:sqlite";
import { join } from "node:path";

import { toHex } from "../../../protocol/mod.ts";
import { lobbyKeys } from "../../../relay/lobby/lobby-keys.ts";
import {
  DEFAULT_LIMITS,
  startRelay,
  type Limits,
  type Relay,
  type RelayOptions,
} from "../../../relay/mod.ts";
import { mountNamespace } from "../../needs.ts";
import { storeFolder, temporaryFolder } from "../../support/disk.ts";
import { faultOfAsync } from "../../support/faults.ts";
import { act, adminOf, overviewOf, overviewWhen } from "../../support/relay/admin-requests.ts";
import { parseExposition } from "../../support/relay/exposition.ts";
import {
  RawClient,
  offerOf,
  randomId,
  rawShare,
  type RawShare,
} from "../../support/relay/raw-client.ts";
import { acknowledging, receiveAll, store, storing } from "../../support/relay/raw-storing.ts";
import { policyWith, token } from "../../support/relay/tokens.ts";
import { expectFault } from "../../support/relay/wire-checks.ts";
import { until } from "../../support/until.ts";

const FULL_CHILD = join(import.meta.dir, "../../support/relay/full-store-child.ts");
const RECORDS = 40;
/** Of an upload that is cut off. */
const SENT = 35;

let opened = new AsyncDisposableStack();
afterEach(async () => {
  const all = opened;
  opened = new AsyncDisposableStack();
  await all.disposeAsync();
});

async function relayOf(folder: string, more: Partial<RelayOptions> = {}): Promise<Relay> {
  return opened.use(await startRelay({ store: { kind: "disk", folder }, ...more }));
}

const withLimits = (limits: Partial<Limits>): Pick<RelayOptions, "policy"> => ({
  policy: { ...policyWith({}), limits: { ...DEFAULT_LIMITS, ...limits } },
});

const filesOf = (folder: string): string[] => readdirSync(join(folder, "records"));

const socketOf = (relay: Relay): string => `${relay.url}/ws`;

function expectAll({ frames }: RawClient, share: RawShare): void {
  expect(frames.map(toHex)).toEqual(
    Array.from({ length: share.offer.records }, (_, index) => toHex(share.frame(index))),
  );
}

test("a stored share is there without its sender, and after a restart", async () => {
  const folder = storeFolder(opened);
  const [channel, share] = [randomId(), rawShare(RECORDS)];
  let relay = await relayOf(folder);
  await store(socketOf(relay), channel, share);
  await using first = await receiveAll(socketOf(relay), channel, share);
  await first.when("completed");
  expectAll(first, share);
  await relay.stop();
  relay = await relayOf(folder);
  await using second = await receiveAll(socketOf(relay), channel, share);
  await second.when("completed");
  expectAll(second, share);
  const { list } = await second.offered(share);
  expect(list[0]?.stored?.until).toBeGreaterThan(Date.now() / 1000);
});

test("names and modes on disk tell nothing of shares and channels", async () => {
  const folder = storeFolder(opened);
  const [channel, share] = [randomId(), rawShare(3)];
  const relay = await relayOf(folder);
  await store(socketOf(relay), channel, share);
  const [file = ""] = filesOf(folder);
  expect(file).toMatch(/^[0-9a-f]{32}$/);
  expect(file).not.toBe(toHex(share.offer.share));
  const modes = [
    "",
    "index.sqlite",
    "index.sqlite-wal",
    "address-key",
    "records",
    `records/${file}`,
  ].map((name) => (statSync(join(folder, name)).mode & 0o777).toString(8));
  expect(modes).toEqual(["700", "600", "600", "600", "700", "600"]);
});

describe("the right to store", () => {
  const mayStore = async (
    relay: Relay,
    text?: string,
    channel: Parameters<RawClient["hello"]>[1] = randomId(),
  ): Promise<boolean> => {
    await using client = await RawClient.open(socketOf(relay));
    await client.hello("sender", channel, text === undefined ? {} : { token: text });
    const { store: terms } = await client.when("welcome");
    const share = rawShare(2);
    client.send({ ...offerOf(share), store: { life: 10 } });
    if (terms === undefined) {
      await expectFault(client, "no-store");
      return false;
    }
    await client.when("accepted");
    expect(terms).toEqual({ life: 30 * 24 * 60 * 60, bytes: 16 * 1024 ** 3 });
    return true;
  };

  test("is that of all senders at an open relay, and of none in the lobby", async () => {
    const relay = await relayOf(storeFolder(opened));
    expect(await mayStore(relay)).toBe(true);
    expect(await mayStore(relay, undefined, lobbyKeys())).toBe(false);
  });

  test("is nobody's at a relay without a store", async () => {
    const relay = opened.use(await startRelay());
    expect(await mayStore(relay)).toBe(false);
  });

  test("needs a token with the role, where sending needs a token", async () => {
    const tokens = [token(["send"]), token(["send", "store"])];
    const policy = policyWith({ mode: "senders", tokens: tokens.map(({ known }) => known) });
    const relay = await relayOf(storeFolder(opened), { policy });
    expect(await mayStore(relay, tokens[0]?.text)).toBe(false);
    expect(await mayStore(relay, tokens[1]?.text)).toBe(true);
  });
});

test("a sender that comes back goes on from what is durable, also after a restart", async () => {
  const folder = storeFolder(opened);
  const [channel, share] = [randomId(), rawShare(RECORDS)];
  let relay = await relayOf(folder);
  {
    await using sender = await RawClient.greeted(socketOf(relay), "sender", channel);
    sender.onMessage = (message) => {
      if (message.t !== "want") return;
      for (let index = message.first; index < message.first + message.count; index++) {
        if (index < SENT) sender.send(share.frame(index));
      }
    };
    sender.send({ ...offerOf(share), store: { life: 1000 } });
    await sender.when("storing", ({ records }) => records === SENT);
  }
  await relay.stop();
  relay = await relayOf(folder);
  await using waiting = await RawClient.greeted(socketOf(relay), "receiver", channel);
  expect((await waiting.when("offers")).list).toEqual([]);
  await using sender = await storing(socketOf(relay), channel, share);
  await sender.when("stored");
  const wanted = sender.messages.filter((message) => message.t === "want");
  expect(Math.min(...wanted.map(({ first }) => first))).toBe(SENT);
});

test("a revoked share is gone for its receivers, on disk, and after a restart", async () => {
  const folder = storeFolder(opened);
  const [channel, share] = [randomId(), rawShare(RECORDS)];
  let relay = await relayOf(folder);
  const { share: id } = share.offer;
  await store(socketOf(relay), channel, share);
  await using receiver = await receiveAll(socketOf(relay), channel, share);
  // From another channel: the proof alone counts.
  await using owner = await RawClient.greeted(socketOf(relay), "sender", randomId());
  owner.send({ t: "inspect", share: id, proof: share.proof });
  expect(await owner.when("inspected")).toMatchObject({ state: "stored", records: RECORDS });
  owner.send({ t: "revoke", share: id, proof: share.proof });
  expect(await owner.when("revoked")).toMatchObject({ known: true });
  expect(await receiver.when("cancel")).toMatchObject({ reason: "revoked" });
  await until(() => filesOf(folder).length === 0);
  await relay.stop();
  relay = await relayOf(folder);
  await using late = await RawClient.greeted(socketOf(relay), "receiver", channel);
  const { over } = await late.when("offers", (offers) => offers.over !== undefined);
  expect(over).toMatchObject([{ share: id, reason: "revoked" }]);
});

test("nobody else can revoke, change or look into it", async () => {
  const relay = await relayOf(storeFolder(opened));
  const [channel, share] = [randomId(), rawShare(3)];
  await store(socketOf(relay), channel, share);
  for (const t of ["inspect", "revoke"] as const) {
    await using other = await RawClient.greeted(socketOf(relay), "sender", channel);
    other.send({ t, share: share.offer.share, proof: rawShare(1).proof });
    await expectFault(other, "not-your-share");
  }
  await using other = await RawClient.greeted(socketOf(relay), "sender", channel);
  other.send({
    ...offerOf({ ...share, proof: rawShare(1).proof }),
    store: { life: 1 },
  });
  await expectFault(other, "not-your-share");
  await using receiver = await receiveAll(socketOf(relay), channel, share);
  await receiver.when("completed");
});

test("a share with one download is over for the second receiver, and its room is free", async () => {
  const folder = storeFolder(opened);
  const relay = await relayOf(folder);
  const [channel, share] = [randomId(), rawShare(RECORDS)];
  await store(socketOf(relay), channel, share, { life: 1000, downloads: 1 });
  await using waiting = await RawClient.greeted(socketOf(relay), "receiver", channel);
  await waiting.offered(share);
  await using first = await receiveAll(socketOf(relay), channel, share);
  await first.when("completed");
  expect(await waiting.when("cancel")).toMatchObject({ reason: "exhausted" });
  await until(() => filesOf(folder).length === 0);
  await using second = await RawClient.greeted(socketOf(relay), "receiver", channel);
  const { over } = await second.when("offers", (offers) => offers.over !== undefined);
  expect(over).toMatchObject([{ reason: "exhausted" }]);
});

test("a share whose life is over ends while it is received, and its room is free", async () => {
  const folder = storeFolder(opened);
  const relay = await relayOf(folder, withLimits({ "store-life": 3000 }));
  const [channel, share] = [randomId(), rawShare(RECORDS)];
  await using receiver = await RawClient.greeted(socketOf(relay), "receiver", channel);
  await store(socketOf(relay), channel, share);
  await receiver.offered(share);
  receiver.join(share.offer.share, 0, 4);
  expect(await receiver.when("cancel")).toMatchObject({ reason: "stored-expired" });
  await until(() => filesOf(folder).length === 0);
});

test("a share that is too large for the store is refused, with the limit", async () => {
  const relay = await relayOf(storeFolder(opened), withLimits({ "store-bytes": 10_000 }));
  await using sender = await storing(socketOf(relay), randomId(), rawShare(RECORDS));
  await expectFault(sender, "store-full");
  expect(relay.refusals["store-bytes"]).toBe(1);
});

test("a worker that dies hands a stored share to another with receivers", async () => {
  const admin = { hostname: "127.0.0.1", port: 0 };
  const relay = await relayOf(storeFolder(opened), { workers: 2, admin });
  const [channel, share] = [randomId(), rawShare(RECORDS)];
  await store(socketOf(relay), channel, share);
  const receivers = await Promise.all(
    Array.from({ length: 12 }, () => RawClient.greeted(socketOf(relay), "receiver", channel)),
  );
  for (const each of receivers) {
    opened.use(each);
    await each.offered(share);
    each.join(share.offer.share, 0, 2);
    await each.frame(1);
  }
  relay.crashWorker(0);
  await overviewWhen(
    adminOf(relay),
    ({ workers }) => workers.lost === 1 && workers.answering === 2,
  );
  for (const each of receivers) {
    acknowledging(each, share);
    each.ack(share.offer.share, 2, 16);
    const all = each.frame(RECORDS - 1).then(
      () => true,
      () => false,
    );
    if (await all) expectAll(each, share);
  }
  await using late = await receiveAll(socketOf(relay), channel, share);
  await late.when("completed");
});

test("operators see how much is read from the store, once for all receivers", async () => {
  const folder = storeFolder(opened);
  const before = await relayOf(folder);
  const [channel, share] = [randomId(), rawShare(RECORDS)];
  await store(socketOf(before), channel, share, { life: 1000 });
  await before.stop();
  const relay = await relayOf(folder, { admin: { hostname: "127.0.0.1", port: 0 } });
  for (let count = 0; count < 3; count++) {
    // It stays: the log of a share without receivers may let go of its records.
    const receiver = opened.use(await receiveAll(socketOf(relay), channel, share));
    await receiver.when("completed");
  }
  const text = await (await fetch(`${adminOf(relay).url}/metrics`)).text();
  const read = parseExposition(text).get("fileshare_store_read_bytes_total");
  expect(read?.samples.map(({ value }) => value)).toEqual([RECORDS * 1016]);
});

test("operators see what is stored, and remove it", async () => {
  const folder = storeFolder(opened);
  const relay = await relayOf(folder, { admin: { hostname: "127.0.0.1", port: 0 } });
  const admin = adminOf(relay);
  const [channel, share] = [randomId(), rawShare(RECORDS)];
  expect((await overviewOf(admin)).store).toMatchObject({ whole: 0, unfinished: 0, bytes: 0 });
  await store(socketOf(relay), channel, share, { life: 1000, downloads: 7 });
  await using receiver = await receiveAll(socketOf(relay), channel, share);
  await receiver.when("completed");
  const { store: seen } = await overviewOf(admin);
  const bytes = RECORDS * 1016;
  expect(seen).toMatchObject({ whole: 1, unfinished: 0, bytes, reserved: bytes, downloads: 1 });
  expect(seen?.list).toMatchObject([
    { isWhole: true, size: RECORDS * 1000, durable: RECORDS, downloads: 1, downloadsMost: 7 },
  ]);
  const text = await (await fetch(`${admin.url}/metrics`)).text();
  const metrics = parseExposition(text);
  const value = (name: string): number[] | undefined =>
    metrics.get(name)?.samples.map((sample) => sample.value);
  expect(value("fileshare_stored_shares")).toEqual([1, 0]);
  expect(value("fileshare_stored_bytes")).toEqual([bytes, bytes]);
  expect(value("fileshare_store_written_bytes_total")).toEqual([bytes]);
  expect(value("fileshare_stored_downloads_total")).toEqual([1]);
  for (const id of [toHex(channel), toHex(share.offer.share)]) {
    expect(text + JSON.stringify(seen)).not.toContain(id);
  }
  const number = seen?.list[0]?.number;
  expect((await act(admin, "remove", { share: number })).status).toBe(200);
  expect(await receiver.when("cancel")).toMatchObject({ reason: "removed" });
  await until(() => filesOf(folder).length === 0);
  await using sender = await storing(socketOf(relay), channel, share);
  await expectFault(sender, "removed");
  expect((await act(admin, "remove", { share: number })).said).toMatchObject({
    code: "refused-action",
  });
});

test("a relay that drains lets a receiver of a stored share finish", async () => {
  const relay = await relayOf(storeFolder(opened));
  const [channel, share] = [randomId(), rawShare(RECORDS)];
  await store(socketOf(relay), channel, share);
  await using receiver = await RawClient.greeted(socketOf(relay), "receiver", channel);
  await receiver.offered(share);
  receiver.join(share.offer.share, 0, 4);
  await receiver.frame(3);
  const drained = relay.drain(20_000);
  acknowledging(receiver, share);
  receiver.ack(share.offer.share, 4, 16);
  await receiver.frame(RECORDS - 1);
  expectAll(receiver, share);
  receiver.send({
    t: "complete",
    share: share.offer.share,
    records: RECORDS,
    mac: new Uint8Array(16),
  });
  await receiver.when("completed");
  await drained;
});

describe("a folder", () => {
  const refusalOf = async (folder: string): Promise<string | undefined> =>
    (await faultOfAsync(() => relayOf(folder), "bad-store")).detail;

  test("has one relay at a time", async () => {
    const folder = storeFolder(opened);
    const relay = await relayOf(folder);
    expect(await refusalOf(folder)).toContain("another relay uses");
    await relay.stop();
    await relayOf(folder);
  });

  test("that others may look into is refused", async () => {
    const folder = storeFolder(opened);
    chmodSync(folder, 0o750);
    writeFileSync(join(folder, "of-somebody"), "");
    expect(await refusalOf(folder)).toContain("chmod 700");
  });

  test("with a damaged index, that of another program or of a later relay is refused", async () => {
    const folder = storeFolder(opened);
    const index = join(folder, "index.sqlite");
    writeFileSync(index, "x".repeat(10_000));
    expect(await refusalOf(folder)).toContain("is damaged");
    writeFileSync(index, "");
    const database = new Database(index);
    database.run("CREATE TABLE theirs (one TEXT)");
    database.run("PRAGMA application_id = 7");
    expect(await refusalOf(folder)).toContain("belongs to another program");
    database.run("PRAGMA application_id = 0x66736872");
    database.run("PRAGMA user_version = 99");
    database.close();
    expect(await refusalOf(folder)).toContain("has the form 99");
  });

  test("is made where there is none", async () => {
    const folder = join(storeFolder(opened), "a", "b");
    await relayOf(folder);
    expect(statSync(folder).mode & 0o777).toBe(0o700);
  });
});

const NAMESPACE = mountNamespace();

test.skipIf(NAMESPACE === undefined)(
  "a sender hears of a full disk, also when only the index has no room (needs unshare and tmpfs)",
  async () => {
    const folder = opened.use(temporaryFolder()).path;
    const script = 'mount -t tmpfs -o size=2m none "$1" && exec "$2" "$3" "$1"';
    const args = ["sh", "-c", script, "sh", folder, process.execPath, FULL_CHILD];
    const child = Bun.spawn(["unshare", NAMESPACE!, ...args], { stdout: "pipe" });
    expect(await child.stdout.json()).toEqual([
      // One block is left: the record has no room.
      { full: [1, "store-full"], again: [1, "stored"] },
      // The record is durable, and its row has no room: nothing is uploaded again.
      { full: [1, "store-full"], again: [0, "stored"] },
      { full: [1, "stored"], again: [0, "stored"] },
    ]);
    expect(await child.exited).toBe(0);
  },
);
