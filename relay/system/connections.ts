/** Finds the descriptor of a connection by its peer, since Bun does not give it. */
import { readdirSync } from "node:fs";
import { ptr } from "bun:ffi";

import type { Library } from "./native-library.ts";

const AF_INET = 2;
const AF_INET6 = 10;
/** sizeof(struct sockaddr_storage). bytes */
const ADDRESS_BYTES = 128;
/**
 * Listing /proc/self/fd takes milliseconds with thousands of sockets. The next listing waits this many
 * times as long as the last one took.
 */
const REST_PART = 10;
/** Listings of no more descriptors than that may follow each other. */
const FEW_DESCRIPTORS = 2000;
/** Descriptors tried before all are listed: a socket just accepted has one of the next. */
const LIKELY_DESCRIPTORS = 8;

/**
 * A peer in one way of writing: 16 bytes of address, IPv4 as mapped to IPv6, and 2 of port; then one that says to which
 * of our ports it came.
 */
export type PeerKey = Uint8Array;
const PEER_BYTES = 18;
const KEY_BYTES = PEER_BYTES + 1;
/** Of a key: the port of clients, or that of other relays. */
const CLIENTS = 0;
const EDGES = 1;

export type Descriptor = number;

export class Connections {
  protected readonly libc: Library;
  readonly #address = new Uint8Array(ADDRESS_BYTES);
  readonly #addressLength = new Uint32Array(1);
  /** Descriptors of connections by their peer, from the last time that all were listed. */
  readonly #known = new Map<PeerName, Descriptor>();
  /** No listing before. ms */
  #restsUntil = 0;
  readonly #found: PeerKey = new Uint8Array(KEY_BYTES);
  #likely: Descriptor = 3;
  #ownPort: number | undefined;
  #edgePort: number | undefined;

  protected constructor(libc: Library) {
    this.libc = libc;
  }

  /**
   * From now on only connections to this port of ours are found. One to another, such as that of the
   * admin listener, may come from the same address and port.
   */
  set ownPort(port: number) {
    this.#ownPort = port;
  }

  /** Connections to this one are found too, by keys of their own. */
  set edgePort(port: number) {
    this.#edgePort = port;
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

  /** A client that makes the relay list again and again must not have all of its time. */
  #list(): void {
    const begun = performance.now();
    this.#known.clear();
    const names = listed();
    for (const name of names) {
      const descriptor = Number(name);
      if (!this.#readPeer(descriptor)) continue;
      const port = this.#portOf(descriptor);
      if (port === undefined) continue;
      this.#found[PEER_BYTES] = port;
      this.#known.set(nameOf(this.#found), descriptor);
    }
    if (names.length <= FEW_DESCRIPTORS) return;
    const ended = performance.now();
    this.#restsUntil = ended + REST_PART * (ended - begun);
  }

  /** Whether this descriptor is the connection with this peer, and not one that came after it. */
  isPeer(socket: Descriptor, peer: PeerKey): boolean {
    if (!this.#readPeer(socket)) return false;
    for (let at = PEER_BYTES - 1; at >= 0; at--) if (this.#found[at] !== peer[at]) return false;
    return this.#portOf(socket) === peer[PEER_BYTES];
  }

  /**
   * An address is written in several ways; here it has one.
   * @param isEdge it came to the port of other relays
   */
  keyOf(address: string, port: number, isEdge = false): PeerKey | undefined {
    const key = this.#found.fill(0);
    const text = Buffer.from(`${address}\0`);
    const { inet_pton } = this.libc;
    if (inet_pton(AF_INET, ptr(text), ptr(key, 12)) === 1) key.fill(0xff, 10, 12);
    else if (inet_pton(AF_INET6, ptr(text), ptr(key)) !== 1) return undefined;
    key[16] = port >> 8;
    key[17] = port & 0xff;
    key[PEER_BYTES] = isEdge ? EDGES : CLIENTS;
    // Small as long as no code asks for its `buffer`; there is one for each socket.
    return key.slice();
  }

  #foundAt(descriptor: Descriptor): Descriptor {
    this.#likely = descriptor + 1;
    return descriptor;
  }

  /** Which of our ports a connection came to; undefined: neither. */
  #portOf(socket: Descriptor): number | undefined {
    if (this.#ownPort === undefined) return CLIENTS;
    const address = this.#address;
    this.#addressLength[0] = ADDRESS_BYTES;
    const { getsockname } = this.libc;
    if (getsockname(socket, ptr(address), ptr(this.#addressLength)) !== 0) return undefined;
    const port = (address[2] ?? 0) * 256 + (address[3] ?? 0);
    if (port === this.#ownPort) return CLIENTS;
    return port === this.#edgePort ? EDGES : undefined;
  }

  /** Reads the peer of a connection into `#found`; false: it is none. */
  #readPeer(socket: Descriptor): boolean {
    const address = this.#address;
    this.#addressLength[0] = ADDRESS_BYTES;
    const { getpeername } = this.libc;
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
}

/** None where no descriptor is free to look with: the connection then counts as not found for now. */
function listed(): readonly string[] {
  try {
    return readdirSync("/proc/self/fd");
  } catch {
    return [];
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
