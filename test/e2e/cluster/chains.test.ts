/** Relays of one cluster at several sites: a share crosses into a region once, and into each site once. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";

import { EXIT } from "../../../protocol/mod.ts";
import { newCode, receive, send } from "../../support/clients/clients.ts";
import { bytesOf, temporaryFolder } from "../../support/disk.ts";
import { makeFile } from "../../support/files.ts";
import { RelayCommand } from "../../support/clients/relay-command.ts";
import { lacksNats, startNats } from "../../support/net/nats.ts";
import { ownPort } from "../../support/net/own-port.ts";
import { Proxy } from "../../support/net/proxy.ts";
import { ClusterRelays, eachOnce, outFolder, sorted } from "../../support/relay/whole-cluster.ts";

const MiB = 1024 ** 2;
const DONE = { fault: undefined, exitCode: EXIT.done };
const folder = temporaryFolder();
afterAll(() => folder[Symbol.dispose]());
const newOut = (): string => outFolder(folder.path);

describe.skipIf(lacksNats)("a cluster with relays in two regions", () => {
  const SITES = ["us", "eu/a", "eu/a", "eu/b"];
  const EUROPE = [2, 3, 4];
  let cluster: ClusterRelays;
  beforeAll(async () => {
    const each = (number: number) => ({ site: SITES[number - 1] });
    cluster = await ClusterRelays.open({ workers: [1, 2, 1, 2], each });
  });
  afterAll(() => cluster?.[Symbol.asyncDispose]());

  test("a share crosses into a region once, and into each of its sites once", async () => {
    const file = makeFile(folder.path, "once.bin", 3 * MiB + 7);
    // Each channel has a gateway of its own.
    for (let at = 0; at < 5; at++) {
      const code = newCode();
      const before = cluster.members.map(({ proxy }) => proxy.down.length);
      const names = EUROPE.map((number) => `at ${number}`);
      await using sender = send({ relay: cluster.at(1).url, code, path: file.path, receivers: 3 });
      const { records } = await sender.when("source");
      const outs = EUROPE.map(() => newOut());
      const running = EUROPE.map((number, index) =>
        receive({ relay: cluster.at(number).url, code, out: outs[index]!, name: names[index]! }),
      );
      for (const each of running) expect(await each.outcome).toEqual(DONE);
      expect(await sender.outcome).toEqual(DONE);
      for (const out of outs) expect(bytesOf(join(out, file.name))).toEqual(file.bytes);
      const shown = new Set(sender.all("receiver").map(({ name }) => name));
      expect([...shown].toSorted()).toEqual(names);
      const given = cluster.members.map(({ proxy }, index) => proxy.down.slice(before[index]));
      expect(sorted(given[0]!)).toEqual(eachOnce(records));
      // Either relay 4 reads from one at `a`, or one at `a` from relay 4, and the other one at `a` from that.
      const fromB = given[3]!;
      expect([0, records]).toContain(fromB.length);
      expect(sorted(fromB)).toEqual(eachOnce(fromB.length));
      expect(given[1]!.length + given[2]!.length + fromB.length).toBe(2 * records);
    }
  }, 60_000);

  test("a receiver that comes late into a region gets what crossed already", async () => {
    const file = makeFile(folder.path, "late.bin", 3 * MiB + 7);
    const code = newCode();
    const before = cluster.at(1).proxy.down.length;
    await using sender = send({ relay: cluster.at(1).url, code, path: file.path, receivers: 3 });
    const { records } = await sender.when("source");
    for (const number of EUROPE) {
      const out = newOut();
      const receiver = receive({ relay: cluster.at(number).url, code, out });
      expect(await receiver.outcome).toEqual(DONE);
      expect(bytesOf(join(out, file.name))).toEqual(file.bytes);
    }
    expect(await sender.outcome).toEqual(DONE);
    expect(sorted(cluster.at(1).proxy.down.slice(before))).toEqual(eachOnce(records));
  });
});

describe.skipIf(lacksNats)("relays without a site", () => {
  test("read straight from the owner, beside others that have one, and give to any", async () => {
    const sites = [undefined, undefined, "eu/a", "eu/b"];
    const each = (number: number) => ({ site: sites[number - 1] });
    await using cluster = await ClusterRelays.open({ workers: [1, 1, 1, 1], each });
    for (const at of [1, 3]) {
      const file = makeFile(folder.path, `none-${at}.bin`, 2 * MiB + 7);
      const code = newCode();
      const before = cluster.members.map(({ proxy }) => proxy.down.length);
      const others = [1, 2, 3, 4].filter((number) => number !== at);
      await using sender = send({ relay: cluster.at(at).url, code, path: file.path, receivers: 3 });
      const { records } = await sender.when("source");
      const running = others.map((number) =>
        receive({ relay: cluster.at(number).url, code, out: newOut() }),
      );
      for (const one of running) expect(await one.outcome).toEqual(DONE);
      expect(await sender.outcome).toEqual(DONE);
      const given = cluster.members.map(({ proxy }, index) => {
        return (proxy.down.length - before[index]!) / records;
      });
      // The owner without a site gives one copy to Europe; that in Europe gives one to each, as none has a region but Europe.
      expect(given[at - 1]).toBe(at === 1 ? 2 : 3);
      expect(given.reduce((sum, copies) => sum + copies, 0)).toBe(3);
    }
  }, 60_000);
});

/** A process of the relay command, and the proxy through which the others read from it. */
interface Site extends AsyncDisposable {
  readonly relay: RelayCommand;
  readonly proxy: Proxy;
}

async function startSite(nats: string, secret: string, site: string): Promise<Site> {
  await using stack = new AsyncDisposableStack();
  const port = await ownPort();
  const proxy = stack.use(await Proxy.start({ port }));
  const listen = ["--cluster-listen", `127.0.0.1:${port}`];
  const advertise = ["--cluster-advertise", new URL(proxy.url).host, "--cluster-site", site];
  const words = ["--cluster", nats, "--cluster-secret", secret, ...listen, ...advertise];
  const relay = stack.use(await RelayCommand.start(words));
  const open = stack.move();
  return { relay, proxy, [Symbol.asyncDispose]: () => open.disposeAsync() };
}

test.skipIf(lacksNats)(
  "when the gateway of a region is killed the next one takes its place, and receivers go on where they were",
  async () => {
    await using stack = new AsyncDisposableStack();
    const nats = stack.use(await startNats());
    const secret = join(folder.path, "secret");
    writeFileSync(secret, "0123456789abcdef0123456789abcdef", { mode: 0o600 });
    const sites: Site[] = [];
    for (const site of ["us", "eu/a", "eu/b", "eu/c"]) {
      sites.push(stack.use(await startSite(nats.urls[0]!, secret, site)));
    }
    const [owner, ...europe] = sites;
    const file = makeFile(folder.path, "killed.bin", 12 * MiB);
    const code = newCode();
    // Slow enough to be under way when the gateway dies. bytes per second
    const job = { code, path: file.path, receivers: 3, limit: 3 * MiB };
    const startWhen = { receivers: 3, minWaitMs: 0, maxWaitMs: undefined };
    await using sender = send({ relay: owner!.relay.url, ...job, startWhen });
    const { records } = await sender.when("source");
    const outs = europe.map(() => newOut());
    const urls = europe.map(({ relay }) => relay.url);
    const running = europe.map(({ relay }, at) =>
      // Those at the gateway come to another relay.
      receive({ relay: relay.url, further: urls, code, out: outs[at]! }),
    );
    for (const one of running) await one.when("progress", ({ bytes }) => bytes >= 3 * MiB);
    const [gateway] = europe.toSorted((a, b) => b.proxy.down.length - a.proxy.down.length);
    expect(gateway!.proxy.down.length).toBeGreaterThan(0);
    gateway!.relay.kill("SIGKILL");
    await gateway!.proxy[Symbol.asyncDispose]();
    for (const one of running) expect(await one.outcome).toEqual(DONE);
    for (const out of outs) expect(bytesOf(join(out, file.name))).toEqual(file.bytes);
    expect(await sender.outcome).toEqual(DONE);
    // The next gateway has some of them already.
    expect(new Set(owner!.proxy.down)).toEqual(new Set(eachOnce(records)));
    expect(owner!.proxy.down.length).toBeLessThan(1.5 * records);
  },
  120_000,
);
