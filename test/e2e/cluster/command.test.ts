/** `fileshare relay --cluster` as a process, also as a binary: it starts without NATS, and finds it later. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { join } from "node:path";

import { FILESHARE } from "../../support/clients/command-words.ts";
import { ended, heard, start } from "../../support/clients/program.ts";
import { cleanEnv } from "../../support/clients/pty.ts";
import { temporaryFolder } from "../../support/disk.ts";
import { lacksNats, startNats, type NatsServers } from "../../support/net/nats.ts";

let nats: NatsServers;
const folder = temporaryFolder();
const secret = join(folder.path, "cluster.key");
beforeAll(async () => {
  writeFileSync(secret, "s".repeat(32), { mode: 0o600 });
  if (!lacksNats) nats = await startNats();
});
afterAll(async () => {
  await nats?.[Symbol.asyncDispose]();
  folder[Symbol.dispose]();
});

test.skipIf(lacksNats)(
  "a relay starts before NATS, says that it is away, and finds it",
  async () => {
    await nats.servers[0]?.kill();
    const words = [
      "--cluster",
      nats.urls[0] ?? "",
      "--cluster-listen",
      "127.0.0.1:0",
      "--cluster-secret",
      secret,
    ];
    const relay = Bun.spawn(
      [
        ...FILESHARE,
        "relay",
        "--host",
        "127.0.0.1",
        "--port",
        "0",
        "--no-admin",
        "--log",
        "json",
        "--json",
        ...words,
      ],
      { env: { ...cleanEnv() }, stdin: "ignore", stdout: "pipe", stderr: "pipe" },
    );
    try {
      await heard(relay.stdout, '"event":"listening"');
      await heard(relay.stderr, '"event":"directory-unreachable"');
      await nats.servers[0]?.start();
      await heard(relay.stderr, '"event":"directory-connected"');
    } finally {
      relay.kill();
      await relay.exited;
    }
    expect(relay.exitCode).toBe(0);
  },
);

test.skipIf(lacksNats)(
  "bytes that are not of NATS are not printed where the relay prints its events",
  async () => {
    const liar = createServer((socket) => {
      socket.on("error", () => undefined);
      socket.write(
        'INFO {"server_id":"x","version":"2.10.0","max_payload":1000,"jetstream":true}\r\n',
      );
      socket.write("\0 this is no NATS\r\n");
    });
    await once(liar.listen(0, "127.0.0.1"), "listening");
    const { port } = liar.address() as AddressInfo;
    const to = ["--cluster", `nats://127.0.0.1:${port}`, "--cluster-listen", "127.0.0.1:0"];
    const own = ["--host", "127.0.0.1", "--port", "0", "--no-admin", "--log", "json", "--json"];
    const relay = start(["relay", ...own, ...to, "--cluster-secret", secret]);
    await heard(relay.stderr, '"event":"directory-unreachable"');
    relay.kill();
    const { out, exitCode } = await ended(relay);
    expect(exitCode).toBe(0);
    const events = out
      .trim()
      .split("\n")
      .map((line) => (JSON.parse(line) as { event: string }).event);
    expect(events).toEqual(["listening", "draining"]);
    liar.close();
  },
);
