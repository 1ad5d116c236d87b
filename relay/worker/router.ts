import { FaultError, equalBytes, faultMessage } from "../../protocol/mod.ts";

import type { Access } from "../access/access.ts";
import { AddressRanges } from "../access/address.ts";
import { lobbyKeys } from "../lobby/proof.ts";
import { isGet } from "../lobby/http-request.ts";
import type { Lobby } from "../lobby/mod.ts";
import type { OriginalData } from "../lobby/text-socket.ts";
import { Authorizer, type Grant, type Action } from "../access/authorizer.ts";
import type { ProvedHello } from "../share/hub.ts";
import type { SocketId } from "../share/outlet.ts";
import { WebOrigins, makeReadable, preflight, readable } from "../access/origins.ts";
import type { WorkerPolicy } from "../access/policy.ts";
import { refusal } from "../net/http-refusal.ts";
import type { ReportLevel, Reports } from "./reports.ts";
import type { SocketData, Sockets } from "../net/sockets.ts";
import type { ConnectionLimiter } from "../net/connection-limiter.ts";
import { forwardedAddress, clientAddressOf, type ClientAddress } from "../access/client-address.ts";

/** How often it is looked for those whose token is over. ms */
const CHECK_MS = 1000;

/** The path of the protocol's WebSocket. */
export const SOCKET_PATH = "/ws";

/** Where balancers that see this port alone ask whether it may have clients. */
const HEALTH = /^(?:https?:\/\/[^/?#]*)?\/healthz(?:\?|$)/;

const BAD_REQUEST = 400;
const UNAUTHORIZED = 401;
/** The client may well have asked for one: proxies drop that, unless they are told otherwise. */
const NO_UPGRADE =
  "This address takes WebSockets, and the request came without `Upgrade: websocket`. " +
  "If it was a client of fileshare that asked, a proxy before this relay dropped the header: " +
  "let it pass Upgrade and Connection on by HTTP/1.1 (samples are in deploy/).";

/** Statuses that say that somebody was refused; others are mistakes of clients. */
const TOLD: ReadonlySet<number> = new Set([403, 429, 503]);

/** What a WebSocket of the relay carries, by the door that it came through. */
export type ClientData = SocketData | OriginalData;

type Server = Bun.Server<ClientData>;

export interface RouterOptions {
  readonly policy: WorkerPolicy;
  readonly sockets: Sockets;
  readonly lobby: Lobby;
  readonly limiter: ConnectionLimiter;
  /** Whether the lobby is open to those who speak no fileshare. */
  readonly isLobbyOpen: boolean;
  readonly reports: Reports;
}

/** Where every request to a worker comes in: who may, and where to. */
export class Router {
  readonly #options: RouterOptions;
  #proxies: AddressRanges;
  #banned: AddressRanges;
  #pages: WebOrigins;
  readonly #gate: Authorizer;
  #access: Access;
  #checkedAt = 0;

  constructor(options: RouterOptions) {
    this.#options = options;
    const { access } = options.policy;
    this.#access = access;
    this.#proxies = new AddressRanges(access.trustedProxies);
    this.#banned = new AddressRanges(options.policy.banned);
    this.#pages = new WebOrigins(access.publicOrigin, access.origins);
    this.#gate = new Authorizer({ access, lobby: options.isLobbyOpen, time: Date.now });
  }

  /** From now on that one holds. Clients stay in, but for those that are banned or whose token ended. */
  set policy(policy: WorkerPolicy) {
    this.#proxies = new AddressRanges(policy.access.trustedProxies);
    this.#banned = new AddressRanges(policy.banned);
    const { sockets, lobby } = this.#options;
    sockets.failThose(({ address }) => this.#banned.has(address), "banned");
    lobby.disconnect(({ address }) => this.#banned.has(address));
    const { access } = policy;
    this.#pages = new WebOrigins(access.publicOrigin, access.origins);
    this.#gate.access = access;
    this.#access = access;
    this.#disconnectRevoked();
  }

  tick(now: number): void {
    if (now - this.#checkedAt < CHECK_MS) return;
    this.#checkedAt = now;
    this.#disconnectRevoked();
  }

  /** @returns undefined: it has become a WebSocket */
  fetch(request: Request, server: Server): Response | Promise<Response> | undefined {
    const answer = this.#fetch(request, server);
    if (answer instanceof Response && answer.status >= BAD_REQUEST) {
      const { status } = answer;
      // A refused client is told of where that is known.
      const level = TOLD.has(status) ? "info" : "debug";
      if (status !== UNAUTHORIZED) this.#tellStatus(level, status, request, server);
    }
    return answer;
  }

  #tellStatus(level: ReportLevel, status: number, request: Request, server: Server): void {
    const { reports } = this.#options;
    if (!reports.wants(level)) return;
    const { headers } = request;
    // Of a request that was refused for its host, too.
    const peer = server.requestIP(request)?.address;
    const { address } = forwardedAddress(headers, peer, this.#proxies);
    const agent = headers.get("user-agent") ?? "";
    reports.report({ level, event: "refused", fields: { status, address, agent } });
  }

  #fetch(request: Request, server: Server): Response | Promise<Response> | undefined {
    // Balancers ask again and again, and some by HTTP/1.0 without a host: it counts as no attempt.
    if (HEALTH.test(request.url)) return this.#health(request);
    // Made by Bun of what the client says is its host, which may be anything.
    if (!URL.canParse(request.url)) return refusal(400, "That host is none.");
    const peer = server.requestIP(request);
    const client = clientAddressOf(request, peer?.address, this.#proxies);
    if (this.#banned.has(client.address)) return refusal(403, faultMessage("banned"));
    const tooMany = this.#options.limiter.tries(client);
    if (tooMany !== undefined) return tooMany;
    if (!this.#pages.allows(request, client)) return refusal(403, "Wrong origin.");
    const origin = request.headers.get("origin");
    if (origin === null || !this.#pages.isListed(origin)) {
      return this.#answer(request, server, client, peer);
    }
    if (request.method === "OPTIONS") return readable(preflight(), origin);
    const answer = this.#answer(request, server, client, peer);
    if (answer === undefined || answer instanceof Response) {
      return answer && readable(answer, origin);
    }
    return answer.then((response) => readable(response, origin));
  }

  /** Whether new clients may be sent here, and nothing else about the relay. */
  #health({ method }: Request): Response {
    if (!isGet(method)) return refusal(405, "Not that method.", { allow: "GET, HEAD" });
    const headers = { "cache-control": "no-store", "content-type": "text/plain; charset=utf-8" };
    if (this.#options.lobby.isDraining) return refusal(503, "draining", headers);
    return refusal(200, "ok", headers);
  }

  #answer(
    request: Request,
    server: Server,
    client: ClientAddress,
    peer: Bun.SocketAddress | null,
  ): Response | Promise<Response> | undefined {
    const { pathname } = new URL(request.url);
    const { sockets, lobby, isLobbyOpen } = this.#options;
    const clear = isLobbyOpen ? lobby.text.dataFor(pathname, client, peer) : undefined;
    if (clear !== undefined) {
      const role = clear.role === "text-sender" ? "send" : "receive";
      const granted = this.#grant(request, client, { role, lobby: true });
      if (granted instanceof Response) return granted;
      return this.#upgrade(request, server, { ...clear, grant: granted });
    }
    if (pathname === SOCKET_PATH) {
      return this.#upgrade(request, server, sockets.dataFor(client, peer));
    }
    const grant = (wish: Action): Grant | Response => this.#grantByHttp(request, client, wish);
    const idle = (seconds: number): void => server.timeout(request, seconds);
    const origin = request.headers.get("origin");
    const dress = (headers: Headers): void => {
      if (origin !== null && this.#pages.isListed(origin)) makeReadable(headers, origin);
    };
    const asking = { client, grant, access: this.#access, peer, idle, dress };
    return lobby.fetch(request, asking) ?? refusal(404, "There is nothing here.");
  }

  /**
   * Lets a socket in whose hello is proved. Clients without one have been let in before.
   * @throws FaultError `not-allowed`
   */
  admit(id: SocketId, { role, channel, token }: ProvedHello): void {
    const data = this.#options.sockets.dataOf(id);
    if (data === undefined) return;
    const lobby = equalBytes(channel, lobbyKeys().channel);
    try {
      const wish: Action = { role: role === "sender" ? "send" : "receive", lobby };
      data.grant = this.#gate.grant(wish, token);
      this.#options.sockets.greeted(id, role);
    } catch (error) {
      this.#tellRefused(data.client, token);
      throw error;
    }
  }

  #grantByHttp(request: Request, client: ClientAddress, wish: Action): Grant | Response {
    const grant = this.#grant(request, client, wish);
    if (grant instanceof Response || grant.token !== undefined) return grant;
    if (this.#pages.knowsName(client)) return grant;
    return refusal(421, "Not by that name, unless the relay is told it with --public-url.");
  }

  #grant({ headers }: Request, client: ClientAddress, wish: Action): Grant | Response {
    const given = headers.get("authorization");
    const token = given === null ? undefined : (/^Bearer +(\S+)$/i.exec(given)?.[1] ?? "");
    try {
      return this.#gate.grant(wish, token);
    } catch (error) {
      if (!(error instanceof FaultError)) throw error;
      this.#tellRefused(client, token);
      return refusal(401, `${error.message}\nBy HTTP: Authorization: Bearer TOKEN`, {
        "www-authenticate": `Bearer realm="fileshare"${token === undefined ? "" : ', error="invalid_token"'}`,
      });
    }
  }

  /** A client without a token has tried none. */
  #tellRefused({ address }: ClientAddress, token: string | undefined): void {
    const level = token === undefined ? "debug" : "info";
    this.#options.reports.report({ level, event: "not-allowed", fields: { address } });
  }

  /** Ends what would not be granted any more. */
  #disconnectRevoked(): void {
    const { sockets, lobby } = this.#options;
    const isOver = (grant: Grant | undefined): boolean => {
      return grant !== undefined && !this.#gate.holds(grant);
    };
    for (const { id, grant } of sockets.all) {
      if (isOver(grant)) sockets.fail(id, "not-allowed", "your token does not count any more");
    }
    lobby.disconnectRevoked(isOver);
  }

  #upgrade(request: Request, server: Server, data: ClientData): Response | undefined {
    const { limiter, sockets } = this.#options;
    const place = limiter.enter(data.client);
    if (typeof place === "number") {
      data.place = place;
    } else if ("role" in data || !sockets.canTurnAway) {
      return limiter.refusal(place);
    } else {
      // Clients of ours hear why on the line itself.
      data.turnedAway = limiter.over(place);
    }
    if (server.upgrade(request, { data })) return undefined;
    this.left(data);
    return refusal(426, NO_UPGRADE, { upgrade: "websocket", connection: "upgrade" });
  }

  /** A client that came in is gone. */
  left(data: ClientData): void {
    if (data.place !== undefined) this.#options.limiter.leave(data.place);
    data.place = undefined;
  }
}
