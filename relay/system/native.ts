/**
 * What Linux can do for a relay and Bun has no word for: giving bytes of a file to a socket without
 * copying them (sendfile), waiting until sockets can take more (epoll), and letting go of a part of a
 * file (fallocate). Elsewhere, or when the check at the start finds anything odd, there is none of
 * this, and frames go out through Bun.
 */
import { ptr, read } from "bun:ffi";
import { readdirSync } from "node:fs";

import { loadLibrary, type Library } from "./native-library.ts";

const EINTR = 4;
const EAGAIN = 11;

const AF_UNIX = 1;
const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_STREAM_NONBLOCK = 0o4001;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
const EPOLL_CLOEXEC = 0o2000000;
const EPOLL_CTL_ADD = 1;
/** EPOLLOUT | EPOLLET: told once, when a full socket has room again. */
const EPOLL_EVENTS = 0x80000004;
/**
 * EPOLLIN | EPOLLOUT | EPOLLET: told once for what came since the last time. Without EPOLLOUT nothing would be
 * told of a socket whose bytes Bun has read by then.
 */
const EPOLL_ARRIVALS = 0x80000005;
const FALLOC_PUNCH_HOLE_KEEP_SIZE = 3;

const IPPROTO_TCP = 6;
const FIONREAD = 0x541b;
const TCP_INFO = 11;
const TCP_KEEPIDLE = 4;
const TCP_KEEPINTVL = 5;
const TCP_KEEPCNT = 6;
const SOL_SOCKET = 1;
const SO_KEEPALIVE = 9;
const SO_LINGER = 13;
const SO_ACCEPTCONN = 30;
const SO_BUF_LOCK = 72;
const SO_RCVBUF = 8;
/** The kernel counts its own with what it is asked for. */
const SO_RCVBUF_FACTOR = 2;
const SHUT_WR = 1;
const SHUT_RDWR = 2;
const POLLOUT = 4;
/** Probes after as many seconds of silence, so far apart, and so many in vain before a line is dead. */
const KEEPALIVE = { idle: 60, interval: 15, probes: 4 };
/** Where tcpi_bytes_received is in struct tcp_info, and what the struct has up to its end. bytes */
const TCP_INFO_RECEIVED = { offset: 128, size: 136 };

/** struct epoll_event is packed on x86-64 alone. bytes */
const EVENT = process.arch === "x64" ? { size: 12, data: 4 } : { size: 16, data: 8 };
/** Sockets that one call of `writable` tells of. */
const EVENTS_PER_CALL = 256;
/** sizeof(struct sockaddr_storage). bytes */
const ADDRESS_BYTES = 128;
/** Listing all descriptors takes ms where there are thousands: as many times as long none is listed again. */
const REST_PART = 10;
/** Listings of no more descriptors than that may follow each other. */
const FEW_DESCRIPTORS = 2000;
/** Descriptors tried before all are listed: a socket just accepted has one of the next. */
const LIKELY_DESCRIPTORS = 8;

/** Something the kernel did not do: the socket can take nothing now, or never again. */
export type Taken = number | "full" | "dead";

/** A peer in one way of writing: 16 bytes of address, IPv4 as mapped to IPv6, and 2 of port. */
export type PeerKey = Uint8Array;

const KEY_BYTES = 18;

/** A file descriptor of this process. */
export type Descriptor = number;

/** The calls, and memory for their arguments that is used again. */
export class Native {
  readonly #library: Library;
  readonly #epoll: Descriptor;
  /** Another one, of sockets from which something came. */
  readonly #arrivals: Descriptor;
  /** off_t, as two halves: a BigInt for each call would be garbage. */
  readonly #offset = new Uint32Array(2);
  readonly #events = new DataView(new ArrayBuffer(EVENT.size * EVENTS_PER_CALL));
  readonly #address = new Uint8Array(ADDRESS_BYTES);
  readonly #addressLength = new Uint32Array(1);
  readonly #info = new DataView(new ArrayBuffer(TCP_INFO_RECEIVED.size));
  readonly #infoLength = new Uint32Array(1);
  /** Descriptors of connections by their peer, from the last time that all were listed. */
  readonly #known = new Map<PeerName, Descriptor>();
  /** No listing before. ms */
  #restsUntil = 0;
  readonly #found: PeerKey = new Uint8Array(KEY_BYTES);
  #likely: Descriptor = 3;
  #ownPort: number | undefined;

  private constructor(library: Library, epoll: Descriptor, arrivals: Descriptor) {
    this.#library = library;
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

  /**
   * From now on only connections to this port of ours are found. One to another, such as that of the
   * admin listener, may come from the same address and port.
   */
  set ownPort(port: number) {
    this.#ownPort = port;
  }

  /** Gives bytes of a file to a socket, as many as it takes at once. */
  sendFile(socket: Descriptor, file: Descriptor, offset: number, length: number): Taken {
    this.#offset[0] = offset % 2 ** 32;
    this.#offset[1] = Math.floor(offset / 2 ** 32);
    return this.#taken(this.#library.sendfile(socket, file, ptr(this.#offset), length));
  }

  /** Gives bytes of memory to a socket, as many as it takes at once. */
  send(socket: Descriptor, bytes: Uint8Array): Taken {
    const flags = MSG_DONTWAIT | MSG_NOSIGNAL;
    return this.#taken(this.#library.send(socket, ptr(bytes), bytes.length, flags));
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
  writable(tell: (token: number) => void): number {
    return this.#tell(this.#epoll, tell);
  }

  /** Tells each socket from which something came since the last call, some of them; does not wait. */
  arrivals(tell: (token: number) => void): number {
    return this.#tell(this.#arrivals, tell);
  }

  /**
   * The kernel keeps no more than about that of what it says until it is read. What the peer may send
   * already stays. @returns bytes that it kept until now; undefined: it can't be taken back, so nothing was done
   */
  narrow(socket: Descriptor, bytes: number): number | undefined {
    // Before Linux 5.14 a size once set stays, and a client that is to send much would be slow for ever.
    if (this.#option(socket, SOL_SOCKET, SO_BUF_LOCK) === undefined) return undefined;
    const before = this.#option(socket, SOL_SOCKET, SO_RCVBUF);
    this.#setOption(socket, SOL_SOCKET, SO_RCVBUF, bytes / SO_RCVBUF_FACTOR);
    return before;
  }

  /** The kernel keeps as much as before, and more as it sees fit. */
  widen(socket: Descriptor, before: number): void {
    this.#setOption(socket, SOL_SOCKET, SO_RCVBUF, before / SO_RCVBUF_FACTOR);
    this.#setOption(socket, SOL_SOCKET, SO_BUF_LOCK, 0);
  }

  #add(epoll: Descriptor, events: number, socket: Descriptor, token: number): boolean {
    this.#events.setUint32(0, events, true);
    this.#events.setUint32(EVENT.data, token, true);
    const { epoll_ctl } = this.#library;
    return epoll_ctl(epoll, EPOLL_CTL_ADD, socket, ptr(this.#events.buffer)) === 0;
  }

  #tell(epoll: Descriptor, tell: (token: number) => void): number {
    const tokens: number[] = [];
    const count = this.#library.epoll_wait(epoll, ptr(this.#events.buffer), EVENTS_PER_CALL, 0);
    for (let at = 0; at < count; at++) {
      tokens.push(this.#events.getUint32(at * EVENT.size + EVENT.data, true));
    }
    for (const token of tokens) tell(token);
    return tokens.length;
  }

  /**
   * The kernel forgets a part of a file: it reads as zeros and takes no space, and what is on its
   * way to a socket stays as it was. False where the file system can't.
   */
  forget(file: Descriptor, offset: number, length: number): boolean {
    const { fallocate } = this.#library;
    const mode = FALLOC_PUNCH_HOLE_KEEP_SIZE;
    return fallocate(file, mode, BigInt(offset), BigInt(length)) === 0;
  }

  /** Bytes that came by this connection, read or not; undefined: it is none, or the kernel is too old. */
  received(socket: Descriptor): number | undefined {
    const { offset, size } = TCP_INFO_RECEIVED;
    this.#infoLength[0] = size;
    const { getsockopt } = this.#library;
    const [info, length] = [ptr(this.#info.buffer), ptr(this.#infoLength)];
    if (getsockopt(socket, IPPROTO_TCP, TCP_INFO, info, length) !== 0) return undefined;
    if (this.#infoLength[0] < size) return undefined;
    return Number(this.#info.getBigUint64(offset, true));
  }

  /** Bytes of those that nobody has read. */
  unread(socket: Descriptor): number {
    const { ioctl } = this.#library;
    return ioctl(socket, FIONREAD, ptr(this.#info.buffer)) === 0 ? this.#info.getInt32(0, true) : 0;
  }

  /**
   * Connections that this process accepts from now on are given up by the kernel when nobody is at
   * their other end any more: a client of HTTP that waits says nothing, and can't be asked by us.
   */
  keepAlive(): void {
    for (const name of readdirSync("/proc/self/fd")) {
      const socket = Number(name);
      if (this.#option(socket, SOL_SOCKET, SO_ACCEPTCONN) !== 1) continue;
      const { idle, interval, probes } = KEEPALIVE;
      this.#setOption(socket, IPPROTO_TCP, TCP_KEEPIDLE, idle);
      this.#setOption(socket, IPPROTO_TCP, TCP_KEEPINTVL, interval);
      this.#setOption(socket, IPPROTO_TCP, TCP_KEEPCNT, probes);
      this.#setOption(socket, SOL_SOCKET, SO_KEEPALIVE, 1);
    }
  }

  /** Whether the kernel takes more for this socket. One that is dead takes it too, and says so then. */
  isWritable(socket: Descriptor): boolean {
    // struct pollfd
    this.#info.setInt32(0, socket, true);
    this.#info.setInt32(4, POLLOUT, true);
    return this.#library.poll(ptr(this.#info.buffer), 1, 0) !== 0;
  }

  /** After what was sent nothing follows. @param how `both`: nor is anything read any more */
  shutdown(socket: Descriptor, how: "writing" | "both"): void {
    this.#library.shutdown(socket, how === "writing" ? SHUT_WR : SHUT_RDWR);
  }

  /** Bytes that wait for this peer go with the connection, and take no memory of the kernel after it. */
  resetWhenClosed(peer: PeerKey): void {
    const socket = this.find(peer);
    if (socket === undefined) return;
    // struct linger: on, for 0 s
    this.#info.setInt32(0, 1, true);
    this.#info.setInt32(4, 0, true);
    this.#library.setsockopt(socket, SOL_SOCKET, SO_LINGER, ptr(this.#info.buffer), 8);
  }

  #option(socket: Descriptor, level: number, name: number): number | undefined {
    this.#infoLength[0] = 4;
    const { getsockopt } = this.#library;
    const [value, length] = [ptr(this.#info.buffer), ptr(this.#infoLength)];
    if (getsockopt(socket, level, name, value, length) !== 0) return undefined;
    return this.#info.getInt32(0, true);
  }

  #setOption(socket: Descriptor, level: number, name: number, value: number): void {
    this.#info.setInt32(0, value, true);
    this.#library.setsockopt(socket, level, name, ptr(this.#info.buffer), 4);
  }

  /** Whether `find` may miss a connection that is there: what it would take is taken too often. */
  get isResting(): boolean {
    return performance.now() < this.#restsUntil;
  }

  /** The descriptor of the connection with this peer; undefined: it is none, or not found for now. */
  find(peer: PeerKey): Descriptor | undefined {
    const known = this.#known.get(nameOf(peer));
    if (known !== undefined && this.isPeer(known, peer)) return known;
    for (let at = this.#likely; at < this.#likely + LIKELY_DESCRIPTORS; at++) {
      if (this.isPeer(at, peer)) return this.#foundAt(at);
    }
    if (this.isResting) return undefined;
    this.#list();
    const found = this.#known.get(nameOf(peer));
    return found === undefined ? undefined : this.#foundAt(found);
  }

  /** A client that makes us list again and again must not have all of our time. */
  #list(): void {
    const begun = performance.now();
    this.#known.clear();
    const names = readdirSync("/proc/self/fd");
    for (const name of names) {
      const descriptor = Number(name);
      if (this.#readPeer(descriptor) && this.#isToOwnPort(descriptor))
        this.#known.set(nameOf(this.#found), descriptor);
    }
    if (names.length <= FEW_DESCRIPTORS) return;
    const ended = performance.now();
    this.#restsUntil = ended + REST_PART * (ended - begun);
  }

  /** Whether this descriptor is the connection with this peer, and not one that came after it. */
  isPeer(socket: Descriptor, peer: PeerKey): boolean {
    if (!this.#readPeer(socket)) return false;
    for (let at = KEY_BYTES - 1; at >= 0; at--) if (this.#found[at] !== peer[at]) return false;
    return this.#isToOwnPort(socket);
  }

  /** An address is written in several ways; here it has one. */
  keyOf(address: string, port: number): PeerKey | undefined {
    const key = this.#found.fill(0);
    const text = Buffer.from(`${address}\0`);
    const { inet_pton } = this.#library;
    if (inet_pton(AF_INET, ptr(text), ptr(key, 12)) === 1) key.fill(0xff, 10, 12);
    else if (inet_pton(AF_INET6, ptr(text), ptr(key)) !== 1) return undefined;
    key[16] = port >> 8;
    key[17] = port & 0xff;
    // Small as long as nobody asks for its `buffer`; there is one for each socket.
    return key.slice();
  }

  /** What must be closed when the thread that uses this dies. */
  get descriptors(): readonly [Descriptor, Descriptor] {
    return [this.#epoll, this.#arrivals];
  }

  dispose(): void {
    this.#close(this.#epoll);
    this.#close(this.#arrivals);
  }

  #close(descriptor: Descriptor): void {
    this.#library.close(descriptor);
  }

  #taken(result: number | bigint): Taken {
    const bytes = Number(result);
    if (bytes > 0) return bytes;
    if (bytes === 0) return "dead";
    const error = this.#error();
    return error === EAGAIN || error === EINTR ? "full" : "dead";
  }

  #error(): number {
    const at = this.#library.__errno_location();
    return at === null ? 0 : read.i32(at, 0);
  }

  #foundAt(descriptor: Descriptor): Descriptor {
    this.#likely = descriptor + 1;
    return descriptor;
  }

  #isToOwnPort(socket: Descriptor): boolean {
    if (this.#ownPort === undefined) return true;
    const address = this.#address;
    this.#addressLength[0] = ADDRESS_BYTES;
    const { getsockname } = this.#library;
    if (getsockname(socket, ptr(address), ptr(this.#addressLength)) !== 0) return false;
    return (address[2] ?? 0) * 256 + (address[3] ?? 0) === this.#ownPort;
  }

  /** Reads the peer of a connection into `#found`; false: it is none. */
  #readPeer(socket: Descriptor): boolean {
    const address = this.#address;
    this.#addressLength[0] = ADDRESS_BYTES;
    const { getpeername } = this.#library;
    if (getpeername(socket, ptr(address), ptr(this.#addressLength)) !== 0) return false;
    const family = address[0];
    const key = this.#found.fill(0);
    // Byte by byte: this is done for thousands, and views of a part would be garbage.
    if (family === AF_INET) {
      key[10] = 0xff;
      key[11] = 0xff;
      for (let at = 0; at < 4; at++) key[12 + at] = address[4 + at] ?? 0;
    } else if (family === AF_INET6) {
      for (let at = 0; at < 16; at++) key[at] = address[8 + at] ?? 0;
    } else {
      return false;
    }
    key[16] = address[2] ?? 0;
    key[17] = address[3] ?? 0;
    return true;
  }

  /**
   * Whether all of it works with this file: sends of it through a pair of sockets and looks at what
   * arrives. Its first `blockBytes` are lost.
   */
  works(file: Descriptor, blockBytes: number): boolean {
    const pair = new Int32Array(2);
    const { socketpair, recv } = this.#library;
    if (socketpair(AF_UNIX, SOCK_STREAM_NONBLOCK, 0, ptr(pair)) !== 0) return false;
    const [from = -1, to = -1] = pair;
    const arrives = (): number => {
      const byte = new Uint8Array(1);
      return Number(recv(to, ptr(byte), 1, MSG_DONTWAIT)) === 1 ? (byte[0] ?? -1) : -1;
    };
    try {
      const told: number[] = [];
      return (
        this.send(from, Uint8Array.of(1)) === 1 &&
        arrives() === 1 &&
        this.sendFile(from, file, 0, 1) === 1 &&
        arrives() >= 0 &&
        this.forget(file, 0, blockBytes) &&
        this.sendFile(from, file, 0, 1) === 1 &&
        arrives() === 0 &&
        this.watch(from, 0xfeed) &&
        this.writable((token) => told.push(token)) === 1 &&
        told[0] === 0xfeed
      );
    } finally {
      this.#close(from);
      this.#close(to);
    }
  }
}

/** As the key of a map; a number for IPv4. */
type PeerName = number | string;

function nameOf(key: PeerKey): PeerName {
  for (let at = 0; at < 10; at++) if (key[at] !== 0) return String.fromCharCode(...key);
  if (key[10] !== 0xff || key[11] !== 0xff) return String.fromCharCode(...key);
  let name = 0;
  for (let at = 12; at < KEY_BYTES; at++) name = name * 256 + (key[at] ?? 0);
  return name;
}
