/** Executables and hidden files need a yes of their own, above all in the lobby, where anybody may send. */
import { afterAll, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

import { send } from "../../../cli/library/library.ts";
import { startRelay } from "../../../relay/mod.ts";
import { fileshare } from "../../support/clients/command.ts";
import { temporaryFolder } from "../../support/disk.ts";
import { cleanEnv, openPty } from "../../support/clients/pty.ts";
import { FILESHARE } from "../../support/clients/command-words.ts";

const CTRL_C = "\u0003";
const relay = await startRelay();
afterAll(() => relay.stop());

/** A file that is offered to the lobby until the block ends. */
function offered(folder: string, path: string, mode = 0o644): AsyncDisposable {
  const [top = ""] = path.split("/");
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), "theirs", { mode });
  const sending = send({ what: [join(folder, top)], relay: relay.url, code: "lobby", stay: true });
  return {
    [Symbol.asyncDispose]: async () => {
      sending.interrupt();
      await sending.outcome;
    },
  };
}

const DANGEROUS = [
  ["tool", 0o755, "executable"],
  ["setup.exe", 0o644, "executable"],
  ["project/build.sh", 0o644, "executable"],
  ["menu.desktop", 0o644, "acted upon by systems"],
  [".bashrc", 0o644, "hidden"],
  ["project/.git/config", 0o644, "hidden"],
] as const;

describe("recv --lobby", () => {
  test("where nobody can be asked passes over what needs a yes, and goes on", async () => {
    using from = temporaryFolder();
    using to = temporaryFolder();
    const env = { FILESHARE_RELAY: relay.url };
    await using receiver = fileshare(["recv", "--lobby", "--prefix=", "--out", to.path], env);
    await receiver.events(({ event }) => event === "waiting");
    for (const [at, [path, mode, why]] of DANGEROUS.entries()) {
      await using _sender = offered(join(from.path, `${at}`), path, mode);
      const error = await receiver.events(({ event }) => event === "error");
      expect(error).toMatchObject({ event: "error", code: "declined" });
      const option = why === "executable" ? "--executables" : "--hidden";
      const said = error?.event === "error" ? error.message : "";
      expect(said).toContain(
        `${path} is ${why}, which needs a yes, and there is no terminal for a question`,
      );
      expect(said).toContain(`(--yes ${option} takes it)`);
    }
    expect(readdirSync(to.path)).toEqual([]);
    await using _sender = offered(from.path, "notes.txt");
    await receiver.events(({ event }) => event === "saved");
    expect(readdirSync(to.path)).toEqual(["notes.txt"]);
  });

  test.each([
    [["--yes"], false, false],
    [["--executables", "--hidden"], false, false],
    [["--yes", "--executables"], true, false],
    [["--yes", "--hidden"], false, true],
    [["--yes", "--hidden", "--executables"], true, true],
  ])("with %j takes executables: %p, hidden files: %p", async (options, executables, hidden) => {
    using from = temporaryFolder();
    using to = temporaryFolder();
    const args = ["recv", "--lobby", "--prefix=", "--out", to.path, ...options];
    await using receiver = fileshare(args, { FILESHARE_RELAY: relay.url });
    await receiver.events(({ event }) => event === "waiting");
    for (const [path, taken] of [
      ["run.sh", executables],
      [".profile", hidden],
    ] as const) {
      await using _sender = offered(from.path, path);
      // A sender that went before the receipt came to it would be an error too.
      const last = await receiver.events(({ event }) => event === "done" || event === "error");
      expect({ path, event: last?.event }).toEqual({ path, event: taken ? "done" : "error" });
      expect(existsSync(join(to.path, path))).toBe(taken);
    }
  });

  test.each([[[]], [["--quiet"]]])("with %j and no terminal says why", async (options) => {
    using from = temporaryFolder();
    using to = temporaryFolder();
    await using _sender = offered(from.path, "setup.exe");
    await using child = Bun.spawn([...FILESHARE, "recv", "--lobby", ...options], {
      cwd: to.path,
      detached: true, // no terminal of the person who runs the tests
      env: { ...cleanEnv(), FILESHARE_RELAY: relay.url },
      stdin: "ignore",
      stdout: "ignore",
      stderr: "pipe",
    });
    let said = "";
    for await (const piece of child.stderr.pipeThrough(new TextDecoderStream())) {
      said += piece;
      if (said.endsWith("\n")) break;
    }
    expect(said).toBe(
      "Error: The file was declined: setup.exe is executable, which needs a yes, and there is no terminal for a question (--yes --executables takes it). Nothing was written.\n",
    );
    expect(readdirSync(to.path)).toEqual([]);
    child.kill("SIGTERM");
    expect(await child.exited).toBe(130);
  });

  test("asks at a terminal about these alone; Enter is no", async () => {
    using from = temporaryFolder();
    using to = temporaryFolder();
    const env = { FILESHARE_RELAY: relay.url };
    await using pty = openPty(["recv", "lobby"], { env, cwd: to.path, columns: 200 });
    await pty.shows("Waiting in the lobby for a file");
    for (const [path, key] of [
      ["first.exe", "\r"],
      ["second.exe", "y\r"],
    ] as const) {
      await using _sender = offered(from.path, path);
      await pty.shows(new RegExp(`${path}[^]*Take it\\? \\(y/N\\) $`));
      pty.type(key);
      await pty.shows(key === "\r" ? "The file was declined." : `Saved ${to.path}/rcv_${path}`);
    }
    await using _sender = offered(from.path, "notes.txt");
    await pty.shows(`Saved ${to.path}/rcv_notes.txt`);
    expect(readdirSync(to.path).toSorted()).toEqual(["rcv_notes.txt", "rcv_second.exe"]);
    pty.type(CTRL_C);
    expect(await pty.exited).toBe(130);
  });
});

describe("recv with a code", () => {
  test("takes more than Enter for an executable, also where its name is taken", async () => {
    using from = temporaryFolder();
    using to = temporaryFolder();
    writeFileSync(join(from.path, "run.sh"), "theirs, and longer");
    const sending = send({ what: [join(from.path, "run.sh")], relay: relay.url, stay: true });
    let code = "";
    for await (const event of sending) {
      if (event.event !== "code") continue;
      code = event.code;
      break;
    }
    const env = { FILESHARE_RELAY: relay.url, FILESHARE_CODE: code };
    for (const question of ["Take it? (y/N) ", "here, or (c)ancel? [c] "]) {
      await using pty = openPty(["recv"], { env, cwd: to.path });
      await pty.shows(question);
      pty.type("\r");
      expect(await pty.exited).toBe(1);
      writeFileSync(join(to.path, "run.sh"), "mine");
    }
    expect(readdirSync(to.path)).toEqual(["run.sh"]);
    sending.interrupt();
    await sending.outcome;
  });
});

test.each([
  [["--yes"], false],
  [["--yes", "--executables"], true],
])("recv CODE with %j takes executables: %p", async (options, taken) => {
  using from = temporaryFolder();
  using to = temporaryFolder();
  writeFileSync(join(from.path, "run.sh"), "theirs");
  const what = [join(from.path, "run.sh")];
  const sending = send({ what, relay: relay.url, stay: true });
  let code = "";
  for await (const event of sending) {
    if (event.event !== "code") continue;
    ({ code } = event);
    break;
  }
  const env = { FILESHARE_RELAY: relay.url, FILESHARE_CODE: code };
  await using receiver = fileshare(["recv", "--out", to.path, ...options], env);
  const last = await receiver.events(({ event }) => event === "saved" || event === "error");
  expect(last?.event).toBe(taken ? "saved" : "error");
  expect(existsSync(join(to.path, "run.sh"))).toBe(taken);
  sending.interrupt();
  await sending.outcome;
});
