/** The commands that look at a running relay and tell it what to do, as processes. */
import { afterAll, beforeAll, describe, expect, spyOn, test } from "bun:test";
import { chmodSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { EXIT, FaultError } from "../../../protocol/mod.ts";
import { adminAddress, atAdminAddress } from "../../../cli/commands/relay-options.ts";
import { findTickets, leaveTicket } from "../../../cli/operator/tickets.ts";
import type { RelayOverview } from "../../../cli/operator/overview.ts";
import {
  NO_RATES,
  clusterLines,
  ratesBetween,
  relayStatusLines,
} from "../../../cli/operator/status-screen.ts";
import { makeStyle } from "../../../cli/screen/style.ts";
import { HeldFolder } from "../../../cli/system/held-folder.ts";
import { RawClient, randomId, rawShare } from "../../support/relay/raw-client.ts";
import { faultOf, laterFaultOf, temporaryFolder } from "../../support/disk.ts";
import { heard, run as runProgram, start, type Ran } from "../../support/clients/program.ts";
import { openPty } from "../../support/clients/pty.ts";
import { RelayCommand } from "../../support/clients/relay-command.ts";

const folder = temporaryFolder();
const env = { XDG_RUNTIME_DIR: folder.path };
const tickets = join(folder.path, "fileshare");

let relay: RelayCommand;
beforeAll(async () => {
  relay = await RelayCommand.start([], undefined, undefined, env);
});
afterAll(async () => {
  await relay[Symbol.asyncDispose]();
  folder[Symbol.dispose]();
});

function run(args: readonly string[], more: Record<string, string> = env): Promise<Ran> {
  return runProgram(["relay", ...args], { env: more });
}

const overview = async () => JSON.parse((await run(["status", "--json"])).out) as RelayOverview;

describe("a relay is found by commands of the same user", () => {
  test("P4 by a file that nobody else can read, which goes with the relay", async () => {
    const [name = ""] = readdirSync(tickets);
    expect(statSync(tickets).mode & 0o777).toBe(0o700);
    expect(statSync(join(tickets, name)).mode & 0o777).toBe(0o600);
    const { token } = JSON.parse(readFileSync(join(tickets, name), "utf8")) as { token: string };
    const { out, err, exitCode } = await run(["status", "--once"]);
    expect({ err, exitCode }).toEqual({ err: "", exitCode: EXIT.done });
    expect(out).toContain("running");
    expect(out).not.toContain(token);
    expect((await run(["status", "--page"])).out).toEndWith(`/#token=${token}\n`);
    using other = temporaryFolder();
    const elsewhere = { XDG_RUNTIME_DIR: other.path };
    const ending = await RelayCommand.start([], undefined, undefined, elsewhere);
    expect(readdirSync(join(other.path, "fileshare"))).toHaveLength(1);
    ending.kill("SIGTERM");
    expect(await ending.exited).toBe(EXIT.done);
    expect(readdirSync(join(other.path, "fileshare"))).toEqual([]);
  });

  test("without an admin listener there is no file, and nothing is found", async () => {
    using other = temporaryFolder();
    const elsewhere = { XDG_RUNTIME_DIR: other.path };
    await using _ = await RelayCommand.start(["--no-admin"], undefined, undefined, elsewhere);
    expect(readdirSync(other.path)).toEqual([]);
    const { err, exitCode } = await run(["status"], elsewhere);
    expect({ err, exitCode }).toMatchObject({ exitCode: EXIT.failed });
    expect(err).toContain("No admin listener of a relay answers");
  });

  test("of several the one is named that is meant; a killed one leaves nothing behind", async () => {
    await using second = await RelayCommand.start([], undefined, undefined, env);
    const { err, exitCode } = await run(["status", "--once"]);
    expect(exitCode).toBe(EXIT.usage);
    const [one = ""] = /--admin http:\S+/.exec(err) ?? [];
    expect((await run(["status", "--once", ...one.split(" ")])).exitCode).toBe(EXIT.done);
    second.kill("SIGKILL");
    await second.exited;
    expect(readdirSync(tickets)).toHaveLength(2);
    expect((await run(["status", "--once"])).exitCode).toBe(EXIT.done);
    expect(readdirSync(tickets)).toHaveLength(1);
  });

  test("P4 a folder that others can read or write gets no token, and none of it is taken", () => {
    using other = temporaryFolder();
    const inside = join(other.path, "fileshare");
    mkdirSync(inside);
    chmodSync(inside, 0o755);
    const elsewhere = { XDG_RUNTIME_DIR: other.path };
    const ticket = { relay: "ws://127.0.0.1:1", admin: "http://127.0.0.1:2", token: "x" };
    expect(leaveTicket(ticket, elsewhere)).toBeUndefined();
    writeFileSync(join(inside, "relay-1.json"), "{}");
    expect(findTickets(elsewhere)).toEqual([]);
    chmodSync(inside, 0o700);
    writeFileSync(join(inside, "relay-2.json"), "{");
    expect(findTickets(elsewhere)).toEqual([]);
    using left = leaveTicket(ticket, elsewhere);
    expect(left).toBeDefined();
    expect(findTickets(elsewhere)).toMatchObject([ticket]);
  });

  test("by a file that never has another name, which a killed relay would leave behind", () => {
    using other = temporaryFolder();
    const elsewhere = { XDG_RUNTIME_DIR: other.path };
    const ticket = { relay: "ws://127.0.0.1:1", admin: "http://127.0.0.1:2", token: "x" };
    using _move = spyOn(HeldFolder.prototype, "move").mockImplementation(() => {
      throw new Error("killed here");
    });
    using _ticket = leaveTicket(ticket, elsewhere);
    expect(findTickets(elsewhere)).toMatchObject([ticket]);
  });
});

describe("an order to a relay", () => {
  test("P12 kill ends a share for all", async () => {
    const channel = randomId();
    await using sender = await RawClient.serving(relay.url, channel, rawShare(9));
    await using receiver = await RawClient.greeted(relay.url, "receiver", channel);
    // The first overviews may repeat measures from before this share.
    let { shares } = await overview();
    while (shares.list[0]?.sender === undefined) ({ shares } = await overview());
    const number = `${shares.list[0].number}`;
    expect((await run(["status"])).out).toMatch(new RegExp(`^${number} +127\\.0\\.0\\.1`, "m"));
    expect((await run(["kill", number])).out).toBe(`Share ${number} is over\n`);
    expect(await sender.when("fault")).toMatchObject({ code: "removed" });
    expect(await receiver.when("cancel")).toMatchObject({ reason: "removed" });
    const again = await run(["kill", number]);
    expect(again.exitCode).toBe(EXIT.failed);
    expect(again.err).toContain(`there is no share ${number}`);
  });

  test("P12 ban and unban", async () => {
    await run(["ban", "192.0.2.1", "198.51.100.0/24", "--for", "12h"]);
    const { bans } = await overview();
    expect(bans.map(({ range }) => range)).toEqual(["192.0.2.1", "198.51.100.0/24"]);
    const hours = ((bans[0]?.until ?? 0) - Date.now()) / 3_600_000;
    expect(Math.round(hours)).toBe(12);
    expect((await run(["unban", "192.0.2.1", "198.51.100.0/24"])).exitCode).toBe(EXIT.done);
    expect((await overview()).bans).toEqual([]);
    const own = await run(["ban", "127.0.0.1"]);
    expect(own.err).toContain("127.0.0.1 is this machine");
    expect((await run(["ban"])).exitCode).toBe(EXIT.usage);
    expect((await run(["kill", "all"])).exitCode).toBe(EXIT.usage);
  });

  test("P4 nothing without a token that counts", async () => {
    const [name = ""] = readdirSync(tickets);
    const { admin } = JSON.parse(readFileSync(join(tickets, name), "utf8")) as { admin: string };
    const none = { XDG_RUNTIME_DIR: "" };
    expect((await run(["status", "--admin", admin], none)).exitCode).toBe(EXIT.usage);
    const wrong = await run(["status", "--admin", admin], { ...none, FILESHARE_TOKEN: "wrong" });
    expect(wrong).toMatchObject({ out: "", exitCode: EXIT.failed });
    expect(wrong.err).toContain("the token does not have the role admin");
  });
});

describe("where the admin listener is", () => {
  test.each([
    [undefined, 8000, { hostname: "127.0.0.1", port: 8999, isGiven: false }],
    [undefined, 0, { hostname: "127.0.0.1", port: 0, isGiven: false }],
    ["9000", 8000, { hostname: "127.0.0.1", port: 9000, isGiven: true }],
    ["0.0.0.0:9000", 8000, { hostname: "0.0.0.0", port: 9000, isGiven: true }],
    ["[::1]:9000", 8000, { hostname: "::1", port: 9000, isGiven: true }],
    ["localhost:0", 8000, { hostname: "localhost", port: 0, isGiven: true }],
    ["off", 8000, undefined],
  ])("%p beside port %p", (given, port, address) => {
    expect(adminAddress(given, port)).toEqual(address);
  });

  test.each(["", "x", ":9000", "a:99999", "http://a:1", "a b:1", "::1:9000"])("not %p", (given) => {
    expect(faultOf(() => adminAddress(given, 8000))).toBe("usage");
  });

  test("at a free port where the usual one is taken and nobody asked for it", async () => {
    const taken = new FaultError("port-in-use", "--admin 127.0.0.1:8999");
    const start = (admin: { readonly port: number } | undefined): Promise<number | undefined> =>
      admin?.port === 8999 ? Promise.reject(taken) : Promise.resolve(admin?.port);
    const nobody = (): Promise<boolean> => Promise.resolve(false);
    const at = (given: string | undefined): Promise<number | undefined> =>
      atAdminAddress(adminAddress(given, 8000), start, nobody);
    expect(await at(undefined)).toBe(0);
    expect(await laterFaultOf(at("8999"))).toBe("port-in-use");
    expect(await atAdminAddress(undefined, start, nobody)).toBeUndefined();
  });
});

test("a relay takes the admin port over from one of ours that drains, and from no other", async () => {
  using other = temporaryFolder();
  const more = { XDG_RUNTIME_DIR: other.path };
  await using old = await RelayCommand.start(["--drain", "60"], undefined, undefined, more);
  // A transfer that does not end: its sender gives nothing.
  const [channel, share] = [randomId(), rawShare(9)];
  await using sender = await RawClient.offering(old.url, channel, share);
  await using receiver = await RawClient.greeted(old.url, "receiver", channel);
  await receiver.offered(share);
  receiver.join(share.offer.share, 0, 8);
  await sender.when("receivers");
  const [ticket] = findTickets(more);
  const port = new URL(ticket?.admin ?? "").port;
  const args = ["--admin", port, "--host", "127.0.0.1"];
  await using refused = new RelayCommand(args, undefined, undefined, more);
  expect(await refused.says()).toMatchObject({ event: "error", code: "port-in-use" });
  old.kill("SIGTERM");
  expect(await old.says()).toMatchObject({ event: "draining" });
  await using next = await RelayCommand.start(args, undefined, undefined, more);
  const tickets = findTickets(more);
  expect(tickets.map(({ admin }) => admin)).toEqual([`http://127.0.0.1:${port}`]);
  expect(new URL(tickets[0]?.relay ?? "").port).toBe(`${next.port}`);
  expect((await fetch(`http://127.0.0.1:${port}/readyz`)).status).toBe(200);
  // It went without the transfer.
  expect(sender.messages.some(({ t }) => t === "fault")).toBe(false);
});

describe("the lines of the status", () => {
  const share = {
    number: 7,
    age: 61,
    size: 1024 ** 2,
    records: 100,
    senderHere: true,
    sender: "203.0.113.7",
    lanes: { live: 2, catchUp: 1, paused: 0 },
    least: 10,
    most: 50,
    bytesIn: 0,
    bytesOut: 0,
    kept: 0,
  };
  const now: RelayOverview = {
    uptime: 100,
    at: 100,
    isDraining: false,
    workers: { wanted: 2, up: 2, answering: 2, lost: 0 },
    bytesIn: 1024 ** 2,
    bytesOut: 3 * 1024 ** 2,
    clients: { socket: { stranger: 0, sender: 1, receiver: 3 } },
    lanes: share.lanes,
    buffered: 0,
    delays: [1, 12.4],
    log: { held: 0, most: 1024 ** 3 },
    memory: undefined,
    faults: { removed: 2, banned: 5 },
    refusals: { "max-sockets": 1, shares: 0 },
    bans: [],
    shares: { all: 40, list: Array.from({ length: 40 }, (_, at) => ({ ...share, number: at })) },
  };
  const style = makeStyle(false);

  test("fit the terminal, and say how many shares are left out", () => {
    for (const [columns, lines] of [
      [80, 24],
      [40, 10],
      [20, 5],
      [200, 100],
    ] as const) {
      const shown = relayStatusLines(
        "http://127.0.0.1:8999",
        now,
        NO_RATES,
        { columns, lines },
        style,
      );
      expect(shown.length).toBeLessThanOrEqual(lines);
      for (const line of shown) expect(Bun.stringWidth(line)).toBeLessThanOrEqual(columns);
    }
    const room = { columns: 100, lines: 20 };
    const shown = relayStatusLines("http://x", now, NO_RATES, room, style);
    expect(shown.at(-1)).toMatch(/^and \d+ shares more$/);
    expect(shown).toContain("faults banned 5, removed 2");
    expect(shown).toContain("over a limit max-sockets 1");
  });

  test("name what the relay stores, with the numbers by which it goes", () => {
    const one = { isWhole: true, size: 2048, durable: 5, records: 5, downloads: 1 };
    const stored = {
      whole: 1,
      unfinished: 1,
      bytes: 3072,
      most: 1024 ** 3,
      downloads: 9,
      failed: 2,
      now: 0,
      list: [
        { ...one, number: 41, until: 60_000, downloadsMost: 3 },
        { ...one, number: 42, until: 3_600_000, isWhole: false, durable: 2, downloads: 0 },
      ],
    };
    const shares = { all: 0, list: [] };
    const room = { columns: 100, lines: 20 };
    const shown = relayStatusLines(
      "http://x",
      { ...now, shares, store: stored },
      NO_RATES,
      room,
      style,
    );
    expect(shown.find((line) => line.startsWith("stored 2"))).toBe(
      "stored 2 shares, 1 unfinished, 3 KiB of 1 GiB   9 downloads   2 saves failed",
    );
    const words = shown.slice(-3).map((line) => line.split(/ {2,}/));
    expect(words).toEqual([
      ["stored", "size", "state", "downloads", "stays"],
      ["41", "2 KiB", "whole", "1 of 3", "1 min 0 s"],
      ["42", "2 KiB", "unfinished, 40 %", "0", "1 h 0 min"],
    ]);
  });

  test("say that NATS is away, and which relays of the cluster are where", () => {
    const [id, address] = ["0011223344556677", "10.0.0.1:9100"];
    const of = { id: "8899aabbccddeeff", address: "10.0.0.2:9100" };
    const relays = [
      { id, address, version: 1, shares: 7, seen: 2 },
      { ...of, version: 2, site: "eu/lab-3", shares: 5, seen: 21.4 },
      { id: "ffeeddccbbaa9988", shares: 1, seen: 3 },
    ];
    const counts = { shares: 13, owned: 7, remote: 1, links: 1, waiting: 2 };
    const cluster = { name: "prod", me: id, address, isConnected: false, since: 75, ...counts };
    const shares = { all: 1, list: [{ ...share, sender: undefined, owner: of }] };
    const overview = { ...now, shares, cluster: { ...cluster, relays } };
    const room = { columns: 120, lines: 20 };
    const shown = relayStatusLines("http://x", overview, NO_RATES, room, style);
    const head = [
      "cluster prod   this relay 0011223344556677 at 10.0.0.1:9100   NATS away for 1 min 15 s",
      "3 relays with 13 shares, here 7 own and 1 of other relays by 1 link   2 claims wait",
    ];
    expect(shown.slice(4, 6)).toEqual(head);
    expect(shown.at(-1)).toMatch(/^7 +at 10\.0\.0\.2:9100 /);
    const lines = clusterLines("http://x", overview, NO_RATES, room, style);
    expect(lines.slice(4, 6)).toEqual(head);
    expect(lines.slice(-3).map((line) => line.split(/ {2,}/))).toEqual([
      ["0011223344556677", "10.0.0.1:9100", "7", "this relay"],
      ["8899aabbccddeeff", "10.0.0.2:9100, eu/lab-3, other version", "5", "21 s ago"],
      ["ffeeddccbbaa9988", "not known", "1", "3.0 s ago"],
    ]);
    const few = clusterLines("http://x", overview, NO_RATES, { columns: 40, lines: 12 }, style);
    expect(few).toHaveLength(12);
    expect(few.at(-1)).toBe("and 2 relays more");
    expect(clusterLines("http://x", now, NO_RATES, room, style).at(-1)).toBe(
      "This relay is in no cluster. fileshare relay --cluster nats://HOST joins one.",
    );
  });

  test("have rates between two looks, and none across a restart", () => {
    const before = { ...now, at: 98, uptime: 98, bytesOut: 1024 ** 2 };
    expect(ratesBetween(before, now)).toMatchObject({ in: 0, out: 1024 ** 2 });
    expect(ratesBetween({ ...before, uptime: 500 }, now)).toEqual(NO_RATES);
    expect(ratesBetween(undefined, now)).toEqual(NO_RATES);
  });

  test("P10 let nothing of others act upon the terminal", () => {
    const evil = "\u001b]0;x\u0007\u202e\n";
    const names = { name: evil, me: evil, address: evil, isConnected: true, since: 1 };
    const counts = { shares: 1, owned: 0, remote: 1, links: 1, waiting: 0 };
    const bad = {
      ...now,
      faults: { [evil]: 1 },
      shares: { all: 1, list: [{ ...share, sender: evil }] },
      cluster: {
        ...names,
        ...counts,
        relays: [{ id: evil, address: evil, shares: 1, seen: 1 }],
      },
    };
    const owned = { ...share, owner: { id: evil, address: evil } };
    const remote = { ...bad, shares: { all: 1, list: [owned] } };
    const room = { columns: 100, lines: 20 };
    const text = [
      ...relayStatusLines(evil, bad, NO_RATES, room, style),
      ...relayStatusLines(evil, remote, NO_RATES, room, style),
      ...clusterLines(evil, bad, NO_RATES, room, style),
    ].join("\n");
    for (const character of evil.slice(0, -1)) {
      if (!/[\w\];]/.test(character)) expect(text).not.toContain(character);
    }
  });
});

describe("in a terminal", () => {
  const wide = { columns: 120, rows: 30, env };

  test("status is drawn anew until Ctrl-C", async () => {
    await using _ = await RawClient.serving(relay.url, randomId(), rawShare(9));
    await using pty = openPty(["relay", "status"], wide);
    await pty.shows(/^relay http:\S+ {2}running/m);
    await pty.shows(/^share +sender +receivers/m);
    await pty.shows("127.0.0.1");
    await pty.shows("out 0 B/s");
    pty.type("\u0003");
    expect(await pty.exited).toBe(EXIT.done);
  });

  test("P4 a relay prints a link with its token there, and nowhere else", async () => {
    using other = temporaryFolder();
    const more = { XDG_RUNTIME_DIR: other.path };
    const args = ["relay", "--host", "127.0.0.1", "--port", "0"];
    await using pty = openPty(args, { ...wide, env: more });
    await pty.shows(/#token=[\w-]{43}/);
    pty.type("\u0003");
    expect(await pty.exited).toBe(EXIT.done);
    const child = start(args, { env: more });
    const said = await heard(child.stdout, "Ctrl-C ends the relay");
    child.kill("SIGTERM");
    await child.exited;
    expect(said).toContain("Admin listener: http://127.0.0.1:");
    expect(said + (await child.stderr.text())).not.toContain("token=");
  });
});

test("a program in a relay's place can't answer with faults that only this command may report", async () => {
  for (const code of ["interrupted", "some-failed", "version-mismatch", "usage"]) {
    using liar = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      fetch: () => Response.json({ code, detail: "\u001b[2J" }, { status: 400 }),
    });
    const admin = ["--admin", `http://127.0.0.1:${liar.port}`];
    const { err, exitCode } = await run(["kill", "1", ...admin], { FILESHARE_TOKEN: "t" });
    expect(exitCode).toBe(EXIT.failed);
    expect(err).toContain("The relay refused the action: \\u{1b}[2J");
  }
});
