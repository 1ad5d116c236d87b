import type { Message, Role, SocketFault } from "../../protocol/mod.ts";

import type { GivenRecord, RecordPlace } from "../log/block-log.ts";

/**
 * A socket of this worker. One below zero is a client of the lobby that speaks no fileshare, see
 * `net/client-router.ts`.
 */
export type SocketId = number;

const NONE: ReadonlySet<SocketId> = new Set();

/**
 * The fate of a frame given to a socket. `queued`: taken, and no more must be given until the
 * socket has drained. `refused`: not taken; the socket is closing, or waits for memory and will be
 * told to have drained when there is some; likewise what has to wait for its turn, see egress.ts.
 */
export type SendResult = "sent" | "queued" | "refused";

/**
 * Sockets that get the same. An outlet may give a frame or a message to all of them at once, where that costs less
 * than one by one. Each socket gets what `sendFrame` and `send` would give it, in the same order.
 */
export interface Topic {
  readonly size: number;
  readonly sockets: Iterable<SocketId>;
  subscribe(socket: SocketId): void;
  /** The socket gets nothing that is published from now on. */
  unsubscribe(socket: SocketId): void;
  /** Gives the frame to each socket of the topic. @returns those that refused it, see `SendResult` */
  publishFrame(place: GivenRecord): ReadonlySet<SocketId>;
  publish(message: Message): void;
  /** No socket is in it any more. */
  close(): void;
}

/**
 * The sockets of a worker, as its logic sees them. An interface and not effects as values, because
 * the answer of a socket decides what is given to the next.
 */
export interface Outlet {
  /** The client promised to send no WebSocket pings, so the kernel may send to it; see `net/sendfile.ts`. */
  noPing(socket: SocketId): void;
  /** Bytes given to the socket that the kernel has not taken; frames wait until it is 0. */
  buffered(socket: SocketId): number;
  sendFrame(socket: SocketId, place: GivenRecord): SendResult;
  /**
   * Gives a frame from memory, which holds it only until this returns.
   * @param keep keeps the frame in the log, when the socket does not take all of it; undefined: it can't
   */
  passFrame?(socket: SocketId, frame: Uint8Array, keep: () => RecordPlace | undefined): SendResult;
  /**
   * The client whose frame is being handled shall give no more until this receiver took the frame that is on its way
   * to it, if there is one; not for long, see `net/pauses.ts`.
   */
  paceBy?(receiver: SocketId): void;
  /** Whether the relay reads no more of this socket for now. */
  hold?(socket: SocketId, isHeld: boolean): void;
  newTopic(): Topic;
  /** Whether frames for this socket wait for something that is not its own to do. */
  holdsBack?(socket: SocketId): boolean;
  /** Both are one client's from now on: frames for a receiver may go by the further one too. */
  bundle?(main: SocketId, further: SocketId, role: Role): void;
  /** How many carry frames for this client; undefined: one. */
  connections?(main: SocketId): number;
  /** The further one is gone. */
  unbundle?(main: SocketId, further: SocketId): void;
  send(socket: SocketId, message: Message): void;
  /** A message to another relay, packed. */
  sendToEdge?(socket: SocketId, message: Uint8Array): void;
  /** Says why and closes. @param after seconds, before which trying again is of no use */
  fail(socket: SocketId, code: SocketFault, detail?: string, after?: number): void;
}

/** A topic whose sockets are served one by one. */
export class SingleSends implements Topic {
  readonly #outlet: Pick<Outlet, "sendFrame" | "send">;
  readonly #sockets = new Set<SocketId>();

  constructor(outlet: Pick<Outlet, "sendFrame" | "send">) {
    this.#outlet = outlet;
  }

  get size(): number {
    return this.#sockets.size;
  }

  get sockets(): Iterable<SocketId> {
    return this.#sockets;
  }

  subscribe(socket: SocketId): void {
    this.#sockets.add(socket);
  }

  unsubscribe(socket: SocketId): void {
    this.#sockets.delete(socket);
  }

  publishFrame(place: GivenRecord): ReadonlySet<SocketId> {
    let refused: Set<SocketId> | undefined;
    for (const socket of this.#sockets) {
      if (this.#outlet.sendFrame(socket, place) === "refused") (refused ??= new Set()).add(socket);
    }
    return refused ?? NONE;
  }

  publish(message: Message): void {
    for (const socket of this.#sockets) this.#outlet.send(socket, message);
  }

  close(): void {
    this.#sockets.clear();
  }
}
