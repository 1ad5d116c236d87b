/**
 * The listener for those who run the relay, apart from the one for its clients. It answers health
 * checks, metrics, the page and the API, and checks host, origin and token of each request.
 * `relay/mod.ts` opens it.
 */
import { randomBytes } from "node:crypto";

import { FaultError } from "../../protocol/mod.ts";
import {
  CERTIFICATE_EVERY_MS,
  KeptCertificate,
  type CertificateFiles,
  type CertificatePoll,
  type TlsPair,
} from "../access/certificate.ts";

import { localAddress } from "../access/address.ts";
import { bearerToken } from "../access/authorizer.ts";
import { guardPort, listenFault } from "../system/guard.ts";
import { CAN_SHARE_PORT, Listener } from "../net/listener.ts";
import { refusal } from "../net/refusal.ts";
import { TokenBook, isSameToken } from "../access/tokens.ts";
import { ACTIONS, type Action } from "./actions.ts";
import { isLogDiskFull } from "./machine.ts";
import type { ManagedRelay } from "./manager.ts";
import type { Metrics } from "./metrics.ts";
import { isOwnHost, isOwnOrigin } from "../access/origins.ts";
import { metricSource, overview } from "./overview.ts";

/**
 * Requests to the admin listener at once, each with a socket of its own: a few people, probes and a
 * Prometheus.
 */
export const ADMIN_REQUESTS = 64;

const IDLE_SECONDS = 10;
/** A request is a few words. bytes */
const BODY_BYTES = 64 * 1024;
const TOKEN_BYTES = 32;
const NO_STORE = { "cache-control": "no-store" } as const;

export interface AdminOptions {
  readonly hostname: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** How long transfers may run on when it is told to end here; DRAIN_MS unless told otherwise. */
  readonly drainMs?: number;
}

export interface Admin extends AsyncDisposable {
  /** Address of the page, such as `http://127.0.0.1:8999`. */
  readonly url: string;
  /** Made for this run alone. */
  readonly token: string;
  /** Resolves when it is there no more, also where the relay still drains. */
  readonly left: Promise<void>;
}

export interface AdminSetting extends AdminOptions {
  /** Undefined: it is still starting. */
  readonly relay: () => ManagedRelay | undefined;
  readonly logFolder: string;
  readonly tls: CertificateFiles | undefined;
  readonly drainMs: number;
}

type Answer = Response | Promise<Response>;

export class AdminListener implements Admin {
  readonly token = randomBytes(TOKEN_BYTES).toString("base64url");
  readonly #setting: AdminSetting;
  readonly #listener: Listener<undefined>;
  readonly #guard: DisposableStack;
  readonly #renewing: NodeJS.Timeout | undefined;
  readonly #startedAt = performance.now();
  readonly #left = Promise.withResolvers<void>();
  readonly left = this.#left.promise;
  #metrics: Promise<Metrics> | undefined;

  /** @throws FaultError `port-in-use`, `cannot-listen`, `bad-certificate` */
  constructor(setting: AdminSetting) {
    this.#setting = setting;
    const { hostname, port } = setting;
    const kept = setting.tls && new KeptCertificate(setting.tls, Date.now());
    using guard = new DisposableStack();
    try {
      // A renewed listener shares its port with the one before.
      if (kept !== undefined && port !== 0) guard.use(guardPort(hostname, port));
      this.#listener = new Listener({
        open: (at, tls) => this.#open(at, tls),
        port,
        tls: kept?.certificate.pair,
      });
    } catch (error) {
      const { code } =
        error instanceof FaultError
          ? error
          : listenFault(Bun.inspect(error), `${hostname}:${port}`);
      throw new FaultError(code, `--admin ${hostname}:${port}`, { cause: error });
    }
    this.#guard = guard.move();
    this.#renewing =
      kept && setInterval(() => this.#renew(kept.poll(Date.now(), false)), CERTIFICATE_EVERY_MS);
  }

  #open(port: number, tls: TlsPair | undefined): Bun.Server<undefined> {
    return Bun.serve({
      hostname: this.#setting.hostname,
      port,
      ...(tls !== undefined && { tls }),
      idleTimeout: IDLE_SECONDS,
      maxRequestBodySize: BODY_BYTES,
      development: false,
      // Without a word of it Bun shares the port with others where it is not for developing.
      reusePort: tls !== undefined && CAN_SHARE_PORT,
      fetch: async (request, { pendingRequests }) => {
        const isFull = pendingRequests > ADMIN_REQUESTS;
        const answer = isFull
          ? plain(503, "The admin listener answers too many at once.", { "retry-after": "1" })
          : await this.#fetch(request);
        // A socket that asks nothing is closed.
        answer.headers.set("connection", "close");
        return answer;
      },
      error: () => plain(500, "The relay made a mistake."),
    });
  }

  /** Faults of the files are told where the relay's own listener looks at them. */
  #renew(poll: CertificatePoll): void {
    if (poll.found === "renewed") this.#listener.renew(poll.certificate.pair);
    else this.#listener.settle();
  }

  get url(): string {
    const { hostname, tls } = this.#setting;
    const scheme = tls === undefined ? "http" : "https";
    return `${scheme}://${localAddress(hostname)}:${this.#listener.port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#leave();
    await this.#listener.end();
  }

  #fetch(request: Request): Answer {
    const { headers, method } = request;
    const host = headers.get("host");
    if (!isOwnHost(host, this.#setting.hostname)) return plain(421, "This is not that host.");
    if (!isOwnOrigin(headers.get("origin"), host)) return plain(403, "Wrong origin.");
    // Made by Bun of what the client says is its host, which may be anything.
    const url = URL.parse(request.url);
    if (url === null) return plain(400, "That host is none.");
    const { pathname } = url;
    const isRead = method === "GET" || method === "HEAD";
    if (pathname.startsWith("/api/")) return this.#api(request, pathname.slice("/api/".length));
    if (!isRead) return plain(405, "Not that method.", { allow: "GET, HEAD" });
    switch (pathname) {
      case "/healthz":
        return this.#health();
      case "/readyz":
        return this.#ready();
      case "/":
        return this.#page();
      case "/metrics":
        return this.#exposition();
      default:
        return plain(404, "There is nothing here.");
    }
  }

  /** Whether the process should be left alone: it answers, and so do its workers. */
  #health(): Response {
    const relay = this.#setting.relay();
    if (relay === undefined) return plain(200, "starting");
    const { up, answering } = relay.health;
    return answering < up ? plain(503, "a worker does not answer") : plain(200, "ok");
  }

  /** Whether new clients should be sent here. */
  async #ready(): Promise<Response> {
    const relay = this.#setting.relay();
    if (relay === undefined || !relay.health.isStarted) return plain(503, "starting");
    const { isEnding, answering } = relay.health;
    if (isEnding) return plain(503, "draining");
    if (answering === 0) return plain(503, "no worker is up");
    const isFull = await isLogDiskFull(this.#setting.logFolder, relay.pool);
    return isFull ? plain(503, "the disk of the log is full") : plain(200, "ok");
  }

  /** There is nothing of the relay in it: holders of a token get that by `/api`. */
  async #page(): Promise<Response> {
    const { adminPage } = await import("./page/page.ts");
    const { html, policy } = await adminPage();
    return new Response(html, {
      headers: {
        ...NO_STORE,
        "content-type": "text/html; charset=utf-8",
        "content-security-policy": policy,
        "referrer-policy": "no-referrer",
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
      },
    });
  }

  async #exposition(): Promise<Response> {
    const relay = this.#setting.relay();
    if (relay === undefined) return plain(503, "starting");
    this.#metrics ??= import("./metrics.ts").then((module) => new module.Metrics());
    const [metrics, measured] = await Promise.all([this.#metrics, relay.measuring.take()]);
    const { contentType, text } = await metrics.expose(metricSource(relay, measured));
    return new Response(text, { headers: { ...NO_STORE, "content-type": contentType } });
  }

  #api(request: Request, what: string): Answer {
    const token = bearerToken(request.headers);
    if (token === undefined || !this.#mayManage(token)) {
      return plain(401, "A token of an admin is needed.", { "www-authenticate": "Bearer" });
    }
    const relay = this.#setting.relay();
    if (relay === undefined) return plain(503, "starting");
    if (what === "status" && request.method === "GET") return this.#status(relay);
    const act = ACTIONS.get(what);
    if (act === undefined) return plain(404, "There is nothing here.");
    if (request.method !== "POST") return plain(405, "Not that method.", { allow: "POST" });
    return this.#act(request, relay, act);
  }

  async #act(request: Request, relay: ManagedRelay, act: Action): Promise<Response> {
    try {
      const { status, ...said } = act(relay, await bodyOf(request), {
        drainMs: this.#setting.drainMs,
        leave: () => this.#leave(),
      });
      return Response.json(said, { status, headers: NO_STORE });
    } catch (error) {
      if (!(error instanceof FaultError)) throw error;
      const { code, detail } = error;
      const status = code === "refused-action" ? 404 : 400;
      return Response.json({ code, detail }, { status, headers: NO_STORE });
    }
  }

  /** Requests that came already are answered. */
  #leave(): void {
    clearInterval(this.#renewing);
    this.#guard.dispose();
    this.#listener.close();
    this.#left.resolve();
  }

  #mayManage(token: string): boolean {
    if (isSameToken(token, this.token)) return true;
    const tokens = this.#setting.relay()?.policy.access.tokens ?? [];
    return new TokenBook(tokens).find(token, Date.now())?.roles.includes("admin") === true;
  }

  async #status(relay: ManagedRelay): Promise<Response> {
    const measured = await relay.measuring.take();
    return Response.json(overview(relay, measured, this.#startedAt), { headers: NO_STORE });
  }
}

/** @throws FaultError `bad-message` */
async function bodyOf(request: Request): Promise<unknown> {
  try {
    return await request.json();
  } catch {
    throw new FaultError("bad-message", "a JSON object is needed");
  }
}

function plain(
  status: number,
  sentence: string,
  headers: Readonly<Record<string, string>> = {},
): Response {
  const type = { "content-type": "text/plain; charset=utf-8" };
  return refusal(status, sentence, { ...NO_STORE, ...type, ...headers });
}
