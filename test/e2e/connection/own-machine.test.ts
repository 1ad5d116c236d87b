/** Errors name the real reason when this machine, its network or its folders are at fault. */
import { describe, expect, test } from "bun:test";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

import { commands, registry } from "../../../cli/commands/registry.ts";
import type { ClientEvent } from "../../../cli/job/event-schema.ts";
import { receive, send, type Client } from "../../../cli/mod.ts";
import { LinkFlow, STUCK_MS } from "../../../cli/connection/link-flow.ts";
import { settingsFor } from "../../../cli/arguments/settings.ts";
import { startRelay } from "../../../relay/mod.ts";
import { makeFile } from "../../support/files.ts";
import { temporaryFolder } from "../../support/disk.ts";
import { BINARY } from "../../support/clients/command-words.ts";
import { CODE, run, start } from "../../support/clients/program.ts";

const IS_ROOT = process.getuid?.() === 0;

async function when(client: Client, passes: (event: ClientEvent) => boolean): Promise<ClientEvent> {
  for await (const event of client) if (passes(event)) return event;
  throw new Error("it ended before that");
}

describe("a folder that was removed", () => {
  test.each(["send a.bin", "recv --yes"])("is named where %s runs in it", async (words) => {
    using folder = temporaryFolder();
    const here = `"${folder.path}/here"`;
    const shell = `mkdir ${here}; cd ${here}; rmdir ${here}; exec "$@"`;
    // A preload of the tests has Bun start otherwise.
    const env = { FILESHARE_CODE: CODE, BUN_OPTIONS: "" };
    const { exitCode, err } = await run(words.split(" "), { shell, env });
    // In a binary Bun itself says so, before the program starts.
    const [code, why] =
      BINARY === undefined
        ? [2, "the folder that this command runs in was removed"]
        : [1, "The current working directory was deleted"];
    expect(exitCode).toBe(code);
    expect(err).toContain(why);
  });

  test("is named where it is the one to save in, while a share comes", async () => {
    using folder = temporaryFolder();
    await using relay = await startRelay();
    const file = makeFile(folder.path, "a.bin", 2_000_000);
    const out = join(folder.path, "out");
    mkdirSync(out);
    // Two have to agree, so nothing comes before the folder is gone.
    const startWhen = { receivers: 2, minWaitMs: 0, maxWaitMs: undefined };
    const sender = send({ what: [file.path], relay: relay.url, receivers: 2, startWhen });
    const code = await when(sender, ({ event }) => event === "code");
    const way = { relay: relay.url, code: code.event === "code" ? code.code : "" };
    const first = receive({ ...way, out });
    await when(sender, (event) => event.event === "gate" && event.agreed === 1);
    rmSync(out, { recursive: true });
    const other = join(folder.path, "other");
    mkdirSync(other);
    const second = receive({ ...way, out: other });
    const error = await when(first, ({ event }) => event === "error");
    expect(error).toMatchObject({ code: "write-failed" });
    expect(error.event === "error" && error.message).toContain("removed");
    for (const client of [sender, second]) client.interrupt();
    await Promise.all([sender.outcome, second.outcome]);
  });
});

test("~ in a configuration is the home folder, for paths alone", async () => {
  using folder = temporaryFolder();
  const path = join(folder.path, "config.toml");
  writeFileSync(
    path,
    `[recv]\nout = "~/downloads"\nca = "~/ca.pem"\nprefix = "~"\n[relay]\nlog-dir = "~"\ntoken-file = "~x/t"\n`,
  );
  const env = { FILESHARE_CONFIG: path, FILESHARE_TLS_CERT: "~/cert.pem" };
  const ofRecv = await settingsFor("recv", await commands["recv"]!(), env, registry);
  const ofRelay = await settingsFor("relay", await commands["relay"]!(), env, registry);
  expect(ofRecv.get("out")?.value).toBe(join(homedir(), "downloads"));
  expect(ofRecv.get("ca")?.value).toBe(join(homedir(), "ca.pem"));
  expect(ofRecv.get("prefix")?.value).toBe("~");
  expect(ofRelay.get("log-dir")?.value).toBe(homedir());
  expect(ofRelay.get("tls-cert")?.value).toBe(join(homedir(), "cert.pem"));
  // Another user's home is for a shell to know.
  expect(ofRelay.get("token-file")?.value).toBe("~x/t");
});

describe.skipIf(!IS_ROOT)("a relay in a network of its own (needs root)", () => {
  /** Its output until it listens, or until its end. */
  async function started(setup: string, options: string): Promise<string> {
    const inner = `ip link set lo up; ${setup}; exec "$@" 2>&1`;
    const shell = `exec unshare -n sh -c '${inner}' sh "$@"`;
    const child = start(["relay", "--admin", "off", ...options.split(" ")], { shell });
    let said = "";
    for await (const bytes of child.stdout) {
      said += new TextDecoder().decode(bytes);
      if (said.includes("Clients reach it")) child.kill("SIGKILL");
    }
    await child.exited;
    return said;
  }

  test.each<[what: string, setup: string, options: string, said: readonly string[]]>([
    [
      "with both families",
      "ip link add v0 type veth peer name v1; ip addr add 192.0.2.7/24 dev v0; ip addr add 2001:db8::7/64 dev v0 nodad; ip link set v0 up; ip link set v1 up",
      "--host ::",
      ["ws://192.0.2.7:8000", "ws://[2001:db8::7]:8000"],
    ],
    [
      "without IPv6",
      "sysctl -qw net.ipv6.conf.all.disable_ipv6=1",
      "--host ::",
      ["It takes only IPv4, because this machine has no IPv6: here at ws://127.0.0.1:8000"],
    ],
    [
      "with IPv6 alone",
      "ip link add v0 type veth peer name v1; ip addr add 2001:db8::7/64 dev v0 nodad; ip link set v0 up; ip link set v1 up",
      "--host 0.0.0.0",
      ["this machine has only IPv6, for which --host :: listens"],
    ],
    ["at an address of another", "true", "--host 192.0.2.9", ["does not have that address"]],
  ])("%s", async (_, setup, options, said) => {
    const text = await started(setup, options);
    for (const part of said) expect(text).toContain(part);
  });
});

test.skipIf(!IS_ROOT)(
  "a host alone is enough to find a relay at its usual port (needs root)",
  async () => {
    const script = `ip link set lo up; "$@" relay --admin off --json >/dev/null & relay=$!
      "$@" doctor --quick --json --relay 127.0.0.1; code=$?; kill $relay; wait $relay; exit $code`;
    const { exitCode, out } = await run([], { shell: `exec unshare -n sh -c '${script}' sh "$@"` });
    expect(out).toContain("ws://127.0.0.1:8000/ws welcomed us");
    expect(exitCode).toBe(0);
  },
);

describe("a line on which nothing gets through", () => {
  const there = ["192.0.2.7", "[2001:db8::7]"];

  test("is told once each time, and why", () => {
    let addresses = there;
    const flow = new LinkFlow(0, () => addresses);
    const stuck = STUCK_MS + 1;
    expect(flow.check({ now: 1, sent: 900, unsent: 0, heardAt: 0 })).toBeUndefined();
    // The relay is heard, and takes nothing.
    expect(flow.check({ now: 2, sent: 900, unsent: 500, heardAt: 2 })).toBeUndefined();
    const lost = flow.check({ now: 2 + stuck, sent: 900, unsent: 500, heardAt: stuck });
    expect(lost).toContain("large packets seem to get lost");
    expect(flow.check({ now: 3 + stuck, sent: 900, unsent: 500, heardAt: stuck })).toBeUndefined();
    // It takes something again.
    expect(flow.check({ now: 4 + stuck, sent: 900, unsent: 400, heardAt: stuck })).toBeUndefined();
    expect(flow.why).toBeUndefined();
    // It is silent, and then this machine has another address.
    expect(flow.check({ now: 2 * stuck, sent: 900, unsent: 0, heardAt: 1 })).toContain(
      "nothing comes",
    );
    expect(flow.isMoved).toBe(false);
    addresses = ["192.0.2.7"];
    const moved = flow.check({ now: 3 * stuck, sent: 900, unsent: 0, heardAt: 1 });
    expect(moved).toContain("does not have the address [2001:db8::7] any more");
    // It is made anew at once, from an address that is there.
    expect(flow.isMoved).toBe(true);
  });

  test("is told at a sender while large pieces get lost on the way", async () => {
    using folder = temporaryFolder();
    await using relay = await startRelay();
    const file = makeFile(folder.path, "a.bin", 20_000_000);
    await using hole = await BlackHole.start(relay.port);
    const out = join(folder.path, "out");
    mkdirSync(out);
    const sender = send({ what: [file.path], relay: `ws://127.0.0.1:${hole.port}` });
    const code = await when(sender, ({ event }) => event === "code");
    const receiver = receive({
      relay: relay.url,
      code: code.event === "code" ? code.code : "",
      out,
    });
    const stuck = await when(
      sender,
      (event) => event.event === "relay" && event.code !== undefined,
    );
    expect(stuck).toMatchObject({ online: true, code: "line-stuck" });
    expect(stuck.event === "relay" && stuck.detail).toContain("MTU");
    for (const client of [sender, receiver]) client.interrupt();
    await Promise.all([sender.outcome, receiver.outcome]);
  });
});

/** A way to the relay on which large pieces get lost; see the script. */
class BlackHole implements AsyncDisposable {
  readonly port: number;
  readonly #child: Bun.Subprocess;

  private constructor(port: number, child: Bun.Subprocess) {
    this.port = port;
    this.#child = child;
  }

  static async start(relayPort: number): Promise<BlackHole> {
    const script = new URL("black-hole.py", import.meta.url).pathname;
    const child = Bun.spawn(["python3", script, `${relayPort}`], { stdin: "ignore" });
    const reader = child.stdout.getReader();
    const { value } = await reader.read();
    reader.releaseLock();
    return new BlackHole(Number(new TextDecoder().decode(value)), child);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill();
    await this.#child.exited;
  }
}
