import type { Entrances } from "./entrances/mod.ts";
import type { TextData } from "./entrances/text.ts";
import type { Policy } from "./policy.ts";
import type { Reporter } from "./reports.ts";
import type { SocketData, Sockets } from "./sockets.ts";

/** The path of the protocol's WebSocket. */
export const SOCKET_PATH = "/ws";

/** What a WebSocket of the relay carries, by the door that it came through. */
export type ClientData = SocketData | TextData;

type Server = Bun.Server<ClientData>;

/** Whoever makes a request, as far as limits and permissions go. */
export interface Visitor {
  /** The address that it comes from; empty when it is gone already. */
  readonly address: string;
}

export interface DoorOptions {
  readonly policy: Policy;
  readonly sockets: Sockets;
  readonly entrances: Entrances;
  /** Whether the lobby is open to those who speak no fileshare. */
  readonly lobby: boolean;
  readonly report: Reporter;
}

/** Where every request to a worker comes in: who may, and where to. */
export class Door {
  readonly #options: DoorOptions;
  #policy: Policy;

  constructor(options: DoorOptions) {
    this.#options = options;
    this.#policy = options.policy;
  }

  /** From now on that one holds. Who is in stays in. */
  set policy(policy: Policy) {
    this.#policy = policy;
  }

  /** @returns undefined: it has become a WebSocket */
  fetch(request: Request, server: Server): Response | Promise<Response> | undefined {
    if (isForeignPage(request)) return refusal(403, "Wrong origin.");
    const { pathname } = new URL(request.url);
    const { entrances, lobby } = this.#options;
    const clear = lobby ? entrances.text.dataFor(pathname) : undefined;
    if (pathname === SOCKET_PATH || clear !== undefined) {
      return this.#upgrade(request, server, clear);
    }
    // Who waits for a file says nothing meanwhile.
    server.timeout(request, 0);
    return entrances.fetch(request) ?? refusal(404, "There is nothing here.");
  }

  #upgrade(request: Request, server: Server, clear: TextData | undefined): Response | undefined {
    const { sockets, entrances } = this.#options;
    if (sockets.size + entrances.size >= this.#policy.limits.socketsPerWorker) {
      return refusal(503, "The relay is full.");
    }
    const data = clear ?? sockets.dataFor(server.requestIP(request));
    if (server.upgrade(request, { data })) return undefined;
    return refusal(426, "Use a WebSocket.", { upgrade: "websocket" });
  }
}

/** A page of another site must not use a person's browser to reach a relay. */
function isForeignPage(request: Request): boolean {
  const origin = request.headers.get("origin");
  if (origin === null) return false;
  return URL.parse(origin)?.host !== request.headers.get("host");
}

function refusal(status: number, sentence: string, headers: Record<string, string> = {}): Response {
  return new Response(`${sentence}\n`, { status, headers });
}
