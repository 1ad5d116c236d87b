import { describe, expect, test } from "bun:test";
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { LOBBY_CODE } from "../../../protocol/mod.ts";
import { DEFAULT_POLICY, startRelay, type Relay } from "../../../relay/mod.ts";
import { temporaryFolder } from "../../support/disk.ts";
import { receive, receiveJob, send } from "../../support/clients/clients.ts";
import { content, makeFile } from "../../support/files.ts";
import { RawHttp, rawHttp } from "../../support/relay/raw-http.ts";
import { OriginalReceiver, originalSend } from "../../support/relay/original-clients.ts";
import { WAIT_MS } from "../../support/patience.ts";

const MiB = 1024 ** 2;

function http(relay: Relay): string {
  return relay.url.replace(/^ws/, "http");
}

interface Curled {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** s that curl may take; it is there to end it with a test that hangs. */
const CURL_SECONDS = `${WAIT_MS / 1000}`;

/** Real curl, in a folder. */
async function curl(cwd: string, args: readonly string[], stdin?: Uint8Array): Promise<Curled> {
  const child = Bun.spawn(["curl", "-sS", "--max-time", CURL_SECONDS, ...args], {
    cwd,
    stdin: stdin ?? "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  return { exitCode: await child.exited, stdout, stderr };
}

describe("curl", () => {
  test("sends a file to curl, an original receiver and ours, and hears what becomes of it", async () => {
    using folder = temporaryFolder();
    using there = temporaryFolder();
    await using relay = await startRelay({ workers: 2 });
    const { path, bytes } = makeFile(folder.path, "big.bin", 5 * MiB + 77);
    const taking = curl(there.path, ["-OJ", `${http(relay)}/lobby`]);
    await using original = await OriginalReceiver.connect(relay.url);
    const job = { relay: `${relay.url}/ws`, code: LOBBY_CODE, out: folder.path, lobby: true };
    await using ours = receive(receiveJob({ ...job, prefix: "rcv_" }));
    const sent = await curl(folder.path, ["-T", path, `${http(relay)}/lobby/?receivers=3`]);
    expect(sent.stderr).toBe("");
    expect(sent.exitCode).toBe(0);
    expect(sent.stdout).toStartWith("big.bin is in the lobby; waiting for 3 receivers\n");
    expect(sent.stdout).toContain("curl was sent all of it\n");
    expect(sent.stdout).toEndWith(
      "done: 1 receiver has it, sent to 2 that can't say that they saved it\n",
    );
    expect((await taking).exitCode).toBe(0);
    expect(Buffer.compare(readFileSync(join(there.path, "big.bin")), bytes)).toBe(0);
    expect(Buffer.compare((await original.file(0)).bytes, bytes)).toBe(0);
    expect(Buffer.compare(readFileSync((await ours.when("saved")).path), bytes)).toBe(0);
  });

  test("sends a small file to the one that takes it, after others only looked at it", async () => {
    using folder = temporaryFolder();
    await using relay = await startRelay({ workers: 1 });
    const upload = await fetch(`${http(relay)}/lobby/small.txt`, { method: "PUT", body: "small" });
    const lines = upload.body!.pipeThrough(new TextDecoderStream())[Symbol.asyncIterator]();
    let said = "";
    const read = async (): Promise<boolean> => {
      const { value, done = false } = await lines.next();
      said += value ?? "";
      return !done;
    };
    const job = { relay: `${relay.url}/ws`, code: LOBBY_CODE, out: folder.path, ask: true };
    await using first = receive(receiveJob(job));
    await using second = receive(receiveJob(job));
    for (const looking of [first, second]) await looking.when("offer");
    // News of one that left come with those of the one that stays.
    for (const [at, looking] of [second, first].entries()) {
      looking.answer({ accept: false });
      while (said.split("went away").length <= at + 1 && (await read()));
    }
    const taken = curl(folder.path, [`${http(relay)}/lobby/small.txt`]);
    while (await read());
    expect(said).toEndWith("sent: to 1 receiver that can't say that it saved it\n");
    expect((await taken).stdout).toBe("small");
  });

  test.each([0, 1, 3 * MiB])("sends %d bytes of a pipe of unknown length", async (size) => {
    using folder = temporaryFolder();
    await using relay = await startRelay();
    const bytes = content(size, size);
    const taking = curl(folder.path, ["-o", "out", `${http(relay)}/lobby`]);
    const sent = await curl(folder.path, ["-T", "-", `${http(relay)}/lobby/a.tar`], bytes);
    expect(sent.stdout).toEndWith("sent: to 1 receiver that can't say that it saved it\n");
    expect((await taking).exitCode).toBe(0);
    expect(Buffer.compare(readFileSync(join(folder.path, "out")), bytes)).toBe(0);
  });

  test("takes what an original sender and ours send", async () => {
    using folder = temporaryFolder();
    using there = temporaryFolder();
    await using relay = await startRelay();
    const { path, bytes } = makeFile(folder.path, "ours.bin", 2 * MiB);
    const first = curl(there.path, ["-OJ", `${http(relay)}/lobby/theirs.bin`]);
    const second = curl(there.path, ["-OJ", `${http(relay)}/lobby/ours.bin`]);
    const theirs = originalSend(relay.url, "theirs.bin", content(9, MiB));
    await using sender = send({ relay: `${relay.url}/ws`, code: LOBBY_CODE, path });
    expect((await first).exitCode).toBe(0);
    expect((await second).exitCode).toBe(0);
    expect((await sender.outcome).exitCode).toBe(0);
    expect(await theirs).toBe("File transfer successful");
    expect(readdirSync(there.path).toSorted()).toEqual(["ours.bin", "theirs.bin"]);
    expect(Buffer.compare(readFileSync(join(there.path, "ours.bin")), bytes)).toBe(0);
  });

  test("takes one file of a folder by its name", async () => {
    using folder = temporaryFolder();
    await using relay = await startRelay();
    makeFile(folder.path, "a.bin", MiB);
    const { bytes } = makeFile(folder.path, "b.bin", 2 * MiB);
    const what = { from: "paths", paths: [folder.path] } as const;
    await using sender = send({ relay: `${relay.url}/ws`, code: LOBBY_CODE, what });
    await sender.when("source");
    const taken = await curl(folder.path, ["-o", "taken", `${http(relay)}/lobby/b.bin`]);
    expect(taken.exitCode).toBe(0);
    expect(Buffer.compare(readFileSync(join(folder.path, "taken")), bytes)).toBe(0);
    // It has one file of two, and nobody counts it as one who has all.
    await sender.when("receiver", ({ state }) => state === "left");
    expect(sender.all("receiver").some(({ done }) => done)).toBe(false);
  });

  test("takes any part of a file that its sender still has", async () => {
    using folder = temporaryFolder();
    await using relay = await startRelay();
    makeFile(folder.path, "a.bin", 2 * MiB + 5);
    const { bytes } = makeFile(folder.path, "b.bin", 3 * MiB);
    const what = { from: "paths", paths: [folder.path] } as const;
    await using sender = send({ relay: `${relay.url}/ws`, code: LOBBY_CODE, what });
    await sender.when("source");
    for (const [range, first, last] of [
      ["bytes=0-0", 0, 0],
      ["bytes=1000000-2500000", 1_000_000, 2_500_000],
      ["bytes=-7", 3 * MiB - 7, 3 * MiB - 1],
      ["bytes=0-", 0, 3 * MiB - 1],
    ] as const) {
      const part = await fetch(`${http(relay)}/lobby/b.bin`, { headers: { range } });
      expect(part.status).toBe(206);
      expect(part.headers.get("content-range")).toBe(`bytes ${first}-${last}/${3 * MiB}`);
      expect(Buffer.compare(await part.bytes(), bytes.subarray(first, last + 1))).toBe(0);
    }
    const headers = { range: `bytes=${3 * MiB}-` };
    expect((await fetch(`${http(relay)}/lobby/b.bin`, { headers })).status).toBe(416);
    expect(sender.all("receiver").some(({ done }) => done)).toBe(false);
  });

  test("never thinks that it has a file whose sender went away", async () => {
    using folder = temporaryFolder();
    await using relay = await startRelay();
    const taking = curl(folder.path, ["-o", "out", `${http(relay)}/lobby`]);
    // Of `-` it waits for more, and looks at nothing else meanwhile.
    const sending = Bun.spawn(["curl", "-sSN", "-T", ".", `${http(relay)}/lobby/x`], {
      stdin: "pipe",
      stdout: "pipe",
      stderr: "ignore",
    });
    void sending.stdin.write(content(1, MiB));
    await sending.stdin.flush();
    for await (const line of sending.stdout.pipeThrough(new TextDecoderStream())) {
      if (line.includes("receives")) break;
    }
    sending.kill();
    await sending.exited;
    expect((await taking).exitCode).not.toBe(0);
  });

  test("gets an error code when the relay goes away amid its upload", async () => {
    using folder = temporaryFolder();
    const relay = await startRelay();
    const { path } = makeFile(folder.path, "x.bin", MiB);
    const sending = Bun.spawn(["curl", "-sSN", "-T", path, `${http(relay)}/lobby/`], {
      stdin: "ignore",
      stdout: "pipe",
      stderr: "ignore",
    });
    let said = "";
    const reading = (async () => {
      for await (const text of sending.stdout.pipeThrough(new TextDecoderStream())) {
        said += text;
        if (said.includes("waiting")) void relay.stop();
      }
    })();
    expect(await sending.exited).not.toBe(0);
    await reading;
    expect(said).toContain("failed: ");
    await relay.ended;
  });

  test("is told the name safely, and looks at it with HEAD", async () => {
    using folder = temporaryFolder();
    await using relay = await startRelay();
    const none = await fetch(`${http(relay)}/lobby/nothing`, { method: "HEAD" });
    expect(none.status).toBe(404);
    writeFileSync(join(folder.path, "q'uote; ü.bin"), content(1, 1000));
    await using sender = send({
      relay: `${relay.url}/ws`,
      code: LOBBY_CODE,
      path: join(folder.path, "q'uote; ü.bin"),
    });
    await sender.when("source");
    const head = await fetch(`${http(relay)}/lobby`, { method: "HEAD" });
    expect(head.status).toBe(200);
    expect(head.headers.get("content-length")).toBe("1000");
    // The relay's page has the same origin: no file may run as a part of it.
    expect(head.headers.get("content-security-policy")).toBe("default-src 'none'; sandbox");
    expect(head.headers.get("x-content-type-options")).toBe("nosniff");
    expect(head.headers.get("content-type")).toBe("application/octet-stream");
    expect(head.headers.get("content-disposition")).toBe(
      `attachment; filename="q'uote; u-303436.bin"; filename*=UTF-8''q%27uote%3B%20%C3%BC.bin`,
    );
    const whole = await fetch(`${http(relay)}/lobby/${encodeURIComponent("q'uote; ü.bin")}`);
    expect(Buffer.compare(await whole.bytes(), content(1, 1000))).toBe(0);
    expect((await sender.outcome).exitCode).toBe(0);
  });

  test("that sends as little as one record waits for a receiver, although another client looks at it", async () => {
    await using relay = await startRelay();
    const upload = await fetch(`${http(relay)}/lobby/x`, {
      method: "PUT",
      body: new Blob(["one line"]).stream(),
    });
    const head = await fetch(`${http(relay)}/lobby/x`, { method: "HEAD" });
    expect(head.status).toBe(200);
    const whole = await fetch(`${http(relay)}/lobby/x`);
    expect(await whole.text()).toBe("one line");
    expect(await upload.text()).toEndWith("sent: to 1 receiver that can't say that it saved it\n");
  });
});

describe("a download", () => {
  test("says how long it is, and that the connection ends with it", async () => {
    using folder = temporaryFolder();
    const origins = ["https://pages.example"];
    const access = { ...DEFAULT_POLICY.access, origins };
    await using relay = await startRelay({ policy: { ...DEFAULT_POLICY, access } });
    const { path, bytes } = makeFile(folder.path, "a.bin", MiB);
    const code = LOBBY_CODE;
    await using sender = send({ relay: `${relay.url}/ws`, code, path, receivers: 3 });
    await sender.when("source");
    const whole = await rawHttp(relay.port, "GET /lobby HTTP/1.1\r\nHost: relay\r\n\r\n");
    expect(whole).toStartWith("HTTP/1.1 200 OK\r\n");
    expect(whole).toMatch(/\r\ncontent-length: 1048576\r\n/);
    expect(whole).toMatch(/\r\nconnection: close\r\n/);
    expect(whole).toMatch(/\r\ncache-control: no-store, no-transform\r\n/);
    expect(whole.toLowerCase()).not.toContain("transfer-encoding");
    expect(whole.length - whole.indexOf("\r\n\r\n") - 4).toBe(bytes.length);
    const part = "Range: bytes=5-9\r\nOrigin: https://pages.example\r\n";
    const five = await rawHttp(relay.port, `GET /lobby HTTP/1.0\r\nHost: relay\r\n${part}\r\n`);
    expect(five).toStartWith("HTTP/1.1 206 Partial Content\r\n");
    expect(five).toContain("content-length: 5\r\n");
    expect(five).toContain("access-control-allow-origin: https://pages.example\r\n");
    expect(five).toEndWith(`\r\n\r\n${Buffer.from(bytes.subarray(5, 10)).toString("latin1")}`);
  });

  test("of no bytes ends at once", async () => {
    await using relay = await startRelay();
    const taking = rawHttp(relay.port, "GET /lobby HTTP/1.1\r\nHost: relay\r\n\r\n");
    const sent = await fetch(`${http(relay)}/lobby/empty`, { method: "PUT", body: "" });
    expect(await sent.text()).toContain("sent: to 1 receiver");
    expect(await taking).toContain("content-length: 0\r\n");
  });

  test("with an error names no file, so that nothing is saved under its name", async () => {
    using folder = temporaryFolder();
    using there = temporaryFolder();
    await using relay = await startRelay();
    const { path } = makeFile(folder.path, "a.bin", 1000);
    await using sender = send({ relay: `${relay.url}/ws`, code: LOBBY_CODE, path });
    await sender.when("source");
    for (const args of [
      ["-r", "1000-", "/lobby/a.bin"],
      ["/nothing/a.bin"],
      ["/lobby/%ff"],
      ["/c/00/00"],
      ["/ws"],
    ]) {
      const where = `${http(relay)}${args.at(-1)}`;
      const { exitCode } = await curl(there.path, ["-fOJ", ...args.slice(0, -1), where]);
      expect(exitCode).toBe(22);
    }
    expect(readdirSync(there.path)).toEqual([]);
    const headers = { range: "bytes=1000-" };
    const over = await fetch(`${http(relay)}/lobby/a.bin`, { headers });
    expect(over.status).toBe(416);
    expect(over.headers.get("content-disposition")).toBeNull();
  });
});

describe("names that curl can't write", () => {
  test("are saved under names that stay two, and keep their kind", async () => {
    using here = temporaryFolder();
    using there = temporaryFolder();
    await using relay = await startRelay();
    const long = `${"長".repeat(66)}.tar.gz`;
    for (const [at, name] of ["写真一.jpg", "写真二.jpg", `一${long}`, `二${long}`].entries()) {
      // In a folder of its own curl has the name by its address alone.
      const { path } = makeFile(here.path, "source", 1000 + at);
      const taking = curl(there.path, ["-fOJ", `${http(relay)}/lobby`]);
      const to = `${http(relay)}/lobby/${encodeURIComponent(name)}`;
      const sent = await curl(here.path, ["-fT", path, to]);
      expect(sent.stdout).toContain("sent: to 1 receiver");
      expect((await taking).exitCode).toBe(0);
    }
    const saved = readdirSync(there.path).toSorted();
    expect(saved).toHaveLength(4);
    expect(saved.filter((name) => /^_+-[0-9a-f]{6}\.jpg$/.test(name))).toHaveLength(2);
    expect(saved.filter((name) => /^_+-[0-9a-f-]+\.tar\.gz$/.test(name))).toHaveLength(2);
  });
});

describe("a sender of ours", () => {
  test("is told that a file was sent to curl, and not that curl has it", async () => {
    using folder = temporaryFolder();
    await using relay = await startRelay();
    const { path } = makeFile(folder.path, "a.bin", MiB);
    const url = `${relay.url}/ws`;
    await using sender = send({ relay: url, code: LOBBY_CODE, path, receivers: 2 });
    await sender.when("source");
    const taking = curl(folder.path, ["-fo", "out", `${http(relay)}/lobby`]);
    const job = { relay: url, code: LOBBY_CODE, out: folder.path, lobby: true, prefix: "rcv_" };
    await using ours = receive(receiveJob(job));
    expect((await taking).exitCode).toBe(0);
    await ours.when("saved");
    const { receivers, unconfirmed } = await sender.when("done");
    expect([receivers, unconfirmed]).toEqual([2, 1]);
    const through = sender.all("receiver").filter(({ done }) => done);
    const toldOf = (name: string) => through.find((each) => each.name === name)?.confirmed;
    expect([toldOf("curl"), toldOf("a receiver")]).toEqual([false, undefined]);
  });
});

describe("an upload that is answered at its end", () => {
  test("has a status that says how it went", async () => {
    await using relay = await startRelay();
    const url = `${http(relay)}/lobby/x?answer=end`;
    const taking = fetch(`${http(relay)}/lobby`).then((response) => response.text());
    const sent = await fetch(url, { method: "PUT", body: "hello" });
    expect(sent.status).toBe(200);
    expect(await sent.text()).toContain("sent: to 1 receiver");
    expect(await taking).toBe("hello");
    const over = fetch(url, { method: "PUT", body: "hello", headers: { via: "1.0 some-proxy" } });
    while ((await fetch(url, { method: "HEAD" })).status !== 200);
    await relay.stop();
    const failed = await over;
    expect(failed.status).toBe(503);
    expect(await failed.text()).toContain("failed: ");
  });
});

describe("HTTP", () => {
  test("answers what is asked wrongly", async () => {
    await using relay = await startRelay();
    for (const [path, status, method] of [
      ["/nothing", 404, "GET"],
      ["/lobby", 405, "DELETE"],
      ["/", 405, "POST"],
      ["/lobby/%ff", 400, "PUT"],
      ["/lobby/x?receivers=0", 400, "PUT"],
      ["/lobby/x?receivers=many", 400, "PUT"],
      ["/lobby/x?answer=now", 400, "PUT"],
      ["/ws", 426, "GET"],
      ["/sender", 426, "GET"],
    ] as const) {
      expect([path, (await fetch(`${http(relay)}${path}`, { method })).status]).toEqual([
        path,
        status,
      ]);
    }
  });

  test("without the page for browsers shows them its help, and curl a text", async () => {
    await using relay = await startRelay({ page: false });
    const page = await fetch(`${http(relay)}/`, { headers: { accept: "text/html" } });
    expect(page.headers.get("content-type")).toBe("text/html; charset=utf-8");
    expect(page.headers.get("content-security-policy")).toContain("default-src 'none'");
    expect(await page.text()).toContain("<pre>");
    expect(await (await fetch(`${http(relay)}/`)).text()).toContain("curl -fT FILE http://127");
  });

  test("below a path of a proxy tells the address with the path", async () => {
    const access = {
      ...DEFAULT_POLICY.access,
      publicOrigin: "https://web.example",
      publicPath: "/relay",
    };
    await using relay = await startRelay({ policy: { ...DEFAULT_POLICY, access } });
    const help = await (await fetch(`${http(relay)}/`)).text();
    expect(help).toContain("curl -fT FILE https://web.example/relay/lobby/");
    expect(help).toContain("--relay wss://web.example/relay\n");
  });

  test("P11 behind a trusted proxy tells the address that people know, and takes its pages", async () => {
    const access = { ...DEFAULT_POLICY.access, trustedProxies: ["127.0.0.0/8"] };
    await using relay = await startRelay({ policy: { ...DEFAULT_POLICY, access } });
    const headers = { "x-forwarded-proto": "https", "x-forwarded-host": "relay.example" };
    const help = await fetch(`${http(relay)}/`, { headers });
    expect(await help.text()).toContain("curl -fT FILE https://relay.example/lobby/");
    const statuses = ["https://relay.example", http(relay)].map(async (origin) => {
      return (await fetch(`${http(relay)}/`, { headers: { ...headers, origin } })).status;
    });
    expect(await Promise.all(statuses)).toEqual([200, 403]);
    await using other = await startRelay();
    expect(await (await fetch(`${http(other)}/`, { headers })).text()).not.toContain("example");
  });

  test("a page of another site can neither send nor receive", async () => {
    await using relay = await startRelay();
    const headers = { origin: "https://evil.example" };
    expect((await fetch(`${http(relay)}/lobby`, { headers })).status).toBe(403);
    const put = { method: "PUT", body: "x", headers };
    expect((await fetch(`${http(relay)}/lobby/x`, put)).status).toBe(403);
  });

  test("a slow reader and one that leaves hold up nobody", async () => {
    using folder = temporaryFolder();
    await using relay = await startRelay();
    const get = "GET /lobby HTTP/1.1\r\nHost: relay\r\n\r\n";
    using stopped = new RawHttp(relay.port, get, { isPaused: true });
    const leaving = new AbortController();
    const left = fetch(`${http(relay)}/lobby`, { signal: leaving.signal });
    const healthy = curl(folder.path, ["-o", "out", `${http(relay)}/lobby`]);
    const { path, bytes } = makeFile(folder.path, "x.bin", 24 * MiB);
    const sending = curl(folder.path, ["-T", path, `${http(relay)}/lobby/?receivers=3`]);
    // More than the first record, which comes before all three are there: who has that alone only looked.
    const body: AsyncIterable<Uint8Array> = (await left).body!;
    let taken = 0;
    for await (const { length } of body) if ((taken += length) > 4 * MiB) break;
    leaving.abort();
    expect((await healthy).exitCode).toBe(0);
    expect(Buffer.compare(readFileSync(join(folder.path, "out")), bytes)).toBe(0);
    stopped[Symbol.dispose]();
    const { exitCode, stdout } = await sending;
    expect(exitCode).toBe(0);
    expect(stdout).toContain("curl was sent all of it");
    expect(stdout).toEndWith(
      "sent: to 1 receiver that can't say that it saved it, 2 went away before the end\n",
    );
  });
});
