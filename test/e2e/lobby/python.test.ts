import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { LOBBY_CODE } from "../../../protocol/mod.ts";
import { startRelay } from "../../../relay/mod.ts";
import { policyWith, token } from "../../support/relay/tokens.ts";
import { temporaryFolder } from "../../support/disk.ts";
import { receive, receiveJob } from "../../support/clients/clients.ts";
import { makeFile } from "../../support/files.ts";

/** Debian's Python first: its packages are for it. */
const PYTHON = ["/usr/bin/python3", "python3"].find((python) => {
  if (Bun.which(python) === null) return false;
  return Bun.spawnSync([python, "-c", "import websockets"]).exitCode === 0;
});
const noPython = lacks(PYTHON !== undefined, "python3-websockets");
const MiB = 1024 ** 2;

function python(script: string, args: readonly string[]): Bun.Subprocess<"ignore", "pipe"> {
  return Bun.spawn([PYTHON ?? "python3", join(import.meta.dir, script), ...args], {
    stdin: "ignore",
    stdout: "pipe",
  });
}

test.skipIf(noPython)(
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

/** Connects with their Python library, with and without a header, and prints the first answer. */
const KNOCKS = `
import asyncio, sys, websockets
async def knock(url, headers):
    newer = int(websockets.__version__.split(".")[0]) >= 14
    name = "additional_headers" if newer else "extra_headers"
    try:
        async with websockets.connect(url, **{name: headers}):
            return "in"
    except Exception as error:
        return str(error)
async def main(url, token):
    print(await knock(url, {}))
    print(await knock(url, {"Authorization": "Bearer " + token[:-1]}))
    print(await knock(url, {"Authorization": "Bearer " + token}))
asyncio.run(main(*sys.argv[1:]))
`;
import { lacks } from "../../needs.ts";

test.skipIf(noPython)(
  "P4 the Python websockets library with a token (needs python3-websockets)",
  async () => {
    const { text, known } = token(["receive"]);
    await using relay = await startRelay({
      policy: policyWith({ lobby: "closed", tokens: [known] }),
    });
    const child = Bun.spawn([PYTHON ?? "python3", "-c", KNOCKS, `${relay.url}/receiver`, text], {
      stdout: "pipe",
    });
    const said = (await child.stdout.text()).trim().split("\n");
    expect(said).toEqual([
      expect.stringContaining("401"),
      expect.stringContaining("401"),
      "in",
    ] as string[]);
    expect(await child.exited).toBe(0);
  },
);
