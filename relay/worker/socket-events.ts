/** Bun's events of a worker's WebSockets, each for the door that the client came by. */
import { FRAME_BYTES } from "../../protocol/mod.ts";

import type { OriginalClients } from "../lobby/original/original-clients.ts";
import type { OriginalSocket } from "../lobby/original/original-socket.ts";
import type { Egress } from "../net/egress.ts";
import type { Peers } from "../net/peer.ts";
import type { Socket } from "../net/socket.ts";
import type { Sockets } from "../net/sockets.ts";
import type { Hub } from "../share/hub.ts";
import type { IdleGc } from "./idle-gc.ts";
import type { Reporter } from "./reports.ts";
import type { ClientData } from "./router.ts";

/** Bytes of a WebSocket message of an original app's sender, which may cut its file as it likes. */
export const TEXT_MESSAGE_BYTES = 16 * 1024 ** 2;

/** Messages of which the memory is worth more than the call that gives it back. */
export const LARGE_MESSAGE_BYTES = 64 * 1024;

const NO_TEXT = "text, where fileshare speaks binary messages";

export interface SocketEventsOptions {
  readonly peers: Peers;
  readonly sockets: Sockets;
  readonly original: OriginalClients;
  readonly hub: Hub;
  readonly egress: Egress;
  readonly idleGc: IdleGc;
  readonly report: Reporter;
  readonly clock: () => number;
  /** Whether the lobby is open to clients that speak no fileshare. */
  readonly isLobbyOpen: boolean;
}

type AnySocket = Bun.ServerWebSocket<ClientData>;

function isOurs(socket: AnySocket): socket is Socket {
  return socket.data.door === "socket";
}

function isOriginal(socket: AnySocket): socket is OriginalSocket {
  return socket.data.door === "text";
}

/**
 * Gives the memory of a handled message back at once. Left to the collector, each frame would come into memory that
 * no cache holds, and a worker would have some 50 MiB of old frames.
 */
export function release({ buffer }: Uint8Array): void {
  if (buffer instanceof ArrayBuffer) buffer.transfer(0);
}

export function socketEvents({
  peers,
  sockets,
  original,
  hub,
  egress,
  idleGc,
  report,
  clock,
  isLobbyOpen,
}: SocketEventsOptions): Bun.WebSocketHandler<ClientData> {
  const heard = (socket: AnySocket, { length }: Buffer): void => {
    if (isOurs(socket)) sockets.signOfLife(socket, length);
    else if (isOriginal(socket)) original.signOfLife(socket, length);
  };
  return {
    data: {} as ClientData,
    maxPayloadLength: isLobbyOpen ? TEXT_MESSAGE_BYTES : FRAME_BYTES,
    // Bun's own pings could come between the parts of a message; `Line` sends them.
    idleTimeout: 0,
    sendPings: false,
    perMessageDeflate: false,
    open(socket) {
      const { client, door } = socket.data;
      report({ level: "debug", event: "socket-opened", fields: { address: client.address, door } });
      peers.open(socket.data);
      if (isOriginal(socket)) original.opened(socket);
      else if (isOurs(socket) && sockets.opened(socket)) {
        hub.opened(socket.data.id, clock(), client.limitKey);
      }
    },
    message(socket, message) {
      idleGc.busy(clock());
      if (isOriginal(socket)) {
        original.message(socket, message);
        return;
      }
      if (!isOurs(socket)) return;
      sockets.handle(socket, message.length, (id) => {
        if (typeof message === "string") sockets.fail(id, "bad-message", NO_TEXT);
        else if (message.length > FRAME_BYTES) sockets.fail(id, "bad-message", "too long");
        else hub.message(id, message, clock());
      });
      if (typeof message !== "string" && message.length >= LARGE_MESSAGE_BYTES) release(message);
    },
    ping: heard,
    pong: heard,
    drain(socket) {
      if (isOurs(socket)) sockets.drained(socket);
      else if (isOriginal(socket)) original.drained(socket);
    },
    close(socket, code, reason) {
      const { address } = socket.data.client;
      // The peer's bytes may be anything.
      report({ level: "debug", event: "socket-closed", fields: { address, code, reason } });
      peers.close(socket.data);
      if (isOriginal(socket)) original.closed(socket);
      if (!isOurs(socket)) return;
      sockets.closed(socket);
      egress.gone(socket.data.id);
      hub.closed(socket.data.id, clock());
    },
  };
}
