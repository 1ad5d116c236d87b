/** The doors for clients that speak something else: the original app's, and HTTP. */
import { FaultError, RECEIVERS_PER_SHARE, toHex, type FaultCode } from "../../protocol/mod.ts";

import type { Access } from "../access/access.ts";
import type { Arrivals } from "../net/arrivals.ts";
import type { Grant, Action } from "../access/authorizer.ts";
import type { Outlet } from "../share/outlet.ts";
import type { LiveLimits } from "../limits/limits.ts";
import type { Place } from "../limits/address-table.ts";
import type { Egress } from "../net/egress.ts";
import type { LineKernel } from "../net/line-limits.ts";
import type { MemoryBudget } from "../limits/memory-budget.ts";
import type { Native } from "../system/native.ts";
import type { BlockPool } from "../log/block-pool.ts";
import { refusal } from "../net/http-refusal.ts";
import type { ConnectionLimiter } from "../net/connection-limiter.ts";
import type { ClientAddress } from "../access/client-address.ts";
import { IDLE_AFTER_SECONDS } from "./body.ts";
import { Ciphertext } from "./ciphertext.ts";
import { helpLines, helpText, page } from "./help.ts";
import { Download } from "./http-download.ts";
import type { ExchangeOptions, Exchange } from "./exchange.ts";
import { Upload } from "./http-upload.ts";
import {
  answerOf,
  ciphertextIn,
  clientOf,
  decoded,
  isGet,
  isOld,
  receiversOf,
  sizeOf,
  type CiphertextPath,
} from "./http-request.ts";
import { ClientRouter, type ClientHub } from "../net/client-router.ts";
import { KeptFrames } from "../net/kept-frames.ts";
import { lobbyKeys } from "./proof.ts";
import { RecordCaches } from "./record-cache.ts";
import type { RawKernel } from "./raw-body.ts";
import type { ReplyTerms } from "./reply.ts";
import { OriginalClients } from "./text.ts";
import { StallTimer } from "./download-stall.ts";

/** How the door answers for a request. */
export interface RequestContext {
  readonly client: ClientAddress;
  readonly access: Access;
  /** Whether this may be done; a response: no */
  readonly grant: (wish: Action) => Grant | Response;
  readonly peer: Bun.SocketAddress | null;
  /** Gives the connection up when nothing passes for so long; 0: never. */
  readonly idle: (seconds: number) => void;
  /** Adds the headers that every answer to it has, to an answer that Bun does not send. */
  readonly dress: (headers: Headers) => void;
}

/** A client that may come in, and what for. */
interface Guest extends Pick<RequestContext, "client" | "peer" | "idle" | "dress"> {
  readonly grant: Grant;
}

/** A client that came in: where it is counted, and what for it came. */
interface Admitted extends Guest {
  readonly place: Place;
  readonly stall: StallTimer;
}

export interface LobbyOptions {
  readonly sockets: Outlet;
  readonly pool: BlockPool;
  readonly hub: ClientHub;
  readonly clock: () => number;
  readonly limiter: ConnectionLimiter;
  readonly egress: Egress;
  /** See `Line`. */
  readonly kernel: (LineKernel & Pick<Native, "resetWhenClosed">) | undefined;
  /** To answer without Bun; undefined with TLS, or where the kernel can't. */
  readonly wire?: RawKernel | undefined;
  readonly arrivals?: Arrivals | undefined;
  readonly limits: LiveLimits;
  readonly memory: MemoryBudget;
  /** Whether the lobby is open to those who speak no fileshare. */
  readonly isLobbyOpen: boolean;
  /** A fault is told to a client here. */
  readonly failed?: (code: FaultCode) => void;
}

/** The same for one that will be reset; the least that there is. */
const IDLE_CUT_SECONDS = 1;

const LOBBY = /^\/lobby(?:\/(.*))?$/s;

/** The lobby of one worker. */
export class Lobby {
  readonly outlet: ClientRouter;
  readonly text: OriginalClients;
  readonly #options: LobbyOptions;
  readonly #common: Omit<ExchangeOptions, "client">;
  readonly #exchanges = new Map<Exchange, Admitted>();
  readonly #kept: KeptFrames;
  #isDraining = false;

  constructor(options: LobbyOptions) {
    this.#options = options;
    const { sockets, pool, hub, clock, failed, kernel, arrivals } = options;
    const { limits, egress, memory } = options;
    this.#kept = new KeptFrames(pool, memory);
    const clientRouter = new ClientRouter(sockets, pool, this.#kept, failed, egress);
    this.outlet = clientRouter;
    const recordCaches = new RecordCaches(memory);
    this.text = new OriginalClients({
      clientRouter,
      hub,
      recordCaches,
      clock,
      kernel,
      arrivals,
      limits,
      memory,
    });
    this.#common = {
      clientRouter,
      hub,
      recordCaches,
      clock,
      limits,
      memory,
      left: (exchange) => this.#left(exchange),
      cut: (exchange) => this.#cut(exchange),
    };
  }

  get isDraining(): boolean {
    return this.#isDraining;
  }

  /** Clients here, of all kinds. */
  get size(): number {
    return this.text.size + this.#exchanges.size;
  }

  /** The clients here by door and by what they do. */
  get roles(): Record<"text" | "http", Record<"stranger" | "sender" | "receiver", number>> {
    const http = { stranger: 0, sender: 0, receiver: 0 };
    for (const each of this.#exchanges.keys()) {
      if (each instanceof Upload) http.sender++;
      else http.receiver++;
    }
    return { text: this.text.roles, http };
  }

  /**
   * Answers an HTTP request, for as long as its transfer takes.
   * @returns undefined: there is nothing at this path
   */
  fetch(request: Request, asking: RequestContext): Response | Promise<Response> | undefined {
    const { pathname } = new URL(request.url);
    const ciphertext = ciphertextIn(pathname);
    const lobby = this.#options.isLobbyOpen ? LOBBY.exec(pathname) : null;
    const { method } = request;
    if (pathname === "/")
      return isGet(method) ? this.#help(request, asking) : notAllowed("GET, HEAD");
    if (ciphertext === undefined && lobby === null) return undefined;
    if (this.#isDraining) return busy();
    if (ciphertext !== undefined) {
      return isGet(method)
        ? this.#ciphertext(request, asking, ciphertext)
        : notAllowed("GET, HEAD");
    }
    const isUpload = method === "PUT" || method === "POST";
    if (!isUpload && !isGet(method)) return notAllowed("GET, HEAD, PUT, POST");
    const granted = asking.grant({ role: isUpload ? "send" : "receive", lobby: true });
    if (granted instanceof Response) return granted;
    const name = decoded(lobby?.[1] ?? "");
    if (name === undefined) return bad("That name is not encoded as a URL wants it.");
    const guest = { ...asking, grant: granted };
    return isUpload ? this.#upload(request, guest, name) : this.#download(request, guest, name);
  }

  tick(): void {
    this.#kept.tick();
    this.text.tick();
    const { limits, clock } = this.#options;
    for (const [exchange, { stall }] of this.#exchanges) {
      exchange.tick();
      const { outgoing } = exchange;
      if (outgoing === undefined) continue;
      if (!stall.isLate(outgoing, limits.now["unread-timeout"], clock())) continue;
      limits.count("unread-timeout");
      this.#cut(exchange);
    }
  }

  /** Nobody new is let in. */
  drain(): void {
    this.#isDraining = true;
  }

  /** Those are sent away. */
  disconnect(isMeant: (client: ClientAddress) => boolean): void {
    this.text.disconnect(isMeant);
    for (const [exchange, { client }] of this.#exchanges) {
      if (isMeant(client)) exchange.disconnect();
    }
  }

  /** Everyone is sent away. */
  close(): void {
    this.#isDraining = true;
    this.text.closeAll();
    for (const exchange of this.#exchanges.keys()) exchange.disconnect();
  }

  /** Sends those away whose grant is over. */
  disconnectRevoked(isOver: (grant: Grant | undefined) => boolean): void {
    this.text.disconnectRevoked(isOver);
    for (const [exchange, { grant }] of this.#exchanges) if (isOver(grant)) exchange.disconnect();
  }

  /** Lets a client in for as long as its transfer takes, if there is room. */
  #begin<Kind extends Exchange>(
    request: Request,
    guest: Guest,
    begin: () => Kind,
  ): Kind["response"] | Response {
    const { limiter, memory } = this.#options;
    if (memory.isFull) {
      memory.refuse();
      return busy();
    }
    const place = limiter.enter(guest.client);
    if (typeof place !== "number") return limiter.refusal(place);
    let exchange: Kind;
    try {
      exchange = begin();
    } catch (error) {
      limiter.leave(place);
      throw error;
    }
    // A client that waits for a file says nothing meanwhile.
    guest.idle(0);
    this.#exchanges.set(exchange, { ...guest, place, stall: new StallTimer() });
    request.signal.addEventListener("abort", () => exchange.gone());
    return exchange.response;
  }

  #left(exchange: Exchange): void {
    const admitted = this.#exchanges.get(exchange);
    if (admitted === undefined) return;
    this.#options.limiter.leave(admitted.place);
    // It counts for nobody any more.
    admitted.idle(IDLE_AFTER_SECONDS);
    this.#exchanges.delete(exchange);
  }

  /** Of a body that nobody reads Bun hears no failure: its line ends because it is idle. */
  #cut(exchange: Exchange): void {
    const admitted = this.#exchanges.get(exchange);
    if (admitted === undefined) return;
    const { kernel } = this.#options;
    exchange.disconnect();
    const { peer, idle } = admitted;
    const key = peer === null ? undefined : kernel?.keyOf(peer.address, peer.port);
    if (key !== undefined) kernel?.resetWhenClosed(key);
    idle(IDLE_CUT_SECONDS);
  }

  #download(request: Request, guest: Guest, name: string): Response | Promise<Response> {
    const options = {
      ...this.#common,
      client: guest.client,
      name: name === "" ? undefined : name,
      clientName: clientOf(request),
      // Of an answer that has ended Bun does not hear it any more.
      ending: () => guest.idle(IDLE_AFTER_SECONDS),
      isHead: request.method === "HEAD",
      range: request.headers.get("range"),
      terms: this.#termsOf(request, guest),
    };
    return this.#begin(request, guest, () => new Download(options));
  }

  #termsOf(request: Request, { peer, dress, idle }: Guest): ReplyTerms {
    const { wire: native } = this.#options;
    const key = peer === null ? undefined : native?.keyOf(peer.address, peer.port);
    const wire = native === undefined || key === undefined ? undefined : { native, peer: key };
    return { wire, isOld: isOld(request), dress, idle };
  }

  #upload(request: Request, guest: Guest, name: string): Response | Promise<Response> {
    const waitFor = receiversOf(request);
    if (waitFor === undefined) {
      return bad(`receivers is a number from 1 to ${RECEIVERS_PER_SHARE}.`);
    }
    const answer = answerOf(request);
    if (answer === undefined) return bad("answer is end, or left out.");
    const size = sizeOf(request);
    if (Number.isNaN(size)) return bad("Content-Length is one number.");
    const { limiter } = this.#options;
    if ((size ?? 0) > limiter.limits["share-bytes"]) return limiter.refusal("share-bytes");
    const options = {
      ...this.#common,
      client: guest.client,
      request,
      name,
      size,
      waitFor,
      answer,
    };
    try {
      return this.#begin(request, guest, () => new Upload(options));
    } catch (error) {
      if (!(error instanceof FaultError)) throw error;
      return refusal(413, error.message);
    }
  }

  /** Without the right capability a share is as unknown as one that never was. */
  #ciphertext(
    request: Request,
    asking: RequestContext,
    { share, capability }: CiphertextPath,
  ): Response | Promise<Response> {
    const channel = this.#options.hub.readable(share, capability);
    const lobby = channel === toHex(lobbyKeys().channel);
    const grant = asking.grant({ role: "receive", lobby });
    if (grant instanceof Response) return grant;
    if (channel === undefined) return refusal(404, "The share is over, or the path is another's.");
    const guest = { ...asking, grant };
    const options = {
      ...this.#common,
      client: guest.client,
      channel,
      share,
      range: request.headers.get("range"),
      isHead: request.method === "HEAD",
      terms: this.#termsOf(request, guest),
    };
    return this.#begin(request, guest, () => new Ciphertext(options));
  }

  #help(request: Request, { client, access }: RequestContext): Response {
    const { isLobbyOpen } = this.#options;
    const wantsPage = request.headers.get("accept")?.includes("text/html") === true;
    const text = helpLines({
      origin: access.publicOrigin ?? client.origin,
      lobby: isLobbyOpen,
      access,
    });
    return wantsPage ? page(text) : helpText(text);
  }
}

function bad(why: string): Response {
  return refusal(400, why);
}

function busy(): Response {
  return refusal(503, "The relay is full, or goes away.", { "retry-after": "10" });
}

function notAllowed(allow: string): Response {
  return refusal(405, "Not that method.", { allow });
}
