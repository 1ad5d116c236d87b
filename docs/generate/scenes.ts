/** The scenes of the recorded terminals. Each waits for the text that it must show, so it is a test too. */
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

import { startRelay } from "../../relay/mod.ts";
import { receive, type Running } from "../../test/support/clients/clients.ts";
import { SHELL_FILESHARE } from "../../test/support/clients/command-words.ts";
import { content } from "../../test/support/files.ts";
import { parseCode } from "../../protocol/mod.ts";
import { Recording } from "./tmux.ts";

const MiB = 1024 * 1024;
/** The place of the receiver that leaves thirty others. */
const LEAVES = 5;
const READ_MS = 1500;
const CODE = /Code: ([a-z]+(?:-[a-z]+){6})/;
const PROMPT = /^\$ ?$/m;

interface Stage {
  readonly terminal: Recording;
  /** Address of the relay. */
  readonly relay: string;
  /** Makes a file of so many bytes where the shells are. */
  readonly file: (name: string, bytes: number) => void;
  /** Starts a receiver that is not seen. */
  readonly receiver: (code: string, name: string, limit: number) => Running;
}

interface Scene {
  readonly title: string;
  readonly shells: number;
  readonly rows: number;
  readonly play: (stage: Stage) => Promise<void>;
}

async function codeOf(terminal: Recording): Promise<string> {
  const [, code = ""] = await terminal.shows(0, CODE);
  return code;
}

/** Runs `recv` and gives it the code. */
async function goOn(terminal: Recording, shell: number, code: string, more: string): Promise<void> {
  await terminal.type(shell, `fileshare recv --name anna@laptop${more}`);
  await terminal.shows(shell, /Code: $/);
  await terminal.type(shell, code);
}

/** The same, and agrees. */
async function take(terminal: Recording, shell: number, code: string, more: string): Promise<void> {
  await goOn(terminal, shell, code, more);
  await terminal.shows(shell, /\(Y\/n\) $/);
  await terminal.pause(READ_MS);
  await terminal.type(shell, "y");
}

export const SCENES: Readonly<Record<string, Scene>> = {
  send: {
    title: "fileshare send, and recv with its questions",
    shells: 2,
    rows: 32,
    play: async ({ terminal, file }) => {
      for (const [i, MiBs] of [12, 7, 9].entries()) file(`photos/${i + 1}.jpg`, MiBs * MiB);
      file("report.pdf", 20 * MiB);
      await terminal.type(0, "fileshare send photos report.pdf");
      const code = await codeOf(terminal);
      await take(terminal, 1, code, " --out inbox --limit 16MiB");
      await terminal.shows(0, /anna@laptop +receiving +[1-9]/);
      await terminal.shows(1, /\d\/4 photos\/\d\.jpg/);
      await terminal.shows(1, /Done: 48 MiB/);
      await terminal.shows(0, /Done: 1 receiver has/);
    },
  },
  three: {
    title: "fileshare send to three receivers, each at its own pace",
    shells: 1,
    rows: 16,
    play: async ({ terminal, file, receiver }) => {
      file("big.iso", 16 * MiB);
      await terminal.type(0, "fileshare send big.iso --receivers 3");
      const code = await codeOf(terminal);
      const paces = [8, 6, 4] as const;
      const all = paces.map((pace, i) =>
        receiver(code, ["anna", "bob", "掃除機"][i] ?? "", pace * MiB),
      );
      await terminal.shows(0, /anna +receiving +[1-9]/);
      await terminal.shows(0, /Done: 3 receivers have/);
      for (const one of all) await one.outcome;
    },
  },
  many: {
    title: "fileshare send to thirty receivers, one of which leaves",
    shells: 1,
    rows: 18,
    play: async ({ terminal, file, receiver }) => {
      file("big.iso", 3 * MiB);
      await terminal.type(0, "fileshare send big.iso --receivers 29");
      const code = await codeOf(terminal);
      const all = Array.from({ length: 30 }, (_, i) => {
        // The receiver that leaves can't be through before, on a busy machine either.
        const pace = i === LEAVES ? MiB / 64 : ((2 + (i % 5)) * MiB) / 4;
        return receiver(code, `desk ${i + 1}`, pace);
      });
      await terminal.shows(0, /30 receivers: .*receiving/);
      await terminal.shows(0, /median +desk/);
      await terminal.shows(0, /all +█/);
      all[LEAVES]?.interrupt();
      await terminal.shows(0, /1 left/);
      await terminal.shows(0, /29 receivers have all of it/);
      await terminal.shows(0, /Done: 29 receivers have/);
      for (const one of all) await one.outcome;
    },
  },
  resume: {
    title: "A receiver is interrupted and resumes; the sender is killed and resumes",
    shells: 2,
    rows: 40,
    play: async ({ terminal, file }) => {
      file("big.iso", 64 * MiB);
      await terminal.type(0, "fileshare send big.iso");
      const code = await codeOf(terminal);
      const again = " --out inbox --limit 8MiB";
      await take(terminal, 1, code, again);
      await terminal.shows(1, /big\.iso .* 2\d %/);
      await terminal.press(1, "C-c");
      await terminal.shows(1, /Kept .* of 64 MiB/);
      await terminal.pause(READ_MS);
      await terminal.type(1, "fileshare resume");
      await terminal.shows(1, /Resuming at [1-9]\d? %/);
      await terminal.shows(1, /big\.iso .* 5\d %/);
      await terminal.press(0, "C-z");
      await terminal.type(0, "kill -9 %1");
      await terminal.shows(1, /The sender is away/);
      await terminal.pause(READ_MS);
      await terminal.type(0, "fileshare resume");
      await terminal.shows(1, /The sender is back/);
      await terminal.shows(1, /Done: /);
      await terminal.shows(0, /Done: 1 receiver has/);
    },
  },
  interrupt: {
    title: "Ctrl-C at the receiver, then at the sender",
    shells: 2,
    rows: 36,
    play: async ({ terminal, file }) => {
      file("big.iso", 64 * MiB);
      await terminal.type(0, "fileshare send big.iso");
      const code = await codeOf(terminal);
      const again = " --out inbox --limit 8MiB";
      await take(terminal, 1, code, again);
      await terminal.shows(1, /big\.iso .* 1\d %/);
      await terminal.press(1, "C-c");
      await terminal.shows(1, /Interrupted/);
      await terminal.shows(0, /anna@laptop +left/);
      await terminal.pause(READ_MS);
      await goOn(terminal, 1, code, again);
      await terminal.shows(1, /big\.iso .* 3\d %/);
      await terminal.press(0, "C-c");
      await terminal.shows(0, /Interrupted/);
      await terminal.shows(0, PROMPT);
      await terminal.shows(1, PROMPT);
    },
  },
  qr: {
    title: "fileshare send --qr, and doctor",
    shells: 1,
    rows: 42,
    play: async ({ terminal, file }) => {
      file("photo.jpg", 3 * MiB);
      await terminal.type(0, "fileshare doctor");
      await terminal.shows(0, /terminal +\d+ x/);
      await terminal.pause(READ_MS);
      await terminal.type(0, "clear");
      await terminal.type(0, "fileshare send photo.jpg --qr");
      await terminal.shows(0, /Using the relay/);
      await terminal.pause(READ_MS);
      await terminal.press(0, "C-c");
      await terminal.shows(0, /Interrupted/);
    },
  },
};

/** Plays a scene in real terminals. @returns the pictures as SVG. @throws Error when it goes wrong */
export async function playScene(
  { title, shells, rows, play }: Scene,
  { hurry = false } = {},
): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "fileshare-scene-"));
  const desk = join(folder, "desk");
  for (const path of ["bin", "home", "desk", "desk/inbox"]) mkdirSync(join(folder, path));
  const program = join(folder, "bin/fileshare");
  writeFileSync(program, `#!/bin/sh\nexec ${SHELL_FILESHARE} "$@"\n`);
  chmodSync(program, 0o755);
  const receivers: Running[] = [];
  try {
    await using relay = await startRelay();
    await using terminal = await Recording.start({
      size: { columns: 100, rows },
      socket: join(folder, "tmux"),
      shells,
      hurry,
      cwd: desk,
      env: (shell) => ({
        PATH: `${join(folder, "bin")}:${process.env["PATH"] ?? ""}`,
        HOME: join(folder, "home"),
        // As if each were a machine of its own.
        XDG_STATE_HOME: join(folder, "home", `state ${shell}`),
        FILESHARE_CONFIG: "",
        FILESHARE_RELAY: relay.url,
        LANG: "C.UTF-8",
        PS1: "$ ",
      }),
    });
    for (let shell = 0; shell < shells; shell++) await terminal.shows(shell, PROMPT);
    await play({
      terminal,
      relay: relay.url,
      file: (name, bytes) => {
        mkdirSync(dirname(join(desk, name)), { recursive: true });
        writeFileSync(join(desk, name), content(1, bytes));
      },
      receiver: (code, name, limit) => {
        const out = join(folder, `out ${receivers.length}`);
        mkdirSync(out);
        const running = receive({
          relay: `${relay.url}/ws`,
          code: parseCode(code),
          out,
          name,
          limit,
        });
        receivers.push(running);
        return running;
      },
    });
    return terminal.svg(title);
  } finally {
    await Promise.all(receivers.map((receiver) => receiver[Symbol.asyncDispose]()));
    rmSync(folder, { recursive: true, force: true });
  }
}
