import { FRAME_BYTES } from "../../protocol/mod.ts";

import type { ClientData, Router } from "./router.ts";
import type { Egress } from "../net/egress.ts";
import type { OriginalSocket } from "../lobby/text-socket.ts";
import type { OriginalClients } from "../lobby/text.ts";
import type { Hub } from "../share/hub.ts";
import type { Reporter } from "./reports.ts";
import type { IdleGc } from "./idle-gc.ts";
import type { Socket, Sockets } from "../net/sockets.ts";

/** Bytes of a WebSocket message of an original app's sender, which may cut its file as it likes. */
export const TEXT_MESSAGE_BYTES = 16 * 1024 ** 2;

/** What who speaks something else at SOCKET_PATH is told. */
const NO_TEXT = "text, where fileshare speaks binary messages";

/** Those of a worker who hear of its WebSockets. */
export interface SocketEventsOptions {
  readonly router: Router;
  readonly sockets: Sockets;
  readonly text: OriginalClients;
  readonly hub: Hub;
  readonly egress: Egress;
  readonly idleGc: IdleGc;
  readonly report: Reporter;
  readonly clock: () => number;
  /** Whether the lobby is open to those who speak no fileshare. */
  readonly isLobbyOpen: boolean;
}

function isText(socket: Bun.ServerWebSocket<ClientData>): socket is OriginalSocket {
  return "role" in socket.data;
}

function isOurs(socket: Bun.ServerWebSocket<ClientData>): socket is Socket {
  return !("role" in socket.data);
}

/** Bun's events of the WebSockets of both doors, each to whom it concerns. */
export function socketEvents({
  router,
  sockets,
  text,
  hub,
  egress,
  idleGc,
  report,
  clock,
  isLobbyOpen,
}: SocketEventsOptions): Bun.WebSocketHandler<ClientData> {
  const heard = (socket: Bun.ServerWebSocket<ClientData>, { length }: Buffer): void => {
    if (isText(socket)) text.signOfLife(socket, length);
    else if (isOurs(socket)) sockets.signOfLife(socket, length);
  };
  return {
    data: {} as ClientData,
    maxPayloadLength: isLobbyOpen ? TEXT_MESSAGE_BYTES : FRAME_BYTES,
    // Bun's own pings could come between the parts of a message; `Sockets` sends them.
    idleTimeout: 0,
    sendPings: false,
    perMessageDeflate: false,
    open(socket) {
      const by = isText(socket) ? "text" : "socket";
      const { address } = socket.data.client;
      report({ level: "debug", event: "socket-opened", fields: { address, door: by } });
      if (isText(socket)) {
        text.opened(socket);
        return;
      }
      if (!isOurs(socket) || !sockets.opened(socket)) return;
      hub.opened(socket.data.id, clock(), socket.data.client.limitKey);
    },
    message(socket, message) {
      idleGc.busy(clock());
      if (isText(socket)) {
        text.message(socket, message);
        return;
      }
      if (!isOurs(socket)) return;
      sockets.handle(socket, message.length, (id) => {
        if (typeof message === "string") sockets.fail(id, "bad-message", NO_TEXT);
        else if (message.length > FRAME_BYTES) sockets.fail(id, "bad-message", "too long");
        else hub.message(id, message, clock());
      });
    },
    ping: heard,
    pong: heard,
    drain(socket) {
      if (isText(socket)) text.drained(socket);
      else if (isOurs(socket)) sockets.drained(socket);
    },
    close(socket, code, reason) {
      const { address } = socket.data.client;
      // The peer's bytes may be anything.
      report({ level: "debug", event: "socket-closed", fields: { address, code, reason } });
      router.left(socket.data);
      if (isText(socket)) {
        text.closed(socket);
        return;
      }
      if (!isOurs(socket)) return;
      sockets.closed(socket);
      egress.gone(socket.data.id);
      hub.closed(socket.data.id, clock());
    },
  };
}
