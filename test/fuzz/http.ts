/** The lobby by HTTP of a running relay: raw bytes on real sockets, mutated requests. */
import { connect, type Socket } from "node:net";
import type { Random } from "../simulation/random.ts";
import { IDS } from "./corpus.ts";
import { mutate, NUMBERS } from "./mutate.ts";
import { FuzzedRelay } from "./net.ts";
import { Broken, type Target, type TargetKind } from "./target.ts";

/** Connections at once; the oldest goes when one more comes, answered or not. */
const AT_ONCE = 48;
const CHECK_EVERY = 2000;

const METHODS = ["GET", "HEAD", "PUT", "POST", "OPTIONS", "DELETE", "CONNECT", "TRACE", "get", "X"];
const NAMES = [
  "",
  "a",
  "a%20b",
  "%2e%2e%2f",
  "%ff%fe",
  "%00",
  "%u0041",
  "..%2f",
  "é",
  "a/b?c=d",
  "%e2%80%ae",
];
const RANGES = [
  "bytes=0-",
  "bytes=0-0",
  "bytes=-1",
  "bytes=5-2",
  "bytes=0-1,5-6",
  "bytes=9999999999999999-",
  "items=1",
];
const VALUES = [
  "1",
  "0",
  "-1",
  "1e3",
  "chunked",
  "gzip",
  "close",
  "keep-alive",
  "websocket",
  "Upgrade",
  "100-continue",
  "text/html",
  "*/*",
  "é",
  "",
];
const HEADERS = [
  "Content-Length",
  "Transfer-Encoding",
  "Range",
  "If-Range",
  "Expect",
  "Connection",
  "Upgrade",
  "Sec-WebSocket-Key",
  "Sec-WebSocket-Version",
  "Sec-WebSocket-Extensions",
  "Sec-WebSocket-Protocol",
  "Origin",
  "User-Agent",
  "Accept",
  "Authorization",
  "X-Forwarded-For",
  "Cookie",
  "Content-Type",
  "Content-Disposition",
  "Host",
];

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

const ADMIN =
  "/ /healthz /readyz /metrics /api/ /api/status /api/shares/1 /api/bans /api/end /api/kill /api/ban?address=::1 /api/__proto__ /page.js /../metrics".split(
    " ",
  );

function path(random: Random): string {
  const hex = (): string => Buffer.from(random.pick(IDS)).toString("hex");
  switch (random.whole(0, 7)) {
    case 0:
      return "/";
    case 1:
      return `/c/${hex()}/${hex()}`;
    case 2:
      return random.pick([
        "/ws",
        "/sender",
        "/receiver",
        "/metrics",
        "/healthz",
        "//",
        "*",
        "http://x/",
      ]);
    case 3:
      return `/lobby/${random.pick(NAMES)}?receivers=${random.pick(["1", "0", "2", "x", "99999999"])}`;
    default:
      return `/lobby${random.chance(0.2) ? "" : `/${random.pick(NAMES)}`}`;
  }
}

function body(random: Random): { headers: string[]; bytes: string } {
  const text = "x".repeat(random.chance(0.1) ? random.whole(0, 70_000) : random.whole(0, 40));
  switch (random.whole(0, 3)) {
    case 0:
      return { headers: [], bytes: "" };
    case 1:
      return {
        headers: [`Content-Length: ${text.length + random.pick([0, 0, 0, 1, -1])}`],
        bytes: text,
      };
    default: {
      const size = text.length.toString(16) + (random.chance(0.1) ? ";ext=1" : "");
      const end = random.pick([
        "0\r\n\r\n",
        "0\r\n\r\n",
        "0\r\nTrailer: 1\r\n\r\n",
        "",
        "ffffffffffffffff\r\n",
        "-1\r\n",
      ]);
      return { headers: ["Transfer-Encoding: chunked"], bytes: `${size}\r\n${text}\r\n${end}` };
    }
  }
}

/** A request of which something may be odd. */
function request(random: Random, path: (random: Random) => string): Uint8Array {
  const { headers, bytes } = body(random);
  for (let more = random.whole(0, 3); more > 0; more--) {
    const name = random.pick(HEADERS);
    const value =
      name === "Range"
        ? random.pick(RANGES)
        : random.pick([...VALUES, String(random.pick(NUMBERS))]);
    headers.push(`${name}: ${value}`);
  }
  const version = random.chance(0.95)
    ? "HTTP/1.1"
    : random.pick(["HTTP/1.0", "HTTP/2.0", "HTTP/9", ""]);
  const host = random.chance(0.95) ? ["Host: relay"] : [];
  const line = `${random.pick(METHODS)} ${path(random)} ${version}`;
  return utf8(`${[line, ...host, ...headers].join("\r\n")}\r\n\r\n${bytes}`);
}

class HttpTarget implements Target {
  readonly #fuzzed: FuzzedRelay;
  readonly #sockets: Socket[] = [];
  #played = 0;
  #wrong: string | undefined;

  constructor(fuzzed: FuzzedRelay) {
    this.#fuzzed = fuzzed;
  }

  async play(random: Random): Promise<number> {
    const forOperators = random.chance(0.1);
    const paths = forOperators ? () => random.pick(ADMIN) : path;
    const corpus = [request(random, paths), request(random, paths)];
    const bytes = random.chance(0.4) ? corpus[0]! : mutate(random, corpus[0]!, corpus);
    const { relay, adminPort } = this.#fuzzed;
    const port = forOperators ? adminPort : relay.port;
    await this.#send(port, random.chance(0.1) ? Buffer.concat([bytes, corpus[1]!]) : bytes);
    if (++this.#played % CHECK_EVERY === 0) await this.#fuzzed.checkServes();
    this.#fuzzed.check();
    if (this.#wrong !== undefined) throw new Broken(`an answer that is none: ${this.#wrong}`);
    return 1;
  }

  async end(): Promise<void> {
    for (const socket of this.#sockets.splice(0)) socket.destroy();
    await this.#fuzzed.checkEmpty();
    await this.#fuzzed.checkDescriptors();
  }

  [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets.splice(0)) socket.destroy();
    return this.#fuzzed[Symbol.asyncDispose]();
  }

  /** Resolves when it is with the kernel. */
  #send(port: number, bytes: Uint8Array): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const socket = connect(port, "127.0.0.1", () => {
      socket.write(bytes, () => resolve());
    });
    let isFirst = true;
    socket.on("data", (answer) => {
      const start = answer.toString("latin1", 0, 12);
      if (isFirst && !/^HTTP\/1\.1 [1-5]/.test(start)) this.#wrong ??= start;
      if (isFirst && start === "HTTP/1.1 500") this.#wrong ??= start;
      isFirst = false;
    });
    socket.on("error", () => resolve());
    socket.on("close", () => resolve());
    this.#sockets.push(socket);
    if (this.#sockets.length > AT_ONCE) this.#sockets.shift()?.destroy();
    return promise;
  }
}

export const HTTP: TargetKind = {
  name: "http",
  weight: 5,
  start: async () => new HttpTarget(await FuzzedRelay.start()),
};
