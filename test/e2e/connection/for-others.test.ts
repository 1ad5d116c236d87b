/** Addresses that are printed for another machine work there. */
import { afterAll, describe, expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { isIP } from "node:net";
import { hostname } from "node:os";
import { join } from "node:path";

import { forOthers, type Surroundings } from "../../../cli/connection/for-others.ts";
import { ownAddresses } from "../../../cli/connection/own-addresses.ts";
import { chooseRelay } from "../../../cli/connection/relay-choice.ts";
import { startRelay } from "../../../relay/mod.ts";
import { temporaryFolder } from "../../support/disk.ts";
import { MAIN, heard, run, start } from "../../support/clients/program.ts";

const own = await ownAddresses();
const everywhere = await startRelay({ hostname: "0.0.0.0" });
const alone = await startRelay({ hostname: "127.0.0.1" });
afterAll(() => Promise.all([everywhere.stop(), alone.stop()]));

/** A machine at these addresses, with a listener at some of them. */
function machine(addresses: readonly string[], listening: readonly string[]): Surroundings {
  return {
    addresses: () => Promise.resolve(addresses),
    answers: (host) => Promise.resolve(listening.includes(host)),
  };
}

describe("a relay of this machine", () => {
  const LAN = ["192.0.2.7", "10.1.2.3", "2001:db8::7"];
  const asked = async (relay: string, addresses: string[], listening: string[]) => {
    const found = await forOthers(chooseRelay(relay), machine(addresses, listening));
    return [found.relay.args.at(-1), found.note];
  };

  test.each([
    "ws://127.0.0.1:8000",
    "ws://127.1.2.3:8000",
    "ws://localhost:8000",
    "ws://LOCALHOST.:8000",
    "ws://relay.localhost:8000",
    "ws://[::1]:8000",
    "ws://[::ffff:127.0.0.1]:8000",
    "ws://0.0.0.0:8000",
    "ws://[::]:8000",
    "http://localhost:8000",
  ])("at %s is printed with its address in the network", async (relay) => {
    expect(await asked(relay, LAN, LAN)).toEqual(["ws://192.0.2.7:8000", undefined]);
    expect(await asked(`${relay}/base`, LAN, LAN)).toEqual(["ws://192.0.2.7:8000/base", undefined]);
  });

  test("is printed with an address at which it listens", async () => {
    const relay = "ws://127.0.0.1:9";
    expect(await asked(relay, LAN, ["10.1.2.3"])).toEqual(["ws://10.1.2.3:9", undefined]);
    expect(await asked(relay, LAN, ["2001:db8::7"])).toEqual(["ws://[2001:db8::7]:9", undefined]);
    // It is not there yet.
    expect(await asked(relay, LAN, [])).toEqual(["ws://192.0.2.7:9", undefined]);
  });

  test("out of reach for others gets a sentence that says so", async () => {
    const [, note] = await asked("ws://127.0.0.1:9", LAN, ["127.0.0.1"]);
    expect(note).toStartWith(
      "Only this machine reaches it, because the relay listens at 127.0.0.1",
    );
    const [relay, lonely] = await asked("ws://127.0.0.1:9", [], ["127.0.0.1"]);
    expect(relay).toBe("ws://127.0.0.1:9");
    expect(lonely).toContain("it has no network");
  });

  test("by TLS keeps the name that its certificate is for", async () => {
    const [relay, note] = await asked("wss://localhost:1", ["127.0.0.1"], []);
    expect(relay).toBe("wss://localhost:1");
    expect(note).toContain("a name that the relay's certificate is for");
  });

  test("by the machine's own name stays, unless that leads nowhere else", async () => {
    const [relay] = await asked(`ws://${hostname()}:9`, LAN, LAN);
    expect(["ws://192.0.2.7:9", `ws://${hostname().toLowerCase()}:9`]).toContain(relay!);
  });
});

test("a relay elsewhere is printed as it was given", async () => {
  for (const relay of ["wss://relay.example", "ws://192.0.2.9:8000/base", "ws://[2001:db8::1]:1"]) {
    const { relay: same, note } = await forOthers(chooseRelay(relay), machine([], []));
    expect([same.args.at(-1), note]).toEqual([relay, undefined]);
  }
});

test("the addresses of this machine are of its networks", () => {
  for (const address of own) {
    expect(isIP(address)).not.toBe(0);
    expect(address).not.toMatch(/^(?:127\.|169\.254\.|::1$|fe80)/);
  }
});

describe("send", () => {
  test("prints a command and a link that lead to this machine from others", async () => {
    using from = temporaryFolder();
    using to = temporaryFolder();
    const path = join(from.path, "a.txt");
    writeFileSync(path, "content");
    const { said, sent } = await sending(path, `ws://localhost:${everywhere.port}`, ["--qr"]);
    const [, command = ""] = /run:\n {2}(fileshare recv .*)\n/.exec(said) ?? [];
    const link = /^http:\S+$/m.exec(said)?.[0] ?? "";
    const ipv4 = own.filter((address) => !address.includes(":"));
    if (ipv4.length > 0) {
      expect(command).toEndWith(`--relay ws://${ipv4[0]}:${everywhere.port}`);
      expect(link).toStartWith(`http://${ipv4[0]}:${everywhere.port}/#`);
    } else expect(said).toContain("it has no network");
    // As it stands there, with what a script adds; the link is a code as well.
    for (const words of [command.split(" ").slice(1), ["recv", link]]) {
      const received = await run([...words, "--yes", "--overwrite"], { cwd: to.path });
      expect(received.exitCode).toBe(0);
      expect(readFileSync(join(to.path, "a.txt"), "utf8")).toBe("content");
    }
    sent.kill("SIGTERM");
    await sent.exited;
  });

  test("says that a relay at the loopback alone is for this machine", async () => {
    const { said, sent } = await sending(MAIN, alone.url, []);
    expect(said).toContain(`--relay ${alone.url}\n`);
    expect(said).toMatch(/Only this machine reaches/);
    sent.kill("SIGTERM");
    await sent.exited;
  });

  /** A sender, once it has said all that it says at first. */
  async function sending(path: string, relay: string, more: readonly string[]) {
    const args = ["send", path, "--stay", "--relay", relay, ...more];
    const sent = start(args, { env: { XDG_STATE_HOME: "/dev/null" } });
    return { said: await heard(sent.stdout, "Using the relay"), sent };
  }
});
