/**
 * The doors of the relay behind the proxies that people have: a transfer that breaks must not look whole
 * through any of them, and the samples in deploy/ let everything through.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, readFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";

import { LOBBY_CODE } from "../../../protocol/mod.ts";
import { DEFAULT_POLICY, startRelay, type Relay } from "../../../relay/mod.ts";
import { temporaryFolder } from "../../support/disk.ts";
import { fileshare } from "../../support/clients/command.ts";
import { newCode, send } from "../../support/clients/clients.ts";
import { content, makeFile } from "../../support/files.ts";
import { lacksProgram } from "../../needs.ts";
import { PROXIES, startProxies, type RunningProxies } from "./proxies.ts";
import { WAIT_MS } from "../../support/patience.ts";

const MiB = 1024 ** 2;
/** Of a transfer that breaks: more than what lies in the buffers between both ends. */
const SIZE = 30 * MiB;
const SENT = 10 * MiB;

let folder: ReturnType<typeof temporaryFolder>;
let relay: Relay;
let proxies: RunningProxies;

/** On a developer's machine without them; all are started at once. */
const lacking = PROXIES.filter((name) => lacksProgram(name, name)).length > 0;

beforeAll(async () => {
  if (lacking) return;
  folder = temporaryFolder();
  const access = { ...DEFAULT_POLICY.access, trustedProxies: ["127.0.0.0/8"] };
  relay = await startRelay({ workers: 2, policy: { ...DEFAULT_POLICY, access } });
  proxies = await startProxies(folder.path, relay.port);
});

afterAll(async () => {
  if (lacking) return;
  await proxies[Symbol.asyncDispose]();
  await relay.stop();
  folder[Symbol.dispose]();
});

/** A curl whose output comes here. */
function curl(...args: string[]) {
  const all = ["curl", "-sSf", "--max-time", `${WAIT_MS / 1000}`, "--cacert", proxies.ca, ...args];
  return Bun.spawn(all, { cwd: folder.path, stdin: "ignore", stdout: "pipe", stderr: "pipe" });
}

type Curl = ReturnType<typeof curl>;

async function ended({ exited, stdout, stderr }: Curl) {
  const [out, err, exitCode] = await Promise.all([stdout.bytes(), stderr.text(), exited]);
  return { exitCode, out, err };
}

function text(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

/** Reads all that comes, and says so when it begins. */
function reading({ exited, stdout }: Curl) {
  const begun = Promise.withResolvers<void>();
  const through = (async () => {
    let length = 0;
    for await (const bytes of stdout) {
      length += bytes.length;
      begun.resolve();
    }
    begun.resolve();
    return { exitCode: await exited, isWhole: length >= SIZE };
  })();
  return { begun: begun.promise, through };
}

/** Reads with all of them; once each has something, `vanish` is called. @returns how each ended */
async function cutOff(curls: readonly Curl[], vanish: () => void): Promise<number[]> {
  const all = curls.map(reading);
  await Promise.all(all.map(({ begun }) => begun));
  vanish();
  const results = await Promise.all(all.map(({ through }) => through));
  expect(results.filter(({ isWhole }) => isWhole)).toEqual([]);
  return results.map(({ exitCode }) => exitCode);
}

/** An upload that sends a part once so many receive it. */
function upload(name: string, receivers: number, header: string, body: readonly Uint8Array[]) {
  const socket = connect(relay.port, "127.0.0.1");
  socket.on("error", () => undefined);
  const path = `/lobby/${name}?receivers=${receivers}`;
  socket.write(`PUT ${path} HTTP/1.1\r\nHost: localhost\r\n${header}\r\n\r\n`);
  for (const bytes of body) socket.write(bytes);
  return socket;
}

function chunked(bytes: Uint8Array): Uint8Array[] {
  const size = Buffer.from(`${bytes.length.toString(16)}\r\n`);
  return [size, bytes, Buffer.from("\r\n")];
}

/** The words of curl, up to the path, through each proxy as it comes. */
function ways(): readonly (readonly string[])[] {
  const { nginx, caddy, haproxy } = proxies.plain;
  const direct = `http://localhost:${relay.port}`;
  return [
    ...[nginx, caddy, haproxy, direct].flatMap((origin) => [[origin], ["-0", origin]]),
    ["--http2", proxies.caddyTls],
    ["--http2-prior-knowledge", "--compressed", proxies.compressing],
  ];
}

function get(way: readonly string[], path: string): Curl {
  return curl(...way.slice(0, -1), `${way.at(-1)}${path}`);
}

/** Curl's code for each way of which it is 0, which it must not be. */
function deceived(ways: readonly (readonly string[])[], codes: readonly number[]) {
  return ways.filter((_, at) => codes[at] === 0);
}

describe.skipIf(lacking)(
  "through nginx, Caddy and HAProxy as they come, by HTTP/1.0, 1.1 and 2",
  () => {
    test.each(["/lobby", "/lobby/cut.bin"])(
      "no client takes a part of %s for the whole",
      async (path) => {
        const all = ways();
        const curls = all.map((way) => get(way, path));
        const header = `Content-Length: ${SIZE}`;
        const socket = upload("cut.bin", all.length, header, [content(1, SENT)]);
        expect(deceived(all, await cutOff(curls, () => socket.destroy()))).toEqual([]);
      },
    );

    test("no client takes a part of a share's ciphertext for the whole", async () => {
      const { path } = makeFile(folder.path, "share.bin", SIZE);
      await using sender = send({ relay: `${relay.url}/ws`, code: newCode(), path });
      const { path: where } = await sender.when("code");
      await sender.when("relay", ({ online }) => online);
      const all = ways();
      // As slow as it takes to vanish meanwhile.
      const curls = all.map((way) => get(["--limit-rate", "4M", ...way], where ?? ""));
      expect(deceived(all, await cutOff(curls, () => sender.interrupt()))).toEqual([]);
    });

    test("a stream that breaks is an error where the proxy can tell, and refused where it speaks HTTP/1.0", async () => {
      const direct = `http://localhost:${relay.port}`;
      const { nginx, haproxy } = proxies.plain;
      const { sample } = proxies;
      // nginx asks by HTTP/1.0 as it comes; with the samples, proxies say what they can't tell.
      const old = PROXIES.map((name) => ["-0", "--no-alpn", sample[name]]);
      const refused = [[nginx], ["-0", nginx], ...old, [sample.caddy]];
      const cut = [[direct], ["-0", direct], [haproxy], [sample.nginx], [sample.haproxy]];
      const curls = [...refused, ...cut].map((way) => get(way, "/lobby/stream"));
      const body = chunked(content(1, MiB));
      const upTo = Array.from({ length: SENT / MiB }, () => body).flat();
      const socket = upload("stream", cut.length, "Transfer-Encoding: chunked", upTo);
      const codes = await cutOff(curls, () => socket.destroy());
      expect(codes.slice(0, refused.length)).toEqual(refused.map(() => 22));
      expect(deceived(cut, codes.slice(refused.length))).toEqual([]);
    });

    test("a file arrives whole, and a part of it where a download goes on", async () => {
      const all = ways();
      const { path, bytes } = makeFile(folder.path, "whole.bin", 3 * MiB + 1);
      const count = all.length;
      await using sender = send({
        relay: `${relay.url}/ws`,
        code: LOBBY_CODE,
        path,
        receivers: count,
      });
      await sender.when("source");
      const parts = await Promise.all(
        all.map(async (way) => ended(get(["-C", `${MiB}`, ...way], "/lobby/whole.bin"))),
      );
      const wholes = await Promise.all(all.map(async (way) => ended(get(way, "/lobby/whole.bin"))));
      for (const { exitCode, out } of parts) {
        expect(exitCode).toBe(0);
        expect(Buffer.compare(out, bytes.subarray(MiB))).toBe(0);
      }
      for (const { exitCode, out } of wholes) {
        expect(exitCode).toBe(0);
        expect(Buffer.compare(out, bytes)).toBe(0);
      }
    });
  },
);

describe.skipIf(lacking)("below a path of nginx", () => {
  test("the page and all that it names are there", async () => {
    const html = text((await ended(curl("-H", "accept: text/html", `${proxies.below}/`))).out);
    const paths = [...html.matchAll(/(?:src|href|content)="\.\/([^"]+)"/g)].map(([, path]) => path);
    expect(paths.length).toBeGreaterThan(4);
    for (const path of paths) {
      const asset = await ended(curl("-o", "/dev/null", `${proxies.below}/${path}`));
      expect(`${path} ${asset.exitCode}`).toBe(`${path} 0`);
    }
    const share = await ended(
      curl("-w", "%{redirect_url}", "-o", "/dev/null", "-d", "x", `${proxies.below}/page/share`),
    );
    expect(text(share.out)).toBe(`${proxies.below}/`);
  });

  test("a sender prints the link to that page", async () => {
    const { path } = makeFile(folder.path, "below.bin", 1000);
    const env = { NODE_EXTRA_CA_CERTS: proxies.ca };
    await using sender = fileshare(["send", path, "--relay", proxies.below], env);
    const code = await sender.events(({ event }) => event === "code");
    const online = await sender.events(({ event }) => event === "relay");
    if (code?.event !== "code" || online?.event !== "relay") throw new Error("no relay");
    expect(online.link).toBe(`${proxies.below}/#${code.code}`);
  });
});

describe.skipIf(lacking).each(PROXIES)("through %s with the sample of deploy/", (name) => {
  const origin = (): string => proxies.sample[name];

  test("curl sends a file to curl", async () => {
    const { path, bytes } = makeFile(folder.path, `${name}.bin`, 3 * MiB + 7);
    const taking = curl("-o", `${name}.out`, `${origin()}/lobby/${name}.bin`);
    const sent = await ended(curl("-T", path, `${origin()}/lobby/`));
    expect(sent).toMatchObject({ exitCode: 0, err: "" });
    expect((await ended(taking)).exitCode).toBe(0);
    expect(Buffer.compare(readFileSync(join(folder.path, `${name}.out`)), bytes)).toBe(0);
  });

  test("fileshare sends and receives, and says its addresses to the relay", async () => {
    const env = { NODE_EXTRA_CA_CERTS: proxies.ca };
    const { path, bytes } = makeFile(folder.path, `${name}.own`, 2 * MiB + 7);
    await using sender = fileshare(["send", path, "--relay", origin()], env);
    const code = await sender.events(({ event }) => event === "code");
    if (code?.event !== "code") throw new Error("no code");
    const out = join(folder.path, `out of ${name}`);
    mkdirSync(out);
    await using receiver = fileshare(
      ["recv", code.code, "--relay", origin(), "--out", out, "--yes"],
      env,
    );
    const saved = await receiver.events(({ event }) => event === "saved");
    if (saved?.event !== "saved") throw new Error("nothing was saved");
    expect(Buffer.compare(readFileSync(saved.path), bytes)).toBe(0);
    expect(await sender.exited).toBe(0);
  });

  test("people are told the address that they know, and balancers that the relay lives", async () => {
    const help = await ended(curl(`${origin()}/`));
    expect(text(help.out)).toContain(`curl -fT FILE ${origin()}/lobby/`);
    const health = await ended(curl(`${origin()}/healthz`));
    expect(text(health.out)).toBe("ok\n");
  });
});
