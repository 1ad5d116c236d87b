/** Shares that a relay stores, from the side of people: `send --store`, `recv`, `stored` and `revoke`, and the library. */
import { afterAll, beforeAll, beforeEach, describe, expect, setSystemTime, test } from "bun:test";
import {
  appendFileSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import * as v from "valibot";

import { storeEvent, type StoreEvent } from "../../../cli/job/command-events.ts";
import { clientEvent, type ClientEvent } from "../../../cli/job/event-schema.ts";
import { receive, send, type SendOptions } from "../../../cli/mod.ts";
import { parseCode } from "../../../protocol/code/code.ts";
import { EXIT } from "../../../protocol/wire/faults.ts";
import { startRelay, type Relay } from "../../../relay/mod.ts";
import { knownCode, masterOf } from "../../support/clients/known-codes.ts";
import { fileshare } from "../../support/clients/command.ts";
import { RelayCommand } from "../../support/clients/relay-command.ts";
import { stateOfEachTest } from "../../support/clients/own-state.ts";
import { jsonLines, run as runProgram, type Ran } from "../../support/clients/program.ts";
import { temporaryFolder } from "../../support/disk.ts";
import { makeFile } from "../../support/files.ts";
import { Proxy } from "../../support/net/proxy.ts";
import { until } from "../../support/until.ts";

const MiB = 1024 * 1024;
const WEEK_MS = 7 * 24 * 60 * 60 * 1000;

const folder = temporaryFolder();
const state = stateOfEachTest();
const store = join(folder.path, "store");
let relay: Relay;
let env: Record<string, string>;

async function start(): Promise<void> {
  relay = await startRelay({ workers: 1, store: { kind: "disk", folder: store } });
}

beforeAll(start);
afterAll(async () => {
  await relay.stop();
  folder[Symbol.dispose]();
});
beforeEach(() => {
  env = { XDG_STATE_HOME: state.path, NO_COLOR: "1" };
});

function run(args: readonly string[], stdin?: string): Promise<Ran> {
  const options = { env, cwd: folder.path };
  return runProgram(args, stdin === undefined ? options : { ...options, stdin });
}

async function eventsOf(transfer: AsyncIterable<ClientEvent>): Promise<ClientEvent[]> {
  return await Array.fromAsync(transfer);
}

function find<Name extends ClientEvent["event"]>(events: readonly ClientEvent[], name: Name) {
  return events.find(
    (event): event is Extract<ClientEvent, { event: Name }> => event.event === name,
  );
}

/** The events that a command printed with `--json`. */
function eventsIn(out: string): ClientEvent[] {
  return jsonLines(out).map((line) => v.parse(clientEvent, line));
}

/** Stores it. @returns the code, and all that the sender said */
async function stored(what: SendOptions["what"], more: Partial<SendOptions> = {}) {
  const code = knownCode();
  const known = { code, master: masterOf(code) };
  const sending = send({ what, relay: relay.url, store: { life: 3600 }, ...known, ...more });
  const events = await eventsOf(sending);
  expect(await sending.outcome).toEqual({ fault: undefined, exitCode: EXIT.done });
  return { code, events };
}

function receiving(given: string, out = join(folder.path, crypto.randomUUID())) {
  const code = parseCode(given);
  const transfer = receive({ code, master: masterOf(code), relay: relay.url, out });
  return { out, transfer };
}

async function received(code: string): Promise<{ out: string; events: ClientEvent[] }> {
  const { out, transfer } = receiving(code);
  const events = await eventsOf(transfer);
  expect(await transfer.outcome).toEqual({ fault: undefined, exitCode: EXIT.done });
  return { out, events };
}

async function faultOf(code: string): Promise<{ fault?: string | undefined; exitCode: number }> {
  return await receiving(code).transfer.outcome;
}

/** As `fileshare stored` lists them, newest first. */
async function listed(): Promise<Extract<StoreEvent, { event: "stored-share" }>[]> {
  const { out } = await run(["stored", "--json"]);
  return jsonLines(out).map((line) => {
    const event = v.parse(storeEvent, line);
    if (event.event !== "stored-share") throw new Error(JSON.stringify(event));
    return event;
  });
}

describe("A share that is stored", () => {
  test("is received after its sender ended, whatever it is", async () => {
    const tree = join(folder.path, "photos");
    mkdirSync(join(tree, "empty"), { recursive: true });
    const a = makeFile(tree, "a.bin", 2 * MiB);
    writeFileSync(join(tree, "none.txt"), "");
    const { code, events } = await stored([tree]);
    expect(find(events, "stored")?.until).toMatch(/^20\d\d-.*Z$/);
    expect(find(events, "done")).toMatchObject({ receivers: 0 });
    const got = await received(code);
    expect(find(got.events, "offer")?.stored).toEqual({ until: find(events, "stored")!.until });
    expect(Buffer.compare(readFileSync(join(got.out, "photos/a.bin")), a.bytes)).toBe(0);
    expect(readFileSync(join(got.out, "photos/none.txt")).length).toBe(0);

    const empty = makeFile(folder.path, "empty.bin", 0);
    const { out } = await received((await stored([empty.path])).code);
    expect(readFileSync(join(out, "empty.bin")).length).toBe(0);

    const text = await stored({ from: "text", text: "see you at eight" });
    expect(find((await received(text.code)).events, "text")?.text).toBe("see you at eight");
  });

  test("is there after a restart of the relay", async () => {
    const file = makeFile(folder.path, "restart.bin", 3 * MiB);
    const { code } = await stored([file.path]);
    await relay.stop();
    await start();
    const { out } = await received(code);
    expect(Buffer.compare(readFileSync(join(out, file.name)), file.bytes)).toBe(0);
  });

  test("goes to receivers that wait while it is stored, and the sender ends before them", async () => {
    const file = makeFile(folder.path, "live.bin", 2 * MiB);
    const code = knownCode();
    const early = receiving(code);
    for await (const { event } of early.transfer) if (event === "waiting") break;
    await stored([file.path], { code, master: masterOf(code) });
    expect((await early.transfer.outcome).exitCode).toBe(EXIT.done);
    expect(Buffer.compare(readFileSync(join(early.out, file.name)), file.bytes)).toBe(0);
  });

  test("ends with its last download, and late receivers hear so", async () => {
    const store = { life: 3600, downloads: 1 };
    const { code, events } = await stored({ from: "text", text: "once" }, { store });
    expect(find(events, "stored")?.downloads).toBe(1);
    expect(find((await received(code)).events, "offer")?.stored?.downloads).toBe(1);
    expect(await faultOf(code)).toEqual({ fault: "exhausted", exitCode: EXIT.failed });
    expect(await listed()).toMatchObject([{ state: "exhausted", most: 1 }]);
  });

  test("is here already for a receiver that has all of it, also once it is over, while that is unchanged", async () => {
    const tree = join(folder.path, "twice");
    mkdirSync(join(tree, "deep"), { recursive: true });
    makeFile(join(tree, "deep"), "a.bin", 5000);
    const file = makeFile(folder.path, "alone.bin", 3000);
    for (const [path, within, bytes] of [
      [tree, "twice/deep/a.bin", 5000],
      [file.path, "alone.bin", 3000],
    ] as const) {
      const { code } = await stored([path], { store: { life: 3600, downloads: 1 } });
      const { out } = await received(code);
      const again = receiving(code, out);
      expect(await eventsOf(again.transfer)).toContainEqual({ event: "skipped", files: 1, bytes });
      expect(await again.transfer.outcome).toEqual({ fault: undefined, exitCode: EXIT.done });
      const over = { fault: "exhausted", exitCode: EXIT.failed } as const;
      expect(await faultOf(code)).toEqual(over);
      const { atimeMs, mtimeMs } = statSync(join(out, within));
      utimesSync(join(out, within), atimeMs / 1000, mtimeMs / 1000 + 1);
      expect(await receiving(code, out).transfer.outcome).toEqual(over);
      rmSync(join(out, within));
      expect(await receiving(code, out).transfer.outcome).toEqual(over);
    }
  });

  test("is here already for a receiver that was killed after the last download was counted", async () => {
    const file = makeFile(folder.path, "killed.bin", 3000);
    const { code } = await stored([file.path], { store: { life: 3600, downloads: 1 } });
    await using proxy = await Proxy.start({ port: Number(new URL(relay.url).port) });
    const held = proxy.holdAfter(1);
    const out = join(folder.path, "killed");
    const words = ["recv", code, "--yes", "--out", out, "--relay", proxy.url];
    const receiver = fileshare(words, env);
    await held;
    await until(async () => (await listed())[0]?.state === "exhausted");
    receiver.kill("SIGKILL");
    await receiver.exited;
    proxy.release();
    const again = await run(words);
    expect(again.out).toContain("Not fetched: 1 file that is here");
    expect(again.exitCode).toBe(EXIT.done);
    expect(readdirSync(out)).toEqual([file.name]);
  });

  test("ends with its life", async () => {
    const { code } = await stored({ from: "text", text: "for an hour" });
    try {
      setSystemTime(Date.now() + WEEK_MS);
      // The relay looks each second, and what it has loaded is given until then.
      let ended = await faultOf(code);
      while (ended.fault === undefined) ended = await faultOf(code);
      expect(ended).toEqual({ fault: "stored-expired", exitCode: EXIT.failed });
    } finally {
      setSystemTime();
    }
  });
});

describe("The sender of a stored share", () => {
  test("lists it with its receivers, and deletes it", async () => {
    const file = makeFile(folder.path, "listed.bin", 100_000);
    const sent = await run([
      "send",
      file.path,
      "--store",
      "--downloads",
      "3",
      "--relay",
      relay.url,
    ]);
    expect(sent.exitCode).toBe(EXIT.done);
    const code = /^Code: (.+)$/m.exec(sent.out)?.[1] ?? "";
    expect(sent.out).toMatch(
      /Stored until .*, for 3 downloads; fileshare revoke [a-z-]+ deletes it before\nDone: 97.7 KiB stored/,
    );
    await received(code);
    const { out } = await run(["stored"]);
    expect(out).toMatch(
      /^listed\.bin \(97\.7 KiB\): stored until .*, 1 receiver has it, 1 of 3 downloads used\n {3}code [a-z-]+, at ws/,
    );
    expect(await listed()).toMatchObject([{ code, receivers: 1, unconfirmed: 0, doubtful: 0 }]);

    const revoked = await run(["revoke", ...code.split("-")]);
    expect(revoked).toMatchObject({ exitCode: EXIT.done, err: "" });
    expect(revoked.out).toStartWith("Deleted listed.bin at ws://");
    expect(await faultOf(code)).toEqual({ fault: "revoked", exitCode: EXIT.failed });
    expect(await run(["stored"])).toMatchObject({
      out: "",
      err: "This machine remembers no stored share\n",
    });
    const again = await run(["revoke", code]);
    expect(again.exitCode).toBe(EXIT.usage);
    expect(again.err).toContain("this machine has no stored share under that code");
  });

  test("stores a stream, which no other run can go on with", async () => {
    const args = ["send", "-", "--name", "a.log", "--store", "--relay", relay.url, "--json"];
    const { out, exitCode } = await run(args, "line after line\n");
    const events = eventsIn(out);
    expect(exitCode).toBe(EXIT.done);
    expect(find(events, "code")?.kept).toBe(false);
    const got = await received(find(events, "code")?.code ?? "");
    expect(readFileSync(join(got.out, "a.log"), "utf8")).toBe("line after line\n");
    expect(await listed()).toMatchObject([{ name: "a.log", bytes: 16, receivers: 1 }]);
    const { path = "" } = find(events, "code") ?? {};
    const curl = await fetch(new URL(path, relay.url.replace("ws", "http")));
    expect(await curl.bytes()).not.toHaveLength(0);
    await until(async () => (await listed())[0]?.unconfirmed === 1);
    expect((await run(["stored"])).out).toContain(", 1 receiver has it, 1 download unconfirmed\n");
  });

  test("goes on after it was killed with what is not stored yet, and sends nothing twice", async () => {
    const file = makeFile(folder.path, "killed.bin", 6 * MiB);
    const words = ["send", file.path, "--store", "--relay", relay.url];
    await using first = fileshare([...words, "--limit", "3MiB"], env);
    const far = await first.events((event) => event.event === "storing");
    first.kill("SIGKILL");
    await first.exited;
    const before = far?.event === "storing" ? far.bytes : 0;
    expect(before).toBeGreaterThan(0);
    const list = await run(["list"]);
    expect(list.out).toMatch(/^1 {2}send killed\.bin \(6 MiB\): \d+ % uploaded/);

    const { out, exitCode } = await run(["resume", "--json"]);
    const events = eventsIn(out);
    expect(exitCode).toBe(EXIT.done);
    const resumed = find(events, "resumed")?.bytes ?? 0;
    expect(resumed).toBeGreaterThanOrEqual(before);
    expect(find(events, "progress")?.bytes).toBeGreaterThan(resumed);
    expect(find(events, "stored")?.again).toBeUndefined();
    expect((await run(["list"])).out).toBe("");
    const got = await received(find(events, "code")?.code ?? "");
    expect(Buffer.compare(readFileSync(join(got.out, file.name)), file.bytes)).toBe(0);
  });

  test("that runs again sends nothing and says until when; changed files are another share", async () => {
    const file = makeFile(folder.path, "again.bin", 100_000);
    const words = ["send", file.path, "--store", "--relay", relay.url, "--json"];
    const events = async (): Promise<ClientEvent[]> => eventsIn((await run(words)).out);
    const code = find(await events(), "code")?.code;
    const again = await events();
    expect(find(again, "code")?.code).toBe(code);
    expect(find(again, "stored")?.again).toBe(true);
    expect(find(again, "progress")).toBeUndefined();
    appendFileSync(file.path, "more");
    const other = await events();
    expect(find(other, "code")?.code).not.toBe(code);
    expect(find(other, "changed")).toBeUndefined();
    const all = await listed();
    expect(all.map((one) => [one.bytes, one.state])).toEqual([
      [100_004, "stored"],
      [100_000, "stored"],
    ]);
    const share = all[1]!.share.slice(0, 6);
    expect((await run(["revoke", code ?? "", "--share", share])).exitCode).toBe(EXIT.done);
    expect((await listed()).map(({ state }) => state)).toEqual(["stored"]);
  });

  test("hears of the longest life that its relay allows, if it asked for a longer one", async () => {
    const place = join(folder.path, "strict");
    const options = ["--workers", "1", "--admin", "off", "--store", place, "--store-life", "3600"];
    await using strict = await RelayCommand.start(options);
    const send = (life: string): Promise<Ran> =>
      run(["send", "--text", "hi", "--store", "--expires", life, "--relay", strict.url, "--json"]);
    expect(find(eventsIn((await send("90d")).out), "stored")?.lifeMost).toBe(3600);
    expect(find(eventsIn((await send("30m")).out), "stored")?.lifeMost).toBeUndefined();
  });

  test("is told that its relay is away, and keeps what it knows", async () => {
    const { code } = await stored({ from: "text", text: "away" });
    const { url } = relay;
    await relay.stop();
    try {
      const list = await run(["stored"]);
      expect(list.exitCode).toBe(EXIT.failed);
      expect(list.out).toMatch(
        /stored until .*, as far as is known\n.*\n {3}The relay cannot be reached/,
      );
      const { exitCode, err } = await run(["revoke", code]);
      expect(exitCode).toBe(EXIT.failed);
      expect(err).toStartWith("fileshare: text.txt was not deleted. The relay cannot be reached");
    } finally {
      await start();
    }
    expect(relay.url).not.toBe(url);
    expect(await listed()).toMatchObject([{ code, state: "away" }]);
  });
});

test("an entry with an address that is none hides no other share", async () => {
  await stored({ from: "text", text: "one" });
  const entries = join(state.path, "fileshare", "stored");
  const [name = ""] = readdirSync(entries);
  const entry = readFileSync(join(entries, name), "utf8").replace(
    /"ws:[^"]*"/,
    '"file:///etc/passwd"',
  );
  writeFileSync(join(entries, `${"0".repeat(32)}.json`), entry, { mode: 0o600 });
  const { out, exitCode } = await run(["stored"]);
  expect(exitCode).toBe(EXIT.failed);
  expect(out).toMatch(/stored until (?!.*as far as)/);
  expect(out).toMatch(/as far as is known\n.*\n {3}The relay's address is not valid/);
});

test("a relay without a store takes nothing of a share that is to be stored", async () => {
  await using without = await startRelay({ workers: 1 });
  const file = makeFile(folder.path, "no-store.bin", 1000);
  const { exitCode, err } = await run(["send", file.path, "--store", "--relay", without.url]);
  expect(exitCode).toBe(EXIT.failed);
  expect(err).toStartWith("Error: The relay stores no shares of yours. Send without --store, or ");
  expect((await run(["list"])).err).toBe("Nothing is unfinished\n");
});
