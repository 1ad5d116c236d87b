/**
 * Sends frames from the log's file into sockets with sendfile(2): no byte is copied, and a receiver that
 * stalls holds no memory of the relay.
 *
 * The sockets are Bun's, which knows nothing of this. So no byte of Bun's may get between the parts of a
 * message. While a frame is on its way, `Sockets` queues everything else. `Sockets` attaches only clients that
 * promised not to ping, because Bun answers pings by itself.
 */
import { readSync } from "node:fs";

import {
  PROVEN_BYTES,
  STILL_MS,
  type MemoryKind,
  type MemoryPlace,
} from "../limits/memory-budget.ts";

import { FrameTurns } from "./frame-turns.ts";
import type { GivenRecord, RecordPlace } from "../log/block-log.ts";
import type { Native } from "../system/native.ts";
import type { Descriptor, PeerKey } from "../system/connections.ts";
import type { SocketCookie } from "../system/socket-state.ts";
import type { SendResult, SocketId } from "../share/outlet.ts";
import type { BlockPool } from "../log/block-pool.ts";
import type { Extent, FileStore } from "../log/store.ts";

/** Between two polls for sockets with room: each finds many, which have taken much by then. ms */
const POLL_MS = 2;
/** The same after polls that found none. ms */
const POLL_IDLE_MS = 16;
/** So few sockets that each would wait for the next poll longer than for room. */
const FEW_SOCKETS = 4;
/** After one of few sockets had room, all are polled in each turn of the event loop for so long. ms */
const EAGER_MS = 1;

/** A socket that the kernel sends to, and the frame on its way. */
interface Stream {
  readonly id: SocketId;
  readonly socket: Descriptor;
  /** Bun may have closed the socket, and its descriptor may be another one's by now. */
  readonly cookie: SocketCookie;
  watched: boolean;
  /** Pinned while it leaves. */
  place: RecordPlace | undefined;
  /** In the log's file, of the bytes that have not left. */
  offset: number;
  left: number;
  /** The bytes that have not left, once the place is released. */
  copy: Uint8Array | undefined;
  memory: MemoryPlace | undefined;
  /** Bytes that it took in all, and when it last took some. ms */
  took: number;
  tookAt: number;
}

export interface DirectEvents {
  /** The kernel has all of the queued frame. */
  drained(id: SocketId): void;
  /** The kernel has memory again for a frame to this socket, which was refused one. */
  turn(id: SocketId): void;
  /** The socket takes nothing any more. */
  failed(id: SocketId): void;
}

/** The calls of the kernel that it uses. */
export type Kernel = Pick<
  Native,
  "find" | "isResting" | "cookie" | "watch" | "sendFile" | "send" | "writable"
>;

export interface DirectOptions {
  readonly native: Kernel;
  readonly pool: BlockPool;
  readonly store: FileStore;
  readonly clock: () => number;
  /** Holds memory for a socket. */
  readonly enter: (id: SocketId, kind: MemoryKind) => MemoryPlace;
  readonly events: DirectEvents;
  /** See `TcpMemory.used`. */
  readonly tcpUsed: () => number;
}

export class DirectSender {
  readonly #options: DirectOptions;
  readonly #streams = new Map<SocketId, Stream>();
  /** Streams whose frame has not left. */
  readonly #blocked = new Set<Stream>();
  /** Already blocked at the last tick. */
  #slow = new Set<Stream>();
  readonly #turns: FrameTurns;
  #isPolling = false;
  #isDisposed = false;
  #delay = POLL_MS;
  #foundAt = 0;

  constructor(options: DirectOptions) {
    this.#options = options;
    const { clock, tcpUsed, events } = options;
    this.#turns = new FrameTurns({ clock, tcpUsed, turn: (id) => events.turn(id) });
  }

  /**
   * From now on the kernel sends to this socket. No byte may be on its way to it.
   * @returns `later`: the kernel may find it another time; `not-found`: Bun goes on sending to it
   */
  attach(id: SocketId, peer: PeerKey): "attached" | "not-found" | "later" {
    const { native } = this.#options;
    const socket = native.find(peer);
    if (socket === undefined) return native.isResting ? "later" : "not-found";
    const cookie = native.cookie(socket);
    if (cookie === undefined) return "not-found";
    this.#streams.set(id, {
      id,
      socket,
      cookie,
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

  detach(id: SocketId): void {
    const stream = this.#streams.get(id);
    if (stream === undefined) return;
    this.#streams.delete(id);
    this.#turns.leave(id);
    this.#release(stream);
  }

  /** Undefined: Bun sends to this socket. */
  send(id: SocketId, record: GivenRecord): SendResult | undefined {
    const stream = this.#streams.get(id);
    if (stream === undefined) return undefined;
    if (!this.#turns.take(id, record.length, this.#streams.size)) {
      this.#pollLater();
      return "refused";
    }
    if (!this.#isSame(stream)) return "refused";
    if (!this.#watch(stream)) {
      this.#streams.delete(id);
      return undefined;
    }
    const { memory } = record;
    const took = memory === undefined ? 0 : this.#copy(stream, memory);
    if (took === "dead") return "refused";
    const { offset, length } = this.#extent(record);
    if (took === length) return "sent";
    stream.offset = offset + took;
    stream.left = length - took;
    this.#options.pool.expose(record.block);
    const result = memory === undefined ? this.#push(stream) : "queued";
    if (result === "queued") this.#block(stream, record);
    return result;
  }

  /**
   * Sends a frame from the memory in which it came, still warm. The log gets it only when the socket is full before
   * its end.
   */
  pass(
    id: SocketId,
    frame: Uint8Array,
    keep: () => RecordPlace | undefined,
  ): SendResult | undefined {
    const stream = this.#streams.get(id);
    if (stream === undefined) return undefined;
    const { store, pool, events } = this.#options;
    if (!this.#isSame(stream) || !this.#watch(stream)) return "refused";
    const took = this.#copy(stream, frame);
    if (took === "dead") return "refused";
    const head = store.headOf(frame.length);
    if (took === head.length + frame.length) return "sent";
    const place = keep();
    if (place === undefined) {
      // Half a message is on its way: until the socket is given up, nothing may get between.
      stream.copy = Buffer.concat([head, frame]).subarray(took);
      stream.left = stream.copy.length;
      setImmediate(() => events.failed(id));
      return "queued";
    }
    const { offset, length } = this.#extent(place);
    stream.offset = offset + took;
    stream.left = length - took;
    pool.expose(place.block);
    this.#block(stream, place);
    return "queued";
  }

  /** Gives a frame with its head from memory. @returns how much of both the socket took */
  #copy(stream: Stream, frame: Uint8Array): number | "dead" {
    const { native, store } = this.#options;
    const { socket } = stream;
    const head = store.headOf(frame.length);
    const ofHead = native.send(socket, head, true);
    if (ofHead === "dead") return "dead";
    if (ofHead === "full") return 0;
    const ofFrame = ofHead < head.length ? "full" : native.send(socket, frame);
    // A socket that died in between is found by the next call.
    const took = ofHead + (typeof ofFrame === "number" ? ofFrame : 0);
    this.#took(stream, took);
    return took;
  }

  #extent({ block, offset, length }: RecordPlace): Extent {
    return this.#options.store.extent(block, offset, length);
  }

  /** The rest of the frame waits in the log. */
  #block(stream: Stream, place: RecordPlace): void {
    this.#options.pool.pin(place.block, place.generation);
    stream.place = place;
    this.#blocked.add(stream);
    this.#pollLater();
  }

  #took(stream: Stream, bytes: number): void {
    stream.took += bytes;
    stream.tookAt = this.#options.clock();
  }

  /** Whether a frame for this socket waits until the kernel has memory for more. */
  isWaiting(id: SocketId): boolean {
    return this.#turns.isWaiting(id);
  }

  /** Whether the kernel sends to this socket. */
  has(id: SocketId): boolean {
    return this.#streams.has(id);
  }

  /** Bytes of the frame on its way that have not left. */
  left(id: SocketId): number {
    return this.#streams.get(id)?.left ?? 0;
  }

  /** The bytes of them that are in memory. */
  copied(id: SocketId): number {
    return this.#streams.get(id)?.copy?.length ?? 0;
  }

  /**
   * Tries slow sockets again, in case the kernel's notice was lost. Releases blocks that their log gave back
   * and that slow sockets hold up. A frame that the log still has costs nothing, and stays.
   */
  tick(): void {
    this.#turns.wake(this.#streams.size);
    const slow = this.#slow;
    this.#slow = new Set(this.#blocked);
    for (const stream of slow) if (this.#isSame(stream)) this.#writable(stream.id);
    if (slow.size === 0 || !this.#options.pool.isHeldUp) return;
    for (const stream of slow) {
      const { place } = stream;
      if (!this.#blocked.has(stream) || place === undefined) continue;
      if (this.#options.pool.generation(place.block) === place.generation) continue;
      if (!this.#copyRest(stream)) this.#options.events.failed(stream.id);
    }
  }

  dispose(): void {
    this.#isDisposed = true;
  }

  /** Whether the descriptor is still the socket's. */
  #isSame({ socket, cookie }: Stream): boolean {
    return this.#options.native.cookie(socket) === cookie;
  }

  /** False: the kernel watches no more sockets, and Bun has to send. */
  #watch(stream: Stream): boolean {
    stream.watched ||= this.#options.native.watch(stream.socket, stream.id);
    return stream.watched;
  }

  /** A socket that took less than all is full. */
  #push(stream: Stream): SendResult {
    const { socket, offset, left, copy } = stream;
    const took =
      copy === undefined
        ? this.#options.native.sendFile(socket, this.#options.store.file, offset, left)
        : this.#options.native.send(socket, copy);
    if (took === "dead") {
      stream.left = 0;
      return "refused";
    }
    if (took === "full") return "queued";
    stream.offset += took;
    stream.left -= took;
    this.#took(stream, took);
    if (copy !== undefined) {
      stream.copy = copy.subarray(took);
      // The memory of the copy stays until all of it has left.
      stream.memory?.took(took);
    }
    return stream.left === 0 ? "sent" : "queued";
  }

  /** Only in the turn in which the socket was seen to be there. */
  #writable(id: SocketId): void {
    const stream = this.#streams.get(id);
    if (stream === undefined || stream.left === 0) return;
    const result = this.#push(stream);
    if (result === "queued") return;
    this.#release(stream);
    if (result === "sent") this.#options.events.drained(id);
    else this.#options.events.failed(id);
  }

  /** Polls for sockets with room as long as any stream is blocked. */
  #pollLater(): void {
    if (this.#isPolling || this.#isDisposed) return;
    if (this.#blocked.size === 0 && this.#turns.isEmpty) return;
    this.#isPolling = true;
    const isEager =
      this.#blocked.size <= FEW_SOCKETS && performance.now() - this.#foundAt < EAGER_MS;
    if (isEager) setImmediate(() => this.#poll());
    else setTimeout(() => this.#poll(), this.#delay);
  }

  #poll(): void {
    this.#isPolling = false;
    if (this.#isDisposed) return;
    // The kernel tells only of sockets that are open, so their descriptors are theirs.
    if (this.#options.native.writable((id) => this.#writable(id)) > 0) {
      this.#foundAt = performance.now();
      this.#delay = POLL_MS;
    } else if (this.#turns.isEmpty) {
      this.#delay = Math.min(2 * this.#delay, POLL_IDLE_MS);
    } else {
      this.#delay = POLL_MS;
    }
    this.#turns.wake(this.#streams.size);
    this.#pollLater();
  }

  /** False: there is no memory for it. */
  #copyRest(stream: Stream): boolean {
    const moves = stream.took >= PROVEN_BYTES && this.#options.clock() - stream.tookAt < STILL_MS;
    const memory = this.#options.enter(stream.id, moves ? "moving" : "still");
    if (!memory.fits(stream.left)) return false;
    memory.hold(stream.left);
    stream.memory = memory;
    const copy = new Uint8Array(stream.left);
    readSync(this.#options.store.file, copy, 0, copy.length, stream.offset);
    stream.copy = copy;
    this.#unpin(stream);
    return true;
  }

  #release(stream: Stream): void {
    this.#blocked.delete(stream);
    this.#unpin(stream);
    stream.copy = undefined;
    stream.memory?.leave();
    stream.memory = undefined;
    stream.left = 0;
  }

  #unpin(stream: Stream): void {
    if (stream.place !== undefined) this.#options.pool.unpin(stream.place.block);
    stream.place = undefined;
  }
}
