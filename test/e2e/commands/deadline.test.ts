/** --timeout counts from the first moment of a command, before any transfer too. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";

import { FAULTS } from "../../../protocol/wire/faults.ts";
import { startRelay, type Relay } from "../../../relay/mod.ts";
import { newCode, receive, send } from "../../support/clients/clients.ts";
import { makeFile } from "../../support/files.ts";
import { temporaryFolder } from "../../support/disk.ts";
import { jsonLines, run, type Ran } from "../../support/clients/program.ts";
import { openPty, type Pty } from "../../support/clients/pty.ts";

const TIMEOUT = ["--timeout", "1"];
const LATE = FAULTS["deadline-over"].sentence;

let relay: Relay;
beforeAll(async () => {
  relay = await startRelay();
});
afterAll(() => relay.stop());

/** A command whose standard input stays open and brings nothing, and that has no terminal. */
function starved(args: readonly string[], env: Record<string, string> = {}): Promise<Ran> {
  return run(args, { stdin: "pipe", env: { FILESHARE_RELAY: relay.url, ...env } });
}

/**
 * Plays it with a deadline of so many seconds, and with longer ones on a machine that is not at the question by then.
 * @param play says whether it was
 */
async function inTime(seconds: number, play: (timeout: string[]) => Promise<boolean>) {
  for (const times of [1, 5, 25]) {
    if (await play(["--timeout", `${seconds * times}`])) return;
  }
  throw new Error("it was never at the question");
}

/** Whether a terminal shows that before its command ends. */
function hasShown(pty: Pty, what: string | RegExp): Promise<boolean> {
  return pty.shows(what).then(
    () => true,
    () => false,
  );
}

describe("--timeout", () => {
  test.each([
    [["recv", "--yes"], "a code"],
    [["send", "--text", "-"], "a text"],
  ])("ends %j, which waits for %s on the standard input", async (args) => {
    const { exitCode, out, err } = await starved([...args, ...TIMEOUT]);
    expect({ exitCode, out }).toEqual({ exitCode: 6, out: "" });
    expect(err).toStartWith(`fileshare: ${LATE}`);
  });

  test("is told to programs", async () => {
    const { exitCode, out } = await starved(["recv", "--yes", "--json", ...TIMEOUT]);
    expect(exitCode).toBe(6);
    expect(JSON.parse(out)).toMatchObject({ event: "error", code: "deadline-over" });
  });

  test("ends a send to a relay that does not answer", async () => {
    using silent = Bun.listen({
      hostname: "127.0.0.1",
      port: 0,
      socket: { data: () => undefined },
    });
    using folder = temporaryFolder();
    const { path } = makeFile(folder.path, "a.bin", 1);
    const env = { FILESHARE_RELAY: `ws://127.0.0.1:${silent.port}` };
    const { exitCode, err } = await starved(["send", path, ...TIMEOUT], env);
    expect(exitCode).toBe(6);
    expect(err).toContain(LATE);
  });

  test("ends the search for the relay of a host; without it a receiver in the lobby never gives up", async () => {
    const env = { FILESHARE_RELAY: "no-such-host.invalid" };
    const { exitCode, err } = await starved(["recv", "--lobby", "--yes", ...TIMEOUT], env);
    expect(exitCode).toBe(6);
    expect(err).toStartWith(`fileshare: ${LATE}`);
  });

  test.each([
    [["recv"], "Code: "],
    [["send"], "File to send: "],
  ])("ends %j at its question", async (args, question) => {
    const env = { FILESHARE_RELAY: relay.url };
    await inTime(1, async (timeout) => {
      await using pty = openPty([...args, ...timeout], { env, columns: 200 });
      if (!(await hasShown(pty, question))) return false;
      expect(await pty.exited).toBe(6);
      expect(pty.grid().at(-1)).toStartWith(`fileshare: ${LATE}`);
      return true;
    });
  });

  test("at a question about an offer is told below the question", async () => {
    using folder = temporaryFolder();
    using out = temporaryFolder();
    const { path } = makeFile(folder.path, "a.bin", 1);
    const at = { relay: `${relay.url}/ws`, code: newCode() };
    await using sender = send({ ...at, path });
    await sender.when("relay");
    const env = { FILESHARE_RELAY: relay.url, FILESHARE_CODE: at.code };
    await inTime(2, async (timeout) => {
      await using pty = openPty(["recv", ...timeout], { env, cwd: out.path, columns: 200 });
      if (!(await hasShown(pty, "Take it? (Y/n)"))) return false;
      expect(await pty.exited).toBe(6);
      expect(pty.grid().at(-2)).toStartWith("Take it? (Y/n)");
      expect(pty.grid().at(-1)).toStartWith(`Error: ${LATE}`);
      return true;
    });
  });

  test("at a question about a receiver is told below the question", async () => {
    using folder = temporaryFolder();
    using out = temporaryFolder();
    const { path } = makeFile(folder.path, "a.bin", 1);
    const at = { relay: `${relay.url}/ws`, code: newCode() };
    const env = { FILESHARE_RELAY: relay.url, FILESHARE_CODE: at.code };
    await using _ = receive({ ...at, out: out.path, name: "anna" });
    await inTime(3, async (timeout) => {
      const args = ["send", path, "--ask", "--new", ...timeout];
      await using pty = openPty(args, { env, columns: 200 });
      if (!(await hasShown(pty, /anna.*\?/))) return false;
      expect(await pty.exited).toBe(6);
      expect(pty.grid().join("\n")).toContain(
        `0 of 1 receiver has everything, 1 has nothing\nError: ${LATE}`,
      );
      return true;
    });
  });

  test("of a resume takes the place of the one that was given before", async () => {
    using folder = temporaryFolder();
    const { path } = makeFile(folder.path, "a.bin", 1);
    const env = { XDG_STATE_HOME: join(folder.path, "state") };
    // Long enough for the relay to accept the share.
    await inTime(2, async (timeout) => {
      const first = await starved(["send", path, "--quiet", ...timeout], env);
      expect(first).toMatchObject({ exitCode: 6 });
      return first.err.startsWith(`No receiver came\nError: ${LATE}`);
    });
    await inTime(2.5, async (timeout) => {
      const again = await starved(["resume", "--json", ...timeout], env);
      expect(again.exitCode).toBe(6);
      const last = jsonLines<{ event: string }>(again.out).slice(-3);
      if (last[0]?.event !== "awaits") return false;
      expect(last).toMatchObject([
        { event: "awaits", wanted: 1, complete: 0, missing: 1 },
        { event: "summary", wanted: 1, complete: 0, partial: 0, nothing: 0 },
        { event: "error", code: "deadline-over" },
      ]);
      return true;
    });
  });
});

test("a folder as the standard input is named, without a mistake of ours", async () => {
  using folder = temporaryFolder();
  for (const words of ["recv --yes", "send --text -"]) {
    const options = { env: { FILESHARE_RELAY: relay.url }, shell: `exec "$@" < "${folder.path}"` };
    const { exitCode, err } = await run(words.split(" "), options);
    expect(exitCode).toBeGreaterThan(0);
    expect(err).toContain("the standard input (it is a folder, EISDIR)");
  }
});
