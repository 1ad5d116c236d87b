/** A relay that speaks TLS, and takes another certificate while it runs. */
import { describe, expect, test } from "bun:test";
import { X509Certificate } from "node:crypto";
import { mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { connect } from "node:tls";

import { EXIT, FaultError } from "../../../protocol/mod.ts";
import { startRelay, type Relay, type RelayOptions } from "../../../relay/mod.ts";
import {
  Authority,
  writeCertificate,
  type TestCertificate,
} from "../../support/net/certificates.ts";
import { bytesOf, temporaryFolder } from "../../support/disk.ts";
import { newCode, receive, send } from "../../support/clients/clients.ts";
import { makeFile } from "../../support/files.ts";
import { WAIT_MS } from "../../support/patience.ts";

const MiB = 1024 * 1024;
const authority = new Authority();
const ca = authority.cert;

function serialOf({ cert }: TestCertificate): string {
  return new X509Certificate(cert).serialNumber;
}

/** The certificate that somebody who comes now is shown; undefined: nobody answered. */
function shownAt(port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host: "127.0.0.1", port, ca }, () => {
      resolve(socket.getPeerCertificate().serialNumber);
      socket.destroy();
    });
    socket.on("error", () => resolve(undefined));
  });
}

/** Comes again and again until everybody is shown that one: each worker may be late. */
async function until(port: number, shown: TestCertificate): Promise<void> {
  const serial = serialOf(shown);
  for (let inARow = 0; inARow < 20;) inARow = (await shownAt(port)) === serial ? inARow + 1 : 0;
}

interface Encrypted extends AsyncDisposable {
  readonly relay: Relay;
  readonly troubles: string[];
  readonly first: TestCertificate;
  /** Puts a pair where the files are, both whole at once. */
  replace(pair: TestCertificate): void;
}

async function encrypted(folder: string, options: Partial<RelayOptions> = {}): Promise<Encrypted> {
  const first = authority.issue();
  const tls = writeCertificate(folder, first);
  const troubles: string[] = [];
  const onTrouble = (trouble: string): void => void troubles.push(trouble);
  const relay = await startRelay({ tls, onTrouble, ...options });
  return {
    relay,
    troubles,
    first,
    replace(pair) {
      const beside = join(folder, "new");
      mkdirSync(beside, { recursive: true });
      const { cert, key } = writeCertificate(beside, pair);
      renameSync(cert, tls.cert);
      renameSync(key, tls.key);
    },
    [Symbol.asyncDispose]: () => relay.stop(),
  };
}

describe.each([1, 2])("a relay of %d workers with a certificate", (workers) => {
  test("carries a file to several, byte for byte", async () => {
    using folder = temporaryFolder();
    await using served = await encrypted(folder.path, { workers });
    expect(served.relay.url).toStartWith("wss://127.0.0.1:");
    const job = { relay: `${served.relay.url}/ws`, ca, code: newCode() };
    const file = makeFile(folder.path, "a.bin", 20 * MiB + 5);
    await using stack = new AsyncDisposableStack();
    const receivers = ["one", "two", "three"].map((name) => {
      const out = join(folder.path, name);
      mkdirSync(out);
      return stack.use(receive({ ...job, out }));
    });
    await using sender = send({ ...job, path: file.path, receivers: 3 });
    for (const receiver of receivers) {
      expect(await receiver.outcome).toEqual({ fault: undefined, exitCode: EXIT.done });
      expect(bytesOf((await receiver.when("saved")).path)).toEqual(file.bytes);
    }
    expect((await sender.outcome).exitCode).toBe(EXIT.done);
  });

  test("takes another when it is told to, and cuts nobody off", async () => {
    using folder = temporaryFolder();
    await using served = await encrypted(folder.path, { workers });
    const { relay } = served;
    expect(await shownAt(relay.port)).toBe(serialOf(served.first));
    const job = { relay: `${relay.url}/ws`, ca, code: newCode() };
    const file = makeFile(folder.path, "a.bin", 3 * MiB);
    const outs = ["one", "two"].map((name) => join(folder.path, name));
    for (const out of outs) mkdirSync(out);
    const [one = "", two = ""] = outs;
    await using sender = send({ ...job, path: file.path, receivers: 2 });
    await using before = receive({ ...job, out: one, ask: true });
    await before.when("offer");
    for (let round = 0; round < 3; round++) {
      const next = authority.issue();
      served.replace(next);
      relay.reload();
      await until(relay.port, next);
    }
    // One on a line from before, and one who is shown the new one.
    await using after = receive({ ...job, out: two });
    before.answer({ accept: true });
    for (const client of [sender, before, after]) {
      expect(await client.outcome).toEqual({ fault: undefined, exitCode: EXIT.done });
      expect(client.all("relay").map(({ online }) => online)).toEqual([true]);
    }
    expect(outs.map((out) => bytesOf(join(out, "a.bin")))).toEqual([file.bytes, file.bytes]);
    expect(served.troubles).toEqual([]);
  });

  test("takes another while a file goes through the lobby by HTTP", async () => {
    using folder = temporaryFolder();
    await using served = await encrypted(folder.path, { workers });
    const { relay } = served;
    const url = `${relay.url.replace("wss", "https")}/lobby/a.bin`;
    const half = new Uint8Array(MiB).fill(7);
    const there = fetch(url, { tls: { ca } });
    const renewed = Promise.withResolvers<void>();
    async function* body() {
      yield half;
      await renewed.promise;
      yield half;
    }
    const put = fetch(url, { method: "PUT", body: body(), tls: { ca } });
    const got: ReadableStream<Uint8Array> = (await there).body!;
    const reader = got.getReader();
    let bytes = (await reader.read()).value?.length ?? 0;
    const next = authority.issue();
    served.replace(next);
    relay.reload();
    await until(relay.port, next);
    renewed.resolve();
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      bytes += part.value.length;
    }
    expect(bytes).toBe(2 * MiB);
    expect(await (await put).text()).toContain(
      "sent: to 1 receiver that can't say that it saved it",
    );
  });

  test("keeps what it has when the new one is broken, and says so", async () => {
    using folder = temporaryFolder();
    await using served = await encrypted(folder.path, { workers });
    served.replace({ cert: authority.issue().cert, key: authority.issue().key });
    served.relay.reload();
    expect(served.troubles).toHaveLength(1);
    expect(served.troubles[0]).toMatch(/relay\.key is not the key of .* from before stays$/);
    await until(served.relay.port, served.first);
  });

  test("finds by itself that it has been replaced", async () => {
    using folder = temporaryFolder();
    const supervision = { certificateMs: 10 };
    await using served = await encrypted(folder.path, { workers, supervision });
    const next = authority.issue();
    served.replace(next);
    await until(served.relay.port, next);
    // A worker that is started later has the new one too.
    served.relay.crashWorker(0);
    await until(served.relay.port, next);
  });
});

test("the metrics say when the certificate ends, as of now", async () => {
  using folder = temporaryFolder();
  const admin = { hostname: "127.0.0.1", port: 0 };
  await using served = await encrypted(folder.path, { admin });
  const until = Math.floor(Date.now() / 1000) + 40 * 24 * 60 * 60;
  served.replace(authority.issue({ until: until * 1000 }));
  served.relay.reload();
  const response = await fetch(`${served.relay.admin?.url}/metrics`);
  expect(await response.text()).toContain(`fileshare_certificate_end_seconds ${until}\n`);
});

test("a relay whose certificate is broken does not listen", async () => {
  using folder = temporaryFolder();
  const tls = writeCertificate(folder.path, authority.issue());
  rmSync(tls.key);
  const codeOf = (error: unknown) => (error instanceof FaultError ? error.code : error);
  expect(await startRelay({ tls }).catch(codeOf)).toBe("bad-certificate");
  writeFileSync(tls.key, "nothing");
  expect(await startRelay({ tls }).catch(codeOf)).toBe("bad-certificate");
});

describe("the plain port of a relay with TLS", () => {
  async function served(folder: string) {
    const { relay, ...rest } = await encrypted(folder, { workers: 2, httpPort: 0 });
    const host = `127.0.0.1:${relay.httpPort}`;
    return { ...rest, relay, host, secure: `127.0.0.1:${relay.port}` };
  }

  test("leads who only looks to the one with TLS", async () => {
    using folder = temporaryFolder();
    await using hint = await served(folder.path);
    for (const method of ["GET", "HEAD"]) {
      const url = `http://${hint.host}/lobby/a%20b?receivers=2`;
      const headers = { accept: "text/html,*/*" };
      const response = await fetch(url, { method, headers, redirect: "manual" });
      expect(response.status).toBe(308);
      const location = `https://${hint.secure}/lobby/a%20b?receivers=2`;
      expect(response.headers.get("location")).toBe(location);
      await response.body?.cancel();
    }
    const page = await fetch(`http://${hint.host}/`, { tls: { ca } });
    expect(await page.text()).toContain("fileshare");
  });

  test("refuses a program that asks for a file, which would save the answer that leads on", async () => {
    using folder = temporaryFolder();
    await using hint = await served(folder.path);
    for (const path of ["lobby", "lobby/a.bin", "c/00/00"]) {
      const args = ["-sSfOJ", "--max-time", `${WAIT_MS / 1000}`, `http://${hint.host}/${path}`];
      const curl = Bun.spawn(["curl", ...args], { cwd: folder.path, stderr: "ignore" });
      expect(await curl.exited).toBe(22);
    }
    expect(readdirSync(folder.path).toSorted()).toEqual(["relay.key", "relay.pem"]);
  });

  test.each<[string, RequestInit]>([
    ["an upload", { method: "PUT", body: "secret" }],
    ["a form", { method: "POST", body: "secret" }],
    ["a token", { headers: { authorization: "Bearer secret" } }],
  ])("refuses %s with a sentence", async (_what, init) => {
    using folder = temporaryFolder();
    await using hint = await served(folder.path);
    const response = await fetch(`http://${hint.host}/lobby/x`, { ...init, redirect: "manual" });
    expect(response.status).toBe(426);
    expect(await response.text()).toContain(`use https://${hint.secure} or wss://${hint.secure}`);
  });

  test.each(["/ws", "/sender"])("refuses the WebSocket at %s", async (path) => {
    using folder = temporaryFolder();
    await using hint = await served(folder.path);
    const socket = new WebSocket(`ws://${hint.host}${path}`);
    const said = await new Promise<string>((resolve) => {
      socket.addEventListener("open", () => resolve("open"));
      socket.addEventListener("error", (event) => resolve(event.message));
    });
    expect(said).toContain("Expected 101 status code: 426");
  });
});

/** An upload that was begun, by a client that can vanish. */
function begun(port: number, header: string, body: readonly Uint8Array[]) {
  const socket = connect({ host: "127.0.0.1", port, ca });
  socket.on("error", () => undefined);
  socket.write(`PUT /lobby/cut.bin?receivers=2 HTTP/1.1\r\nHost: localhost\r\n${header}\r\n\r\n`);
  for (const bytes of body) socket.write(bytes);
  return socket;
}

test.each([
  ["of known length", `Content-Length: ${30 * MiB}`, [Buffer.alloc(10 * MiB)]],
  [
    "of unknown length",
    "Transfer-Encoding: chunked",
    [Buffer.from(`${(10 * MiB).toString(16)}\r\n`), Buffer.alloc(10 * MiB)],
  ],
])("a part of a download %s is never taken for the whole", async (_what, header, body) => {
  using folder = temporaryFolder();
  await using served = await encrypted(folder.path);
  const { port } = served.relay;
  const common = ["-sSf", "--max-time", `${WAIT_MS / 1000}`, "--cacert", "ca.pem"];
  writeFileSync(join(folder.path, "ca.pem"), ca);
  const taking = ["-0", "--http1.1"].map((version) => {
    const args = [...common, version, `https://127.0.0.1:${port}/lobby/cut.bin`];
    return Bun.spawn(["curl", ...args], { cwd: folder.path, stderr: "pipe" });
  });
  const socket = begun(port, header, body);
  const lengths = taking.map(async ({ stdout }) => {
    let length = 0;
    for await (const bytes of stdout) {
      if (length === 0) arrived();
      length += bytes.length;
    }
    return length;
  });
  let left = taking.length;
  function arrived(): void {
    left--;
    if (left === 0) socket.destroy();
  }
  for (const length of await Promise.all(lengths)) expect(length).toBeGreaterThan(0);
  for (const { exited } of taking) expect(await exited).not.toBe(0);
});
