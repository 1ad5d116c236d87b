/** A relay that a send or a receive carries, between real processes on a machine with a network of its own. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync } from "node:fs";
import { join } from "node:path";

import * as v from "valibot";

import { clientEvent, type ClientEvent } from "../../../cli/job/event-schema.ts";
import { bytesOf, temporaryFolder } from "../../support/disk.ts";
import { makeFile } from "../../support/files.ts";
import { CODE, ended, heard, jsonLines, run, type Ran } from "../../support/clients/program.ts";
import { lacksProgram } from "../../needs.ts";
import { OWN_ADDRESS, OwnNetwork } from "../../support/net/own-network.ts";

type Carrying = Extract<ClientEvent, { event: "carrying" }>;

const CANNOT = process.getuid?.() !== 0 || lacksProgram("ip", "iproute2");
const folder = temporaryFolder();
const file = makeFile(folder.path, "a.bin", 2 * 1024 ** 2);
let made = 0;

/** A folder to receive in, and the environment of a person of its own. */
function person() {
  const out = join(folder.path, `out${made++}`);
  mkdirSync(out);
  const env = { XDG_STATE_HOME: join(out, ".state"), NO_COLOR: "1" };
  return { out, env, cwd: folder.path, has: () => bytesOf(join(out, "a.bin")) };
}

/** The words of the command that a screen printed for the other side, without the program's name. */
function commandIn(said: string): string[] {
  const line = /^ {2}fileshare (.*)$/m.exec(said)?.[1];
  if (line === undefined) throw new Error(`no command in ${said}`);
  return line.split(" ");
}

/** Each line has to be as the reference says. */
function carryingIn({ out }: Pick<Ran, "out">): Carrying | undefined {
  const events = jsonLines(out).map((line) => v.parse(clientEvent, line));
  return events.find((event) => event.event === "carrying");
}

/** A program that is no relay, at that port of the loopback. */
const STRANGER = (port: number): string[] => [
  process.execPath,
  "-e",
  `Bun.serve({ hostname: "127.0.0.1", port: ${port}, fetch: () => new Response("no") }); console.log("ready")`,
];

describe.skipIf(CANNOT)("a relay of the command's own (needs root)", () => {
  let machine: OwnNetwork;
  beforeAll(() => void (machine = new OwnNetwork()));
  afterAll(() => {
    machine[Symbol.dispose]();
    folder[Symbol.dispose]();
  });

  test("a send without a relay carries one, and two receivers take the printed command", async () => {
    const from = person();
    const sending = machine.start(["send", file.path, "--receivers", "2"], from);
    const said = await heard(sending.stdout, "Using the relay");
    expect(said).toContain("This command runs a relay at port 8000, for this code alone");
    const words = commandIn(said);
    const code = words[1] ?? "";
    expect(words).toEqual(["recv", code, "--relay", `ws://${OWN_ADDRESS}:8000`]);
    expect(said).toContain(`Or open in a browser: http://${OWN_ADDRESS}:8000/#${code}`);
    const people = [person(), person()];
    const received = await Promise.all(
      people.map((one) => machine.run([...words, "--yes", "--out", one.out], one)),
    );
    for (const { exitCode, err } of received) {
      expect(exitCode).toBe(0);
      expect(err).not.toContain("Error");
    }
    expect(await sending.exited).toBe(0);
    for (const one of people) expect(one.has()).toEqual(file.bytes);
  });

  test("a receiver with --carry makes a code, and its sender takes the printed command", async () => {
    const to = person();
    const receiving = machine.start(["recv", "--carry", "--yes", "--out", to.out], to);
    const said = await heard(receiving.stdout, "Using the relay");
    expect(said).toContain(`Or open http://${OWN_ADDRESS}:8000/ in a browser`);
    const words = commandIn(said);
    expect(words.slice(3)).toEqual(["--relay", `ws://${OWN_ADDRESS}:8000`, "FILE"]);
    const sent = await machine.run([...words.slice(0, -1), file.path], person());
    expect(sent).toMatchObject({ exitCode: 0, err: "" });
    expect(await receiving.exited).toBe(0);
    expect(to.has()).toEqual(file.bytes);
  });

  test("an interrupted receiver with --carry tells the command with its code", async () => {
    const to = person();
    const options = ["recv", "--carry", "--yes", "--out", to.out];
    const receiving = machine.start(options, to);
    const words = commandIn(await heard(receiving.stdout, "Using the relay"));
    const pipe = [...words.slice(0, -1), "--name", "a.bin", "-"];
    const sending = machine.start(pipe, { ...person(), stdin: "pipe" });
    await heard(receiving.stdout, "Offered");
    receiving.kill("SIGINT");
    const { exitCode, out } = await ended(receiving);
    expect(exitCode).toBe(130);
    expect(out).toContain(`To resume: fileshare ${[...options, words[2]].join(" ")}`);
    sending.kill("SIGKILL");
    await sending.exited;
  });

  test("a sender with the code finds the relay that its receiver carries in the network", async () => {
    const to = person();
    const env = { ...to.env, FILESHARE_CODE: CODE };
    const words = ["recv", "--port", "9012", "--yes", "--out", to.out];
    const receiving = machine.start(words, { ...to, env });
    await heard(receiving.stdout, "Using the relay");
    const from = person();
    const { exitCode, out } = await machine.run(["send", file.path, "--code", CODE], from);
    expect(out).toContain(`Using the relay ws://${OWN_ADDRESS}:9012, found in this network`);
    expect(exitCode).toBe(0);
    expect(await receiving.exited).toBe(0);
    expect(to.has()).toEqual(file.bytes);
  });

  test("a killed send comes back at the same port, and its receiver goes on", async () => {
    const from = person();
    // The content is held back, so the sender is killed before any of it left.
    const killed = machine.start(
      ["send", file.path, "--receivers", "2", "--wait-for", "2", "--port", "9011"],
      from,
    );
    const words = commandIn(await heard(killed.stdout, "Using the relay"));
    const [first, second] = [person(), person()];
    const waiting = machine.start([...words, "--yes", "--out", first.out], first);
    await heard(waiting.stdout, "Offered");
    killed.kill("SIGKILL");
    await killed.exited;
    const resumed = machine.start(["resume"], from);
    const again = commandIn(await heard(resumed.stdout, "Using the relay"));
    expect(again).toEqual(words);
    const late = await machine.run([...words, "--yes", "--out", second.out], second);
    expect([late.exitCode, await waiting.exited, await resumed.exited]).toEqual([0, 0, 0]);
    for (const one of [first, second]) expect(one.has()).toEqual(file.bytes);
  });

  test("Ctrl-C ends the sender and its relay; the port of the run before is taken by resume", async () => {
    const from = person();
    const blocker = machine.program(STRANGER(8000));
    await heard(blocker.stdout, "ready");
    const stopped = machine.start(["send", file.path, "--stay"], from);
    const said = await heard(stopped.stdout, "Using the relay");
    expect(said).toContain("(another program has port 8000)");
    const words = commandIn(said);
    stopped.kill("SIGINT");
    expect(await stopped.exited).toBe(130);
    blocker.kill();
    await blocker.exited;
    const to = person();
    const resumed = machine.start(["resume"], from);
    expect(commandIn(await heard(resumed.stdout, "Using the relay"))).toEqual(words);
    const { exitCode } = await machine.run([...words, "--yes", "--out", to.out], to);
    expect(exitCode).toBe(0);
    resumed.kill("SIGINT");
    expect(await resumed.exited).toBe(0);
    expect(to.has()).toEqual(file.bytes);
  });

  test("strangers get nothing from a carried relay, and another send here carries its own", async () => {
    const from = person();
    const first = machine.start(["send", file.path, "--json"], from);
    const link = `"link":"http://${OWN_ADDRESS}:8000/#`;
    expect(await heard(first.stdout, '"route":"carried"')).toContain(link);
    const at = ["--relay", "ws://127.0.0.1:8000"];
    const stranger = await machine.run(["send", "--text", "x", "--code", CODE, ...at], person());
    expect(stranger.exitCode).toBe(1);
    expect(stranger.err).toContain("The relay serves one code alone, and not this one");
    const second = machine.start(["send", "--text", "other", "--json"], person());
    const said = await heard(second.stdout, '"route":"carried"');
    const carrying = carryingIn({ out: said.slice(0, said.lastIndexOf("\n")) });
    expect(carrying).toMatchObject({ wanted: 8000 });
    expect(carrying?.port).not.toBe(8000);
    for (const one of [first, second]) {
      one.kill("SIGINT");
      expect(await one.exited).toBe(130);
    }
  });

  test("a relay for everybody at its usual place is used, unless --carry or --port says otherwise", async () => {
    const relay = machine.start(["relay", "--admin", "off", "--json"], person());
    await heard(relay.stdout, "listening");
    const used = machine.start(["send", "--text", "x", "--json"], person());
    expect(await heard(used.stdout, '"online":true')).toContain('"route":"this-machine"');
    const carried = machine.start(["send", "--text", "x", "--json", "--carry"], person());
    expect(await heard(carried.stdout, '"online":true')).toContain('"route":"carried"');
    const exact = await machine.run(["send", "--text", "x", "--port", "8000"], person());
    expect(exact).toMatchObject({ exitCode: 1 });
    expect(exact.err).toContain("port is in use: 8000");
    for (const one of [used, carried, relay]) one.kill("SIGINT");
    await Promise.all([used.exited, carried.exited, relay.exited]);
  });

  test("a mistyped path ends the send before it tries to carry a relay", async () => {
    const blocker = machine.program(STRANGER(9013));
    await heard(blocker.stdout, "ready");
    const { exitCode, err } = await machine.run(["send", "mistyped", "--port", "9013"], person());
    expect(exitCode).toBe(2);
    expect(err).toContain("The file does not exist: mistyped");
    blocker.kill();
    await blocker.exited;
  });

  test("--no-carry starts none, and says that none answers", async () => {
    const words = ["send", "--text", "x", "--no-carry", "--connect-timeout", "0.1"];
    const { exitCode, err } = await machine.run(words, person());
    expect(exitCode).toBe(1);
    expect(err).toContain("The relay cannot be reached: ws://127.0.0.1:8000");
  });

  test("--addresses lists all addresses with their interfaces, that of the default route first", async () => {
    machine.addInterface("tun0", "198.18.0.7");
    const sending = machine.start(["send", "--text", "x", "--addresses"], person());
    const said = await heard(sending.stdout, "Using the relay");
    const listed = said.match(/^ {2}ws:.*$/gm);
    expect(listed?.slice(0, 2)).toEqual([
      `  ws://${OWN_ADDRESS}:8000  (eth0)`,
      "  ws://198.18.0.7:8000  (tun0)",
    ]);
    sending.kill("SIGINT");
    expect(await sending.exited).toBe(130);
  });

  test("a machine without a network carries a relay for itself, and says so", async () => {
    using alone = new OwnNetwork(true);
    const sending = alone.start(["send", "--text", "for me"], person());
    const said = await heard(sending.stdout, "Using the relay");
    expect(said).toContain("Only this machine reaches ws://127.0.0.1:8000: it has no network");
    const got = await alone.run([...commandIn(said), "--yes"], person());
    expect(got).toMatchObject({ exitCode: 0 });
    expect(got.out).toContain("for me");
    expect(await sending.exited).toBe(0);
  });
});

test.skipIf(CANNOT)(
  "without a network a sender with the code finds the relay of a receiver on its machine",
  async () => {
    using alone = new OwnNetwork(true);
    const env = { XDG_STATE_HOME: "/dev/null", FILESHARE_CODE: CODE };
    const receiving = alone.start(["recv", "--carry", "--yes"], { env });
    await heard(receiving.stdout, "Using the relay");
    const sent = await alone.run(["send", "--text", "for me", "--code", CODE], { env });
    expect(sent.out).toContain("Using the relay ws://127.0.0.1:8000 on this machine");
    expect([sent.exitCode, await receiving.exited]).toEqual([0, 0]);
  },
);

test.each([
  [["send", "x", "--carry", "--no-carry"], "give either --carry or --no-carry"],
  [["send", "x", "--port", "1", "--no-carry"], "give either --port or --no-carry"],
  [["recv", "--carry", "--relay", "ws://x"], "--carry is for a relay that this command starts"],
  [["send", "x", "--port", "65536"], "--port takes"],
])("%j is wrong use", async (words, why) => {
  const { exitCode, err } = await run(words);
  expect(exitCode).toBe(2);
  expect(err).toContain(why);
});
