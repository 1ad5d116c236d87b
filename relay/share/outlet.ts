import type { Message, SocketFault } from "../../protocol/mod.ts";

import type { RecordPlace } from "../log/block-log.ts";

/**
 * A socket of this worker. One below zero is a client of the lobby that speaks no fileshare, see
 * `net/client-router.ts`.
 */
export type SocketId = number;

/**
 * The fate of a frame given to a socket. `queued`: taken, and no more must be given until the
 * socket has drained. `refused`: not taken; the socket is closing, or waits for memory and will be
 * told to have drained when there is some; likewise what has to wait for its turn, see egress.ts.
 */
export type SendResult = "sent" | "queued" | "refused";

/**
 * The sockets of a worker, as its logic sees them. An interface and not effects as values, because
 * the answer of a socket decides what is given to the next.
 */
export interface Outlet {
  /** The client promised to send no WebSocket pings, so the kernel may send to it; see `net/sendfile.ts`. */
  noPing(socket: SocketId): void;
  /** Bytes given to the socket that the kernel has not taken; frames wait until it is 0. */
  buffered(socket: SocketId): number;
  sendFrame(socket: SocketId, place: RecordPlace): SendResult;
  /** Whether frames for this socket wait for something that is not its own to do. */
  holdsBack?(socket: SocketId): boolean;
  send(socket: SocketId, message: Message): void;
  /** Says why and closes. @param after seconds, before which trying again is of no use */
  fail(socket: SocketId, code: SocketFault, detail?: string, after?: number): void;
}
