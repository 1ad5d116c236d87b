/** Relays of a cluster that are killed, stopped or drained in the middle of a transfer, as processes. */
import { afterAll, describe, expect, test } from "bun:test";
import { join } from "node:path";

import { EXIT } from "../../../protocol/mod.ts";
import { newCode, receive, send, type Running } from "../../support/clients/clients.ts";
import { bytesOf, temporaryFolder } from "../../support/disk.ts";
import { makeFile, type MadeFile } from "../../support/files.ts";
import { lacksNats } from "../../support/net/nats.ts";
import { Proxy } from "../../support/net/proxy.ts";
import { ClusterCommands, ClusterRelays, outFolder } from "../../support/relay/whole-cluster.ts";

const MiB = 1024 ** 2;
const DONE = { fault: undefined, exitCode: EXIT.done };
/** The transfer is under way when something happens, on a fast machine too. bytes per second */
const SLOW = 4 * MiB;

const folder = temporaryFolder();
afterAll(() => folder[Symbol.dispose]());

type Way = ReturnType<ClusterCommands["from"]>;

/** A sender at relay 1 and receivers at those relays; all know all relays. */
class Transfer implements AsyncDisposable {
  readonly file: MadeFile;
  readonly sender: Running;
  readonly receivers: readonly Running[];
  readonly #outs: readonly string[];

  constructor(
    cluster: Pick<ClusterCommands, "from">,
    places: readonly number[],
    { bytes = 12 * MiB, way = cluster.from(1) }: { bytes?: number; way?: Way } = {},
  ) {
    this.file = makeFile(folder.path, `${crypto.randomUUID()}.bin`, bytes);
    const code = newCode();
    const startWhen = { receivers: places.length, minWaitMs: 0, maxWaitMs: undefined };
    const job = { code, path: this.file.path, receivers: places.length, startWhen, limit: SLOW };
    this.sender = send({ ...way, ...job });
    this.#outs = places.map(() => outFolder(folder.path));
    this.receivers = places.map((number, at) =>
      receive({ ...cluster.from(number), code, out: this.#outs[at]! }),
    );
  }

  /** All receivers have so many bytes, and none has all. */
  async have(least: number): Promise<void> {
    await Promise.all(
      this.receivers.map((one) => one.when("progress", ({ bytes }) => bytes >= least)),
    );
    expect(this.receivers.flatMap((one) => one.all("saved"))).toEqual([]);
  }

  async ends(): Promise<void> {
    for (const client of [...this.receivers, this.sender]) {
      expect(await client.outcome).toEqual(DONE);
      expect(client.all("error")).toEqual([]);
    }
    for (const out of this.#outs) {
      expect(bytesOf(join(out, this.file.name))).toEqual(this.file.bytes);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(
      [this.sender, ...this.receivers].map((client) => client[Symbol.asyncDispose]()),
    );
  }
}

/** The relays to whose lines a client came, in their order. */
function cameTo(client: Running, { relays }: ClusterCommands): number[] {
  return onlineAt(client).map((url) => relays.findIndex((relay) => relay.url === url) + 1);
}

function onlineAt(client: Running): string[] {
  return client.all("relay").flatMap(({ online, url }) => (online ? [url] : []));
}

test.skipIf(lacksNats)(
  "an edge that is killed in the middle, and then the owner, send their clients to the others",
  async () => {
    await using cluster = await ClusterCommands.open(3);
    await using transfer = new Transfer(cluster, [1, 2, 3]);
    await transfer.have(MiB);
    cluster.at(2).kill("SIGKILL");
    await transfer.have(6 * MiB);
    expect(cameTo(transfer.sender, cluster)).toEqual([1]);
    cluster.at(1).kill("SIGKILL");
    await transfer.ends();
    expect(cameTo(transfer.sender, cluster)).toEqual([1, 3]);
    expect(transfer.receivers.map((one) => cameTo(one, cluster))).toEqual([[1, 3], [2, 3], [3]]);
  },
);

describe.skipIf(lacksNats)("a sender that moves to another relay", () => {
  test("takes its share along, and receivers at both relays go on where they are", async () => {
    await using cluster = await ClusterCommands.open(2);
    await using proxy = await Proxy.start({ port: cluster.at(1).port });
    const { url } = proxy;
    const way = { relay: url, further: [cluster.at(2).url] };
    await using transfer = new Transfer(cluster, [1, 2, 2], { way });
    await transfer.have(MiB);
    await proxy[Symbol.asyncDispose]();
    await transfer.ends();
    expect(onlineAt(transfer.sender)).toEqual([url, cluster.at(2).url]);
    expect(transfer.receivers.map((one) => cameTo(one, cluster))).toEqual([[1], [2], [2]]);
  });
});

describe.skipIf(lacksNats)("a relay of a cluster that is told to end", () => {
  test("sends its clients to the others, which hear of no error", async () => {
    await using cluster = await ClusterCommands.open(2, ["--drain", "0.5"]);
    await using transfer = new Transfer(cluster, [1, 2, 2]);
    await using idle = receive({
      ...cluster.from(1),
      code: newCode(),
      out: outFolder(folder.path),
    });
    await idle.when("waiting");
    await transfer.have(MiB);
    cluster.at(1).kill("SIGTERM");
    await idle.when("relay", ({ online, url }) => online && url === cluster.at(2).url);
    expect(await cluster.at(1).exited).toBe(EXIT.done);
    await transfer.ends();
    expect(cameTo(transfer.sender, cluster)).toEqual([1, 2]);
    expect(transfer.receivers.map((one) => cameTo(one, cluster))).toEqual([[1, 2], [2], [2]]);
    for (const client of [idle, transfer.sender, ...transfer.receivers]) {
      const codes = client.all("relay").flatMap(({ code }) => code ?? []);
      expect(codes.filter((code) => code !== "going-away")).toEqual([]);
    }
  });
});

describe.skipIf(lacksNats)("NATS that is gone", () => {
  test("ends no transfer that is under way, and lets senders that come wait for it", async () => {
    await using cluster = await ClusterRelays.open();
    await using transfer = new Transfer(cluster, [1, 2], { bytes: 8 * MiB });
    await transfer.have(MiB);
    const [nats] = cluster.nats.servers;
    await nats?.kill();
    await transfer.ends();
    await using later = new Transfer(cluster, [1, 2], { bytes: 2 * MiB });
    for (const one of later.receivers) await one.when("waiting");
    await nats?.start();
    await later.ends();
  });

  test("as one of three servers holds up nobody", async () => {
    await using cluster = await ClusterRelays.open({ servers: 3 });
    await using transfer = new Transfer(cluster, [1, 2], { bytes: 8 * MiB });
    await transfer.have(MiB);
    await cluster.nats.servers[0]?.kill();
    await transfer.ends();
    await using later = new Transfer(cluster, [2, 1], { bytes: 2 * MiB });
    await later.ends();
  });
});
