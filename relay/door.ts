import { AddressRanges } from "./address.ts";
import type { Entrances } from "./entrances/mod.ts";
import type { TextData } from "./entrances/text.ts";
import type { Policy } from "./policy.ts";
import type { Reporter } from "./reports.ts";
import type { SocketData, Sockets } from "./sockets.ts";
import type { Turnstile } from "./turnstile.ts";
import { visitorOf, type Visitor } from "./visitor.ts";

/** The path of the protocol's WebSocket. */
export const SOCKET_PATH = "/ws";

/** What a WebSocket of the relay carries, by the door that it came through. */
export type ClientData = SocketData | TextData;

type Server = Bun.Server<ClientData>;

export interface DoorOptions {
  readonly policy: Policy;
  readonly sockets: Sockets;
  readonly entrances: Entrances;
  readonly turnstile: Turnstile;
  /** Whether the lobby is open to those who speak no fileshare. */
  readonly lobby: boolean;
  readonly report: Reporter;
}

/** Where every request to a worker comes in: who may, and where to. */
export class Door {
  readonly #options: DoorOptions;
  #proxies: AddressRanges;

  constructor(options: DoorOptions) {
    this.#options = options;
    this.#proxies = new AddressRanges(options.policy.access.trustedProxies);
  }

  /** From now on that one holds. Who is in stays in. */
  set policy(policy: Policy) {
    this.#proxies = new AddressRanges(policy.access.trustedProxies);
  }

  /** @returns undefined: it has become a WebSocket */
  fetch(request: Request, server: Server): Response | Promise<Response> | undefined {
    // Made by Bun of what the client says is its host, which may be anything.
    if (!URL.canParse(request.url)) return refusal(400, "That host is none.");
    const peer = server.requestIP(request);
    const visitor = visitorOf(request, peer?.address, this.#proxies);
    const tooMany = this.#options.turnstile.tries(visitor);
    if (tooMany !== undefined) return tooMany;
    if (isForeignPage(request, visitor)) return refusal(403, "Wrong origin.");
    const { pathname } = new URL(request.url);
    const { sockets, entrances, lobby } = this.#options;
    const clear = lobby ? entrances.text.dataFor(pathname, visitor) : undefined;
    if (clear !== undefined) return this.#upgrade(request, server, clear);
    if (pathname === SOCKET_PATH) {
      return this.#upgrade(request, server, sockets.dataFor(visitor, peer));
    }
    // Who waits for a file says nothing meanwhile.
    server.timeout(request, 0);
    return entrances.fetch(request, visitor) ?? refusal(404, "There is nothing here.");
  }

  #upgrade(request: Request, server: Server, data: ClientData): Response | undefined {
    const { turnstile, sockets } = this.#options;
    const place = turnstile.enter(data.visitor);
    if (typeof place === "number") {
      data.place = place;
    } else if ("role" in data || !sockets.canTurnAway) {
      return turnstile.refusal(place);
    } else {
      // Clients of ours hear why on the line itself.
      data.turnedAway = turnstile.over(place);
    }
    if (server.upgrade(request, { data })) return undefined;
    this.left(data);
    return refusal(426, "Use a WebSocket.", { upgrade: "websocket" });
  }

  /** Whoever came in is gone. */
  left(data: ClientData): void {
    if (data.place !== undefined) this.#options.turnstile.leave(data.place);
    data.place = undefined;
  }
}

/** A page of another site must not use a person's browser to reach a relay. */
function isForeignPage({ headers }: Request, visitor: Visitor): boolean {
  const origin = headers.get("origin");
  if (origin === null) return false;
  return URL.parse(origin)?.host !== new URL(visitor.origin).host;
}

function refusal(status: number, sentence: string, headers: Record<string, string> = {}): Response {
  return new Response(`${sentence}\n`, { status, headers });
}
