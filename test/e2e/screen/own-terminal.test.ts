/** Questions reach the person at the terminal, wherever the standard input and output lead. */
import { afterAll, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { send } from "../../../cli/library/library.ts";
import { startRelay } from "../../../relay/mod.ts";
import { fileshare } from "../../support/clients/command.ts";
import { temporaryFolder } from "../../support/disk.ts";
import { openProgram, type Pty } from "../../support/clients/pty.ts";
import { SHELL_FILESHARE } from "../../support/clients/command-words.ts";

const relay = await startRelay();
afterAll(() => relay.stop());

interface Stage extends AsyncDisposable {
  readonly code: string;
  readonly cwd: string;
  /** A line of a shell at a terminal; `fileshare` is this product, $CODE the code. */
  readonly shell: (line: string) => Pty;
}

/** A sender of a.txt, and a folder for its receivers. */
async function staged(): Promise<Stage> {
  const from = temporaryFolder();
  const to = temporaryFolder();
  writeFileSync(join(from.path, "a.txt"), "content");
  const sending = send({ what: [join(from.path, "a.txt")], relay: relay.url, stay: true });
  let code = "";
  for await (const event of sending) {
    if (event.event !== "code") continue;
    code = event.code;
    break;
  }
  return {
    code,
    cwd: to.path,
    shell: (line) =>
      openProgram(["sh", "-c", `fileshare() { ${SHELL_FILESHARE} "$@"; }; ${line}`], {
        cwd: to.path,
        env: { FILESHARE_RELAY: relay.url, CODE: code },
        columns: 200,
      }),
    [Symbol.asyncDispose]: async () => {
      sending.interrupt();
      await sending.outcome;
      from[Symbol.dispose]();
      to[Symbol.dispose]();
    },
  };
}

describe("recv", () => {
  test("with --stdout into a pipe asks for the code at the terminal", async () => {
    await using stage = await staged();
    await using pty = stage.shell("fileshare recv --stdout | cat > copy");
    await pty.shows("Code: ");
    pty.type(`${stage.code}\r`);
    expect(await pty.exited).toBe(0);
    expect(readFileSync(join(stage.cwd, "copy"), "utf8")).toBe("content");
  });

  test("with its output in a file shows the offer at the terminal, and no question in the file", async () => {
    await using stage = await staged();
    for (const option of ["", " --quiet"]) {
      await using pty = stage.shell(`fileshare recv${option} --rename > log 2>&1`);
      await pty.shows("Code: ");
      pty.type("\r");
      await pty.shows(/Type lobby for the lobby[^]*Code: $/);
      pty.type(`${stage.code}\r`);
      await pty.shows(/Offered: 1 file, 7 B\n {2}a\.txt {2}7 B\n[^]*Take it\? \(Y\/n\) $/);
      pty.type("y\r");
      expect(await pty.exited).toBe(0);
      const log = readFileSync(join(stage.cwd, "log"), "utf8");
      expect(log.includes("Saved")).toBe(option === "");
      for (const asked of ["Code: ", "Take it?", "Type lobby"]) expect(log).not.toContain(asked);
      expect(readFileSync(join(stage.cwd, "a.txt"), "utf8")).toBe("content");
    }
  });

  test("with the code in a pipe asks for consent at the terminal", async () => {
    await using stage = await staged();
    for (const [line, key, exitCode] of [
      ['echo "$CODE" | fileshare recv', "n\r", 1],
      ['echo "$CODE" | fileshare recv > log', "\r", 0],
    ] as const) {
      await using pty = stage.shell(line);
      await pty.shows(/a\.txt {2}7 B\n[^]*Take it\? \(Y\/n\) $/);
      pty.type(key);
      expect(await pty.exited).toBe(exitCode);
      expect(existsSync(join(stage.cwd, "a.txt"))).toBe(exitCode === 0);
    }
  });

  test("with nothing in the pipe asks for the code, and Ctrl-C ends it", async () => {
    await using stage = await staged();
    await using pty = stage.shell("fileshare recv < /dev/null > log");
    await pty.shows("Code: ");
    pty.type("\u0003");
    expect(await pty.exited).toBe(130);
  });

  test("in the background, or without a terminal, asks nobody", async () => {
    await using stage = await staged();
    for (const line of [
      "set -m; fileshare recv < /dev/null & wait $!",
      "setsid -w sh -c 'exec \"$@\"' sh ARGS < /dev/null 2>&1 | cat; exit 2".replace(
        "ARGS",
        `${SHELL_FILESHARE} recv`,
      ),
    ]) {
      await using pty = stage.shell(line);
      expect(await pty.exited).toBe(2);
      expect(pty.grid().join("\n")).toContain("standard input has no code");
    }
  });
});

test("key asks at the terminal, and prints to its output alone", async () => {
  await using stage = await staged();
  await using pty = stage.shell("fileshare key > key");
  await pty.shows("Code: ");
  pty.type(`${stage.code}\r`);
  expect(await pty.exited).toBe(0);
  expect(readFileSync(join(stage.cwd, "key"), "utf8")).toMatch(/^channel .*\nkey .*\n$/);
});

describe("recv --out", () => {
  test("makes the folder, and takes it away when nothing came", async () => {
    await using stage = await staged();
    const env = { FILESHARE_RELAY: relay.url, FILESHARE_CODE: stage.code };
    const out = join(stage.cwd, "downloads");
    await using taken = fileshare(["recv", "--yes", "--out", out], env);
    await taken.events();
    expect(await taken.exited).toBe(0);
    expect(readdirSync(out)).toEqual(["a.txt"]);

    const unused = join(stage.cwd, "unused");
    const waiting = fileshare(["recv", "--lobby", "--out", unused], env);
    await waiting.events(({ event }) => event === "waiting");
    expect(existsSync(unused)).toBe(true);
    await waiting[Symbol.asyncDispose]();
    expect(existsSync(unused)).toBe(false);
  });

  test("names the folder that is missing, or no folder", async () => {
    using folder = temporaryFolder();
    writeFileSync(join(folder.path, "file"), "x");
    mkdirSync(join(folder.path, "there"));
    for (const [path, why] of [
      ["no/downloads", `no is missing`],
      ["there/no/downloads", `there/no is missing`],
      ["file/downloads", `file is no folder`],
      ["file", "file"],
    ] as const) {
      const out = join(folder.path, path);
      await using receiver = fileshare(["recv", "--lobby", "--out", out], {
        FILESHARE_RELAY: relay.url,
      });
      const error = await receiver.events(({ event }) => event === "error");
      expect(error).toMatchObject({ code: "bad-destination" });
      expect(error?.event === "error" ? error.message : "").toContain(why);
      expect(await receiver.exited).toBe(2);
    }
    expect(readdirSync(folder.path).toSorted()).toEqual(["file", "there"]);
    expect(readdirSync(join(folder.path, "there"))).toEqual([]);
  });
});
