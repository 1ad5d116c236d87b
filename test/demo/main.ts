/**
 * The main job, shown: a relay, one sender, five receivers (two plain, one slow, one late, one killed
 * half-way and run again), each a process of its own. Every copy is compared byte by byte.
 */
import { createCipheriv, randomBytes } from "node:crypto";
import { closeSync, mkdirSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { styleText } from "node:util";

import type { ClientEvent } from "../../cli/mod.ts";
import { fileshare, type Command } from "../support/clients/command.ts";
import { Table, type Row } from "./table.ts";

const MiB = 1024 * 1024;
const SIZE = 256 * MiB;
const SLOW = "24MiB";
/** Slow enough to be half-way when it is killed, on any machine. */
const VICTIM = "64MiB";
/** Nothing here takes so long; if it does, something hangs. */
const GIVE_UP_MS = 300_000;

const folder = mkdtempSync(join(tmpdir(), "fileshare-demo-"));
const source = join(folder, "big.iso");
const running = new Set<Command>();

interface Receiver {
  readonly row: Row;
  readonly limit?: string;
}

function receiver(name: string, role: string, limit?: string): Receiver {
  const row: Row = { name, role, state: "not yet", bytes: 0 };
  return limit === undefined ? { row } : { row, limit };
}

const upload: Row = { name: "sender", role: "uploads once", state: "waiting", bytes: 0 };
const alice = receiver("alice", "plain");
const bob = receiver("bob", "plain");
const carol = receiver("carol", `takes ${SLOW}/s at most`, SLOW);
const dave = receiver("dave", "comes when alice is done");
const erin = receiver("erin", "killed with -9 half-way, run again", VICTIM);
const receivers = [alice, bob, carol, dave, erin];

function outOf({ row }: Receiver): string {
  return join(folder, row.name);
}

function start(
  args: readonly string[],
  env?: Readonly<Record<string, string>>,
  seen?: (event: ClientEvent) => void,
): Command {
  const command = fileshare(args, env, seen);
  running.add(command);
  void command.exited.then(() => running.delete(command));
  return command;
}

function startReceiver(which: Receiver, relay: string, code: string): Command {
  const { row, limit } = which;
  const args = ["recv", "--yes", "--relay", relay, "--out", outOf(which), "--name", row.name];
  if (limit !== undefined) args.push("--limit", limit);
  row.state = "starts";
  // Each is another person, who is the same receiver when it runs again.
  const env = { FILESHARE_CODE: code, XDG_STATE_HOME: join(folder, `${row.name}-state`) };
  return start(args, env, (event) => {
    if (event.event === "progress" || event.event === "resumed") row.bytes = event.bytes;
    if (event.event === "progress") row.state = "receiving";
    else if (event.event === "resumed") row.state = "resumes";
    else if (event.event === "saved") row.state = "done";
    else if (event.event === "error") {
      row.state = "failed";
      console.error(`${row.name}: ${event.message}`);
    }
  });
}

async function finish(which: Receiver, command: Command): Promise<void> {
  await command.events();
  const exit = await command.exited;
  if (exit !== 0) throw new Error(`${which.row.name} ended with ${exit}`);
}

/** Bytes that nothing can compress or guess, made faster than a disk takes them. */
function makeSource(): void {
  const stream = createCipheriv("aes-128-ctr", randomBytes(16), randomBytes(16));
  const zeros = Buffer.alloc(MiB);
  const fd = openSync(source, "w");
  for (let at = 0; at < SIZE; at += MiB) writeSync(fd, stream.update(zeros));
  closeSync(fd);
}

function isSame(copy: string): boolean {
  const [a, b] = [openSync(source, "r"), openSync(copy, "r")];
  const [left, right] = [Buffer.alloc(MiB), Buffer.alloc(MiB)];
  try {
    for (;;) {
      const read = readSync(a, left);
      if (readSync(b, right) !== read || !left.equals(right)) return false;
      if (read === 0) return true;
    }
  } finally {
    closeSync(a);
    closeSync(b);
  }
}

async function transfer(table: Table): Promise<void> {
  const relay = start(["relay", "--host", "127.0.0.1", "--port", "0"]);
  const listening: unknown = await relay.events(() => true);
  const url =
    listening !== null && typeof listening === "object" && "url" in listening
      ? String(listening.url)
      : "";
  table.say(`The relay listens at ${url}`);

  const count = receivers.length.toString();
  const send = start(["send", source, "--receivers", count, "--relay", url], {}, (event) => {
    if (event.event !== "progress") return;
    upload.bytes = event.bytes;
    upload.state = event.bytes === SIZE ? "done" : "uploading";
  });
  const first = await send.events(({ event }) => event === "code");
  const code = first?.event === "code" ? first.code : "";
  table.say(`The sender offers big.iso under the code ${styleText("bold", code)}`);
  const sent = send.events();

  const aliceRuns = startReceiver(alice, url, code);
  const plain = [
    finish(bob, startReceiver(bob, url, code)),
    finish(carol, startReceiver(carol, url, code)),
  ];
  const erinOnce = startReceiver(erin, url, code);

  const erinTwice = (async () => {
    await erinOnce.events((event) => event.event === "progress" && event.bytes >= SIZE / 2);
    erinOnce.kill("SIGKILL");
    await erinOnce.exited;
    erin.row.state = "killed";
    table.say(
      `erin was killed with -9 at ${Math.floor(erin.row.bytes / MiB)} MiB, and is run again`,
    );
    const again = startReceiver(erin, url, code);
    const resumed = await again.events(({ event }) => event === "resumed");
    if (resumed?.event !== "resumed") throw new Error("erin did not resume");
    table.say(`erin goes on from ${Math.floor(resumed.bytes / MiB)} MiB`);
    await finish(erin, again);
  })();

  await finish(alice, aliceRuns);
  table.say("alice is done; dave comes late and gets everything all the same");
  await Promise.all([...plain, erinTwice, finish(dave, startReceiver(dave, url, code))]);
  await sent;
  const exit = await send.exited;
  if (exit !== 0) throw new Error(`the sender ended with ${exit}`);
  table.say("The sender has five receipts that verify, and ended");
}

const watchdog = setTimeout(() => {
  console.error("The demo hangs; giving up");
  for (const command of running) command.kill("SIGKILL");
  process.exit(1);
}, GIVE_UP_MS);

let failed = false;
try {
  for (const each of receivers) mkdirSync(outOf(each));
  makeSource();
  const table = new Table([upload, ...receivers.map(({ row }) => row)], SIZE);
  try {
    await transfer(table);
  } finally {
    table[Symbol.dispose]();
  }
  for (const each of receivers) {
    const same = isSame(join(outOf(each), "big.iso"));
    failed ||= !same;
    const verdict = same
      ? styleText("green", "the same, byte by byte")
      : styleText("red", "DIFFERS");
    console.log(`  ${each.row.name.padEnd(8)} ${verdict}`);
  }
} catch (error) {
  failed = true;
  console.error(error instanceof Error ? error.message : error);
} finally {
  clearTimeout(watchdog);
  await Promise.all([...running].map((command) => command[Symbol.asyncDispose]()));
  rmSync(folder, { recursive: true, force: true });
}
console.log(
  failed ? styleText("red", "The demo failed.") : "Five receivers, one upload, no byte different.",
);
process.exit(failed ? 1 : 0);
