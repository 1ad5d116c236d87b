/** Sends that a browser remembers, so that a reload can go on with them. */
import { expect, test } from "bun:test";
import {
  KEPT_SENDS_MS,
  KeptSends,
  SealedTags,
  type KeptSend,
} from "../../../web/browser/kept-sends.ts";
import { MemoryStore } from "../../../web/browser/store.ts";
import { SealLog } from "../../../web/client/seal-log.ts";
import { FaultError } from "../../../protocol/wire/faults.ts";
import { laterFaultOf } from "../../support/disk.ts";

const HEAD = new Uint8Array([1, 2, 3]);

function sendOf(share: string, since = 0): KeptSend {
  const options = { receivers: 1, stay: false, startWhen: 1, ask: false, apart: false };
  const of = {
    proof: "00",
    code: "lobby",
    relay: "ws://relay/ws",
    kind: "files",
    name: "a",
  } as const;
  return { share, since, files: 1, bytes: 10, ...of, ...options };
}

function tag(fill: number): Uint8Array {
  return new Uint8Array(16).fill(fill);
}

const changed = (index: number): FaultError => new FaultError("source-changed", `${index}`);

test("tags come back with the send, in blocks, and a hole in them is a record that never left", async () => {
  const sends = new KeptSends(new MemoryStore());
  await sends.create(sendOf("aa"), HEAD, "one");
  expect(
    await sends.note("aa", "one", [
      { index: 0, tag: tag(1) },
      { index: 300, tag: tag(2) },
    ]),
  ).toBe("noted");
  const claimed = await sends.claim("aa", "two");
  expect(claimed?.head).toEqual(HEAD);
  expect([0, 1, 299, 300, 301].map((index) => claimed?.tags.has(index))).toEqual([
    true,
    false,
    false,
    true,
    false,
  ]);
  expect(claimed?.tags.end).toBe(301);
  expect(new SealedTags().end).toBe(0);
});

test("another tag for a record that left is refused, and nothing of its batch is stored", async () => {
  const sends = new KeptSends(new MemoryStore());
  await sends.create(sendOf("aa"), HEAD, "one");
  await sends.note("aa", "one", [{ index: 5, tag: tag(1) }]);
  expect(await sends.note("aa", "one", [{ index: 5, tag: tag(1) }])).toBe("noted");
  const batch = [
    { index: 4, tag: tag(9) },
    { index: 5, tag: tag(2) },
  ];
  expect(await sends.note("aa", "one", batch)).toBe("differs");
  expect((await sends.claim("aa", "one"))?.tags.has(4)).toBe(false);
});

test("a tab that claims a send takes it: the other one stores nothing more", async () => {
  const store = new MemoryStore();
  const sends = new KeptSends(store);
  await sends.create(sendOf("aa"), HEAD, "one");
  const log = new SealLog(new SealedTags(), { sends, share: "aa", owner: "one" }, 0);
  await log.note([{ index: 0, tag: tag(1) }], changed);
  const claimed = await sends.claim("aa", "two");
  expect(claimed?.tags.has(0)).toBe(true);
  expect(await laterFaultOf(log.note([{ index: 1, tag: tag(1) }], changed))).toBe("replaced");
  await log.forget();
  expect(await sends.list()).toHaveLength(1);
});

test("a seal log refuses another content also where the browser stores nothing", async () => {
  const log = new SealLog(new SealedTags(), undefined, 0);
  await log.note([{ index: 7, tag: tag(1) }], changed);
  await log.note([{ index: 7, tag: tag(1) }], changed);
  expect(await laterFaultOf(log.note([{ index: 7, tag: tag(2) }], changed))).toBe("source-changed");
});

test("a log that can be neither written nor removed ends the send", async () => {
  const store = new MemoryStore();
  const sends = new KeptSends(store);
  await sends.create(sendOf("aa"), HEAD, "one");
  const log = new SealLog(new SealedTags(), { sends, share: "aa", owner: "one" }, 0);
  store.change = () => Promise.reject(new DOMException("broken", "UnknownError"));
  expect(await laterFaultOf(log.note([{ index: 0, tag: tag(1) }], changed))).toBe("state-stuck");
});

test("sends are forgotten after a day without a touch, with all that belongs to them", async () => {
  let now = 1_000_000;
  const store = new MemoryStore();
  const sends = new KeptSends(store, () => now);
  await sends.create(sendOf("aa"), HEAD, "one");
  await sends.create(sendOf("bb", 1), HEAD, "one");
  await sends.note("aa", "one", [{ index: 0, tag: tag(1) }]);
  await sends.done("aa", "one", "cc");
  now += KEPT_SENDS_MS - 1;
  await sends.touch("bb", "one");
  await sends.touch("aa", "somebody else");
  now += 1;
  expect((await sends.list()).map(({ share }) => share)).toEqual(["bb"]);
  const rows = await store.change(["send-tags", "send-done", "send-heads"], async (tables) => [
    await tables("send-tags").within("aa"),
    await tables("send-done").within("aa"),
    await tables("send-heads").within("aa"),
  ]);
  expect(rows).toEqual([[], [], []]);
});

test("of many sends the oldest is forgotten", async () => {
  const sends = new KeptSends(new MemoryStore());
  for (let at = 0; at < 12; at++) await sends.create(sendOf(`s${at}`, at), HEAD, "one");
  const kept = (await sends.list()).map(({ share }) => share);
  expect(kept).toEqual(["s11", "s10", "s9", "s8", "s7", "s6", "s5", "s4"]);
  expect(await sends.note("s0", "one", [{ index: 0, tag: tag(1) }])).toBe("forgotten");
});

test("receivers that were done stay so, and only for the worker that owns the send", async () => {
  const sends = new KeptSends(new MemoryStore());
  await sends.create(sendOf("aa"), HEAD, "one");
  await sends.done("aa", "one", "11");
  await sends.done("aa", "two", "22");
  expect((await sends.claim("aa", "three"))?.done).toEqual(["11"]);
});

test("F29 a send without all its tags does not go on, and rows that are none hide no other", async () => {
  const store = new MemoryStore();
  const sends = new KeptSends(store);
  await sends.create(sendOf("aa", Date.now()), HEAD, "one");
  await sends.note("aa", "one", [{ index: 5, tag: tag(1) }]);
  await store.change(["sends", "send-tags"], async (tables) => {
    for (const [at, row] of [null, {}, { send: sendOf("x"), owner: 5, touchedAt: 0 }].entries()) {
      await tables("sends").put(`bad${at}`, row);
    }
    await tables("send-tags").put("aa/00000000", new Uint8Array(16));
  });
  expect((await sends.list()).map(({ share }) => share)).toEqual(["aa"]);
  expect(await sends.claim("aa", "two")).toBeUndefined();
  expect(await sends.note("aa", "one", [])).toBe("noted");
  await sends.create(sendOf("bb", Date.now()), HEAD, "one");
  expect((await sends.list()).map(({ share }) => share).toSorted()).toEqual(["aa", "bb"]);
});
