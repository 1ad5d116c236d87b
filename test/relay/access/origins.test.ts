/** T12: pages of other sites, and pages whose name was made to lead here. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";

import { WebOrigins } from "../../../relay/access/origins.ts";
import { startRelay, type Relay } from "../../../relay/mod.ts";
import { RawSocket } from "../../support/relay/raw-socket.ts";
import { policyWith, token } from "../../support/relay/tokens.ts";

const PUBLIC = "https://relay.example";
const WEB = "https://web.example";

interface Case {
  /** How the relay was called. */
  readonly at: string;
  readonly origin?: string;
  readonly site?: string;
  readonly dest?: string;
}

function isAllowed(pages: WebOrigins, { at, origin, site, dest }: Case): boolean {
  const headers = new Headers();
  if (origin !== undefined) headers.set("origin", origin);
  if (site !== undefined) headers.set("sec-fetch-site", site);
  if (dest !== undefined) headers.set("sec-fetch-dest", dest);
  return pages.allows({ headers }, { address: "", limitKey: "", origin: at });
}

describe("web pages", () => {
  const plain = new WebOrigins(undefined, []);
  const named = new WebOrigins(PUBLIC, [WEB, "http://127.0.0.1:3000"]);

  test.each<Case>([
    { at: "http://any.name.example:8000" },
    { at: "http://192.0.2.1:8000", origin: "http://192.0.2.1:8000" },
    { at: "http://[2001:db8::1]:8000", origin: "http://[2001:db8::1]:8000" },
    { at: "http://localhost:8000", origin: "http://localhost:8000" },
    { at: "http://relay:8000", origin: "http://relay:8000" },
    { at: "http://relay.local:8000", origin: "http://relay.local:8000" },
    { at: "http://relay.home.arpa", origin: "http://relay.home.arpa" },
    { at: "https://relay.example", origin: "https://relay.example" },
    { at: "http://relay.example", origin: "https://relay.example" },
    { at: "http://relay:8000", site: "cross-site", dest: "document" },
    { at: "http://relay:8000", site: "same-origin", dest: "empty" },
  ])("T12 %j may, at a relay that nobody named", (given) => {
    expect(isAllowed(plain, given)).toBe(true);
  });

  test.each<Case>([
    { at: "http://127.0.0.1:8000", origin: "https://evil.example" },
    { at: "http://127.0.0.1:8000", origin: "null" },
    { at: "http://127.0.0.1:8000", origin: "" },
    { at: "http://127.0.0.1:8000", origin: "http://127.0.0.1" },
    { at: "http://127.0.0.1:8000", origin: "http://127.0.0.1:8000/" },
    { at: "http://127.0.0.1:8000", origin: "http://127.0.0.1:8000, https://evil.example" },
    { at: "http://127.0.0.1:8000", origin: "http://user@127.0.0.1:8000" },
    { at: "http://relay:8000", origin: "http://relay.evil.example:8000" },
    // Its own name leads here.
    { at: "http://evil.example:8000", origin: "http://evil.example:8000" },
    { at: "http://127.0.0.1.evil.example", origin: "http://127.0.0.1.evil.example" },
    { at: "http://local.evil.example", origin: "http://local.evil.example" },
    { at: "http://notlocalhost.example", origin: "http://notlocalhost.example" },
    { at: "http://relay:8000", site: "cross-site", dest: "image" },
    { at: "http://relay:8000", site: "cross-site", dest: "iframe" },
  ])("T12 %j may not", (given) => {
    expect(isAllowed(plain, given)).toBe(false);
    expect(isAllowed(named, given)).toBe(false);
  });

  test.each<[Case, boolean]>([
    [{ at: "http://relay.example", origin: PUBLIC }, true],
    [{ at: "http://inside.example:8000", origin: PUBLIC }, true],
    [{ at: "http://relay.example", origin: WEB }, true],
    [{ at: "http://relay.example", origin: "http://127.0.0.1:3000" }, true],
    [{ at: "http://relay.example", origin: `${WEB}:8443` }, false],
    [{ at: "http://relay.example", origin: "http://web.example" }, false],
    [{ at: "http://relay.example", origin: "https://a.web.example" }, false],
    [{ at: "http://relay.example", origin: "http://relay.example" }, false],
  ])("T12 at a relay with names and a list, %j: %p", (given, may) => {
    expect(isAllowed(named, given)).toBe(may);
  });

  test.each([
    ["http://evil.example:8000", false, false],
    ["http://relay.example:8000", false, true],
    ["https://evil.example", true, true],
    ["http://127.0.0.1:8000", true, true],
    ["http://relay:8000", true, true],
    ["http://relay.:8000", true, true],
    ["http://nas.lan", true, true],
  ])("T12 %s is its name for clear files: %p, and %p where it was told one", (at, one, other) => {
    const client = { address: "", limitKey: "", origin: at };
    expect(plain.knowsName(client)).toBe(one);
    expect(named.knowsName(client)).toBe(other);
  });
});

describe("a relay", () => {
  const sends = token(["send", "receive"]);
  let relay: Relay;
  beforeAll(async () => {
    const origins = [WEB];
    relay = await startRelay({
      policy: policyWith({ origins, lobby: "senders", tokens: [sends.known] }),
    });
  });
  afterAll(() => relay.stop());

  const ask = async (path: string, headers: Record<string, string>, method = "GET") => {
    return fetch(`${relay.url.replace("ws", "http")}${path}`, { method, headers });
  };

  test.each(["/ws", "/sender", "/receiver"])(
    "T12 at %s refuses a page whose name leads here, before it becomes a WebSocket, and no program",
    async (path) => {
      const host = `evil.example:${relay.port}`;
      const headers = { Host: host, Authorization: `Bearer ${sends.text}` };
      const origin = { ...headers, Origin: `http://${host}` };
      await using page = RawSocket.open(relay.port, origin, path);
      expect(await page.status()).toBe(403);
      await using sandboxed = RawSocket.open(relay.port, { ...headers, Origin: "null" }, path);
      expect(await sandboxed.status()).toBe(403);
      await using program = RawSocket.open(relay.port, headers, path);
      expect(await program.status()).toBe(101);
    },
  );

  test("T12 gives clear files and ciphertext to nobody who calls it by a stranger's name", async () => {
    const headers = { host: `evil.example:${relay.port}` };
    const share = `/c/${"0".repeat(32)}/${"0".repeat(32)}`;
    for (const path of ["/lobby", "/lobby/x", share]) {
      const answer = await ask(path, headers);
      expect(answer.status).toBe(421);
      expect(await answer.text()).toContain("--public-url");
    }
    // A request with a token passes: no foreign page has one.
    const authorization = `Bearer ${sends.text}`;
    const put = await ask("/lobby/x", { ...headers, authorization }, "PUT");
    expect(put.status).toBe(200);
    await put.body?.cancel();
    expect((await ask("/", headers)).status).toBe(200);
  });

  test("T12 an element that another site's page shows or loads gets nothing", async () => {
    const headers = { "sec-fetch-site": "cross-site", "sec-fetch-dest": "image" };
    expect((await ask("/lobby", headers)).status).toBe(403);
  });

  test("lets a listed page read its answers, and asks no other", async () => {
    const origin = WEB;
    const before = await ask("/lobby/x", { origin }, "OPTIONS");
    expect(before.status).toBe(204);
    expect(before.headers.get("access-control-allow-origin")).toBe(WEB);
    expect(before.headers.get("access-control-allow-headers")).toContain("authorization");
    for (const [path, method, status] of [
      ["/", "GET", 200],
      ["/lobby/y", "HEAD", 404],
      ["/lobby/x", "PUT", 401],
    ] as const) {
      const answer = await ask(path, { origin }, method);
      expect(answer.status).toBe(status);
      expect(answer.headers.get("access-control-allow-origin")).toBe(WEB);
      expect(answer.headers.get("vary")).toContain("origin");
    }
    const evil = await ask("/lobby/x", { origin: "https://evil.example" }, "OPTIONS");
    expect(evil.status).toBe(403);
    expect(evil.headers.get("access-control-allow-origin")).toBeNull();
    expect((await ask("/", {})).headers.get("access-control-allow-origin")).toBeNull();
    await using socket = RawSocket.open(relay.port, { Origin: WEB });
    expect(await socket.status()).toBe(101);
  });

  test("tells the address that people know, where it was told it", async () => {
    await using named = await startRelay({ policy: policyWith({ publicOrigin: PUBLIC }) });
    const help = await fetch(named.url.replace("ws", "http"));
    expect(await help.text()).toContain("--relay wss://relay.example");
  });
});
