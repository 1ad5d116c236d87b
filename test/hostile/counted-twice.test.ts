/** One person who takes a share again and again is one receiver to its sender. */
import { expect, test } from "bun:test";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { startRelay } from "../../relay/mod.ts";
import { bytesOf, temporaryFolder } from "../support/disk.ts";
import { cleanEnv } from "../support/clients/pty.ts";
import { newCode, receive, send, type Running } from "../support/clients/clients.ts";
import { makeFile } from "../support/files.ts";
import { HoldingProxy } from "../support/net/holding-proxy.ts";
import { FILESHARE } from "../support/clients/command-words.ts";

async function stage(more: Partial<Parameters<typeof send>[0]> = {}) {
  const stack = new AsyncDisposableStack();
  const folder = stack.use(temporaryFolder());
  const relay = stack.use(await startRelay());
  const outs = ["one", "two", "three"].map((name) => join(folder.path, name));
  for (const out of outs) mkdirSync(out);
  const [one = "", two = "", three = ""] = outs;
  const file = makeFile(folder.path, "a.bin", 300_000);
  const code = newCode();
  const job = { relay: `${relay.url}/ws`, code };
  const sender = stack.use(send({ ...job, path: file.path, receivers: 2, ...more }));
  return {
    folder: folder.path,
    job,
    file,
    sender,
    one,
    two,
    three,
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

async function isDone(...clients: Running[]): Promise<void> {
  for (const { outcome } of clients)
    expect(await outcome).toEqual({ fault: undefined, exitCode: 0 });
}

/** Ids of receivers that proved to have everything. */
function done(sender: Running): string[] {
  return [...new Set(sender.all("receiver").flatMap((each) => (each.done ? [each.id] : [])))];
}

test("into the same folder, where nothing is fetched again, into another, and to no folder", async () => {
  await using at = await stage();
  for (const out of [at.one, at.one, at.two]) {
    await using again = receive({ ...at.job, out }, "anna");
    await isDone(again);
  }
  const stdout = Bun.spawn([...FILESHARE, "recv", "--stdout", "--quiet"], {
    env: {
      ...cleanEnv(),
      FILESHARE_RELAY: at.job.relay,
      FILESHARE_CODE: at.job.code,
      XDG_STATE_HOME: join(process.env["XDG_STATE_HOME"] ?? "", "of anna"),
    },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "inherit",
  });
  const came = new Uint8Array(await new Response(stdout.stdout).arrayBuffer());
  expect(Buffer.compare(came, at.file.bytes)).toBe(0);
  expect(await stdout.exited).toBe(0);
  // The order of the two does not matter: one of two receivers is done.
  expect(done(at.sender)).toHaveLength(1);
  expect(at.sender.all("done")).toEqual([]);
  await using other = receive({ ...at.job, out: at.three }, "bob");
  await isDone(other, at.sender);
  expect(done(at.sender)).toHaveLength(2);
  expect(bytesOf(join(at.three, "a.bin"))).toEqual(at.file.bytes);
});

test("a text, taken twice", async () => {
  await using at = await stage({ what: { from: "text", text: "hello" } });
  for (let run = 0; run < 2; run++) {
    await using again = receive({ ...at.job, out: at.one }, "anna");
    await isDone(again);
  }
  expect(done(at.sender)).toHaveLength(1);
  await using other = receive({ ...at.job, out: at.one }, "bob");
  await isDone(other, at.sender);
});

test("declined first, taken then", async () => {
  await using at = await stage({ receivers: 1 });
  await using first = receive({ ...at.job, out: at.one, ask: true }, "anna");
  await first.when("offer");
  first.answer({ accept: false });
  expect(await first.outcome).toMatchObject({ fault: "declined" });
  await using again = receive({ ...at.job, out: at.one }, "anna");
  await isDone(again, at.sender);
  expect(new Set(at.sender.all("receiver").map(({ id }) => id)).size).toBe(1);
});

test("two at the same time are two, and neither replaces the other", async () => {
  await using at = await stage();
  const { port } = new URL(at.job.relay);
  await using proxy = await HoldingProxy.start(Number(port), "down", 100_000);
  const held = `ws://127.0.0.1:${proxy.port}/ws`;
  await using one = receive({ ...at.job, relay: held, out: at.one }, "anna");
  await proxy.held;
  await using two = receive({ ...at.job, out: at.two }, "anna");
  await isDone(two);
  proxy.release();
  await isDone(one, at.sender);
  expect(one.all("relay").filter(({ online }) => !online)).toEqual([]);
  expect(done(at.sender)).toHaveLength(2);
});
