import { describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";

import { proxyFor, proxyShown } from "../../../cli/connection/proxy.ts";
import { startRelay } from "../../../relay/mod.ts";
import { Authority, writeCertificate } from "../../support/net/certificates.ts";
import { httpProxy } from "../../support/net/http-proxy.ts";
import { transferFiles } from "../../support/files.ts";
import { CODE, jsonLines, run, type Ran } from "../../support/clients/program.ts";

describe("the proxy for a relay", () => {
  test.each([
    ["wss://relay.example/ws", { HTTPS_PROXY: "http://p:1" }, "http://p:1/"],
    [
      "wss://relay.example/ws",
      { https_proxy: "http://l:1", HTTPS_PROXY: "http://p:1" },
      "http://l:1/",
    ],
    ["ws://relay.example/ws", { HTTPS_PROXY: "http://p:1" }, undefined],
    ["ws://relay.example/ws", { HTTP_PROXY: "p:3128" }, "http://p:3128/"],
    ["ws://relay.example/ws", { HTTP_PROXY: "", ALL_PROXY: "https://p" }, "https://p/"],
    ["ws://localhost:8000/ws", { HTTP_PROXY: "http://p:1" }, undefined],
    ["ws://127.0.0.1:8000/ws", { HTTP_PROXY: "http://p:1" }, undefined],
    ["ws://[::1]:8000/ws", { HTTP_PROXY: "http://p:1" }, undefined],
  ])("to %s with %j is %s", (address, env, proxy) => {
    expect(proxyFor(address, env)).toBe(proxy);
  });

  test.each([
    ["*", true],
    ["relay.example", true],
    ["RELAY.Example", true],
    ["example", true],
    [".example", true],
    ["*.example", true],
    ["other, relay.example", true],
    ["relay.example:9000", true],
    ["relay.example:9001", false],
    ["elay.example", false],
    ["my.relay.example", false],
    ["", false],
  ])("is not used where NO_PROXY is %j: %p", (NO_PROXY, excepted) => {
    const proxy = proxyFor("ws://relay.example:9000/ws", { HTTP_PROXY: "http://p:1", NO_PROXY });
    expect(proxy === undefined).toBe(excepted);
  });

  test.each([
    ["ws://10.1.2.3/ws", "10.1.2.3", true],
    ["ws://10.1.2.3/ws", "2.3", false],
    ["wss://[fd00::1]/ws", "fd00::1", true],
    ["wss://[fd00::1]/ws", "[fd00::1]:443", true],
  ])("to the address %s with NO_PROXY %s", (address, NO_PROXY, excepted) => {
    expect(proxyFor(address, { ALL_PROXY: "http://p:1", NO_PROXY }) === undefined).toBe(excepted);
  });

  test("is shown without name and password", () => {
    expect(proxyShown("http://anna:secret@proxy.example:3128/")).toBe("http://proxy.example:3128");
  });
});

function runProxied(args: readonly string[], env: Record<string, string>): Promise<Ran> {
  const usual = { FILESHARE_CODE: CODE, FILESHARE_RELAY: "ws://relay.test:1" };
  return run([...args, "--json"], { env: { ...usual, ...env } });
}

test("a file goes through a proxy to a relay that has a name there alone", async () => {
  using files = transferFiles(5_000_000);
  const { path, out } = files;
  await using relay = await startRelay();
  await using proxy = await httpProxy(relay.port);
  const env = { HTTP_PROXY: proxy.url };
  const runs = await Promise.all([
    runProxied(["send", path], env),
    runProxied(["recv", "--yes", "--out", out], env),
  ]);
  expect(runs.map(({ exitCode }) => exitCode)).toEqual([0, 0]);
  files.arrived();
  const ask = "CONNECT relay.test:1 HTTP/1.1";
  expect(proxy.asked).toEqual([ask, ask]);
  for (const { out } of runs) {
    expect(out).toMatch(/"online":true,(?:"route":"\w+",)?"proxy":"http:\/\/127\.0\.0\.1:/);
    expect(out).not.toContain("secret");
  }
});

test.each([
  ["relay.localhost", true],
  ["localhost.test", true],
  ["localhost", false],
])("doctor at ws://%s warns of a token in the clear: %p", async (host, warns) => {
  await using relay = await startRelay();
  await using proxy = await httpProxy(relay.port);
  const port = host === "localhost" ? relay.port : 1;
  const at = { FILESHARE_RELAY: `ws://${host}:${port}`, FILESHARE_TOKEN: "secret-token" };
  const { out } = await runProxied(["doctor", "--quick"], { HTTP_PROXY: proxy.url, ...at });
  const checks = jsonLines<{ name: string; verdict: string }>(out);
  expect(checks.find(({ name }) => name === "relay")?.verdict).toBe("fine");
  expect(checks.some(({ name }) => name === "token")).toBe(warns);
});

test("by TLS a proxy sees where to, and whom it is for is looked at behind it", async () => {
  using files = transferFiles(2_000_000);
  const { folder, path, out } = files;
  const authority = new Authority();
  const tls = writeCertificate(folder, authority.issue({ names: ["relay.test"] }));
  const ca = join(folder, "ca.pem");
  writeFileSync(ca, authority.cert);
  await using relay = await startRelay({ tls });
  await using proxy = await httpProxy(relay.port);
  const env = { HTTPS_PROXY: proxy.url, FILESHARE_CA: ca };
  const to = (host: string) => ({ ...env, FILESHARE_RELAY: `wss://${host}` });
  const runs = await Promise.all([
    runProxied(["send", path], to("relay.test")),
    runProxied(["recv", "--yes", "--out", out], to("relay.test")),
  ]);
  expect(runs.map(({ exitCode }) => exitCode)).toEqual([0, 0]);
  files.arrived();
  expect(proxy.asked[0]).toBe("CONNECT relay.test:443 HTTP/1.1");
  const other = await runProxied(["recv", "--yes"], to("other.test"));
  expect(other.out).toContain('"code":"wrong-certificate"');
});

test.each([
  ["407 Proxy Authentication Required", "proxy-refused", "240"],
  ["403 Forbidden", "proxy-refused", "240"],
  // It may pass, so the client tries again until its time is over.
  ["502 Bad Gateway", "relay-unreachable", "3"],
])("a proxy that answers %s", async (refusal, code, seconds) => {
  await using proxy = await httpProxy(0, refusal);
  const args = ["recv", "--yes", "--connect-timeout", seconds];
  const { exitCode, out } = await runProxied(args, { ALL_PROXY: proxy.url });
  expect(exitCode).toBe(1);
  expect(jsonLines(out).at(-1)).toMatchObject({ code });
});

test("a proxy of another kind is wrong usage, and is not shown", async () => {
  const { exitCode, out } = await runProxied(["recv", "--yes"], {
    ALL_PROXY: "socks5://a:secret@p:1",
  });
  expect(exitCode).toBe(2);
  expect(out).toContain('"code":"bad-proxy"');
  expect(out).toContain("ALL_PROXY");
  expect(out).not.toContain("secret");
});
