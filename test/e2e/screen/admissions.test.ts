/** `send --ask` at a real terminal. */
import { expect, test } from "bun:test";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { startRelay } from "../../../relay/mod.ts";
import { bytesOf, list, temporaryFolder } from "../../support/disk.ts";
import { newCode, receive } from "../../support/clients/clients.ts";
import { makeFile } from "../../support/files.ts";
import { run } from "../../support/clients/program.ts";
import { openPty } from "../../support/clients/pty.ts";

test("each receiver is asked about, one after the other; Enter alone is no", async () => {
  using folder = temporaryFolder();
  await using relay = await startRelay();
  const file = makeFile(folder.path, "a.bin", 100_000);
  const code = newCode();
  const outs = ["anna", "mallory", "early"].map((name) => join(folder.path, name));
  for (const out of outs) mkdirSync(out);
  const [anna = "", mallory = "", early = ""] = outs;
  const env = { FILESHARE_RELAY: relay.url, FILESHARE_CODE: code };
  const job = { relay: `${relay.url}/ws`, code };
  await using pty = openPty(["send", file.path, "--ask", "--stay"], { env, columns: 100 });
  await pty.shows("Sending a.bin");
  // A receiver that leaves before the answer withdraws its question.
  await using goes = receive({ ...job, out: early, name: "early" });
  await pty.shows("Let early (");
  goes.interrupt();
  await goes.outcome;
  await using first = receive({ ...job, out: anna, name: "anna\u001b[2J" });
  await pty.shows("Let anna\\u{1b}[2J (");
  await using second = receive({ ...job, out: mallory, name: "mallory" });
  await second.when("unadmitted");
  pty.type("y\r");
  expect(await first.outcome).toMatchObject({ exitCode: 0 });
  await pty.shows("Let mallory (");
  pty.type("\r");
  expect(await second.outcome).toMatchObject({ fault: "not-admitted" });
  await pty.shows("mallory was not admitted, and is out");
  pty.type("\u0003");
  expect(await pty.exited).toBe(0);
  expect(bytesOf(join(anna, "a.bin"))).toEqual(file.bytes);
  expect([list(mallory), list(early)]).toEqual([[], []]);
});

test("takes a terminal", async () => {
  using folder = temporaryFolder();
  const file = makeFile(folder.path, "a.bin", 10);
  for (const more of [[], ["--json"]]) {
    const { exitCode } = await run(["send", file.path, "--ask", ...more]);
    expect(exitCode).toBe(2);
  }
});
