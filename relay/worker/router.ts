/**
 * Every request to a worker comes in here: the router tells whether its client may come in, and hands it to the
 * protocol's sockets, the original app's, or the lobby's door for HTTP. It knows the policy in force, and disconnects
 * clients that a new policy or time no longer allows.
 *
 * Rejected: `routes` of `Bun.serve`. All paths but one pass the same checks first, so a table would name one function.
 */
import { FAULTS, FaultError, equalBytes, faultMessage } from "../../protocol/mod.ts";

import type { Access, WorkerPolicy } from "../access/policy.ts";
import { AddressRanges } from "../access/address.ts";
import { Authorizer, bearerToken, type Grant, type Action } from "../access/authorizer.ts";
import { clientAddressOf, forwardedAddress, type ClientAddress } from "../access/client-address.ts";
import { WebOrigins, makeReadable, preflight, readable } from "../access/origins.ts";
import { OneChannel } from "../access/one-channel.ts";
import type { RequestContext } from "../lobby/http/exchange.ts";
import { isGet } from "../lobby/http/http-request.ts";
import { lobbyKeys } from "../lobby/lobby-keys.ts";
import type { Lobby } from "../lobby/mod.ts";
import type { OriginalData } from "../lobby/original/original-socket.ts";
import { refusal } from "../net/refusal.ts";
import { isPagePath, type PageDoor } from "../page/page-door.ts";
import type { Peers } from "../net/peer.ts";
import type { SocketData } from "../net/socket.ts";
import type { Sockets } from "../net/sockets.ts";
import type { ProvedHello } from "../share/hellos.ts";
import type { SocketId } from "../share/outlet.ts";
import type { Reports } from "./reports.ts";

/** Between two checks for tokens that are over. ms */
const CHECK_MS = 1000;

/** The path of the protocol's WebSocket. */
export const SOCKET_PATH = "/ws";

/** Where balancers that see this port alone ask whether it may have clients. */
const HEALTH = /^(?:https?:\/\/[^/?#]*)?\/healthz(?:\?|$)/;

const WRONG_ORIGIN =
  "The relay takes no web page of this address, unless it is told it with --public-url or --origin.";
const CROWDED = "the places that are left are for clients without a connection";
const BAD_REQUEST = 400;
const UNAUTHORIZED = 401;
/** The client may well have asked for one: proxies drop that, unless they are told otherwise. */
const NO_UPGRADE =
  "This address takes WebSockets, and the request came without `Upgrade: websocket`. " +
  "If it was a client of fileshare that asked, a proxy before this relay dropped the header: " +
  "let it pass Upgrade and Connection on by HTTP/1.1 (samples are in deploy/).";

/** Statuses that say that a client was refused; others are mistakes of clients. */
const TOLD: ReadonlySet<number> = new Set([403, 429, 503]);

/** The data of a WebSocket, by the door that it came through. */
export type ClientData = SocketData | OriginalData;

type Server = Bun.Server<ClientData>;
type Answer = Response | Promise<Response>;

export interface RouterOptions {
  readonly policy: WorkerPolicy;
  readonly peers: Peers;
  readonly sockets: Sockets;
  readonly lobby: Lobby;
  /** Undefined: browsers get the help page. */
  readonly page: PageDoor | undefined;
  /** Whether the lobby is open to clients that speak no fileshare. */
  readonly isLobbyOpen: boolean;
  /** See `RelayOptions`. */
  readonly onlyFor: string | undefined;
  /** Whether the relay stores shares. */
  readonly hasStore: boolean;
  readonly reports: Reports;
}

export class Router {
  readonly #options: RouterOptions;
  #proxies: AddressRanges;
  #banned: AddressRanges;
  #pages: WebOrigins;
  readonly #authorizer: Authorizer;
  readonly #oneChannel: OneChannel | undefined;
  #access: Access;
  #checkedAt = 0;

  constructor(options: RouterOptions) {
    this.#options = options;
    const { access } = options.policy;
    this.#access = access;
    this.#proxies = new AddressRanges(access.trustedProxies);
    this.#banned = new AddressRanges(options.policy.banned);
    this.#pages = new WebOrigins(access.publicOrigin, access.origins);
    this.#authorizer = new Authorizer({ access, lobby: options.isLobbyOpen, time: Date.now });
    this.#oneChannel = options.onlyFor === undefined ? undefined : new OneChannel(options.onlyFor);
  }

  /** From now on that one holds. Clients stay in, but for those that are banned or whose token ended. */
  set policy({ access, banned }: WorkerPolicy) {
    this.#proxies = new AddressRanges(access.trustedProxies);
    this.#banned = new AddressRanges(banned);
    this.#pages = new WebOrigins(access.publicOrigin, access.origins);
    this.#authorizer.access = access;
    this.#access = access;
    const { peers } = this.#options;
    peers.disconnect("banned", ({ client }) => this.#banned.has(client.address));
    this.#disconnectRevoked();
  }

  tick(now: number): void {
    if (now - this.#checkedAt < CHECK_MS) return;
    this.#checkedAt = now;
    this.#disconnectRevoked();
  }

  /** @returns undefined: it has become a WebSocket */
  fetch(request: Request, server: Server): Answer | undefined {
    const answer = this.#fetch(request, server);
    const status = answer instanceof Response ? answer.status : 0;
    if (status >= BAD_REQUEST && status !== UNAUTHORIZED) {
      this.#reportRefused(status, request, server);
    }
    return answer;
  }

  /** A refused client is told of where that is known. */
  #reportRefused(status: number, request: Request, server: Server): void {
    const { reports } = this.#options;
    const level = TOLD.has(status) ? "info" : "debug";
    if (!reports.wants(level)) return;
    const { headers } = request;
    // Of a request that was refused for its host, too.
    const { address } = forwardedAddress(
      headers,
      server.requestIP(request)?.address,
      this.#proxies,
    );
    const agent = headers.get("user-agent") ?? "";
    reports.report({ level, event: "refused", fields: { status, address, agent } });
  }

  #fetch(request: Request, server: Server): Answer | undefined {
    // Balancers ask again and again, and some by HTTP/1.0 without a host: it counts as no attempt.
    if (HEALTH.test(request.url)) return this.#health(request);
    // Made by Bun of what the client says is its host, which may be anything.
    const url = URL.parse(request.url);
    if (url === null) return refusal(400, "That host is none.");
    const { headers } = request;
    const remote = server.requestIP(request);
    const client = clientAddressOf(headers, url, remote?.address, this.#proxies);
    if (this.#banned.has(client.address)) return refusal(403, faultMessage("banned"));
    const tooMany = this.#options.peers.attempt(client);
    if (tooMany !== undefined) return tooMany;
    // The page's files are everybody's. Only from there the page can say why it gets nothing else.
    if (!isPagePath(url.pathname) && !this.#pages.allows(request, client))
      return refusal(403, WRONG_ORIGIN);
    const origin = headers.get("origin");
    const page = origin !== null && this.#pages.isListed(origin) ? origin : undefined;
    if (page !== undefined && request.method === "OPTIONS") return readable(preflight(), page);
    const context: RequestContext = {
      request,
      url,
      client,
      remote,
      access: this.#access,
      grant: (action) => this.#grantByHttp(request, client, action),
      idle: (seconds) => server.timeout(request, seconds),
      dress: (answered) => {
        if (page !== undefined) makeReadable(answered, page);
      },
    };
    const answer = this.#answer(context, server);
    if (page === undefined || answer === undefined) return answer;
    if (answer instanceof Response) return readable(answer, page);
    return answer.then((response) => readable(response, page));
  }

  /** Whether new clients may be sent here, and nothing else about the relay. */
  #health({ method }: Request): Response {
    if (!isGet(method)) return refusal(405, "Not that method.", { allow: "GET, HEAD" });
    const headers = { "cache-control": "no-store", "content-type": "text/plain; charset=utf-8" };
    if (this.#options.lobby.http.isDraining) return refusal(503, "draining", headers);
    return refusal(200, "ok", headers);
  }

  #answer(context: RequestContext, server: Server): Answer | undefined {
    const { request, client, remote } = context;
    const { pathname } = context.url;
    const { sockets, lobby, page, isLobbyOpen } = this.#options;
    const original = isLobbyOpen ? lobby.original.dataFor(pathname, client, remote) : undefined;
    if (original !== undefined) {
      const role = original.role === "sender" ? "send" : "receive";
      const grant = this.#grant(request, client, { role, lobby: true });
      if (grant instanceof Response) return grant;
      original.grant = grant;
      return this.#upgrade(request, server, original);
    }
    if (pathname === SOCKET_PATH) {
      return this.#upgrade(request, server, sockets.dataFor(client, remote, server));
    }
    const otherwise = (): Answer => {
      return lobby.http.fetch(context) ?? refusal(404, this.#nothingHere());
    };
    return page?.fetch(context, otherwise) ?? otherwise();
  }

  #nothingHere(): string {
    const why = this.#oneChannel === undefined ? "" : ` ${FAULTS["other-channel"].sentence}.`;
    return `There is nothing here.${why}`;
  }

  /**
   * Lets a socket in whose hello is proved. Clients without one have been let in before.
   * @throws FaultError `not-allowed`, `too-many`, or as `OneChannel`
   */
  admit(id: SocketId, { role, channel, token, isFurther }: ProvedHello): void {
    const { sockets, peers } = this.#options;
    const data = sockets.dataOf(id);
    if (data === undefined) return;
    if (isFurther && peers.isCrowded(data)) throw new FaultError("too-many", CROWDED);
    this.#oneChannel?.check(channel, token);
    const lobby = equalBytes(channel, lobbyKeys().channel);
    try {
      const action: Action = { role: role === "sender" ? "send" : "receive", lobby };
      sockets.admitted(data, role, this.#authorizer.grant(action, token));
    } catch (error) {
      this.#reportNotAllowed(data.client, token);
      throw error;
    }
  }

  /** Whether the relay stores shares of this client, which was let in. */
  mayStore(id: SocketId): boolean {
    const grant = this.#options.sockets.dataOf(id)?.grant;
    return this.#options.hasStore && grant !== undefined && this.#authorizer.mayStore(grant);
  }

  /** Whether the client came by the name that the operator gave the relay. */
  isByPublicName(id: SocketId): boolean {
    const client = this.#options.sockets.dataOf(id)?.client;
    return client !== undefined && this.#pages.isPublicName(client);
  }

  #grantByHttp(request: Request, client: ClientAddress, action: Action): Grant | Response {
    const grant = this.#grant(request, client, action);
    if (grant instanceof Response || grant.token !== undefined) return grant;
    if (this.#pages.knowsName(client)) return grant;
    return refusal(421, "Not by that name, unless the relay is told it with --public-url.");
  }

  #grant({ headers }: Request, client: ClientAddress, action: Action): Grant | Response {
    const token = bearerToken(headers);
    try {
      return this.#authorizer.grant(action, token);
    } catch (error) {
      if (!(error instanceof FaultError)) throw error;
      this.#reportNotAllowed(client, token);
      return refusal(401, `${error.message}\nBy HTTP: Authorization: Bearer TOKEN`, {
        "www-authenticate": `Bearer realm="fileshare"${token === undefined ? "" : ', error="invalid_token"'}`,
      });
    }
  }

  /** A client without a token has tried none. */
  #reportNotAllowed({ address }: ClientAddress, token: string | undefined): void {
    const level = token === undefined ? "debug" : "info";
    this.#options.reports.report({ level, event: "not-allowed", fields: { address } });
  }

  #disconnectRevoked(): void {
    this.#options.peers.disconnect("not-allowed", ({ grant }) => {
      return grant !== undefined && !this.#authorizer.holds(grant);
    });
  }

  #upgrade(request: Request, server: Server, data: ClientData): Response | undefined {
    const { peers, sockets } = this.#options;
    const place = peers.enter(data.client);
    if (typeof place === "number") {
      data.place = place;
    } else if (data.door !== "socket" || !sockets.canTurnAway) {
      return peers.refusal(place);
    } else {
      // Clients of ours hear why on the line itself.
      data.turnedAway = peers.over(place);
    }
    if (server.upgrade(request, { data })) return undefined;
    peers.close(data);
    return refusal(426, NO_UPGRADE, { upgrade: "websocket", connection: "upgrade" });
  }
}
