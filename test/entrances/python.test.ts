import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { LOBBY_CODE } from "../../protocol/mod.ts";
import { startRelay } from "../../relay/mod.ts";
import { temporaryFolder } from "../cli/disk.ts";
import { receive, receiveJob } from "../e2e/clients.ts";
import { makeFile } from "../e2e/files.ts";

/** Debian's Python first: its packages are for it. */
const PYTHON = ["/usr/bin/python3", "python3"].find((python) => {
  if (Bun.which(python) === null) return false;
  return Bun.spawnSync([python, "-c", "import websockets"]).exitCode === 0;
});
const MiB = 1024 ** 2;

function python(script: string, args: readonly string[]): Bun.Subprocess<"ignore", "pipe"> {
  return Bun.spawn([PYTHON ?? "python3", join(import.meta.dir, script), ...args], {
    stdin: "ignore",
    stdout: "pipe",
  });
}

test.skipIf(PYTHON === undefined)(
  "the Python websockets library on both ends, beside a receiver of ours (needs python3-websockets)",
  async () => {
    using folder = temporaryFolder();
    using there = temporaryFolder();
    await using relay = await startRelay({ workers: 2 });
    const { path, bytes } = makeFile(folder.path, "a.bin", 3 * MiB + 5);
    const receiver = python("original-receiver.py", [`${relay.url}/receiver`, there.path, "1"]);
    // Until its end, or what it says next would find a broken pipe.
    const connected = Promise.withResolvers<void>();
    const reading = (async () => {
      for await (const said of receiver.stdout) if (said.length > 0) connected.resolve();
    })();
    await connected.promise;
    const job = { relay: `${relay.url}/ws`, code: LOBBY_CODE, out: folder.path, lobby: true };
    await using ours = receive(receiveJob({ ...job, prefix: "rcv_" }));
    await ours.when("waiting");
    const sender = python("original-sender.py", [`${relay.url}/sender`, path]);
    expect(await sender.stdout.text()).toBe("File transfer successful\n");
    expect(await receiver.exited).toBe(0);
    await reading;
    expect(await sender.exited).toBe(0);
    expect(Buffer.compare(readFileSync(join(there.path, "rcv_a.bin")), bytes)).toBe(0);
    expect(Buffer.compare(readFileSync((await ours.when("saved")).path), bytes)).toBe(0);
  },
);
