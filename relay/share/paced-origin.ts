/**
 * The part of an origin for a share that can't be read again: records are asked for in order,
 * each once, and the log keeps all that a receiver needs. So the sender is paced by the slowest.
 *
 * Each fan-out tells the least record that its receivers need, at once when it is less than before.
 * A word that comes late is a watermark too low: it costs room, never a record. `Origin` owns one
 * for such a share.
 */
import { CREDIT_RECORDS, LOST_GRACE_MS, WINDOW_RECORDS } from "../../protocol/mod.ts";
import { READ_AHEAD_RECORDS } from "./read-ahead.ts";

import { LowWatermark } from "./low-watermark.ts";
import type { RecordLog } from "../log/block-log.ts";
import type { HandoverState, PartyNeed } from "./messages.ts";

/** Workers have numbers from 0; this one stands for receivers that may come back to a new log. */
const RETURNING = -1;
/** How long a client of the lobby that speaks no fileshare may hold up others of a stream. */
const HELD_UP_MS = 2000;

export class PacedOrigin {
  readonly #log: RecordLog;
  /** By worker; one that died has a key of its own, see `#keyOfLost`. */
  readonly #watermarks = new LowWatermark<number>();
  /** Records before it were asked for. */
  #askedUpTo = 0;
  #neededUpTo = 0;
  /** So do receivers that have proven nothing, as far as one can be that is honest; see `need`. */
  #hoped: Pick<PartyNeed, "from" | "end"> | undefined;
  /** Receivers may stand up to here, whatever was asked for at this origin. */
  #reach = CREDIT_RECORDS;
  /** Records before it are gone, or were never here. */
  #lostBefore = 0;
  /** Workers that sent their watermark, or died, before this origin knew where it begins. */
  readonly #reported = new Set<number>();
  readonly #died = new Set<number>();
  #begun = false;
  /** Its sender is about to go on at another relay. */
  #isLeaving = false;
  /** Since when a record that a receiver waits for found no room. */
  #fullSince: number | undefined;

  constructor(log: RecordLog) {
    this.#log = log;
  }

  /** Whether it is known which record comes first. */
  get begun(): boolean {
    return this.#begun;
  }

  /** Records before it can't be had any more. */
  get gone(): number {
    return Math.max(this.#lostBefore, this.#log.firstKept);
  }

  get asked(): number {
    return this.#askedUpTo;
  }

  get watermarks(): [worker: number, next: number][] {
    return this.#watermarks.entries();
  }

  /** Begins with an empty log at the first record that the sender still has. */
  begin(first: number, now: number): void {
    this.#askedUpTo = first;
    this.#lostBefore = first;
    // The log before was lost, and with it the lines of its receivers.
    if (first > 0) this.#hold(RETURNING, first, now);
    this.#hope();
    this.#keep();
    this.#begun = true;
  }

  /**
   * The sender is here, and this is the first record that it has: what it has sent and lost, to whatever
   * relay or worker, ends CREDIT_RECORDS after that.
   * @param isRemote another relay has it, and receivers may come from there: they stand wherever its log is
   * @returns whether records are passed over that were asked for at another relay alone
   */
  senderHas(first: number, isRemote = false): boolean {
    this.#reach = isRemote ? Infinity : Math.max(this.#reach, first + CREDIT_RECORDS);
    const isAhead = this.#begun && first > this.#askedUpTo;
    if (isAhead) {
      this.#askedUpTo = first;
      this.lose(first);
    }
    this.#hope();
    return isAhead;
  }

  /** Goes on where the log of another worker was; that is here by now. */
  resumeFrom({ asked, needed, watermarks }: Omit<HandoverState, "blocks">, now: number): void {
    this.#askedUpTo = asked;
    for (const [worker, next] of watermarks) {
      // A receiver that was lost before has its grace once more: since when is not known here.
      if (worker < 0) this.#hold(worker, next, now);
      else if (this.#died.has(worker)) this.#hold(keyOfLost(worker), next, now);
      else if (!this.#reported.has(worker)) this.#watermarks.set(worker, next);
    }
    for (const worker of this.#reported) {
      const next = this.#watermarks.get(worker);
      if (next !== undefined) this.#watermarks.set(worker, this.#within(next));
    }
    this.#neededUpTo = Math.max(this.#neededUpTo, needed);
    this.#hope();
    this.#keep();
    this.#begun = true;
  }

  /** The sender does not have records before this one, and neither has the log. */
  lose(before: number): void {
    this.#lostBefore = Math.max(this.#lostBefore, before);
  }

  /** @returns false when some of what is needed is gone */
  hold(worker: number, next: number | undefined): boolean {
    this.#reported.add(worker);
    if (next === undefined) this.#watermarks.delete(worker);
    else this.#watermarks.set(worker, this.#within(next));
    this.#keep();
    return next === undefined || next >= this.gone;
  }

  workerLost(worker: number, now: number): void {
    this.#died.add(worker);
    const next = this.#watermarks.get(worker);
    this.#watermarks.delete(worker);
    if (next !== undefined) this.#hold(keyOfLost(worker), next, now);
    this.#keep();
  }

  get needed(): number {
    return this.#neededUpTo;
  }

  /** Records that a receiver needs and that may be here; no more than a log holds. */
  get awaited(): { first: number; end: number } {
    const end = Math.min(this.#neededUpTo, this.#askedUpTo);
    return { first: Math.max(this.#watermarks.least ?? end, this.gone), end };
  }

  /**
   * No receiver that only says where it is can be further than what was asked for so far, or, where a
   * log was lost, further than what its sender may have sent and forgot. One that says so must not have
   * the sender run ahead of all others.
   */
  need({ from, end, proven }: Pick<PartyNeed, "from" | "end" | "proven">): void {
    if (proven) {
      this.#neededUpTo = Math.max(this.#neededUpTo, end);
      return;
    }
    this.#hoped = { from, end };
    this.#hope();
  }

  #hope(): void {
    const hoped = this.#hoped;
    if (hoped === undefined || hoped.from > Math.max(this.#askedUpTo, this.#reach)) return;
    this.#neededUpTo = Math.max(this.#neededUpTo, hoped.end);
    this.#hoped = undefined;
  }

  /**
   * The sender shall leave: from now on it is asked for no record beyond those that it keeps.
   * @returns whether it can give all that receivers still need, at any relay
   */
  letsSenderGo(): boolean {
    this.#isLeaving = true;
    return !this.#begun || this.#askedUpTo <= this.#endWithSender;
  }

  /** A sender that was asked for records up to here has all that receivers need, and that is no longer in a log. */
  get #endWithSender(): number {
    return (this.#watermarks.least ?? Infinity) + CREDIT_RECORDS;
  }

  /** The next record that was never asked for, if a receiver will read it. */
  get next(): number | undefined {
    if (this.#isLeaving && this.#askedUpTo >= this.#endWithSender) return undefined;
    return this.isNeeded(this.#askedUpTo) ? this.#askedUpTo : undefined;
  }

  isNeeded(index: number): boolean {
    return index < this.#neededUpTo;
  }

  /**
   * The record before which receivers stand that are behind another; undefined: the last may be the
   * only one. It can't have been sent more than its window, nor ask for more than comes after that.
   */
  get #laggards(): number | undefined {
    const { least } = this.#watermarks;
    if (least === undefined) return undefined;
    const others = this.#neededUpTo > least + WINDOW_RECORDS + READ_AHEAD_RECORDS + 1;
    return others ? least + 1 : undefined;
  }

  /**
   * Records that a receiver waits for have had no room for HELD_UP_MS because other receivers are far behind:
   * told once each time.
   * @returns the record before which the others stand
   */
  heldUp(isFull: boolean, now: number): number | undefined {
    const before = isFull ? this.#laggards : undefined;
    if (before === undefined) {
      this.#fullSince = undefined;
      return undefined;
    }
    this.#fullSince ??= now;
    if (now - this.#fullSince < HELD_UP_MS) return undefined;
    this.#fullSince = undefined;
    return before;
  }

  advance(): void {
    this.#askedUpTo++;
  }

  tick(now: number): void {
    this.#watermarks.tick(now);
    this.#keep();
  }

  /** For receivers whose worker or log is gone: they have until then to come back. */
  #hold(key: number, next: number, now: number): void {
    this.#watermarks.set(key, Math.min(next, this.#watermarks.get(key) ?? next));
    this.#watermarks.lose(key, now + LOST_GRACE_MS);
  }

  /** A record that is gone is needed in vain. */
  #within(next: number): number {
    return Math.max(next, this.gone);
  }

  #keep(): void {
    const { least } = this.#watermarks;
    this.#log.keepFrom(least ?? Infinity);
    // Records that no receiver needs must not take the place of records that a receiver may come back for.
    if (least === undefined) this.#neededUpTo = 0;
  }
}

function keyOfLost(worker: number): number {
  return RETURNING - 1 - worker;
}
