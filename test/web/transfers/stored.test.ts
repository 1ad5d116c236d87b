/** Shares that pages store at a relay, and receive from its store. */
import { expect, test } from "bun:test";
import { mkdirSync } from "node:fs";
import { join } from "node:path";

import { startRelay, type Relay } from "../../../relay/mod.ts";
import { StoredSends } from "../../../web/browser/stored-sends.ts";
import { KeptSends } from "../../../web/browser/kept-sends.ts";
import { MemoryStore } from "../../../web/browser/store.ts";
import { StoreQuestion } from "../../../web/client/store-question.ts";
import type { StoreEvent, StoreJob } from "../../../web/job/store-messages.ts";
import { UnfinishedSends } from "../../../web/source/unfinished-sends.ts";
import { temporaryFolder } from "../../support/disk.ts";
import { content } from "../../support/files.ts";
import { newCode, receive } from "../../support/clients/clients.ts";
import { PageReceiver } from "../support/page-receiver.ts";
import { chosen, PageSend } from "../support/page-send.ts";

/** No relay answers there. */
const NOWHERE = "ws://127.0.0.1:1/ws";
const WEEK_S = 7 * 24 * 60 * 60;
const BYTES = content(1, 300_000);

function storing(folder: string): Promise<Relay> {
  mkdirSync(folder, { mode: 0o700 });
  return startRelay({ store: { kind: "disk", folder } });
}

function asked(job: Omit<StoreJob, "t">): Promise<StoreEvent> {
  return new Promise((resolve) => void new StoreQuestion({ t: "store", ...job }, resolve));
}

test("a page stores a file and ends, and others get it when it is gone", async () => {
  using folder = temporaryFolder();
  await using relay = await storing(join(folder.path, "store"));
  const at = { relay: `${relay.url}/ws`, code: newCode() };
  const before = Date.now();
  const files = [chosen("a.bin", BYTES)];
  await using sender = new PageSend({ ...at, files, toStore: { life: WEEK_S }, stay: true });
  expect(await sender.end).toMatchObject({ fault: undefined, failed: 0 });
  expect(sender.all("code")).toMatchObject([{ toStore: true }]);
  const { until, isKept } = await sender.when("stored");
  expect(isKept).toBe(true);
  expect(Math.abs(until - before - WEEK_S * 1000)).toBeLessThan(60_000);
  expect(await new KeptSends(sender.store).list()).toEqual([]);
  expect(await new StoredSends(sender.store).list()).toMatchObject([
    { code: at.code, relay: at.relay, name: "a.bin", bytes: BYTES.length, until },
  ]);
  await using page = new PageReceiver(at);
  expect(await page.when("end")).not.toHaveProperty("fault");
  expect(page.files).toEqual({ "a.bin": BYTES });
  expect(page.share.offer.stored).toEqual({ until, downloads: undefined });
  await using terminal = receive({ ...at, out: folder.path });
  expect(await terminal.outcome).toMatchObject({ exitCode: 0 });
});

test("a page that goes on after a reload stores the rest", async () => {
  using folder = temporaryFolder();
  await using relay = await storing(join(folder.path, "store"));
  const at = { relay: `${relay.url}/ws`, code: newCode() };
  const store = new MemoryStore();
  const text = { kind: "text", text: "kept for a week" } as const;
  const nowhere = { relay: NOWHERE, code: at.code };
  const wish = { life: WEEK_S, downloads: 1 };
  await using before = new PageSend({ ...nowhere, content: text, store, toStore: wish });
  const { share } = await before.when("code");
  const reopened = await new UnfinishedSends(store).reopen(share);
  if (reopened.is !== "ready") throw new Error(JSON.stringify(reopened));
  await using after = new PageSend({ relay: at.relay, store, ...reopened.send });
  expect(await after.when("stored")).toMatchObject({ downloads: 1 });
  await using page = new PageReceiver(at);
  expect(await page.when("text")).toMatchObject({ text: "kept for a week" });
  await page.when("end");
  await using late = new PageReceiver(at);
  expect(await late.when("end")).toMatchObject({
    fault: "exhausted",
    message:
      "The stored share was received as often as its sender allowed. Ask its sender to send it again.",
  });
});

test("a page deletes the share that it stored, and receivers hear of it", async () => {
  using folder = temporaryFolder();
  await using relay = await storing(join(folder.path, "store"));
  const at = { relay: `${relay.url}/ws`, code: newCode() };
  await using sender = new PageSend({
    ...at,
    files: [chosen("a.bin", BYTES)],
    toStore: { life: WEEK_S },
  });
  await sender.end;
  const [{ share, proof } = { share: "", proof: "" }] = await new StoredSends(sender.store).list();
  const another = { share, proof: "00".repeat(32) };
  expect(await asked({ relay: at.relay, revoke: another })).toMatchObject({
    t: "failed",
    fault: "not-your-share",
  });
  const revoke = { share, proof };
  expect(await asked({ relay: at.relay, revoke })).toEqual({ t: "revoked", known: true });
  await using late = new PageReceiver(at);
  expect(await late.when("end")).toMatchObject({
    fault: "revoked",
    message: "The sender deleted the stored share. Ask its sender to send it again.",
  });
});

test("the relay says what a page may store there, and a page stores nothing elsewhere", async () => {
  using folder = temporaryFolder();
  await using relay = await storing(join(folder.path, "store"));
  const here = await asked({ relay: `${relay.url}/ws` });
  if (here.t !== "may-store") throw new Error(JSON.stringify(here));
  expect(here.store?.life).toBeGreaterThanOrEqual(WEEK_S);
  expect(here.store?.bytes).toBeGreaterThan(BYTES.length);
  await using other = await startRelay();
  const elsewhere = { relay: `${other.url}/ws` };
  expect(await asked(elsewhere)).toEqual({ t: "may-store", store: undefined });
  await using sender = new PageSend({
    ...elsewhere,
    files: [chosen("a.bin", BYTES)],
    toStore: { life: WEEK_S },
  });
  expect(await sender.end).toMatchObject({
    fault: "no-store",
    message:
      "The relay stores no shares of yours. Send without keeping it there, or ask the relay's operator for a token.",
  });
  expect(await asked({ relay: NOWHERE })).toMatchObject({ t: "failed" });
});

test("a browser remembers stored shares until they expire, and a bounded number of them", async () => {
  let now = 1_000_000;
  const sends = new StoredSends(new MemoryStore(), () => now);
  for (let at = 1; at <= 70; at++) {
    const share = at.toString(16).padStart(32, "0");
    const send = { share, proof: "", code: "a-b", relay: NOWHERE, name: "a", bytes: 1 };
    await sends.keep({ ...send, until: now + at });
  }
  expect((await sends.list()).map(({ until }) => until - now)).toEqual(
    Array.from({ length: 64 }, (_, at) => 70 - at),
  );
  now += 68;
  expect(await sends.list()).toHaveLength(2);
  await sends.forget((70).toString(16).padStart(32, "0"));
  expect(await sends.list()).toHaveLength(1);
});
