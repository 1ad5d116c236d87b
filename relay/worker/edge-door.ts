/**
 * The port at which a worker serves other relays of its cluster. It takes WebSockets at one path and nothing else; bans,
 * tokens, limits per address and web origins are of clients. The worker owns it, all workers of a relay share the port,
 * and it closes when the relay drains, as that of clients does.
 */
import { FRAME_BYTES } from "../../protocol/mod.ts";

import type { ForwardedClient } from "../cluster/wire.ts";
import type { Egress } from "../net/egress.ts";
import { CAN_SHARE_PORT, HTTP_IDLE_SECONDS, Listener } from "../net/listener.ts";
import { refusal } from "../net/refusal.ts";
import type { Socket, SocketData } from "../net/socket.ts";
import type { Sockets } from "../net/sockets.ts";
import type { Hub } from "../share/hub.ts";
import type { SocketId } from "../share/outlet.ts";
import type { ClientData } from "./router.ts";

/** The path of its WebSocket. */
export const CLUSTER_PATH = "/cluster";
/** Of one worker, streams too: a thousand channels with receivers elsewhere take four each. */
export const EDGE_LINES_MOST = 4096;
/**
 * Sockets of one worker that did not prove the secret yet; of more the oldest goes. A relay proves it within a round
 * trip, so a flood of others keeps no relay out.
 */
export const EDGE_STRANGERS_MOST = 256;

const FULL = "as many lines of other relays as one worker takes";

export interface EdgePlace {
  readonly hostname: string;
  /** 0 takes a free one. */
  readonly port: number;
}

export interface EdgeDoorOptions {
  readonly place: EdgePlace;
  readonly isShared: boolean;
  readonly sockets: Sockets;
  readonly hub: Hub;
  readonly egress: Egress;
  /** The events of clients. */
  readonly websocket: Bun.WebSocketHandler<ClientData>;
  readonly clock: () => number;
  /** A mistake in a handler ends the worker. */
  readonly error: (mistake: Error) => Response;
}

export class EdgeDoor {
  readonly listener: Listener<ClientData>;
  readonly #options: EdgeDoorOptions;
  readonly #open = new Set<SocketData>();
  readonly #strangers = new Set<SocketData>();

  constructor(options: EdgeDoorOptions) {
    this.#options = options;
    const { place, isShared, error } = options;
    this.listener = new Listener<ClientData>({
      open: (port) =>
        Bun.serve<ClientData>({
          hostname: place.hostname,
          port,
          reusePort: CAN_SHARE_PORT && isShared,
          idleTimeout: HTTP_IDLE_SECONDS,
          development: false,
          error,
          fetch: (request, server) => this.#fetch(request, server),
          websocket: this.#events(),
        }),
      port: place.port,
      tls: undefined,
    });
  }

  /** A socket proved that it is another relay. @param client the sender that it carries, if so */
  welcomed(id: SocketId, client: ForwardedClient | undefined): void {
    const { sockets } = this.#options;
    const data = sockets.dataOf(id);
    if (data === undefined) return;
    sockets.welcomed(data, client);
    this.#strangers.delete(data);
  }

  tick(): void {
    for (const data of this.#open) data.tick();
  }

  disconnect(): void {
    for (const data of this.#open) data.disconnect("going-away");
  }

  #fetch(request: Request, server: Bun.Server<ClientData>): Response | undefined {
    if (URL.parse(request.url)?.pathname !== CLUSTER_PATH) return refusal(404, "Nothing is here.");
    if (this.#open.size >= EDGE_LINES_MOST) return refusal(503, FULL);
    const { sockets } = this.#options;
    const remote = server.requestIP(request);
    const client = { address: remote?.address ?? "", limitKey: undefined, origin: "" };
    const data = sockets.edgeDataFor(client, remote);
    if (server.upgrade(request, { data })) return undefined;
    const headers = { upgrade: "websocket", connection: "upgrade" };
    return refusal(426, "Other relays of the cluster come here by WebSocket.", headers);
  }

  #events(): Bun.WebSocketHandler<ClientData> {
    const { websocket, sockets, hub, egress, clock } = this.#options;
    return {
      ...websocket,
      maxPayloadLength: FRAME_BYTES,
      open: (socket) => {
        if (!isOfEdge(socket)) return;
        this.#enter(socket.data);
        sockets.opened(socket);
        hub.edgeOpened(socket.data.id, clock());
      },
      close: (socket) => {
        if (!isOfEdge(socket)) return;
        this.#open.delete(socket.data);
        this.#strangers.delete(socket.data);
        sockets.closed(socket);
        egress.gone(socket.data.id);
        hub.closed(socket.data.id, clock());
      },
    };
  }

  #enter(data: SocketData): void {
    const { sockets } = this.#options;
    this.#open.add(data);
    this.#strangers.add(data);
    if (this.#strangers.size <= EDGE_STRANGERS_MOST) return;
    const [oldest] = this.#strangers;
    if (oldest === undefined) return;
    this.#strangers.delete(oldest);
    sockets.fail(oldest.id, "too-many", FULL);
  }
}

function isOfEdge(socket: Bun.ServerWebSocket<ClientData>): socket is Socket {
  return socket.data.door === "socket";
}
