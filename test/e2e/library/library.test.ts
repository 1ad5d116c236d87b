/** The library as a program has it that depends on the package. */
import { expect, test } from "bun:test";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { FaultError, receive, send, type ClientEvent } from "fileshare";

import { startRelay } from "../../../relay/mod.ts";
import { temporaryFolder } from "../../support/disk.ts";
import { content, makeFile } from "../../support/files.ts";

async function eventsOf(transfer: AsyncIterable<ClientEvent>): Promise<ClientEvent[]> {
  const events: ClientEvent[] = [];
  for await (const event of transfer) events.push(event);
  return events;
}

function faultOf(run: () => unknown): string | undefined {
  try {
    run();
    return undefined;
  } catch (error) {
    return error instanceof FaultError ? error.code : String(error);
  }
}

async function codeOf(transfer: AsyncIterable<ClientEvent>): Promise<string> {
  for await (const event of transfer) if (event.event === "code") return event.code;
  throw new Error("it ended without a code");
}

test("a file goes from one program to two others", async () => {
  using folder = temporaryFolder();
  await using relay = await startRelay();
  const { path, bytes } = makeFile(folder.path, "a.bin", 2_000_000);
  // Both take part at once: one person that comes again after its end counts once.
  const startWhen = { receivers: 2, minWaitMs: 0, maxWaitMs: undefined };
  const sending = send({ what: [path], relay: relay.url, receivers: 2, startWhen });
  const code = await codeOf(sending);
  const outs = ["one", "two"].map((name) => join(folder.path, name));
  const receiving = outs.map((out) => {
    mkdirSync(out);
    return receive({ code, relay: relay.url, out });
  });
  for (const [at, transfer] of receiving.entries()) {
    const events = await eventsOf(transfer);
    expect(events.find(({ event }) => event === "saved")).toMatchObject({ bytes: 2_000_000 });
    expect(await transfer.outcome).toEqual({ fault: undefined, exitCode: 0 });
    expect(Buffer.compare(readFileSync(join(outs[at]!, "a.bin")), bytes)).toBe(0);
  }
  expect((await sending.outcome).exitCode).toBe(0);
});

test("a transfer runs and ends though nobody reads its events", async () => {
  using folder = temporaryFolder();
  await using relay = await startRelay();
  const what = { from: "text", text: "hello" } as const;
  const code = "a-code-of-our-own-123456789";
  const sending = send({ what, relay: relay.url, code });
  const receiving = receive({ code, relay: relay.url, out: folder.path });
  expect((await receiving.outcome).exitCode).toBe(0);
  expect((await sending.outcome).exitCode).toBe(0);
});

test("a receiver that asks first writes nothing before the answer", async () => {
  using folder = temporaryFolder();
  using there = temporaryFolder();
  await using relay = await startRelay();
  writeFileSync(join(folder.path, "a.txt"), content(1, 100));
  const sending = send({ what: [join(folder.path, "a.txt")], relay: relay.url });
  const receiving = receive({
    code: await codeOf(sending),
    relay: relay.url,
    out: there.path,
    ask: true,
  });
  for await (const event of receiving) {
    if (event.event === "offer") receiving.answer(event.share, { accept: false });
  }
  expect((await receiving.outcome).fault).toBe("declined");
  sending.interrupt();
  expect((await sending.outcome).fault).toBe("interrupted");
});

test("a signal ends a transfer, and one given before begins none", async () => {
  await using relay = await startRelay();
  const stop = new AbortController();
  const what = { from: "text", text: "hello" } as const;
  const sending = send({ what, relay: relay.url, signal: stop.signal });
  await codeOf(sending);
  stop.abort();
  expect((await sending.outcome).fault).toBe("interrupted");
  expect(faultOf(() => send({ what, relay: relay.url, signal: stop.signal }))).toBe("interrupted");
});

test("wrong options are thrown, later faults are told", async () => {
  const what = { from: "text", text: "hello" } as const;
  expect(faultOf(() => send({ what, relay: "gopher://x" }))).toBe("bad-relay-address");
  expect(faultOf(() => receive({ code: "one-word" }))).toBe("bad-code");
  await using relay = await startRelay();
  const missing = send({ what: ["/no/such/file"], relay: relay.url });
  const events = await eventsOf(missing);
  expect(events.at(-1)).toMatchObject({ event: "error", code: "no-such-file" });
  expect((await missing.outcome).fault).toBe("no-such-file");
});
