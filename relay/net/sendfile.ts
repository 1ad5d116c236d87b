import { readSync } from "node:fs";

import {
  PROVEN_BYTES,
  STILL_MS,
  type MemoryKind,
  type MemoryPlace,
} from "../limits/memory-budget.ts";

import type { RecordPlace } from "../log/block-log.ts";
import type { Descriptor, Native, PeerKey } from "../system/native.ts";
import type { SendResult, SocketId } from "../share/outlet.ts";
import type { BlockPool } from "../log/block-pool.ts";
import type { FileStore } from "../log/store.ts";

/** ms between two looks at which sockets can take more: many at once, and each has taken much by then */
const POLL_MS = 2;
/** ms between two looks when the one before found none */
const POLL_IDLE_MS = 16;
/** Sockets so few that each would wait for the next look longer than for room. */
const FEW_SOCKETS = 4;
/** ms after one of few had room in which all are looked at in each turn of the event loop */
const EAGER_MS = 1;

/** A socket that the kernel sends to, and what is left of the frame on its way. */
interface Stream {
  readonly id: SocketId;
  readonly socket: Descriptor;
  readonly peer: PeerKey;
  watched: boolean;
  /** Pinned while it is being sent. */
  place: RecordPlace | undefined;
  /** Of the message in the log's file. bytes */
  offset: number;
  left: number;
  /** What is left, copied; the place is let go. */
  copy: Uint8Array | undefined;
  memory: MemoryPlace | undefined;
  /** What it took in all, and when it did last. bytes, ms */
  took: number;
  tookAt: number;
}

export interface DirectEvents {
  /** The frame that was queued is with the kernel. */
  drained(id: SocketId): void;
  /** Nothing more can be sent to it. */
  failed(id: SocketId): void;
}

/** What of the kernel it uses. */
export type Kernel = Pick<
  Native,
  "find" | "isResting" | "isPeer" | "watch" | "sendFile" | "send" | "writable"
>;

export interface DirectOptions {
  readonly native: Kernel;
  readonly pool: BlockPool;
  readonly store: FileStore;
  readonly clock: () => number;
  /** Holds memory for a socket. */
  readonly enter: (id: SocketId, kind: MemoryKind) => MemoryPlace;
  readonly events: DirectEvents;
}

/**
 * Frames from the log's file into sockets by the kernel alone: no byte is copied, and a receiver that
 * stalls holds none of our memory.
 *
 * The sockets are Bun's, which knows nothing of this. So nothing of Bun's may get between the parts
 * of a message: while a frame is on its way, `Sockets` holds all else back, and only clients that
 * promised not to ping are sent to in this way, because Bun answers pings by itself.
 */
export class DirectSender {
  readonly #native: Kernel;
  readonly #pool: BlockPool;
  readonly #store: FileStore;
  readonly #events: DirectEvents;
  readonly #clock: () => number;
  readonly #enter: DirectOptions["enter"];
  readonly #streams = new Map<SocketId, Stream>();
  /** Streams with something left of a frame. */
  readonly #blocked = new Set<Stream>();
  /** Blocked at the last tick already. */
  #slow = new Set<Stream>();
  #isPolling = false;
  #isDisposed = false;
  #delay = POLL_MS;
  #foundAt = 0;

  constructor({ native, pool, store, events, clock, enter }: DirectOptions) {
    this.#clock = clock;
    this.#enter = enter;
    this.#native = native;
    this.#pool = pool;
    this.#store = store;
    this.#events = events;
  }

  /**
   * Sends to this socket from now on, to which nothing may be on its way.
   * @returns `later`: it was not found, and may be another time; else it stays with Bun
   */
  attach(id: SocketId, peer: PeerKey): "attached" | "not-found" | "later" {
    const socket = this.#native.find(peer);
    if (socket === undefined) return this.#native.isResting ? "later" : "not-found";
    this.#streams.set(id, {
      id,
      socket,
      peer,
      watched: false,
      place: undefined,
      offset: 0,
      left: 0,
      copy: undefined,
      memory: undefined,
      took: 0,
      tookAt: 0,
    });
    return "attached";
  }

  /** The socket is closed. */
  detach(id: SocketId): void {
    const stream = this.#streams.get(id);
    if (stream === undefined) return;
    this.#streams.delete(id);
    this.#release(stream);
  }

  /** Undefined: this socket is Bun's to send to. */
  send(id: SocketId, place: RecordPlace): SendResult | undefined {
    const stream = this.#streams.get(id);
    if (stream === undefined) return undefined;
    if (!this.#native.isPeer(stream.socket, stream.peer)) return "refused";
    if (!this.#watch(stream)) {
      this.#streams.delete(id);
      return undefined;
    }
    const { offset, length } = this.#store.extent(place.block, place.offset, place.length);
    stream.offset = offset;
    stream.left = length;
    this.#pool.expose(place.block);
    const result = this.#push(stream);
    if (result !== "queued") return result;
    this.#pool.pin(place.block, place.generation);
    stream.place = place;
    this.#blocked.add(stream);
    this.#pollLater();
    return "queued";
  }

  /** What is left of the frame on its way to this socket. bytes */
  left(id: SocketId): number {
    return this.#streams.get(id)?.left ?? 0;
  }

  /** Of that, what is in memory. bytes */
  copied(id: SocketId): number {
    return this.#streams.get(id)?.copy?.length ?? 0;
  }

  /**
   * Tries slow sockets again, so that none waits for ever for a word that never came, and lets go of
   * blocks that they hold up: those that their log gave back. A client that is sent what the log still
   * has costs nobody anything, and must not be cut off for others.
   */
  tick(): void {
    const slow = this.#slow;
    this.#slow = new Set(this.#blocked);
    for (const { id } of slow) this.#writable(id);
    if (slow.size === 0 || !this.#pool.isHeldUp) return;
    for (const stream of slow) {
      const { place } = stream;
      if (!this.#blocked.has(stream) || place === undefined) continue;
      if (this.#pool.generation(place.block) === place.generation) continue;
      if (!this.#copyRest(stream)) this.#events.failed(stream.id);
    }
  }

  dispose(): void {
    this.#isDisposed = true;
  }

  /** False: the kernel tells of no more sockets, and Bun has to send. */
  #watch(stream: Stream): boolean {
    stream.watched ||= this.#native.watch(stream.socket, stream.id);
    return stream.watched;
  }

  /** Gives the socket what it takes. A socket that took less than all is full. */
  #push(stream: Stream): SendResult {
    const { socket, offset, left, copy } = stream;
    const took =
      copy === undefined
        ? this.#native.sendFile(socket, this.#store.file, offset, left)
        : this.#native.send(socket, copy);
    if (took === "dead") {
      stream.left = 0;
      return "refused";
    }
    if (took === "full") return "queued";
    stream.offset += took;
    stream.left -= took;
    stream.took += took;
    stream.tookAt = this.#clock();
    if (copy !== undefined) {
      stream.copy = copy.subarray(took);
      // The rest of the copy is still all there.
      stream.memory?.took(took);
    }
    return stream.left === 0 ? "sent" : "queued";
  }

  #writable(id: SocketId): void {
    const stream = this.#streams.get(id);
    if (stream === undefined || stream.left === 0) return;
    if (!this.#native.isPeer(stream.socket, stream.peer)) return;
    const result = this.#push(stream);
    if (result === "queued") return;
    this.#release(stream);
    if (result === "sent") this.#events.drained(id);
    else this.#events.failed(id);
  }

  /** Looks again and again for sockets with room, as long as any has none. */
  #pollLater(): void {
    if (this.#isPolling || this.#isDisposed || this.#blocked.size === 0) return;
    this.#isPolling = true;
    const isEager =
      this.#blocked.size <= FEW_SOCKETS && performance.now() - this.#foundAt < EAGER_MS;
    if (isEager) setImmediate(() => this.#poll());
    else setTimeout(() => this.#poll(), this.#delay);
  }

  #poll(): void {
    this.#isPolling = false;
    if (this.#isDisposed) return;
    if (this.#native.writable((id) => this.#writable(id)) > 0) {
      this.#foundAt = performance.now();
      this.#delay = POLL_MS;
    } else {
      this.#delay = Math.min(2 * this.#delay, POLL_IDLE_MS);
    }
    this.#pollLater();
  }

  /** False when there is no memory for it. */
  #copyRest(stream: Stream): boolean {
    const moves = stream.took >= PROVEN_BYTES && this.#clock() - stream.tookAt < STILL_MS;
    const memory = this.#enter(stream.id, moves ? "moving" : "still");
    if (!memory.fits(stream.left)) return false;
    memory.hold(stream.left);
    stream.memory = memory;
    const copy = new Uint8Array(stream.left);
    readSync(this.#store.file, copy, 0, copy.length, stream.offset);
    stream.copy = copy;
    this.#unpin(stream);
    return true;
  }

  /** Nothing is on its way to this socket any more. */
  #release(stream: Stream): void {
    this.#blocked.delete(stream);
    this.#unpin(stream);
    stream.copy = undefined;
    stream.memory?.leave();
    stream.memory = undefined;
    stream.left = 0;
  }

  #unpin(stream: Stream): void {
    if (stream.place !== undefined) this.#pool.unpin(stream.place.block);
    stream.place = undefined;
  }
}
