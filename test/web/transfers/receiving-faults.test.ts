/** Senders and relays that lie, stop or refuse, as the page's worker takes them. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, readdirSync, rmSync, writeFileSync, appendFileSync } from "node:fs";
import { join } from "node:path";
import {
  decodeFrame,
  encodeControl,
  NONCE_BYTES,
  PROTOCOL_VERSION,
  type Message,
} from "../../../protocol/mod.ts";
import { startRelay, type Relay } from "../../../relay/mod.ts";
import { newCode, receive, send } from "../../support/clients/clients.ts";
import { bytesOf, temporaryFolder } from "../../support/disk.ts";
import { content, makeFile } from "../../support/files.ts";
import { policyWith, token } from "../../support/relay/tokens.ts";
import { HostileSender } from "../../support/hostile/sender.ts";
import { ownPort } from "../../support/net/own-port.ts";
import { TamperingRelay } from "../../support/hostile/tampering.ts";
import { BOTH_PRIMITIVES, PageReceiver } from "../support/page-receiver.ts";

const MiB = 1024 ** 2;

let relay: Relay;
beforeAll(async () => {
  relay = await startRelay({ workers: 1 });
});
afterAll(() => relay.stop());

const address = (): string => `${relay.url}/ws`;

/** Changes a bit of the ciphertext of record `index`, as often as it is told to. */
function damaging(index: number, times: number): (frame: Uint8Array) => Uint8Array[] {
  let left = times;
  return (frame) => {
    if (decodeFrame(frame).index !== index || left <= 0) return [frame];
    left--;
    const bad = frame.slice();
    bad[bad.length - 20]! ^= 1;
    return [bad];
  };
}

describe.each([...BOTH_PRIMITIVES])("with the primitives of $name", (primitives) => {
  test("a record that is damaged once is asked for again", async () => {
    using folder = temporaryFolder();
    const file = makeFile(folder.path, "a.bin", 4 * MiB);
    await using way = new TamperingRelay(address(), damaging(2, 2));
    const code = newCode();
    await using sender = send({ relay: address(), code, path: file.path });
    await using page = new PageReceiver({ relay: way.url, code }, { primitives });
    expect(await page.when("end")).toEqual({ t: "end" });
    expect(page.files["a.bin"]).toEqual(new Uint8Array(file.bytes));
    expect(await sender.outcome).toMatchObject({ exitCode: 0 });
  });

  test("no byte of a record that never decrypts reaches the page", async () => {
    using folder = temporaryFolder();
    const file = makeFile(folder.path, "a.bin", 4 * MiB);
    await using way = new TamperingRelay(address(), damaging(2, Infinity));
    const code = newCode();
    await using _ = send({ relay: address(), code, path: file.path });
    await using page = new PageReceiver({ relay: way.url, code }, { primitives });
    expect(await page.when("end")).toMatchObject({ fault: "corrupt-record" });
    expect(page.all("over")).toMatchObject([{ fault: "corrupt-record", confirmed: false }]);
    expect(page.all("save")).toEqual([]);
    const came = page.files["a.bin"]!;
    expect(came.length).toBeLessThan(2 * MiB);
    expect(came).toEqual(new Uint8Array(file.bytes.subarray(0, came.length)));
  });
});

test("a share that was made without the code is told of, and another one is waited for", async () => {
  using folder = temporaryFolder();
  const file = makeFile(folder.path, "a.bin", 1000);
  await using way = new TamperingRelay(address(), damaging(0, Infinity));
  const code = newCode();
  await using _ = send({ relay: address(), code, path: file.path });
  await using page = new PageReceiver({ relay: way.url, code });
  expect(await page.when("unreadable")).toMatchObject({ count: 1 });
  await page.when("waiting");
  expect(page.all("offer")).toEqual([]);
});

test("names that no system can hold get others, and none leads anywhere else", async () => {
  const paths = [
    "../../etc/passwd",
    "a:b\u202Efdp.exe",
    "CON",
    "x/..",
    "A",
    "a",
    "/abs",
    "~/.ssh/key",
  ];
  const code = newCode();
  const files = paths.map((path) => ({ path, size: 1 }));
  const bytes = content(1, files.length);
  await using _ = await HostileSender.start(address(), code, { files, content: bytes });
  await using page = new PageReceiver({ relay: address(), code });
  expect(await page.when("end")).toEqual({ t: "end" });
  const names = page.share.offer.files.map(({ path }) => path);
  expect(names).toMatchSnapshot();
  for (const name of names) {
    expect(name).not.toMatch(/[<>:"|?*\\\u202E]|(?:^|\/)\.\.?(?:\/|$)|^[/~]/);
  }
  expect(new Set(names.map((name) => name.toLowerCase())).size).toBe(paths.length);
});

test.each([
  ["a manifest of another share", { manifest: { share: new Uint8Array(16) } }],
  ["sizes with another sum", { manifest: { bytes: 5 } }],
  ["a text with two files", { manifest: { kind: "text" } }],
])("%s is refused before anybody is asked", async (_, lie) => {
  const code = newCode();
  const files = [{ path: "a" }, { path: "b", size: 0 }];
  await using _sender = await HostileSender.start(address(), code, {
    files,
    content: content(1, 1),
    ...lie,
  });
  await using page = new PageReceiver({ relay: address(), code });
  expect(await page.when("end")).toMatchObject({ fault: "bad-manifest" });
  expect(page.all("offer")).toEqual([]);
});

test("a text that is no UTF-8 is not shown", async () => {
  const code = newCode();
  const lie = {
    files: [{ path: "t" }],
    content: new Uint8Array([0xff]),
    manifest: { kind: "text" },
  };
  await using _ = await HostileSender.start(address(), code, lie);
  await using page = new PageReceiver({ relay: address(), code });
  expect(await page.when("end")).toMatchObject({ fault: "bad-manifest" });
  expect(page.all("text")).toEqual([]);
});

test("a record that is shorter than it should be does not move what follows", async () => {
  const code = newCode();
  const lie = {
    files: [{ path: "a" }],
    content: content(1, 300_000),
    record: (index: number, right: Uint8Array) => (index === 2 ? right.subarray(1) : right),
  };
  await using _ = await HostileSender.start(address(), code, lie);
  await using page = new PageReceiver({ relay: address(), code });
  expect(await page.when("end")).toMatchObject({ fault: "corrupt-record" });
});

test("files that changed while they were sent are named, and the others are whole", async () => {
  using folder = temporaryFolder();
  const tree = join(folder.path, "tree");
  mkdirSync(tree);
  makeFile(tree, "a-large", 12 * MiB, 1);
  for (let i = 0; i < 20; i++) makeFile(tree, `s${100 + i}`, 10_000 + i);
  const before = new Map(readdirSync(tree).map((name) => [name, bytesOf(join(tree, name))]));
  const code = newCode();
  await using sender = send({ relay: address(), code, path: tree, limit: 4 * MiB });
  await using page = new PageReceiver({ relay: address(), code });
  await sender.when("progress", ({ bytes }) => bytes >= 2 * MiB);
  rmSync(join(tree, "s105"));
  writeFileSync(join(tree, "s110"), "shorter");
  appendFileSync(join(tree, "s115"), "more");
  expect(await page.when("end")).toMatchObject({ fault: "not-whole" });
  const { files } = page.share.offer;
  const indexes = ["s105", "s110"].map((name) =>
    files.findIndex(({ path }) => path === `tree/${name}`),
  );
  expect(page.all("save")).toEqual([{ t: "save", unsound: indexes.toSorted((a, b) => a - b) }]);
  for (const [name, bytes] of before) {
    if (name === "s105" || name === "s110") continue;
    expect(page.files[`tree/${name}`]).toEqual(new Uint8Array(bytes));
  }
});

test("a sender that stops ends the share, and the page says why", async () => {
  using folder = temporaryFolder();
  const file = makeFile(folder.path, "a.bin", 40 * MiB);
  const code = newCode();
  await using sender = send({ relay: address(), code, path: file.path, limit: MiB });
  await using page = new PageReceiver({ relay: address(), code });
  await page.when("piece");
  sender.interrupt();
  expect(await page.when("end")).toEqual({
    t: "end",
    fault: "sender-stopped",
    message: "The sender stopped before everything was sent. Ask the sender to send it again.",
  });
});

test("a sender that asks admits the page, and the page says that it waits for that", async () => {
  using folder = temporaryFolder();
  const file = makeFile(folder.path, "a.bin", 1000);
  const code = newCode();
  await using sender = send({ relay: address(), code, path: file.path, ask: true });
  await using page = new PageReceiver({ relay: address(), code });
  await page.when("unadmitted");
  sender.admit(await sender.when("asks"), true);
  expect(await page.when("end")).toEqual({ t: "end" });
});

test("a saver that cannot go on ends the share, and the sender hears of it", async () => {
  using folder = temporaryFolder();
  const file = makeFile(folder.path, "a.bin", 20 * MiB);
  const code = newCode();
  await using sender = send({ relay: address(), code, path: file.path });
  await using page = new PageReceiver({ relay: address(), code }, { slow: true });
  await page.holds(MiB);
  page.command({ t: "failed", fault: "disk-full", detail: "a.bin" });
  expect(await page.when("end")).toMatchObject({ fault: "disk-full" });
  await sender.when("receiver", ({ state }) => state === "left");
});

test("a relay that wants a token says so once, and takes it", async () => {
  const receives = token(["receive"]);
  const policy = policyWith({ mode: "closed", tokens: [receives.known] });
  await using closed = await startRelay({ workers: 1, policy });
  const job = { relay: `${closed.url}/ws`, code: newCode() };
  await using without = new PageReceiver(job);
  expect(await without.when("end")).toEqual({
    t: "end",
    fault: "not-allowed",
    message:
      "The relay does not allow that: it wants a token. Ask the person who runs the relay for a token.",
  });
  await using page = new PageReceiver({ ...job, token: receives.text });
  await page.when("waiting");
});

/** A relay that greets, and then says what it is told to. */
function speaking(...messages: (Message | Uint8Array | string)[]) {
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: (request, self) =>
      self.upgrade(request) ? undefined : new Response("", { status: 426 }),
    websocket: {
      open(socket) {
        socket.sendBinary(encodeControl({ t: "challenge", nonce: new Uint8Array(NONCE_BYTES) }));
      },
      message(socket) {
        for (const message of messages) {
          if (typeof message === "string") socket.sendText(message);
          else if (message instanceof Uint8Array) socket.sendBinary(message);
          else socket.sendBinary(encodeControl(message));
        }
      },
    },
  });
  return {
    url: `ws://127.0.0.1:${server.port}/ws`,
    [Symbol.asyncDispose]: () => server.stop(true),
  };
}

const limits = { frame: MiB, window: 16, credit: 16 };
const welcome = { t: "welcome", v: PROTOCOL_VERSION, session: new Uint8Array(8), limits } as const;

test("a relay of another version ends the receive with a word on both", async () => {
  await using old = speaking({ ...welcome, v: 1 });
  await using page = new PageReceiver({ relay: old.url, code: newCode() });
  const { fault, message } = await page.when("end");
  expect(fault).toBe("version-mismatch");
  expect(message).toContain("Reload this page");
});

test("a relay that is full is tried again, and the page says so", async () => {
  await using full = speaking({ t: "fault", code: "too-many", message: "", retry: true });
  await using page = new PageReceiver({ relay: full.url, code: newCode() });
  const link = await page.when("link");
  expect(link).toMatchObject({ online: false, fault: "too-many" });
  expect(link.message).toStartWith("The relay is full");
});

test("no relay at the address is said in plain words, and is tried again", async () => {
  const port = await ownPort();
  const gone = await startRelay({ workers: 1, port });
  const { url } = gone;
  await gone.stop();
  await using page = new PageReceiver({ relay: `${url}/ws`, code: newCode() });
  expect(await page.when("link")).toEqual({
    t: "link",
    online: false,
    fault: "relay-unreachable",
    message:
      "The relay cannot be reached. Check this device's network. The page connects again by itself.",
  });
  await using _ = await startRelay({ workers: 1, port });
  await page.when("link", ({ online }) => online);
});

test("junk, a frame that is too long and a text message are each told of", async () => {
  for (const junk of [new Uint8Array([0xc1]), new Uint8Array([0x93, 1, 2, 3])]) {
    await using liar = speaking(welcome, junk);
    await using page = new PageReceiver({ relay: liar.url, code: newCode() });
    expect(await page.when("end")).toMatchObject({ fault: "bad-message" });
  }
  for (const foreign of [new Uint8Array(MiB + 1).fill(0xc1), "a text"]) {
    await using huge = speaking(welcome, foreign);
    await using page = new PageReceiver({ relay: huge.url, code: newCode() });
    expect(await page.when("link", ({ online }) => !online)).toMatchObject({
      fault: "not-a-relay",
    });
  }
});

test("a page that stops before its keys are there ends at once", async () => {
  await using page = new PageReceiver({ relay: address(), code: newCode() });
  page.command({ t: "stop" });
  expect(await page.when("end")).toMatchObject({ fault: "interrupted" });
  expect(page.all("ready")).toEqual([]);
});

test("a saver without word of the disk is counted, and named so", async () => {
  using folder = temporaryFolder();
  const file = makeFile(folder.path, "a.bin", 1000);
  const code = newCode();
  await using sender = send({ relay: address(), code, path: file.path, receivers: 2 });
  await using page = new PageReceiver({ relay: address(), code }, { unconfirmed: true });
  mkdirSync(join(folder.path, "out"));
  await using terminal = receive({ relay: address(), code, out: join(folder.path, "out") });
  expect(await page.when("over")).toEqual({ t: "over", confirmed: true });
  await terminal.outcome;
  expect(await sender.outcome).toMatchObject({ exitCode: 0 });
  expect(sender.all("done")).toMatchObject([{ receivers: 2 }]);
  const unconfirmed = sender.all("receiver").filter((each) => each.confirmed === false);
  expect(new Set(unconfirmed.map(({ id }) => id))).toEqual(new Set([page.share.offer.receiver]));
});
