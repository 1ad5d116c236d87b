/** A binary is the whole product, wherever it lies, and whatever lies in the folder that it is started in. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { copyFileSync, existsSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { smoke } from "../../deploy/build/smoke.ts";
import manifest from "../../package.json" with { type: "json" };
import { adminPage } from "../../relay/admin/page/page.ts";
import { builtBinary, TARGET_HERE, type Built } from "../support/binary.ts";
import { cleanEnv } from "../support/clients/pty.ts";
import { temporaryFolder } from "../support/disk.ts";
import { read } from "../support/documents.ts";

let binary: Built;
const place = temporaryFolder();

beforeAll(() => {
  binary = builtBinary();
});
afterAll(() => {
  binary[Symbol.dispose]();
  place[Symbol.dispose]();
});

interface Ran {
  readonly exitCode: number;
  readonly out: string;
  readonly err: string;
}

/** Without what tests set for a Bun that runs sources. */
const ENV = { ...cleanEnv(), BUN_OPTIONS: "" };

function run(words: readonly string[], cwd: string, env: Record<string, string> = {}): Ran {
  const { exitCode, stdout, stderr } = Bun.spawnSync([...words], { cwd, env: { ...ENV, ...env } });
  return { exitCode, out: stdout.toString(), err: stderr.toString() };
}

test("it sends, receives, relays and serves both pages from a folder without anything else", async () => {
  const path = join(place.path, "renamed");
  copyFileSync(binary.path, path);
  using folder = temporaryFolder();
  await smoke({ words: ["env", "-C", "/", path], folder: folder.path, seenAs: folder.path });
});

test("it names its version, its target and its commit", () => {
  const { exitCode, out } = run([binary.path, "--version"], "/");
  expect(exitCode).toBe(0);
  expect(out).toMatch(/^\S+ \(\S+, (?:[0-9a-f]{12}(?:-changed)?|unknown)\)\n$/);
  expect(out).toStartWith(`${manifest.version} (${TARGET_HERE}, `);
});

test("it works through a link, and from PATH", () => {
  symlinkSync(binary.path, join(place.path, "fileshare"));
  const env = { PATH: `${place.path}:${process.env["PATH"] ?? ""}` };
  for (const command of [[join(place.path, "fileshare")], ["sh", "-c", 'fileshare "$@"', "sh"]]) {
    const { exitCode, out } = run([...command, "help", "send"], "/", env);
    expect({ exitCode, isHelp: out.includes("fileshare send") }).toEqual({
      exitCode: 0,
      isHelp: true,
    });
  }
});

describe("files of the folder that it is started in", () => {
  test("that steer Bun change nothing", () => {
    using folder = temporaryFolder();
    const put = (name: string, text: string): void => writeFileSync(join(folder.path, name), text);
    put("hook.ts", `await Bun.write(${JSON.stringify(join(folder.path, "hooked"))}, "");`);
    put("bunfig.toml", 'preload = ["./hook.ts"]\n[run]\npreload = ["./hook.ts"]\n');
    put(".env", "FILESHARE_RELAY=ws://relay.invalid\nFILESHARE_NONSENSE=1\n");
    put(".env.production", "FILESHARE_NONSENSE=2\n");
    put("package.json", "this is no JSON");
    put("tsconfig.json", "nor this");
    put("main.ts", "process.exit(9);");
    const shown = run([binary.path, "config"], folder.path);
    expect(shown).toEqual(run([binary.path, "config"], "/"));
    expect(shown.exitCode).toBe(0);
    expect(shown.err + shown.out).not.toMatch(/relay\.invalid|NONSENSE/);
    expect(existsSync(join(folder.path, "hooked"))).toBe(false);
  });
});

describe("variables of Bun", () => {
  // Bun reads these two before the program starts, in every binary; the reference says so.
  test("are named in the reference, as far as they change a binary", async () => {
    const text = await read("docs/reference/binaries.md");
    for (const name of ["BUN_BE_BUN", "BUN_OPTIONS"]) expect(text).toContain(`\`${name}\``);
    const bun = run([binary.path, "--version"], "/", { BUN_BE_BUN: "1" });
    expect(bun.out.trim()).toBe(Bun.version);
  });

  test.each([
    ["BUN_CONFIG_VERBOSE_FETCH", "curl"],
    ["BUN_INSTALL", "/nowhere"],
    ["BUN_RUNTIME_TRANSPILER_CACHE_PATH", "/nowhere"],
    ["NODE_ENV", "development"],
    ["NODE_OPTIONS", "--require=/nowhere.js"],
  ])("%s does not change what it says", (name, value) => {
    const words = [binary.path, "config"];
    expect(run(words, "/", { [name]: value })).toEqual(run(words, "/"));
  });
});

test("the admin page is the one that a checkout makes", async () => {
  const embedded = run([process.execPath, "-e", EMBEDDED, binary.path], "/");
  expect(embedded.err).toBe("");
  const { html, policy } = await adminPage();
  expect(JSON.parse(embedded.out)).toEqual({ html, policy });
});

/** Starts a relay of the binary, and prints its admin page. */
const EMBEDDED = `
  const [, binary] = process.argv;
  const relay = Bun.spawn([binary, "relay", "--host", "127.0.0.1", "--port", "0", "--admin", "127.0.0.1:0"],
    { stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  let text = "", url;
  const read = async (stream) => {
    for await (const bytes of stream) {
      text += new TextDecoder().decode(bytes);
      url = /Admin listener: (\\S+)/.exec(text)?.[1];
      if (url !== undefined) return;
    }
  };
  await Promise.race([read(relay.stdout), read(relay.stderr)]);
  const answer = await fetch(url);
  const policy = answer.headers.get("content-security-policy");
  console.log(JSON.stringify({ html: await answer.text(), policy }));
  relay.kill();
  await relay.exited;`;
