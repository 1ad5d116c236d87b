/** P12: what an operator can do against abuse. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { Bans } from "../../../relay/access/bans.ts";
import { DEFAULT_POLICY, startRelay, type Admin, type Relay } from "../../../relay/mod.ts";
import { WINDOW_RECORDS } from "../../../protocol/mod.ts";
import { temporaryFolder } from "../../support/disk.ts";
import { newCode, receive, send } from "../../support/clients/clients.ts";
import { makeFile } from "../../support/files.ts";
import { RawClient, randomId, rawShare } from "../../support/relay/raw-client.ts";
import {
  act,
  adminOf,
  overviewOf,
  overviewWhen,
  withToken,
} from "../../support/relay/admin-requests.ts";

const LOCAL = { hostname: "127.0.0.1", port: 0 };
const folder = temporaryFolder();
const banFile = join(folder.path, "bans");
/** Every client is behind a proxy, so that it can have any address. */
const policy = {
  ...DEFAULT_POLICY,
  access: { ...DEFAULT_POLICY.access, trustedProxies: ["127.0.0.1"] },
};

let relay: Relay;
let admin: Admin;
let url: string;
const troubles: string[] = [];

beforeAll(async () => {
  relay = await startRelay({
    workers: 2,
    policy,
    banFile,
    admin: LOCAL,
    onTrouble: (trouble) => troubles.push(trouble),
  });
  admin = adminOf(relay);
  url = `${relay.url}/ws`;
});
afterAll(async () => {
  await relay.stop();
  folder[Symbol.dispose]();
});

/** The HTTP status for a client with that address. */
async function statusFor(address: string): Promise<number> {
  const headers = { "x-forwarded-for": address };
  return (await fetch(`http://127.0.0.1:${relay.port}/`, { headers })).status;
}

/** Asks until each worker has heard of it: which one answers is chance. */
async function becomes(status: number, address: string): Promise<void> {
  for (let alike = 0; alike < 8;) alike = (await statusFor(address)) === status ? alike + 1 : 0;
}

describe("P12 a share that is removed", () => {
  test("P12 ends for its sender and its receivers, and does not come again for a while", async () => {
    const share = rawShare(50);
    const channel = randomId();
    await using sender = await RawClient.serving(url, channel, share);
    await using receiver = await RawClient.greeted(url, "receiver", channel);
    await receiver.offered(share);
    receiver.join(share.offer.share, 0, WINDOW_RECORDS);
    await receiver.frame(0);
    const { shares } = await overviewWhen(admin, ({ lanes }) => lanes.live + lanes.catchUp === 1);
    const number = shares.list.at(-1)?.number;
    expect(await act(admin, "remove", { share: number })).toMatchObject({ status: 200 });
    expect(await receiver.when("cancel")).toMatchObject({ reason: "removed" });
    expect(await sender.when("fault")).toMatchObject({ code: "removed", retry: false });
    expect(await sender.closed).toMatchObject({ code: 4030 });
    await using again = await RawClient.greeted(url, "sender", channel);
    again.send({ t: "offer", ...share.offer, proof: share.proof });
    expect(await again.when("fault")).toMatchObject({ code: "removed" });
    expect((await act(admin, "remove", { share: number })).status).toBe(404);
  });

  test("P12 is told to people in a sentence", async () => {
    const from = join(folder.path, "from");
    mkdirSync(from);
    const made = makeFile(from, "x", 4 * 1024 * 1024);
    const code = newCode();
    await using sender = send({ relay: url, code, path: made.path, receivers: 2 });
    await using receiver = receive({ relay: url, code, out: folder.path });
    expect(await receiver.outcome).toMatchObject({ exitCode: 0 });
    const { shares } = await overviewWhen(admin, ({ shares: { list } }) => list.length > 0);
    await act(admin, "remove", { share: shares.list.at(-1)?.number });
    expect(await sender.outcome).toMatchObject({ exitCode: 1, fault: "removed" });
  });
});

describe("P12 an address that is banned", () => {
  test("P12 is refused, loses its sockets, and may come again later", async () => {
    const channel = randomId();
    await using socket = await RawClient.greeted(url, "receiver", channel, "203.0.113.7");
    await using other = await RawClient.greeted(url, "receiver", channel, "203.0.113.8");
    expect((await act(admin, "ban", { address: "203.0.113.7" })).said).toMatchObject({
      ban: { range: "203.0.113.7" },
    });
    expect(await socket.when("fault")).toMatchObject({ code: "banned", retry: false });
    await becomes(403, "203.0.113.7");
    await becomes(200, "203.0.113.8");
    expect(other.messages.some(({ t }) => t === "fault")).toBe(false);
    expect(readFileSync(banFile, "utf8")).toContain("\n203.0.113.7\n");
    expect((await act(admin, "unban", { address: "203.0.113.7" })).status).toBe(200);
    expect((await act(admin, "unban", { address: "203.0.113.7" })).status).toBe(404);
    await becomes(200, "203.0.113.7");
  });

  test("P12 is let in again when its time is over", async () => {
    const { said } = await act(admin, "ban", { address: "198.51.100.0/24", seconds: 1 });
    expect(said).toMatchObject({ ban: { range: "198.51.100.0/24" } });
    await overviewWhen(admin, ({ bans }) => bans.length === 0);
    await becomes(200, "198.51.100.9");
  });

  test("P12 of IPv6 is banned with its /64", async () => {
    const { said } = await act(admin, "ban", { address: "2001:DB8:1:2:3::4" });
    expect(said).toMatchObject({ ban: { range: "2001:db8:1:2::/64" } });
    await becomes(403, "2001:db8:1:2:ffff::1");
    await becomes(200, "2001:db8:1:3::1");
    expect((await act(admin, "unban", { address: "2001:db8:1:2:3::4" })).status).toBe(200);
  });

  test("P12 is one of the file, read again when it is told to", async () => {
    writeFileSync(banFile, "# by hand\n192.0.2.0/24 # a range\n\n192.0.3.1 2000-01-01T00:00:00Z\n");
    relay.reload();
    expect((await overviewOf(admin)).bans.map(({ range }) => range)).toEqual(["192.0.2.0/24"]);
    await becomes(403, "192.0.2.77");
    for (const wrong of ["hello", "192.0.2.0/33", "192.0.2.1 tomorrow", "192.0.2.1 2030-01-01 x"]) {
      writeFileSync(banFile, `192.0.4.1\n${wrong}\n`);
      relay.reload();
      expect(troubles.pop()).toContain("line 2");
      await becomes(403, "192.0.2.77");
    }
    await act(admin, "unban", { address: "192.0.2.0/24" });
  });

  test("P12 is not read from a pipe, for which it would wait", () => {
    const pipe = join(folder.path, "pipe");
    expect(Bun.spawnSync(["mkfifo", pipe]).exitCode).toBe(0);
    expect(() => new Bans(pipe)).toThrow("is no file");
  });

  test.each([
    "127.0.0.1",
    "127.0.0.0/8",
    "0.0.0.0/0",
    "::1",
    "::/0",
    "127.3.0.0/16",
    "not an address",
    "",
    "1.2.3.4/33",
  ])("P12 is not %s: this machine, the proxy, or none at all", async (address) => {
    const { status, said } = await act(admin, "ban", { address });
    expect({ status, code: said["code"] }).toEqual({ status: 400, code: "bad-ban" });
  });

  test("P12 is asked for in the right words", async () => {
    for (const body of [
      {},
      [],
      { address: 5 },
      { address: "192.0.2.1", seconds: -1 },
      { address: "192.0.2.1", seconds: "60" },
      { address: "192.0.2.1", more: 1 },
      { address: "1".repeat(1000) },
    ]) {
      const { status, said } = await act(admin, "ban", body);
      expect({ status, code: said["code"] }).toEqual({ status: 400, code: "bad-message" });
    }
  });
});

test("nothing is done for whoever has no token, nor for a page of another site", async () => {
  const post = (headers: Record<string, string>): Promise<Response> =>
    fetch(`${admin.url}/api/drain`, { method: "POST", body: "{}", headers });
  expect((await post({})).status).toBe(401);
  expect((await post({ authorization: "Bearer x" })).status).toBe(401);
  const { headers } = withToken(admin.token);
  expect((await post({ ...headers, origin: "https://evil.example" })).status).toBe(403);
  const get = await fetch(`${admin.url}/api/drain`, { headers });
  expect(get.status).toBe(405);
  expect((await overviewOf(admin)).isDraining).toBe(false);
});

test("a relay that is told to drain ends", async () => {
  await using ending = await startRelay({ admin: { ...LOCAL, drainMs: 1000 } });
  expect(await act(adminOf(ending), "drain", {})).toMatchObject({ status: 202 });
  expect(await ending.ended).toBeUndefined();
});
