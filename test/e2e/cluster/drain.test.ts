/** A relay of a cluster that drains while others are there: its clients go on at once, and lose nothing. As processes. */
import { afterAll, describe, expect, test } from "bun:test";
import { join } from "node:path";

import { EXIT } from "../../../protocol/mod.ts";
import { newCode, receive, send, type Running } from "../../support/clients/clients.ts";
import { fileshare } from "../../support/clients/command.ts";
import { bytesOf, temporaryFolder } from "../../support/disk.ts";
import { content, makeFile } from "../../support/files.ts";
import { lacksNats } from "../../support/net/nats.ts";
import { ClusterCommands, outFolder } from "../../support/relay/whole-cluster.ts";

const MiB = 1024 ** 2;
const DONE = { fault: undefined, exitCode: EXIT.done };
/** The transfer is under way when the relay is told to end, on a fast machine too. bytes per second */
const SLOW = 4 * MiB;
/** Longer than any test: a relay that waits for it fails the test. */
const FOR_LONG = ["--drain", "3600"];

const folder = temporaryFolder();
afterAll(() => folder[Symbol.dispose]());

type Way = ReturnType<ClusterCommands["from"]>;

/** That address and no other. */
function only({ relay }: Way): Way {
  return { relay, further: [] };
}

/** The relays that a client reached, and why it left them. */
function story(client: Running, { relays }: ClusterCommands): (string | number)[] {
  return client.all("relay").map(({ online, url, code }) => {
    return online ? relays.findIndex((relay) => relay.url === url) + 1 : (code ?? "");
  });
}

async function begun(clients: readonly Running[]): Promise<void> {
  await Promise.all(clients.map((one) => one.when("progress", ({ bytes }) => bytes >= MiB)));
}

/** A download by HTTP that has begun. `size`: how many bytes came in the end */
async function download(url: string): Promise<{ readonly size: Promise<number> }> {
  const { body } = await fetch(url);
  const begun = Promise.withResolvers<void>();
  const read = async (): Promise<number> => {
    let bytes = 0;
    const parts: AsyncIterable<Uint8Array> = body!;
    for await (const part of parts) {
      bytes += part.length;
      begun.resolve();
    }
    return bytes;
  };
  const size = read();
  await begun.promise;
  return { size };
}

describe.skipIf(lacksNats)("a relay that drains beside another one", () => {
  test("sends the sender and its receivers there, and ends long before its time is over", async () => {
    await using cluster = await ClusterCommands.open(2, FOR_LONG);
    const file = makeFile(folder.path, "owner.bin", 12 * MiB);
    const code = newCode();
    const startWhen = { receivers: 3, minWaitMs: 0, maxWaitMs: undefined };
    const job = { code, path: file.path, receivers: 3, startWhen, limit: SLOW };
    await using sender = send({ ...cluster.from(1), ...job });
    const outs = [1, 1, 2].map(() => outFolder(folder.path));
    const receivers = [1, 1, 2].map((number, at) =>
      receive({ ...cluster.from(number), code, out: outs[at]! }),
    );
    await begun(receivers);
    cluster.at(1).kill("SIGTERM");
    expect(await cluster.at(1).exited).toBe(EXIT.done);
    expect(receivers.flatMap((one) => one.all("saved"))).toEqual([]);
    for (const one of [...receivers, sender]) {
      expect(await one.outcome).toEqual(DONE);
      expect(one.all("error")).toEqual([]);
    }
    for (const out of outs) expect(bytesOf(join(out, file.name))).toEqual(file.bytes);
    expect([sender, ...receivers].map((one) => story(one, cluster))).toEqual([
      [1, "going-away", 2],
      [1, "going-away", 2],
      [1, "going-away", 2],
      [2],
    ]);
  });

  test("sends receivers there when the sender is at another relay", async () => {
    await using cluster = await ClusterCommands.open(2, FOR_LONG);
    const file = makeFile(folder.path, "edge.bin", 12 * MiB);
    const code = newCode();
    await using sender = send({ ...cluster.from(1), code, path: file.path, limit: SLOW });
    const out = outFolder(folder.path);
    await using receiver = receive({ ...cluster.from(2), code, out });
    await begun([receiver]);
    cluster.at(2).kill("SIGTERM");
    expect(await cluster.at(2).exited).toBe(EXIT.done);
    expect(receiver.all("saved")).toEqual([]);
    expect(await receiver.outcome).toEqual(DONE);
    expect(await sender.outcome).toEqual(DONE);
    expect(bytesOf(join(out, file.name))).toEqual(file.bytes);
    expect(story(receiver, cluster)).toEqual([2, "going-away", 1]);
    expect(story(sender, cluster)).toEqual([1]);
  });

  test("keeps receivers with its address alone, and curl, until they have all from the next owner", async () => {
    await using cluster = await ClusterCommands.open(2, FOR_LONG);
    const file = makeFile(folder.path, "stays.bin", 12 * MiB);
    const code = newCode();
    const startWhen = { receivers: 2, minWaitMs: 0, maxWaitMs: undefined };
    const job = { code, path: file.path, receivers: 2, startWhen, limit: SLOW };
    await using sender = send({ ...cluster.from(1), ...job });
    const { path } = await sender.when("code");
    const outs = [0, 1].map(() => outFolder(folder.path));
    await using stays = receive({ ...only(cluster.from(1)), code, out: outs[0]! });
    await stays.when("offer");
    const beginning = download(`http://127.0.0.1:${cluster.at(1).port}${path}`);
    await using moves = receive({ ...cluster.from(1), code, out: outs[1]! });
    const { size } = await beginning;
    await begun([stays, moves]);
    cluster.at(1).kill("SIGTERM");
    expect(await stays.outcome).toEqual(DONE);
    expect(await moves.outcome).toEqual(DONE);
    for (const out of outs) expect(bytesOf(join(out, file.name))).toEqual(file.bytes);
    expect(await size).toBeGreaterThan(file.bytes.length);
    await sender.outcome;
    expect(await cluster.at(1).exited).toBe(EXIT.done);
    expect(story(stays, cluster)).toEqual([1]);
    expect(story(moves, cluster)).toEqual([1, "going-away", 2]);
    expect(story(sender, cluster)).toEqual([1, "going-away", 2]);
  });

  test("keeps a sender with its address alone, and all receivers of it, until they are through", async () => {
    await using cluster = await ClusterCommands.open(2, FOR_LONG);
    const file = makeFile(folder.path, "alone.bin", 8 * MiB);
    const code = newCode();
    await using sender = send({
      ...only(cluster.from(1)),
      code,
      path: file.path,
      limit: SLOW,
    });
    const out = outFolder(folder.path);
    await using receiver = receive({ ...cluster.from(1), code, out });
    await begun([receiver]);
    cluster.at(1).kill("SIGTERM");
    for (const one of [receiver, sender]) {
      expect(await one.outcome).toEqual(DONE);
      expect(story(one, cluster)).toEqual([1]);
    }
    expect(await cluster.at(1).exited).toBe(EXIT.done);
  });

  test.each([
    ["the owner", 1],
    ["an edge", 2],
  ])("loses no byte that is piped into a sender: %s", async (_, drains) => {
    await using cluster = await ClusterCommands.open(3, FOR_LONG);
    const bytes = content(3, 24 * MiB + 5);
    const code = newCode();
    const { relay, further } = cluster.from(1);
    const words = ["--receivers", "3", "--wait-for", "3", "--limit", "4M", "--name", "log"];
    const env = { FILESHARE_CODE: code, FILESHARE_RELAY: [relay, ...further].join(",") };
    await using sender = fileshare(["send", "-", ...words], env, undefined, bytes);
    const outs = [1, 2, 3].map(() => outFolder(folder.path));
    // The last one is slower than the sender for as long as the log has room.
    const receivers = [1, 2, 3].map((number, at) =>
      receive({
        ...cluster.from(number),
        code,
        out: outs[at]!,
        limit: number === drains ? 3 * MiB : undefined,
      }),
    );
    await begun(receivers);
    cluster.at(drains).kill("SIGTERM");
    expect(await cluster.at(drains).exited).toBe(EXIT.done);
    expect(receivers.flatMap((one) => one.all("saved"))).toEqual([]);
    await sender.events();
    for (const one of receivers) expect(await one.outcome).toEqual(DONE);
    for (const out of outs) expect(bytesOf(join(out, "log"))).toEqual(bytes);
    expect(await sender.exited).toBe(EXIT.done);
  });

  test("keeps its clients when all relays are told to end", async () => {
    await using cluster = await ClusterCommands.open(2, FOR_LONG);
    const file = makeFile(folder.path, "all.bin", 8 * MiB);
    const code = newCode();
    await using sender = send({ ...cluster.from(1), code, path: file.path, limit: SLOW });
    const out = outFolder(folder.path);
    await using receiver = receive({ ...cluster.from(2), code, out });
    await begun([receiver]);
    for (const relay of cluster.relays) relay.kill("SIGTERM");
    for (const one of [receiver, sender]) expect(await one.outcome).toEqual(DONE);
    expect([story(sender, cluster), story(receiver, cluster)]).toEqual([[1], [2]]);
    for (const relay of cluster.relays) expect(await relay.exited).toBe(EXIT.done);
  });
});
