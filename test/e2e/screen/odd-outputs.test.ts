/** Outputs that are closed, full, broken, tiny or dumb: transfers go on, and no garbage shows. */
import { afterAll, describe, expect, test } from "bun:test";

import { startRelay } from "../../../relay/mod.ts";
import { transferFiles } from "../../support/files.ts";
import { knownCode } from "../../support/clients/known-codes.ts";
import { run } from "../../support/clients/program.ts";
import { openPty } from "../../support/clients/pty.ts";

const MiB = 1024 * 1024;
const ESCAPE = "\u001B";
/** Control sequences that screens and prompts may write: colours, the cursor, erasing, and three modes. */
const OWN_SEQUENCES = /\p{Cc}\[(?:[\d;]*m|\d*[ABGJK]|\?(?:7|25|2026)[hl])/gu;

const relay = await startRelay();
afterAll(() => relay.stop());
/** With a code of its own for each test. */
const environment = () => ({ FILESHARE_RELAY: relay.url, FILESHARE_CODE: knownCode() });

const prepared = (name = "a.bin", size = 3 * MiB) => transferFiles(size, name);

/** The command line with something after it, as a shell runs it. */
async function inShell(args: readonly string[], after: string, own: Record<string, string>) {
  const { exitCode, err } = await run(args, { shell: `"$@" ${after}`, env: own });
  return { exitCode, err };
}

describe("a transfer goes on, and the file arrives, where the output is", () => {
  const outputs = [
    ["closed", ">&-"],
    ["closed, with all the others", ">&- 2>&- <&-"],
    ["full", ">/dev/full"],
    ["full, with the one for errors", ">/dev/full 2>&1"],
    ["a pipe that nobody reads", "| true"],
    ["a pipe of which one line is read", "| head -n 1"],
    ["JSON for nobody", "--json | true"],
    ["JSON, closed", "--json >&-"],
  ] as const;

  test.each(outputs)("%s", async (_, after) => {
    using files = prepared();
    const own = environment();
    const ran = await Promise.all([
      inShell(["send", files.path], after, own),
      inShell(["recv", "--yes", "--out", files.out], after, own),
    ]);
    const fine = { exitCode: 0, err: "" };
    expect(ran).toEqual([fine, fine]);
    files.arrived();
  });
});

/** Both sides in terminals of that kind, once the receiver said yes, at a pace at which one sees something. */
async function both(files: ReturnType<typeof prepared>, columns: number, TERM: string) {
  const options = { columns, rows: 30, env: { ...environment(), TERM } };
  const sender = openPty(["send", files.path], options);
  const recv = ["recv", "--out", files.out, "--limit", "2MiB", "--name", "アンナ 安娜"];
  const receiver = openPty(recv, options);
  await receiver.shows("(Y/n)");
  receiver.type("y\n");
  return {
    sender,
    receiver,
    exited: (): Promise<number[]> => Promise.all([sender.exited, receiver.exited]),
    [Symbol.asyncDispose]: async () => {
      await sender[Symbol.asyncDispose]();
      await receiver[Symbol.asyncDispose]();
    },
  };
}

test.each([20, 40])("a terminal of %d columns has no line broken by us", async (columns) => {
  using files = prepared();
  await using pair = await both(files, columns, "xterm-256color");
  const { sender, receiver } = pair;
  await sender.shows(/^アン.* [1-9]\d? %/m);
  const drawn = sender.grid().filter((line) => /^(?:Upload|アン)/.test(line));
  expect(drawn).toHaveLength(2);
  for (const line of drawn) expect(Bun.stringWidth(line)).toBeLessThan(columns);
  expect(await pair.exited()).toEqual([0, 0]);
  files.arrived();
  for (const pty of [sender, receiver]) {
    expect(pty.raw.replaceAll(OWN_SEQUENCES, "")).not.toContain(ESCAPE);
    // The drawn lines are gone, or came to an end.
    expect(pty.grid().join("")).toContain("Done: ");
    expect(pty.raw.lastIndexOf("\u001B[?25h")).toBeGreaterThan(pty.raw.lastIndexOf("\u001B[?25l"));
  }
  expect(sender.grid().filter((line) => line.startsWith("Upload"))).toHaveLength(1);
});

test("TERM=dumb gets lines without a single sequence, and questions too", async () => {
  using files = prepared();
  await using pair = await both(files, 80, "dumb");
  const { sender, receiver } = pair;
  expect(await pair.exited()).toEqual([0, 0]);
  files.arrived();
  for (const pty of [sender, receiver]) expect(pty.raw).not.toContain(ESCAPE);
  expect(sender.grid().join("\n")).toContain("アンナ 安娜: done, 100 %");
});

test("wide characters and emoji keep the columns, and nothing of them is left behind", async () => {
  const name = "文件 📁 한글 👩‍👩‍👧 é.bin";
  using files = prepared(name);
  await using pair = await both(files, 60, "xterm-256color");
  const { sender, receiver } = pair;
  await sender.shows(/アンナ 安娜 +receiving +\d+ %/);
  await receiver.shows(/^文件.*[█░] +\d+ %/m);
  expect(await pair.exited()).toEqual([0, 0]);
  files.arrived();
  expect(receiver.grid().filter((line) => /[█░]/.test(line))).toEqual([]);
  expect(sender.grid().filter((line) => line.startsWith("アンナ"))).toHaveLength(1);
});

test("a terminal that goes away ends the command, and the next run goes on", async () => {
  using files = prepared("a.bin", 6 * MiB);
  const own = environment();
  await using sender = openPty(["send", files.path], { env: own });
  const args = ["recv", "--yes", "--out", files.out];
  {
    await using receiver = openPty([...args, "--limit", "2MiB"], { env: own });
    await receiver.shows(/ [1-9]\d? %/);
    receiver.hangUp();
    expect(await receiver.exited).not.toBe(0);
  }
  await using again = openPty(args, { env: own });
  await again.shows("Resuming at");
  expect(await Promise.all([sender.exited, again.exited])).toEqual([0, 0]);
  files.arrived();
});
