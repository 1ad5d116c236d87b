/** The admin listener: health, metrics, and who may know the rest. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { METRICS } from "../../../relay/admin/metric-table.ts";
import { makeToken, type KnownToken, type TokenRole } from "../../../relay/access/tokens.ts";
import { DEFAULT_POLICY, startRelay, type Admin, type Relay } from "../../../relay/mod.ts";
import { WINDOW_RECORDS, toHex } from "../../../protocol/mod.ts";
import { laterFaultOf } from "../../support/disk.ts";
import { edgeStage } from "../../support/relay/edge-stage.ts";
import { RawClient, randomId, rawShare } from "../../support/relay/raw-client.ts";
import {
  adminOf,
  overviewOf,
  overviewWhen,
  statusOf,
  withToken,
} from "../../support/relay/admin-requests.ts";
import { parseExposition, type Family } from "../../support/relay/exposition.ts";

const LOCAL = { hostname: "127.0.0.1", port: 0 };
const operator = makeToken();
const user = makeToken();
const known = (token: typeof user, roles: readonly TokenRole[]): KnownToken => {
  return { id: token.id, sha256: token.sha256, roles, expires: undefined };
};

let relay: Relay;
let admin: Admin;

beforeAll(async () => {
  const tokens = [known(operator, ["admin"]), known(user, ["send", "receive"])];
  const policy = { ...DEFAULT_POLICY, access: { ...DEFAULT_POLICY.access, tokens } };
  relay = await startRelay({ workers: 2, policy, admin: LOCAL });
  admin = adminOf(relay);
});
afterAll(() => relay.stop());

async function metrics(): Promise<Map<string, Family>> {
  const response = await fetch(`${admin.url}/metrics`);
  expect(response.headers.get("content-type")).toStartWith("text/plain; version=0.0.4");
  return parseExposition(await response.text());
}

const valueOf = (families: Map<string, Family>, name: string, labels = {}): number | undefined =>
  families.get(name)?.samples.find((sample) => Bun.deepEquals(sample.labels, labels))?.value;

test("a relay that runs is healthy and ready", async () => {
  for (const path of ["/healthz", "/readyz"]) {
    const response = await fetch(`${admin.url}${path}`);
    expect(`${response.status} ${await response.text()}`).toBe("200 ok\n");
  }
});

test("a relay that drains is healthy and not ready", async () => {
  await using draining = await startRelay({ admin: LOCAL });
  await using sender = await RawClient.serving(`${draining.url}/ws`, randomId(), rawShare(9));
  const { url } = adminOf(draining);
  const over = draining.drain(60_000);
  expect((await fetch(`${url}/readyz`)).status).toBe(503);
  expect((await fetch(`${url}/healthz`)).status).toBe(200);
  expect(sender.messages.length).toBeGreaterThan(0);
  await draining.stop();
  await over;
  expect(await fetch(`${url}/healthz`).catch(() => "nobody")).toBe("nobody");
});

test.skipIf(process.platform !== "linux")(
  "memory of mapped files counts as such, in a tmpfs as on a disk",
  async () => {
    using folder = new DisposableStack();
    const path = folder.adopt(mkdtempSync("/dev/shm/fileshare-test-"), (it) =>
      rmSync(it, { recursive: true }),
    );
    const length = 64 * 2 ** 20;
    writeFileSync(join(path, "log"), new Uint8Array(length));
    const before = (await overviewOf(admin)).memory?.file ?? 0;
    const log = Bun.mmap(join(path, "log"), { shared: true });
    expect(log.reduce((sum, byte) => sum + byte, 0)).toBe(0);
    const { memory } = await overviewOf(admin);
    expect(memory?.file).toBeGreaterThan(before + length / 2);
    expect(log.length).toBe(length);
  },
);

test("a port that is taken is a fault that names the option", async () => {
  const port = Number(new URL(admin.url).port);
  const taken = startRelay({ admin: { ...LOCAL, port } });
  expect(await laterFaultOf(taken)).toBe("port-in-use");
});

describe("P9 metrics", () => {
  test("P9 are what Prometheus reads, each as the table says", async () => {
    const families = await metrics();
    for (const { name, type, help } of METRICS) {
      expect(families.get(name)).toMatchObject({ type, help });
    }
    const others = [...families.keys()].filter((name) => !name.startsWith("fileshare_"));
    expect(others.toSorted()).toEqual([
      "process_cpu_seconds_total",
      "process_cpu_system_seconds_total",
      "process_cpu_user_seconds_total",
      "process_max_fds",
      "process_open_fds",
      "process_start_time_seconds",
    ]);
    expect(valueOf(families, "fileshare_workers", { state: "up" })).toBe(2);
    // Since the process began, and not since somebody asked first.
    const { user, system } = process.cpuUsage();
    const cpu = valueOf(families, "process_cpu_seconds_total") ?? 0;
    expect(cpu).toBeGreaterThan((user + system) / 1e6 / 2);
  });

  test("P9 name no share, channel, address, and nothing more for another share", async () => {
    const before = await metrics();
    const channel = randomId();
    const shares = [rawShare(3), rawShare(3), rawShare(3)];
    await using stack = new AsyncDisposableStack();
    for (const share of shares) {
      stack.use(await RawClient.serving(`${relay.url}/ws`, channel, share));
    }
    await overviewWhen(admin, ({ shares: { all } }) => all === shares.length);
    const text = await (await fetch(`${admin.url}/metrics`)).text();
    for (const id of [channel, ...shares.map(({ offer }) => offer.share)]) {
      expect(text).not.toContain(toHex(id));
    }
    expect(text).not.toContain("127.0.0.1");
    const after = parseExposition(text);
    for (const [name, { samples }] of before) {
      // A fault that was never told before is told of by its code, of which there are few.
      if (name === "fileshare_faults_total") continue;
      expect([name, after.get(name)?.samples.length]).toEqual([name, samples.length]);
    }
  });

  test("P9 count lines of other relays, and not as clients", async () => {
    await using at = await edgeStage({ admin: LOCAL });
    const { url } = adminOf(at.relay);
    const read = async (name: string, labels: Record<string, string>): Promise<number> => {
      const text = await (await fetch(`${url}/metrics`)).text();
      return valueOf(parseExposition(text), name, labels) ?? -1;
    };
    expect(await read("fileshare_edge_lines", { kind: "stream" })).toBe(0);
    const lines = [await at.control(), await at.control(), await at.stream()];
    await lines[2]!.take(at.id, 0, 3);
    while ((await read("fileshare_edge_lines", { kind: "stream" })) !== 1) await Bun.sleep(10);
    expect(await read("fileshare_edge_lines", { kind: "control" })).toBe(2);
    for (const role of ["stranger", "receiver"]) {
      expect(await read("fileshare_clients", { door: "socket", role })).toBe(0);
    }
    for (const lane of ["live", "catch_up", "paused"]) {
      expect(await read("fileshare_receivers", { lane })).toBe(0);
    }
    expect(await read("fileshare_sent_frames_total", {})).toBe(3);
    for (const line of lines) await line[Symbol.asyncDispose]();
    while ((await read("fileshare_edge_lines", { kind: "stream" })) !== 0) await Bun.sleep(10);
    expect(await read("fileshare_edge_lines", { kind: "control" })).toBe(0);
  });

  test("P9 count what passed, also at a worker that is no more", async () => {
    const before = await metrics();
    const share = rawShare(5);
    const channel = randomId();
    await using _ = await RawClient.serving(`${relay.url}/ws`, channel, share);
    await using receiver = await RawClient.greeted(`${relay.url}/ws`, "receiver", channel);
    await receiver.offered(share);
    receiver.join(share.offer.share, 0, WINDOW_RECORDS);
    await receiver.frame(4);
    const bytes = receiver.frames.reduce((sum, { length }) => sum + length, 0);
    const grown = (families: Map<string, Family>, name: string): number =>
      (valueOf(families, name) ?? 0) - (valueOf(before, name) ?? 0);
    await overviewWhen(admin, ({ lanes }) => lanes.live + lanes.catchUp === 1);
    const after = await metrics();
    expect(grown(after, "fileshare_sent_frames_total")).toBe(5);
    expect(grown(after, "fileshare_sent_bytes_total")).toBe(bytes);
    expect(grown(after, "fileshare_received_bytes_total")).toBe(bytes);
    relay.crashWorker(0);
    relay.crashWorker(1);
    await overviewWhen(admin, ({ workers }) => workers.lost === 2 && workers.answering === 2);
    const again = await metrics();
    expect(grown(again, "fileshare_sent_bytes_total")).toBeGreaterThanOrEqual(bytes);
    expect(valueOf(again, "fileshare_workers_lost_total")).toBe(2);
  });

  test.each([
    "/readyz",
    "/metrics",
    "/api/status",
    "/api/shares",
    "/api/bans",
    "/admin",
    "/status",
    "/debug",
    "/",
    "/lobby/metrics",
    "/ws",
    "/sender",
    "/c/metrics",
    "/%6detrics",
    "//metrics",
    "/./metrics",
  ])("P9 %s on the public port tells nothing of them", async (path) => {
    const url = `http://127.0.0.1:${relay.port}${path}`;
    // A download of the lobby waits for its file.
    const method = path.startsWith("/lobby") ? "HEAD" : "GET";
    const response = await fetch(url, { method, ...withToken(admin.token) });
    const text = await response.text();
    expect(text).not.toMatch(/process_|fileshare_|uptime|bytesOut|^ok$/m);
    if (!["/", "/ws", "/sender"].includes(path)) expect(response.status).toBe(404);
  });
});

describe("permission to ask", () => {
  test("P4 no client without a token, or with another", async () => {
    const { token } = admin;
    const given: Record<string, string>[] = [
      {},
      { authorization: "Bearer " },
      { authorization: `Bearer ${token.slice(1)}` },
      { authorization: `Bearer ${token}x` },
      { authorization: `Basic ${token}` },
      { authorization: token },
      { authorization: `Bearer ${user.text}` },
      { cookie: `token=${token}` },
    ];
    for (const headers of given) {
      const response = await fetch(`${admin.url}/api/status`, { headers });
      expect(response.status).toBe(401);
      expect(await response.text()).not.toContain("bytes");
    }
    expect((await fetch(`${admin.url}/api/status?token=${token}`)).status).toBe(401);
  });

  test("an operator with a token of their own", async () => {
    const response = await fetch(`${admin.url}/api/status`, withToken(operator.text));
    expect(response.status).toBe(200);
    expect(response.headers.get("cache-control")).toBe("no-store");
  });

  test("T12 no page of another site, also under a name that leads here", async () => {
    const { host } = new URL(admin.url);
    const status = (headers: Record<string, string>): Promise<number> =>
      statusOf(`${admin.url}/metrics`, headers);
    expect(await status({})).toBe(200);
    expect(await status({ origin: admin.url })).toBe(200);
    expect(await status({ host: `localhost:${new URL(admin.url).port}` })).toBe(200);
    expect(await status({ origin: "https://evil.example" })).toBe(403);
    expect(await status({ origin: "null" })).toBe(403);
    expect(await status({ host: "evil.example" })).toBe(421);
    for (const none of ["[::1", "127.0.0.1:none", "a b", "127.0.0.1/x", "user@127.0.0.1"]) {
      expect([400, 421]).toContain(await status({ host: none }));
    }
    expect(await status({ host: `127.0.0.1.evil.example:${host}` })).toBe(421);
  });
});

test("shares have numbers and no ids", async () => {
  const share = rawShare(3);
  await using _ = await RawClient.serving(`${relay.url}/ws`, randomId(), share);
  const overview = await overviewWhen(admin, ({ shares }) => {
    return shares.list.some(({ sender }) => sender !== undefined);
  });
  const shown = overview.shares.list.find(({ senderHere }) => senderHere);
  expect(shown).toMatchObject({ records: 3, size: 3000, sender: "127.0.0.1", seekable: true });
  expect(JSON.stringify(overview)).not.toContain(toHex(share.offer.share));
});
