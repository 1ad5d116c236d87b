/** The kernel's state of a socket, and its options. */
import { readdirSync } from "node:fs";
import { ptr } from "bun:ffi";

import { Connections, type Descriptor, type PeerKey } from "./connections.ts";

const IPPROTO_TCP = 6;
const FIONREAD = 0x541b;
const TCP_INFO = 11;
const TCP_CONGESTION = 13;
const TCP_KEEPIDLE = 4;
const TCP_KEEPINTVL = 5;
const TCP_KEEPCNT = 6;
const SOL_SOCKET = 1;
const SO_KEEPALIVE = 9;
const SO_LINGER = 13;
const SO_ACCEPTCONN = 30;
const SO_COOKIE = 57;
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

/** Where tcpi_rtt is in struct tcp_info, in microseconds. bytes */
const TCP_INFO_RTT = 68;
/**
 * A peer counts as far from here on. There CUBIC suffers, which takes each loss for congestion; decision 0073 has
 * figures. ms
 */
const FAR_RTT_MS = 10;
const FAR_CONGESTION = Buffer.from("bbr");

/** The kernel's number of a socket, which no other has until it starts anew. */
export type SocketCookie = number;

export class SocketState extends Connections {
  readonly #cookie = new Uint32Array(2);
  readonly #info = new DataView(new ArrayBuffer(TCP_INFO_RECEIVED.size));
  readonly #infoLength = new Uint32Array(1);

  /**
   * The kernel holds about so many unread bytes of the peer at most. Bytes that the peer may send already
   * stay possible. @returns the limit until now; undefined: it can't be taken back, so nothing was done
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

  /** Which socket this descriptor is now; undefined: it is none. */
  cookie(socket: Descriptor): SocketCookie | undefined {
    this.#infoLength[0] = this.#cookie.byteLength;
    const { getsockopt } = this.libc;
    const [value, length] = [ptr(this.#cookie), ptr(this.#infoLength)];
    if (getsockopt(socket, SOL_SOCKET, SO_COOKIE, value, length) !== 0) return undefined;
    return (this.#cookie[1] ?? 0) * 2 ** 32 + (this.#cookie[0] ?? 0);
  }

  /** Bytes that came by this connection, read or not; undefined: it is none, or the kernel is too old. */
  received(socket: Descriptor): number | undefined {
    const { offset, size } = TCP_INFO_RECEIVED;
    this.#infoLength[0] = size;
    const { getsockopt } = this.libc;
    const [info, length] = [ptr(this.#info.buffer), ptr(this.#infoLength)];
    if (getsockopt(socket, IPPROTO_TCP, TCP_INFO, info, length) !== 0) return undefined;
    if (this.#infoLength[0] < size) return undefined;
    return Number(this.#info.getBigUint64(offset, true));
  }

  /**
   * Bytes for a peer that is far away follow the bandwidth of the path, and not its losses.
   * @param farMs a round trip that counts as far
   * @returns whether it does: the kernel may not have that way, or not allow it
   */
  followBandwidth(peer: PeerKey, farMs = FAR_RTT_MS): boolean {
    const socket = this.find(peer);
    if (socket === undefined) return false;
    const { size } = TCP_INFO_RECEIVED;
    this.#infoLength[0] = size;
    const [info, length] = [ptr(this.#info.buffer), ptr(this.#infoLength)];
    if (this.libc.getsockopt(socket, IPPROTO_TCP, TCP_INFO, info, length) !== 0) return false;
    if (this.#info.getUint32(TCP_INFO_RTT, true) < farMs * 1000) return false;
    const name = ptr(FAR_CONGESTION);
    const { setsockopt } = this.libc;
    return setsockopt(socket, IPPROTO_TCP, TCP_CONGESTION, name, FAR_CONGESTION.length) === 0;
  }

  /** Bytes of those that Bun has not read. */
  unread(socket: Descriptor): number {
    const { ioctl } = this.libc;
    return ioctl(socket, FIONREAD, ptr(this.#info.buffer)) === 0 ? this.#info.getInt32(0, true) : 0;
  }

  /**
   * From now on the kernel gives up each accepted connection whose other end is gone: a client of HTTP that waits
   * is silent, and the relay can't ping it.
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
    return this.libc.poll(ptr(this.#info.buffer), 1, 0) !== 0;
  }

  /** After what was sent nothing follows. @param how `both`: nor is anything read any more */
  shutdown(socket: Descriptor, how: "writing" | "both"): void {
    this.libc.shutdown(socket, how === "writing" ? SHUT_WR : SHUT_RDWR);
  }

  /** Bytes that wait for this peer go with the connection, and take no memory of the kernel after it. */
  resetWhenClosed(peer: PeerKey): void {
    const socket = this.find(peer);
    if (socket === undefined) return;
    // struct linger: on, for 0 s
    this.#info.setInt32(0, 1, true);
    this.#info.setInt32(4, 0, true);
    this.libc.setsockopt(socket, SOL_SOCKET, SO_LINGER, ptr(this.#info.buffer), 8);
  }

  #option(socket: Descriptor, level: number, name: number): number | undefined {
    this.#infoLength[0] = 4;
    const { getsockopt } = this.libc;
    const [value, length] = [ptr(this.#info.buffer), ptr(this.#infoLength)];
    if (getsockopt(socket, level, name, value, length) !== 0) return undefined;
    return this.#info.getInt32(0, true);
  }

  #setOption(socket: Descriptor, level: number, name: number, value: number): void {
    this.#info.setInt32(0, value, true);
    this.libc.setsockopt(socket, level, name, ptr(this.#info.buffer), 4);
  }
}
