import { describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, truncateSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { startRelay } from "../../../relay/mod.ts";
import { bytesOf, list, temporaryFolder } from "../../support/disk.ts";
import { newCode, receive, receiveJob, send } from "../../support/clients/clients.ts";
import { content, makeFile } from "../../support/files.ts";
import { Proxy } from "../../support/net/proxy.ts";
import { mountNamespace } from "../../needs.ts";

const MiB = 1024 * 1024;

function folderIn(dir: string, name: string): string {
  const path = join(dir, name);
  mkdirSync(path);
  return path;
}

test("a sender that is interrupted tells its receivers, who keep what they have", async () => {
  using folder = temporaryFolder();
  await using relay = await startRelay();
  await using proxy = await Proxy.start({ port: relay.port });
  const { path } = makeFile(folder.path, "a.bin", 40 * MiB);
  const code = newCode();
  const outs = ["one", "two"].map((name) => folderIn(folder.path, name));
  const job = { relay: proxy.url, code };
  await using one = receive({ ...job, out: outs[0]! });
  await using two = receive({ ...job, out: outs[1]! });
  await Promise.all([one.when("waiting"), two.when("waiting")]);
  const half = proxy.holdAfter(4);
  await using sender = send({ relay: `${relay.url}/ws`, code, path, receivers: 2 });
  await half;
  sender.interrupt();
  expect(await sender.outcome).toEqual({ fault: "interrupted", exitCode: 130 });
  proxy.release();
  for (const [at, receiver] of [one, two].entries()) {
    expect(await receiver.outcome).toEqual({ fault: "sender-stopped", exitCode: 1 });
    const [kept] = receiver.all("kept");
    expect(kept).toMatchObject({ size: 40 * MiB });
    expect(kept!.bytes).toBeGreaterThan(0);
    expect(list(outs[at]!)).toHaveLength(1);
    expect(kept!.path).toStartWith(join(outs[at]!, "a.bin."));
    expect(receiver.seen.at(-1)).toMatchObject({ event: "error", code: "sender-stopped" });
  }
});

test("a receiver that is interrupted is told of at the sender, and may come back", async () => {
  using folder = temporaryFolder();
  await using relay = await startRelay();
  await using proxy = await Proxy.start({ port: relay.port });
  const file = makeFile(folder.path, "a.bin", 20 * MiB);
  const code = newCode();
  const outs = ["one", "two"].map((name) => folderIn(folder.path, name));
  const half = proxy.holdAfter(10);
  await using sender = send({ relay: `${relay.url}/ws`, code, path: file.path });
  const leaving = { relay: proxy.url, code, out: outs[0]!, name: "leaving" };
  await using one = receive(leaving);
  await half;
  await sender.when("receiver", ({ records }) => records === 10);
  one.interrupt();
  const left = await sender.when("receiver", ({ state }) => state === "left");
  expect(left).toMatchObject({ name: "leaving", done: false });
  proxy.release();
  expect(await one.outcome).toEqual({ fault: "interrupted", exitCode: 130 });
  expect(existsSync(one.all("kept")[0]!.path)).toBe(true);
  // The next receiver that gets the whole share ends the send, which reports that one receiver failed.
  await using two = receive({ relay: `${relay.url}/ws`, code, out: outs[1]! });
  expect((await two.outcome).exitCode).toBe(0);
  expect(await sender.outcome).toEqual({ fault: "some-failed", exitCode: 3 });
  expect(sender.all("done")).toMatchObject([{ receivers: 1 }]);
  expect(bytesOf(join(outs[1]!, "a.bin"))).toEqual(file.bytes);
  expect(list(outs[0]!)).toHaveLength(1);
});

describe("F33 a source that does not stay as it was", () => {
  test.each<{ how: string; change: (path: string) => void }>([
    { how: "shrinks", change: (path) => truncateSync(path, 10) },
    {
      how: "is written anew with its old time",
      change: (path) => {
        writeFileSync(path, content(99, 24 * MiB));
        utimesSync(path, 1_700_000_000, 1_700_000_000);
      },
    },
  ])("E8 that $how ends the share on both sides under --strict", async ({ change }) => {
    using folder = temporaryFolder();
    await using relay = await startRelay();
    const { path } = makeFile(folder.path, "a.bin", 24 * MiB);
    utimesSync(path, 1_600_000_000, 1_600_000_000);
    const out = folderIn(folder.path, "out");
    const code = newCode();
    await using sender = send({ relay: `${relay.url}/ws`, code, path, strict: true });
    await using receiver = receive({ relay: `${relay.url}/ws`, code, out, ask: true });
    await receiver.when("offer");
    change(path);
    receiver.answer({ accept: true });
    expect(await receiver.outcome).toEqual({ fault: "source-changed", exitCode: 1 });
    expect(await sender.outcome).toEqual({ fault: "source-changed", exitCode: 1 });
    expect(sender.all("error")[0]!.message).toContain(path);
    expect(receiver.all("saved")).toEqual([]);
    expect(list(out).filter((name) => !name.endsWith(".partial"))).toEqual([]);
  });
});

const NAMESPACE = mountNamespace();

test.skipIf(NAMESPACE === undefined)(
  "F23 F24 a disk that fills up at the receiver ends it, and with space it goes on",
  async () => {
    using folder = temporaryFolder();
    await using relay = await startRelay();
    const file = makeFile(folder.path, "a.bin", 8 * MiB);
    const out = folderIn(folder.path, "out");
    const code = newCode();
    await using sender = send({ relay: `${relay.url}/ws`, code, path: file.path });
    const job = receiveJob({ relay: `${relay.url}/ws`, code, out, limit: 4 * MiB });
    const script = 'mount -t tmpfs -o size=12m none "$1" && exec "$2" "$3" "$4"';
    const child = join(import.meta.dir, "full-disk-child.ts");
    const args = ["sh", "-c", script, "sh", out, process.execPath, child, JSON.stringify(job)];
    const run = Bun.spawn(["unshare", NAMESPACE!, ...args], { stdout: "pipe", stderr: "inherit" });
    const said: unknown = await new Response(run.stdout).json();
    expect(said).toEqual({
      first: { fault: "disk-full", exitCode: 1 },
      kept: true,
      namedTooEarly: false,
      resumed: true,
      second: { exitCode: 0 },
      hash: Bun.hash(file.bytes).toString(),
      end: ["a.bin"],
    });
    expect(await sender.outcome).toEqual({ fault: undefined, exitCode: 0 });
    expect(sender.all("done")).toMatchObject([{ receivers: 1 }]);
  },
);
