import type { FaultCode, Message } from "../protocol/mod.ts";

/** A socket of this worker. */
export type SocketId = number;

/**
 * What became of a frame given to a socket. `queued`: taken, and no more must be given until the
 * socket has drained. `refused`: not taken, the socket is closing.
 */
export type SendResult = "sent" | "queued" | "refused";

/**
 * The sockets of a worker, as its logic sees them. An interface and not effects as values, because
 * the answer of a socket decides what is given to the next.
 */
export interface Outlet {
  /** Bytes given to the socket that the kernel has not taken. */
  buffered(socket: SocketId): number;
  sendFrame(socket: SocketId, frame: Uint8Array): SendResult;
  /** Gives the frame to every subscriber of the topic; tells nothing, so look before. */
  publish(topic: string, frame: Uint8Array): void;
  subscribe(socket: SocketId, topic: string): void;
  unsubscribe(socket: SocketId, topic: string): void;
  send(socket: SocketId, message: Message): void;
  /** Says why and closes. */
  fail(socket: SocketId, code: FaultCode, detail?: string): void;
}
