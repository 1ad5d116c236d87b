/** Every kind of client at every relay of a cluster: what one relay was given comes whole at the others. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { decrypt } from "http_ece";
import { readFileSync, writeFileSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { receive as libraryReceive, send as librarySend } from "fileshare";

import {
  EXIT,
  LOBBY_CODE,
  MANIFEST_LENGTH_BYTES,
  RECORD_SIZE,
  decodeHead,
  manifestLength,
  type Code,
} from "../../../protocol/mod.ts";
import { newCode, receive, ReceiverProcess, send } from "../../support/clients/clients.ts";
import { FILESHARE } from "../../support/clients/command-words.ts";
import { keysOf } from "../../support/clients/known-codes.ts";
import { cleanEnv } from "../../support/clients/pty.ts";
import { bytesOf, temporaryFolder } from "../../support/disk.ts";
import { content, makeFile } from "../../support/files.ts";
import { lacksNats } from "../../support/net/nats.ts";
import { ClusterRelays, eachOnce, outFolder, sorted } from "../../support/relay/whole-cluster.ts";
import { OriginalReceiver, originalSend } from "../../support/relay/original-clients.ts";

const MiB = 1024 ** 2;
const DONE = { fault: undefined, exitCode: EXIT.done };
const folder = temporaryFolder();
afterAll(() => folder[Symbol.dispose]());
const newOut = (): string => outFolder(folder.path);

async function curl(...words: readonly string[]): Promise<Buffer> {
  const child = Bun.spawn(["curl", "--silent", "--show-error", "--fail", ...words], {
    stdout: "pipe",
    stderr: "pipe",
  });
  const [out, err] = await Promise.all([child.stdout.bytes(), child.stderr.text()]);
  expect({ exitCode: await child.exited, err }).toEqual({ exitCode: 0, err: "" });
  return Buffer.from(out);
}

/** The content of a share of one file, as an independent decoder reads it. */
function contentOf(body: Buffer, code: Code, size: number): Buffer {
  const key = Buffer.from(keysOf(code).content);
  const plain = decrypt(body, { version: "aes128gcm", key });
  const head = MANIFEST_LENGTH_BYTES + manifestLength(plain);
  expect(decodeHead(plain.subarray(0, head)).files).toMatchObject([{ size }]);
  return plain.subarray(head, head + size);
}

describe.skipIf(lacksNats)("a cluster of three relays", () => {
  let cluster: ClusterRelays;
  beforeAll(async () => {
    cluster = await ClusterRelays.open({ workers: [1, 2, 1] });
  });
  afterAll(() => cluster?.[Symbol.asyncDispose]());

  test("receivers at all of them get a share, which crosses to each relay once", async () => {
    const file = makeFile(folder.path, "once.bin", 5 * MiB + 7);
    const code = newCode();
    const before = cluster.at(1).proxy.down.length;
    await using sender = send({ relay: cluster.at(1).url, code, path: file.path, receivers: 7 });
    const { records } = await sender.when("source");
    const places = [1, 2, 2, 2, 2, 2].map((number) => ({ number, out: newOut() }));
    const running = places.map(({ number, out }) =>
      receive({ relay: cluster.at(number).url, code, out }),
    );
    for (const each of running) expect(await each.outcome).toEqual(DONE);
    const late = { number: 2, out: newOut() };
    await using last = receive({ relay: cluster.at(2).url, code, out: late.out });
    expect(await last.outcome).toEqual(DONE);
    for (const { out } of [...places, late])
      expect(bytesOf(join(out, "once.bin"))).toEqual(file.bytes);
    expect(await sender.outcome).toEqual(DONE);
    const crossed = cluster.at(1).proxy.down.slice(before);
    expect(sorted(crossed)).toEqual(eachOnce(records));
  });

  test("nothing of a share crosses to relays without receivers of it", async () => {
    const file = makeFile(folder.path, "near.bin", 3 * MiB);
    const code = newCode();
    const before = cluster.at(2).proxy.down.length;
    await using sender = send({ relay: cluster.at(2).url, code, path: file.path });
    await using receiver = receive({ relay: cluster.at(2).url, code, out: newOut() });
    expect(await receiver.outcome).toEqual(DONE);
    expect(await sender.outcome).toEqual(DONE);
    expect(cluster.at(2).proxy.down.length).toBe(before);
  });

  test.each([
    ["0 bytes", 0],
    ["1 byte", 1],
    ["a record and a byte", MiB + 1],
  ])("a file of %s comes whole", async (_, size) => {
    const file = makeFile(folder.path, `size-${size}.bin`, size);
    const code = newCode();
    const out = newOut();
    await using receiver = receive({ relay: cluster.at(3).url, code, out });
    await receiver.when("waiting");
    await using sender = send({ relay: cluster.at(2).url, code, path: file.path });
    expect(await receiver.outcome).toEqual(DONE);
    expect(await sender.outcome).toEqual(DONE);
    expect(bytesOf(join(out, file.name))).toEqual(file.bytes);
  });

  test("a folder and a text come whole, to programs with the library too", async () => {
    const top = join(folder.path, "top");
    mkdirSync(join(top, "inside"), { recursive: true });
    const { bytes } = makeFile(join(top, "inside"), "a.bin", 2 * MiB);
    writeFileSync(join(top, "b.txt"), "two");
    const code = newCode();
    // Both take part at once: one person that comes again after its end counts once.
    const startWhen = { receivers: 2, minWaitMs: 0, maxWaitMs: undefined };
    const { url } = cluster.at(3).relay;
    const sending = librarySend({ what: [top], code, relay: url, receivers: 2, startWhen });
    const outs = [newOut(), newOut()];
    const receiving = outs.map((out, at) =>
      libraryReceive({ code, relay: cluster.at(at + 1).relay.url, out }),
    );
    for (const each of receiving) expect(await each.outcome).toEqual(DONE);
    for (const out of outs) {
      expect(bytesOf(join(out, "top/inside/a.bin"))).toEqual(bytes);
      expect(readFileSync(join(out, "top/b.txt"), "utf8")).toBe("two");
    }
    expect(await sending.outcome).toEqual(DONE);
    const what = { from: "text", text: "see you at eight" } as const;
    const text = newCode();
    await using sender = send({ relay: cluster.at(1).url, code: text, what });
    await using receiver = receive({ relay: cluster.at(2).url, code: text, out: newOut() });
    expect(await receiver.when("text")).toMatchObject({ text: "see you at eight" });
    expect(await sender.outcome).toEqual(DONE);
  });

  test("what is piped into a sender comes while it is produced, and ends when it does", async () => {
    const env = { ...cleanEnv(), FILESHARE_CODE: newCode() };
    const run = (words: readonly string[], number: number) =>
      Bun.spawn([...FILESHARE, ...words, "--relay", cluster.at(number).relay.url], {
        env,
        stdin: "pipe",
        stdout: "pipe",
        stderr: "ignore",
      });
    await using sender = run(["send", "-", "--name", "log"], 1);
    await using receiver = run(["recv", "--stdout"], 2);
    const reader = receiver.stdout.getReader();
    const bytes = content(5, 3 * MiB + 5);
    const parts: Uint8Array[] = [];
    const took = async (length: number): Promise<void> => {
      let sum = parts.reduce((all, part) => all + part.length, 0);
      while (sum < length) {
        const { value } = await reader.read();
        if (value === undefined) return;
        parts.push(value);
        sum += value.length;
      }
    };
    for (const end of [10, MiB + 3, bytes.length]) {
      const begun = parts.reduce((all, part) => all + part.length, 0);
      await sender.stdin.write(bytes.subarray(begun, end));
      await sender.stdin.flush();
      await took(end);
    }
    await sender.stdin.end();
    expect((await reader.read()).done).toBe(true);
    expect(Buffer.concat(parts).equals(bytes)).toBe(true);
    expect([await receiver.exited, await sender.exited]).toEqual([0, 0]);
  });

  test("curl takes a share whole and in parts at a relay that has not heard of it", async () => {
    const file = makeFile(folder.path, "curled.bin", 3 * MiB + 5);
    const code = newCode();
    await using sender = send({ relay: cluster.at(1).url, code, path: file.path });
    const { path } = await sender.when("code");
    const { records } = await sender.when("source");
    await sender.when("relay");
    // Relay 2 may not have heard of it yet: it waits a moment.
    const whole = await curl(`${cluster.at(2).http}${path}`);
    expect(contentOf(whole, code, file.bytes.length).equals(file.bytes)).toBe(true);
    for (const [first, last] of [
      [0, 0],
      [RECORD_SIZE - 3, RECORD_SIZE + 40],
      [whole.length - 100, whole.length - 1],
    ] as const) {
      for (const number of [1, 2, 3]) {
        const part = await curl("--range", `${first}-${last}`, `${cluster.at(number).http}${path}`);
        expect(part.equals(whole.subarray(first, last + 1))).toBe(true);
      }
    }
    expect(records).toBeGreaterThan(1);
  });

  test("clients of the lobby meet across relays: curl, the original app, and ours", async () => {
    await using original = await OriginalReceiver.connect(cluster.at(2).relay.url);
    const lobby = { code: LOBBY_CODE, lobby: true };
    const out = newOut();
    await using ours = receive({ ...lobby, relay: cluster.at(3).url, out });
    await ours.when("waiting");
    const bytes = content(8, 2 * MiB + 9);
    expect(await originalSend(cluster.at(1).relay.url, "theirs.bin", bytes)).toBe(
      "File transfer successful",
    );
    expect(await original.file(0)).toMatchObject({ name: "theirs.bin" });
    expect(Buffer.compare((await original.file(0)).bytes, bytes)).toBe(0);
    await ours.when("saved");
    expect(bytesOf(join(out, "theirs.bin"))).toEqual(bytes);

    const file = makeFile(folder.path, "http.bin", 2 * MiB);
    const sent = curl("-T", file.path, `${cluster.at(2).http}/lobby/?receivers=3`);
    const taken = await curl(`${cluster.at(1).http}/lobby/http.bin`);
    expect(taken.equals(file.bytes)).toBe(true);
    expect((await sent).toString()).toContain("done: 1 receiver has it");
    expect(Buffer.compare((await original.file(1)).bytes, file.bytes)).toBe(0);
  });

  test("a receiver that is killed goes on at another relay, where it was", async () => {
    const file = makeFile(folder.path, "killed.bin", 8 * MiB);
    const code = newCode();
    const out = newOut();
    await using sender = send({ relay: cluster.at(1).url, code, path: file.path, limit: 4 * MiB });
    await using first = new ReceiverProcess({ relay: cluster.at(2).url, code, out }, "killed");
    await first.when("progress", ({ bytes }) => bytes > 2 * MiB);
    await first.kill();
    await using again = receive({ relay: cluster.at(3).url, code, out }, "killed");
    expect(await again.outcome).toEqual(DONE);
    expect(again.all("resumed")).toHaveLength(1);
    expect(bytesOf(join(out, file.name))).toEqual(file.bytes);
    expect(await sender.outcome).toEqual(DONE);
  });

  test("a share that waits for receivers counts those of all relays", async () => {
    const file = makeFile(folder.path, "wait.bin", 2 * MiB);
    const code = newCode();
    const startWhen = { receivers: 3, minWaitMs: 0, maxWaitMs: undefined };
    const job = { code, path: file.path, receivers: 3, startWhen };
    await using sender = send({ relay: cluster.at(1).url, ...job });
    const outs = [newOut(), newOut(), newOut()];
    const running = [1, 2].map((number, at) =>
      receive({ relay: cluster.at(number).url, code, out: outs[at]! }),
    );
    for (const each of running) await each.when("offer");
    await sender.when("gate", ({ agreed }) => agreed === 2);
    expect(sender.all("gate").some(({ open }) => open)).toBe(false);
    running.push(receive({ relay: cluster.at(3).url, code, out: outs[2]! }));
    for (const each of running) expect(await each.outcome).toEqual(DONE);
    expect(await sender.outcome).toEqual(DONE);
    for (const out of outs) expect(bytesOf(join(out, file.name))).toEqual(file.bytes);
  });

  test("the sender sees the receivers of all relays, and what becomes of each", async () => {
    const file = makeFile(folder.path, "table.bin", 2 * MiB);
    const code = newCode();
    await using sender = send({ relay: cluster.at(1).url, code, path: file.path, receivers: 9 });
    const job = { code, ask: true };
    const running = ["one", "two", "three"].map((name, at) =>
      receive({ ...job, relay: cluster.at(at + 1).url, out: newOut(), name }),
    );
    for (const each of running) await each.when("offer");
    for (const name of ["one", "two", "three"]) {
      await sender.when("receiver", (event) => event.name === name);
    }
    running[1]!.answer({ accept: false });
    await sender.when("receiver", (event) => event.name === "two" && event.state === "left");
    for (const at of [0, 2]) running[at]!.answer({ accept: true });
    for (const name of ["one", "three"]) {
      await sender.when("receiver", (event) => event.name === name && event.done);
    }
    for (const at of [0, 2]) expect(await running[at]!.outcome).toEqual(DONE);
  });

  test("the sender admits each receiver, wherever it is", async () => {
    const file = makeFile(folder.path, "admit.bin", 2 * MiB);
    const code = newCode();
    const job = { code, path: file.path, ask: true, receivers: 2 };
    await using sender = send({ relay: cluster.at(2).url, ...job });
    const outs = [newOut(), newOut()];
    const good = outs.map((out, at) =>
      receive({ relay: cluster.at(at + 1).url, code, out, name: `good ${at}` }),
    );
    await using bad = receive({ relay: cluster.at(3).url, code, out: newOut(), name: "bad" });
    for (const name of ["good 0", "good 1", "bad"]) {
      const asked = await sender.when("asks", (event) => event.name === name);
      sender.admit(asked, name !== "bad");
    }
    expect(await bad.outcome).toMatchObject({ fault: "not-admitted" });
    for (const each of good) expect(await each.outcome).toEqual(DONE);
    for (const out of outs) expect(bytesOf(join(out, file.name))).toEqual(file.bytes);
    expect(await sender.outcome).toEqual(DONE);
  });

  test("a sender that goes away for good ends it for receivers at all relays", async () => {
    const file = makeFile(folder.path, "cancel.bin", 8 * MiB);
    const code = newCode();
    const job = { relay: cluster.at(1).url, code, path: file.path, receivers: 2, limit: 2 * MiB };
    const sender = send(job);
    const running = [1, 2].map((number) =>
      receive({ relay: cluster.at(number).url, code, out: newOut() }),
    );
    for (const each of running) await each.when("progress", ({ bytes }) => bytes > 0);
    sender.interrupt();
    expect(await sender.outcome).toMatchObject({ fault: "interrupted" });
    for (const each of running)
      expect(await each.outcome).toMatchObject({ fault: "sender-stopped" });
  });
});
