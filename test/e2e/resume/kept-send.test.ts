/** Senders that are killed and run again: the same share where the files are, else a new one. */
import { describe, expect, test } from "bun:test";
import {
  appendFileSync,
  chmodSync,
  closeSync,
  copyFileSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  statSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import type { Code } from "../../../protocol/mod.ts";
import { keptSends } from "../../../cli/send/kept-sends.ts";
import type { SendJob } from "../../../cli/job/jobs.ts";
import { startRelay } from "../../../relay/mod.ts";
import { bytesOf, list, temporaryFolder } from "../../support/disk.ts";
import {
  newCode,
  receive,
  ReceiverProcess,
  send,
  SenderProcess,
  type Running,
} from "../../support/clients/clients.ts";
import { content, makeFile } from "../../support/files.ts";
import { FrameHash } from "../../support/net/frame-hash.ts";
import { RelayProcess } from "../../support/clients/processes.ts";
import { Proxy } from "../../support/net/proxy.ts";
import { ownPort } from "../../support/net/own-port.ts";
import type { Piece } from "../../support/net/websocket-reader.ts";
import { stateOfEachTest } from "../../support/clients/own-state.ts";

const MiB = 1024 * 1024;
const SIZE = 12.5 * MiB;

stateOfEachTest();

/** As the command does: with a code for a new share, should there be one. */
function sendKept(
  job: Pick<SendJob, "relay"> & Partial<SendJob> & { readonly path: string },
): SenderProcess {
  const again = { cwd: "/", words: ["send", job.path] };
  return new SenderProcess({
    code: newCode(),
    keep: { again, anew: false, codeChosen: false },
    ...job,
  });
}

async function isDone(...clients: Running[]): Promise<void> {
  const outcomes = await Promise.all(clients.map((client) => client.outcome));
  expect(clients.flatMap((client) => client.all("error"))).toEqual([]);
  expect(outcomes.map(({ exitCode }) => exitCode)).toEqual(clients.map(() => 0));
}

/** A sender's first event. */
async function share(sender: Running): Promise<{ code: Code; share: string; kept: boolean }> {
  const { code, share, kept } = await sender.when("code");
  return { code: code as Code, share: share!, kept: kept! };
}

/** A relay, a sender's line to it that can be held and cut, and a folder to receive in. */
async function stage(onPiece?: (piece: Piece) => void) {
  const folder = temporaryFolder();
  const relay = await startRelay();
  const proxy = await Proxy.start({
    port: relay.port,
    ...(onPiece === undefined ? {} : { onPiece }),
  });
  const out = join(folder.path, "out");
  mkdirSync(out);
  return {
    folder: folder.path,
    out,
    proxy,
    relay: `${relay.url}/ws`,
    [Symbol.asyncDispose]: async () => {
      await proxy[Symbol.asyncDispose]();
      await relay.stop();
      folder[Symbol.dispose]();
    },
  };
}

describe("a sender killed with -9 and run again", () => {
  test("offers the same share under the same code; receivers go on where they are", async () => {
    await using at = await stage();
    const file = makeFile(at.folder, "a.bin", SIZE);
    const held = at.proxy.holdAfter(6, "up");
    await using first = sendKept({ relay: at.proxy.url, path: file.path, receivers: 2 });
    const known = await share(first);
    expect(known.kept).toBe(true);
    await using receiver = receive({ relay: at.relay, code: known.code, out: at.out });
    await held;
    await first.kill();
    at.proxy.cut();
    await receiver.when("sender", ({ here }) => !here);

    const late = join(at.folder, "late");
    mkdirSync(late);
    await using second = sendKept({ relay: at.proxy.url, path: file.path, receivers: 2 });
    expect(await share(second)).toEqual(known);
    const { bytes, size } = await second.when("resumed");
    expect(size).toBe(SIZE);
    expect(bytes).toBeGreaterThan(4 * MiB);
    await using comesLate = receive({ relay: at.relay, code: known.code, out: late });
    await isDone(second, receiver, comesLate);
    for (const out of [at.out, late]) expect(bytesOf(join(out, "a.bin"))).toEqual(file.bytes);
    expect(receiver.all("offer")).toHaveLength(1);
    expect(keptSends()).toEqual([]);
  });

  test("stays the same share after Ctrl-C, and receivers run again go on too", async () => {
    await using at = await stage();
    const file = makeFile(at.folder, "a.bin", SIZE);
    const held = at.proxy.holdAfter(7, "up");
    const keep = { again: { cwd: "/", words: ["send"] }, anew: false, codeChosen: false };
    const job = { relay: at.proxy.url, path: file.path, code: newCode(), keep };
    await using first = send(job);
    const known = await share(first);
    const limit = 4 * MiB;
    await using receiver = receive({ relay: at.relay, code: known.code, out: at.out, limit });
    await held;
    at.proxy.release();
    await first.when("receiver", ({ records }) => records > 1);
    first.interrupt();
    expect(await first.outcome).toMatchObject({ fault: "interrupted" });
    expect(await receiver.outcome).toMatchObject({ fault: "sender-stopped" });
    const { code, share: id } = known;
    expect(keptSends()).toMatchObject([{ code, share: id, running: false }]);

    await using second = send({ ...job, code: newCode() });
    expect(await share(second)).toEqual(known);
    await using again = receive({ relay: at.relay, code: known.code, out: at.out });
    expect((await again.when("resumed")).bytes).toBeGreaterThan(0);
    await isDone(second, again);
    expect(list(at.out)).toEqual(["a.bin"]);
    expect(bytesOf(join(at.out, "a.bin"))).toEqual(file.bytes);
  });

  test("is another share beside one that runs, under --new, and where the code is another", async () => {
    await using at = await stage();
    const { path } = makeFile(at.folder, "a.bin", 1000);
    const job = { relay: at.relay, path };
    await using runs = sendKept(job);
    await using beside = sendKept(job);
    const ids = [await share(runs), await share(beside)];
    await Promise.all([runs.when("relay"), beside.when("relay")]);
    await runs.kill();
    await beside.kill();
    const again = { cwd: "/", words: ["send"] };
    await using anew = sendKept({ ...job, keep: { again, anew: true, codeChosen: false } });
    ids.push(await share(anew));
    await using chosen = sendKept({ ...job, keep: { again, anew: false, codeChosen: true } });
    ids.push(await share(chosen));
    expect(new Set(ids.map(({ share }) => share)).size).toBe(4);
    expect(new Set(ids.map(({ code }) => code)).size).toBe(4);
    const first = ids[0]!.share;
    const named = { again, share: first.slice(0, 8), anew: false, codeChosen: false };
    await using goesOn = sendKept({ ...job, keep: named });
    expect((await share(goesOn)).share).toBe(first);
    await using none = sendKept({ ...job, keep: { ...named, share: "0000" } });
    expect(await none.when("error")).toMatchObject({ code: "usage" });
    // Nor is one of other files, which stays what it is.
    await goesOn.kill();
    const { path: elsewhere } = makeFile(at.folder, "b.bin", 1000);
    await using wrong = sendKept({ ...job, path: elsewhere, keep: named });
    expect(await wrong.when("error")).toMatchObject({ code: "usage" });
    expect(keptSends().map(({ share }) => share)).toContain(first);
  });

  test("works all the same where nothing can be kept", async () => {
    await using at = await stage();
    process.env["XDG_STATE_HOME"] = "/dev/null";
    const file = makeFile(at.folder, "a.bin", 1000);
    await using sender = sendKept({ relay: at.relay, path: file.path });
    const { code, kept } = await share(sender);
    expect(kept).toBe(false);
    await using receiver = receive({ relay: at.relay, code, out: at.out });
    await isDone(sender, receiver);
  });
});

test("a receiver that had everything before the sender was killed counts, and is not waited for again", async () => {
  await using at = await stage();
  const file = makeFile(at.folder, "a.bin", 3 * MiB);
  const late = join(at.folder, "late");
  mkdirSync(late);
  const job = { relay: at.relay, path: file.path, receivers: 2 };
  await using first = sendKept(job);
  const known = await share(first);
  await using receiver = receive({ relay: at.relay, code: known.code, out: at.out });
  const { id } = await first.when("receiver", ({ done }) => done);
  await isDone(receiver);
  await first.kill();
  await using second = sendKept(job);
  expect(await share(second)).toEqual(known);
  expect(await second.when("receiver")).toMatchObject({ id, done: true });
  await using other = receive({ relay: at.relay, code: known.code, out: late });
  await isDone(second, other);
  expect(second.all("done")).toMatchObject([{ receivers: 2 }]);
});

test("sender, receiver and relay killed with -9 in turns end with the whole file", async () => {
  using folder = temporaryFolder();
  const file = makeFile(folder.path, "a.bin", 40 * MiB);
  const out = join(folder.path, "out");
  mkdirSync(out);
  let relay = await RelayProcess.start({ port: await ownPort() });
  const { port, url } = relay;
  let sender = sendKept({ relay: url, path: file.path });
  const known = await share(sender);
  const receives = { relay: url, code: known.code, out, limit: 8 * MiB };
  let receiver = new ReceiverProcess(receives);
  try {
    const victims = ["sender", "receiver", "relay", "sender", "relay", "receiver", "sender"];
    for (const victim of victims) {
      await receiver.when("progress");
      if (victim === "sender") {
        await sender.kill();
        sender = sendKept({ relay: url, path: file.path });
        expect(await share(sender)).toEqual(known);
      } else if (victim === "receiver") {
        await receiver.kill();
        receiver = new ReceiverProcess(receives);
      } else {
        await relay.kill();
        relay = await RelayProcess.start({ port });
      }
    }
    expect((await receiver.outcome).exitCode).toBe(0);
    expect((await sender.outcome).exitCode).toBe(0);
    expect(bytesOf(join(out, "a.bin"))).toEqual(file.bytes);
    expect(list(out)).toEqual(["a.bin"]);
    expect(keptSends()).toEqual([]);
  } finally {
    await Promise.all([sender.kill(), receiver.kill(), relay.kill()]);
  }
});

describe("a file that changed after it was sent", () => {
  const sent = 4 * MiB;
  const setBack = (path: string, change: () => void): void => {
    const { atime, mtime } = statSync(path);
    utimesSync(path, atime, mtime); // to what can be set again, in ms
    change();
    utimesSync(path, atime, mtime);
  };
  const overwrite = (path: string, position: number): void => {
    const bytes = readFileSync(path);
    bytes[position]! ^= 1;
    const fd = openSync(path, "r+");
    writeSync(fd, bytes.subarray(position, position + 1), 0, 1, position);
    closeSync(fd);
  };
  const copyOver = (path: string): void => {
    copyFileSync(path, `${path}.copy`);
    renameSync(`${path}.copy`, path);
  };
  const cases: [what: string, change: (path: string) => void][] = [
    ["size", (path) => setBack(path, () => appendFileSync(path, "x"))],
    ["time", (path) => utimesSync(path, 1, 1)],
    ["mode", (path) => chmodSync(path, 0o600)],
    ["content", (path) => setBack(path, () => overwrite(path, 1 * MiB))],
    ["content", (path) => setBack(path, () => overwrite(path, 0))],
  ];

  /** Sends some records of a file and is killed, then runs again after the change. */
  async function runAgain(change: (path: string) => void) {
    const at = await stage();
    const file = makeFile(at.folder, "a.bin", SIZE);
    setBack(file.path, () => undefined);
    const held = at.proxy.holdAfter(sent / MiB, "up");
    await using first = sendKept({ relay: at.proxy.url, path: file.path });
    const known = await share(first);
    await using receiver = receive({ relay: at.relay, code: known.code, out: at.out });
    await held;
    await first.kill();
    at.proxy.cut();
    receiver.interrupt();
    await receiver.outcome;
    change(file.path);
    const second = sendKept({ relay: at.proxy.url, path: file.path });
    return { at, file, known, second };
  }

  test.each(cases)(
    "HOSTILE E8 is told (%s), and offered anew under the same code",
    async (what, change) => {
      const { at, file, known, second } = await runAgain(change);
      await using _ = at;
      await using sender = second;
      const now = await share(sender);
      expect(sender.all("changed")).toEqual([
        { event: "changed", share: known.share, changes: [{ path: "a.bin", what }], more: 0 },
      ] as never);
      expect(now.share).not.toBe(known.share);
      expect(now.code).toBe(known.code);
      await using receiver = receive({ relay: at.relay, code: now.code, out: at.out });
      await isDone(sender, receiver);
      expect(bytesOf(join(at.out, "a.bin"))).toEqual(readFileSync(file.path));
      expect(keptSends()).toEqual([]);
    },
  );

  test("can be left while it is compared, and stays kept", async () => {
    await using at = await stage();
    const file = makeFile(at.folder, "a.bin", SIZE);
    const held = at.proxy.holdAfter(12, "up");
    const keep = { again: { cwd: "/", words: ["send"] }, anew: false, codeChosen: false };
    await using first = sendKept({ relay: at.proxy.url, path: file.path });
    const known = await share(first);
    await using receiver = receive({ relay: at.relay, code: known.code, out: at.out });
    await held;
    await first.kill();
    receiver.interrupt();
    linkSync(file.path, `${file.path}.link`);
    await using second = send({ relay: at.proxy.url, path: file.path, code: newCode(), keep });
    await second.when("checking");
    second.interrupt();
    expect(await second.outcome).toMatchObject({ exitCode: 130 });
    expect(keptSends()).toMatchObject([{ share: known.share, running: false }]);
  });

  test.each([
    ["it was only touched", (path: string) => linkSync(path, `${path}.link`)],
    ["another inode has it", (path: string) => setBack(path, () => copyOver(path))],
  ])("is compared where %s, and is the same share", async (_case, change) => {
    const { at, known, second } = await runAgain(change);
    await using _ = at;
    await using sender = second;
    expect(await sender.when("checking")).toEqual({ event: "checking", files: 1 });
    expect(await share(sender)).toEqual(known);
    expect(sender.all("changed")).toEqual([]);
  });
});

describe("a tree", () => {
  /** Sends a part of it and is killed; then runs again after the change. */
  async function runAgain(change: (tree: string) => void) {
    const at = await stage();
    const tree = join(at.folder, "tree");
    for (const dir of ["", "a", "a/b", "empty"]) mkdirSync(join(tree, dir));
    for (const name of ["one", "a/two", "a/b/three"]) makeFile(tree, name, 3 * MiB, name.length);
    writeFileSync(join(tree, "a/zero"), "");
    const held = at.proxy.holdAfter(4, "up");
    await using first = sendKept({ relay: at.proxy.url, path: tree });
    const known = await share(first);
    await using receiver = receive({ relay: at.relay, code: known.code, out: at.out });
    await held;
    // A record that was on its way when the sender is killed may never arrive.
    await receiver.when("progress", ({ bytes }) => bytes > 0);
    await first.kill();
    at.proxy.cut();
    receiver.interrupt();
    await receiver.outcome;
    change(tree);
    const second = sendKept({ relay: at.proxy.url, path: tree });
    return { at, tree, known, second };
  }

  test("goes on as the same share, with a file that was only touched", async () => {
    const { at, tree, known, second } = await runAgain((tree) => {
      linkSync(join(tree, "a/two"), `${tree}.link`);
    });
    await using _ = at;
    await using sender = second;
    expect(await sender.when("checking")).toMatchObject({ files: 1 });
    expect(await share(sender)).toEqual(known);
    await using receiver = receive({ relay: at.relay, code: known.code, out: at.out });
    expect((await receiver.when("resumed")).bytes).toBeGreaterThan(0);
    await isDone(sender, receiver);
    const compared = Bun.spawnSync(["diff", "-r", tree, join(at.out, "tree")]);
    expect(compared.stdout.toString()).toBe("");
    expect(list(join(at.out, "tree"))).toEqual(["a", "empty", "one"]);
  });

  test("with a file more, one less and one another is told, and is offered anew", async () => {
    const { at, tree, known, second } = await runAgain((tree) => {
      writeFileSync(join(tree, "new"), "");
      unlinkSync(join(tree, "a/zero"));
      appendFileSync(join(tree, "one"), "x");
    });
    await using _ = at;
    await using sender = second;
    const now = await share(sender);
    expect(now.share).not.toBe(known.share);
    expect(now.code).toBe(known.code);
    const [told] = sender.all("changed");
    expect(told).toMatchObject({ share: known.share, more: 0 });
    expect(told!.changes.toSorted((a, b) => a.path.localeCompare(b.path))).toEqual([
      { path: "tree/a/zero", what: "gone" },
      { path: "tree/new", what: "new" },
      { path: "tree/one", what: "size" },
    ]);
    await using receiver = receive({ relay: at.relay, code: now.code, out: at.out });
    await isDone(sender, receiver);
    const name = list(at.out).find((each) => !each.endsWith(".partial"))!;
    const compared = Bun.spawnSync(["diff", "-r", tree, join(at.out, name)]);
    expect(compared.stdout.toString()).toBe("");
  });
});

describe("one key and one nonce", () => {
  test("HOSTILE E8 never meet two plaintexts, whenever a sender is killed and a file changes", async () => {
    /** By share and index, the hash of what left. */
    const left = new Map<string, string>();
    const twice: string[] = [];
    let frames = 0;
    const frame = new FrameHash((key, hash) => {
      frames++;
      if ((left.get(key) ?? hash) !== hash) twice.push(key);
      left.set(key, hash);
    });
    await using at = await stage((piece) => frame.take(piece));
    // More than all rounds send of it: a sender that has sent everything would have nothing to do.
    const size = 20.5 * MiB;
    const file = makeFile(at.folder, "a.bin", size);
    const { atime, mtime } = statSync(file.path);
    const pick = (most: number): number => Math.floor(Math.random() * most);
    const outs: Disposable[] = [];
    const receivers: Running[] = [];
    const codes = new Set<string>();
    const shares = new Set<string>();
    try {
      for (let round = 0; ; round++) {
        const last = round === 8;
        utimesSync(file.path, atime, mtime);
        const held = last ? undefined : at.proxy.holdAfter(1 + pick(2), "up");
        await using sender = sendKept({ relay: at.proxy.url, path: file.path });
        const now = await share(sender);
        shares.add(now.share);
        if (!codes.has(now.code)) {
          codes.add(now.code);
          const out = temporaryFolder();
          outs.push(out);
          receivers.push(receive({ relay: at.relay, code: now.code, out: out.path }));
        }
        if (held === undefined) {
          expect((await sender.outcome).exitCode).toBe(0);
          break;
        }
        await held;
        await sender.kill();
        at.proxy.cut();
        // Every other time its bytes become others somewhere, and its times stay what they were. The first time they are
        // among those that left already, so there is a second share in any case.
        if (round % 2 === 1) {
          const fd = openSync(file.path, "r+");
          const at = pick(round === 1 ? MiB / 2 : size - 1000);
          writeSync(fd, content(round, 1000), 0, 1000, at);
          closeSync(fd);
        }
      }
      expect((await receivers.at(-1)!.outcome).exitCode).toBe(0);
    } finally {
      for (const receiver of receivers) await receiver[Symbol.asyncDispose]();
      for (const out of outs) out[Symbol.dispose]();
    }
    expect(twice).toEqual([]);
    expect(frames).toBeGreaterThan(size / MiB);
    // Each share has its own salt, so a pair of key and nonce is a share and an index.
    expect(shares.size).toBeGreaterThan(1);
    // And all of them have one code, so one receiver got through.
    expect(codes.size).toBe(1);
  });
});
