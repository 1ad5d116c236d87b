/** Real clients at two relays of one cluster, of which one has the sender and the other one the receivers. */
import { expect, test } from "bun:test";
import { mkdirSync } from "node:fs";
import { join } from "node:path";

import { startRelay } from "../../../relay/mod.ts";
import { bytesOf, temporaryFolder } from "../../support/disk.ts";
import { makeFile } from "../../support/files.ts";
import { newCode, receive, send } from "../../support/clients/clients.ts";
import { keysOf } from "../../support/clients/known-codes.ts";
import { EdgeRelay } from "../../support/relay/edge-relay.ts";
import { edgesMayCome } from "../../support/relay/scripted-edge.ts";
import { TEST_SECRET } from "../../support/relay/scripted-owner.ts";

async function twoRelays(workers: number, receivers: number) {
  const stack = new AsyncDisposableStack();
  const folder = stack.use(temporaryFolder());
  const supervision = edgesMayCome({ secret: TEST_SECRET });
  const owner = stack.use(await startRelay({ workers, supervision }));
  const edge = stack.use(await EdgeRelay.open({ workers }));
  const code = newCode();
  const { relay } = supervision.cluster;
  edge.link({ relay, address: `127.0.0.1:${owner.clusterPort}` }, keysOf(code));
  const file = makeFile(folder.path, "a.bin", 12_000_000);
  const sender = stack.use(send({ relay: `${owner.url}/ws`, code, path: file.path, receivers }));
  return {
    owner,
    edge,
    file,
    sender,
    /** At either relay. */
    receive: (name: string, url = edge.url) => {
      const out = join(folder.path, name);
      mkdirSync(out);
      const client = stack.use(receive({ relay: url, code, out, name }));
      return { client, path: join(out, "a.bin") };
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

test.each([1, 2])(
  "receivers at both relays get the file, are named to the sender, and end it (workers: %p)",
  async (workers) => {
    await using at = await twoRelays(workers, 4);
    const names = ["anna", "ben", "cleo"];
    const all = names.map((name) => at.receive(name));
    all.push(at.receive("dora", `${at.owner.url}/ws`));
    for (const { client } of all) {
      expect(await client.outcome).toEqual({ fault: undefined, exitCode: 0 });
    }
    expect(await at.sender.outcome).toEqual({ fault: undefined, exitCode: 0 });
    for (const { path } of all) expect(bytesOf(path)).toEqual(at.file.bytes);
    expect(await at.sender.when("done")).toMatchObject({ receivers: 4 });
    const shown = new Set(at.sender.all("receiver").map(({ name }) => name));
    expect([...shown].toSorted()).toEqual(["anna", "ben", "cleo", "dora"]);
  },
);

test("a receiver that comes late to the other relay gets the file from its start", async () => {
  await using at = await twoRelays(2, 2);
  const first = at.receive("anna");
  expect(await first.client.outcome).toEqual({ fault: undefined, exitCode: 0 });
  const late = at.receive("ben");
  expect(await late.client.outcome).toEqual({ fault: undefined, exitCode: 0 });
  expect(bytesOf(late.path)).toEqual(at.file.bytes);
  expect(await at.sender.outcome).toEqual({ fault: undefined, exitCode: 0 });
});
