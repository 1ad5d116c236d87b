import { afterEach, beforeEach, expect, test } from "bun:test";
import { readdirSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import {
  RECEIVER_IDS_KEPT,
  RECEIVER_IDS_MS,
  ReceiverId,
} from "../../../cli/receive/receiver-ids.ts";
import { statePath } from "../../../cli/system/state.ts";
import { toHex } from "../../../protocol/mod.ts";
import { lines } from "../../support/clients/processes.ts";
import { stateOfEachTest } from "../../support/clients/own-state.ts";

const folder = stateOfEachTest();
const temporary = process.env["TMPDIR"];
const share = "ab".repeat(16);

beforeEach(() => {
  // Without a place to fall back to.
  process.env["TMPDIR"] = "/nonexistent";
});

afterEach(() => {
  if (temporary === undefined) delete process.env["TMPDIR"];
  else process.env["TMPDIR"] = temporary;
});

/** The id of a run that has ended. */
function run(of = share, wished?: Uint8Array): string {
  const id = ReceiverId.claim(of, wished);
  id.release();
  return toHex(id.bytes);
}

function kept(): string[] {
  return readdirSync(statePath("ids")).toSorted();
}

test("a run after the other is the same receiver, of that share alone", () => {
  const first = run();
  expect([run(), run()]).toEqual([first, first]);
  expect(run("cd".repeat(16))).not.toBe(first);
  expect(kept()).toHaveLength(2);
});

test("two at once are two, and later ones are those two", () => {
  const [first, second] = [ReceiverId.claim(share), ReceiverId.claim(share)];
  const ids = [first, second].map(({ bytes }) => toHex(bytes));
  expect(new Set(ids).size).toBe(2);
  first.release();
  second.release();
  first.release();
  const again = [ReceiverId.claim(share), ReceiverId.claim(share)];
  expect(again.map(({ bytes }) => toHex(bytes)).toSorted()).toEqual(ids.toSorted());
  for (const id of again) id.release();
  expect(kept()).toHaveLength(2);
});

test("a receiver takes the id of its partial if no other has it now", () => {
  const wished = new Uint8Array(16).fill(7);
  run();
  expect(run(share, wished)).toBe(toHex(wished));
  expect(run(share, wished)).toBe(toHex(wished));
  const holds = ReceiverId.claim(share, wished);
  expect(run(share, wished)).not.toBe(toHex(wished));
  holds.release();
});

/** Claims the share's id in a process of its own, and is killed with it if it shall be. */
async function inProcess(kill: boolean): Promise<string> {
  const url = new URL("../../../cli/receive/receiver-ids.ts", import.meta.url).href;
  const code = `
    const { ReceiverId } = await import(${JSON.stringify(url)});
    const id = ReceiverId.claim(${JSON.stringify(share)});
    console.log(JSON.stringify(Buffer.from(id.bytes).toString("hex")));
    if (!${kill}) { id.release(); process.exit(0); }
    setInterval(() => undefined, 1000);`;
  const child = Bun.spawn([process.execPath, "-e", code], {
    env: process.env,
    stdout: "pipe",
    stderr: "inherit",
  });
  let said = "";
  for await (const id of lines<string>(child.stdout)) {
    said = id;
    if (kill) child.kill("SIGKILL");
  }
  await child.exited;
  return said;
}

test("a process that was killed leaves its id to the next", async () => {
  const first = await inProcess(true);
  expect(kept()[0]).toContain(`${share}.${first}.`);
  expect(await inProcess(false)).toBe(first);
  expect(run()).toBe(first);
});

test("of processes at the same time no two are one receiver", async () => {
  const holds = ReceiverId.claim(share);
  const ids = await Promise.all([inProcess(true), inProcess(true), inProcess(true)]);
  // One that was killed may have left its id to another by then, but what is held stays held.
  expect(ids).not.toContain(toHex(holds.bytes));
  holds.release();
});

test("it is forgotten when it is old, and of too many those that were used the longest ago", () => {
  const first = run();
  const path = join(statePath("ids"), `${share}.${first}`);
  const used = (msAgo: number): void => {
    const at = new Date(Date.now() - msAgo);
    utimesSync(path, at, at);
  };
  used(RECEIVER_IDS_MS - 60_000);
  expect(run()).toBe(first);
  used(RECEIVER_IDS_MS + 60_000);
  const second = run();
  expect(second).not.toBe(first);
  expect(kept()).toEqual([`${share}.${second}`]);

  const held = ReceiverId.claim("ef".repeat(16));
  const at = new Date(Date.now() - RECEIVER_IDS_MS / 2);
  for (let i = 0; i < RECEIVER_IDS_KEPT; i++) {
    const name = join(statePath("ids"), `${i.toString(16).padStart(32, "0")}.${"00".repeat(16)}`);
    writeFileSync(name, "");
    utimesSync(name, at, at);
  }
  const newest = run("11".repeat(16));
  expect(kept()).toHaveLength(RECEIVER_IDS_KEPT);
  expect(kept()).toContain(`${"11".repeat(16)}.${newest}`);
  expect(run()).toBe(second);
  held.release();
  expect(kept()).toContain(`${"ef".repeat(16)}.${toHex(held.bytes)}`);
});

test("it is for its user alone, and tells no more than its name does", () => {
  const id = run();
  const stat = statSync(join(statePath("ids"), `${share}.${id}`));
  expect([stat.mode & 0o777, stat.size]).toEqual([0o600, 0]);
  expect(statSync(statePath("ids")).mode & 0o777).toBe(0o700);
});

test("where nothing can be kept a receiver is a new one each time", () => {
  writeFileSync(join(folder.path, "fileshare"), "in the way");
  expect(run()).not.toBe(run());
});

test("other files in the folder are left alone", () => {
  run();
  writeFileSync(join(statePath("ids"), "mine"), "");
  writeFileSync(join(statePath("ids"), `${share}.00`), "");
  run();
  expect(kept()).toContain("mine");
  expect(kept()).toHaveLength(3);
});
