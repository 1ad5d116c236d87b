import { describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";

import manifest from "../../../package.json" with { type: "json" };
import { temporaryFolder } from "../../support/disk.ts";
import { CODE, MAIN, run, start, type Ran } from "../../support/clients/program.ts";

describe("help and version", () => {
  test("of the program name the commands, in plain text where there is no terminal", async () => {
    const { exitCode, out, err } = await run(["--help"]);
    expect({ exitCode, err }).toEqual({ exitCode: 0, err: "" });
    expect(out).toContain("USAGE fileshare COMMAND [OPTIONS]\n");
    expect(out).toContain("fileshare send big.iso\n");
    expect(out).not.toContain("\u001B");
  });

  test.each([
    [["send", "--help"], "--receivers=<n>"],
    [["help", "send"], "--receivers=<n>"],
    [["send", "x", "-h"], "--receivers=<n>"],
    [["recv", "--help"], "--prefix=<text>"],
    [["relay", "--help"], "--workers=<n>"],
  ])("%j names %s and examples", async (args, option) => {
    const { exitCode, out, err } = await run(args);
    expect({ exitCode, err }).toEqual({ exitCode: 0, err: "" });
    expect(out).toContain(option);
    expect(out).toContain("\nEXAMPLES\n\n  fileshare ");
  });

  test("the version is the package's", async () => {
    for (const flag of ["--version", "-v", "-V"]) {
      const { exitCode, out, err } = await run([flag]);
      expect({ exitCode, err }).toEqual({ exitCode: 0, err: "" });
      expect(out).toMatch(/^\S+ \(.+\)\n$/);
      expect(out.split(" ")[0]).toBe(manifest.version);
    }
  });

  test("help loads neither the wire nor a thread", async () => {
    const list = `await import(${JSON.stringify(MAIN)})`;
    const script = `process.on("exit", () => console.error(Object.keys(require.cache).join("\\n")));
      process.argv.splice(1, Infinity, "x", "send", "--help"); ${list}`;
    const child = Bun.spawn([process.execPath, "-e", script], { stdout: "pipe", stderr: "pipe" });
    const loaded = await child.stderr.text();
    expect(await child.exited).toBe(0);
    expect(loaded).toContain("cli/commands/dispatcher.ts");
    expect(loaded).not.toMatch(/protocol\/mod|msgpackr|valibot|log-update|cli\/client|crypto/);
  });

  // The streaming thread loads it meanwhile; a second load here delays the code of a small file.
  test.each(["send", "recv"])(
    "the screen's thread of %s does not load the wire",
    async (command) => {
      const screen = new URL(`../../../cli/commands/run-${command}.ts`, import.meta.url).href;
      const script = `await import(${JSON.stringify(screen)});
      console.log(Object.keys(require.cache).join("\\n"));`;
      const child = Bun.spawn([process.execPath, "-e", script], { stdout: "pipe" });
      const loaded = await child.stdout.text();
      expect(await child.exited).toBe(0);
      expect(loaded).toContain("cli/library/client.ts");
      expect(loaded).not.toMatch(/protocol\/mod|msgpackr|valibot/);
    },
  );

  test("no command at all is wrong usage, with the help", async () => {
    const { exitCode, out, err } = await run([]);
    expect({ exitCode, out }).toEqual({ exitCode: 2, out: "" });
    expect(err).toContain("USAGE fileshare COMMAND [OPTIONS]\n");
  });
});

describe("wrong usage ends with 2 and a hint", () => {
  test.each([
    [["sned", "x"], 'there is no command "sned" (did you mean fileshare send x?)'],
    [["--stay", "send", "x"], "options go after the command: fileshare send --stay"],
    [["--frobnicate"], "there is no option --frobnicate without a command"],
    [["send", "x", "--recievers", "2"], "(did you mean --receivers?)"],
    [["recv", CODE, "y"], '"y" is one word too many'],
    [["send", "x", "--text", "y"], "give either --text or paths"],
    [["send", "-", "x"], "- must be the only path"],
    [["send", "x", "y", "--name", "z"], "--name is for one path"],
    [["send"], "give the path of the file to send"],
    [["send", "x", "--receivers", "0"], "--receivers takes a whole number from 1 to "],
    [["send", "x", "--receivers", "1e3"], "--receivers takes a whole number from 1 to "],
    [["send", "x", "--connect-timeout", "soon"], "--connect-timeout takes seconds"],
    [["send", "x", "--max-wait", "9"], "--max-wait needs --wait-for"],
    [["send", "x", "--min-wait", "9", "--wait-for", "0"], "--wait-for takes a whole number from 1"],
    [
      ["send", "x", "--wait-for", "2", "--min-wait", "9", "--max-wait", "8"],
      "--max-wait is less than --min-wait",
    ],
    [["send", "x", "--drop-slow", "0"], "--drop-slow takes seconds, more than 0"],
    [["send", "x", "--limit", "1"], "--limit takes at least 64KiB per second"],
    [["send", "x", "--ask"], "there is no terminal for a question"],
    [["send", "x", "--share", "0000", "--new"], "give either --share or --new"],
    [["send", "x", "--share="], "--share takes the id of a share"],
    [["send", "x", "--share", "0123456789abcdefg"], "--share takes the id of a share"],
    [["resume", "99"], "nothing is unfinished under 99"],
    [["forget"], "give a number of fileshare list, or --all"],
    [["forget", "1", "--all"], "give a number of fileshare list, or --all"],
    [["send", "x", "--lobby", "--code", CODE], "give either --code or --lobby"],
    [["send", "x", "--relay", "ftp://x"], "address is not valid: ftp://x"],
    [["recv", CODE, "--lobby"], "give either a code or --lobby"],
    [["recv", CODE, "--yes", "--ask"], "give either --yes or --ask"],
    [["recv", CODE, "--yes", "--limit", "1"], "--limit takes at least 64KiB per second"],
    [["recv", CODE, "--yes", "--prefix", "a/b"], "--prefix does not start a safe name"],
    [["recv", CODE, "--yes", "--name", ""], "--name takes 1 to 64 characters"],
    [["recv", CODE, "--yes", "--out", ""], "--out takes a folder"],
    [["recv", "--lobby", "--connect-timeout", "5"], "--connect-timeout does not work in the lobby"],
    [["recv", "--yes"], "standard input has no code"],
    [["relay", "--port", "65536"], "--port takes a whole number from 0 to 65535"],
    [["relay", "--workers", "0"], "--workers takes a whole number from 1 to "],
    [["relay", "--drain", "soon"], "--drain takes seconds, from 0 to 3600"],
    [["relay", "--drain", "3601"], "--drain takes seconds, from 0 to 3600"],
    [["relay", "--stall-timeout", "0"], "--stall-timeout takes seconds, more than 0"],
    [["relay", "--stall-timeout", "3601"], "--stall-timeout takes seconds, more than 0"],
    [["relay", "token"], "relay token takes one of: add, list, revoke"],
    [["relay", "tokn", "add"], 'no command "relay tokn add" (did you mean relay token add?)'],
    [["relay", "tok"], '"relay tok" (did you mean relay token?)'],
    [["relay", "bann", "x"], '"relay bann x" (did you mean relay ban?)'],
    [["relay", "token", "ad"], '"relay token ad" (did you mean relay token add?)'],
    [["relay", "token", "remove", "x"], "(did you mean relay token revoke?)"],
    [["relay", "--access", "shut"], "--access takes open, senders, closed"],
    [["relay", "--access", "closed"], "give them with --token-file"],
    [["relay", "--origin", "null"], "--origin takes a URL without a path"],
    [["relay", "--origin", "https://*.example"], "--origin takes a URL without a path"],
    [["relay", "--public-url", "ftp://relay.example"], "--public-url takes a URL such as"],
    [["relay", "--public-url", "https://a.example/?b"], "--public-url takes a URL such as"],
    [["relay", "--trusted-proxy", "me"], "--trusted-proxy takes an address or a range"],
    [["send", "x", "--token", "a b"], "a token has 1 to 256 characters"],
    [["relay", "token", "add"], "give the token file with --token-file"],
    [["relay", "token", "add", "--token-file", "x", "--role", "root"], "--role takes send"],
    [["relay", "token", "add", "--token-file", "x", "--expires", "0d"], "a time to come"],
    [["relay", "token", "add", "--token-file", "x", "--expires", "soon"], "such as 30d"],
    [["relay", "token", "revoke", "--token-file", "x"], "give an id from"],
    [["relay", "8000"], '"8000" is one word too many'],
  ])("%j", async (args, hint) => {
    const { exitCode, out, err } = await run(args);
    expect({ exitCode, out }).toEqual({ exitCode: 2, out: "" });
    expect(err).toContain(hint);
    expect(err).not.toMatch(/\n\s+at /);
  });

  test("with --json it is an event, and stderr stays empty", async () => {
    const { exitCode, out, err } = await run(["recv", "--json", CODE, "b\u009B\u202E"]);
    expect({ exitCode, err }).toEqual({ exitCode: 2, err: "" });
    expect(JSON.parse(out)).toEqual({
      event: "error",
      code: "usage",
      message: expect.stringContaining('"b\u009B\u202E" is one word too many') as string,
    });
    expect(out).not.toMatch(/(?!\n)[\p{Cc}\p{Cf}]/u);
  });

  test("F6 typed text is shown harmless", async () => {
    const { err } = await run(["\u001B[2J\u202E"]);
    expect(err).toContain("\\u{1b}[2J\\u{202e}");
    expect(err).not.toMatch(/(?!\n)[\p{Cc}\p{Cf}]/u);
  });
});

/** A listener that only counts who comes. */
function listener(): Disposable & { readonly url: string; readonly connections: number } {
  let connections = 0;
  const server = Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      open: (socket) => {
        connections++;
        socket.end();
      },
      data: () => undefined,
    },
  });
  return {
    url: `ws://127.0.0.1:${server.port}`,
    get connections() {
      return connections;
    },
    [Symbol.dispose]: () => server.stop(true),
  };
}

describe("W3 before any socket opens", () => {
  const LOOKALIKE = CODE.replace("a", "\u0430");

  test.each([
    ["one word", "abandon"],
    ["five words", CODE.split("-").slice(2).join("-")],
    ["eight words", `${CODE}-zoo`],
    ["another word of the list", CODE.replace("useful", "usage")],
    ["two words swapped", CODE.replace("harbor-tilt", "tilt-harbor")],
    ["an unknown word", CODE.replace("useful", "usefull")],
    ["a look-alike", LOOKALIKE],
    ["an endless one", "abandon-".repeat(10_000)],
    ["a short own code", "secret-1"],
  ])("a malformed code fails: %s", async (_, code) => {
    using relay = listener();
    const env = { FILESHARE_RELAY: relay.url };
    const runs = await Promise.all([
      run(["recv", "--yes", "--", code], { env }),
      run(["recv", "--yes"], { env: { ...env, FILESHARE_CODE: code } }),
      run(["recv", "--yes"], { env, stdin: `${code}\n` }),
      run(["send", MAIN, `--code=${code}`], { env }),
    ]);
    for (const { exitCode, out, err } of runs) {
      expect({ exitCode, out }).toEqual({ exitCode: 2, out: "" });
      expect(err).toStartWith("fileshare: The given text is not a code: ");
    }
    expect(relay.connections).toBe(0);
  });

  test("a receiver is told that a word is missing; a sender's own is completed", async () => {
    using relay = listener();
    const env = { FILESHARE_RELAY: relay.url };
    const six = CODE.replace(/-[a-z]+$/, "");
    const received = await run(["recv", "--yes", ...six.split("-")], { env });
    expect(received).toMatchObject({ exitCode: 2, out: "" });
    expect(received.err).toContain("it has 6 words, not 7: one is missing");
    expect(relay.connections).toBe(0);
    const keys = await Promise.all(
      [CODE, `fileshare recv ${CODE}`, `"${CODE.toUpperCase()}".`].map((text) => {
        return run(["key", ...text.split(" ")]);
      }),
    );
    expect(new Set(keys.map(({ exitCode, out }) => `${exitCode} ${out}`)).size).toBe(1);
    expect(keys[0]).toMatchObject({ exitCode: 0 });
    const args = ["send", MAIN, "--code", six.replaceAll("-", " "), "--connect-timeout", "0.1"];
    const sent = await run(args, { env });
    expect(sent.out).toContain(`Code: ${CODE}\n`);
  });

  test("a code across lines is read from a pipe", async () => {
    const lines = [CODE.replaceAll("-", "\n"), `\n\n${CODE}\nmore`, `Code:\n  ${CODE}`];
    const keys = await Promise.all([...lines, CODE].map((stdin) => run(["key"], { stdin })));
    expect(new Set(keys.map(({ exitCode, out }) => `${exitCode} ${out}`)).size).toBe(1);
    expect(keys[0]).toMatchObject({ exitCode: 0, err: "" });
  });

  test("a receiver that can't ask wants --yes", async () => {
    using relay = listener();
    const env = { FILESHARE_RELAY: relay.url };
    const asked = await Promise.all([
      run(["recv", CODE], { env }),
      run(["recv"], { env, stdin: CODE }),
      run(["recv", "--lobby", "--ask"], { env }),
    ]);
    for (const { exitCode, err } of asked) {
      expect(exitCode).toBe(2);
      expect(err).toContain("there is no terminal for a question; give --yes");
    }
    const json = await run(["recv", CODE, "--json"], { env });
    expect(json.exitCode).toBe(2);
    expect(json.out).toContain("--json asks no question; give --yes");
    expect(relay.connections).toBe(0);
  });

  test("a file that can't be sent fails", async () => {
    using relay = listener();
    using folder = temporaryFolder();
    expect(Bun.spawnSync(["mkfifo", join(folder.path, "pipe")]).success).toBe(true);
    writeFileSync(join(folder.path, "a\u202Eb"), "");
    const env = { FILESHARE_RELAY: relay.url };
    const send = (path: string): Promise<Ran> => run(["send", path], { env, cwd: folder.path });
    const [missing, pipe, unsafe] = await Promise.all(["none", "pipe", "a\u202Eb"].map(send));
    for (const ran of [missing, pipe]) expect(ran?.exitCode).toBe(2);
    expect(missing?.err).toContain("file does not exist: none");
    expect(pipe?.err).toContain("not a regular file: pipe");
    expect(unsafe?.exitCode).not.toBe(0);
    expect(unsafe?.err).not.toContain("\u202E");
    expect(relay.connections).toBe(0);
  });
});

test("a code in the arguments gets a hint that it shows there, without --json", async () => {
  using relay = listener();
  const args = ["recv", CODE, "--yes", "--connect-timeout", "0.1", "--relay", relay.url];
  const [people, programs] = await Promise.all([run(args), run([...args, "--json"])]);
  expect(people.err).toStartWith("Note: other users of this machine can see that code");
  expect(people.exitCode).toBe(1);
  expect(programs).toMatchObject({ exitCode: 1, err: "" });
  for (const line of programs.out.trimEnd().split("\n")) {
    expect(JSON.parse(line)).toHaveProperty("event");
  }
});

describe("the relay command", () => {
  test.each(["SIGINT", "SIGTERM"] as const)(
    "tells where it listens, and ends at %s",
    async (signal) => {
      const args = ["relay", "--host", "127.0.0.1", "--port", "0", "--json"];
      const child = start(args);
      const reader = child.stdout.getReader();
      const { value } = await reader.read();
      const told = JSON.parse(new TextDecoder().decode(value)) as Record<string, unknown>;
      expect(told).toEqual({
        event: "listening",
        url: `ws://127.0.0.1:${String(told["port"])}`,
        port: expect.any(Number) as number,
        workers: process.platform === "linux" ? availableParallelism() : 1,
      });
      child.kill(signal);
      const drained = await reader.read();
      expect(JSON.parse(new TextDecoder().decode(drained.value))).toEqual({
        event: "draining",
        seconds: 8,
      });
      expect(await child.exited).toBe(0);
      expect(await child.stderr.text()).toBe("");
    },
  );

  test("says that a port is taken", async () => {
    using taken = listener();
    const port = new URL(taken.url).port;
    const { exitCode, out, err } = await run(["relay", "--host", "127.0.0.1", "--port", port]);
    expect({ exitCode, out }).toEqual({ exitCode: 1, out: "" });
    expect(err).toContain("the port is in use");
  });

  test("bun run relay is the same", () => {
    expect(manifest.scripts.relay).toBe("bun cli/main.ts relay");
  });
});
