import { describe, expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { join } from "node:path";

import { checkClock } from "../../../cli/commands/doctor/relay.ts";
import { checkTerminal } from "../../../cli/commands/doctor/machine.ts";
import { startRelay } from "../../../relay/mod.ts";
import { temporaryFolder } from "../../support/disk.ts";
import { jsonLines, run } from "../../support/clients/program.ts";
import { openPty } from "../../support/clients/pty.ts";

interface Check {
  readonly name: string;
  readonly verdict: string;
  readonly message: string;
  readonly advice: string;
}

async function doctor(args: readonly string[], env: Record<string, string> = {}, before = "") {
  const shell = `${before} exec "$@"`;
  const { exitCode, out } = await run(["doctor", "--json", ...args], { env, shell });
  const checks = jsonLines<Check>(out);
  return { exitCode, of: (name: string) => checks.find((check) => check.name === name) };
}

describe("fileshare doctor", () => {
  test("finds a relay well, sends through it, and leaves nothing behind", async () => {
    using folder = temporaryFolder();
    await using relay = await startRelay();
    const env = { TMPDIR: folder.path, XDG_STATE_HOME: join(folder.path, "state") };
    // No program listens at the proxy's address, and this machine needs no proxy.
    const proxied = { ...env, HTTP_PROXY: "http://127.0.0.1:1" };
    const { exitCode, of } = await doctor(["--relay", relay.url], proxied);
    expect(exitCode).toBe(0);
    for (const name of ["fileshare", "relay", "clock", "transfer"]) {
      expect(of(name)).toMatchObject({ verdict: "fine" });
    }
    expect(of("others")?.message).toMatch(/Only this machine reaches/);
    expect(of("transfer")?.message).toMatch(/B\/s through the relay and back \(32 MiB in /);
    expect(readdirSync(folder.path)).toEqual([]);
  });

  test("says that no relay is there, and looks no further on the way", async () => {
    const { exitCode, of } = await doctor(["--relay", "ws://127.0.0.1:1"]);
    expect(exitCode).toBe(1);
    expect(of("relay")).toMatchObject({
      verdict: "failed",
      message: "The relay cannot be reached: ws://127.0.0.1:1/ws; nothing listens at that port",
    });
    expect(of("transfer")).toBeUndefined();
    expect(of("terminal")).toBeDefined();
  });

  test("tells something else from a relay", async () => {
    const server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response("hi") });
    const { exitCode, of } = await doctor(["--relay", `ws://127.0.0.1:${server.port}`]);
    await server.stop(true);
    expect(exitCode).toBe(1);
    expect(of("relay")?.message).toStartWith("No fileshare relay answers at that address");
  });

  test("warns of a low limit of open files", async () => {
    const args = ["--relay", "ws://127.0.0.1:1", "--quick"];
    const low = await doctor(args, {}, "ulimit -n 512;");
    expect(low.of("open files")).toMatchObject({ verdict: "warning" });
    expect(low.of("open files")?.message).toStartWith("512 at most");
  });

  test("is for people in a terminal", async () => {
    await using relay = await startRelay();
    const env = { LANG: "C.UTF-8", LC_ALL: "" };
    await using pty = openPty(["doctor", "--quick", "--relay", relay.url], { columns: 100, env });
    expect(await pty.exited).toBe(0);
    const lines = pty.grid();
    expect(lines.find((line) => line.includes("relay "))).toStartWith("fine     relay       ws://");
    expect(lines.at(-1)).toBe(
      "fine     terminal    100 x 24, xterm-256color, colours, questions can be asked",
    );
  });
});

test("a clock that is off is told, and which", async () => {
  const at = (seconds: number): Record<string, string> => ({
    date: new Date(Date.now() + seconds * 1000).toUTCString(),
  });
  for (const [headers, message] of [
    [at(0), "Agrees with the relay's"],
    [at(-3600), " ahead of the relay's"],
    [at(7230), "2 h 0 min behind the relay's"],
    [{ date: "soon" }, "The relay does not send its time"],
  ] as const) {
    const fetch = (): Response => new Response("", { status: 404, headers });
    const server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch });
    expect((await checkClock(`ws://127.0.0.1:${server.port}/ws`)).message).toContain(message);
    await server.stop(true);
  }
});

test("a terminal is described as the screens take it", () => {
  const size = { isTTY: true, columns: 80, rows: 24 };
  const dumb = checkTerminal({ TERM: "dumb", LANG: "C" }, false, size);
  expect(dumb).toMatchObject({
    verdict: "warning",
    message: '80 x 24, TERM=dumb, plain lines, no colours, no keyboard for questions, locale "C"',
  });
  expect(checkTerminal({}, true, { ...size, isTTY: false }).verdict).toBe("fine");
});
