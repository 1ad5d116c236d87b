/** A carried relay between machines: network namespaces joined by a bridge that passes multicast. */
import { expect, test } from "bun:test";
import { mkdirSync } from "node:fs";
import { join } from "node:path";

import { CODE } from "../../support/clients/program.ts";
import { bytesOf, temporaryFolder } from "../../support/disk.ts";
import { makeFile } from "../../support/files.ts";
import { LocalNetwork, Machine } from "../../support/net/local-networks.ts";
import { lacksProgram } from "../../needs.ts";

const CANNOT = process.getuid?.() !== 0 || lacksProgram("ip", "iproute2");

test.skipIf(CANNOT)(
  "one receiver takes the printed address, another finds the sender by the code (needs root)",
  async () => {
    using folder = temporaryFolder();
    using network = new LocalNetwork({ ipv4: "10.78.0.", ipv6: "fd78::" });
    const machineOf = (number: number) =>
      new Machine(number, join(folder.path, `${number}`), network);
    using sender = machineOf(1);
    using told = machineOf(2);
    using seeker = machineOf(3);
    const { path, bytes } = makeFile(folder.path, "a.bin", 2 * 1024 ** 2);
    const outs = ["told", "seeker"].map((name) => join(folder.path, name));
    for (const out of outs) mkdirSync(out);
    const recv = (out: string, ...more: string[]) => ["recv", "--yes", "--out", out, ...more];
    // It looks before there is anything to find.
    await using seeking = seeker.run(recv(outs[1]!), { FILESHARE_CODE: CODE });
    await seeking.events((event) => event.event === "search");
    await using sending = sender.run(["send", path, "--receivers", "2", "--code", CODE]);
    const carrying = await sending.events((event) => event.event === "carrying");
    const addresses = carrying?.event === "carrying" ? carrying.addresses : [];
    expect(addresses.map(({ relay }) => relay)).toEqual([
      "ws://10.78.0.1:8000",
      "ws://[fd78::1]:8000",
    ]);
    // The address of IPv6 leads to the same relay.
    const at = ["--relay", addresses.at(-1)?.relay ?? ""];
    await using receiving = told.run(recv(outs[0]!, ...at), { FILESHARE_CODE: CODE });
    const found = await seeking.events((event) => event.event === "relay" && event.online);
    expect(found).toMatchObject({ route: "network" });
    for (const command of [receiving, seeking, sending]) {
      await command.events();
      expect(await command.exited).toBe(0);
    }
    for (const out of outs) expect(bytesOf(join(out, "a.bin"))).toEqual(bytes);
  },
);

test.skipIf(CANNOT)(
  "receivers that searched go on when the send comes back at another port (needs root)",
  async () => {
    using folder = temporaryFolder();
    using network = new LocalNetwork({ ipv4: "10.78.0." });
    using sender = new Machine(1, join(folder.path, "1"), network);
    using receiver = new Machine(2, join(folder.path, "2"), network);
    const { path, bytes } = makeFile(folder.path, "a.bin", 2 * 1024 ** 2);
    const out = join(folder.path, "out");
    mkdirSync(out);
    // The content is held back, so nothing has left when the sender is killed.
    const words = ["send", path, "--code", CODE, "--min-wait", "3600"];
    const first = sender.run([...words, "--wait-for", "1"]);
    await first.events((event) => event.event === "carrying");
    await using receiving = receiver.run(["recv", "--yes", "--out", out], { FILESHARE_CODE: CODE });
    await first.events((event) => event.event === "receiver");
    first.kill("SIGKILL");
    await first.exited;
    // Another program has the port of the run before.
    await using _ = sender.run(["relay", "--host", "127.0.0.1", "--admin", "off"]);
    await _.events((event: { readonly event: string }) => event.event === "listening");
    await using again = sender.run(["send", path, "--code", CODE, "--carry"]);
    const carrying = await again.events((event) => event.event === "carrying");
    expect(carrying).toMatchObject({ wanted: 8000 });
    for (const command of [receiving, again]) {
      await command.events();
      expect(await command.exited).toBe(0);
    }
    expect(bytesOf(join(out, "a.bin"))).toEqual(bytes);
  },
);

test.skipIf(CANNOT)(
  "a sender that comes to another address says so, and is found there (needs root)",
  async () => {
    using folder = temporaryFolder();
    using network = new LocalNetwork({ ipv4: "10.78.0." });
    using sender = new Machine(1, join(folder.path, "1"), network);
    using receiver = new Machine(2, join(folder.path, "2"), network);
    const { path, bytes } = makeFile(folder.path, "a.bin", 2 * 1024 ** 2);
    await using sending = sender.run(["send", path, "--code", CODE]);
    await sending.events((event) => event.event === "carrying");
    sender.readdress(network, "eth0", 9);
    // Between two addresses it may say that it has none.
    const moved = await sending.events(
      (event) => event.event === "carrying" && event.addresses.length > 0,
    );
    expect(moved).toMatchObject({
      note: "other machines now reach it at ws://10.78.0.9:8000",
      addresses: [{ relay: "ws://10.78.0.9:8000", interface: "eth0" }],
    });
    const words = ["recv", "--yes", "--out", folder.path, "--prefix", "got-"];
    await using receiving = receiver.run(words, { FILESHARE_CODE: CODE });
    const found = await receiving.events((event) => event.event === "relay" && event.online);
    expect(found).toMatchObject({ url: "ws://10.78.0.9:8000/ws" });
    for (const command of [receiving, sending]) {
      await command.events();
      expect(await command.exited).toBe(0);
    }
    expect(bytesOf(join(folder.path, "got-a.bin"))).toEqual(bytes);
  },
);
