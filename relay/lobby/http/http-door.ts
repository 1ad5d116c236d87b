/**
 * The lobby's door for HTTP: files of the lobby in clear, the ciphertext of any share, and the help page. The worker's
 * router calls `fetch` for each request that is no WebSocket. A transfer is an `Exchange`, and a `Peer` of the worker
 * for as long as it lasts.
 */
import { FaultError, RECEIVERS_PER_SHARE, toHex } from "../../../protocol/mod.ts";

import type { Grant } from "../../access/authorizer.ts";
import { StallTimer } from "../../limits/stall-timer.ts";
import { refusal } from "../../net/refusal.ts";
import type { LineKernel } from "../../net/line.ts";
import type { Peer, Peers } from "../../net/peer.ts";
import type { Native } from "../../system/native.ts";
import { IDLE_AFTER_SECONDS, progressOf } from "../body.ts";
import type { LobbyContext } from "../context.ts";
import { lobbyKeys } from "../lobby-keys.ts";
import { Ciphertext, noShare } from "./ciphertext.ts";
import { Download } from "./download.ts";
import type { Exchange, ExchangeOptions, RequestContext } from "./exchange.ts";
import { helpLines, helpText, page } from "./help.ts";
import {
  answerOf,
  ciphertextIn,
  clientOf,
  decoded,
  isGet,
  isOld,
  receiversOf,
  sizeOf,
  wantsHtml,
  type CiphertextPath,
} from "./http-request.ts";
import type { RawKernel } from "./raw-body.ts";
import type { ReplyTerms } from "./reply.ts";
import { Upload } from "./upload.ts";

export interface HttpDoorOptions {
  readonly context: LobbyContext;
  readonly peers: Peers;
  readonly kernel: (LineKernel & Pick<Native, "resetWhenClosed">) | undefined;
  /** To answer without Bun; undefined with TLS, or where the kernel can't. */
  readonly wire: RawKernel | undefined;
  /** Whether the lobby is open to clients that speak no fileshare. */
  readonly isLobbyOpen: boolean;
  /** Whether the relay serves one channel alone. */
  readonly hasOneChannel: boolean;
}

/** The idle time of a connection that will be reset; the least that Bun has. s */
const IDLE_CUT_SECONDS = 1;

const LOBBY = /^\/lobby(?:\/(.*))?$/s;

type Answer = Response | Promise<Response>;

export class HttpDoor {
  /** New transfers are refused. */
  isDraining = false;
  readonly #options: HttpDoorOptions;

  constructor(options: HttpDoorOptions) {
    this.#options = options;
  }

  /** @returns undefined: there is nothing at this path */
  fetch(context: RequestContext): Answer | undefined {
    const { request, url } = context;
    const { pathname } = url;
    const ciphertext = ciphertextIn(pathname);
    const lobby = this.#options.isLobbyOpen ? LOBBY.exec(pathname) : null;
    const { method } = request;
    if (pathname === "/") return isGet(method) ? this.#help(context) : notAllowed("GET, HEAD");
    if (ciphertext === undefined && lobby === null) return undefined;
    if (this.isDraining) return busy();
    if (ciphertext !== undefined) {
      if (!isGet(method)) return notAllowed("GET, HEAD");
      const lookUp = this.#options.context.clientRouter.hub.lookUp(ciphertext.share);
      if (lookUp === undefined) return this.#ciphertext(context, ciphertext);
      return lookUp.then((isAnswered) => {
        return isAnswered && !this.isDraining ? this.#ciphertext(context, ciphertext) : busy();
      });
    }
    const isUpload = method === "PUT" || method === "POST";
    if (!isUpload && !isGet(method)) return notAllowed("GET, HEAD, PUT, POST");
    const grant = context.grant({ role: isUpload ? "send" : "receive", lobby: true });
    if (grant instanceof Response) return grant;
    const name = decoded(lobby?.[1] ?? "");
    if (name === undefined) return bad("That name is not encoded as a URL wants it.");
    return isUpload ? this.#upload(context, grant, name) : this.#download(context, grant, name);
  }

  #download(context: RequestContext, grant: Grant, name: string): Answer {
    const { request, idle } = context;
    return this.#begin(context, grant, (options) => {
      return new Download({
        ...options,
        name: name === "" ? undefined : name,
        clientName: clientOf(request),
        // Of an answer that has ended Bun does not hear it any more.
        ending: () => idle(IDLE_AFTER_SECONDS),
        isHead: request.method === "HEAD",
        range: request.headers.get("range"),
        terms: this.#termsOf(context),
      });
    });
  }

  #upload(context: RequestContext, grant: Grant, name: string): Answer {
    const { request, url } = context;
    const waitFor = receiversOf(url);
    if (waitFor === undefined) {
      return bad(`receivers is a number from 1 to ${RECEIVERS_PER_SHARE}.`);
    }
    const answer = answerOf(request, url);
    if (answer === undefined) return bad("answer is end, or left out.");
    const size = sizeOf(request);
    if (Number.isNaN(size)) return bad("Content-Length is one number.");
    const { peers, context: lobby } = this.#options;
    if ((size ?? 0) > lobby.limits.now["share-bytes"]) return peers.refusal("share-bytes");
    try {
      return this.#begin(context, grant, (options) => {
        return new Upload({ ...options, request, name, size, waitFor, answer });
      });
    } catch (error) {
      if (!(error instanceof FaultError)) throw error;
      return refusal(413, error.message);
    }
  }

  /** Without the right capability a share is as unknown as one that never was. */
  #ciphertext(context: RequestContext, { share, capability }: CiphertextPath): Answer {
    const channel = this.#options.context.clientRouter.hub.readable(share, capability);
    const lobby = channel === toHex(lobbyKeys().channel);
    const grant = context.grant({ role: "receive", lobby });
    if (grant instanceof Response) return grant;
    if (channel === undefined) return noShare();
    const { request } = context;
    return this.#begin(context, grant, (options) => {
      return new Ciphertext({
        ...options,
        channel,
        share,
        range: request.headers.get("range"),
        isHead: request.method === "HEAD",
        terms: this.#termsOf(context),
      });
    });
  }

  /** Lets a client in for as long as its transfer takes, if there is room. */
  #begin(
    context: RequestContext,
    grant: Grant,
    begin: (options: ExchangeOptions) => Exchange,
  ): Answer {
    const { peers, context: lobby } = this.#options;
    const { memory, limits, clock } = lobby;
    const { request, client, idle } = context;
    if (memory.isFull) {
      memory.refuse();
      return busy();
    }
    const place = peers.enter(client);
    if (typeof place !== "number") return peers.refusal(place);
    const stall = new StallTimer();
    const left = (): void => {
      if (peer.place === undefined) return;
      peers.close(peer);
      idle(IDLE_AFTER_SECONDS);
    };
    const cut = (): void => {
      if (peer.place === undefined) return;
      exchange?.disconnect();
      this.#reset(context);
    };
    const tick = (): void => {
      exchange?.tick();
      if (exchange?.outgoing === undefined) return;
      const stalledMs = stall.stalledFor(progressOf(exchange.outgoing), clock());
      if (stalledMs < limits.now["unread-timeout"]) return;
      limits.count("unread-timeout");
      cut();
    };
    const role = grant.role === "send" ? "sender" : "receiver";
    const disconnect = (): void => exchange?.disconnect();
    const peer: Peer = { door: "http", role, client, grant, place, tick, disconnect };
    let exchange: Exchange | undefined;
    peers.open(peer);
    try {
      exchange = begin({ ...lobby, client, left, cut });
    } catch (error) {
      peers.close(peer);
      throw error;
    }
    // A client that waits for a file says nothing meanwhile.
    idle(0);
    request.signal.addEventListener("abort", () => exchange.gone());
    return exchange.response;
  }

  /** Bun hears no failure of a body whose client reads nothing: its connection ends because it is idle. */
  #reset({ remote, idle }: RequestContext): void {
    const { kernel } = this.#options;
    const key = remote === null ? undefined : kernel?.keyOf(remote.address, remote.port);
    if (key !== undefined) kernel?.resetWhenClosed(key);
    idle(IDLE_CUT_SECONDS);
  }

  #termsOf({ request, remote, dress, idle }: RequestContext): ReplyTerms {
    const { wire: native } = this.#options;
    const key = remote === null ? undefined : native?.keyOf(remote.address, remote.port);
    const wire = native === undefined || key === undefined ? undefined : { native, peer: key };
    return { wire, isOld: isOld(request), dress, idle };
  }

  #help({ request, client, access }: RequestContext): Response {
    const { publicOrigin = client.origin, publicPath = "" } = access;
    const lines = helpLines({
      address: publicOrigin + publicPath,
      lobby: this.#options.isLobbyOpen,
      hasOneChannel: this.#options.hasOneChannel,
      access,
    });
    return wantsHtml(request) ? page(lines) : helpText(lines);
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
