/** Ctrl-Z, fg and bg with the job control of a real shell in a real terminal. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";

import { receive, send, type Client } from "../../../cli/mod.ts";
import { startRelay, type Relay } from "../../../relay/mod.ts";
import { temporaryFolder } from "../../support/disk.ts";
import { newCode } from "../../support/clients/clients.ts";
import { openProgram, type Pty } from "../../support/clients/pty.ts";
import { SHELL_FILESHARE } from "../../support/clients/command-words.ts";

const CODE = newCode();
const MiB = 1024 * 1024;
const CTRL_C = "\u0003";
const CTRL_Z = "\u001A";
const CURSOR_OFF = "\u001B[?25l";
const CURSOR_ON = "\u001B[?25h";

const folder = temporaryFolder();
let relay: Relay;
beforeAll(async () => {
  relay = await startRelay();
  mkdirSync(join(folder.path, "bin"));
  const program = join(folder.path, "bin/fileshare");
  writeFileSync(program, `#!/bin/sh\necho $$ > ${folder.path}/pid\nexec ${SHELL_FILESHARE} "$@"\n`);
  chmodSync(program, 0o755);
  writeFileSync(join(folder.path, "a.txt"), "content");
  // Two minutes of a slow receiver, as a shell on a busy machine takes seconds for each word.
  writeFileSync(join(folder.path, "big.bin"), "");
  truncateSync(join(folder.path, "big.bin"), 64 * MiB);
  mkdirSync(join(folder.path, "taken"));
  // Of another size: files of one size written at one tick of the clock count as equal.
  writeFileSync(join(folder.path, "taken/a.txt"), "another one");
});
afterAll(async () => {
  await relay.stop();
  folder[Symbol.dispose]();
});

/** A shell with job control, which runs fileshare as a person does. */
async function openShell(env: Record<string, string> = {}): Promise<Pty> {
  const pty = openProgram(["bash", "--norc", "--noprofile", "-i"], {
    cwd: folder.path,
    // The longest code and its command fit into a line.
    columns: 160,
    env: {
      PATH: `${join(folder.path, "bin")}:${process.env["PATH"] ?? ""}`,
      XDG_STATE_HOME: join(folder.path, "state"),
      FILESHARE_RELAY: relay.url,
      PS1: "$ ",
      ...env,
    },
  });
  await pty.shows("$ ");
  return pty;
}

/** The process that the wrapper became. */
function pid(): number {
  return Number(readFileSync(join(folder.path, "pid"), "utf8"));
}

/** Until each thread of that process is stopped, which is when its shell is told. */
async function stopped(): Promise<void> {
  const isStopped = (): boolean => {
    try {
      const tasks = `/proc/${pid()}/task`;
      return readdirSync(tasks).every((task) => {
        return /\) T /.test(readFileSync(`${tasks}/${task}/stat`, "latin1"));
      });
    } catch {
      return false; // not there yet
    }
  };
  while (!isStopped()) await Bun.sleep(10);
}

function until(client: Client): Client & AsyncDisposable {
  return Object.assign(client, {
    [Symbol.asyncDispose]: async () => {
      client.interrupt();
      await client.outcome;
    },
  });
}

/** A sender that serves whoever comes, while the block runs. */
function sender(): Client & AsyncDisposable {
  const path = join(folder.path, "a.txt");
  return until(send({ relay: relay.url, code: CODE, what: [path], stay: true }));
}

/** A receiver that takes its time, while the block runs. */
function slowReceiver(code = CODE): Client & AsyncDisposable {
  const out = mkdtempSync(join(folder.path, "out "));
  return until(receive({ relay: relay.url, code, out, name: "anna", limit: MiB / 2 }));
}

/** Whether the terminal reads lines and echoes them, as every program wants to find it. */
async function saneTerminal(shell: Pty): Promise<void> {
  shell.type("clear; stty -a | grep -o ' icanon\\| echo ' | tr -d '\\n'; echo is set\r");
  await shell.shows(" icanon echo is set");
}

function cursorIsOn({ raw }: Pty): boolean {
  return raw.lastIndexOf(CURSOR_ON) > raw.lastIndexOf(CURSOR_OFF);
}

const PROMPTS: readonly (readonly [string, command: string, question: string, typed: string])[] = [
  ["the code", "recv", "Code: ", "aban"],
  ["the path", "send", "File to send: ", "a.t"],
  ["consent", `recv ${CODE} --out .`, "Take it? (Y/n) ", "y"],
  ["a name that is taken", `recv ${CODE} --out taken`, "(c)ancel? [k] ", "k"],
];

describe("a question is answered after", () => {
  test.each(PROMPTS)("Ctrl-Z and SIGSTOP: %s", async (_, command, question, typed) => {
    await using _sender = sender();
    await using shell = await openShell();
    shell.type(`cd ${folder.path}; fileshare ${command}\r`);
    await shell.shows(question);
    for (const [i, letter] of [...typed.split(""), "", ""].entries()) {
      shell.type(letter);
      const asked = `${question}${typed.slice(0, i + 1)}`;
      await shell.shows(asked);
      if (i % 2 === 0) shell.type(CTRL_Z);
      else process.kill(pid(), "SIGSTOP");
      await shell.shows(/\[1\]\+ +Stopped.*\n\$ $/);
      await saneTerminal(shell);
      shell.type("fg\r");
      await shell.shows(new RegExp(`fg\n[^]*${RegExp.escape(asked)}$`));
    }
    shell.type(CTRL_C);
    await shell.shows(/\n\$ $/);
    shell.type("echo code $?\r");
    await shell.shows("code 130");
    await saneTerminal(shell);
  });
});

test("a question in the background stops its job until fg", async () => {
  await using shell = await openShell();
  rmSync(join(folder.path, "pid"), { force: true });
  shell.type("fileshare recv &\r");
  await shell.shows(/\[1\] \d+/);
  await stopped();
  // bash may take note of that only now, and call it stopped once more.
  shell.type("fg; fg 2> /dev/null\r");
  await shell.shows("Code: ");
  shell.type("aban\t");
  await shell.shows("Code: abandon-");
  shell.type(CTRL_C);
  await shell.shows(/\n\$ $/);
  await saneTerminal(shell);
});

test("each receiver is asked about after Ctrl-Z", async () => {
  await using shell = await openShell({ FILESHARE_CODE: CODE });
  shell.type("fileshare send a.txt --ask --new\r");
  await shell.shows("Using the relay");
  await using _receiver = slowReceiver();
  await shell.shows(/receive it\? \(y\/N\) $/);
  shell.type(CTRL_Z);
  await shell.shows(/Stopped.*\n\$ $/);
  await saneTerminal(shell);
  shell.type("fg\r");
  await shell.shows(/receive it\? \(y\/N\) $/);
  shell.type("y\r");
  await shell.shows(/Done: 1 receiver has everything.*\n\$ $/);
  await saneTerminal(shell);
});

test("a dumb terminal's question too", async () => {
  await using shell = await openShell({ TERM: "dumb" });
  shell.type("fileshare recv\r");
  await shell.shows("Code: ");
  shell.type(CTRL_Z);
  await shell.shows(/Stopped.*\n\$ $/);
  shell.type("fg\r");
  await shell.shows(/fg\n[^]*Code: $/);
  shell.type("\r");
  await shell.shows("screen shows the code");
  shell.type(CTRL_C);
  await shell.shows("Interrupted");
});

describe("during a transfer", () => {
  async function underWay(shell: Pty): Promise<void> {
    shell.type("fileshare send big.bin --stay --new\r");
    await shell.shows(/^Upload .*\nanna +receiving/m);
    expect(cursorIsOn(shell)).toBe(false);
  }

  test("the cursor comes back at Ctrl-Z, and fg draws anew in the width of then", async () => {
    const code = newCode();
    await using shell = await openShell({ FILESHARE_CODE: code });
    await using _receiver = slowReceiver(code);
    await underWay(shell);
    shell.type(CTRL_Z);
    await shell.shows(/Stopped[^]*\n\$ $/);
    expect(cursorIsOn(shell)).toBe(true);
    await saneTerminal(shell);
    shell.resize(50, 24);
    shell.type("fg\r");
    await shell.shows(/fg\nfileshare .*\nUpload .*\nanna +receiving/);
    expect(cursorIsOn(shell)).toBe(false);
    for (const line of shell.grid()) expect(line.length).toBeLessThan(50);
    process.kill(pid(), "SIGSTOP");
    await shell.shows(/Stopped[^]*\n\$ $/);
    shell.type("clear; fg\r");
    await shell.shows(/^fileshare .*\nUpload .*\nanna +receiving/);
    shell.type(CTRL_C);
    await shell.shows(/Interrupted[^]*\n\$ $/);
    await saneTerminal(shell);
    expect(cursorIsOn(shell)).toBe(true);
  });

  test("a job in the background draws nothing, and prints sentences", async () => {
    const code = newCode();
    await using shell = await openShell({ FILESHARE_CODE: code });
    await using receiver = slowReceiver(code);
    await underWay(shell);
    shell.type(CTRL_Z);
    await shell.shows(/Stopped[^]*\n\$ $/);
    const before = shell.raw.length;
    shell.type("bg\r");
    await shell.shows(/ &\n[^]*\$ $/);
    let told = 0;
    for await (const { event } of receiver) if (event === "progress" && ++told === 3) break;
    expect(shell.raw.slice(before)).not.toContain("Upload");
    expect(cursorIsOn(shell)).toBe(true);
    process.kill(pid(), "SIGTERM");
    await shell.shows("Interrupted");
  });

  test.each([
    ["SIGTERM", undefined],
    ["SIGQUIT", "\u001C"],
    ["SIGHUP", undefined],
  ] as const)("%s leaves the terminal as it was", async (signal, key) => {
    const code = newCode();
    await using shell = await openShell({ FILESHARE_CODE: code });
    await using _receiver = slowReceiver(code);
    await underWay(shell);
    if (key === undefined) process.kill(pid(), signal);
    else shell.type(key);
    await shell.shows(/\n\$ $/);
    expect(cursorIsOn(shell)).toBe(true);
    await saneTerminal(shell);
  });
});
