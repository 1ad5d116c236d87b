/** Completion in the real shells; those that are not on the PATH are skipped. */
import { describe, expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { commands } from "../../../cli/commands/registry.ts";
import { temporaryFolder } from "../../support/disk.ts";
import { cleanEnv, openProgram } from "../../support/clients/pty.ts";
import { run } from "../../support/clients/program.ts";
import { lacksProgram } from "../../needs.ts";

const names = [...new Set(Object.keys(commands).map((name) => name.split(" ", 1)[0] ?? ""))];

async function output(command: readonly string[], cwd?: string): Promise<string> {
  const child = Bun.spawn([...command], { env: cleanEnv(), cwd, stdout: "pipe", stderr: "pipe" });
  const [out, err] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  expect({ err, exitCode: await child.exited }).toEqual({ err: "", exitCode: 0 });
  return out;
}

/** The script of a shell in a file, in a folder with `a file.bin` and `folder`. */
async function prepared(shell: string) {
  const folder = temporaryFolder();
  const script = join(folder.path, "script");
  writeFileSync(script, (await run(["completion", shell])).out);
  writeFileSync(join(folder.path, "a file.bin"), "");
  mkdirSync(join(folder.path, "a folder"));
  return { script, cwd: folder.path, [Symbol.dispose]: () => folder[Symbol.dispose]() };
}

const CASES: readonly (readonly [line: string, offered: readonly string[]])[] = [
  ["fileshare ", names],
  ["fileshare comp", ["completion"]],
  ["fileshare send --rec", ["--receivers"]],
  ["fileshare recv --o", ["--out"]],
  ["fileshare recv --out a", ["a folder"]],
  ["fileshare send a", ["a file.bin", "a folder"]],
  ["fileshare send --receivers ", []],
  ["fileshare completion ", ["bash", "zsh", "fish"]],
  ["fileshare relay ", ["status", "kill", "ban", "unban", "token"]],
  ["fileshare relay --po", ["--port"]],
  ["fileshare relay --access ", ["open", "senders", "closed"]],
  ["fileshare relay token ", ["add", "list", "revoke"]],
  ["fileshare relay token re", ["revoke"]],
  ["fileshare relay token add --ro", ["--role"]],
  ["fileshare relay token add --token-file a", ["a file.bin"]],
  ["fileshare relay token list --j", ["--json"]],
  ["fileshare help re", ["recv", "relay"]],
];

describe("bash", () => {
  test.each(CASES)("%j", async (line, offered) => {
    using shell = await prepared("bash");
    const words = line.split(" ");
    const call = `source ${shell.script}; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _fileshare
      [[ \${#COMPREPLY[@]} == 0 ]] || printf '%s\\n' "\${COMPREPLY[@]}"`;
    const found = (await output(["bash", "--norc", "-c", call, "bash", ...words], shell.cwd))
      .split("\n")
      .filter((word) => word !== "");
    expect(found.toSorted()).toEqual(expect.arrayContaining(offered.toSorted()) as string[]);
    if (offered.length === 0) expect(found).toEqual([]);
  });

  test("completes at Tab, also after an equals sign", async () => {
    using shell = await prepared("bash");
    const options = { cwd: shell.cwd, env: { PS1: "$ " } };
    await using pty = openProgram(["bash", "--norc", "-i"], options);
    pty.type(`source ${shell.script}\n`);
    pty.type("fileshare comp\tb\t");
    await pty.shows("fileshare completion bash");
    pty.type("\u0015fileshare recv --out=a\t");
    await pty.shows("--out=a\\ folder/");
    pty.type("\u0015exit\n");
    expect(await pty.exited).toBe(0);
  });
});

describe.skipIf(lacksProgram("zsh", "zsh"))("zsh", () => {
  test("completes at Tab, sourced or from the fpath", async () => {
    using shell = await prepared("zsh");
    const options = { cwd: shell.cwd, env: { PS1: "$ " } };
    await using pty = openProgram(["zsh", "-f", "-i"], options);
    pty.type(`autoload -U compinit; compinit -D -u; source ${shell.script}\n`);
    pty.type("fileshare comp\tb\t");
    await pty.shows("fileshare completion bash");
    pty.type("\u0015fileshare recv --out=a\t");
    await pty.shows("--out=a\\ folder/");
    pty.type("\u0015fileshare relay tok\trev\t--tok\t");
    await pty.shows("relay token revoke --token-file=");
    pty.type("\u0015fileshare send --rec\t");
    await pty.shows("send --receivers=");
    pty.type("\u0015exit\n");
    expect(await pty.exited).toBe(0);
  });
});

describe.skipIf(lacksProgram("fish", "fish"))("fish", () => {
  async function offeredByFish(line: string): Promise<string[]> {
    using shell = await prepared("fish");
    const call = `source ${shell.script}; complete -C '${line}'`;
    const found = (await output(["fish", "-N", "-c", call], shell.cwd)).split("\n");
    return found.map((entry) => entry.split("\t", 1)[0]?.replace(/\/$/, "") ?? "");
  }

  test.each(CASES)("%j", async (line, offered) => {
    expect(await offeredByFish(line)).toEqual(expect.arrayContaining([...offered]) as string[]);
  });

  // Options of a command are no options of those that begin like it.
  test.each([
    ["fileshare relay token add --p", "--port"],
    ["fileshare relay token list --to", "--token"],
    ["fileshare relay token ", "token"],
  ])("%j does not offer %s", async (line, word) => {
    expect(await offeredByFish(line)).not.toContain(word);
  });
});

test("another word than a shell's is wrong usage", async () => {
  for (const args of [[], ["tcsh"]]) {
    const { exitCode, err } = await run(["completion", ...args]);
    expect(exitCode).toBe(2);
    expect(err).toContain("the name of a shell: bash, zsh, fish");
  }
});
