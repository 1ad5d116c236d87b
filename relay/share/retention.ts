import {
  LOST_GRACE_MS,
  PAUSE_GRACE_MS,
  RECEIVERS_PER_SHARE,
  type LeaveReason,
} from "../../protocol/mod.ts";

import { LowWatermark } from "./low-watermark.ts";
import type { Reader } from "./lanes.ts";
import type { RecordReader } from "../log/block-log.ts";

/** A receiver that has not agreed yet joins with a window of one record at most. */
export const NOT_AGREED_WINDOW = 1;
/**
 * Another relay stands still while its own receivers do; it disconnects those first, which takes it as long as it takes
 * this relay.
 */
const EDGE_STALLS = 2;

export interface KeptFor extends Reader {
  readonly key: string;
  /** It is a stream of another relay. */
  readonly isEdge: boolean;
  /** It said that it goes. */
  left: LeaveReason | undefined;
  /** When it last acknowledged something new, or waited for us, or was paused. */
  progressAt: number;
  /** The log keeps no record for it before it has acknowledged more than that; -1: as for others. */
  unpaced: number;
}

/**
 * The records that the receivers of one fan-out need of a share that can't be read again. The log keeps
 * them from the least one on; it keeps nothing for a receiver without progress.
 */
export class Retention {
  readonly #records: number;
  readonly #stallMs: number;
  readonly #send: (least: number | undefined) => void;
  readonly #watermark = new LowWatermark<string>();
  #sent: number | undefined;
  /** How far those had come that stalled. */
  readonly #stalled = new Map<string, number>();

  /** @param send is told the least record needed whenever it changes; undefined: none is */
  constructor(records: number, stallMs: number, send: (least: number | undefined) => void) {
    this.#records = records;
    this.#stallMs = stallMs;
    this.#send = send;
  }

  joined(receiver: KeptFor, attaches: boolean, now: number): void {
    if (attaches) receiver.progressAt = now;
    receiver.unpaced = this.#stalled.get(receiver.key) ?? -1;
    this.changed(receiver, now);
  }

  acked(receiver: KeptFor, before: number, now: number): void {
    const kept = this.#watermark.get(receiver.key) !== undefined;
    if (receiver.acked > before || !kept) receiver.progressAt = now;
    this.changed(receiver, now);
  }

  /** Keeps what it lacks as long as it is here and its window open, and for a while after. */
  changed(receiver: KeptFor, now: number): void {
    const { key, socket, window, acked, unpaced, left } = receiver;
    const agreed = window > NOT_AGREED_WINDOW || hasAgreedReceivers(receiver);
    const takes = window > 0 || hasAgreedReceivers(receiver);
    if (acked > unpaced) this.#stalled.delete(key);
    if (acked <= unpaced || acked >= this.#records) this.#watermark.delete(key);
    else if (socket !== undefined && takes) this.#watermark.set(key, acked);
    else if (socket !== undefined) this.#watermark.lose(key, now + PAUSE_GRACE_MS);
    else if (left !== undefined || !agreed) this.#watermark.delete(key);
    else this.#watermark.lose(key, now + LOST_GRACE_MS);
    this.#sendLeast();
  }

  /** It is at another worker, and needs `next` there. @returns whether nothing is kept here any more */
  cameElsewhere(key: string, next: number): boolean {
    const kept = this.#watermark.get(key);
    // A receiver that is further has been here since.
    if (kept === undefined || kept > next) return false;
    this.#watermark.delete(key);
    this.#sendLeast();
    return true;
  }

  /** Whether it makes no progress, though it could; if so, nothing is kept for it from now on. */
  stalls(receiver: KeptFor, log: RecordReader, now: number): boolean {
    const { next, acked, isEdge } = receiver;
    const waits = next === acked && !log.has(next);
    if (waits || this.#watermark.get(receiver.key) === undefined) receiver.progressAt = now;
    const most = isEdge ? EDGE_STALLS * this.#stallMs : this.#stallMs;
    if (now - receiver.progressAt < most) return false;
    this.giveUp(receiver);
    return true;
  }

  /** It holds up others, and nothing is kept for it from now on. */
  giveUp(receiver: KeptFor): void {
    const { key, acked } = receiver;
    if (this.#stalled.size < RECEIVERS_PER_SHARE) this.#stalled.set(key, acked);
    receiver.unpaced = acked;
  }

  /** Lets go of what was kept for those who did not come back. */
  tick(now: number): void {
    this.#watermark.tick(now);
    this.#sendLeast();
  }

  /** To somebody new, who knows nothing of us. */
  resend(): void {
    this.#sent = this.#watermark.least;
    this.#send(this.#sent);
  }

  clear(): void {
    this.#watermark.clear();
    this.#stalled.clear();
  }

  #sendLeast(): void {
    if (this.#watermark.least !== this.#sent) this.resend();
  }
}

/** Another relay wants nothing while its log is full; it took more than a look, so it will. */
function hasAgreedReceivers({ isEdge, acked }: KeptFor): boolean {
  return isEdge && acked > NOT_AGREED_WINDOW;
}
