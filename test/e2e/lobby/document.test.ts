import { expect, test } from "bun:test";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { LOBBY_CODE } from "../../../protocol/mod.ts";
import { helpLines } from "../../../relay/lobby/http/help.ts";
import { DEFAULT_POLICY, startRelay } from "../../../relay/mod.ts";
import { commandLines, documents, read } from "../../support/documents.ts";
import { temporaryFolder } from "../../support/disk.ts";
import { newCode, send } from "../../support/clients/clients.ts";
import { content, makeFile } from "../../support/files.ts";
import { SHELL_FILESHARE } from "../../support/clients/command-words.ts";
import { WAIT_MS } from "../../support/patience.ts";

/** Every command line of the document, in its order. */
const commands = commandLines(await read("docs/how-to/use-other-clients.md"));

const [NEXT, NAMED, SEND, SEND_TO_THREE, ...more] = commands;
const [SEND_QUIETLY, SEND_PIPE, LOOK, GO_ON, KEY, RESUME, ...others] = more;

interface Ran {
  readonly exitCode: number;
  readonly stdout: string;
}

function run(command: string | undefined, cwd: string, port: number, code = ""): Promise<Ran> {
  const line = (command ?? "exit 99")
    .replaceAll(":8000", `:${port}`)
    .replaceAll(/\bcurl /g, `curl -sS --max-time ${WAIT_MS / 1000} `);
  const script = `fileshare() { ${SHELL_FILESHARE} "$@"; }; ${line}`;
  const child = Bun.spawn(["bash", "-c", script], {
    cwd,
    env: { ...process.env, FILESHARE_CODE: code },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "inherit",
  });
  return Promise.all([child.exited, child.stdout.text()]).then(([exitCode, stdout]) => {
    return { exitCode, stdout };
  });
}

test("the document has the commands that are tried here, and no other", () => {
  expect(RESUME).toStartWith("curl -fC - ");
  expect(others).toEqual([]);
});

test("every curl that a document or the relay itself shows is given -f", async () => {
  const texts = await Promise.all(documents().map(read));
  expect(texts.length).toBeGreaterThan(5);
  const access = { ...DEFAULT_POLICY.access, mode: "closed" } as const;
  texts.push(helpLines({ address: "http://relay", lobby: true, access }).join("\n"));
  const shown = [...texts.join("\n").matchAll(/\bcurl (-\S+|'?http\S+)/g)];
  expect(shown.length).toBeGreaterThan(10);
  const without = shown.filter(([, option = ""]) => !/^-\w*f/.test(option));
  expect(without.map(([words]) => words)).toEqual([]);
});

test("its commands in the lobby do what it says", async () => {
  using here = temporaryFolder();
  using there = temporaryFolder();
  await using relay = await startRelay();
  const { port } = relay;
  const big = makeFile(here.path, "big.iso", 3_000_000);
  const text = (path: string): Buffer => readFileSync(join(there.path, path));

  const next = run(NEXT, there.path, port);
  expect((await run(SEND, here.path, port)).stdout).toEndWith(
    "sent: to 1 receiver that can't say that it saved it\n",
  );
  expect((await next).exitCode).toBe(0);
  expect(Buffer.compare(text("big.iso"), big.bytes)).toBe(0);

  const three = [1, 2, 3].map((number) => {
    mkdirSync(join(there.path, `${number}`));
    return run(NEXT, join(there.path, `${number}`), port);
  });
  const looked = run(LOOK, there.path, port);
  expect((await run(SEND_TO_THREE, here.path, port)).stdout).toContain(
    "sent: to 3 receivers that can't say that they saved it",
  );
  expect((await looked).stdout).toContain("content-length: 3000000");
  for (const [at, each] of three.entries()) {
    expect((await each).exitCode).toBe(0);
    expect(Buffer.compare(text(`${at + 1}/big.iso`), big.bytes)).toBe(0);
  }

  writeFileSync(join(here.path, "app.log"), "one line\n");
  const named = run(NAMED, there.path, port);
  expect((await run(SEND?.replace("big.iso", "app.log"), here.path, port)).exitCode).toBe(0);
  expect((await named).stdout).toBe("one line\n");

  const quietly = run(NEXT, there.path, port);
  const quiet = SEND_QUIETLY?.replace("big.iso", "app.log");
  expect((await run(quiet, here.path, port)).stdout).toContain("sent: to 1 receiver");
  expect((await quietly).exitCode).toBe(0);

  {
    await using sender = send({ relay: `${relay.url}/ws`, code: LOBBY_CODE, path: big.path });
    await sender.when("source");
    writeFileSync(join(there.path, "big.iso"), big.bytes.subarray(0, 1_500_000));
    expect((await run(GO_ON, there.path, port)).exitCode).toBe(0);
    expect(Buffer.compare(text("big.iso"), big.bytes)).toBe(0);
  }

  mkdirSync(join(here.path, "folder"));
  writeFileSync(join(here.path, "folder/a"), content(1, 100_000));
  const packed = run(NEXT, there.path, port);
  expect((await run(SEND_PIPE, here.path, port)).stdout).toContain(
    "sent: to 1 receiver that can't say that it saved it",
  );
  expect((await packed).exitCode).toBe(0);
  expect((await run("tar x -f folder.tar", there.path, port)).exitCode).toBe(0);
  expect(Buffer.compare(text("folder/a"), content(1, 100_000))).toBe(0);
});

test("its commands for an encrypted share do what it says", async () => {
  using folder = temporaryFolder();
  await using relay = await startRelay();
  const file = makeFile(folder.path, "a.bin", 3_000_000);
  const code = newCode();
  await using sender = send({ relay: `${relay.url}/ws`, code, path: file.path });
  await sender.when("relay", ({ online }) => online);
  const { share } = await sender.when("code");
  const said = await run(KEY?.replace("SHARE", share ?? ""), folder.path, relay.port, code);
  const path = /^path {4}(\/c\/\S+)$/m.exec(said.stdout)?.[1];
  const download = RESUME?.replace("/c/SHARE/CAPABILITY", path ?? "");
  const out = join(folder.path, "share.bin");
  expect((await run(download, folder.path, relay.port)).exitCode).toBe(0);
  const whole = readFileSync(out);
  writeFileSync(out, whole.subarray(0, 1_500_000));
  expect((await run(download, folder.path, relay.port)).exitCode).toBe(0);
  expect(Buffer.compare(readFileSync(out), whole)).toBe(0);
});
