/** Relays of one cluster at several sites: a share crosses into a region once, and into each site once. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";

import { EXIT } from "../../../protocol/mod.ts";
import { newCode, receive, send, type Running } from "../../support/clients/clients.ts";
import { fileshare } from "../../support/clients/command.ts";
import { bytesOf, temporaryFolder } from "../../support/disk.ts";
import { content, makeFile } from "../../support/files.ts";
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

/** The owner in America and three relays in Europe, of which one is the gateway of the share. */
class Ocean implements AsyncDisposable {
  readonly owner: Site;
  readonly europe: readonly Site[];
  readonly code = newCode();
  readonly #outs: readonly string[];
  readonly #stack: AsyncDisposableStack;

  private constructor(stack: AsyncDisposableStack, owner: Site, europe: readonly Site[]) {
    this.#stack = stack;
    this.owner = owner;
    this.europe = europe;
    this.#outs = europe.map(() => newOut());
  }

  static async open(): Promise<Ocean> {
    await using stack = new AsyncDisposableStack();
    const nats = stack.use(await startNats());
    const secret = join(folder.path, crypto.randomUUID());
    writeFileSync(secret, "0123456789abcdef0123456789abcdef", { mode: 0o600 });
    const start = async (site: string) =>
      stack.use(await startSite(nats.urls[0] ?? "", secret, site));
    const owner = await start("us");
    const europe = [await start("eu/a"), await start("eu/b"), await start("eu/c")];
    return new Ocean(stack.move(), owner, europe);
  }

  /** A receiver at each relay in Europe; all know those relays. */
  receive(): Running[] {
    const further = this.europe.map(({ relay }) => relay.url);
    return this.europe.map(({ relay }, at) =>
      receive({ relay: relay.url, further, code: this.code, out: this.#outs[at]! }),
    );
  }

  /** The relay that gave most records to others. */
  get gateway(): Site {
    const [gateway] = this.europe.toSorted((a, b) => b.proxy.down.length - a.proxy.down.length);
    expect(gateway!.proxy.down.length).toBeGreaterThan(0);
    return gateway!;
  }

  /** All have the file, equal to these bytes. */
  async end(running: readonly Running[], name: string, bytes: Uint8Array): Promise<void> {
    for (const one of running) expect(await one.outcome).toEqual(DONE);
    for (const out of this.#outs) expect(bytesOf(join(out, name))).toEqual(bytes);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack.disposeAsync();
  }
}

describe.skipIf(lacksNats)("when the gateway of a region", () => {
  test.each([
    ["is killed", "SIGKILL"],
    ["drains", "SIGTERM"],
  ] as const)(
    "%s the next one takes its place, and receivers go on where they were",
    async (_, signal) => {
      await using ocean = await Ocean.open();
      const file = makeFile(folder.path, `${signal}.bin`, 12 * MiB);
      const { code, owner } = ocean;
      const startWhen = { receivers: 3, minWaitMs: 0, maxWaitMs: undefined };
      // Slow enough to be under way when the gateway goes. bytes per second
      const job = { code, path: file.path, receivers: 3, limit: 3 * MiB, startWhen };
      await using sender = send({ relay: owner.relay.url, ...job });
      const { records } = await sender.when("source");
      const running = ocean.receive();
      for (const one of running) await one.when("progress", ({ bytes }) => bytes >= 3 * MiB);
      const { gateway } = ocean;
      gateway.relay.kill(signal);
      if (signal === "SIGKILL") await gateway.proxy[Symbol.asyncDispose]();
      await ocean.end(running, file.name, file.bytes);
      expect(await sender.outcome).toEqual(DONE);
      // The next gateway has some of them already.
      expect(new Set(owner.proxy.down)).toEqual(new Set(eachOnce(records)));
      expect(owner.proxy.down.length).toBeLessThan(1.5 * records);
    },
    120_000,
  );

  test("is killed, receivers that are abreast get what is piped into the sender whole", async () => {
    await using ocean = await Ocean.open();
    const bytes = content(3, 12 * MiB + 5);
    const words = ["--receivers", "3", "--wait-for", "3", "--limit", "3M", "--name", "log"];
    const env = { FILESHARE_CODE: ocean.code, FILESHARE_RELAY: ocean.owner.relay.url };
    await using sender = fileshare(["send", "-", ...words], env, undefined, bytes);
    const running = ocean.receive();
    for (const one of running) await one.when("progress", (event) => event.bytes >= 3 * MiB);
    const { gateway } = ocean;
    gateway.relay.kill("SIGKILL");
    await gateway.proxy[Symbol.asyncDispose]();
    await ocean.end(running, "log", bytes);
    expect(await sender.exited).toBe(EXIT.done);
  }, 120_000);
});
