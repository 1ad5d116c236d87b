/** Records that can't be had again: the share is offered anew, and receivers keep what they have. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  appendFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import type { SendJob } from "../../../cli/job/jobs.ts";
import { keptSends } from "../../../cli/send/kept-sends.ts";
import type { Code } from "../../../protocol/mod.ts";
import { startRelay } from "../../../relay/mod.ts";
import { bytesOf, list, temporaryFolder } from "../../support/disk.ts";
import { cleanEnv } from "../../support/clients/pty.ts";
import { fileshare } from "../../support/clients/command.ts";
import {
  newCode,
  receive,
  send,
  SenderProcess,
  type Running,
} from "../../support/clients/clients.ts";
import { content, makeFile } from "../../support/files.ts";
import { FrameHash } from "../../support/net/frame-hash.ts";
import { Proxy } from "../../support/net/proxy.ts";
import { FILESHARE } from "../../support/clients/command-words.ts";

const MiB = 1024 * 1024;
/** The relay has room for a third of the tree. */
const LOG = 6 * MiB;
const FIRST = 3 * MiB;
const SMALL = 100;
const LARGE = 12 * MiB;
/** So many times as much, where a transfer must last. */
const LONG = 2.5;
const keep = { again: { cwd: "/", words: ["send"] }, anew: false, codeChosen: false };

let state: ReturnType<typeof temporaryFolder>;
const before = process.env["XDG_STATE_HOME"];

beforeEach(() => {
  state = temporaryFolder();
  process.env["XDG_STATE_HOME"] = state.path;
});

afterEach(() => {
  state[Symbol.dispose]();
  process.env["XDG_STATE_HOME"] = before;
});

/** A relay that forgets soon, a folder with a tree of large and small files, and places to receive in. */
async function stage(times = 1) {
  const folder = temporaryFolder();
  const relay = await startRelay({ logBytes: times * LOG, workers: 1 });
  const proxy = await Proxy.start({ port: relay.port });
  const tree = join(folder.path, "tree");
  mkdirSync(tree);
  makeFile(tree, "a-first", FIRST, 1);
  for (let i = 0; i < times * SMALL; i++) makeFile(tree, `b${100 + i}`, 20_000 + i);
  makeFile(tree, "c-large", times * LARGE, 2);
  const place = (name: string): string => {
    mkdirSync(join(folder.path, name));
    return join(folder.path, name);
  };
  return {
    folder: folder.path,
    tree,
    place,
    proxy,
    relay: `${relay.url}/ws`,
    [Symbol.asyncDispose]: async () => {
      await proxy[Symbol.asyncDispose]();
      await relay.stop();
      folder[Symbol.dispose]();
    },
  };
}

/** The files of a tree, by name. */
function bytesIn(tree: string): Map<string, Uint8Array> {
  return new Map(readdirSync(tree).map((name) => [name, bytesOf(join(tree, name))]));
}

const errors = (...clients: Running[]): unknown[] =>
  clients.flatMap((client) => client.all("error").map(({ code }) => code));

/** Bytes of records that came from the relay. */
const fetched = (receiver: Running): number =>
  receiver.all("resumed").reduce((sum, { bytes }) => sum + bytes, 0);

describe("a receiver that needs a record which is another by now", () => {
  test("is moved to the share that is offered anew; a receiver that was done stays done", async () => {
    await using at = await stage();
    const [early, late] = [at.place("early"), at.place("late")];
    const job = { relay: at.relay, code: newCode() };
    await using sender = send({ ...job, path: at.tree, receivers: 2 });
    await using one = receive({ ...job, out: early });
    expect(await one.outcome).toEqual({ fault: undefined, exitCode: 0 });
    const first = bytesIn(at.tree);

    // Sealed long ago, and forgotten by the relay: the large one has more records than the log.
    writeFileSync(join(at.tree, "c-large"), content(3, LARGE));
    writeFileSync(join(at.tree, "b150"), "quite another");
    rmSync(join(at.tree, "b160"));
    await using two = receive({ ...job, out: late });
    expect(await two.outcome).toEqual({ fault: undefined, exitCode: 0 });
    expect(await sender.outcome).toEqual({ fault: undefined, exitCode: 0 });
    expect(errors(sender, one, two)).toEqual([]);
    expect(sender.all("edition")).toHaveLength(1);
    expect(two.all("edition")).toHaveLength(1);
    expect(sender.all("done")).toMatchObject([{ receivers: 2 }]);
    expect(bytesIn(join(early, "tree"))).toEqual(first);
    expect(bytesIn(join(late, "tree"))).toEqual(bytesIn(at.tree));
    expect([...bytesIn(join(late, "tree")).keys()]).not.toContain("b160");
    for (const out of [early, late]) expect(list(out)).toEqual(["tree"]);
  });

  test("or would miss files that were given up comes to them in a share of their own", async () => {
    await using at = await stage();
    const [early, late, last] = [at.place("early"), at.place("late"), at.place("last")];
    const job = { relay: at.relay, code: newCode() };
    await using sender = send({ ...job, path: at.tree, stay: true });
    await using one = receive({ ...job, out: early, ask: true });
    await one.when("offer");
    writeFileSync(join(at.tree, "b150"), "quite another");
    rmSync(join(at.tree, "b160"));
    one.answer({ accept: true });
    expect((await one.outcome).exitCode).toBe(3);
    expect(sender.all("edition")).toEqual([]);
    // The line of the second is held until the sender knows of it: it cannot take all before.
    const known = new Set(sender.all("receiver").map(({ id }) => id));
    const held = at.proxy.holdAfter(2);
    await using two = receive({ ...job, relay: at.proxy.url, out: late });
    await held;
    await sender.when("receiver", ({ id }) => !known.has(id));
    at.proxy.release();
    await using three = receive({ ...job, out: last });
    for (const [client, out] of [
      [two, late],
      [three, last],
    ] as const) {
      expect(await client.outcome).toEqual({ fault: undefined, exitCode: 0 });
      expect(bytesIn(join(out, "tree"))).toEqual(bytesIn(at.tree));
    }
    expect(sender.all("edition")).toHaveLength(1);
    sender.interrupt();
    await sender.outcome;
  });

  test("keeps every file that it has whole, and is not asked again", async () => {
    await using at = await stage();
    const [early, late] = [at.place("early"), at.place("late")];
    const job = { relay: at.relay, code: newCode() };
    await using sender = new SenderProcess({ ...job, path: at.tree, receivers: 2 });
    // It stops amid the large file, with all others.
    await using slow = receive({ ...job, relay: at.proxy.url, out: late, ask: true });
    await slow.when("offer");
    const held = at.proxy.holdAfter(8);
    slow.answer({ accept: true });
    await held;
    await using one = receive({ ...job, out: early });
    expect((await one.outcome).exitCode).toBe(0);
    // A file that it lacks is another by now, and so is one that it has.
    const stat = statSync(join(at.tree, "c-large"));
    await sender.whileStopped(() => {
      writeFileSync(join(at.tree, "c-large"), content(3, LARGE));
      utimesSync(join(at.tree, "c-large"), stat.atime, stat.mtime);
      writeFileSync(join(at.tree, "b150"), "quite another");
    });
    at.proxy.release();
    at.proxy.cut();
    expect(await slow.outcome).toEqual({ fault: undefined, exitCode: 0 });
    expect((await sender.outcome).exitCode).toBe(0);
    expect(slow.all("offer").map(({ question }) => question)).toEqual([true, false]);
    // All but the large one and the one that changed.
    const here = FIRST + SMALL * 20_000 + (SMALL * (SMALL - 1)) / 2 - 20_050;
    expect(fetched(slow)).toBe(here);
    expect(bytesIn(join(late, "tree"))).toEqual(bytesIn(at.tree));
    expect(list(late)).toEqual(["tree"]);
  });

  test("is asked again where the new share has a name that was not agreed to", async () => {
    await using at = await stage();
    const [early, late] = [at.place("early"), at.place("late")];
    const job = { relay: at.relay, code: newCode() };
    await using sender = new SenderProcess({ ...job, path: at.tree, receivers: 2 });
    await using slow = receive({ ...job, relay: at.proxy.url, out: late, ask: true });
    await slow.when("offer");
    const held = at.proxy.holdAfter(3);
    slow.answer({ accept: true });
    await held;
    await using one = receive({ ...job, out: early });
    expect((await one.outcome).exitCode).toBe(0);
    await sender.whileStopped(() => {
      writeFileSync(join(at.tree, "c-large"), "now it is small");
      writeFileSync(join(at.tree, "never-offered"), "new");
    });
    at.proxy.release();
    at.proxy.cut();
    await slow.when("offer", ({ names }) => names.includes("tree/never-offered"));
    expect(slow.all("offer").at(-1)).toMatchObject({ question: true });
    slow.answer({ accept: true });
    expect((await slow.outcome).exitCode).toBe(0);
    expect((await sender.outcome).exitCode).toBe(0);
    expect(bytesIn(join(late, "tree"))).toEqual(bytesIn(at.tree));
  });
});

test("a receiver that had no line when its share was offered anew finds it all the same", async () => {
  await using at = await stage();
  const outs = ["early", "away", "late"].map((name) => at.place(name));
  const job = { relay: at.relay, code: newCode() };
  await using sender = new SenderProcess({ ...job, path: at.tree, receivers: 3 });
  const held = at.proxy.holdAfter(3);
  await using away = receive({ ...job, relay: at.proxy.url, out: outs[1]! });
  await held;
  await using early = receive({ ...job, out: outs[0]! });
  expect((await early.outcome).exitCode).toBe(0);
  await sender.whileStopped(() => {
    writeFileSync(join(at.tree, "c-large"), content(8, 5 * MiB));
    rmSync(join(at.tree, "b110"));
  });
  // For this one the share is offered anew, and nobody can tell the other.
  await using late = receive({ ...job, out: outs[2]! });
  expect((await late.outcome).exitCode).toBe(0);
  at.proxy.cut();
  at.proxy.release();
  expect((await away.outcome).exitCode).toBe(0);
  expect((await sender.outcome).exitCode).toBe(0);
  expect(bytesIn(join(outs[1]!, "tree"))).toEqual(bytesIn(at.tree));
  expect(list(outs[1]!)).toEqual(["tree"]);
});

test("a single file that is written anew amid its transfer arrives as it is then", async () => {
  await using at = await stage();
  const file = makeFile(at.folder, "one.bin", LARGE);
  const out = at.place("out");
  const job = { relay: at.relay, code: newCode() };
  await using sender = new SenderProcess({ ...job, path: file.path, limit: 4 * MiB });
  await using receiver = receive({ ...job, out });
  await sender.when("progress", ({ bytes }) => bytes >= 3 * MiB);
  await sender.whileStopped(() => writeFileSync(file.path, content(9, 4 * MiB)));
  expect((await receiver.outcome).exitCode).toBe(0);
  expect((await sender.outcome).exitCode).toBe(0);
  expect(bytesOf(join(out, "one.bin"))).toEqual(content(9, 4 * MiB));
  expect(list(out)).toEqual(["one.bin"]);
});

test("content on the standard output is never followed by other content", async () => {
  await using at = await stage();
  const file = makeFile(at.folder, "one.bin", LARGE);
  const relayAt = ["--relay", at.relay];
  const env = { FILESHARE_CODE: newCode() };
  await using sender = fileshare(["send", file.path, "--limit", "4MiB", ...relayAt], env);
  await sender.events(({ event }) => event === "source");
  const receiver = Bun.spawn([...FILESHARE, "recv", "--stdout", ...relayAt], {
    env: { ...cleanEnv(), ...env },
    stdin: "ignore",
    stderr: "pipe",
  });
  await sender.events((event) => event.event === "progress" && event.bytes >= 3 * MiB);
  writeFileSync(file.path, content(9, 4 * MiB));
  const out = new Uint8Array(await new Response(receiver.stdout).arrayBuffer());
  expect(await receiver.exited).toBe(1);
  expect(await new Response(receiver.stderr).text()).toContain("The file changed");
  expect(Buffer.compare(out, file.bytes.subarray(0, out.length))).toBe(0);
});

test("the standard output follows to the next edition as long as nothing was written to it", async () => {
  await using at = await stage();
  const file = makeFile(at.folder, "one.bin", 2 * LOG);
  const job = { relay: at.relay, code: newCode() };
  await using sender = send({ ...job, path: file.path, receivers: 2 });
  await using one = receive({ ...job, out: at.place("one") });
  expect((await one.outcome).exitCode).toBe(0);
  const now = content(9, 4 * MiB);
  writeFileSync(file.path, now);
  const receiver = Bun.spawn([...FILESHARE, "recv", "--stdout", "--relay", at.relay], {
    env: { ...cleanEnv(), FILESHARE_CODE: job.code },
    stdin: "ignore",
    stderr: "ignore",
  });
  const out = new Uint8Array(await new Response(receiver.stdout).arrayBuffer());
  expect(await receiver.exited).toBe(0);
  expect(Buffer.compare(out, now)).toBe(0);
  expect((await sender.outcome).exitCode).toBe(0);
});

test("a file that changes each time ends the send with a sentence, after so many editions", async () => {
  await using at = await stage();
  const file = makeFile(at.folder, "one.bin", LARGE);
  const out = at.place("out");
  const job = { relay: at.relay, code: newCode() };
  let seed = 10;
  const change = setInterval(() => writeFileSync(file.path, content(seed++, LARGE)), 50);
  await using sender = send({ ...job, path: file.path, limit: 12 * MiB });
  await using receiver = receive({ ...job, out });
  const ends = await Promise.all([sender.outcome, receiver.outcome]);
  clearInterval(change);
  expect(ends.map(({ fault }) => fault)).toEqual(["source-changed", "source-changed"]);
  expect(sender.all("edition").length).toBeLessThan(8);
  expect(list(out).filter((name) => !name.endsWith(".partial"))).toEqual([]);
});

test("one of several that were named and is gone is left out of the next edition", async () => {
  await using at = await stage();
  const gone = makeFile(at.folder, "gone.bin", MiB).path;
  const kept = { code: newCode(), keep, receivers: 2, relay: at.relay };
  const what = { from: "paths", paths: [gone, at.tree] } as const;
  await using first = new SenderProcess({ ...kept, what });
  const code = (await first.when("code")).code as Code;
  const job = { relay: at.relay, code };
  await using one = receive({ ...job, out: at.place("one") });
  expect((await one.outcome).exitCode).toBe(0);
  rmSync(gone);
  const two = at.place("two");
  await using second = receive({ ...job, out: two });
  expect((await second.outcome).exitCode).toBe(0);
  expect((await first.outcome).exitCode).toBe(0);
  expect(first.all("edition")).toHaveLength(1);
  expect(list(two)).toEqual(["tree"]);
  expect(bytesIn(join(two, "tree"))).toEqual(bytesIn(at.tree));
});

test("a file that is gone for good ends the send on both sides", async () => {
  await using at = await stage();
  mkdirSync(join(at.folder, "alone"));
  const file = makeFile(join(at.folder, "alone"), "one.bin", LARGE);
  const out = at.place("out");
  const job = { relay: at.relay, code: newCode() };
  await using sender = send({ ...job, path: file.path, limit: 4 * MiB });
  await using receiver = receive({ ...job, out });
  await sender.when("progress", ({ bytes }) => bytes >= 3 * MiB);
  writeFileSync(file.path, "");
  rmSync(file.path);
  const ends = await Promise.all([sender.outcome, receiver.outcome]);
  expect(ends.map(({ fault }) => fault)).toEqual(["source-changed", "source-changed"]);
});

test("HOSTILE E8 no record of one share ever has two contents, whatever happens to the files", async () => {
  await using at = await stage(LONG);
  const left = new Map<string, string>();
  const twice: string[] = [];
  const frames = new FrameHash((key, hash) => {
    if ((left.get(key) ?? hash) !== hash) twice.push(key);
    left.set(key, hash);
  });
  await using watched = await Proxy.start({
    port: Number(new URL(at.relay).port),
    onPiece: (piece) => frames.take(piece),
  });
  const job = { code: newCode(), path: at.tree, receivers: 3 };
  await using sender = send({ ...job, relay: watched.url });
  for (const [round, name] of ["one", "two", "three"].entries()) {
    await using receiver = receive({ relay: at.relay, code: job.code, out: at.place(name) });
    expect([0, 3]).toContain((await receiver.outcome).exitCode);
    const path = join(at.tree, "c-large");
    const { atime, mtime } = statSync(path);
    writeFileSync(path, content(20 + round, LONG * LARGE));
    if (round === 0) utimesSync(path, atime, mtime);
    appendFileSync(join(at.tree, `b11${round}`), "more");
    rmSync(join(at.tree, `b12${round}`));
  }
  expect(sender.all("edition").length).toBeGreaterThan(0);
  expect(left.size).toBeGreaterThan(60);
  expect(twice).toEqual([]);
});

describe("a sender whose files changed while it was away", () => {
  const sendKept = (job: Pick<SendJob, "relay"> & { readonly path: string }): SenderProcess =>
    new SenderProcess({ code: newCode(), keep, receivers: 1, ...job });

  test("offers them anew under the same code: a receiver that waits goes on, with what it has", async () => {
    await using at = await stage();
    const out = at.place("out");
    const held = at.proxy.holdAfter(9, "up");
    await using first = sendKept({ relay: at.proxy.url, path: at.tree });
    const known = await first.when("code");
    const code = known.code as Code;
    await using receiver = receive({ relay: at.relay, code, out });
    await held;
    await receiver.when("progress", ({ bytes }) => bytes > 4 * MiB);
    await first.kill();
    at.proxy.cut();
    await receiver.when("sender", ({ here }) => !here);
    appendFileSync(join(at.tree, "c-large"), "more");
    rmSync(join(at.tree, "b110"));

    await using second = sendKept({ relay: at.proxy.url, path: at.tree });
    const now = await second.when("code");
    expect(now.code).toBe(known.code);
    expect(now.share).not.toBe(known.share);
    expect(second.all("changed")).toMatchObject([{ share: known.share, more: 0 }]);
    expect((await receiver.outcome).exitCode).toBe(0);
    expect((await second.outcome).exitCode).toBe(0);
    expect(errors(receiver)).toEqual([]);
    expect(fetched(receiver)).toBeGreaterThan(3 * MiB);
    expect(bytesIn(join(out, "tree"))).toEqual(bytesIn(at.tree));
    expect(list(out)).toEqual(["tree"]);
    expect(keptSends()).toEqual([]);
  });

  test("goes on without one of several that were named, when that is gone", async () => {
    await using at = await stage();
    const gone = makeFile(at.folder, "gone.bin", MiB).path;
    const job = { relay: at.relay, keep, receivers: 1 };
    const what = { from: "paths", paths: [gone, at.tree] } as const;
    let code: Code;
    {
      await using first = new SenderProcess({ ...job, code: newCode(), what });
      await first.when("relay", ({ online }) => online);
      code = (await first.when("code")).code as Code;
    }
    rmSync(gone);
    const out = at.place("out");
    await using again = new SenderProcess({ ...job, code: newCode(), what });
    expect((await again.when("code")).code).toBe(code);
    await using receiver = receive({ relay: at.relay, code, out });
    expect((await receiver.outcome).exitCode).toBe(0);
    expect((await again.outcome).exitCode).toBe(0);
    expect(list(out)).toEqual(["tree"]);
  });

  test("a receiver that left comes back to the new share with the same code, and keeps what it has", async () => {
    await using at = await stage();
    const out = at.place("out");
    const held = at.proxy.holdAfter(9, "up");
    await using first = sendKept({ relay: at.proxy.url, path: at.tree });
    const code = (await first.when("code")).code as Code;
    await using gone = receive({ relay: at.relay, code, out });
    await held;
    await gone.when("progress", ({ bytes }) => bytes > 4 * MiB);
    await first.kill();
    at.proxy.cut();
    gone.interrupt();
    await gone.outcome;
    writeFileSync(join(at.tree, "c-large"), "now it is small");

    await using second = sendKept({ relay: at.proxy.url, path: at.tree });
    await using back = receive({ relay: at.relay, code, out });
    expect((await back.outcome).exitCode).toBe(0);
    expect((await second.outcome).exitCode).toBe(0);
    expect(fetched(back)).toBeGreaterThan(3 * MiB);
    expect(readFileSync(join(out, "tree/c-large"), "utf8")).toBe("now it is small");
    expect(bytesIn(join(out, "tree"))).toEqual(bytesIn(at.tree));
    expect(list(out)).toEqual(["tree"]);
  });
});
