/** `fileshare relay --cluster` as a process, also as a binary: it starts without NATS, and finds it later. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";

import { FILESHARE } from "../../support/clients/command-words.ts";
import { heard } from "../../support/clients/program.ts";
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
