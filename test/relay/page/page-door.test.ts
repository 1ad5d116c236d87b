/** The page as a real relay serves it: to browsers, and to nobody else at `/`. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { brotliDecompressSync, gunzipSync } from "node:zlib";

import { DEFAULT_LIMITS, DEFAULT_POLICY, startRelay, type Relay } from "../../../relay/mod.ts";
import type { RequestContext } from "../../../relay/lobby/http/exchange.ts";
import { PAGE_RETRY_MS, PageDoor } from "../../../relay/page/page-door.ts";
import { RawHttp } from "../../support/relay/raw-http.ts";
import { RawClient, randomId, rawShare } from "../../support/relay/raw-client.ts";
import { until } from "../../support/until.ts";

/** As Chromium writes it for an address that was typed. */
const BROWSER = { accept: "text/html,application/xhtml+xml,*/*;q=0.8" };

let relay: Relay;

beforeAll(async () => {
  relay = await startRelay({ workers: 2 });
});
afterAll(() => relay.stop());

function at(path: string, of: Pick<Relay, "port"> = relay): string {
  return `http://127.0.0.1:${of.port}${path}`;
}

/** A request as it is: nothing is unpacked, and no redirect followed. */
function ask(path: string, init: RequestInit = {}, of: Pick<Relay, "port"> = relay) {
  return fetch(at(path, of), { redirect: "manual", decompress: false, ...init });
}

async function page(of: Pick<Relay, "port"> = relay): Promise<string> {
  return (await fetch(at("/", of), { headers: BROWSER })).text();
}

/** The addresses that the page names, as a browser resolves them. */
async function assets(): Promise<string[]> {
  const named = (await page()).matchAll(/(?:src|href|content)="(\.\/[^"]+)"/g);
  return [...named].map(([, path = ""]) => new URL(path, at("/")).pathname);
}

describe("the address of the relay", () => {
  test("gives browsers the page, and other clients the help text", async () => {
    expect(await page()).toContain('<div id="app">');
    for (const accept of ["*/*", "text/plain"]) {
      const help = await fetch(at("/"), { headers: { accept } });
      expect(help.headers.get("content-type")).toBe("text/plain; charset=utf-8");
      expect(await help.text()).toContain("curl -fT FILE");
    }
  });

  test("names only addresses below its own, relative ones, and each is there", async () => {
    const html = await page();
    expect(html).not.toMatch(/(?:src|href)="(?!\.\/)/);
    const paths = await assets();
    for (const kind of [".js", ".css", ".svg", ".webmanifest"]) {
      expect(paths.filter((path) => path.endsWith(kind))).not.toEqual([]);
    }
    for (const path of [...paths, "/page/icon-192.png", "/page/icon-512.png"]) {
      const answer = await ask(path);
      expect(`${path} ${answer.status}`).toBe(`${path} 200`);
      expect((await answer.bytes()).length).toBeGreaterThan(0);
    }
  });

  test("gives the manifest of an app, whose icons and share target lie below the page", async () => {
    const answer = await ask("/manifest.webmanifest");
    expect(answer.headers.get("content-type")).toBe("application/manifest+json");
    const manifest = (await answer.json()) as {
      readonly icons: readonly { readonly src: string; readonly type: string }[];
      readonly share_target: { readonly action: string };
    };
    expect(new URL(manifest.share_target.action, at("/")).pathname).toBe("/page/share");
    for (const { src, type } of manifest.icons) {
      const icon = await ask(new URL(src, at("/")).pathname);
      expect(icon.headers.get("content-type")).toBe(type);
    }
  });
});

describe("every file of the page", () => {
  test("has headers that let it do what it needs, and nothing else", async () => {
    for (const path of ["/", ...(await assets())]) {
      const { headers } = await ask(path, { headers: BROWSER });
      const policy = headers.get("content-security-policy") ?? "";
      const rules = new Map(
        policy.split("; ").map((rule) => {
          const [name = "", ...values] = rule.split(" ");
          return [name, values.join(" ")];
        }),
      );
      expect(rules.get("default-src")).toBe("'none'");
      expect(rules.get("script-src")).toBe("'self'");
      expect(rules.get("style-src")).toBe("'self'");
      expect(rules.get("connect-src")).toBe("'self'");
      expect(rules.get("base-uri")).toBe("'none'");
      expect(rules.get("frame-ancestors")).toBe("'none'");
      expect(rules.get("require-trusted-types-for")).toBe("'script'");
      expect(policy).not.toContain("unsafe");
      expect(headers.get("referrer-policy")).toBe("no-referrer");
      expect(headers.get("x-content-type-options")).toBe("nosniff");
      expect(headers.get("x-frame-options")).toBe("DENY");
      expect(headers.get("cross-origin-opener-policy")).toBe("same-origin");
      expect(headers.get("cross-origin-resource-policy")).toBe("same-origin");
      expect(headers.get("permissions-policy")).toContain("camera=()");
    }
  });

  test("comes also to a page whose origin the relay does not take, so the page can say so", async () => {
    const headers = { ...BROWSER, host: "relay.example", origin: "http://relay.example" };
    for (const path of await assets()) expect((await ask(path, { headers })).status).toBe(200);
    const socket = await ask("/ws", { headers, method: "POST" });
    expect(socket.status).toBe(403);
    expect(await socket.text()).toContain("--public-url");
  });

  test("has no opener policy where a browser would complain of it: plain http in a network", async () => {
    const opener = async (host: string): Promise<string | null> => {
      const answer = await ask("/", { headers: { ...BROWSER, host } });
      return answer.headers.get("cross-origin-opener-policy");
    };
    for (const host of ["192.168.1.20:8000", "[fe80::1]:8000", "mybox", "mybox.local"]) {
      expect(`${host} ${await opener(host)}`).toBe(`${host} null`);
    }
    for (const host of ["localhost:8000", "127.0.0.1", "[::1]", "relay.example"]) {
      expect(`${host} ${await opener(host)}`).toBe(`${host} same-origin`);
    }
  });

  test("is kept for good if its name holds a hash, and else asked for with its tag", async () => {
    const paths = ["/", ...(await assets()), "/page/service-worker.js"];
    const fixed = paths.filter((path) => /-[0-9a-z]{8,12}\.(?:js|css)$/.test(path));
    for (const name of ["app-", "worker-", "style-"]) {
      expect(fixed.filter((path) => path.startsWith(`/page/${name}`))).toHaveLength(1);
    }
    for (const path of paths) {
      const answer = await ask(path, { headers: BROWSER });
      const cache = answer.headers.get("cache-control");
      expect(`${path}: ${cache}`).toBe(
        fixed.includes(path) ? `${path}: public, max-age=31536000, immutable` : `${path}: no-cache`,
      );
      const tag = answer.headers.get("etag") ?? "";
      const again = await ask(path, { headers: { ...BROWSER, "if-none-match": tag } });
      expect(again.status).toBe(304);
      expect((await again.bytes()).length).toBe(0);
      const other = await ask(path, { headers: { ...BROWSER, "if-none-match": 'W/"other"' } });
      expect(other.status).toBe(200);
    }
  });

  test.each([
    ["br, gzip", "br"],
    ["gzip, deflate, br, zstd", "br"],
    ["gzip;q=1.0, br;q=0", "gzip"],
    ["deflate", undefined],
    ["", undefined],
  ])("is packed as the browser takes it: %s", async (accepted, encoding) => {
    const script = (await assets()).find((path) => path.startsWith("/page/app-")) ?? "";
    const answer = await ask(script, { headers: { "accept-encoding": accepted } });
    expect(answer.headers.get("content-encoding")).toBe(encoding ?? null);
    expect(answer.headers.get("vary")).toContain("accept-encoding");
    const bytes = await answer.bytes();
    expect(Number(answer.headers.get("content-length"))).toBe(bytes.length);
    const plain = await (await ask(script, { headers: { "accept-encoding": "identity" } })).bytes();
    const unpack = { br: brotliDecompressSync, gzip: gunzipSync };
    expect(
      encoding === undefined ? bytes : new Uint8Array(unpack[encoding as "br"](bytes)),
    ).toEqual(plain);
  });

  test("answers HEAD with the headers of GET alone, and other methods with those that it has", async () => {
    for (const path of ["/", "/manifest.webmanifest"]) {
      const init = { headers: { ...BROWSER, "accept-encoding": "identity" } };
      const get = await ask(path, init);
      const head = await ask(path, { ...init, method: "HEAD" });
      const length = (await get.bytes()).length;
      expect(head.headers.get("content-length")).toBe(`${length}`);
      expect(head.headers.get("etag")).toBe(get.headers.get("etag"));
      expect((await head.bytes()).length).toBe(0);
      const post = await ask(path, { ...init, method: "POST", body: "x" });
      expect(post.status).toBe(405);
      expect(post.headers.get("allow")).toBe("GET, HEAD");
    }
  });
});

describe("the places of the service worker", () => {
  test("say what to do when the service worker is gone", async () => {
    const save = await ask("/page/save/0123/file.bin");
    expect(save.status).toBe(404);
    expect(save.headers.get("cache-control")).toBe("no-store");
    expect(await save.text()).toContain("Open the page again");
  });

  test("lead what another app shares back to the page", async () => {
    for (const origin of [new URL(at("/")).origin, "null"]) {
      const share = await ask("/page/share", { method: "POST", body: "x", headers: { origin } });
      expect(share.status).toBe(303);
      const target = share.headers.get("location") ?? "";
      expect(new URL(target, "https://relay.example/base/page/share").pathname).toBe("/base/");
      expect(await share.text()).toContain("share again");
    }
  });

  test("hold nothing else", async () => {
    for (const path of ["/page/", "/page/nothing.js", "/page", "/page/..%2f..%2fpackage.json"]) {
      const answer = await ask(path, { headers: BROWSER });
      expect(`${path} ${answer.status}`).toBe(`${path} 404`);
      expect(answer.headers.get("content-type")).toBe("text/plain; charset=utf-8");
      expect(answer.headers.get("x-content-type-options")).toBe("nosniff");
    }
  });
});

test("a door without files asks for them again after a while, and not with each request", async () => {
  let [asked, now] = [0, 0];
  const door = new PageDoor(
    () => {
      asked++;
      door.take(undefined);
    },
    () => now,
  );
  const request = new Request("http://127.0.0.1/", { headers: BROWSER });
  const context = { request, url: new URL(request.url) } as RequestContext;
  const visit = async () => (await door.fetch(context, () => new Response("help")))?.text();
  for (let visits = 0; visits < 3; visits++) expect(await visit()).toBe("help");
  expect(asked).toBe(1);
  now += PAGE_RETRY_MS;
  for (let visits = 0; visits < 3; visits++) expect(await visit()).toBe("help");
  expect(asked).toBe(2);
});

describe("a relay", () => {
  test("without a page shows browsers the help page, and has none of its files", async () => {
    await using bare = await startRelay({ page: false });
    expect(await page(bare)).toContain("<h1>fileshare relay</h1>");
    for (const path of [...(await assets()), "/page/share"]) {
      expect((await ask(path, {}, bare)).status).toBe(404);
    }
  });

  test("counts the requests of the page as those of any client", async () => {
    const limits = { ...DEFAULT_LIMITS, "attempts-per-minute": 12 };
    const access = { ...DEFAULT_POLICY.access, trustedProxies: ["127.0.0.0/8"] };
    await using strict = await startRelay({ policy: { ...DEFAULT_POLICY, limits, access } });
    const of = (address: string) => ({ headers: { ...BROWSER, "x-forwarded-for": address } });
    for (const path of ["/", ...(await assets())]) {
      expect((await ask(path, of("192.0.2.1"), strict)).status).toBe(200);
    }
    let status = 200;
    for (let more = 0; more < 12; more++) {
      status = (await ask("/", of("192.0.2.1"), strict)).status;
    }
    expect(status).toBe(429);
    expect((await ask("/", of("192.0.2.2"), strict)).status).toBe(200);
  });

  test("gives the page to many who ask for it first, at the same time", async () => {
    await using fresh = await startRelay({ workers: 2 });
    const all = await Promise.all(Array.from({ length: 40 }, () => page(fresh)));
    expect(new Set(all).size).toBe(1);
  });

  test("that drains leaves visitors to the next one: it closes its port and idle connections", async () => {
    await using leaving = await startRelay({ workers: 1 });
    await using _sender = await RawClient.serving(`${leaving.url}/ws`, randomId(), rawShare(9));
    const visit = (): Promise<number> =>
      ask("/", { headers: BROWSER, keepalive: false }, leaving).then(
        ({ status }) => status,
        () => 0,
      );
    const request = "GET / HTTP/1.1\r\nHost: localhost\r\nAccept: text/html\r\n\r\n";
    using idle = new RawHttp(leaving.port, request);
    while (!idle.said.endsWith("</html>\n")) expect(await visit()).toBe(200);
    const drained = leaving.drain(60_000);
    await until(async () => (await visit()) === 0);
    expect(await idle.closed).toEndWith("</html>\n");
    await leaving.stop();
    await drained;
  });
});
