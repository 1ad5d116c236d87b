/**
 * Multicast DNS on this machine: a socket for each interface and family, beside all other responders at
 * port 5353. Interfaces come and go, so their list is read again every REFRESH_MS.
 *
 * A flood meets three bounds before any byte is parsed: the size of a packet, a look for few bytes that
 * `wants` makes, and token buckets for one source and for all.
 */
import { createSocket, type Socket } from "node:dgram";
import { decode, encode, type DecodedPacket, type Packet } from "dns-packet";

import { BoundedMap } from "../../protocol/wire/bounded-map.ts";
import { TokenBucket, type Rate } from "../../protocol/wire/token-bucket.ts";
import { linkedInterfaces, type NetworkInterface } from "./network-interfaces.ts";

export const MULTICAST_PORT = 5353;
const GROUPS = { 4: "224.0.0.251", 6: "ff02::fb" } as const;
/** RFC 6762 asks for it, and no router passes the group on. */
const TTL = 255;
/** Between two looks at the interfaces: a person who plugs in a cable waits a moment. ms */
const REFRESH_MS = 2000;
/** All announcements of relays fit in one Ethernet packet. */
const PACKET_BYTES = 1500;
/** A packet's counts of records are lies above this: each takes 11 bytes at least. */
const RECORDS_PER_PACKET = 64;
/** For a second after it comes an address of IPv6 is on trial, and nothing leaves from it. */
const NOT_YET = "EADDRNOTAVAIL";
const NO_NETWORK = "This machine is in no network, so relays cannot be found or announced";
/** Looks at packets: each takes some microseconds, so a flood takes a small part of a core. */
const LOOKS: Rate = { atOnce: 500, everyMs: 0.2 };
/** Packets that are parsed, of all sources: 200 in a second. */
const PARSED: Rate = { atOnce: 100, everyMs: 5 };
/** The same of one source, so that one that floods leaves room for the others. */
const PARSED_OF_SOURCE: Rate = { atOnce: 20, everyMs: 100 };
/** Sources whose rate is known; a large network of one floor has fewer that speak of relays. */
const SOURCES = 256;

type Family = keyof typeof GROUPS;

/** A socket's place: one interface, one family. */
export interface Place {
  readonly at: NetworkInterface;
  readonly family: Family;
  /** It listens at port 5353, and hears what goes to the group. */
  readonly isBound: boolean;
}

export interface Sender {
  /** Without a scope. */
  readonly address: string;
  readonly port: number;
}

export interface MulticastEvents {
  /** Whether a packet is worth parsing. It runs for each packet of a flood. */
  wants(bytes: Buffer): boolean;
  packet(packet: DecodedPacket, from: Sender, place: Place): void;
  /** An interface came. */
  opened?(place: Place): void;
  /** A sentence about an interface that cannot be used. */
  trouble?(sentence: string): void;
}

interface Open extends Place {
  readonly key: string;
  readonly socket: Socket;
  isBound: boolean;
}

export class MulticastSockets {
  readonly #events: MulticastEvents;
  readonly #open = new Map<string, Open>();
  readonly #told = new Set<string>();
  readonly #looks = new TokenBucket();
  readonly #parsed = new TokenBucket();
  readonly #sources = new BoundedMap<string, TokenBucket>(SOURCES);
  readonly #timer: NodeJS.Timeout;
  #isClosed = false;

  constructor(events: MulticastEvents) {
    this.#events = events;
    this.#timer = setInterval(() => this.#refresh(), REFRESH_MS);
    this.#timer.unref();
    this.#refresh();
    if (this.#open.size === 0) events.trouble?.(NO_NETWORK);
  }

  /** The places at which it listens or, without port 5353, only asks. */
  get places(): readonly Place[] {
    return [...this.#open.values()];
  }

  /** To the group on each interface, or on one. It never rejects, and resolves when all has left. */
  async send(make: (place: Place) => Packet, only?: Place): Promise<void> {
    const to = [...this.#open.values()].filter((one) => only === undefined || only === one);
    const sent = to.map(async (one) => {
      const error = await write(one, make(one), MULTICAST_PORT, GROUPS[one.family]);
      if (error === undefined || ("code" in error && error.code === NOT_YET)) return;
      // Its address may be gone, as on a laptop that goes to another network: that is no trouble.
      if (!this.#isClosed) this.#refresh();
      if (this.#open.get(one.key) === one) this.#tell(one.at, error);
    });
    await Promise.all(sent);
  }

  /** To one machine: it asked from a port that is not 5353. */
  reply(packet: Packet, to: Sender, place: Place): void {
    const open = [...this.#open.values()].find((one) => one === place);
    const scope = /^fe[89ab]/i.test(to.address) ? `%${place.at.name}` : "";
    if (open !== undefined) void write(open, packet, to.port, `${to.address}${scope}`);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearInterval(this.#timer);
    const open = [...this.#open.values()];
    this.#open.clear();
    await Promise.all(open.map(({ socket }) => closed(socket)));
  }

  #refresh(): void {
    const wanted = new Map<string, { readonly at: NetworkInterface; readonly family: Family }>();
    for (const at of linkedInterfaces()) {
      // An announcement by one family has the addresses of both, so a change of either makes another place.
      const addresses = [...at.ipv4, ...at.ipv6].join();
      if (at.ipv4.length > 0) wanted.set(`4 ${at.name} ${addresses}`, { at, family: 4 });
      if (at.hasIpv6) wanted.set(`6 ${at.name} ${addresses}`, { at, family: 6 });
    }
    for (const [key, one] of this.#open) {
      if (wanted.has(key)) continue;
      this.#open.delete(key);
      void closed(one.socket);
    }
    for (const [key, place] of wanted) if (!this.#open.has(key)) this.#add(key, place);
  }

  #add(key: string, { at, family }: { at: NetworkInterface; family: Family }): void {
    const socket = createSocket({
      type: family === 4 ? "udp4" : "udp6",
      reuseAddr: true,
      ipv6Only: family === 6,
    });
    const open: Open = { key, at, family, socket, isBound: false };
    this.#open.set(key, open);
    const fail = (error: Error): void => {
      this.#tell(at, error);
      // Another look comes with the next list of interfaces.
      if (this.#open.get(key) === open) this.#open.delete(key);
      void closed(socket);
    };
    const any = family === 4 ? "0.0.0.0" : "::";
    const ready = (): void => {
      try {
        join(open);
      } catch (error) {
        fail(error instanceof Error ? error : new Error(String(error)));
        return;
      }
      socket.removeAllListeners("error");
      socket.on("error", fail);
      if (!this.#isClosed) this.#events.opened?.(open);
    };
    socket.on("message", (bytes, { address, port }) => this.#message(bytes, address, port, open));
    socket.once("error", (error) => {
      this.#tell(at, error);
      socket.once("error", fail);
      // Without the port it still asks, and gets answers that go to the asking socket alone.
      socket.bind({ port: 0, address: any }, ready);
    });
    socket.bind({ port: MULTICAST_PORT, address: any }, () => {
      open.isBound = true;
      ready();
    });
  }

  #tell(at: NetworkInterface, error: Error): void {
    const code = "code" in error ? String(error.code) : error.message;
    const text = `Relays cannot be found or announced on ${at.name} (${code})`;
    if (this.#told.has(text) || this.#told.size >= SOURCES) return;
    this.#told.add(text);
    this.#events.trouble?.(text);
  }

  #message(bytes: Buffer, address: string, port: number, open: Open): void {
    if (bytes.length > PACKET_BYTES || bytes.length < HEADER_BYTES || this.#isClosed) return;
    const now = performance.now();
    if (!this.#looks.take(LOOKS, now) || !this.#events.wants(bytes)) return;
    const [from = "", scope] = address.split("%");
    // Each socket of IPv4 hears the packets of all interfaces. RFC 6762, 11: only this link's count.
    const isHere = scope === undefined ? open.at.isOnLink(from) : scope === open.at.name;
    if (!isHere || countsOf(bytes) > RECORDS_PER_PACKET) return;
    const bucket = this.#sources.get(from) ?? new TokenBucket();
    this.#sources.set(from, bucket);
    if (!bucket.take(PARSED_OF_SOURCE, now) || !this.#parsed.take(PARSED, now)) return;
    const packet = decoded(bytes);
    if (packet !== undefined) this.#events.packet(packet, { address: from, port }, open);
  }
}

const HEADER_BYTES = 12;

/** Records that the header promises. */
function countsOf(bytes: Buffer): number {
  return [4, 6, 8, 10].reduce((sum, at) => sum + bytes.readUInt16BE(at), 0);
}

/** A packet of strangers; undefined: it is none. */
export function decoded(bytes: Uint8Array): DecodedPacket | undefined {
  try {
    return decode(Buffer.from(bytes));
  } catch {
    return undefined;
  }
}

function join({ socket, at, family }: Open): void {
  const here = family === 4 ? (at.ipv4[0] ?? "0.0.0.0") : `::%${at.name}`;
  socket.addMembership(GROUPS[family], here);
  socket.setMulticastInterface(here);
  socket.setMulticastTTL(TTL);
  socket.setMulticastLoopback(true);
}

/** @returns when the packet has left; the error if it did not */
function write(
  { socket }: Open,
  packet: Packet,
  port: number,
  address: string,
): Promise<Error | undefined> {
  const { promise, resolve } = Promise.withResolvers<Error | undefined>();
  try {
    socket.send(encode(packet), port, address, (error) => resolve(error ?? undefined));
  } catch {
    resolve(undefined); // The interface may be gone; the next refresh notices.
  }
  return promise;
}

function closed(socket: Socket): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  try {
    socket.close(() => resolve());
  } catch {
    resolve(); // it was closed already
  }
  return promise;
}
