/**
 * Calls of Linux that Bun does not offer: bytes of a file go to a socket without a copy (sendfile),
 * sockets say when they can take more (epoll), and a file lets go of a part (fallocate). Where the check
 * at the start fails, and on other systems, frames go out through Bun.
 *
 *   Connections   finds the descriptor of a connection by its peer
 *   SocketState   what the kernel knows of a socket, and its options
 *   Native        sends, waits and forgets; the one that callers open
 */
import { ptr, read } from "bun:ffi";

import type { Descriptor } from "./connections.ts";
import { loadLibrary, type Library } from "./native-library.ts";
import { SocketState } from "./socket-state.ts";

const EINTR = 4;
const EAGAIN = 11;

const AF_UNIX = 1;
const SOCK_STREAM_NONBLOCK = 0o4001;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
const MSG_MORE = 0x8000;
const EPOLL_CLOEXEC = 0o2000000;
const EPOLL_CTL_ADD = 1;
/** EPOLLOUT | EPOLLET: one event when a full socket has room again. */
const EPOLL_EVENTS = 0x80000004;
/**
 * EPOLLIN | EPOLLOUT | EPOLLET: one event for all bytes since the last one. Without EPOLLOUT a socket whose
 * bytes Bun has read by then would give none.
 */
const EPOLL_ARRIVALS = 0x80000005;
const FALLOC_PUNCH_HOLE_KEEP_SIZE = 3;

/** struct epoll_event is packed on x86-64 alone. bytes */
const EVENT = process.arch === "x64" ? { size: 12, data: 4 } : { size: 16, data: 8 };
/** Sockets that one call of `writable` tells of. */
const EVENTS_PER_CALL = 256;

/** Something the kernel did not do: the socket can take nothing now, or never again. */
export type Taken = number | "full" | "dead";

/** The calls, and memory for their arguments that is used again. */
export class Native extends SocketState {
  readonly #epoll: Descriptor;
  /** Another one, of sockets from which something came. */
  readonly #arrivals: Descriptor;
  /** off_t, as two halves: a BigInt for each call would be garbage. */
  readonly #offset = new Uint32Array(2);
  readonly #events = new DataView(new ArrayBuffer(EVENT.size * EVENTS_PER_CALL));

  private constructor(library: Library, epoll: Descriptor, arrivals: Descriptor) {
    super(library);
    this.#epoll = epoll;
    this.#arrivals = arrivals;
  }

  /** Undefined where the C library is another one, or the kernel gives no more descriptors. */
  static open(): Native | undefined {
    const library = loadLibrary();
    if (library === undefined) return undefined;
    const epoll = library.epoll_create1(EPOLL_CLOEXEC);
    const arrivals = library.epoll_create1(EPOLL_CLOEXEC);
    if (epoll >= 0 && arrivals >= 0) return new Native(library, epoll, arrivals);
    for (const each of [epoll, arrivals]) if (each >= 0) library.close(each);
    return undefined;
  }

  /** Gives bytes of a file to a socket, as many as it takes at once. */
  sendFile(socket: Descriptor, file: Descriptor, offset: number, length: number): Taken {
    this.#offset[0] = offset % 2 ** 32;
    this.#offset[1] = Math.floor(offset / 2 ** 32);
    return this.#taken(this.libc.sendfile(socket, file, ptr(this.#offset), length));
  }

  /**
   * Gives bytes of memory to a socket, as many as it takes at once.
   * @param more whether others follow at once, so that they leave together
   */
  send(socket: Descriptor, bytes: Uint8Array, more = false): Taken {
    const flags = MSG_DONTWAIT | MSG_NOSIGNAL | (more ? MSG_MORE : 0);
    return this.#taken(this.libc.send(socket, ptr(bytes), bytes.length, flags));
  }

  /** From now on `writable` tells when this socket, once full, can take more. */
  watch(socket: Descriptor, token: number): boolean {
    return this.#add(this.#epoll, EPOLL_EVENTS, socket, token);
  }

  /** From now on `arrivals` tells of this socket, until it is closed. */
  watchArrivals(socket: Descriptor, token: number): boolean {
    return this.#add(this.#arrivals, EPOLL_ARRIVALS, socket, token);
  }

  /** Tells each socket that can take more since the last call, by its token; does not wait. */
  writable(emit: (token: number) => void): number {
    return this.#emitReady(this.#epoll, emit);
  }

  /** Tells each socket from which something came since the last call, some of them; does not wait. */
  arrivals(emit: (token: number) => void): number {
    return this.#emitReady(this.#arrivals, emit);
  }

  #add(epoll: Descriptor, events: number, socket: Descriptor, token: number): boolean {
    this.#events.setUint32(0, events, true);
    this.#events.setUint32(EVENT.data, token, true);
    const { epoll_ctl } = this.libc;
    return epoll_ctl(epoll, EPOLL_CTL_ADD, socket, ptr(this.#events.buffer)) === 0;
  }

  #emitReady(epoll: Descriptor, emit: (token: number) => void): number {
    const tokens: number[] = [];
    const count = this.libc.epoll_wait(epoll, ptr(this.#events.buffer), EVENTS_PER_CALL, 0);
    for (let at = 0; at < count; at++) {
      tokens.push(this.#events.getUint32(at * EVENT.size + EVENT.data, true));
    }
    for (const token of tokens) emit(token);
    return tokens.length;
  }

  /**
   * The kernel forgets a part of a file: it reads as zeros and takes no space, and what is on its
   * way to a socket stays as it was. False where the file system can't.
   */
  forget(file: Descriptor, offset: number, length: number): boolean {
    const { fallocate } = this.libc;
    const mode = FALLOC_PUNCH_HOLE_KEEP_SIZE;
    return fallocate(file, mode, BigInt(offset), BigInt(length)) === 0;
  }

  /** To be closed when the thread that uses this dies. */
  get descriptors(): readonly [Descriptor, Descriptor] {
    return [this.#epoll, this.#arrivals];
  }

  dispose(): void {
    this.#close(this.#epoll);
    this.#close(this.#arrivals);
  }

  #close(descriptor: Descriptor): void {
    this.libc.close(descriptor);
  }

  #taken(result: number | bigint): Taken {
    const bytes = Number(result);
    if (bytes > 0) return bytes;
    if (bytes === 0) return "dead";
    const error = this.#error();
    return error === EAGAIN || error === EINTR ? "full" : "dead";
  }

  #error(): number {
    const at = this.libc.__errno_location();
    return at === null ? 0 : read.i32(at, 0);
  }

  /**
   * Whether all of it works with this file: sends of it through a pair of sockets and looks at what
   * arrives. Its first `blockBytes` are lost.
   */
  works(file: Descriptor, blockBytes: number): boolean {
    const pair = new Int32Array(2);
    const { socketpair, recv } = this.libc;
    if (socketpair(AF_UNIX, SOCK_STREAM_NONBLOCK, 0, ptr(pair)) !== 0) return false;
    const [from = -1, to = -1] = pair;
    const arrives = (): number => {
      const byte = new Uint8Array(1);
      return Number(recv(to, ptr(byte), 1, MSG_DONTWAIT)) === 1 ? (byte[0] ?? -1) : -1;
    };
    try {
      const ready: number[] = [];
      return (
        this.send(from, Uint8Array.of(1)) === 1 &&
        arrives() === 1 &&
        this.sendFile(from, file, 0, 1) === 1 &&
        arrives() >= 0 &&
        this.forget(file, 0, blockBytes) &&
        this.sendFile(from, file, 0, 1) === 1 &&
        arrives() === 0 &&
        this.watch(from, 0xfeed) &&
        this.writable((token) => ready.push(token)) === 1 &&
        ready[0] === 0xfeed
      );
    } finally {
      this.#close(from);
      this.#close(to);
    }
  }
}
