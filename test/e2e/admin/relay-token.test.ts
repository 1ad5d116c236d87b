/** The commands that edit a relay's tokens, and tokens in the commands of clients, as processes. */
import { describe, expect, test } from "bun:test";
import { mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { EXIT } from "../../../protocol/mod.ts";
import { temporaryFolder } from "../../support/disk.ts";
import { heard, jsonLines, run as runProgram, start } from "../../support/clients/program.ts";
import { RelayCommand } from "../../support/clients/relay-command.ts";

const TOKEN = /^fst_[0-9a-f]{8}_[0-9a-f]{64}\n$/;

function run(args: readonly string[], env: Record<string, string> = {}, cwd?: string) {
  return runProgram(args, { env, cwd });
}

/** Everything in a folder, as text. */
function allText(folder: string): string {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => name + readFileSync(join(parentPath, name), "latin1"))
    .join("\n");
}

describe("relay token", () => {
  test("add prints a token once, list tells all but it, revoke takes it back", async () => {
    using folder = temporaryFolder();
    const path = join(folder.path, "tokens.json");
    const env = { FILESHARE_TOKEN_FILE: path };
    const ada = await run(["relay", "token", "add", "--name", "ada\u001b[31m"], env);
    expect(ada.exitCode).toBe(EXIT.done);
    expect(ada.out).toMatch(TOKEN);
    const id = ada.out.slice(4, 12);
    expect(ada.err).toStartWith(`Token ${id} is for send and receive. It is shown this once`);
    expect(ada.err).not.toContain(ada.out.slice(13, -1));
    const other = ["--role", "send,admin", "--role", "send", "--expires", "2099-01-31"];
    const bob = await run(["relay", "token", "add", ...other], env);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const kept = readFileSync(path, "utf8");
    for (const { out } of [ada, bob]) expect(kept).not.toContain(out.slice(13, -1));
    const bobs = bob.out.slice(4, 12);
    const list = await run(["relay", "token", "list"], env);
    expect(list.out).toBe(
      `${id}  send,receive  ada\\u{1b}[31m\n${bobs}  send,admin  until 2099-01-31T00:00:00.000Z\n`,
    );
    const json = await run(["relay", "token", "list", "--json"], env);
    expect(jsonLines(json.out)).toMatchObject([
      { event: "token", id, roles: ["send", "receive"] },
      { event: "token", id: bobs, roles: ["send", "admin"] },
    ]);
    const unknown = await run(["relay", "token", "revoke", id, "00000000"], env);
    expect(unknown).toMatchObject({ exitCode: EXIT.usage });
    expect(unknown.err).toContain("there is no token 00000000");
    expect(readFileSync(path, "utf8")).toBe(kept);
    const whole = await run(["relay", "token", "revoke", ada.out.trim()], env);
    expect(whole).toMatchObject({ exitCode: EXIT.usage });
    expect(whole.err).not.toContain(ada.out.slice(13, -1));
    expect(await run(["relay", "token", "revoke", id, bobs], env)).toMatchObject({ exitCode: 0 });
    expect((await run(["relay", "token", "list"], env)).err).toBe("There are no tokens\n");
  });

  test("add, from several at once, loses none", async () => {
    using folder = temporaryFolder();
    const path = join(folder.path, "tokens.json");
    const args = ["relay", "token", "add", "--token-file", path];
    const added = await Promise.all(Array.from({ length: 6 }, () => run(args)));
    const list = await run(["relay", "token", "list", "--token-file", path]);
    expect(list.out.split("\n").map((line) => line.slice(0, 8))).toEqual(
      expect.arrayContaining(added.map(({ out }) => out.slice(4, 12))) as string[],
    );
  });
});

describe("a client of a relay that wants tokens", () => {
  /** A closed relay, and a token for it. */
  async function closed() {
    const stack = new AsyncDisposableStack();
    const folder = stack.use(temporaryFolder());
    const path = join(folder.path, "tokens.json");
    const add = await run(["relay", "token", "add", "--token-file", path]);
    const relay = stack.use(await RelayCommand.start(["--access", "closed", "--token-file", path]));
    return {
      token: add.out.trim(),
      path,
      url: relay.url,
      [Symbol.asyncDispose]: () => stack.disposeAsync(),
    };
  }

  test("P4 is told what is missing, and what to do", async () => {
    await using relay = await closed();
    using folder = temporaryFolder();
    const text = ["send", "--text", "x", "--relay", relay.url];
    const none = await run(text, {}, folder.path);
    expect(none.exitCode).toBe(EXIT.failed);
    expect(none.err).toContain("The relay does not allow that: it wants a token. Ask its operator");
    const wrong = await run(text, { FILESHARE_TOKEN: "fst_wrong" }, folder.path);
    expect(wrong.err).toContain("it does not know this token");
    const doctor = ["doctor", "--quick", "--relay", relay.url];
    expect((await run(doctor)).out).toContain("it wants a token");
    const env = { FILESHARE_TOKEN: relay.token };
    expect(await run(doctor, env)).toMatchObject({ exitCode: EXIT.done });
    const file = join(folder.path, "config.toml");
    writeFileSync(file, `[all]\ntoken = "${relay.token}"\n`);
    const shown = await run(["config"], { FILESHARE_CONFIG: file });
    expect(shown.out).toContain('token = "..."');
    expect(shown.out).not.toContain(relay.token);
    expect(await run(doctor, { FILESHARE_CONFIG: file })).toMatchObject({ exitCode: EXIT.done });
    // Configured beside this very relay, in other words; then beside another.
    const same = relay.url.replace("ws:", "HTTP:").replace("/ws", "/");
    expect((await run(doctor, { ...env, FILESHARE_RELAY: same })).exitCode).toBe(EXIT.done);
    const pasted = await run(doctor, { ...env, FILESHARE_RELAY: "ws://127.0.0.1:1" });
    expect(pasted.exitCode).toBe(EXIT.failed);
    expect(pasted.out).toContain("it wants a token");
  });

  test("P4 its token is in no file, event or message, and resume takes it from outside", async () => {
    await using relay = await closed();
    using folder = temporaryFolder();
    using state = temporaryFolder();
    const secret = relay.token.slice(-64);
    writeFileSync(join(folder.path, "a.bin"), "some bytes");
    const base = { XDG_STATE_HOME: state.path, FILESHARE_CONFIG: "" };
    // Typed, which others see in the list; that is all there is to be seen.
    const args = ["send", "a.bin", "--json", "--token", relay.token, "--relay", relay.url];
    const sender = start(args, { env: base, cwd: folder.path });
    // From then on another run can go on with the share.
    const said = await heard(sender.stdout, '"online":true');
    sender.kill("SIGKILL");
    await sender.exited;
    expect(said).toContain('"kept":true');
    expect(said).not.toContain(secret);
    expect(allText(state.path)).toContain("a.bin");
    expect(allText(state.path)).not.toContain(secret);
    const without = await run(["resume", "--json"], base);
    expect(without.out).toContain('"code":"not-allowed"');
    const code = /"code":"([a-z0-9-]+)","channel"/.exec(said)?.[1] ?? "";
    const env = { ...base, FILESHARE_TOKEN: relay.token };
    const resumed = start(["resume", "--json"], { env });
    const got = join(folder.path, "got");
    mkdirSync(got);
    const receive = ["recv", "--yes", "--json", "--out", got, "--relay", relay.url];
    const received = await run(receive, { ...env, FILESHARE_CODE: code }, folder.path);
    expect(received.exitCode).toBe(EXIT.done);
    expect(readFileSync(join(got, "a.bin"), "utf8")).toBe("some bytes");
    const out = await resumed.stdout.text();
    expect(await resumed.exited).toBe(EXIT.done);
    expect(`${out}${received.out}${received.err}`).not.toContain(secret);
  });

  test("tokens of the environment do where there are no files", async () => {
    await using other = await closed();
    const args = ["relay", "--host", "127.0.0.1", "--port", "0", "--json", "--access", "closed"];
    const tokens = readFileSync(other.path, "utf8");
    const relay = start(args, { env: { FILESHARE_RELAY_TOKENS: tokens } });
    const { url } = JSON.parse(await heard(relay.stdout, "\n")) as { url: string };
    const doctor = ["doctor", "--quick", "--relay", url];
    expect((await run(doctor)).exitCode).toBe(EXIT.failed);
    expect((await run(doctor, { FILESHARE_TOKEN: other.token })).exitCode).toBe(EXIT.done);
    relay.kill("SIGTERM");
    expect(await relay.exited).toBe(EXIT.done);
    const broken = await run(args, { FILESHARE_RELAY_TOKENS: "fst_secret" });
    expect(broken.exitCode).toBe(EXIT.usage);
    expect(broken.out).toContain("FILESHARE_RELAY_TOKENS is no JSON");
    expect(broken.out).not.toContain("fst_secret");
  });
});
