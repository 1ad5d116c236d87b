import type { LeaveReason, Message, OfferSeen } from "../wire/control.ts";
import { KEEPALIVE_MS, STALL_MS } from "../wire/limits.ts";
import { EarlyFrames } from "./early-frames.ts";
import type { ReceiverEffect, ReceiverEvent } from "./receiver-events.ts";

/** The longest wait for a record before another join, as a multiple of STALL_MS. */
const STALL_PERIODS = 12;

/** The share that a receiver session takes: its position, and its messages to the relay. */
export class ReceiverShare {
  readonly offer: OfferSeen;
  /** How many it has; RECORD_INDEX as long as the end of an open share did not come. */
  records: number;
  /** The first record that is needed and not stored. */
  next: number;
  /** Joined on the present line. */
  joined = false;
  /** When it was opened, or a record last came. */
  cameAt: number;
  /** When a record last came, or the last join was sent. */
  progressAt: number;
  /** Since when the share is not offered; undefined while it is. */
  missingSince: number | undefined;
  /** The share is over for all: no sender is left to take a receipt. */
  ended = false;
  /** Records came that were not kept, or were on their way on a connection that broke: only another join brings them. */
  lacks = false;
  /** Times in a row that the record `next` did not decrypt. */
  corrupt = 0;
  readonly #early = new EarlyFrames();
  readonly #receiver: Uint8Array;
  readonly #name: Uint8Array;
  #acked: number;
  /** A gap was seen and a join sent; frames other than `next` are late ones. */
  #rejoining = false;
  #stallMs = STALL_MS;
  /** When the relay last heard from our timer. */
  #saidAt: number;
  /** The records before it may come by what was said on this line. */
  #allowed = 0;
  /** Records from `from` on may come because of what was said at `at`. Undefined: one came. */
  #awaited: { readonly from: number; readonly at: number } | undefined;

  constructor(
    offer: OfferSeen,
    opened: Extract<ReceiverEvent, { type: "share-opened" }>,
    missingSince: number | undefined,
    now: number,
  ) {
    this.offer = offer;
    this.#receiver = opened.receiver;
    this.#name = opened.name;
    this.records = opened.records ?? offer.records;
    this.next = opened.next;
    this.#acked = opened.next;
    this.cameAt = now;
    this.progressAt = now;
    this.#saidAt = now;
    this.missingSince = missingSince;
  }

  get isWhole(): boolean {
    return this.next >= this.records;
  }

  /** Records that the relay does not know of yet. */
  get unacknowledged(): number {
    return this.next - this.#acked;
  }

  /**
   * `join`: a record is missing before the frame. Several connections carry frames in any order: there one that comes
   * early is no sign of a loss. It is kept, and comes by `takeEarly` in its turn.
   */
  frame(index: number, ciphertext?: Uint8Array): "take" | "join" | "drop" {
    if (!this.joined || index < this.next || this.isWhole) return "drop";
    if (index > this.next) {
      if (ciphertext === undefined) return this.#rejoining ? "drop" : "join";
      // A window may have shrunk since: what an earlier one allowed is on its way.
      this.#early.put(index, ciphertext, Math.min(this.#allowed, this.records));
      return "drop";
    }
    this.#rejoining = false;
    this.#early.take(index);
    return "take";
  }

  /**
   * Keeps a record that must not be taken before a person agrees.
   * @param ciphertext undefined: it came by the only connection, and is not kept
   */
  hold(index: number, window: number, ciphertext: Uint8Array | undefined): void {
    if (!this.joined || index < this.next) return;
    const end = Math.min(this.next + window, this.records);
    if (ciphertext === undefined || index >= end) this.lacks = true;
    else this.#early.put(index, ciphertext, end);
  }

  /** The record `next`, if it came early. */
  takeEarly(): Uint8Array | undefined {
    return this.joined ? this.#early.take(this.next) : undefined;
  }

  /** @returns how long the relay took to send this record once it might; Infinity: nothing tells. ms */
  answered(index: number, now: number): number {
    const awaited = this.#awaited;
    if (awaited === undefined || index < awaited.from) return Infinity;
    this.#awaited = undefined;
    return now - awaited.at;
  }

  /** @returns whether records were jumped over, because they are here already */
  stored({ last, next }: Extract<ReceiverEvent, { type: "stored" }>, now: number): boolean {
    const following = this.next + 1;
    this.next = next ?? following;
    if (this.next > following) this.#early.dropBefore(this.next);
    if (last === true) this.records = this.next;
    this.corrupt = 0;
    this.cameAt = now;
    this.progressAt = now;
    this.#stallMs = STALL_MS;
    return this.next > following;
  }

  join(window: number, now: number, gap = false): ReceiverEffect[] {
    if (!this.joined) {
      this.#allowed = this.next;
      this.#awaited = undefined;
    }
    this.joined = true;
    this.#early.dropBefore(this.next);
    this.#allow(window, now);
    this.#rejoining = gap;
    this.lacks = false;
    this.#acked = this.next;
    this.progressAt = now;
    const { share } = this.offer;
    const [receiver, name, from] = [this.#receiver, this.#name, this.next];
    return [send({ t: "join", share, receiver, name, from, window })];
  }

  /** Joins again if a record that is needed stays away; each time it may stay away for longer. */
  joinIfStarved(window: number, now: number): ReceiverEffect[] {
    if (this.isWhole || now - this.progressAt < this.#stallMs) return [];
    this.#stallMs = Math.min(this.#stallMs * 2, STALL_PERIODS * STALL_MS);
    return this.join(window, now, true);
  }

  /** Acknowledges if the relay knows of less than there is, or heard nothing for KEEPALIVE_MS. */
  ackIfDue(window: number, now: number): ReceiverEffect[] {
    if (this.#acked >= this.next && now - this.#saidAt < KEEPALIVE_MS) return [];
    this.#saidAt = now;
    return this.ack(window, now);
  }

  /** @param now undefined: the answer tells nothing of the way */
  ack(window: number, now?: number): ReceiverEffect[] {
    if (!this.joined) return [];
    this.#allow(window, now);
    this.#acked = this.next;
    return [send({ t: "ack", share: this.offer.share, next: this.next, window })];
  }

  #allow(window: number, now: number | undefined): void {
    const allowed = Math.max(this.#allowed, this.next + window);
    if (allowed > this.#allowed && now !== undefined) {
      this.#awaited ??= { from: this.#allowed, at: now };
    }
    this.#allowed = allowed;
  }

  /** @param unconfirmed the content went on to a client that can't say that it saved it */
  complete(mac: Uint8Array, unconfirmed: boolean): ReceiverEffect {
    const { offer, records } = this;
    const claim = unconfirmed ? ({ unconfirmed } as const) : {};
    return send({ t: "complete", share: offer.share, records, mac, ...claim });
  }

  leave(reason: LeaveReason): ReceiverEffect[] {
    if (!this.joined) return [];
    this.joined = false;
    return [send({ t: "leave", share: this.offer.share, reason })];
  }
}

function send(message: Message): ReceiverEffect {
  return { type: "send", message };
}
