/**
 * Announces a relay in the local networks of this machine, under a blinded id for each channel. It answers
 * queries by the rules of RFC 6762, and says nothing of users, machines or codes: the names are random.
 *
 * Rejected: probing for the names before the first announcement. They have 64 random bits, so a conflict
 * does not happen by chance, and a malicious one could only make a relay rename itself for ever.
 */
import { setTimeout as sleep } from "node:timers/promises";

import type { Answer, DecodedPacket, Packet, Question } from "dns-packet";

import { NETWORK_NONCE_BYTES, networkId } from "../../protocol/crypto/network-id.ts";
import { nodePrimitives as primitives } from "../../protocol/crypto/crypto-node.ts";
import { toHex } from "../../protocol/wire/bytes.ts";
import {
  ALL_SERVICES,
  IDS_PER_ANNOUNCEMENT,
  RECORD_SECONDS,
  SERVICE,
  USUAL_PATH,
  recordsOf,
  same,
  type Announced,
} from "./announcement.ts";
import type { NetworkInterface } from "./network-interfaces.ts";
import { MULTICAST_PORT, MulticastSockets, type Place, type Sender } from "./multicast-sockets.ts";

/** A record is not repeated earlier on one link (RFC 6762, 6). ms */
const REPEAT_MS = 1000;
/** All responders wait for a random time, so that their answers do not collide. ms */
const DELAY_MS = { least: 20, spread: 100 } as const;
/** How often each new state is announced: a packet may be lost. */
const ANNOUNCEMENTS = 2;
/** For askers that keep no cache (RFC 6762, 6.7). */
const LEGACY_SECONDS = 10;
/** A network that takes no packet does not hold up the end of a program. ms */
const GOODBYE_MS = 500;
const INSTANCE_BYTES = 8;
/** Questions of one packet that are read. */
const QUESTIONS = 16;

const AUTHORITATIVE = 1 << 10;
const RESPONSE_BIT = 0x80;
const NEEDLES = ["_fileshare", "_dns-sd"].map((text) => Buffer.from(text));

export interface AnnounceOptions {
  readonly port: number;
  readonly tls?: boolean | undefined;
  /** Of the relay's socket. Default: `/ws` */
  readonly path?: string | undefined;
  /** The address at which the relay listens; others are not announced. Default: `::`, which is all. */
  readonly hostname?: string | undefined;
  /** The channels with a sender, newest first; of more than IDS_PER_ANNOUNCEMENT the first are announced. */
  readonly channels: () => Iterable<Uint8Array>;
  /** Gets a sentence for people where the network cannot be used. */
  readonly onNote?: ((sentence: string) => void) | undefined;
}

export interface Announcing extends AsyncDisposable {
  /** `channels` gives others than before. */
  changed(): void;
  /** Says goodbye. It never rejects. */
  close(): Promise<void>;
}

/** Never throws: a transfer goes on without its announcement. */
export function announce(options: AnnounceOptions): Announcing {
  return new Announcer(options);
}

interface Schedule {
  timer: NodeJS.Timeout | undefined;
  sentAt: number;
  left: number;
}

class Announcer implements Announcing {
  readonly #options: AnnounceOptions;
  readonly #instance = toHex(primitives.randomBytes(INSTANCE_BYTES));
  readonly #sockets: MulticastSockets;
  readonly #schedules = new WeakMap<Place, Schedule>();
  #announced: Announced;
  #isClosed = false;

  constructor(options: AnnounceOptions) {
    this.#options = options;
    this.#announced = this.#blind();
    this.#sockets = new MulticastSockets({
      wants: (bytes) =>
        (bytes[2]! & RESPONSE_BIT) === 0 && NEEDLES.some((needle) => bytes.includes(needle)),
      packet: (packet, from, place) => this.#query(packet, from, place),
      opened: (place) => this.#plan(place, ANNOUNCEMENTS),
      trouble: (sentence) => options.onNote?.(sentence),
    });
  }

  changed(): void {
    this.#announced = this.#blind();
    for (const place of this.#sockets.places) this.#plan(place, ANNOUNCEMENTS);
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    for (const place of this.#sockets.places) clearTimeout(this.#schedules.get(place)?.timer);
    const said = this.#sockets.send((place) => this.#answer(place, 0));
    await Promise.race([said, sleep(GOODBYE_MS, undefined, { ref: false })]);
    await this.#sockets.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** A new nonce each time, so that nobody sees which ids stay. Their order says nothing either. */
  #blind(): Announced {
    const { port, tls = false, path = USUAL_PATH, channels } = this.#options;
    const nonce = primitives.randomBytes(NETWORK_NONCE_BYTES);
    const ids: Uint8Array[] = [];
    for (const channel of channels()) {
      if (ids.length >= IDS_PER_ANNOUNCEMENT) break;
      ids.push(networkId(channel, nonce, primitives));
    }
    return {
      port,
      tls,
      path,
      nonce,
      ids: ids.toSorted((one, other) => Buffer.compare(one, other)),
    };
  }

  #query(packet: DecodedPacket, from: Sender, place: Place): void {
    if (this.#isClosed || packet.type !== "query") return;
    const asked = (packet.questions ?? []).slice(0, QUESTIONS).filter((one) => this.#concerns(one));
    if (asked.length === 0) return;
    if (from.port !== MULTICAST_PORT) {
      const answer = this.#answer(place, LEGACY_SECONDS, asked);
      this.#sockets.reply({ ...answer, id: packet.id, questions: asked }, from, place);
      return;
    }
    const isKnown = asked.every(({ name }) => same(name, SERVICE)) && this.#isKnown(packet);
    if (!isKnown) this.#plan(place, 1);
  }

  #concerns({ name, type }: Question): boolean {
    const any = (...types: string[]): boolean => ["ANY", ...types].includes(type);
    if (same(name, SERVICE) || same(name, ALL_SERVICES)) return any("PTR");
    if (same(name, `${this.#instance}.${SERVICE}`)) return any("SRV", "TXT");
    return same(name, `${this.#instance}.local`) && any("A", "AAAA");
  }

  /** The asker has that answer, and keeps it for a while (RFC 6762, 7.1). */
  #isKnown({ answers = [] }: DecodedPacket): boolean {
    return answers.some(
      (one) =>
        one.type === "PTR" &&
        same(one.data, `${this.#instance}.${SERVICE}`) &&
        (one.ttl ?? 0) >= RECORD_SECONDS / 2,
    );
  }

  /** Sends the announcement soon, `times` times, but not too often. */
  #plan(place: Place, times: number): void {
    const plan = this.#schedules.get(place) ?? { timer: undefined, sentAt: -Infinity, left: 0 };
    this.#schedules.set(place, plan);
    plan.left = Math.max(plan.left, times);
    if (plan.timer !== undefined || this.#isClosed) return;
    const soon = DELAY_MS.least + Math.random() * DELAY_MS.spread;
    const wait = Math.max(soon, plan.sentAt + REPEAT_MS - performance.now());
    plan.timer = setTimeout(() => {
      plan.timer = undefined;
      plan.sentAt = performance.now();
      plan.left--;
      void this.#sockets.send((at) => this.#answer(at, RECORD_SECONDS), place);
      if (plan.left > 0) this.#plan(place, plan.left);
    }, wait);
    plan.timer.unref();
  }

  /** One packet has everything, so no listener needs a second question. */
  #answer(place: Place, ttl: number, asked?: readonly Question[]): Packet {
    const flush = asked === undefined;
    const rules = { ttl, flush };
    const at = listening(place.at, this.#options.hostname);
    const { pointer, others } = recordsOf(this.#instance, this.#announced, at, rules);
    const kinds: Answer = { type: "PTR", name: ALL_SERVICES, ttl, data: SERVICE };
    const asksKinds = asked?.some(({ name }) => same(name, ALL_SERVICES)) ?? true;
    return {
      type: "response",
      flags: AUTHORITATIVE,
      answers: [pointer, ...(asksKinds ? [kinds] : [])],
      additionals: others,
    };
  }
}

/** The addresses of a link at which a listener takes connections. */
function listening(
  { ipv4, ipv6 }: NetworkInterface,
  hostname = "::",
): Pick<NetworkInterface, "ipv4" | "ipv6"> {
  const takes = (address: string): boolean => ["::", address].includes(hostname);
  return {
    ipv4: ipv4.filter((address) => hostname === "0.0.0.0" || takes(address)),
    ipv6: ipv6.filter(takes),
  };
}
