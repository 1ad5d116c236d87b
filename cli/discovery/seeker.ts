/**
 * Finds the relays in the local networks that announce one channel. It asks at once, then less and less
 * often (RFC 6762, 5.2), and hears announcements without asking.
 *
 * `OwnIds` looks at each packet before it is parsed: it takes the nonces out of the bytes, and keeps only
 * packets with this channel's id. A flood of other announcements so costs one HMAC each.
 */
import type { DecodedPacket, Packet } from "dns-packet";
import { isIP } from "node:net";

import { networkId } from "../../protocol/crypto/network-id.ts";
import { nodePrimitives as primitives } from "../../protocol/crypto/crypto-node.ts";
import { BoundedMap } from "../../protocol/wire/bounded-map.ts";
import { equalBytes } from "../../protocol/wire/bytes.ts";
import { inUrl, isLinkLocal } from "../connection/own-addresses.ts";
import {
  ADDRESSES_PER_ANNOUNCEMENT,
  SERVICE,
  base64url,
  readAnnouncements,
  type Announcement,
} from "./announcement.ts";
import { MulticastSockets, type Place, type Sender } from "./multicast-sockets.ts";

/** Pauses between questions double up to this. ms */
const ASK_FIRST_MS = 1000;
const ASK_MOST_MS = 64_000;
/** Nonces whose id is known: those of a network with as many relays. */
const NONCES = 256;
/** Announcements that are looked at in one packet. */
const NONCES_PER_PACKET = 4;

/** The string `n=` and 22 characters, with its length before it as TXT has it. */
const NONCE_START = Buffer.from("\u0018n=", "latin1");
const NONCE_CHARACTERS = 22;
const RESPONSE_BIT = 0x80;

export interface FoundRelay {
  /** Of its WebSocket: `ws://ADDRESS:PORT/ws`. */
  readonly address: string;
  /** The interface on which it was heard. */
  readonly on: string;
  /** The machine that announced it, which is not always the one at `address`. */
  readonly by: string;
}

export interface SeekOptions {
  readonly signal: AbortSignal;
  /** Comes again each time that the announcement is heard. */
  readonly onFound: (relay: FoundRelay) => void;
  /** Its relay says that it ends. */
  readonly onGone?: ((relay: FoundRelay) => void) | undefined;
  /** Gets a sentence for people where the network cannot be used. */
  readonly onNote?: ((sentence: string) => void) | undefined;
}

export interface Seeking {
  /** Asks again at once. */
  ask(): void;
}

/** Seeks until the signal. It never throws. @param channel 16 bytes */
export function seek(channel: Uint8Array, options: SeekOptions): Seeking {
  const { signal, onFound, onGone, onNote } = options;
  const ids = new OwnIds(channel);
  const questions = new Questions();
  const sockets = new MulticastSockets({
    wants: (bytes) => ids.isIn(bytes),
    packet: (packet, from, place) => {
      for (const one of announcementsIn(packet)) {
        if (!ids.has(one)) continue;
        for (const relay of relaysOf(one, from, place)) {
          if (one.isGoodbye) onGone?.(relay);
          else onFound(relay);
        }
      }
    },
    opened: () => questions.restart(),
    trouble: onNote,
  });
  questions.begin(sockets);
  signal.addEventListener("abort", () => {
    questions.end();
    void sockets.close();
  });
  if (signal.aborted) void sockets.close();
  return { ask: () => questions.restart() };
}

/** The question for relays, in turns that grow. */
export class Questions {
  #sockets: MulticastSockets | undefined;
  #timer: NodeJS.Timeout | undefined;
  #pause = ASK_FIRST_MS;
  #isOver = false;

  begin(sockets: MulticastSockets): void {
    this.#sockets = sockets;
  }

  restart(): void {
    this.#pause = ASK_FIRST_MS;
    clearTimeout(this.#timer);
    // After all sockets of this turn have opened.
    if (!this.#isOver) this.#timer = setTimeout(() => this.#ask(), 0);
  }

  end(): void {
    this.#isOver = true;
    clearTimeout(this.#timer);
  }

  #ask(): void {
    const query: Packet = { type: "query", questions: [{ type: "PTR", name: SERVICE }] };
    void this.#sockets?.send(() => query);
    this.#timer = setTimeout(() => this.#ask(), this.#pause);
    this.#pause = Math.min(this.#pause * 2, ASK_MOST_MS);
  }
}

/** The announcements of a packet, if it is a response. */
export function announcementsIn(packet: DecodedPacket): Announcement[] {
  return packet.type === "response" ? readAnnouncements(packet) : [];
}

/**
 * The addresses of an announcement that are tried: the one that sent it, and others of the same link. An
 * announcement so leads no receiver to other networks, to names, or to this machine's loopback.
 */
export function relaysOf(
  { port, tls, path, addresses }: Announcement,
  { address: sender }: Sender,
  { at }: Pick<Place, "at">,
): FoundRelay[] {
  const usable = (one: string): boolean => at.isOnLink(one) && !isLinkLocal(one);
  const all = [...new Set([sender, ...addresses])].filter((one) => isIP(one) !== 0 && usable(one));
  const scheme = tls ? "wss" : "ws";
  return all.slice(0, ADDRESSES_PER_ANNOUNCEMENT).map((address) => {
    const url = new URL(`${scheme}://${inUrl(address)}:${port}${path}`);
    return { address: url.href, on: at.name, by: sender };
  });
}

class OwnIds {
  readonly #channel: Uint8Array;
  /** As TXT has it, by its nonce. */
  readonly #known = new BoundedMap<string, string>(NONCES);

  constructor(channel: Uint8Array) {
    this.#channel = channel;
  }

  isIn(bytes: Buffer): boolean {
    if ((bytes[2]! & RESPONSE_BIT) === 0) return false;
    let at = 0;
    for (let looked = 0; looked < NONCES_PER_PACKET; looked++) {
      at = bytes.indexOf(NONCE_START, at);
      if (at === -1) return false;
      at += NONCE_START.length;
      const nonce = bytes.toString("latin1", at, at + NONCE_CHARACTERS);
      const id = this.#idFor(nonce);
      if (id !== undefined && bytes.includes(id, 0, "latin1")) return true;
    }
    return false;
  }

  has({ nonce, ids }: Announcement): boolean {
    const own = networkId(this.#channel, nonce, primitives);
    return ids.some((id) => equalBytes(id, own));
  }

  #idFor(text: string): string | undefined {
    const known = this.#known.get(text);
    if (known !== undefined) return known;
    if (!/^[\w-]{22}$/.test(text)) return undefined;
    const nonce = new Uint8Array(Buffer.from(text, "base64url"));
    const id = base64url(networkId(this.#channel, nonce, primitives));
    this.#known.set(text, id);
    return id;
  }
}
