import { describe, expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  decodeFrame,
  EXIT,
  FRAME_BYTES,
  FRAME_HEADER_BYTES,
  WINDOW_RECORDS,
} from "../../../protocol/mod.ts";
import { startRelay, type Relay, type RelayOptions } from "../../../relay/mod.ts";
import { bytesOf, temporaryFolder } from "../../support/disk.ts";
import { newCode, receive, send } from "../../support/clients/clients.ts";
import { makeFile } from "../../support/files.ts";
import { Proxy } from "../../support/net/proxy.ts";
import { RawClient, randomId, rawShare } from "../../support/relay/raw-client.ts";
import { ORDERS, type Order } from "./unruly-worker.ts";

const MiB = 1024 * 1024;
const RECORDS = 9;

/** So that tests need not wait as long as people would. */
const RESTART_MS = 10;
/**
 * Likewise, where silence itself is the point. A worker is given up after 15 of these, also one that
 * starts or is well and gets no core for so long: elsewhere the periods are those of a real relay.
 */
const PING_MS = 300;

const unruly = new URL("./unruly-worker.ts", import.meta.url).href;

/** The troubles that a relay reports, to be waited for. */
class Troubles {
  readonly all: string[] = [];
  #heard = Promise.withResolvers<void>();

  readonly tell = (trouble: string): void => {
    this.all.push(trouble);
    this.#heard.resolve();
    this.#heard = Promise.withResolvers();
  };

  async until(passes: (all: readonly string[]) => boolean): Promise<void> {
    while (!passes(this.all)) await this.#heard.promise;
  }
}

function order(worker: number, does: Order["does"]): void {
  const orders = new BroadcastChannel(ORDERS);
  orders.postMessage({ worker, does } satisfies Order);
  orders.close();
}

/** A relay of two workers, and what it complains of. */
async function supervised(
  supervision: RelayOptions["supervision"] = {},
  script = unruly,
): Promise<{ relay: Relay; troubles: Troubles }> {
  const troubles = new Troubles();
  const relay = await startRelay({
    workers: 2,
    onTrouble: troubles.tell,
    supervision: { script, restartMs: RESTART_MS, ...supervision },
  });
  return { relay, troubles };
}

/** Carries a file to three receivers and does `meanwhile` when one record is left to be sent. */
async function transferThrough(relay: Relay, meanwhile: () => void): Promise<void> {
  using folder = temporaryFolder();
  await using proxy = await Proxy.start({ port: relay.port });
  const file = makeFile(folder.path, "a.bin", (RECORDS - 0.5) * MiB);
  const code = newCode();
  await using stack = new AsyncDisposableStack();
  const receivers = ["one", "two", "three"].map((name) => {
    const out = join(folder.path, name);
    mkdirSync(out);
    return stack.use(receive({ relay: proxy.url, code, out }));
  });
  await Promise.all(receivers.map((receiver) => receiver.when("waiting")));
  const half = proxy.holdAfter(RECORDS - 1);
  await using sender = send({ relay: `${relay.url}/ws`, code, path: file.path, receivers: 3 });
  await half;
  meanwhile();
  proxy.release();
  const outcomes = await Promise.all([sender, ...receivers].map(({ outcome }) => outcome));
  expect(outcomes).toEqual(outcomes.map(() => ({ fault: undefined, exitCode: EXIT.done })));
  for (const receiver of receivers) {
    const { path } = await receiver.when("saved");
    expect(bytesOf(path)).toEqual(file.bytes);
  }
  expect(sender.all("done")).toMatchObject([{ receivers: 3 }]);
}

describe("a worker during a transfer", () => {
  test.each([0, 1])("that loops for ever (%d) is replaced, and all finish", async (worker) => {
    const { relay, troubles } = await supervised({ pingMs: PING_MS });
    await using _ = relay;
    await transferThrough(relay, () => order(worker, "loop"));
    // Even when nobody needed it.
    await troubles.until((all) => all.length >= 2);
    expect(troubles.all.slice(0, 2)).toEqual([
      `Worker ${worker} failed: stopped answering`,
      `Worker ${worker} ended and is started again`,
    ]);
  });

  test.each(["throw", "exit"] as const)(
    "that ends (%s) is replaced, and all finish",
    async (does) => {
      const { relay, troubles } = await supervised();
      await using _ = relay;
      await transferThrough(relay, () => {
        for (const worker of [0, 1]) order(worker, does);
      });
      const ended = [0, 1].map((worker) => `Worker ${worker} ended and is started again`);
      await troubles.until((all) => ended.every((trouble) => all.includes(trouble)));
      const failed = troubles.all.filter((trouble) => !ended.includes(trouble));
      expect(failed).toHaveLength(does === "throw" ? 2 : 0);
      for (const trouble of failed)
        expect(trouble).toMatch(/^Worker [01] failed: [^]*error: unruly/);
    },
  );
});

/** The script of a worker that a test can make unable to start. */
function fragileScript(folder: string): { href: string; breakIt(): void; mend(): void } {
  const path = join(folder, "worker.ts");
  const write = (text: string) => (): void => writeFileSync(path, text);
  const mend = write(`import ${JSON.stringify(new URL(unruly).pathname)};`);
  mend();
  return { href: path, mend, breakIt: write(`throw new Error("broken");`) };
}

describe("a worker that fails again and again", () => {
  test("waits longer each time while the others carry on, and is there again when it can be", async () => {
    using folder = temporaryFolder();
    const script = fragileScript(folder.path);
    const { relay, troubles } = await supervised({}, script.href);
    await using _ = relay;
    script.breakIt();
    order(1, "exit");
    const failed = /^Worker 1 did not start \(.+error: broken.+\) and is started again in (.+) s$/;
    const waits = (all: readonly string[]): number[] =>
      all.map((trouble) => Number(failed.exec(trouble)?.[1])).filter(Boolean);
    await troubles.until((all) => waits(all).length >= 6);
    expect(waits(troubles.all).slice(0, 6)).toEqual([0.01, 0.02, 0.04, 0.08, 0.16, 0.32]);
    await transferThrough(relay, () => undefined);
    script.mend();
    await troubles.until((all) => all.at(-1) === "Worker 1 is up again");
    await transferThrough(relay, () => order(0, "exit"));
  });

  test("ends the relay when there is no other, with why", async () => {
    using folder = temporaryFolder();
    const script = fragileScript(folder.path);
    const { relay, troubles } = await supervised({}, script.href);
    await using _ = relay;
    script.breakIt();
    order(0, "exit");
    order(1, "throw");
    const fault = await relay.ended;
    expect(fault).toMatchObject({ code: "relay-failed", detail: "no worker stays up" });
    expect(fault?.fault.exitCode).toBe(EXIT.relayFailed);
    expect(troubles.all.at(-1)).toMatch(/^Worker [01] did not start /);
  });
});

test("a worker that never starts is why the relay does not, and not its address", async () => {
  using folder = temporaryFolder();
  const script = fragileScript(folder.path);
  script.breakIt();
  const fault = await supervised({}, script.href).catch((error: unknown) => error);
  expect(fault).toMatchObject({
    code: "relay-failed",
    detail: "a worker does not start: error: broken",
  });
});

test("a worker that can't be ended ends the relay, for who started it to start it again", async () => {
  const script = join(import.meta.dir, "unruly-relay.ts");
  const child = Bun.spawn([process.execPath, script], { stdin: "ignore", stderr: "pipe" });
  expect(await child.exited).toBe(EXIT.relayFailed);
  const told = await child.stderr.text();
  expect(told).toContain("Worker 1 failed: stopped answering\n");
  expect(told).toContain("The relay could not continue: worker 1 can't be ended.");
});

test("a client that is sent away gets whole frames, and is told so after the last", async () => {
  await using relay = await startRelay();
  const url = `${relay.url}/ws`;
  const channel = randomId();
  const share = rawShare(WINDOW_RECORDS, FRAME_BYTES - FRAME_HEADER_BYTES);
  await using sender = await RawClient.offering(url, channel, share);
  await using receiver = await RawClient.greeted(url, "receiver", channel);
  await receiver.offered(share);
  receiver.join(share.offer.share, 0, WINDOW_RECORDS);
  await sender.when("want");
  sender.send(share.frame(0));
  await receiver.frame(0);
  receiver.ack(share.offer.share, 1, WINDOW_RECORDS);
  receiver.socket.pause();
  const { first, count } = await sender.when("want", (want) => want.first === 1);
  for (let index = first; index < first + count; index++) sender.send(share.frame(index));
  // All of them have been passed on, to where there was room, when the answer to this is here.
  const passedOn = new Promise<void>((resolve) => {
    sender.socket.addEventListener("pong", () => resolve());
  });
  sender.socket.ping();
  await passedOn;
  const stopped = relay.stop();
  await sender.when("fault", ({ code }) => code === "going-away");
  receiver.socket.resume();
  expect(await receiver.when("fault")).toMatchObject({ code: "going-away", retry: true });
  expect(await receiver.closed).toEqual({ code: 1001, reason: "going-away" });
  const frames = receiver.frames.map((bytes) => decodeFrame(bytes));
  expect(frames.map(({ index }) => index)).toEqual(frames.map((_, i) => i));
  expect(frames.length).toBeGreaterThan(1);
  for (const { ciphertext } of frames) expect(ciphertext.length).toBe(share.offer.recordSize);
  await stopped;
});
