import { describe, expect, test } from "bun:test";
import { chmodSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

import { commands, loadAll } from "../../../cli/commands/registry.ts";
import { configPath, parseConfig } from "../../../cli/arguments/configuration.ts";
import { temporaryFolder } from "../../support/disk.ts";
import { openPty } from "../../support/clients/pty.ts";
import { CODE, run as runProgram, type Ran } from "../../support/clients/program.ts";

function run(args: readonly string[], env: Record<string, string>): Promise<Ran> {
  return runProgram(args, { env });
}

/** A folder with a configuration file, and the environment that names it. */
function configured(text: string) {
  const folder = temporaryFolder();
  const path = join(folder.path, "config.toml");
  writeFileSync(path, text);
  return {
    path,
    env: { FILESHARE_CONFIG: path },
    [Symbol.dispose]: () => folder[Symbol.dispose](),
  };
}

describe("the file", () => {
  test.each([
    [{}, join(homedir(), ".config/fileshare/config.toml")],
    [{ XDG_CONFIG_HOME: "/x" }, "/x/fileshare/config.toml"],
    [{ XDG_CONFIG_HOME: "x" }, join(homedir(), ".config/fileshare/config.toml")],
    [{ XDG_CONFIG_HOME: "/x", FILESHARE_CONFIG: "mine" }, "mine"],
    [{ XDG_CONFIG_HOME: "/x", FILESHARE_CONFIG: "" }, undefined],
  ])("with %j is %s", (env, path) => {
    expect(configPath(env)).toBe(path);
  });

  test.each([
    ["[all]\nrelay = \n", "line 2: "],
    ["[all]\nrelay = 'a'\n[all]\n", "line 3: "],
    ["[recvv]\n", "[recvv] is no command (did you mean [recv]?)"],
    ["relay = 'ws://x'\n", "relay stands in no section, such as [all]"],
    ["[recv]\nlimmit = 1\n", "[recv] has no option limmit (did you mean limit?)"],
    ["[recv]\nreceivers = 1\n", "[recv] has no option receivers"],
    ["[send]\ncode = 'x'\n", "[send] has no option code"],
    ["[recv]\nyes = 1\n", "yes in [recv] takes true or false"],
    ["[recv]\nlimit = ['1']\n", "limit in [recv] takes a text in quotes, or a number"],
    ["[send]\nexclude = [1]\n", "exclude in [send] takes a text in quotes, or a number"],
    ["[recv]\nlimit = true\n", "limit in [recv] takes a text in quotes, or a number"],
  ])("%j is refused: %s", async (text, why) => {
    const all = await loadAll();
    expect(await parseConfig("c.toml", text, all).catch(String)).toContain(`c.toml: ${why}`);
  });

  test("an option that may be given again takes a list", async () => {
    const text = "[send]\nexclude = ['*.tmp', 'cache']\n[all]\nexclude = '*.o'\n";
    const sections = await parseConfig("c.toml", text, await loadAll());
    expect(sections.get("send")?.get("exclude")).toEqual(["*.tmp", "cache"]);
    expect(sections.get("all")?.get("exclude")).toBe("*.o");
  });

  test("the example is one that sets nothing, with every command that has options", async () => {
    const { exitCode, out } = await run(["config", "--example"], {});
    expect(exitCode).toBe(0);
    const sections = await parseConfig("example", out, await loadAll());
    for (const options of sections.values()) expect(options.size).toBe(0);
    for (const word of ["all", "send", "recv", "relay"])
      expect([...sections.keys()]).toContain(word);
    // With every option set it is understood too.
    const set = out.replaceAll(/^# ([\w-]+ = )/gm, "$1").replace(/^relay = "wss.*/m, "");
    expect(await parseConfig("example", set, []).catch(String)).toBeString();
    expect((await parseConfig("example", set, await loadAll())).size).toBe(sections.size);
  });
});

describe("the setting that wins", () => {
  test("the command line over the environment over the command's section over [all]", async () => {
    using config = configured("[all]\nlimit = '1'\nconnect-timeout = 0.1\n[recv]\nlimit = '2'\n");
    const env = { ...config.env, FILESHARE_CODE: CODE, FILESHARE_RELAY: "ws://127.0.0.1:1" };
    const recv = ["recv", "--yes"];
    const fromFile = await run(recv, env);
    expect(fromFile.exitCode).toBe(2);
    expect(fromFile.err).toContain('not "2"');
    expect(fromFile.err).toContain(`(--limit is set by ${config.path})`);
    const variable = await run(recv, { ...env, FILESHARE_LIMIT: "3" });
    expect(variable.err).toContain('not "3" (--limit is set by FILESHARE_LIMIT)');
    const typed = await run([...recv, "--limit", "4"], { ...env, FILESHARE_LIMIT: "3" });
    expect(typed.err).toContain('not "4". Run');
    const empty = await run(recv, { ...env, FILESHARE_LIMIT: "" });
    expect(empty.err).toContain('not "2"');
    const fine = await run([...recv, "--limit", "1MiB"], env);
    expect({ ...fine, out: "" }).toMatchObject({ exitCode: 1 });
    expect(fine.err).toContain("The relay cannot be reached");
  });

  test("a switch that is set is taken back by --no-, or by its rival", async () => {
    using config = configured("[recv]\nyes = true\nconnect-timeout = 0.1\n");
    const env = { ...config.env, FILESHARE_CODE: CODE, FILESHARE_RELAY: "ws://127.0.0.1:1" };
    expect((await run(["recv"], env)).err).toContain("The relay cannot be reached");
    const asks = "there is no terminal for a question";
    expect((await run(["recv", "--no-yes"], env)).err).toContain(asks);
    expect((await run(["recv", "--ask"], env)).err).toContain(asks);
    expect((await run(["recv"], { ...env, FILESHARE_YES: "0" })).err).toContain(asks);
    const neither = await run(["recv"], { ...env, FILESHARE_YES: "maybe" });
    expect(neither.err).toContain("FILESHARE_YES takes 1 or 0");
    expect((await run(["recv", "--no-out"], env)).err).toContain("there is no option --no-out");
  });
});

describe("fileshare config", () => {
  test("shows what is set by what", async () => {
    using config = configured("[all]\nrelay = 'ws://x\u202E'\n[send]\nstay = true\n");
    const env = { ...config.env, FILESHARE_STAY: "0" };
    const { out } = await run(["config"], env);
    expect(out).toContain(`Configuration file: ${config.path} (read)\n`);
    expect(out).toContain(
      '[send]\nrelay = "ws://x\\u{202e}"  # the file\nstay = false  # FILESHARE_STAY\n',
    );
    const { out: json } = await run(["config", "--json"], env);
    expect(JSON.parse(json)).toMatchObject({
      path: config.path,
      options: { send: { stay: { value: false, from: "FILESHARE_STAY" } } },
    });
    const { out: path } = await run(["config", "--path"], env);
    expect(path).toBe(`${config.path}\n`);
  });

  test("a wrong file stops every command but help and those that mend it", async () => {
    using config = configured("[all\n");
    for (const word of Object.keys(commands)) {
      expect((await run([word, "--help"], config.env)).exitCode).toBe(0);
    }
    const { exitCode, out, err } = await run(["recv", "--yes"], config.env);
    expect({ exitCode, out }).toEqual({ exitCode: 2, out: "" });
    expect(err).toContain("The configuration file is not valid");
    expect((await run(["recv", "--yes"], { FILESHARE_CONFIG: "" })).err).toContain("no code");
    expect((await run(["config", "--path"], config.env)).exitCode).toBe(0);
    expect((await run(["config"], config.env)).exitCode).toBe(2);
  });

  test("a file that is too large or can't be read is reported", async () => {
    using config = configured("#".repeat(65 * 1024));
    expect((await run(["recv"], config.env)).err).toContain("it has more than 65536 bytes");
    const folder = { FILESHARE_CONFIG: join(config.path, "..") };
    expect((await run(["recv"], folder)).err).toContain(
      "it cannot be read (it is a folder, EISDIR)",
    );
  });

  test("--edit makes the file, and checks what the editor left", async () => {
    using folder = temporaryFolder();
    const editor = join(folder.path, "my editor");
    writeFileSync(editor, `#!/bin/sh\ngrep -c recv.$ "$2"; printf '[all]\\n%s\\n' "$1" >> "$2"\n`);
    chmodSync(editor, 0o755);
    const path = join(folder.path, "home/fileshare/config.toml");
    const edit = async (word: string): Promise<string> => {
      const options = { env: { FILESHARE_CONFIG: path, EDITOR: `'${editor}' ${word}` } };
      await using pty = openPty(["config", "--edit"], options);
      const exitCode = await pty.exited;
      return `${exitCode} ${pty.grid().join(" ")}`;
    };
    // A second [all] is one too many.
    expect(await edit("wrong")).toMatch(/^2 1 fileshare: The configuration file is not valid/);
    writeFileSync(path, "");
    expect(await edit(`"relay='ws://x'"`)).toBe("0 0");
    expect(await Bun.file(path).text()).toBe("[all]\nrelay='ws://x'\n");
  });
});
