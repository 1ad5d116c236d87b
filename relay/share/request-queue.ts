/**
 * The needs of the parties of all workers, and the order in which the sender is asked.
 *
 * A newcomer is a party that has acknowledged fewer than ACK_EVERY_RECORDS where it is now. It
 * costs a client one small message to become one, so all newcomers together have a part of the
 * sender's uplink: one record of NEWCOMER_TURN_RECORDS while other parties need some, NEWCOMER_RATE
 * while none does, and as much as there are places for when none did for NEWCOMERS_ALONE_MS. Within
 * each of the two kinds the addresses have turns of one record, and within an address its parties;
 * a party whose address is not counted is a group of its own. `Origin` owns it for a share that can
 * be read again.
 */
import { TokenBucket, type Rate } from "../../protocol/mod.ts";
import { READ_AHEAD_MOST_RECORDS } from "./read-ahead.ts";

import type { PartyNeed } from "./messages.ts";

/**
 * Of so many records asked of a sender one is for newcomers: receivers that just joined where they
 * are and take nothing yet.
 */
export const NEWCOMER_TURN_RECORDS = 10;
/**
 * Records of the credit for newcomers; a quarter, so that other receivers wait no longer for
 * their records.
 */
export const NEWCOMER_CREDIT_RECORDS = 4;
/** Records per second asked of a sender for newcomers while no other receiver needs any. */
export const NEWCOMER_RATE = 8;
/**
 * Of these records at once; a receiver that begins needs some, an HTTP download of a part needs
 * two.
 */
export const NEWCOMER_BURST_RECORDS = 32;
/**
 * Newcomers have no rate when no other receiver needed a record for so long, as after a restart.
 */
export const NEWCOMERS_ALONE_MS = 1000;

const NEWCOMERS: Rate = { atOnce: NEWCOMER_BURST_RECORDS, everyMs: 1000 / NEWCOMER_RATE };

/** A party, at any worker, and the records that it needs and that are neither here nor on their way. */
interface Requester {
  readonly key: string;
  readonly group: string;
  proven: boolean;
  /** It needs nothing outside. */
  from: number;
  end: number;
  /** In the order in which it needs them; READ_AHEAD_MOST_RECORDS at most. */
  readonly records: Set<number>;
}

/** Records asked of the sender and not here yet, by the kind of party that they were asked for. */
export interface OnTheWay {
  readonly proven: number;
  readonly newcomers: number;
  /** How many there may be of both together. */
  readonly credit: number;
}

export interface Found {
  readonly requester: Requester;
  readonly index: number;
}

interface Candidate extends Found {
  /** Newcomers also have records out of turn: of their token bucket, or because no other party is there. */
  readonly how: "in turn" | "allowed" | "alone";
}

/** Parties in the order of their turns: round robin between groups, and within each between parties. */
class Turns {
  readonly #groups = new Map<string, Map<string, Requester>>();

  put(requester: Requester): void {
    const { key, group } = requester;
    const parties = this.#groups.get(group);
    if (parties === undefined) this.#groups.set(group, new Map([[key, requester]]));
    else parties.set(key, requester);
  }

  delete({ key, group }: Requester): void {
    const parties = this.#groups.get(group);
    parties?.delete(key);
    if (parties?.size === 0) this.#groups.delete(group);
  }

  get first(): Requester | undefined {
    for (const parties of this.#groups.values()) {
      for (const requester of parties.values()) return requester;
    }
    return undefined;
  }

  pass(requester: Requester): void {
    const { key, group } = requester;
    const parties = this.#groups.get(group);
    if (parties?.delete(key) !== true) return;
    parties.set(key, requester);
    this.#groups.delete(group);
    this.#groups.set(group, parties);
  }
}

export class RequestQueue {
  /** Parties that need something. */
  readonly #requesters = new Map<string, Requester>();
  readonly #proven = new Turns();
  readonly #newcomers = new Turns();
  /** Records read for proven parties since the last one for a newcomer. */
  #since = NEWCOMER_TURN_RECORDS;
  /** Of records that newcomers may have although no proven party needs any. */
  readonly #allowance = new TokenBucket();
  #now = 0;
  /** When a proven party last needed or awaited a record. */
  #provenAt = -Infinity;
  #candidate: Candidate | undefined;
  #size = 0;

  /** Records that are queued; one counts for each party that needs it. */
  get size(): number {
    return this.#size;
  }

  /**
   * The needs of a party. Earlier ones stay where they lie within the new ones.
   * @param lacking of what it needs from now on: those that are neither here nor on their way
   */
  need(worker: number, need: PartyNeed, lacking: readonly number[]): void {
    const key = `${worker}/${need.party}`;
    const known = this.#requesters.get(key);
    this.#candidate = undefined;
    if (known !== undefined) this.#move(known, need, need.group ?? key);
    if (lacking.length > 0) this.#add(key, need, lacking);
  }

  /** A worker died, or has no receivers any more. */
  forget(worker: number): void {
    this.#candidate = undefined;
    for (const requester of this.#requesters.values()) {
      if (!requester.key.startsWith(`${worker}/`)) continue;
      for (const index of requester.records) this.#delete(requester, index);
    }
  }

  /**
   * The record to ask for next.
   * @param isLacking whether a record is neither here nor on its way
   */
  next(isLacking: (index: number) => boolean, onTheWay: OnTheWay, now: number): number | undefined {
    this.#now = now;
    this.#candidate = this.#choose(isLacking, onTheWay, now);
    return this.#candidate?.index;
  }

  /** Some record before `end`, out of turn. Looks at all parties, so it is not for each event. */
  before(end: number, isLacking: (index: number) => boolean): Found | undefined {
    for (const requester of this.#requesters.values()) {
      for (const index of requester.records) {
        const isNeeded = index >= requester.from && index < requester.end;
        if (isNeeded && index < end && isLacking(index)) return { requester, index };
      }
    }
    return undefined;
  }

  /** The result of `before` is being asked for. @returns whether a proven party needs it */
  take({ requester, index }: Found): boolean {
    const { proven } = requester;
    this.#candidate = undefined;
    this.#turns(requester).pass(requester);
    this.#delete(requester, index);
    return proven;
  }

  /** The last result of `next` is being asked for. @returns whether a proven party needs it */
  taken(): boolean {
    const candidate = this.#candidate;
    if (candidate === undefined) return false;
    const proven = this.take(candidate);
    if (proven) this.#since++;
    else if (candidate.how === "in turn") this.#since = 0;
    else if (candidate.how === "allowed") this.#allowance.take(NEWCOMERS, this.#now);
    return proven;
  }

  get #isNewcomersTurn(): boolean {
    return this.#since >= NEWCOMER_TURN_RECORDS - 1;
  }

  #choose(
    isLacking: (index: number) => boolean,
    { proven: wait, newcomers, credit }: OnTheWay,
    now: number,
  ): Candidate | undefined {
    const proven = this.#first(this.#proven, isLacking);
    if (proven !== undefined || wait > 0) this.#provenAt = now;
    const alone = now - this.#provenAt >= NEWCOMERS_ALONE_MS;
    const share = Math.min(NEWCOMER_CREDIT_RECORDS, Math.floor(credit / 4));
    const most = Math.max(1, share);
    const newcomer = newcomers < most ? this.#first(this.#newcomers, isLacking) : undefined;
    if (newcomer === undefined) return proven && { ...proven, how: "in turn" };
    // All came at once, as after a restart of the relay. Their part of the credit stays the same: a receiver that
    // begins amid a storm of others must not wait for a whole credit before each of its first records.
    if (alone) return { ...newcomer, how: "alone" };
    if (this.#isNewcomersTurn) return { ...newcomer, how: "in turn" };
    if (proven !== undefined || wait > 0) return proven && { ...proven, how: "in turn" };
    return this.#allowance.may(NEWCOMERS, now) ? { ...newcomer, how: "allowed" } : undefined;
  }

  /** Forgets on the way the records that no party needs any more. */
  #first(turns: Turns, isLacking: (index: number) => boolean): Found | undefined {
    for (let requester = turns.first; requester !== undefined; requester = turns.first) {
      for (const index of requester.records) {
        const isNeeded = index >= requester.from && index < requester.end;
        if (isNeeded && isLacking(index)) return { requester, index };
        this.#delete(requester, index);
      }
    }
    return undefined;
  }

  #move(requester: Requester, { from, end, proven }: PartyNeed, group: string): void {
    requester.from = from;
    requester.end = end;
    for (const index of requester.records) {
      if (group !== requester.group || index < from || index >= end) this.#delete(requester, index);
    }
    if (requester.records.size === 0 || requester.proven === proven) return;
    this.#turns(requester).delete(requester);
    requester.proven = proven;
    this.#turns(requester).put(requester);
  }

  #add(key: string, need: PartyNeed, lacking: readonly number[]): void {
    const { group = key, proven, from, end } = need;
    let requester = this.#requesters.get(key);
    if (requester === undefined) {
      requester = { key, group, proven, from, end, records: new Set() };
      this.#requesters.set(key, requester);
      this.#turns(requester).put(requester);
    }
    for (const index of lacking) {
      if (requester.records.size >= READ_AHEAD_MOST_RECORDS) return;
      if (requester.records.has(index)) continue;
      requester.records.add(index);
      this.#size++;
    }
  }

  #delete(requester: Requester, index: number): void {
    if (!requester.records.delete(index)) return;
    this.#size--;
    if (requester.records.size > 0) return;
    this.#turns(requester).delete(requester);
    this.#requesters.delete(requester.key);
  }

  #turns({ proven }: Requester): Turns {
    return proven ? this.#proven : this.#newcomers;
  }
}
