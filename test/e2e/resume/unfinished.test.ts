/** `list`, `resume` and `forget`, as commands of real processes. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { appendFileSync, mkdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import * as v from "valibot";

import { listEvent } from "../../../cli/job/command-events.ts";
import { registerReceive } from "../../../cli/system/state.ts";
import { parseCode } from "../../../protocol/code/code.ts";
import { EXIT } from "../../../protocol/wire/faults.ts";
import { startRelay } from "../../../relay/mod.ts";
import { fileshare } from "../../support/clients/command.ts";
import { makeFile } from "../../support/files.ts";
import { temporaryFolder } from "../../support/disk.ts";
import { cleanEnv } from "../../support/clients/pty.ts";
import { environment } from "../../support/clients/own-state.ts";
import {
  ended,
  heard,
  jsonLines,
  run as runProgram,
  start,
  type Ran,
} from "../../support/clients/program.ts";

const MiB = 1024 * 1024;
let folder: ReturnType<typeof temporaryFolder>;
let env: Record<string, string>;
let state: Disposable;

beforeEach(() => {
  folder = temporaryFolder();
  env = { ...cleanEnv(), XDG_STATE_HOME: join(folder.path, "state"), NO_COLOR: "1" };
  state = environment({ XDG_STATE_HOME: env["XDG_STATE_HOME"] });
});

afterEach(() => {
  folder[Symbol.dispose]();
  state[Symbol.dispose]();
});

function run(...args: string[]): Promise<Ran> {
  return runProgram(args, { env, cwd: folder.path });
}

async function listed(): Promise<v.InferOutput<typeof listEvent>[]> {
  const { out } = await run("list", "--json");
  return jsonLines(out).map((line) => v.parse(listEvent, line));
}

test("a send that was killed is listed, and resume goes on with it from any folder", async () => {
  await using relay = await startRelay();
  const file = makeFile(folder.path, "a b.bin", 3 * MiB);
  const out = join(folder.path, "out");
  mkdirSync(out);
  await using sender = fileshare(["send", file.path, "--relay", relay.url], env);
  const begun = await sender.events(({ event }) => event === "relay");
  expect(begun).toBeDefined();
  const [item] = await listed();
  expect(item).toMatchObject({
    number: 1,
    kind: "send",
    name: "a b.bin",
    bytes: 3 * MiB,
    running: true,
  });
  expect(await run("resume")).toMatchObject({ exitCode: EXIT.usage });
  expect(await run("forget", "1")).toMatchObject({ exitCode: EXIT.failed });
  sender.kill("SIGKILL");
  await sender.exited;
  expect(await listed()).toEqual([{ ...item!, running: false }]);
  const { out: table } = await run("list");
  expect(table).toMatch(
    /^1 {2}send a b\.bin \(3 MiB\): 0 % uploaded, begun .* ago\n {3}code [a-z-]+\n$/,
  );

  const resumed = run("resume", item!.share.slice(0, 6));
  const { code } = item!;
  await using receiver = fileshare(["recv", "--yes", "--out", out, "--relay", relay.url], {
    ...env,
    FILESHARE_CODE: code,
  });
  await receiver.events();
  expect(await receiver.exited).toBe(EXIT.done);
  const ended = await resumed;
  expect(ended).toMatchObject({ exitCode: EXIT.done, err: "" });
  expect(ended.out).toContain(`Code: ${code}`);
  expect(readFileSync(join(out, "a b.bin"))).toEqual(Buffer.from(file.bytes));
  expect(await run("list")).toEqual({
    out: "",
    err: "Nothing is unfinished\n",
    exitCode: EXIT.done,
  });
});

test("resume says what changed, and offers it anew under the same code", async () => {
  await using relay = await startRelay();
  const file = makeFile(folder.path, "a.bin", MiB);
  const args = ["send", file.path, "--relay", relay.url];
  await using sender = fileshare(args, env);
  await sender.events(({ event }) => event === "relay");
  sender.kill("SIGKILL");
  await sender.exited;
  const [first] = await listed();
  appendFileSync(file.path, "x");
  // To nobody, so it ends when it is told to.
  const child = start(["resume"], { env });
  const begun = await heard(child.stdout, "Using the relay");
  child.kill("SIGINT");
  const { exitCode, out } = await ended(child);
  expect(exitCode).toBe(EXIT.interrupted);
  const text = begun + out;
  expect(text).toContain(
    "Changed since the last send, so the sender offers it anew:\n  a.bin: another size\n",
  );
  expect(text).toContain("To resume with the same code: fileshare resume\n");
  const [second] = await listed();
  expect(text).toContain(`Code: ${second!.code}`);
  expect(second!.code).toBe(first!.code);
  expect(second!.share).not.toBe(first!.share);
});

test("forget removes one or all, and with them every code", async () => {
  await using relay = await startRelay();
  const { path } = makeFile(folder.path, "a.bin", 10);
  await using sender = fileshare(["send", path, "--relay", relay.url], env);
  await sender.events(({ event }) => event === "relay");
  sender.kill("SIGKILL");
  await sender.exited;
  const code = parseCode("timber-magnet-sunny-cliff-oven-price-script");
  const again = { cwd: folder.path, words: ["recv", "--yes"] };
  const more = { code, relay: relay.url, again, out: folder.path, bytes: 5 };
  registerReceive({ share: "0".repeat(32), name: "\u001b[2Jx", ...more });
  registerReceive({ share: "1".repeat(32), name: "y", ...more });
  expect(await listed()).toHaveLength(3);
  expect((await run("list")).out).toContain("receive \\u{1b}[2Jx (5 B)");
  expect(await run("resume")).toMatchObject({ exitCode: EXIT.usage });
  expect(await run("forget", "0000")).toMatchObject({
    out: "Forgot 1 share\n",
    exitCode: EXIT.done,
  });
  expect(await run("forget")).toMatchObject({ exitCode: EXIT.usage });
  expect(await run("forget", "7")).toMatchObject({ exitCode: EXIT.usage });
  expect(await run("forget", "--all")).toMatchObject({
    out: "Forgot 2 shares\n",
    exitCode: EXIT.done,
  });
  expect(await listed()).toEqual([]);
  const state = join(env["XDG_STATE_HOME"]!, "fileshare");
  expect(statSync(state).mode & 0o777).toBe(0o700);
  const grep = Bun.spawnSync(["grep", "-rlE", "code|proof", state]);
  expect(grep.stdout.toString()).toBe("");
});

test("resume of a receive runs its command again where it was given", async () => {
  await using relay = await startRelay();
  const file = makeFile(folder.path, "a.bin", 10);
  const code = parseCode("timber-magnet-sunny-cliff-oven-price-script");
  const out = join(folder.path, "there");
  mkdirSync(out);
  const again = { cwd: out, words: ["recv", "--yes", "--json"] };
  registerReceive({
    share: "0".repeat(32),
    name: "a",
    code,
    relay: relay.url,
    again,
    out,
    bytes: 10,
  });
  const resumed = run("resume");
  await using sender = fileshare(["send", file.path, "--relay", relay.url], {
    ...env,
    FILESHARE_CODE: code,
  });
  await sender.events();
  expect(await resumed).toMatchObject({ exitCode: EXIT.done, err: "" });
  expect(readFileSync(join(out, "a.bin"))).toEqual(Buffer.from(file.bytes));
});
