/** The flow between relay, worker and saver: nothing piles up, and a stream passes as it comes. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { FRAME_BYTES, WINDOW_RECORDS } from "../../../protocol/wire/limits.ts";
import { startRelay, type Relay } from "../../../relay/mod.ts";
import { LinkQueue, QUEUE_BYTES, QUEUE_MESSAGES } from "../../../web/client/link-queue.ts";
import { PageWindow } from "../../../web/client/page-window.ts";
import { PIECES_BYTES } from "../../../web/job/receive-messages.ts";
import { newCode, send } from "../../support/clients/clients.ts";
import { cleanEnv } from "../../support/clients/pty.ts";
import { temporaryFolder } from "../../support/disk.ts";
import { content, makeFile } from "../../support/files.ts";
import { TamperingRelay } from "../../support/hostile/tampering.ts";
import { Proxy } from "../../support/net/proxy.ts";
import { BOTH_PRIMITIVES, PageReceiver } from "../support/page-receiver.ts";
import { FILESHARE } from "../../support/clients/command-words.ts";

const MiB = 1024 ** 2;

let relay: Relay;
beforeAll(async () => {
  relay = await startRelay({ workers: 1 });
});
afterAll(() => relay.stop());

const address = (): string => `${relay.url}/ws`;

test("a saver that takes nothing gets PIECES_BYTES at most, and the relay sends a window more", async () => {
  using folder = temporaryFolder();
  await using proxy = await Proxy.start({ port: relay.port });
  const file = makeFile(folder.path, "a.bin", 60 * MiB);
  const code = newCode();
  await using sender = send({ relay: address(), code, path: file.path, receivers: 2 });
  await using slow = new PageReceiver({ relay: proxy.url, code }, { slow: true });
  await slow.holds(PIECES_BYTES - MiB);
  // Another one takes all of it meanwhile.
  await using fast = new PageReceiver({ relay: address(), code });
  expect(await fast.when("end")).toEqual({ t: "end" });
  expect(slow.waiting).toBeLessThanOrEqual(PIECES_BYTES);
  const records = Math.ceil(PIECES_BYTES / FRAME_BYTES) + WINDOW_RECORDS + 2;
  expect(proxy.down.length).toBeLessThanOrEqual(records);
  expect(slow.all("link").map(({ online }) => online)).toEqual([true]);
  slow.hurry();
  expect(await slow.when("end")).toEqual({ t: "end" });
  expect(slow.mostWaiting).toBeLessThanOrEqual(PIECES_BYTES);
  expect(slow.files["a.bin"]).toEqual(new Uint8Array(file.bytes));
  expect(await sender.outcome).toMatchObject({ exitCode: 0 });
});

test("a lost link is told while the saver takes nothing, and only once", async () => {
  using folder = temporaryFolder();
  await using proxy = await Proxy.start({ port: relay.port });
  const file = makeFile(folder.path, "a.bin", 60 * MiB);
  const code = newCode();
  await using _ = send({ relay: address(), code, path: file.path });
  await using page = new PageReceiver({ relay: proxy.url, code }, { slow: true });
  await page.holds(PIECES_BYTES - MiB);
  // Another one takes all of it, so that frames for this page wait for its saver.
  await using fast = new PageReceiver({ relay: address(), code });
  await fast.when("save");
  proxy.cut();
  const { message } = await page.when("link", ({ online }) => !online);
  expect(message).toBe("The connection to the relay broke. The page connects again by itself.");
  page.hurry();
  expect(await page.when("end")).toEqual({ t: "end" });
  expect(page.all("link").map(({ online }) => online)).toEqual([true, false, true]);
  expect(page.files["a.bin"]).toEqual(new Uint8Array(file.bytes));
});

test("a receipt waits until the saver says that all has its place", async () => {
  using folder = temporaryFolder();
  const file = makeFile(folder.path, "a.bin", MiB);
  const code = newCode();
  await using sender = send({ relay: address(), code, path: file.path });
  await using page = new PageReceiver({ relay: address(), code }, { unfinished: true });
  await page.when("save");
  expect(sender.all("receiver").filter(({ done }) => done)).toEqual([]);
  page.command({ t: "saved" });
  expect(await page.when("end")).toEqual({ t: "end" });
  expect(await sender.outcome).toMatchObject({ exitCode: 0 });
});

test.each([...BOTH_PRIMITIVES])(
  "a stream passes as it comes, and ends when it does ($name)",
  async (primitives) => {
    const code = newCode();
    const child = Bun.spawn([...FILESHARE, "send", "-", "--relay", relay.url], {
      env: { ...cleanEnv(), FILESHARE_CODE: code },
      stdin: "pipe",
      stdout: "ignore",
      stderr: "ignore",
    });
    const bytes = content(3, 3 * MiB + 11);
    await using page = new PageReceiver({ relay: address(), code }, { primitives });
    void child.stdin.write(bytes.subarray(0, MiB));
    await child.stdin.flush();
    await page.when("piece");
    expect(page.all("offer")).toMatchObject([{ offer: { open: true, bytes: 0 } }]);
    expect(page.all("save")).toEqual([]);
    void child.stdin.write(bytes.subarray(MiB));
    await child.stdin.end();
    expect(await page.when("end")).toEqual({ t: "end" });
    expect(Object.values(page.files)).toEqual([new Uint8Array(bytes)]);
    expect(page.all("progress").at(-1)).toEqual({ t: "progress", bytes: bytes.length, size: 0 });
    expect(await child.exited).toBe(0);
  },
);

test("a relay that sends more than its window is cut off, and the share goes on on another link", async () => {
  using folder = temporaryFolder();
  const file = makeFile(folder.path, "a.bin", 40 * MiB);
  const code = newCode();
  await using _ = send({ relay: address(), code, path: file.path });
  let times = 6;
  await using way = new TamperingRelay(address(), (frame) =>
    Array<typeof frame>(times).fill(frame),
  );
  await using page = new PageReceiver({ relay: way.url, code }, { slow: true });
  const { fault } = await page.when("link", ({ online }) => !online);
  expect(fault).toBe("bad-message");
  times = 1;
  page.hurry();
  expect(await page.when("end")).toEqual({ t: "end" });
  expect(page.files["a.bin"]).toEqual(new Uint8Array(file.bytes));
});

test("the queue of a link holds QUEUE_BYTES and QUEUE_MESSAGES, handles one at a time, and is cleared", async () => {
  const seen: string[] = [];
  let step = Promise.withResolvers<void>();
  const next = (): void => {
    const { resolve } = step;
    step = Promise.withResolvers<void>();
    resolve();
  };
  const queue = new LinkQueue(
    {
      opened: () => void seen.push("opened"),
      message: async (bytes) => {
        seen.push(`begins ${bytes.length}`);
        await step.promise;
        seen.push(`ends ${bytes.length}`);
      },
      lost: (fault) => void seen.push(fault),
      flooded: () => void seen.push("flooded"),
    },
    () => seen.push("failed"),
  );
  queue.opened();
  queue.message(new Uint8Array(1));
  await Promise.resolve();
  queue.message(new Uint8Array(2));
  queue.lost("connection-lost");
  expect(seen).toEqual(["opened", "begins 1"]);
  next();
  for (let i = 0; i < 10; i++) await Promise.resolve();
  expect(seen).toEqual(["opened", "begins 1", "ends 1", "begins 2"]);
  queue.clear();
  // The event at work holds up none of the next link.
  queue.message(new Uint8Array(3));
  expect(seen.at(-1)).toBe("begins 3");
  const frame = new Uint8Array(FRAME_BYTES);
  for (let bytes = 0; bytes < QUEUE_BYTES; bytes += FRAME_BYTES) queue.message(frame);
  expect(queue.bytes).toBe(QUEUE_BYTES);
  expect(seen).not.toContain("flooded");
  queue.message(new Uint8Array(1));
  expect(seen).toContain("flooded");
  expect(queue.bytes).toBe(0);
  for (let i = 0; i <= QUEUE_MESSAGES + 1; i++) queue.message(new Uint8Array(1));
  expect(seen.filter((each) => each === "flooded")).toHaveLength(2);
});

test("a window to the page lets one piece through when nothing waits, however long it is", async () => {
  const window = new PageWindow();
  expect(await window.room(2 * PIECES_BYTES)).toBe(true);
  window.sent(2 * PIECES_BYTES);
  const waits = window.room(1);
  window.taken(PIECES_BYTES);
  window.taken(1);
  expect(await waits).toBe(true);
  const left = window.room(PIECES_BYTES);
  window.interrupt();
  expect(await left).toBe(false);
  expect(window.inFlight).toBe(PIECES_BYTES - 1);
});
