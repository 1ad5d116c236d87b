/** Relays of a cluster that do not reach each other, or NATS, and live on. */
import { afterAll, describe, expect, test } from "bun:test";
import { join } from "node:path";

import { EXIT } from "../../../protocol/mod.ts";
import { newCode, receive, send } from "../../support/clients/clients.ts";
import { bytesOf, temporaryFolder } from "../../support/disk.ts";
import { makeFile } from "../../support/files.ts";
import { HoldingProxy } from "../../support/net/holding-proxy.ts";
import { lacksNats, startNats } from "../../support/net/nats.ts";
import { ClusterRelays, openMember, outFolder } from "../../support/relay/whole-cluster.ts";
import { until } from "../../support/until.ts";

const MiB = 1024 ** 2;
const DONE = { fault: undefined, exitCode: EXIT.done };

const folder = temporaryFolder();
afterAll(() => folder[Symbol.dispose]());

describe.skipIf(lacksNats)("relays that do not reach each other", () => {
  test("hold up no receiver elsewhere, and those that waited go on afterwards", async () => {
    await using cluster = await ClusterRelays.open({ workers: [1, 1, 1] });
    const file = makeFile(folder.path, "held.bin", 12 * MiB);
    const code = newCode();
    const startWhen = { receivers: 3, minWaitMs: 0, maxWaitMs: undefined };
    const job = { code, path: file.path, receivers: 3, startWhen };
    const { proxy } = cluster.at(1);
    await using sender = send({ relay: cluster.at(1).url, ...job, limit: 8 * MiB });
    const outs = [1, 2, 3].map(() => outFolder(folder.path));
    const [near, held, other] = outs.map((out, at) =>
      receive({ relay: cluster.at(at + 1).url, code, out }),
    );
    await held!.when("offer");
    await other!.when("offer");
    await proxy.holdAfter(4);
    expect(await near!.outcome).toEqual(DONE);
    for (const one of [held!, other!]) expect(one.all("saved")).toEqual([]);
    proxy.cut();
    for (const one of [held!, other!]) expect(await one.outcome).toEqual(DONE);
    expect(await sender.outcome).toEqual(DONE);
    for (const out of outs) expect(bytesOf(join(out, file.name))).toEqual(file.bytes);
  });

  test("for the words of one that do not reach NATS, keep its transfers, and find its shares again", async () => {
    await using nats = await startNats();
    const port = Number(nats.servers[0]!.address.split(":")[1]);
    await using way = await HoldingProxy.start(port, "up", Infinity);
    await using cutOff = await openMember([`nats://127.0.0.1:${way.port}`], {});
    await using other = await openMember(nats.urls, {});
    const file = makeFile(folder.path, "cut-off.bin", 6 * MiB);
    const code = newCode();
    await using sender = send({ relay: cutOff.url, code, path: file.path, receivers: 3 });
    const outs = [1, 2, 3].map(() => outFolder(folder.path));
    await using early = receive({ relay: other.url, code, out: outs[0]!, ask: true });
    await early.when("offer");
    way.hold();
    await until(() => other.reports.some(({ event }) => event === "relay-gone"));
    early.answer({ accept: true });
    expect(await early.outcome).toEqual(DONE);
    await using near = receive({ relay: cutOff.url, code, out: outs[1]! });
    expect(await near.outcome).toEqual(DONE);
    await using third = await openMember(nats.urls, {});
    await using late = receive({ relay: third.url, code, out: outs[2]! });
    await late.when("waiting");
    way.release();
    expect(await late.outcome).toEqual(DONE);
    expect(await sender.outcome).toEqual(DONE);
    for (const out of outs) expect(bytesOf(join(out, file.name))).toEqual(file.bytes);
  });
});
