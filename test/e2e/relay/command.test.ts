/** The relay command as a process that is told to end, or finds its port taken. */
import { describe, expect, test } from "bun:test";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { EXIT } from "../../../protocol/mod.ts";
import { Authority, writeCertificate } from "../../support/net/certificates.ts";
import { newCode, receive, send, type Running } from "../../support/clients/clients.ts";
import { makeFile } from "../../support/files.ts";
import { Proxy } from "../../support/net/proxy.ts";
import { ownPort } from "../../support/net/own-port.ts";
import { bytesOf, temporaryFolder } from "../../support/disk.ts";
import { RelayCommand } from "../../support/clients/relay-command.ts";

const MiB = 1024 * 1024;
const RECORDS = 9;

/** A transfer to two receivers whose lines are held when one record is left to be sent. */
class HeldTransfer implements AsyncDisposable {
  readonly sender: Running;
  readonly receivers: readonly Running[];
  /** Lets the rest pass. */
  readonly release: () => void;
  readonly #stack: AsyncDisposableStack;
  readonly #bytes: Uint8Array;

  private constructor(
    stack: AsyncDisposableStack,
    bytes: Uint8Array,
    sender: Running,
    receivers: readonly Running[],
    proxy: Proxy,
  ) {
    this.#stack = stack;
    this.#bytes = bytes;
    this.sender = sender;
    this.receivers = receivers;
    this.release = () => proxy.release();
  }

  static async start(relay: RelayCommand, stay: boolean): Promise<HeldTransfer> {
    await using stack = new AsyncDisposableStack();
    const folder = stack.use(temporaryFolder());
    const proxy = stack.use(await Proxy.start({ port: relay.port }));
    const file = makeFile(folder.path, "a.bin", (RECORDS - 0.5) * MiB);
    const code = newCode();
    const receivers = ["one", "two"].map((name) => {
      const out = join(folder.path, name);
      mkdirSync(out);
      return stack.use(receive({ relay: proxy.url, code, out }));
    });
    await Promise.all(receivers.map((receiver) => receiver.when("waiting")));
    const held = proxy.holdAfter(RECORDS - 1);
    const job = { relay: relay.url, code, path: file.path, receivers: 2, stay };
    const sender = stack.use(send(job));
    await held;
    return new HeldTransfer(stack.move(), file.bytes, sender, receivers, proxy);
  }

  async expectReceived(): Promise<void> {
    for (const receiver of this.receivers) {
      expect(await receiver.outcome).toEqual({ fault: undefined, exitCode: EXIT.done });
      expect(receiver.all("error")).toEqual([]);
      expect(bytesOf((await receiver.when("saved")).path)).toEqual(this.#bytes);
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack.disposeAsync();
  }
}

function toldToGo(client: Running): Promise<unknown> {
  return client.when("relay", ({ code }) => code === "going-away");
}

describe.each([1, 2])("P13 a relay of %d workers that is told to end", (workers) => {
  const options = (drain: number): string[] => ["--workers", `${workers}`, "--drain", `${drain}`];

  test("lets a transfer end for which there is time, and sends all others away", async () => {
    using folder = temporaryFolder();
    await using relay = await RelayCommand.start(options(3600));
    await using idle = receive({ relay: relay.url, code: newCode(), out: folder.path });
    await idle.when("waiting");
    await using transfer = await HeldTransfer.start(relay, false);
    relay.kill("SIGTERM");
    expect(await relay.says()).toMatchObject({ event: "draining", seconds: 3600 });
    await toldToGo(idle);
    transfer.release();
    await transfer.expectReceived();
    expect(await transfer.sender.outcome).toEqual({ fault: undefined, exitCode: EXIT.done });
    for (const client of [transfer.sender, ...transfer.receivers]) {
      expect(client.all("relay").map(({ online }) => online)).toEqual([true]);
    }
    expect(await relay.exited).toBe(EXIT.done);
  });

  test("sends a sender away that would stay, when nobody takes its share any more", async () => {
    await using relay = await RelayCommand.start(options(3600));
    await using transfer = await HeldTransfer.start(relay, true);
    relay.kill("SIGINT");
    await relay.says();
    transfer.release();
    await transfer.expectReceived();
    await toldToGo(transfer.sender);
    expect(await relay.exited).toBe(EXIT.done);
  });

  test("sends those away whose transfer takes too long; they resume at the next relay", async () => {
    await using relay = await RelayCommand.start(options(0.1), await ownPort());
    await using transfer = await HeldTransfer.start(relay, false);
    relay.kill("SIGTERM");
    expect(await relay.exited).toBe(EXIT.done);
    await toldToGo(transfer.sender);
    await using _ = await RelayCommand.start(options(1), relay.port);
    transfer.release();
    await transfer.expectReceived();
    expect(await transfer.sender.outcome).toEqual({ fault: undefined, exitCode: EXIT.done });
  });

  test("ends at once when it is told twice", async () => {
    await using relay = await RelayCommand.start(options(3600));
    await using transfer = await HeldTransfer.start(relay, false);
    relay.kill("SIGTERM");
    expect(await relay.says()).toMatchObject({ event: "draining" });
    // Signals that follow each other at once count as one, so it is told until it ends.
    const again = setInterval(() => relay.kill("SIGTERM"), 150);
    using _stop = { [Symbol.dispose]: () => clearInterval(again) };
    expect(await relay.exited).toBe(EXIT.interrupted);
    await transfer.sender.when("relay", ({ online }) => !online);
  });
});

test("P13 the next relay may listen while the one before drains, and takes the clients that were sent away", async () => {
  using folder = temporaryFolder();
  await using before = await RelayCommand.start(
    ["--workers", "1", "--drain", "3600"],
    await ownPort(),
  );
  await using idle = receive({ relay: before.url, code: newCode(), out: folder.path });
  await idle.when("waiting");
  await using transfer = await HeldTransfer.start(before, false);
  before.kill("SIGTERM");
  await toldToGo(idle);
  await using after = await RelayCommand.start(["--workers", "2"], before.port);
  expect(after.port).toBe(before.port);
  await idle.when("relay", (event) => event.online && event !== idle.all("relay")[0]);
  transfer.release();
  await transfer.expectReceived();
  expect(await before.exited).toBe(EXIT.done);
});

describe.each([1, 2])("T19 a port", (workers) => {
  const options = ["--workers", `${workers}`];

  test(`that a relay has is not shared with another of ${workers} workers`, async () => {
    await using first = await RelayCommand.start(["--workers", "2"]);
    await using second = new RelayCommand(options, first.port);
    expect(await second.says()).toMatchObject({ event: "error", code: "port-in-use" });
    expect(await second.exited).toBe(EXIT.failed);
  });

  test(`that a relay with TLS has is not shared with another of ${workers} workers`, async () => {
    using folder = temporaryFolder();
    const { cert, key } = writeCertificate(folder.path, new Authority().issue());
    const tls = ["--tls-cert", cert, "--tls-key", key];
    // One worker, whose port could be shared for the sake of the next certificate.
    await using first = await RelayCommand.start([...tls, "--http-port", "0", "--workers", "1"]);
    const ports = [first.port, first.httpPort];
    for (const port of ports) {
      for (const others of [options, [...options, ...tls]]) {
        await using second = new RelayCommand(others, port);
        expect(await second.says()).toMatchObject({ event: "error", code: "port-in-use" });
        expect(await second.exited).toBe(EXIT.failed);
      }
    }
  });

  test(`that two relays of ${workers} workers want at once is given to one of them`, async () => {
    for (let round = 0; round < 3; round++) {
      const port = await ownPort();
      await using one = new RelayCommand(options, port);
      await using two = new RelayCommand(options, port);
      const said = await Promise.all([one.says(), two.says()]);
      expect(said.filter((each) => each?.event === "listening")).toHaveLength(1);
      expect(said.filter((each) => each?.code === "port-in-use")).toHaveLength(1);
    }
  });
});

test.each([
  [[], "fileshare</title>"],
  [["--no-page"], "fileshare relay"],
] as const)("a browser at a relay with %p sees %p", async (options, part) => {
  await using relay = await RelayCommand.start([...options, "--admin", "off"]);
  const answer = await fetch(`http://127.0.0.1:${relay.port}/`, {
    headers: { accept: "text/html,*/*" },
  });
  const text = await answer.text();
  expect(text).toContain(part);
  expect(text.includes("manifest.webmanifest")).toBe(options.length === 0);
});
