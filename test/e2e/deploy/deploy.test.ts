/** The files of deploy/ agree with the commands, and start a relay. */
import { describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { commands } from "../../../cli/commands/registry.ts";
import { ENVIRONMENT } from "../../../cli/arguments/environment.ts";
import { variableFor } from "../../../cli/arguments/settings.ts";
import { DRAIN_MS, RELAY_LIMITS, RELAY_WORKERS } from "../../../relay/limits/operator-limits.ts";
import { CLOSE_MS } from "../../../relay/limits/limits.ts";
import { clientsWithin } from "../../../relay/system/descriptors.ts";
import { temporaryFolder } from "../../support/disk.ts";
import { cleanEnv } from "../../support/clients/pty.ts";
import { lacksProgram } from "../../needs.ts";
import { FILESHARE } from "../../support/clients/command-words.ts";

const relayCommand = await commands["relay"]!();

const root = join(import.meta.dir, "../../..");
const read = (name: string): string => readFileSync(join(root, "deploy", name), "utf8");
const unit = read("fileshare-relay.service");
const dockerfile = read("Dockerfile");
const readme = read("README.md");

/** All values of a key of the unit. */
function settings(key: string): string[] {
  return [...unit.matchAll(new RegExp(`^${key}=(.*)$`, "gm"))].map(([, value = ""]) => value);
}

test("every variable and option that deploy/ names is one of the relay's", () => {
  const known = new Set([
    ...relayCommand.settable.map(variableFor),
    ...ENVIRONMENT.map(([name]) => name),
  ]);
  for (const text of [unit, dockerfile, readme]) {
    for (const [name] of text.matchAll(/FILESHARE_[A-Z_]+/g)) expect(known).toContain(name);
    for (const [, line = ""] of text.matchAll(/\brelay ((?:--[^`\n]*))/g)) {
      const options = [...line.matchAll(/--(no-)?([a-z-]+)/g)].map(([, , name]) => name);
      for (const option of options) expect(Object.keys(relayCommand.args)).toContain(option ?? "");
    }
  }
});

describe("the unit", () => {
  test("runs a command that there is", () => {
    const [bun, script, word] = settings("ExecStart")[0]?.split(" ") ?? [];
    expect(bun).toEndWith("/bun");
    expect(existsSync(join(root, script?.replace("/opt/fileshare/", "") ?? ""))).toBe(true);
    expect(Object.keys(commands)).toContain(word ?? "");
  });

  test("leaves time to drain, and descriptors for all clients", () => {
    const [stop = ""] = settings("TimeoutStopSec");
    expect(Number(stop) * 1000).toBeGreaterThan(DRAIN_MS + 2 * CLOSE_MS);
    const [files = ""] = settings("LimitNOFILE");
    const clients = RELAY_LIMITS["max-sockets"].default;
    expect(clientsWithin(Number(files), RELAY_WORKERS)).toBeGreaterThan(clients);
  });

  test.skipIf(lacksProgram("systemd-analyze", "systemd"))(
    "is understood by systemd, and tight",
    async () => {
      using folder = temporaryFolder();
      const path = join(folder.path, "fileshare-relay.service");
      // The unit's programs need not be on this machine.
      writeFileSync(path, unit.replaceAll(/^(Exec\w+)=\S+/gm, `$1=${process.execPath}`));
      const run = async (...args: string[]) => {
        const child = Bun.spawn(["systemd-analyze", ...args], { stderr: "pipe" });
        const output = Promise.all([child.stdout.text(), child.stderr.text()]);
        return { exitCode: await child.exited, said: (await output).join("") };
      };
      expect(await run("verify", path)).toEqual({ exitCode: 0, said: "" });
      const security = await run("security", "--offline=true", "--no-pager", path);
      const exposure = /Overall exposure level for .*: ([\d.]+)/.exec(security.said)?.[1];
      expect(Number(exposure)).toBeLessThan(1.5);
    },
  );

  test("starts a relay with what it sets", async () => {
    using folder = temporaryFolder();
    const resolved = (text: string): string =>
      text.replaceAll(/%[CSt]/g, folder.path).replaceAll("%N", "fileshare-relay");
    for (const made of ["CacheDirectory", "StateDirectory", "RuntimeDirectory"]) {
      mkdirSync(resolved(`%t/${settings(made)[0]}`), { recursive: true });
    }
    const set = settings("Environment").flatMap((line) => line.split(" "));
    const env = Object.fromEntries(
      set.map((one) => {
        const [name = "", value = ""] = one.split("=");
        return [name, resolved(value)];
      }),
    );
    const [, , ...given] = settings("ExecStart")[0]?.split(" ") ?? [];
    const local = { FILESHARE_HOST: "127.0.0.1", FILESHARE_PORT: "0", FILESHARE_ADMIN: "off" };
    const child = Bun.spawn([...FILESHARE, ...given, "--json"], {
      env: { ...cleanEnv(), ...env, ...local },
      stdin: "ignore",
      stdout: "pipe",
      stderr: "inherit",
    });
    const { value } = await child.stdout.getReader().read();
    expect(new TextDecoder().decode(value)).toContain('"event":"listening"');
    child.kill("SIGHUP");
    child.kill("SIGTERM");
    expect(await child.exited).toBe(0);
  });
});
