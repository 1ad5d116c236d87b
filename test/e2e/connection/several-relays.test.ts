/** Clients with a list of relays that know nothing of each other: both sides meet at one of them, and go on there. */
import { afterAll, describe, expect, test } from "bun:test";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { startRelay } from "../../../relay/mod.ts";
import { EXIT } from "../../../protocol/mod.ts";
import { bytesOf, temporaryFolder } from "../../support/disk.ts";
import { newCode, receive, send, type Running } from "../../support/clients/clients.ts";
import { fileshare } from "../../support/clients/command.ts";
import { RelayCommand } from "../../support/clients/relay-command.ts";
import { makeFile } from "../../support/files.ts";
import { ownPort } from "../../support/net/own-port.ts";
import { mountNamespace } from "../../needs.ts";

const MiB = 1024 ** 2;
/** The transfer is under way when its relay ends, on a fast machine too. bytes per second */
const SLOW = 4 * MiB;

const folder = temporaryFolder();
afterAll(() => folder[Symbol.dispose]());

function newFolder(): string {
  const path = join(folder.path, crypto.randomUUID());
  mkdirSync(path);
  return path;
}

async function deadUrl(): Promise<string> {
  return `ws://127.0.0.1:${await ownPort()}/ws`;
}

const onlineAt = (client: Running): string[] =>
  client.all("relay").flatMap(({ online, url }) => (online ? [url] : []));

describe("a relay that is gone at the start", () => {
  test("is passed over by both sides, which meet at the next one", async () => {
    await using relay = await startRelay({ workers: 1 });
    const [gone, there] = [await deadUrl(), `${relay.url}/ws`];
    const file = makeFile(folder.path, "a.bin", 3 * MiB);
    const list = { relay: gone, further: [there], code: newCode() };
    const out = newFolder();
    await using sender = send({ ...list, path: file.path, connectTimeoutMs: 10_000 });
    await using receiver = receive({ ...list, out, connectTimeoutMs: 10_000 });
    expect(await sender.outcome).toEqual({ fault: undefined, exitCode: EXIT.done });
    expect(await receiver.outcome).toEqual({ fault: undefined, exitCode: EXIT.done });
    expect(bytesOf(join(out, "a.bin"))).toEqual(file.bytes);
    for (const client of [sender, receiver]) {
      const [first, second] = client.all("relay");
      expect(first).toMatchObject({ url: gone, online: false, code: "relay-unreachable" });
      expect(second).toMatchObject({ url: there, online: true });
    }
    const [, { link } = {}] = sender.all("relay");
    expect(link).toStartWith(`http://127.0.0.1:${relay.port}/#`);
  });

  test("ends the transfer with the names of all, if none is there", async () => {
    const list = { relay: await deadUrl(), further: [await deadUrl()], code: newCode() };
    const file = makeFile(folder.path, "b.bin", 100);
    const timeout = { connectTimeoutMs: 500 };
    await using sender = send({ ...list, ...timeout, path: file.path });
    await using receiver = receive({ ...list, ...timeout, out: newFolder() });
    for (const client of [sender, receiver]) {
      expect(await client.outcome).toEqual({ fault: "relay-unreachable", exitCode: EXIT.failed });
      const [error] = client.all("error");
      const told = [list.relay, ...list.further].map(
        (url) => `${url.replace("/ws", "")}: nothing listens at that port`,
      );
      const all = `The relay cannot be reached: ${told[0]}; ${told[1]}. Check the address`;
      expect(error?.message.replaceAll("/ws:", ":")).toStartWith(all);
    }
  });
});

describe("a relay that ends during the transfer", () => {
  test.each(["SIGKILL", "SIGTERM"] as const)(
    "after %s sender and receivers go on at the next one, and all copies are equal",
    async (signal) => {
      await using first = await RelayCommand.start(["--drain", "0"]);
      await using second = await RelayCommand.start([]);
      const file = makeFile(folder.path, `${signal}.bin`, 12 * MiB);
      const list = { relay: first.url, further: [second.url], code: newCode() };
      await using sender = send({ ...list, path: file.path, receivers: 3, limit: SLOW });
      const outs = [newFolder(), newFolder(), newFolder()];
      const receivers = outs.map((out) => receive({ ...list, out }, out));
      await using _ = { [Symbol.asyncDispose]: () => endAll(receivers) };
      await Promise.all(receivers.map((one) => one.when("progress", ({ bytes }) => bytes > 0)));
      first.kill(signal);
      for (const client of [sender, ...receivers]) {
        expect(await client.outcome).toEqual({ fault: undefined, exitCode: EXIT.done });
        expect(onlineAt(client)).toEqual([first.url, second.url]);
      }
      for (const out of outs) expect(bytesOf(join(out, `${signal}.bin`))).toEqual(file.bytes);
    },
  );
});

test("a receiver finds a sender that is at a later relay, though the first one is back", async () => {
  const port = await ownPort();
  await using second = await startRelay({ workers: 1 });
  const list = {
    relay: `ws://127.0.0.1:${port}/ws`,
    further: [`${second.url}/ws`],
    code: newCode(),
  };
  const file = makeFile(folder.path, "c.bin", 3 * MiB);
  await using sender = send({ ...list, path: file.path });
  await sender.when("relay", ({ online }) => online);
  await using first = await startRelay({ port, workers: 1 });
  expect(first.port).toBe(port);
  const out = newFolder();
  await using receiver = receive({ ...list, out });
  expect(await receiver.outcome).toEqual({ fault: undefined, exitCode: EXIT.done });
  expect(onlineAt(receiver)).toEqual([list.relay, ...list.further]);
  expect(bytesOf(join(out, "c.bin"))).toEqual(file.bytes);
});

test("a relay that refuses is not passed over, as its word is about the client", async () => {
  const tokens = join(newFolder(), "tokens.json");
  await Bun.write(tokens, JSON.stringify({ tokens: [] }));
  await using first = await RelayCommand.start(["--access", "closed", "--token-file", tokens]);
  await using second = await RelayCommand.start([]);
  const file = makeFile(folder.path, "d.bin", 100);
  await using sender = send({
    relay: first.url,
    further: [second.url],
    code: newCode(),
    path: file.path,
  });
  expect(await sender.outcome).toMatchObject({ fault: "not-allowed" });
});

test("resume goes on at the relay where the share was, with the rest of the list behind it", async () => {
  const port = await ownPort();
  await using second = await startRelay({ workers: 1 });
  const gone = `ws://127.0.0.1:${port}`;
  const list = `${gone},${second.url}`;
  const env = { XDG_STATE_HOME: newFolder() };
  const file = makeFile(folder.path, "e.bin", 3 * MiB);
  await using sender = fileshare(["send", file.path, "--relay", list], env);
  const begun = await sender.events(({ event }) => event === "code");
  await sender.events((event) => event.event === "relay" && event.online);
  sender.kill("SIGKILL");
  await sender.exited;
  await using first = await startRelay({ port, workers: 1 });
  expect(first.port).toBe(port);
  await using resumed = fileshare(["resume"], env);
  const back = await resumed.events(({ event }) => event === "relay");
  expect(back).toMatchObject({ online: true, url: `${second.url}/ws` });
  const out = newFolder();
  const code = begun?.event === "code" ? begun.code : "";
  await using receiver = fileshare(["recv", "--yes", "--out", out, "--relay", list], {
    FILESHARE_CODE: code,
  });
  await receiver.events();
  expect(await receiver.exited).toBe(EXIT.done);
  expect(bytesOf(join(out, "e.bin"))).toEqual(file.bytes);
  await resumed.events();
  expect(await resumed.exited).toBe(EXIT.done);
});

describe("one name with several addresses", () => {
  const namespace = mountNamespace();
  const NAME = "relays.example";

  // Bun and Node try the addresses of a name by themselves, as does `connect` of curl.
  test.skipIf(namespace === undefined).each([
    { first: "an IPv4 address where nothing listens", addresses: ["127.0.0.1", "127.0.0.2"] },
    { first: "an IPv6 address where nothing listens", addresses: ["::1", "127.0.0.2"] },
  ])("is tried past $first (needs unshare)", async ({ addresses }) => {
    await using relay = await startRelay({ workers: 1, hostname: "127.0.0.2" });
    const hosts = join(newFolder(), "hosts");
    await Bun.write(hosts, addresses.map((address) => `${address} ${NAME}\n`).join(""));
    const mount = `mount --bind ${hosts} /etc/hosts && exec "$@"`;
    const under = ["unshare", namespace ?? "", "sh", "-c", mount, "sh"];
    const env = { FILESHARE_RELAY: `ws://${NAME}:${relay.port}`, FILESHARE_CODE: newCode() };
    const file = makeFile(folder.path, "f.bin", 3 * MiB);
    const out = newFolder();
    await using sender = fileshare(["send", file.path], env, undefined, "ignore", under);
    const receive = ["recv", "--yes", "--out", out];
    await using receiver = fileshare(receive, env, undefined, "ignore", under);
    await Promise.all([sender.events(), receiver.events()]);
    expect(await Promise.all([sender.exited, receiver.exited])).toEqual([EXIT.done, EXIT.done]);
    expect(bytesOf(join(out, "f.bin"))).toEqual(file.bytes);
  });
});

async function endAll(clients: readonly Running[]): Promise<void> {
  await Promise.all(clients.map((client) => client[Symbol.asyncDispose]()));
}
