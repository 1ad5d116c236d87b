/** Senders that come to one relay of a cluster, while another one stores their share: the first carries them there. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";

import { EXIT } from "../../../protocol/mod.ts";
import { newCode, receive, send } from "../../support/clients/clients.ts";
import { bytesOf, temporaryFolder } from "../../support/disk.ts";
import { makeFile } from "../../support/files.ts";
import { lacksNats } from "../../support/net/nats.ts";
import { Proxy } from "../../support/net/proxy.ts";
import { ClusterRelays, eachOnce, outFolder, sorted } from "../../support/relay/whole-cluster.ts";

const MiB = 1024 ** 2;
const DONE = { fault: undefined, exitCode: EXIT.done };
const STORE = { life: 3600 };
/** bytes per second */
const SLOW = 4 * MiB;

const folder = temporaryFolder();
afterAll(() => folder[Symbol.dispose]());

describe.skipIf(lacksNats)("a share that relay 1 of three stores", () => {
  let cluster: ClusterRelays;
  beforeAll(async () => {
    const store = (number: number) => join(folder.path, `store-${number}`);
    cluster = await ClusterRelays.open({
      workers: [1, 2, 1],
      each: (number) => ({ store: { kind: "disk", folder: store(number) } }),
    });
  });
  afterAll(() => cluster?.[Symbol.asyncDispose]());

  test("goes on by relay 2 when its sender can't reach relay 1 any more, and no record is sent again", async () => {
    const file = makeFile(folder.path, "moved.bin", 8 * MiB);
    const code = newCode();
    await using away = await Proxy.start({ port: cluster.at(1).relay.port });
    const way = { relay: away.url, further: [cluster.at(2).url] };
    await using sender = send({ ...way, code, path: file.path, store: STORE, limit: SLOW });
    await sender.when("storing", (event) => event.bytes >= 2 * MiB);
    const before = cluster.at(1).proxy.up.length;
    const direct = away.up;
    await away[Symbol.asyncDispose]();
    expect(await sender.outcome).toEqual(DONE);
    const crossed = cluster.at(1).proxy.up.slice(before);
    const { records } = await sender.when("source");
    expect(sorted([...direct, ...crossed])).toEqual(eachOnce(records));
    expect(crossed).not.toEqual([]);
    const out = outFolder(folder.path);
    await using receiver = receive({ relay: cluster.at(3).url, code, out });
    expect(await receiver.outcome).toEqual(DONE);
    expect(bytesOf(join(out, file.name))).toEqual(file.bytes);
  });
});
