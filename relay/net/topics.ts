/**
 * The sockets of a lane, a share or a channel, as a topic of Bun: one `publish` gives a frame or a message to all of
 * them. `Sockets` makes one for each lane, share and channel of its worker.
 *
 * Bun drops what it publishes to a socket that has more than its limit to send, and says of the others only how the
 * worst of them fared. So a socket is subscribed with Bun only while nothing waits for it: then Bun has at most one
 * message for it, and `getBufferedAmount` tells afterwards whether a part of that waits. All other sockets get what is
 * published by themselves, as without a topic: those that the kernel sends to, those whose message is being handled,
 * those that wait for memory.
 */
import { encodeControl, type Message } from "../../protocol/mod.ts";

import type { GivenRecord, RecordPlace } from "../log/block-log.ts";
import type { SendResult, SocketId, Topic } from "../share/outlet.ts";
import type { Publisher, Socket } from "./socket.ts";

/** A socket of Bun, as a topic uses it. */
export type TopicSocket = Pick<Socket, "subscribe" | "unsubscribe"> & {
  readonly data: Pick<Socket["data"], "publisher">;
};

/** The sockets of the worker. */
export interface TopicHost<S extends TopicSocket> {
  /** Whether Bun's topics cost no more than a send to each socket: not where it sends to others without a copy. */
  readonly publishes: boolean;
  /** Bun publishes smaller messages at the end of its turn, and nothing tells how a socket took them. bytes */
  readonly atOnceBytes: number;
  /** The socket, if nothing waits for it and Bun alone sends to it: then it may be given something with others. */
  shared(id: SocketId): S | undefined;
  sendFrame(id: SocketId, place: GivenRecord): SendResult;
  /** @param bytes the message, packed */
  sendPacked(id: SocketId, message: Message, bytes: Uint8Array): void;
  /** Bun got a message for the socket. */
  noteGiven(socket: S, message: Message): void;
}

/** Frames that Bun copies to sockets, see `CopiedFrames`. */
export interface SharedFrames<S> {
  view(place: RecordPlace): Uint8Array;
  /**
   * Whether a frame may be given to this socket and, in the same call, to so many others. False: it is given by itself,
   * and waits for memory if need be.
   */
  fits(socket: S, place: RecordPlace, others: number): boolean;
  /** Bun got a frame for a socket that had nothing else to send. */
  noteGiven(socket: S, place: RecordPlace): void;
}

export class SocketTopic<S extends TopicSocket> implements Topic {
  /** Unlike that of any other topic of the worker. */
  readonly #name: string;
  readonly #host: TopicHost<S>;
  readonly #frames: SharedFrames<S>;
  readonly #members = new Set<SocketId>();
  /** The sockets that are subscribed with Bun. */
  readonly #subscribed = new Map<SocketId, S>();

  constructor(name: string, host: TopicHost<S>, frames: SharedFrames<S>) {
    this.#name = name;
    this.#host = host;
    this.#frames = frames;
  }

  get size(): number {
    return this.#members.size;
  }

  get sockets(): Iterable<SocketId> {
    return this.#members;
  }

  subscribe(id: SocketId): void {
    this.#members.add(id);
  }

  unsubscribe(id: SocketId): void {
    this.#members.delete(id);
    this.#leave(id);
  }

  close(): void {
    for (const id of this.#subscribed.keys()) this.#leave(id);
    this.#members.clear();
  }

  publishFrame(place: GivenRecord): ReadonlySet<SocketId> {
    const alone = this.#publishTogether(place);
    const refused = new Set<SocketId>();
    for (const id of alone) {
      if (this.#host.sendFrame(id, place) === "refused") refused.add(id);
    }
    return refused;
  }

  publish(message: Message): void {
    const bytes = encodeControl(message);
    const together = new Map<SocketId, S>();
    const alone: SocketId[] = [];
    for (const id of this.#members) {
      const socket = this.#host.publishes ? this.#host.shared(id) : undefined;
      if (socket === undefined) alone.push(id);
      else together.set(id, socket);
    }
    this.#give(together, bytes);
    for (const socket of together.values()) this.#host.noteGiven(socket, message);
    for (const id of alone) this.#host.sendPacked(id, message, bytes);
  }

  /** @returns sockets that have to get the frame by themselves */
  #publishTogether(place: RecordPlace): Iterable<SocketId> {
    if (!this.#host.publishes || place.length < this.#host.atOnceBytes) return this.#members;
    const alone: SocketId[] = [];
    const together = new Map<SocketId, S>();
    const give = (): void => {
      this.#give(together, this.#frames.view(place));
      for (const socket of together.values()) this.#frames.noteGiven(socket, place);
      together.clear();
    };
    for (const id of this.#members) {
      const socket = this.#host.shared(id);
      if (socket === undefined) {
        alone.push(id);
        continue;
      }
      // All of them may take nothing; when as many as may wait are together, it shows how many do.
      if (together.size > 0 && !this.#frames.fits(socket, place, together.size)) give();
      if (this.#frames.fits(socket, place, together.size)) together.set(id, socket);
      else alone.push(id);
    }
    give();
    return alone;
  }

  /** Gives a message to these sockets and to no other one. */
  #give(sockets: ReadonlyMap<SocketId, S>, bytes: Uint8Array): void {
    if (sockets.size === 0) return;
    const publishers = new Set<Publisher>();
    for (const id of this.#subscribed.keys()) if (!sockets.has(id)) this.#leave(id);
    for (const [id, socket] of sockets) {
      const { publisher } = socket.data;
      if (publisher !== undefined) publishers.add(publisher);
      if (this.#subscribed.has(id)) continue;
      socket.subscribe(this.#name);
      this.#subscribed.set(id, socket);
    }
    // The result tells nothing: a server that listens no more returns 0 although it publishes.
    for (const publisher of publishers) publisher.publish(this.#name, bytes, false);
  }

  #leave(id: SocketId): void {
    this.#subscribed.get(id)?.unsubscribe(this.#name);
    this.#subscribed.delete(id);
  }
}
