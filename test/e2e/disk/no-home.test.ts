/** A container with a random user id: no home, no entry in the list of users, folders of others. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmodSync, chownSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { commands } from "../../../cli/commands/registry.ts";
import { CODE, ended, heard, type Ran } from "../../support/clients/program.ts";
import { startRelay, type Relay } from "../../../relay/mod.ts";
import { makeFile } from "../../support/files.ts";
import { bytesOf, temporaryFolder } from "../../support/disk.ts";

const repository = join(import.meta.dir, "../../..");
const USER = 54_321;
const OTHER = 54_322;
const IS_ROOT = process.getuid?.() === 0;

/** Bun and the repository may lie in a folder that is closed to others: each is mounted beside the test. */
const SCRIPT = `
mount --bind "$1" "$3/bun"; mount --bind "$2" "$3/repository"; shift 3
exec setpriv --reuid ${USER} --regid ${USER} --clear-groups env -i "$@"`;

let folder: ReturnType<typeof temporaryFolder>;
let relay: Relay;

beforeAll(async () => {
  folder = temporaryFolder();
  chmodSync(folder.path, 0o755);
  for (const name of ["repository", "tmp", "out", "readonly", "closed", "runtime"]) {
    mkdirSync(join(folder.path, name));
  }
  writeFileSync(join(folder.path, "bun"), "");
  chmodSync(at("tmp"), 0o1777);
  chmodSync(at("closed"), 0o700);
  for (const name of ["out", "runtime"]) chownSync(at(name), USER, USER);
  chmodSync(at("runtime"), 0o700);
  relay = await startRelay();
});

afterAll(async () => {
  await relay.stop();
  folder[Symbol.dispose]();
});

function at(name: string): string {
  return join(folder.path, name);
}

type Environment = Readonly<Record<string, string>>;

function start(args: readonly string[], env: Environment = {}) {
  const variables = { TMPDIR: at("tmp"), PATH: process.env["PATH"] ?? "", ...env };
  const words = [
    ...Object.entries(variables).map(([name, value]) => `${name}=${value}`),
    at("bun"),
    at("repository/cli/main.ts"),
    ...args,
  ];
  const place = [process.execPath, repository, folder.path];
  return Bun.spawn(["unshare", "-m", "sh", "-ec", SCRIPT, "sh", ...place, ...words], {
    cwd: "/",
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
}

function run(args: readonly string[], env: Environment = {}): Promise<Ran> {
  return ended(start(args, env));
}

/** The folders that were made for this user in that for temporary files. */
function places(): string[] {
  return readdirSync(at("tmp")).filter((name) => name.startsWith(`fileshare-state-${USER}-`));
}

describe.skipIf(!IS_ROOT)("a user without a home (needs root)", () => {
  test("has every command of the table", async () => {
    const { path, bytes } = makeFile(folder.path, "a.bin", 300_000);
    const to = { FILESHARE_RELAY: relay.url, FILESHARE_CODE: CODE };
    const seen = new Map<string, number>();
    const said: string[] = [];
    const expectExit = async (name: string, exitCode: number, words: string[], env = {}) => {
      const ended = await run([...name.split(" "), ...words], { ...to, ...env });
      expect({ name, ...ended }).toMatchObject({ name, exitCode });
      said.push(ended.err);
      seen.set(name, exitCode);
      return ended;
    };
    // One that is killed is remembered, and resumed.
    const killed = start(["send", path, "--json"], to);
    await heard(killed.stdout, '"online":true');
    killed.kill("SIGKILL");
    await killed.exited;
    seen.set("send", 137);
    const listed = await expectExit("list", 0, []);
    expect(listed.out).toContain("send a.bin");
    expect(listed.err).toContain("this user has no home folder, so unfinished transfers");
    const [resumed, received] = await Promise.all([
      expectExit("resume", 0, []),
      expectExit("recv", 0, ["--yes", "--out", at("out")]),
    ]);
    expect(resumed.out).toContain("Done");
    expect(received.err).toContain(`remembered in ${at("tmp")}/fileshare-state-${USER}-`);
    expect(bytesOf(at("out/a.bin"))).toEqual(bytes);
    await expectExit("forget", 0, ["--all"]);

    const server = start(["relay", "--host", "127.0.0.1", "--port", "0", "--json"]);
    await heard(server.stdout, "listening");
    const file = ["--token-file", at("out/tokens.json")];
    await Promise.all([
      expectExit("relay status", 0, ["--once"]),
      expectExit("relay kill", 1, ["999"]),
      expectExit("relay ban", 0, ["203.0.113.7"]),
      expectExit("relay token add", 0, file),
      expectExit("stored", 0, []),
      expectExit("revoke", 2, [CODE]),
      expectExit("key", 0, []),
      expectExit("config", 0, []),
      expectExit("doctor", 0, ["--quick"]),
      expectExit("completion", 0, ["bash"]),
    ]);
    const tokens = await expectExit("relay token list", 0, [...file, "--json"]);
    const { id } = JSON.parse(tokens.out) as { id: string };
    await Promise.all([
      expectExit("relay token revoke", 0, [...file, id]),
      expectExit("relay unban", 0, ["203.0.113.7"]),
    ]);
    server.kill("SIGTERM");
    expect(await server.exited).toBe(0);
    seen.set("relay", 0);

    expect([...seen.keys()].toSorted()).toEqual(Object.keys(commands).toSorted());
    for (const err of said) expect(err).not.toContain("internal error");
    expect(places()).toHaveLength(1);
  });

  test.each<[what: string, env: () => Environment, why: string]>([
    ["HOME that is not there", () => ({ HOME: "/nonexistent" }), "/nonexistent/.local/state"],
    ["HOME that is relative", () => ({ HOME: "home" }), "this user has no home folder"],
    ["HOME of another user", () => ({ HOME: at("readonly") }), "readonly/.local/state cannot"],
    ["HOME that is closed", () => ({ HOME: at("closed") }), "closed/.local/state cannot"],
    [
      "XDG_STATE_HOME of another user",
      () => ({ XDG_STATE_HOME: at("readonly") }),
      "readonly cannot",
    ],
  ])("has a place for what is not through, and hears why it is there: %s", async (_, env, why) => {
    const [list, config, edit] = await Promise.all([
      run(["list"], env()),
      run(["config"], env()),
      run(["config", "--edit"], { ...env(), EDITOR: "true" }),
    ]);
    expect(list).toMatchObject({ exitCode: 0, out: "" });
    expect(list.err).toContain(why);
    expect(list.err.match(/^Note: /gm)).toHaveLength(1);
    expect(config).toMatchObject({ exitCode: 0, err: "" });
    expect(edit.exitCode).toBe(2);
    expect(edit.err).toContain("FILESHARE_CONFIG can name");
  });

  test("has XDG_RUNTIME_DIR before a temporary folder, and no folder of its own at /dev/null", async () => {
    const runtime = await run(["list"], { XDG_RUNTIME_DIR: at("runtime") });
    expect(runtime.err).toContain(`remembered in ${at("runtime/fileshare-state")}`);
    const none = await run(["list"], { XDG_STATE_HOME: "/dev/null" });
    expect(none).toEqual({ exitCode: 0, out: "", err: "Nothing is unfinished\n" });
    const nowhere = await run(["list"], { TMPDIR: at("readonly") });
    expect(nowhere.err).toContain("fileshare resume will not find this one");
  });

  test("takes no folder that another user prepared", async () => {
    using tmp = temporaryFolder();
    chmodSync(tmp.path, 0o1777);
    const [theirs, open, link] = ["theirs", "open", "link"].map((name) =>
      join(tmp.path, `fileshare-state-${USER}-${name}`),
    );
    mkdirSync(theirs!, { mode: 0o700 });
    chownSync(theirs!, OTHER, OTHER);
    mkdirSync(open!);
    chownSync(open!, USER, USER);
    chmodSync(open!, 0o777);
    symlinkSync(at("runtime"), link!);
    const { exitCode, err } = await run(["list"], { TMPDIR: tmp.path });
    expect(exitCode).toBe(0);
    const place = /remembered in (.*)\.$/m.exec(err)?.[1];
    expect(place).toMatch(/^\/.*\/fileshare-state-54321-\w{6}$/);
    expect([theirs, open, link]).not.toContain(place);
  });
});
