/** The records of a stored share in S3, against a server in a process of its own, and a proxy that fails and lies. */
import { expect, test } from "bun:test";

import { FaultError } from "../../../protocol/mod.ts";
import { WRONG_MOST, type S3Place } from "../../../relay/store/s3-bucket.ts";
import { failingS3 } from "../../support/net/failing-s3.ts";
import type { S3Fault } from "../../support/net/s3-faults.ts";
import {
  FRAME,
  IMPATIENT,
  PER_PART,
  QUICK,
  S3Share,
  upTo,
  type S3ShareOptions,
} from "../../support/s3-share.ts";
import { until } from "../../support/until.ts";

const s3 = failingS3();

function open(place: S3Place, options: S3ShareOptions): S3Share {
  return new S3Share(place, options);
}

/** The fault for the first so many requests with this method of the records. */
function failing(method: string, times: number, fault: S3Fault): void {
  let left = times;
  s3.proxy.fault = (request) => {
    return request.method === method && left-- > 0 ? fault : undefined;
  };
}

function requests(method: string): number {
  return s3.proxy.seen.filter((request) => request.method === method).length;
}

/** A share of two parts and a bit, all of it in the store; the relay then starts again. */
async function storedShare(
  place: S3Place,
  records = 2 * PER_PART + 3,
  times = QUICK,
): Promise<S3Share> {
  {
    using share = open(place, { records });
    await share.write(...upTo(records));
    share.records.flush();
    await share.untilDurable(records);
  }
  s3.proxy.seen.length = 0;
  return open(place, { records, durable: [{ first: 0, count: records }], times });
}

test("records in any order become whole parts, and read as they were after a restart", async () => {
  const place = s3.newPlace();
  const records = 2 * PER_PART + 3;
  {
    using share = open(place, { records });
    await share.write(...upTo(records).toReversed());
    await share.untilDurable(records);
    expect(share.durable.runs).toEqual([{ first: 0, count: records }]);
  }
  expect(requests("PUT")).toBe(3);
  expect(s3.server.keys(place.prefix)).toEqual(
    ["0", "1", "2"].map((part) => `${place.prefix}records/${"a".repeat(32)}/${part}`),
  );
  using again = open(place, { records, durable: [{ first: 0, count: records }] });
  expect(await again.isRight(...upTo(records))).toBe(true);
});

test("records are read from memory before they are durable", async () => {
  using share = open(s3.newPlace(), { records: 10 });
  await share.write(3);
  expect([share.records.has(3), share.records.has(2), share.durable.size]).toEqual([
    true,
    false,
    0,
  ]);
  expect(await share.isRight(3)).toBe(true);
  expect(await share.read(2)).toBeInstanceOf(FaultError);
  expect(s3.proxy.seen).toEqual([]);
});

test("a flush writes a part as it is, and the rest of it follows after a restart", async () => {
  const place = s3.newPlace();
  const records = PER_PART;
  {
    using share = open(place, { records: undefined });
    await share.write(0, 1, 5);
    share.records.flush();
    await share.untilDurable(3);
    expect(share.durable.runs).toEqual([
      { first: 0, count: 2 },
      { first: 5, count: 1 },
    ]);
  }
  const durable = [
    { first: 0, count: 2 },
    { first: 5, count: 1 },
  ];
  {
    using share = open(place, { records: undefined, durable });
    expect(share.records.has(5)).toBe(true);
    await share.write(...upTo(records));
    await share.untilDurable(records - 3);
  }
  using again = open(place, { durable: [{ first: 0, count: records }] });
  expect(await again.isRight(...upTo(records))).toBe(true);
});

test("records that come while a part is flushed are written with the next", async () => {
  const place = s3.newPlace();
  using share = open(place, { records: PER_PART });
  await share.write(0);
  share.records.flush();
  await until(() => requests("PUT") > 0);
  await share.write(...upTo(PER_PART));
  await share.untilDurable(PER_PART);
  expect(requests("PUT")).toBe(2);
  using again = open(place, { records: PER_PART, durable: [{ first: 0, count: PER_PART }] });
  expect(await again.isRight(...upTo(PER_PART))).toBe(true);
});

test("a part that gets no more records is written as it is", async () => {
  using share = open(s3.newPlace(), { records: PER_PART, tuning: { idleMs: 20 } });
  await share.write(0, 1);
  await share.untilDurable(2);
  expect(share.durable.runs).toEqual([{ first: 0, count: 2 }]);
  await until(() => share.store.memory.gathered === 0);
  await share.write(...upTo(PER_PART));
  await share.untilDurable(PER_PART);
  expect(await share.isRight(...upTo(PER_PART))).toBe(true);
});

test("a record that became durable while its range was read is read too", async () => {
  const place = s3.newPlace();
  {
    using share = open(place, { records: PER_PART });
    await share.write(0, 1);
    share.records.flush();
    await share.untilDurable(2);
  }
  const durable = [{ first: 0, count: 2 }];
  using share = open(place, { records: PER_PART, durable, tuning: { idleMs: 20 } });
  const held = Promise.withResolvers<void>();
  s3.proxy.seen.length = 0;
  failing("GET", 1, { t: "hold", until: held.promise });
  const first = share.isRight(0);
  await until(() => requests("GET") === 1);
  await share.write(2);
  await until(() => share.durable.has(2) && share.store.memory.gathered === 0);
  const third = share.isRight(2);
  held.resolve();
  expect(await first).toBe(true);
  expect(await third).toBe(true);
});

test("a share of one short record takes its own bytes alone", async () => {
  const place = s3.newPlace();
  using share = open(place, { records: 1 });
  await share.write(0);
  await share.untilDurable(1);
  using again = open(place, { records: 1, durable: [{ first: 0, count: 1 }] });
  expect(await again.isRight(0)).toBe(true);
  expect(s3.proxy.seen.at(-1)?.range).toBe(`bytes=0-${FRAME + 11}`);
});

test("a share that holds its most parts takes no record of another until one is written", async () => {
  using share = open(s3.newPlace(), { records: 6 * PER_PART, times: IMPATIENT });
  s3.proxy.fault = () => ({ t: "hang" });
  for (const part of upTo(4))
    expect(share.records.write(part * PER_PART, share.frame(0))).toBe(true);
  expect(share.records.write(1, share.frame(1))).toBe(true);
  expect(share.records.write(4 * PER_PART, share.frame(0))).toBe(false);
  // The part that got no record for the longest makes room.
  await until(() => requests("PUT") > 0);
  expect(s3.proxy.seen[0]?.key).toEndWith("/1");
  expect(share.rooms).toBe(0);
  s3.proxy.fault = () => undefined;
  await until(() => share.rooms > 0);
  expect(share.records.write(4 * PER_PART, share.frame(0))).toBe(true);
  expect(share.durable.runs).toEqual([{ first: PER_PART, count: 1 }]);
});

test("a share that waits while its parts are flushed goes on", async () => {
  using share = open(s3.newPlace(), { records: 6 * PER_PART });
  await share.write(0, PER_PART, 2 * PER_PART, 3 * PER_PART);
  share.records.flush();
  await share.write(4 * PER_PART, 5 * PER_PART);
  share.records.flush();
  await share.untilDurable(6);
  expect(share.store.memory.gathered).toBeLessThanOrEqual(4 * (FRAME + 12));
});

test("memory is free again when the store is closed", async () => {
  using share = await storedShare(s3.newPlace());
  await share.read(0);
  expect(share.store.memory.read).toBeGreaterThan(0);
  share.records.close();
  expect(share.store.memory).toEqual({ gathered: 0, read: 0 });
  using other = open(s3.newPlace(), { records: 50 });
  await other.write(0, 1);
  other.records.close();
  expect(other.store.memory).toEqual({ gathered: 0, read: 0 });
});

test("reads in order come by ranges, read ahead", async () => {
  using share = await storedShare(s3.newPlace());
  const records = 2 * PER_PART + 3;
  for (const index of upTo(records)) expect(await share.isRight(index)).toBe(true);
  // Four records a range, and three in the last part.
  expect(requests("GET")).toBe(9);
  expect(share.store.memory.read).toBe(0);
});

test("a read out of order reads its own range alone", async () => {
  using share = await storedShare(s3.newPlace());
  expect(await share.isRight(22)).toBe(true);
  expect(requests("GET")).toBe(1);
});

const passing: readonly (readonly [string, S3Fault])[] = [
  ["answers 500", { t: "refuse", status: 500, code: "InternalError" }],
  ["says that it is too busy", { t: "refuse", status: 503, code: "SlowDown" }],
  ["closes the connection", { t: "reset" }],
  ["loses its answer", { t: "lose" }],
  ["does not answer", { t: "hang" }],
];
for (const [name, fault] of passing) {
  test(`a store that ${name} is asked again, for writes and reads`, async () => {
    const times = fault.t === "hang" ? IMPATIENT : QUICK;
    const place = s3.newPlace();
    failing("PUT", 3, fault);
    {
      using share = open(place, { records: 3, times });
      await share.write(0, 1, 2);
      await share.untilDurable(3);
    }
    expect(requests("PUT")).toBeGreaterThan(3);
    failing("GET", 3, fault);
    using share = open(place, { records: 3, durable: [{ first: 0, count: 3 }], times });
    expect(await share.isRight(0, 1, 2)).toBe(true);
    expect(requests("GET")).toBeGreaterThan(3);
  });
}

const lies: readonly (readonly [string, S3Fault])[] = [
  ["stops in the middle", { t: "stall" }],
  ["is cut in the middle", { t: "cut" }],
  ["is too short", { t: "shorten" }],
  ["is too long", { t: "lengthen" }],
  ["has a wrong bit", { t: "flip" }],
  ["is of something else", { t: "say", body: "x".repeat(FRAME) }],
  ["is older than the records", { t: "refuse", status: 404, code: "NoSuchKey" }],
];
for (const [name, fault] of lies) {
  test(`an answer that ${name} is asked for again, and never given`, async () => {
    using share = await storedShare(s3.newPlace(), 3, fault.t === "stall" ? IMPATIENT : QUICK);
    failing("GET", 2, fault);
    expect(await share.isRight(0, 1, 2)).toBe(true);
    expect(requests("GET")).toBeGreaterThan(2);
  });
}

test("a store with a wrong byte in one record fails reads of this record alone", async () => {
  const place = s3.newPlace();
  using share = await storedShare(place, 4);
  // The same wrong bit each time: in record 2, the middle of the range.
  s3.proxy.fault = () => ({ t: "flip" });
  const read = await Promise.all(upTo(4).map((index) => share.read(index)));
  expect(read.map((frame) => frame instanceof FaultError)).toEqual([false, true, false, false]);
  expect(read[1]).toMatchObject({ code: "store-failed" });
  expect(requests("GET")).toBe(WRONG_MOST);
  // The cache keeps none of it: the store may be right again.
  s3.proxy.fault = () => undefined;
  expect(await share.isRight(0, 1, 2, 3)).toBe(true);
});

test("a record of another share at its place is no record of this one", async () => {
  const place = s3.newPlace();
  {
    using other = open(place, { records: 2, place: "b".repeat(32) });
    await other.write(0, 1);
    await other.untilDurable(2);
  }
  using share = await storedShare(place, 2);
  s3.proxy.change = (url) => {
    url.pathname = url.pathname.replace("a".repeat(32), "b".repeat(32));
  };
  expect(await share.read(0)).toMatchObject({ code: "store-failed" });
  s3.proxy.change = () => undefined;
});

test("a store that stays away fails the upload at the end of the patience, and gives its memory back", async () => {
  using share = open(s3.newPlace(), { records: 3, times: { ...QUICK, giveUpMs: 50 } });
  s3.proxy.fault = () => ({ t: "refuse", status: 503, code: "SlowDown" });
  await share.write(0, 1, 2);
  await until(() => share.faults.length > 0);
  expect(requests("PUT")).toBeGreaterThan(2);
  expect(share.faults[0]?.message).toMatch(/it answered 503 SlowDown, \d+ times in 0 s/);
  expect(share.records.write(0, share.frame(0))).toBe(false);
  expect(share.records.has(0)).toBe(false);
  expect(share.store.memory.gathered).toBe(0);
});

test("reads and writes wait for a store that is away, and its operator hears it once", async () => {
  const place = s3.newPlace();
  const told: (readonly [string, string | undefined])[] = [];
  const times = { ...QUICK, tellMs: 0 };
  const onAway = (kind: string, trouble: string | undefined) => void told.push([kind, trouble]);
  failing("PUT", 4 * WRONG_MOST, { t: "refuse", status: 500, code: "InternalError" });
  {
    using share = open(place, { records: 3, times, onAway });
    await share.write(0, 1, 2);
    await share.untilDurable(3);
  }
  failing("GET", 4 * WRONG_MOST, { t: "reset" });
  using share = open(place, { records: 3, durable: [{ first: 0, count: 3 }], times, onAway });
  expect(await share.isRight(0, 1, 2)).toBe(true);
  expect(told).toEqual([
    ["write", "it answered 500 InternalError"],
    ["write", undefined],
    ["read", "ECONNRESET"],
    ["read", undefined],
  ]);
});

test("one wrong answer after a long absence is no end", async () => {
  using share = await storedShare(s3.newPlace(), 3);
  let left = 2 * WRONG_MOST;
  s3.proxy.fault = () => {
    left--;
    if (left === 0) return { t: "flip" };
    return left > 0 ? { t: "refuse", status: 503, code: "SlowDown" } : undefined;
  };
  expect(await share.isRight(0, 1, 2)).toBe(true);
});

test("a store that forbids it is not asked again", async () => {
  using share = open(s3.newPlace(), { records: 1 });
  s3.proxy.fault = () => ({ t: "refuse", status: 403, code: "AccessDenied" });
  await share.write(0);
  await until(() => share.faults.length > 0);
  expect(requests("PUT")).toBe(1);
  // The sender hears it too: it does not say which bucket.
  expect(share.faults[0]?.message).toContain("403 AccessDenied (allow s3:ListBucket");
  expect(share.faults[0]?.message).not.toContain("shares");
});

test("a part is not written again without the records of it that were durable", async () => {
  const place = s3.newPlace();
  {
    using share = open(place, { records: 4 });
    await share.write(0);
    share.records.flush();
    await share.untilDurable(1);
  }
  using share = open(place, { records: 4, durable: [{ first: 0, count: 1 }] });
  s3.proxy.fault = ({ method }) => (method === "GET" ? { t: "flip" } : undefined);
  s3.proxy.seen.length = 0;
  await share.write(1, 2, 3);
  await until(() => share.faults.length > 0);
  expect(requests("PUT")).toBe(0);
});

test("a closed store calls nothing any more", async () => {
  using share = await storedShare(s3.newPlace());
  s3.proxy.fault = () => ({ t: "hang" });
  let calls = 0;
  share.records.read(0, () => void calls++);
  await until(() => s3.proxy.seen.length > 0);
  share.records.close();
  s3.proxy.fault = () => undefined;
  // A read of another share takes as long.
  using other = await storedShare(s3.newPlace(), 1);
  expect(await other.isRight(0)).toBe(true);
  expect([calls, share.faults, share.rooms]).toEqual([0, [], 0]);
});

test("shares of one worker share its memory: none takes all of it, and all go on", async () => {
  const place = s3.newPlace();
  const limit = 20 * (FRAME + 12);
  const tuning = { gatheredBytes: limit, rangesBytes: limit };
  using one = open(place, { records: PER_PART, tuning });
  const others = upTo(7).map((at) => {
    return open(place, { records: PER_PART, place: `${at}`.repeat(32), store: one.store });
  });
  const shares = [one, ...others];
  let most = 0;
  const seen = () => {
    const { gathered, read } = one.store.memory;
    most = Math.max(most, gathered, read);
  };
  await Promise.all(
    shares.map(async (share) => {
      for (const index of upTo(PER_PART)) {
        await share.write(index);
        seen();
      }
      await share.untilDurable(PER_PART);
    }),
  );
  await Promise.all(
    shares.map(async (share) => {
      for (const index of upTo(PER_PART)) {
        expect(await share.isRight(index)).toBe(true);
        seen();
      }
    }),
  );
  for (const share of shares) share.records.close();
  expect(one.store.memory).toEqual({ gathered: 0, read: 0 });
  // A share reads one range even if others have all of the memory.
  expect(most).toBeLessThanOrEqual(limit + 8 * 4 * (FRAME + 12));
});

test("a store that takes no writes holds up no reads", async () => {
  const place = s3.newPlace();
  using share = await storedShare(place);
  s3.proxy.fault = ({ method }) => (method === "PUT" ? { t: "hang" } : undefined);
  const { store } = share;
  const writing = upTo(5).map((at) => {
    return open(place, { records: 60, place: `${at}`.repeat(32), store });
  });
  for (const one of writing) {
    await one.write(0, PER_PART, 2 * PER_PART, 3 * PER_PART);
    one.records.flush();
  }
  // Of 20 writes as many as may be on their way.
  await until(() => requests("PUT") === 16);
  expect(await share.isRight(...upTo(2 * PER_PART + 3))).toBe(true);
  for (const one of writing) one.records.close();
});

test("records of a relay that is not sure of its shares wait, and none of them comes to the store", async () => {
  const place = s3.newPlace();
  const may = { left: 0, waits: true };
  const told: (string | undefined)[] = [];
  const onAway = (_: string, trouble: string | undefined): void => void told.push(trouble);
  using share = open(place, { records: 3, may, onAway, times: { ...QUICK, tellMs: 10 } });
  await share.write(...upTo(3));
  share.records.flush();
  await until(() => told.length > 0);
  expect(told).toEqual(["the cluster's directory did not confirm this relay"]);
  expect(requests("PUT")).toBe(0);
  expect(await share.isRight(...upTo(3))).toBe(true);
  may.left = 60_000;
  await share.untilDurable(3);
  expect(share.faults).toEqual([]);
});
