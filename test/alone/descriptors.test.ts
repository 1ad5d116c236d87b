/** A relay that may have few open files, and more clients than that. */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { join } from "node:path";

import { EXIT } from "../../protocol/mod.ts";
import { newCode, receive, send } from "../support/clients/clients.ts";
import { makeFile } from "../support/files.ts";
import { bytesOf, temporaryFolder } from "../support/disk.ts";
import { ended, heard, run, start } from "../support/clients/program.ts";
import { RelayCommand } from "../support/clients/relay-command.ts";

const OPEN_FILES = 200;
const CLIENTS = 400;
/** Of them, clients that come before descriptors run out. */
const ANSWERED = 50;
/** How long the transfer beside them takes, and at which rate. s, and bytes per second */
const SECONDS = 4;
const RATE = 1_000_000;
const TICKS_PER_SECOND = 100;

/** CPU time of a process, in s. */
function cpuOf(pid: number): number {
  // Behind its name, which may hold anything.
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
    .replace(/^.*\) /s, "")
    .split(" ");
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

/** Connects, if only to the kernel, and says that much, whatever becomes of it. */
async function clientThatSays(text: string, port: number): Promise<Disposable> {
  const socket: Socket = connect({ host: "127.0.0.1", port });
  await new Promise<void>((resolve) => {
    socket.on("connect", resolve);
    socket.on("error", () => resolve());
  });
  socket.write(text);
  return { [Symbol.dispose]: () => socket.destroy() };
}

/** Asks for a WebSocket, and says nothing more. */
function webSocketAt(port: number): Disposable & { readonly answered: Promise<void> } {
  const { promise, resolve } = Promise.withResolvers<void>();
  const socket = connect({ host: "127.0.0.1", port }, () =>
    socket.write(
      "GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
    ),
  );
  for (const event of ["data", "close", "error"]) socket.on(event, () => resolve());
  return { answered: promise, [Symbol.dispose]: () => socket.destroy() };
}

/** Tries until somebody is served there. */
async function untilServed(url: string): Promise<void> {
  for (;;) {
    const response = await fetch(url).catch(() => undefined);
    const text = await response?.text();
    if (text?.includes("fileshare") === true) return;
  }
}

test.concurrent.skipIf(process.platform !== "linux").each([
  ["nothing", ""],
  ["half a request", "GET / HTTP/1.1\r\nHost: "],
])(
  "T4 more clients than open files, who say %s, cost no core, and it serves on",
  async (_what, text) => {
    using folder = temporaryFolder();
    const options = ["--workers", "2"];
    await using relay = await RelayCommand.start(options, 0, `ulimit -n ${OPEN_FILES}`);
    const file = makeFile(folder.path, "a.bin", SECONDS * RATE);
    const job = { relay: relay.url, code: newCode() };
    const out = { out: folder.path, prefix: "got-", limit: RATE };
    await using receiver = receive({ ...job, ...out });
    await using sender = send({ ...job, path: file.path, ask: true });
    const asks = await sender.when("asks");
    {
      using stack = new DisposableStack();
      const clients = Array.from({ length: CLIENTS }, () => clientThatSays(text, relay.port));
      for (const client of await Promise.all(clients)) stack.use(client);
      const cpuBefore = cpuOf(relay.pid);
      const before = performance.now();
      sender.admit(asks, true);
      for (const client of [sender, receiver]) {
        expect(await client.outcome).toEqual({ fault: undefined, exitCode: EXIT.done });
        expect(client.all("relay").map(({ online }) => online)).toEqual([true]);
      }
      const seconds = (performance.now() - before) / 1000;
      const cpu = cpuOf(relay.pid) - cpuBefore;
      // It is one core for each worker where accept is tried again and again.
      expect(cpu).toBeLessThan(seconds / 2);
    }
    expect(bytesOf((await receiver.when("saved")).path)).toEqual(file.bytes);
    await untilServed(`http://127.0.0.1:${relay.port}/`);
  },
);

test.skipIf(process.platform !== "linux")(
  "T4 more clients than open files at a relay that a send carries end none of its threads",
  async () => {
    using folder = temporaryFolder();
    const file = makeFile(folder.path, "a.bin", 300_000);
    const env = { FILESHARE_RELAY: "", XDG_STATE_HOME: folder.path, FILESHARE_CODE: newCode() };
    const shell = `ulimit -n ${OPEN_FILES}; exec "$@"`;
    const sending = start(["send", file.path, "--port", "0", "--json"], { env, shell });
    const said = await heard(sending.stdout, '"online":true');
    const port = Number(/"port":(\d+)/.exec(said)?.[1]);
    {
      using stack = new DisposableStack();
      const clients = Array.from({ length: CLIENTS }, () => stack.use(webSocketAt(port)));
      await Promise.all(clients.slice(0, ANSWERED).map(({ answered }) => answered));
    }
    const words = ["recv", "--yes", "--out", folder.path, "--prefix", "got-"];
    const at = ["--relay", `ws://127.0.0.1:${port}`];
    const received = await run([...words, ...at], { env });
    const sent = await ended(sending);
    expect([received.exitCode, sent.exitCode]).toEqual([0, 0]);
    expect(sent.out).not.toContain("Worker");
    expect(bytesOf(join(folder.path, "got-a.bin"))).toEqual(file.bytes);
  },
);
