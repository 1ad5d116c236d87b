/** The commands at a relay that speaks TLS, and what they say when something is wrong with that. */
import { describe, expect, test } from "bun:test";
import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { checkCertificate } from "../../../cli/commands/doctor/relay.ts";
import { EXIT } from "../../../protocol/mod.ts";
import { startRelay } from "../../../relay/mod.ts";
import {
  Authority,
  writeCertificate,
  type TestCertificate,
} from "../../support/net/certificates.ts";
import { makeFile } from "../../support/files.ts";
import { lines } from "../../support/clients/processes.ts";
import { bytesOf, temporaryFolder } from "../../support/disk.ts";
import { CODE, MAIN, jsonLines, run, start } from "../../support/clients/program.ts";

const DAY_MS = 24 * 60 * 60 * 1000;
const authority = new Authority();

interface Event {
  readonly event: string;
  readonly code?: string;
  readonly name?: string;
  readonly verdict?: string;
  readonly message?: string;
}

async function runJson(args: readonly string[], env: Record<string, string> = {}) {
  const usual = { FILESHARE_CODE: CODE, XDG_STATE_HOME: "/dev/null" };
  const { exitCode, out } = await run([...args, "--json"], { env: { ...usual, ...env } });
  return { exitCode, events: jsonLines<Event>(out) };
}

/** A folder with the authority's certificate in it, and a relay that has one from there. */
async function served(until?: number) {
  const folder = temporaryFolder();
  const ca = join(folder.path, "ca.pem");
  writeFileSync(ca, authority.cert);
  const tls = writeCertificate(folder.path, authority.issue({ until }));
  const relay = await startRelay({ tls });
  return {
    relay,
    ca,
    folder: folder.path,
    async [Symbol.asyncDispose]() {
      await relay.stop();
      folder[Symbol.dispose]();
    },
  };
}

describe("a file goes by TLS", () => {
  test.each([
    ["--ca", (ca: string) => ({ args: ["--ca", ca], env: {} })],
    ["FILESHARE_CA", (ca: string) => ({ args: [], env: { FILESHARE_CA: ca } })],
    [
      "the configuration",
      (ca: string) => {
        const path = `${ca}.toml`;
        writeFileSync(path, `[all]\nca = ${JSON.stringify(ca)}\n`);
        return { args: [], env: { FILESHARE_CONFIG: path } };
      },
    ],
  ])("with the authority from %s", async (_where, how) => {
    await using at = await served();
    const { args, env } = how(at.ca);
    const { path, bytes } = makeFile(at.folder, "a.bin", 3_000_000);
    const out = join(at.folder, "out");
    mkdirSync(out);
    const relay = ["--relay", at.relay.url.replace("wss", "https"), ...args];
    const runs = await Promise.all([
      runJson(["send", path, ...relay], env),
      runJson(["recv", "--yes", "--out", out, ...relay], env),
    ]);
    expect(runs.map(({ exitCode }) => exitCode)).toEqual([EXIT.done, EXIT.done]);
    expect(bytesOf(join(out, "a.bin"))).toEqual(bytes);
  });
});

test("resume takes --ca in the place of the one from then, from where it is said", async () => {
  await using at = await served();
  const { path, bytes } = makeFile(at.folder, "a.bin", 3_000_000);
  const [then, now, out] = ["then", "now", "out"].map((name) => join(at.folder, name));
  for (const folder of [then, now, out]) mkdirSync(folder!);
  renameSync(at.ca, join(then!, "ca.pem"));
  const env = { FILESHARE_CODE: CODE, XDG_STATE_HOME: join(at.folder, "state") };
  const startAt = (cwd: string | undefined, ...words: string[]) =>
    start([...words, "--json"], { cwd, env });
  const sender = startAt(then, "send", path, "--relay", at.relay.url, "--ca", "ca.pem");
  for await (const { event } of lines<Event>(sender.stdout)) if (event === "relay") break;
  sender.kill("SIGKILL");
  await sender.exited;
  renameSync(join(then!, "ca.pem"), join(now!, "other.pem"));
  const resumed = startAt(now, "resume", "--ca", "other.pem");
  const to = ["recv", "--yes", "--out", out!, "--relay", at.relay.url];
  const receiver = startAt(now, ...to, "--ca", "other.pem");
  expect(await Promise.all([resumed.exited, receiver.exited])).toEqual([EXIT.done, EXIT.done]);
  expect(bytesOf(join(out!, "a.bin"))).toEqual(bytes);
});

/** A server that is there for its certificate. */
function showing(tls: TestCertificate): AsyncDisposable & { url: string } {
  const server = Bun.serve({ port: 0, hostname: "127.0.0.1", tls, fetch: () => new Response() });
  return {
    url: `wss://127.0.0.1:${server.port}`,
    [Symbol.asyncDispose]: () => server.stop(true),
  };
}

describe("a fault is told at once, though there is time to try again:", () => {
  async function recv(relay: string, ca: string) {
    const args = ["recv", "--yes", "--connect-timeout", "3600", "--relay", relay];
    const { exitCode, events } = await runJson([...args, ...(ca === "" ? [] : ["--ca", ca])]);
    return { exitCode, ...events.at(-1)! };
  }

  const now = Date.now();
  test.each<[code: string, pair: TestCertificate, trusts: boolean]>([
    ["untrusted-certificate", authority.issue(), false],
    ["untrusted-certificate", new Authority().issue(), true],
    ["expired-certificate", authority.issue({ until: now - DAY_MS / 48 }), true],
    ["expired-certificate", authority.issue({ from: now + DAY_MS / 2 }), true],
    ["wrong-certificate", authority.issue({ names: ["relay.example"] }), true],
  ])("%s", async (code, pair, trusts) => {
    using folder = temporaryFolder();
    const ca = join(folder.path, "ca.pem");
    writeFileSync(ca, authority.cert);
    await using server = showing(pair);
    const told = await recv(server.url, trusts ? ca : "");
    expect(told).toMatchObject({ exitCode: EXIT.failed, event: "error", code });
    expect(told.message).toContain(`${server.url}/ws`);
  });

  test("wants-tls, at a port with TLS and at the plain one beside it", async () => {
    using folder = temporaryFolder();
    const tls = writeCertificate(folder.path, authority.issue());
    await using relay = await startRelay({ tls, httpPort: 0 });
    for (const port of [relay.port, relay.httpPort]) {
      const told = await recv(`ws://127.0.0.1:${port}`, "");
      expect(told).toMatchObject({ exitCode: EXIT.failed, code: "wants-tls" });
      expect(told.message).toContain("wss://");
    }
  });

  test("no-tls, at a relay without", async () => {
    await using relay = await startRelay();
    const told = await recv(`wss://127.0.0.1:${relay.port}`, "");
    expect(told).toMatchObject({ exitCode: EXIT.failed, code: "no-tls" });
    expect(told.message).toContain("ws://");
  });

  test("bad-ca, for a file that is none", async () => {
    for (const ca of ["/nowhere", MAIN, "/"]) {
      const told = await recv("wss://127.0.0.1:1", ca);
      expect(told).toMatchObject({ exitCode: EXIT.usage, code: "bad-ca" });
      expect(told.message).toContain(ca);
    }
  });
});

test("doctor shows whom the certificate is for, and until when", async () => {
  await using at = await served(Date.now() + DAY_MS);
  const args = ["doctor", "--quick", "--relay", at.relay.url];
  const { exitCode, events } = await runJson([...args, "--ca", at.ca]);
  expect(exitCode).toBe(EXIT.done);
  const tls = events.find(({ name }) => name === "tls");
  const until = new Date(at.relay.certificate!.endsAt).toISOString().slice(0, 10);
  expect(tls).toMatchObject({ verdict: "warning" });
  expect(tls?.message).toStartWith(`A certificate for 127.0.0.1, localhost, until ${until}: in `);
  const without = await runJson(args);
  expect(without.exitCode).toBe(EXIT.failed);
  const relay = without.events.find(({ name }) => name === "relay");
  expect(relay?.message).toContain("does not trust the authority of the relay");
});

test("doctor fetches no page to see the certificate", async () => {
  const methods: string[] = [];
  using server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    tls: authority.issue(),
    fetch({ method }) {
      methods.push(method);
      return new Response("page");
    },
  });
  const found = await checkCertificate(`wss://127.0.0.1:${server.port}/ws`, authority.cert);
  expect(found.message).toStartWith("A certificate for 127.0.0.1, localhost, until ");
  expect(methods).toEqual(["HEAD"]);
});

test("a relay reads its certificate at SIGHUP, and says what is wrong with it each time", async () => {
  using folder = temporaryFolder();
  const { cert, key } = writeCertificate(folder.path, authority.issue());
  const port = ["--host", "127.0.0.1", "--port", "0"];
  const args = ["relay", ...port, "--json", "--tls-cert", cert, "--tls-key", key];
  const child = start(args);
  await child.stdout.getReader().read();
  writeFileSync(key, "nothing");
  const decoder = new TextDecoder();
  let said = "";
  // By itself it says so once.
  const reader = child.stderr.getReader();
  for (let times = 1; times <= 3; times++) {
    child.kill("SIGHUP");
    while (said.split("from before stays").length <= times) {
      const { value, done } = await reader.read();
      if (done) throw new Error(`it ended: ${said}`);
      said += decoder.decode(value, { stream: true });
    }
  }
  expect(said).toContain(`${key} holds no private key`);
  child.kill("SIGTERM");
  expect(await child.exited).toBe(EXIT.done);
});
