/** Where a share goes: the standard output, a terminal's lines, a folder that has some of it. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync, readFileSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { startRelay, type Relay } from "../../../relay/mod.ts";
import { list, temporaryFolder } from "../../support/disk.ts";
import { cleanEnv } from "../../support/clients/pty.ts";
import { fileshare } from "../../support/clients/command.ts";
import { newCode } from "../../support/clients/clients.ts";
import { content } from "../../support/files.ts";
import { SHELL_FILESHARE } from "../../support/clients/command-words.ts";

const MiB = 1024 * 1024;

let relay: Relay;
beforeAll(async () => {
  relay = await startRelay();
});
afterAll(() => relay.stop());

interface Ended {
  readonly out: Buffer;
  readonly err: string;
  readonly exitCode: number;
}

/** A shell line in which `$send` and `$recv` are the commands, with one code for both. */
async function shell(line: string, cwd: string): Promise<Ended> {
  const command = SHELL_FILESHARE;
  const code = newCode();
  const script = line
    .replaceAll("$send", `${command} send --code ${code}`)
    .replaceAll("$recv", `${command} recv --yes`);
  const child = Bun.spawn(["sh", "-c", script], {
    cwd,
    env: { ...cleanEnv(), FILESHARE_RELAY: relay.url, FILESHARE_CODE: code },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [out, err] = await Promise.all([
    new Response(child.stdout).arrayBuffer(),
    new Response(child.stderr).text(),
  ]);
  return { out: Buffer.from(out), err, exitCode: await child.exited };
}

test("--stdout gives a file byte for byte, says everything else elsewhere, and saves nothing", async () => {
  using folder = temporaryFolder();
  const bytes = content(1, 5 * MiB);
  writeFileSync(join(folder.path, "a.bin"), bytes);
  const { out, err, exitCode } = await shell("$send a.bin >sent & $recv --stdout", folder.path);
  expect(out.equals(bytes)).toBe(true);
  expect(err).toContain("Done: 5 MiB");
  expect(exitCode).toBe(0);
  expect(list(folder.path)).toEqual(["a.bin", "sent"]);
});

test("an endless stream flows into who takes a part of it", async () => {
  using folder = temporaryFolder();
  const { out, err } = await shell(
    "yes | $send - >sent 2>&1 & $recv --stdout | head -c 3000000; kill %1 2>/dev/null; kill $!",
    folder.path,
  );
  expect(out.equals(Buffer.alloc(3_000_000, "y\n"))).toBe(true);
  expect(err).toContain("The reader of the output stopped reading");
});

test("a stream to a file ends where its last record says so", async () => {
  using folder = temporaryFolder();
  const { exitCode } = await shell(
    "seq 300000 | $send - --name n.txt >sent & $recv >got",
    folder.path,
  );
  expect(exitCode).toBe(0);
  const numbers = Array.from({ length: 300_000 }, (_, i) => `${i + 1}\n`).join("");
  expect(readFileSync(join(folder.path, "n.txt"), "utf8")).toBe(numbers);
});

test("several files do not go to the standard output", async () => {
  using folder = temporaryFolder();
  mkdirSync(join(folder.path, "d"));
  writeFileSync(join(folder.path, "d/a"), "a");
  writeFileSync(join(folder.path, "d/b"), "b");
  const ended = await shell("$send d >sent & $recv --stdout; e=$?; kill $!; exit $e", folder.path);
  expect(ended.exitCode).toBe(2);
  expect(ended.out.length).toBe(0);
  expect(ended.err).toContain("Standard output takes one file or text");
});

test("files that are there are not fetched, files that differ follow the options", async () => {
  using folder = temporaryFolder();
  const from = join(folder.path, "d");
  mkdirSync(from);
  for (const [i, name] of ["a", "b", "c"].entries())
    writeFileSync(join(from, name), content(i, MiB));
  const out = join(folder.path, "out");
  mkdirSync(out);
  const code = newCode();
  const env = { FILESHARE_RELAY: relay.url, FILESHARE_CODE: code };
  await using sender = fileshare(["send", from, "--stay", "--code", code], env);
  await sender.events(({ event }) => event === "relay");
  const take = async (...args: string[]): Promise<string[]> => {
    const told: string[] = [];
    const words = ["recv", "--yes", "--out", out, ...args];
    await using receiver = fileshare(words, env, (event) => {
      if (event.event === "skipped") told.push(`skipped ${event.files}`);
      if (event.event === "saved")
        told.push(`saved ${event.files} ${event.path.slice(out.length)}`);
    });
    await receiver.events();
    expect(await receiver.exited).toBe(0);
    return told;
  };
  expect(await take()).toEqual(["saved 3 /d"]);
  expect(await take()).toEqual(["skipped 3"]);
  writeFileSync(join(out, "d/b"), "mine");
  expect(await take("--skip")).toEqual(["skipped 3"]);
  expect(readFileSync(join(out, "d/b"), "utf8")).toBe("mine");
  expect(await take("--rename")).toEqual(["saved 3 /d (1)"]);
  expect(await take("--overwrite")).toEqual(["skipped 2", "saved 1 /d"]);
  expect(readFileSync(join(out, "d/b")).equals(content(1, MiB))).toBe(true);
  // Another time: only its content says that it is the same.
  utimesSync(join(out, "d/c"), 5, 5);
  expect(await take("--overwrite", "--checksum")).toEqual(["saved 3 /d"]);
  expect(list(out)).toEqual(["d", "d (1)"]);
});
