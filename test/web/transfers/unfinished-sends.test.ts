/** After a reload the page finds its send again, and goes on with the files that it was made of. */
import { expect, test } from "bun:test";
import { startRelay } from "../../../relay/mod.ts";
import { temporaryFolder } from "../../support/disk.ts";
import { content } from "../../support/files.ts";
import { newCode, receive } from "../../support/clients/clients.ts";
import { KeptSends } from "../../../web/browser/kept-sends.ts";
import { MemoryStore } from "../../../web/browser/store.ts";
import { UnfinishedSends } from "../../../web/source/unfinished-sends.ts";
import { chosen, PageSend } from "../support/page-send.ts";

const FILES = [
  chosen("t/b.txt", content(1, 10)),
  { path: "t/empty", file: undefined },
  chosen("t/a.txt", content(2, 20)),
];
/** Nothing answers there, so a send waits for ever. */
const NOWHERE = "ws://127.0.0.1:1/ws";

test("a send goes on with files that were chosen again, in whatever order they come", async () => {
  using folder = temporaryFolder();
  await using relay = await startRelay();
  const at = { relay: `${relay.url}/ws`, code: newCode() };
  const store = new MemoryStore();
  await using before = new PageSend({ ...at, files: FILES, store, receivers: 1 });
  const { share } = await before.when("code");
  // The sender that offers the share last has it.
  await before.when("offered");
  const unfinished = new UnfinishedSends(store);
  expect(await unfinished.list()).toMatchObject([{ share, name: "t", files: 3, bytes: 30 }]);
  expect(await unfinished.reopen(share)).toEqual({
    is: "choose",
    folder: true,
    sentence: "Choose the same files again.",
  });
  const again = await unfinished.choose(share, [FILES[2]!, FILES[0]!]);
  if (again.is !== "ready") throw new Error(JSON.stringify(again));
  await using after = new PageSend({ relay: at.relay, store, ...again.send });
  await after.when("offered");
  await using receiver = receive({ ...at, out: folder.path });
  expect(await after.end).toMatchObject({ verified: 1, failed: 0, fault: undefined });
  expect(await receiver.outcome).toMatchObject({ exitCode: 0 });
  expect(await unfinished.list()).toEqual([]);
});

test("a text goes on without a choice", async () => {
  const store = new MemoryStore();
  const text = { kind: "text", text: "a text" } as const;
  await using before = new PageSend({ relay: NOWHERE, content: text, store });
  const { share } = await before.when("code");
  const unfinished = new UnfinishedSends(store);
  expect(await unfinished.list()).toMatchObject([{ share, kind: "text" }]);
  expect(await unfinished.reopen(share)).toMatchObject({
    is: "ready",
    send: { content: text, resume: share },
  });
});

test("files that changed or are missing are named, and none is sent", async () => {
  const store = new MemoryStore();
  await using before = new PageSend({ relay: NOWHERE, files: FILES, store });
  const { share } = await before.when("code");
  const unfinished = new UnfinishedSends(store);
  expect(await unfinished.choose(share, FILES.slice(1))).toMatchObject({
    is: "choose",
    sentence: 'The file "t/b.txt" is missing. Choose all files of the send again.',
  });
  const newer = chosen("t/b.txt", content(1, 10), 1_700_000_000_001);
  expect(await unfinished.choose(share, [newer, FILES[2]!])).toMatchObject({
    is: "choose",
    sentence: expect.stringContaining('"t/b.txt" changed') as string,
  });
});

test("a send that is forgotten is gone", async () => {
  const store = new MemoryStore();
  await using before = new PageSend({ relay: NOWHERE, files: FILES, store });
  const { share } = await before.when("code");
  const unfinished = new UnfinishedSends(store);
  await unfinished.forget(share);
  expect(await unfinished.list()).toEqual([]);
  expect(await unfinished.reopen(share)).toEqual({ is: "gone" });
  expect(await new KeptSends(store).head(share)).toBeUndefined();
});

test("a stop of the person forgets the send", async () => {
  const store = new MemoryStore();
  const sender = new PageSend({ relay: NOWHERE, files: FILES, store });
  await sender.when("code");
  expect(await new UnfinishedSends(store).list()).toHaveLength(1);
  sender.command({ t: "stop" });
  await sender.end;
  expect(await new UnfinishedSends(store).list()).toEqual([]);
});
