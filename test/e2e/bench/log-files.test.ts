import { afterAll, beforeAll, expect, test } from "bun:test";
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { logFilesOf } from "../../../bench/log-files.ts";
import { at } from "../../../bench/load/pattern.ts";
import { parseOptions } from "../../../bench/options.ts";
import { large } from "../../../bench/scenarios/large.ts";
import { naive } from "../../../bench/systems/naive.ts";
import { createLogFile } from "../../../relay/log/store.ts";
import { measure, MiB } from "../../support/bench/load.ts";
import { WAIT_MS } from "../../support/patience.ts";

const BLOCKS = 8;

let folder: string;
let log: number;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "bench-"));
  log = createLogFile(folder, BLOCKS);
});
afterAll(() => {
  closeSync(log);
  rmSync(folder, { recursive: true });
});

test("a log takes what was written to it, not what it could hold", async () => {
  const logs = await logFilesOf([process.pid]);
  expect(await logs.allocated()).toBe(0);
  writeSync(log, at(0, MiB), 0, MiB, 3 * MiB);
  const allocated = await logs.allocated();
  expect(allocated).toBeGreaterThanOrEqual(MiB);
  // The file system may count what it needs to find them.
  expect(allocated).toBeLessThan(2 * MiB);
});

test("a log that is open twice counts once", async () => {
  const before = await (await logFilesOf([process.pid])).allocated();
  const again = openSync(`/proc/self/fd/${log}`, "r");
  try {
    expect(await (await logFilesOf([process.pid])).allocated()).toBe(before);
  } finally {
    closeSync(again);
  }
});

test("a process without a log, or one that is gone, has no bytes of a log", async () => {
  const other = Bun.spawn(["cat"], { stdin: "pipe", stdout: "pipe" });
  try {
    // Before it runs its program it may still have what is open here.
    void other.stdin.write("here\n");
    await other.stdin.flush();
    await other.stdout.getReader().read();
    for (const pid of [other.pid, 2 ** 30]) {
      expect(await (await logFilesOf([pid])).allocated()).toBeUndefined();
    }
  } finally {
    await other.stdin.end();
    await other.exited;
  }
});

test("a share ten times the log takes no more than the log on the disk", async () => {
  const args = "large --large-log 4MiB --large-size 40MiB --load-processes 2";
  const [each] = large.cases(parseOptions(args.split(" "), large.options), ["fileshare"]);
  const run = await each!.run(AbortSignal.timeout(WAIT_MS));
  expect(run.invalid).toBeUndefined();
  expect(run.extra["recordsSentAgain"]).toBeGreaterThan(0);
  expect(run.extra["logBytesMost"]).toBeGreaterThan(0);
  // The file system may count what it needs to find them.
  expect(run.extra["logBytesMost"]).toBeLessThan(5 * MiB);
});

test("a relay without a log has no figure of one", async () => {
  const run = await measure(naive, [{ kind: "healthy", count: 1 }]);
  expect(run.invalid).toBeUndefined();
  expect(run.extra).not.toContainKey("logBytesMost");
});
