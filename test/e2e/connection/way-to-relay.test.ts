/** The reasons why there is no line to a relay, as doctor and all other commands tell them. */
import { afterAll, beforeAll, describe, expect, jest, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { checkRelay } from "../../../cli/commands/doctor/relay.ts";
import { checkTransfer } from "../../../cli/commands/doctor/transfer.ts";
import { firstRelay } from "../../../cli/connection/find-relay.ts";
import { whySlow } from "../../../cli/connection/connect-errors.ts";
import { FAULTS, faultMessage } from "../../../protocol/wire/faults.ts";
import { startRelay } from "../../../relay/mod.ts";
import { Authority, writeCertificate } from "../../support/net/certificates.ts";
import { policyWith, token } from "../../support/relay/tokens.ts";
import { temporaryFolder } from "../../support/disk.ts";
import { environment } from "../../support/clients/own-state.ts";
import { RelayProcess } from "../../support/clients/processes.ts";
import { CODE, run } from "../../support/clients/program.ts";
import { Speaker } from "../../support/net/speaker.ts";
import { HoldingProxy } from "../../support/net/holding-proxy.ts";
import { ownPort } from "../../support/net/own-port.ts";
import { WAIT_MS } from "../../support/patience.ts";

const PROXIES = ["HTTP", "HTTPS", "ALL"].flatMap((name) => {
  return [`${name}_PROXY`, `${name}_PROXY`.toLowerCase()];
});

async function check(address: string, given?: string): Promise<string> {
  const { message, advice = "" } = await checkRelay(address, undefined, given);
  return `${message}. ${advice}`;
}

function answer(status: string, headers = "", body = ""): string {
  return `HTTP/1.1 ${status}\r\nconnection: close\r\n${headers}content-length: ${body.length}\r\n\r\n${body}`;
}

describe("an answer in the place of a relay's is named:", () => {
  test.each<[what: string, answer: string]>([
    ["a wrong path", answer("404 Not Found")],
    [
      "a web page, or the login of a network",
      answer("200 OK", "", "<!doctype html><title>Welcome"),
    ],
    [
      "a network that leads to its login",
      answer("302 Found", "location: http://login.example/\r\n"),
    ],
    ["a server that leads to TLS", answer("301 Moved", "location: https://relay.example/ws\r\n")],
    ["a server that refuses", answer("403 Forbidden")],
    ["a proxy without a relay", answer("502 Bad Gateway")],
    ["a relay that gets no upgrade", answer("426 Upgrade Required", "", "Use a WebSocket.\n")],
    ["a server of another protocol", "SSH-2.0-OpenSSH_10\r\n"],
  ])("%s", async (_, text) => {
    await using server = await Speaker.start(text);
    const said = await check(`ws://127.0.0.1:${server.port}/x/ws`);
    expect(said.replaceAll(`${server.port}`, "PORT")).toMatchSnapshot();
  });

  test("a server that has no certificate for that name", async () => {
    // An alert of TLS 1.2: fatal, internal_error, as Caddy says it.
    await using server = await Speaker.start("\x15\x03\x03\0\x02\x02\x50");
    expect(await check(`wss://127.0.0.1:${server.port}/ws`)).toContain(
      "it refuses TLS under that name, for which it may have no certificate",
    );
  });

  test.each(["ws", "wss"])("a proxy that is no https:// one, on the way to %s", async (scheme) => {
    await using server = await Speaker.start(answer("400 Bad Request"));
    const proxy = `https://127.0.0.1:${server.port}`;
    using _ = environment(Object.fromEntries(PROXIES.map((name) => [name, proxy])));
    const said = await check(`${scheme}://relay.example/ws`);
    expect(said).toContain("The proxy on the way to the relay cannot be reached");
    expect(said).toContain("it does not speak TLS: give it as http://");
  });

  test("a server that takes a line and says nothing", async () => {
    await using server = await Speaker.start(undefined);
    expect(await whySlow(`ws://127.0.0.1:${server.port}/ws`)).toContain(
      "it takes the connection and says nothing",
    );
  });

  test("nothing at all, and a name that leads nowhere", async () => {
    expect(await check("ws://127.0.0.1:1/ws")).toContain("nothing listens at that port");
    expect(await check("ws://no-such-host.invalid/ws")).toContain("that name leads to no address");
    expect(await whySlow("ws://127.0.0.1:1/ws")).toBe("nothing listens at that port");
  });

  test("a relay that wants a token, and another than the one that is given", async () => {
    const { known, text } = token(["send", "receive"]);
    const closed = policyWith({ mode: "closed", lobby: "closed", tokens: [known] });
    await using relay = await startRelay({ policy: closed });
    const address = `${relay.url}/ws`;
    expect(await check(address)).toContain("A token is missing");
    expect(await check(address, "wrong")).toContain("refused the token");
    expect(await check(address, text)).toContain("welcomed us");
  });

  test("a relay whose senders need a token, when a file is sent", async () => {
    const { known } = token(["send"]);
    const policy = policyWith({ mode: "senders", lobby: "senders", tokens: [known] });
    await using relay = await startRelay({ policy });
    using _ = environment({ XDG_STATE_HOME: process.env["XDG_STATE_HOME"] });
    expect(await checkTransfer({ relay: relay.url, ca: undefined, token: "" })).toMatchObject({
      verdict: "failed",
      message: expect.stringContaining("The relay does not allow that") as string,
      advice: expect.stringContaining("A token is missing") as string,
    });
  });
});

describe("a proxy of the environment is named, without its password:", () => {
  test.each([
    ["HTTP_PROXY", "ws"],
    ["http_proxy", "ws"],
    ["HTTPS_PROXY", "wss"],
    ["https_proxy", "wss"],
    ["ALL_PROXY", "ws"],
    ["all_proxy", "wss"],
  ])("%s for %s, where nobody is there", async (variable, scheme) => {
    using _ = environment({ [variable]: "http://ada:secret@127.0.0.1:1" });
    const said = await check(`${scheme}://relay.example/ws`);
    expect(said).toContain(`http://127.0.0.1:1 of ${variable}, nothing listens at that port`);
    expect(said).toContain("The proxy on the way to the relay cannot be reached");
    expect(said).toContain("NO_PROXY");
    expect(said).not.toContain("secret");
  });

  test.each([
    ["407 Proxy Authentication Required", "wants a name and a password"],
    ["403 Forbidden", "answers 403"],
    ["503 Unavailable", "answers 503"],
  ])("%s", async (status, said) => {
    await using proxy = await Speaker.start(answer(status));
    using _ = environment({ HTTP_PROXY: `http://127.0.0.1:${proxy.port}` });
    const text = await check("ws://relay.example/ws");
    expect(text).toContain(`http://127.0.0.1:${proxy.port} of HTTP_PROXY ${said}`);
  });

  test("on the screen of a command, as the reason why it tries again and why it gives up", async () => {
    const env = {
      FILESHARE_CODE: CODE,
      FILESHARE_RELAY: "wss://relay.example",
      https_proxy: "ada:secret@127.0.0.1:1",
    };
    const args = ["recv", "--yes", "--connect-timeout", "0.5"];
    const { exitCode, out, err } = await run(args, { env });
    expect(exitCode).toBe(1);
    for (const said of [out, err]) {
      expect(said).toContain("http://127.0.0.1:1 of https_proxy, nothing listens at that port");
    }
    expect(out + err).not.toContain("secret");
  });
});

describe("with nginx in front of it", () => {
  const folder = temporaryFolder();
  let relay: Awaited<ReturnType<typeof startRelay>>;
  let nginx: Bun.Subprocess | undefined;
  const ports = { dropping: 0, passing: 0, tls: 0 };

  beforeAll(async () => {
    relay = await startRelay();
    for (const name of ["dropping", "passing", "tls"] as const) ports[name] = await ownPort();
    const { cert, key } = writeCertificate(folder.path, new Authority().issue());
    const upgrade = `proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection "upgrade";`;
    const to = `proxy_pass http://127.0.0.1:${relay.port};`;
    mkdirSync(join(folder.path, "logs"));
    writeFileSync(
      join(folder.path, "nginx.conf"),
      `daemon off; user root; pid nginx.pid; error_log stderr notice; events {}
      http {
        access_log off; client_body_temp_path body; proxy_temp_path proxy;
        fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
        server { listen 127.0.0.1:${ports.dropping}; location / { ${to} } }
        server { listen 127.0.0.1:${ports.passing}; location / { ${to} ${upgrade} } }
        server { listen 127.0.0.1:${ports.tls} ssl; ssl_certificate ${cert};
          ssl_certificate_key ${key}; location / { ${to} } }
      }`,
    );
    nginx = Bun.spawn(["nginx", "-p", folder.path, "-c", "nginx.conf"], { stderr: "pipe" });
    // It says so once its ports are open.
    let said = "";
    for await (const bytes of nginx.stderr as ReadableStream<Uint8Array>) {
      said += new TextDecoder().decode(bytes);
      if (said.includes("start worker process")) break;
    }
  });

  afterAll(async () => {
    nginx?.kill();
    await nginx?.exited;
    await relay.stop();
    folder[Symbol.dispose]();
  });

  test("a relay is found if nginx passes upgrades on", async () => {
    expect(await check(`ws://127.0.0.1:${ports.passing}/ws`)).toContain("welcomed us");
  });

  test("a dropped upgrade is named, and TLS is not", async () => {
    const said = await check(`ws://127.0.0.1:${ports.dropping}/ws`);
    expect(said).toContain("A proxy in front of the relay drops WebSocket upgrades");
    expect(said).toContain("deploy/");
    expect(said).not.toContain("wss://");
  });

  test("a port that wants TLS is named", async () => {
    expect(await check(`ws://127.0.0.1:${ports.tls}/ws`)).toContain(
      "The relay accepts only connections with TLS",
    );
  });
});

test("doctor gives its transfer time from when both sides have a line", async () => {
  // In a process of its own, where time goes on.
  await using relay = await RelayProcess.start();
  await using proxy = await HoldingProxy.start(relay.port, "down", 1);
  using _ = environment({ XDG_STATE_HOME: process.env["XDG_STATE_HOME"] });
  jest.useFakeTimers();
  try {
    const way = { relay: `ws://127.0.0.1:${proxy.port}/ws`, ca: undefined, token: undefined };
    const checking = checkTransfer(way);
    await proxy.held;
    jest.advanceTimersByTime(60_000);
    proxy.release();
    expect(await checking).toMatchObject({ verdict: "fine" });
  } finally {
    jest.useRealTimers();
  }
});

test("an address that the relay's operator banned is told so", async () => {
  // A relay answers so to a banned client, before anything of WebSockets.
  await using server = await Speaker.start(answer("403 Forbidden", "", faultMessage("banned")));
  const said = await check(`ws://127.0.0.1:${server.port}/ws`);
  expect(said).toContain(FAULTS.banned.sentence);
});

describe("of several addresses", () => {
  test("the first at which a relay answers is taken, and the others have their reasons", async () => {
    await using relay = await startRelay();
    const there = `${relay.url}/ws`;
    await using page = await Speaker.start(answer("200 OK", "", "<html>"));
    const tried = ["wss://127.0.0.1:1/ws", `ws://127.0.0.1:${page.port}/ws`, there];
    const { address, others } = await firstRelay([...tried, there], undefined, WAIT_MS);
    expect(address).toBe(there);
    expect(others.map(({ address: at, fault }) => [at, fault])).toEqual([
      ["wss://127.0.0.1:1/ws", "relay-unreachable"],
      [`ws://127.0.0.1:${page.port}/ws`, "not-a-relay"],
    ]);
  });

  test("one that says nothing holds up no other, and none is none", async () => {
    await using relay = await startRelay();
    const there = `${relay.url}/ws`;
    await using silent = await Speaker.start(undefined);
    const slow = `ws://127.0.0.1:${silent.port}/ws`;
    expect((await firstRelay([slow, there], undefined, 60_000)).address).toBe(there);
    expect(await firstRelay([slow], undefined, 10)).toMatchObject({
      address: undefined,
      others: [{ fault: "relay-unreachable", why: "no answer" }],
    });
  });
});
