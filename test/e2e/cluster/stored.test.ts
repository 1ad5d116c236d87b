/** Shares that one relay of a cluster stores: receivers get them at every relay, and hear the same there. */
import { afterAll, afterEach, beforeAll, describe, expect, setSystemTime, test } from "bun:test";
import { decrypt } from "http_ece";
import { join } from "node:path";

import {
  EXIT,
  MANIFEST_LENGTH_BYTES,
  decodeHead,
  manifestLength,
  type Code,
  type StoreWish,
} from "../../../protocol/mod.ts";
import { UNLOAD_MS } from "../../../relay/store/askers.ts";
import { newCode, receive, send, type Running } from "../../support/clients/clients.ts";
import { fileshare } from "../../support/clients/command.ts";
import { keysOf } from "../../support/clients/known-codes.ts";
import { stateOfEachTest } from "../../support/clients/own-state.ts";
import { run } from "../../support/clients/program.ts";
import { bytesOf, temporaryFolder } from "../../support/disk.ts";
import { content, makeFile } from "../../support/files.ts";
import { lacksNats } from "../../support/net/nats.ts";
import {
  ClusterCommands,
  ClusterRelays,
  outFolder,
  storesIn,
  type Member,
} from "../../support/relay/whole-cluster.ts";
import { Proxy } from "../../support/net/proxy.ts";
import { until } from "../../support/until.ts";

const MiB = 1024 ** 2;
const DONE = { fault: undefined, exitCode: EXIT.done };
const WEEK_S = 7 * 24 * 60 * 60;
const SECOND_MS = 1000;
const RELAYS = [1, 2, 3];

const folder = temporaryFolder();
afterAll(() => folder[Symbol.dispose]());
const state = stateOfEachTest();
const newOut = (): string => outFolder(folder.path);

function countOf({ reports }: Member, name: string): number {
  return reports.filter(({ event }) => event === name).length;
}

describe.skipIf(lacksNats)("A share that relay 1 stores", () => {
  let cluster: ClusterRelays;
  beforeAll(async () => {
    cluster = await ClusterRelays.open({ workers: [2, 1, 2], each: storesIn(folder.path) });
  });
  afterAll(() => cluster?.[Symbol.asyncDispose]());
  afterEach(() => void setSystemTime());

  const place = (number: number) => ({ relay: cluster.at(number).url });

  /** Its sender has ended. */
  async function stored(path: string, wish: Partial<StoreWish> = {}) {
    const code = newCode();
    const store = { life: WEEK_S, ...wish };
    await using sender = send({ ...place(1), code, path, store });
    const { path: http = "" } = await sender.when("code");
    expect(await sender.outcome).toEqual(DONE);
    return { code, http };
  }

  function receiveAt(number: number, code: Code, out = newOut()): Running & { out: string } {
    return Object.assign(receive({ ...place(number), code, out }), { out });
  }

  async function expectAt(number: number, code: Code, name: string, bytes: Uint8Array) {
    await using receiver = receiveAt(number, code);
    expect(await receiver.outcome).toEqual(DONE);
    expect(bytesOf(join(receiver.out, name))).toEqual(bytes);
    return receiver;
  }

  /** The fault of a receiver that comes. */
  async function faultAt(number: number, code: Code): Promise<string | undefined> {
    await using receiver = receiveAt(number, code);
    return (await receiver.outcome).fault;
  }

  test("comes whole at every relay with its sender gone, and its receivers count", async () => {
    const file = makeFile(folder.path, "gone.bin", 3 * MiB + 5);
    const { code } = await stored(file.path);
    const offers = [];
    for (const number of RELAYS) {
      const receiver = await expectAt(number, code, file.name, file.bytes);
      offers.push(receiver.all("offer")[0]?.stored);
    }
    expect(offers[0]?.until).toMatch(/^20/);
    expect(offers).toEqual([offers[0], offers[0], offers[0]]);
  });

  test("of a stream that can't be read again comes whole, also to a late receiver", async () => {
    const bytes = content(5, 3 * MiB + 7);
    const code = newCode();
    const env = { FILESHARE_CODE: code, FILESHARE_RELAY: cluster.at(1).url };
    const words = ["send", "-", "--name", "log", "--store"];
    await using sender = fileshare(words, env, undefined, bytes);
    await sender.events();
    expect(await sender.exited).toBe(EXIT.done);
    for (const number of [2, 2, 3]) await expectAt(number, code, "log", bytes);
  });

  test("comes after relay 1 unloaded it, and after relay 1 was started again", async () => {
    const file = makeFile(folder.path, "unloaded.bin", 2 * MiB);
    const { code } = await stored(file.path);
    const ended = (): number => countOf(cluster.at(1), "share-ended");
    const before = ended();
    await until(() => {
      // A clock that is set stands still: a client that leaves after it was set would stay for ever.
      setSystemTime(Date.now() + UNLOAD_MS + SECOND_MS);
      return ended() > before;
    });
    await expectAt(2, code, file.name, file.bytes);
    await cluster.restart(1);
    await expectAt(3, code, file.name, file.bytes);
    await expectAt(2, code, file.name, file.bytes);
  });

  test("is read by curl at another relay, whole and in parts", async () => {
    const file = makeFile(folder.path, "curl.bin", 2 * MiB + 9);
    const { code, http } = await stored(file.path);
    const url = `${new URL(cluster.at(2).http).origin}${http}`;
    const body = Buffer.from(await (await fetch(url)).arrayBuffer());
    const key = Buffer.from(keysOf(code).content);
    const plain = decrypt(body, { version: "aes128gcm", key });
    const head = MANIFEST_LENGTH_BYTES + manifestLength(plain);
    expect(decodeHead(plain.subarray(0, head)).files).toMatchObject([{ size: file.bytes.length }]);
    expect(plain.subarray(head, head + file.bytes.length).equals(file.bytes)).toBe(true);
    const part = await fetch(url, { headers: { range: "bytes=1048000-1050000" } });
    expect(part.status).toBe(206);
    expect(Buffer.from(await part.arrayBuffer()).equals(body.subarray(1_048_000, 1_050_001))).toBe(
      true,
    );
    const length = await fetch(url, { method: "HEAD" });
    expect(length.headers.get("content-length")).toBe(`${body.length}`);
  });

  test("counts its downloads at all relays, and ends with the last one for all of them", async () => {
    const file = makeFile(folder.path, "counted.bin", MiB);
    const { code, http } = await stored(file.path, { downloads: 2 });
    const first = await expectAt(2, code, file.name, file.bytes);
    expect(first.all("offer")[0]?.stored?.downloads).toBe(2);
    const second = await expectAt(3, code, file.name, file.bytes);
    expect(second.all("offer")[0]?.stored?.downloads).toBe(1);
    for (const number of RELAYS)
      expect([number, await faultAt(number, code)]).toEqual([number, "exhausted"]);
    // By a path too, and at once.
    const urls = RELAYS.map((number) => `${new URL(cluster.at(number).http).origin}${http}`);
    const answers = await Promise.all(urls.map((url) => fetch(url)));
    expect(answers.map(({ status }) => status)).toEqual([404, 404, 404]);
  });

  test("lets receivers that had begun at another relay finish, and no others", async () => {
    const file = makeFile(folder.path, "begun.bin", 6 * MiB);
    const { code } = await stored(file.path, { downloads: 1 });
    const out = newOut();
    await using slow = receive({ ...place(2), code, out, limit: MiB });
    await slow.when("progress", ({ bytes }) => bytes > 0);
    await expectAt(3, code, file.name, file.bytes);
    for (const number of RELAYS)
      expect([number, await faultAt(number, code)]).toEqual([number, "exhausted"]);
    expect(slow.all("saved")).toEqual([]);
    expect(await slow.outcome).toEqual(DONE);
    expect(bytesOf(join(out, file.name))).toEqual(file.bytes);
  });

  test("that expired says so at every relay", async () => {
    const file = makeFile(folder.path, "expired.bin", 1000);
    const { code } = await stored(file.path);
    await expectAt(2, code, file.name, file.bytes);
    const ended = (): number => countOf(cluster.at(1), "stored-share-over");
    const before = ended();
    setSystemTime(Date.now() + (WEEK_S + 60) * SECOND_MS);
    await until(() => ended() > before);
    for (const number of RELAYS) {
      expect([number, await faultAt(number, code)]).toEqual([number, "stored-expired"]);
    }
    await cluster.restart(1);
    expect(await faultAt(2, code)).toBe("stored-expired");
  });

  test("that its sender revokes says so at every relay, in the middle of a transfer too", async () => {
    const file = makeFile(folder.path, "revoked.bin", 6 * MiB);
    const env = { XDG_STATE_HOME: state.path, NO_COLOR: "1" };
    const words = ["send", file.path, "--store", "--relay", cluster.at(1).url];
    const sent = await run(words, { env, cwd: folder.path });
    const code = /^Code: (.+)$/m.exec(sent.out)?.[1] ?? "";
    const running = RELAYS.map((number) =>
      receive({ ...place(number), code: code as Code, out: newOut(), limit: MiB }),
    );
    await Promise.all(running.map((one) => one.when("progress", ({ bytes }) => bytes > 0)));
    const revoked = await run(["revoke", code], { env, cwd: folder.path });
    expect(revoked).toMatchObject({ exitCode: EXIT.done, err: "" });
    for (const one of running) expect((await one.outcome).fault).toBe("revoked");
    for (const number of RELAYS) expect(await faultAt(number, code as Code)).toBe("revoked");
  });

  test("in part waits for its sender at every relay, and then comes whole", async () => {
    const file = makeFile(folder.path, "part.bin", 6 * MiB);
    const code = newCode();
    const job = { code, path: file.path, store: { life: WEEK_S } };
    {
      await using first = send({ ...place(1), ...job, limit: 2 * MiB });
      await first.when("storing");
    }
    const receivers = RELAYS.map((number) => receiveAt(number, code));
    await Promise.all(receivers.map((one) => one.when("waiting")));
    await using sender = send({ ...place(1), ...job });
    expect(await sender.outcome).toEqual(DONE);
    for (const one of receivers) {
      expect(await one.outcome).toEqual(DONE);
      expect(bytesOf(join(one.out, file.name))).toEqual(file.bytes);
    }
  });
});

test.skipIf(lacksNats)(
  "a relay that stores a share is killed: receivers at another relay wait, and go on when it is back",
  async () => {
    await using cluster = await ClusterCommands.open(2, ["--workers", "1"], 1, (number) => [
      "--store",
      join(folder.path, `killed-${number}`),
    ]);
    const file = makeFile(folder.path, "killed.bin", 32 * MiB);
    const code = newCode();
    const { url } = cluster.at(1);
    await using sender = send({ relay: url, code, path: file.path, store: { life: WEEK_S } });
    expect(await sender.outcome).toEqual(DONE);
    const outs = [newOut(), newOut()];
    const receivers = outs.map((out) =>
      receive({ relay: cluster.at(2).url, code, out, limit: 8 * MiB }),
    );
    await Promise.all(receivers.map((one) => one.when("progress", ({ bytes }) => bytes >= MiB)));
    cluster.at(1).kill("SIGKILL");
    await Promise.all(receivers.map((one) => one.when("sender", ({ here }) => !here)));
    await cluster.restart(1);
    for (const [at, out] of outs.entries()) {
      expect(await receivers[at]?.outcome).toEqual(DONE);
      expect(bytesOf(join(out, file.name))).toEqual(file.bytes);
    }
  },
);

test.skipIf(lacksNats)(
  "a relay that comes back leaves its share to the one that stored it meanwhile, and serves it when that one is gone",
  async () => {
    const stores = outFolder(folder.path);
    await using cluster = await ClusterRelays.open({ each: storesIn(stores) });
    let behind = 1;
    await using front = await Proxy.start({
      get port() {
        return cluster.at(behind).relay.port;
      },
    });
    const file = makeFile(folder.path, "twice.bin", 2 * MiB);
    const env = { XDG_STATE_HOME: state.path, NO_COLOR: "1" };
    const words = ["send", file.path, "--store", "--relay", front.url];
    const sent = async (): Promise<Code> => {
      const { out } = await run(words, { env, cwd: folder.path });
      return /^Code: (.+)$/m.exec(out)?.[1] as Code;
    };
    const arrives = async (number: number, code: Code): Promise<void> => {
      const out = newOut();
      await using receiver = receive({ relay: cluster.at(number).url, code, out });
      expect(await receiver.outcome).toEqual(DONE);
      expect(bytesOf(join(out, file.name))).toEqual(file.bytes);
    };
    const code = await sent();
    await cluster.at(1)[Symbol.asyncDispose]();
    behind = 2;
    // It may take a while until relay 2 knows that relay 1 is gone; the sender tries again by itself.
    expect(await sent()).toBe(code);
    await cluster.restart(1);
    expect(countOf(cluster.at(2), "share-stored")).toBe(1);
    const crossed = cluster.at(2).proxy.down.length;
    // Before relay 1 knows the directory it has the share from its own disk.
    await until(async () => {
      await arrives(1, code);
      return cluster.at(2).proxy.down.length > crossed;
    });
    await cluster.at(2)[Symbol.asyncDispose]();
    await arrives(1, code);
  },
  90_000,
);
