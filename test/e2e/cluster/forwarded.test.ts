/** Senders that come to one relay of a cluster, while another one stores their share: the first carries them there. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { join } from "node:path";
import * as v from "valibot";

import { storeEvent } from "../../../cli/job/command-events.ts";
import { clientEvent, type ClientEvent } from "../../../cli/job/event-schema.ts";
import { EXIT, RECORD_SIZE } from "../../../protocol/mod.ts";
import { parseCode } from "../../../protocol/code/code.ts";
import { DEFAULT_POLICY } from "../../../relay/mod.ts";
import { newCode, receive, send, type Running } from "../../support/clients/clients.ts";
import { fileshare } from "../../support/clients/command.ts";
import { stateOfEachTest } from "../../support/clients/own-state.ts";
import { jsonLines, run as runProgram, type Ran } from "../../support/clients/program.ts";
import { bytesOf, temporaryFolder } from "../../support/disk.ts";
import { makeFile, type MadeFile } from "../../support/files.ts";
import { lacksNats } from "../../support/net/nats.ts";
import { Proxy } from "../../support/net/proxy.ts";
import { policyOf } from "../../support/relay/limited.ts";
import { ClusterRelays, outFolder } from "../../support/relay/whole-cluster.ts";

const MiB = 1024 ** 2;
const DONE = { fault: undefined, exitCode: EXIT.done };
const STORE = { life: 3600 };
/** The upload is under way when something happens. bytes per second */
const SLOW = 2 * MiB;

const folder = temporaryFolder();
afterAll(() => folder[Symbol.dispose]());

describe.skipIf(lacksNats)("a share that relay 1 of three stores", () => {
  const state = stateOfEachTest();
  let cluster: ClusterRelays;
  /** The one address that clients know, as that of a balancer. */
  let front: Proxy;
  let behind = 1;

  /** Clients come to that relay from now on, and those that are there are cut off. */
  function leadTo(number: number): void {
    behind = number;
    for (const { cut } of front.lines) cut();
  }

  /** Numbers of records that the other relays carried to relay 1, from here on. */
  function carried(): { readonly now: number[] } {
    const { up } = cluster.at(1).proxy;
    const before = up.length;
    return {
      get now() {
        return cluster.at(1).proxy.up.slice(before);
      },
    };
  }

  beforeAll(async () => {
    const storeOf = (number: number) =>
      ({ kind: "disk", folder: join(folder.path, `store-${number}`) }) as const;
    cluster = await ClusterRelays.open({
      workers: [1, 2, 1],
      each: (number) => ({ store: storeOf(number) }),
    });
    front = await Proxy.start({
      get port() {
        return cluster.at(behind).relay.port;
      },
    });
  });
  beforeEach(() => leadTo(1));
  afterAll(async () => {
    await front?.[Symbol.asyncDispose]();
    await cluster?.[Symbol.asyncDispose]();
  });

  function env(): Record<string, string> {
    return { XDG_STATE_HOME: state.path, NO_COLOR: "1" };
  }

  function run(args: readonly string[]): Promise<Ran> {
    return runProgram([...args, "--relay", front.url], { env: env(), cwd: folder.path });
  }

  /** `fileshare send --json`. */
  async function sent(...args: readonly string[]): Promise<ClientEvent[]> {
    const { out, exitCode, err } = await run(["send", ...args, "--store", "--json"]);
    expect({ exitCode, err }).toEqual({ exitCode: EXIT.done, err: "" });
    return jsonLines(out).map((line) => v.parse(clientEvent, line));
  }

  async function stateIn(list: Promise<Ran>) {
    return jsonLines((await list).out).map((line) => v.parse(storeEvent, line));
  }

  function find<Name extends ClientEvent["event"]>(events: readonly ClientEvent[], name: Name) {
    return events.find(
      (event): event is Extract<ClientEvent, { event: Name }> => event.event === name,
    );
  }

  /** A receiver at that relay gets all of it. */
  async function arrives(number: number, code: string, file: MadeFile): Promise<void> {
    const out = outFolder(folder.path);
    await using receiver = receive({ relay: cluster.at(number).url, code: parseCode(code), out });
    expect(await receiver.outcome).toEqual(DONE);
    expect(bytesOf(join(out, file.name))).toEqual(file.bytes);
  }

  async function whileStoring(sender: Running, least: number): Promise<number> {
    const { bytes } = await sender.when("storing", (event) => event.bytes >= least);
    return bytes;
  }

  test("goes on by relay 2 when its sender can't reach relay 1 any more, and no stored record is sent again", async () => {
    const file = makeFile(folder.path, "moved.bin", 8 * MiB);
    const code = newCode();
    await using sender = send({
      relay: front.url,
      code,
      path: file.path,
      store: STORE,
      limit: SLOW,
    });
    const stored = await whileStoring(sender, 2 * MiB);
    const { now } = carried();
    expect(now).toEqual([]);
    const crossed = carried();
    leadTo(2);
    expect(await sender.outcome).toEqual(DONE);
    expect(sender.all("error")).toEqual([]);
    const { records } = await sender.when("source");
    const first = Math.floor(stored / RECORD_SIZE);
    expect(crossed.now.length).toBeLessThanOrEqual(records - first);
    expect(crossed.now.length).toBeGreaterThan(0);
    expect(Math.min(...crossed.now)).toBeGreaterThanOrEqual(first);
    await arrives(3, code, file);
  });

  test("goes on by relay 2 in another run after its sender was killed, and by relay 3 after that", async () => {
    const file = makeFile(folder.path, "killed.bin", 9 * MiB);
    const words = ["send", file.path, "--store", "--relay", front.url];
    const crossed = carried();
    let stored = 0;
    for (const [number, least] of [
      [1, 2 * MiB],
      [2, 5 * MiB],
    ] as const) {
      leadTo(number);
      await using sender = fileshare([...words, "--limit", "4MiB"], env());
      const far = await sender.events((event) => {
        return event.event === "storing" && event.bytes >= least;
      });
      if (far?.event === "storing") stored = far.bytes;
      sender.kill("SIGKILL");
      await sender.exited;
    }
    leadTo(3);
    const events = await sent(file.path);
    expect(find(events, "resumed")!.bytes).toBeGreaterThanOrEqual(stored);
    expect(find(events, "stored")?.again).toBeUndefined();
    expect(crossed.now).not.toContain(0);
    // A record that was on its way when its sender was killed may cross twice.
    const { records } = find(events, "source")!;
    expect(new Set(crossed.now).size).toBeLessThan(records);
    const code = find(events, "code")!.code;
    for (const number of [1, 2, 3]) await arrives(number, code, file);
  });

  test("and whose files are sent again by relay 2 crosses to it not at all", async () => {
    const file = makeFile(folder.path, "again.bin", 3 * MiB);
    const code = find(await sent(file.path), "code")?.code;
    const crossed = carried();
    for (const number of [2, 3, 1]) {
      leadTo(number);
      const events = await sent(file.path);
      expect(find(events, "code")?.code).toBe(code);
      expect(find(events, "stored")?.again).toBe(true);
    }
    expect(crossed.now).toEqual([]);
  });

  test("is listed with its receivers and deleted by relays 2 and 3", async () => {
    const file = makeFile(folder.path, "listed.bin", 100_000);
    const code = find(await sent(file.path, "--downloads", "3"), "code")!.code;
    await arrives(3, code, file);
    const text = find(await sent("--text", "see you at eight"), "code")!.code;
    for (const number of [2, 3]) {
      leadTo(number);
      expect(await stateIn(run(["stored", "--json"]))).toMatchObject([
        { code: text, state: "stored", receivers: 0 },
        { code, state: "stored", receivers: 1, doubtful: 0 },
      ]);
    }
    leadTo(2);
    expect(await run(["revoke", code])).toMatchObject({ exitCode: EXIT.done, err: "" });
    leadTo(3);
    expect(await run(["revoke", text])).toMatchObject({ exitCode: EXIT.done, err: "" });
    for (const number of [1, 2, 3]) {
      leadTo(number);
      expect(await stateIn(run(["stored", "--json"]))).toEqual([]);
    }
  });

  test("is asked about at relay 2 beside shares of relays 2 and 3", async () => {
    const codes: string[] = [];
    for (let number = 1; number <= 3; number++) {
      leadTo(number);
      codes.push(find(await sent("--text", `text ${number}`), "code")!.code);
    }
    leadTo(2);
    const all = await stateIn(run(["stored", "--json"]));
    expect(all.map((one) => ("state" in one ? one.state : one.event))).toEqual(
      codes.map(() => "stored"),
    );
    for (const code of codes) expect((await run(["revoke", code])).exitCode).toBe(EXIT.done);
  });

  test("and that is piped into its sender goes on by relay 2", async () => {
    const file = makeFile(folder.path, "piped.bin", 6 * MiB);
    const words = ["send", "-", "--name", file.name, "--store", "--relay", front.url];
    const events: ClientEvent[] = [];
    await using sender = fileshare(
      [...words, "--limit", "3MiB"],
      env(),
      (event) => void events.push(event),
      new Uint8Array(file.bytes),
    );
    await sender.events((event) => event.event === "storing" && event.bytes >= MiB);
    const crossed = carried();
    leadTo(2);
    await sender.events();
    expect(await sender.exited).toBe(EXIT.done);
    expect(crossed.now.length).toBeGreaterThan(0);
    expect(crossed.now).not.toContain(0);
    await arrives(3, find(events, "code")!.code, file);
  });

  test("comes whole from a far sender with several connections, of which some break at relay 2", async () => {
    const file = makeFile(folder.path, "far.bin", 24 * MiB);
    const code = newCode();
    const job = { relay: front.url, code, path: file.path, store: STORE, connections: 4 };
    await using sender = send({ ...job, limit: 4 * SLOW });
    await whileStoring(sender, MiB);
    leadTo(2);
    const crossed = carried();
    await sender.when("relay", ({ online }) => !online);
    const since = front.lines.length;
    const held = front.holdAfter(6, "up");
    await held;
    // The main line is the oldest.
    const [, ...further] = front.lines.slice(since);
    for (const line of further) line.cut();
    front.release();
    expect(await sender.outcome).toEqual(DONE);
    expect(sender.all("relay").filter(({ online }) => !online)).toHaveLength(1);
    expect(crossed.now.length).toBeGreaterThan(0);
    await arrives(3, code, file);
  });

  test("goes to receivers at all relays while it comes by relay 2, and its sender sees them", async () => {
    const file = makeFile(folder.path, "watched.bin", 12 * MiB);
    const code = newCode();
    const names = ["one", "two", "three"];
    const outs = names.map(() => outFolder(folder.path));
    const receivers = names.map((name, at) =>
      receive({ relay: cluster.at(at + 1).url, code, out: outs[at]!, name }),
    );
    for (const each of receivers) await each.when("waiting");
    const job = { relay: front.url, code, path: file.path, store: STORE };
    await using sender = send({ ...job, limit: SLOW });
    for (const name of names) await sender.when("receiver", (event) => event.name === name);
    await whileStoring(sender, MiB);
    leadTo(2);
    for (const each of receivers) expect(await each.outcome).toEqual(DONE);
    for (const out of outs) expect(bytesOf(join(out, file.name))).toEqual(file.bytes);
    expect(await sender.outcome).toEqual(DONE);
    // Its records come by relay 2 by then.
    const back = sender.seen.findLastIndex((event) => event.event === "relay" && event.online);
    const seen = sender.seen.slice(back).flatMap((event) => {
      return event.event === "receiver" ? event.name : [];
    });
    expect([...new Set(seen)].toSorted()).toEqual(names.toSorted());
  });

  test("is refused at relay 2 in the words of relay 1", async () => {
    const file = makeFile(folder.path, "refused.bin", 6 * MiB);
    const words = ["send", file.path, "--store", "--relay", front.url];
    await using first = fileshare([...words, "--limit", "4MiB"], env());
    await first.events((event) => event.event === "storing");
    first.kill("SIGKILL");
    await first.exited;
    try {
      cluster.at(1).relay.setPolicy(policyOf({ "share-bytes": MiB }));
      const refusals: Ran[] = [];
      for (const number of [1, 2]) {
        leadTo(number);
        refusals.push(await run(["send", file.path, "--store"]));
      }
      const [direct, byOther] = refusals;
      expect(direct!.exitCode).toBe(EXIT.failed);
      expect(direct!.err).toContain("1048576 bytes at most");
      expect([byOther!.exitCode, byOther!.err]).toEqual([direct!.exitCode, direct!.err]);
    } finally {
      cluster.at(1).relay.setPolicy(DEFAULT_POLICY);
    }
  });

  test("ends when its sender at relay 2 is interrupted, as at relay 1", async () => {
    const file = makeFile(folder.path, "stopped.bin", 12 * MiB);
    const code = newCode();
    const job = { relay: front.url, code, path: file.path, store: STORE };
    const sender = send({ ...job, limit: SLOW });
    await whileStoring(sender, MiB);
    leadTo(2);
    await sender.when("relay", ({ online }) => !online);
    await sender.when("relay", ({ online }) => online && sender.all("relay").length > 2);
    const out = outFolder(folder.path);
    await using receiver = receive({ relay: cluster.at(3).url, code, out });
    await receiver.when("progress", ({ bytes }) => bytes > 0);
    sender.interrupt();
    expect(await sender.outcome).toMatchObject({ fault: "interrupted" });
    expect(await receiver.outcome).toMatchObject({ fault: "sender-stopped" });
  });
});
