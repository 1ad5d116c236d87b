/** Receivers find relays in real networks of namespaces, beside liars and floods. */
import { expect, test } from "bun:test";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import * as v from "valibot";

import { clientEvent, type ClientEvent } from "../../../cli/job/event-schema.ts";
import { toHex } from "../../../protocol/mod.ts";
import { fileshare } from "../../support/clients/command.ts";
import { newCode } from "../../support/clients/clients.ts";
import { keysOf } from "../../support/clients/known-codes.ts";
import type { Command } from "../../support/clients/command.ts";
import { temporaryFolder } from "../../support/disk.ts";
import { makeFile } from "../../support/files.ts";
import { LocalNetwork, Machine } from "../../support/net/local-networks.ts";
import { lacksProgram } from "../../needs.ts";

const LIARS = new URL("../../support/net/liars.ts", import.meta.url).pathname;
const IS_ROOT = process.getuid?.() === 0;
const CANNOT = !IS_ROOT || lacksProgram("ip", "iproute2");

function isListening({ event }: { readonly event: string }): boolean {
  return event === "listening";
}

/** The most memory that a process had; 0 when it is over. */
function peakBytes(pid: number): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    return Number(/^VmHWM:\s*(\d+)/m.exec(status)?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}

async function sees<Name extends ClientEvent["event"]>(
  command: Command,
  name: Name,
): Promise<Extract<ClientEvent, { event: Name }>> {
  const event = await command.events((one) => one.event === name);
  if (event === undefined) throw new Error(`it ended without ${name}`);
  v.parse(clientEvent, event);
  return event as Extract<ClientEvent, { event: Name }>;
}

test.skipIf(CANNOT)(
  "with nothing set up three machines receive what a fourth sends (needs root)",
  async () => {
    using folder = temporaryFolder();
    using network = new LocalNetwork({ ipv4: "10.77.0.", ipv6: "fd77::" });
    using sender = new Machine(1, join(folder.path, "s"), network);
    using first = new Machine(2, join(folder.path, "r1"), network);
    using second = new Machine(3, join(folder.path, "r2"), network);
    using third = new Machine(4, join(folder.path, "r3"), network);
    const file = makeFile(folder.path, "f", 2 * 1024 * 1024);
    await using sends = sender.run(["send", "--receivers", "3", file.path]);
    const { code } = await sees(sends, "code");
    await using stack = new AsyncDisposableStack();
    const receivers = [first, second, third].map((machine, n) => {
      const out = join(folder.path, `out${n}`);
      mkdirSync(out);
      return { out, command: stack.use(machine.run(["recv", "--yes", "--out", out, code])) };
    });
    for (const { out, command } of receivers) {
      expect(await sees(command, "relay")).toMatchObject({ online: true, route: "network" });
      await command.events();
      expect(await command.exited).toBe(0);
      expect(readFileSync(join(out, "f"))).toEqual(readFileSync(file.path));
    }
    await sends.events();
    expect(await sends.exited).toBe(0);
  },
);

test.skipIf(CANNOT)(
  "several senders, two networks on one machine, one with IPv4 and one with IPv6 alone (needs root)",
  async () => {
    using folder = temporaryFolder();
    using ipv4 = new LocalNetwork({ ipv4: "10.77.0." });
    using ipv6 = new LocalNetwork({ ipv6: "fd77::" });
    using middle = new Machine(1, join(folder.path, "s"), ipv4, ipv6);
    using one = new Machine(2, join(folder.path, "r1"), ipv4);
    using other = new Machine(3, join(folder.path, "r2"), ipv6);
    const [first, second] = [newCode(), newCode()];
    const files = [
      makeFile(folder.path, "a.bin", 300_000),
      makeFile(folder.path, "b.bin", 300_000),
    ];
    const outs = ["out1", "out2"].map((name) => join(folder.path, name));
    for (const out of outs) mkdirSync(out);
    // Both look before there is anything to find.
    await using atOne = one.run(["recv", "--yes", "--out", outs[0]!, first]);
    await using atOther = other.run(["recv", "--yes", "--out", outs[1]!, second]);
    expect(await sees(atOne, "search")).toEqual({ event: "search", looking: true, found: 0 });
    expect(await sees(atOther, "search")).toMatchObject({ looking: true });
    await using relay = middle.run(["relay", "--announce", "--admin", "off", "--host", "::"]);
    await relay.events(isListening);
    await using sendFirst = middle.run(["send", "--code", first, files[0]!.path]);
    await using sendSecond = middle.run(["send", "--code", second, files[1]!.path]);
    expect(await sees(atOne, "relay")).toMatchObject({
      url: "ws://10.77.0.1:8000/ws",
      online: true,
      route: "network",
    });
    expect(await sees(atOther, "relay")).toMatchObject({
      url: "ws://[fd77::1]:8000/ws",
      online: true,
      route: "network",
    });
    const doctor = one.run(["doctor", "--quick"]);
    const said: string[] = [];
    await doctor.events((event) => {
      if ("message" in event) said.push(String(event.message));
      return false;
    });
    expect(await doctor.exited).toBe(0);
    expect(said).toContain(
      "None is configured or runs on this machine, so a sender starts its own; --relay names another",
    );
    expect(said).toContain("Relays can be found and announced (eth0 IPv4)");
    expect(said).toContain("Announced relays: ws://10.77.0.1:8000");
    for (const command of [atOne, atOther, sendFirst, sendSecond]) {
      await command.events();
      expect(await command.exited).toBe(0);
    }
    for (const [n, { path }] of files.entries()) {
      expect(readFileSync(join(outs[n]!, ["a.bin", "b.bin"][n]!))).toEqual(readFileSync(path));
    }
  },
);

test.skipIf(CANNOT).each([
  ["T21 the true sender is found among liars that offer something (needs root)", "0"],
  ["T22 it is found in a flood of 10,000 packets a second, beside liars (needs root)", "10000"],
])("%s", async (_, flood) => {
  using folder = temporaryFolder();
  using network = new LocalNetwork({ ipv4: "10.77.0." });
  using sender = new Machine(1, join(folder.path, "s"), network);
  using receiver = new Machine(2, join(folder.path, "r"), network);
  using liar = new Machine(3, join(folder.path, "l"), network);
  const code = newCode();
  const channel = toHex(keysOf(code).channel);
  await using liars = await liar.script(LIARS, channel, "10.77.0.3", flood);
  await using receives = receiver.run(["recv", "--yes", "--out", folder.path, code], {
    FILESHARE_TOKEN: "for-another-relay",
  });
  // It finds the liars first.
  await receives.events((event) => event.event === "search" && event.found > 1);
  const file = makeFile(folder.path, "true", 2 * 1024 * 1024);
  await using relay = sender.run(["relay", "--announce", "--admin", "off"]);
  await relay.events(isListening);
  await using sends = sender.run(["send", "--code", code, "--name", "t.bin", file.path]);
  // Looked at with each event, because a process that ended tells nothing.
  let peak = 0;
  await receives.events((event) => {
    peak = Math.max(peak, peakBytes(receives.pid));
    return event.event === "saved";
  });
  expect(readFileSync(join(folder.path, "t.bin"))).toEqual(readFileSync(file.path));
  expect(liars.isRunning()).toBe(true);
  await receives.events();
  expect(await receives.exited).toBe(0);
  expect(peak).toBeGreaterThan(0);
  expect(peak).toBeLessThan(256 * 1024 ** 2);
  await sends.events();
  expect(await sends.exited).toBe(0);
});

test.skipIf(CANNOT)(
  "receivers go on when the relay comes back at another address (needs root)",
  async () => {
    using folder = temporaryFolder();
    using network = new LocalNetwork({ ipv4: "10.77.0." });
    using sender = new Machine(1, join(folder.path, "s"), network);
    using receiver = new Machine(2, join(folder.path, "r"), network);
    const code = newCode();
    const file = makeFile(folder.path, "big", 2 * 1024 * 1024);
    const out = join(folder.path, "out");
    mkdirSync(out);
    const relayOptions = ["relay", "--announce", "--admin", "off"];
    const before = sender.run(relayOptions);
    await before.events(isListening);
    await using sends = sender.run(["send", "--limit", "512KiB", "--code", code, file.path]);
    await using receives = receiver.run(["recv", "--yes", "--out", out, code]);
    await receives.events((event) => event.event === "progress" && event.bytes > 0);
    before.kill("SIGKILL");
    await before.exited;
    sender.readdress(network, "eth0", 9);
    await using relay = sender.run(relayOptions);
    await relay.events(isListening);
    const back = await receives.events((one) => one.event === "relay" && one.online);
    expect(back).toMatchObject({ url: "ws://10.77.0.9:8000/ws", route: "network" });
    await receives.events();
    expect(await receives.exited).toBe(0);
    await sends.events();
    expect(await sends.exited).toBe(0);
    expect(readFileSync(join(out, "big"))).toEqual(readFileSync(file.path));
  },
);

test.skipIf(CANNOT)(
  "where multicast does not pass, the printed address works; without a network a receiver says so (needs root)",
  async () => {
    using folder = temporaryFolder();
    using network = new LocalNetwork({ ipv4: "10.77.0.", isQuiet: true });
    using sender = new Machine(1, join(folder.path, "s"), network);
    using receiver = new Machine(2, join(folder.path, "r"), network);
    using alone = new Machine(3, join(folder.path, "a"));
    const file = makeFile(folder.path, "f", 300_000);
    await using sends = sender.run(["send", file.path]);
    const { code } = await sees(sends, "code");
    await using lonely = alone.run(["recv", "--yes", code]);
    const { note = "" } = await sees(lonely, "search");
    expect(note).toStartWith("This machine is in no network");
    await using searches = receiver.run(["recv", "--yes", code]);
    expect(await sees(searches, "search")).toMatchObject({ looking: true, found: 0 });
    const out = join(folder.path, "out");
    mkdirSync(out);
    const at = ["--relay", "ws://10.77.0.1:8000"];
    await using receives = receiver.run(["recv", "--yes", "--out", out, ...at, code]);
    await receives.events();
    expect(await receives.exited).toBe(0);
    expect(readFileSync(join(out, "f"))).toEqual(readFileSync(file.path));
    searches.kill("SIGINT");
    const rest: ClientEvent[] = [];
    await searches.events((event) => rest.push(event) === 0);
    expect(rest.map(({ event }) => event)).toEqual(["error"]);
  },
);

test("a folder that cannot be made is told before the search", async () => {
  using folder = temporaryFolder();
  const file = makeFile(folder.path, "f", 1);
  const words = ["recv", "--yes", "--out", join(file.path, "under", "it"), newCode()];
  await using receives = fileshare(words, { FILESHARE_RELAY: "" });
  const seen: ClientEvent[] = [];
  await receives.events((event) => seen.push(event) === 0);
  expect(seen.map(({ event }) => event)).toEqual(["error"]);
});
