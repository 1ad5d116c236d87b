import { CREDIT_MOST_RECORDS } from "../../protocol/mod.ts";

import type { RecordReader } from "../log/block-log.ts";
import type { PartyNeed } from "./messages.ts";
import type { RecordRun } from "../store/record-store.ts";

/** Records asked for beyond the record that a receiver needs now, while its sender has no larger credit. */
export const READ_AHEAD_RECORDS = 16;
/** The same at most: a larger credit is of no use if no receiver names as many records. */
export const READ_AHEAD_MOST_RECORDS = CREDIT_MOST_RECORDS;
/** A record needed and not here is asked for again after this time; covers whatever got lost. */
export const NEED_AGAIN_MS = 1000;

/** A record that a party asked for; another one each time that it is lacking anew. */
interface Asked {
  readonly since: number;
  came: boolean;
}

/**
 * A party needs records of its own: a receiver of the catch-up lane, or the whole live lane. The
 * origin divides what it asks of the sender between parties.
 */
export class Party {
  readonly number: number;
  /** The address that limits count it as; parties with the same one share a turn. */
  group: string | undefined;
  /** It needs records from here on, and requested those before `upTo`. */
  from = 0;
  upTo = 0;
  /** Records that it named itself; READ_AHEAD_MOST_RECORDS at most. */
  readonly requested = new Map<number, Asked>();

  constructor(number: number) {
    this.number = number;
  }
}

export interface Ahead {
  readonly from: number;
  readonly end: number;
  /** Whether a receiver in it takes records where it is now, and acknowledges them. */
  readonly proven: boolean;
}

/**
 * The records that the parties of one fan-out will read soon and the log lacks. Each party says for
 * itself what it needs, once, and again when it did not come for NEED_AGAIN_MS and it still waits;
 * when it moves, what it requested before holds no more. So a party never waits for another's turn, and no
 * record is read for one that has gone elsewhere.
 */
export class ReadAhead {
  readonly #records: number;
  readonly #ask: (needs: PartyNeed[]) => void;
  /** Requested by any party, and not here yet. */
  readonly #asked = new Map<number, Asked>();
  /** To be requested at the next flush. */
  #fresh: PartyNeed[] = [];
  #parties = 0;
  #most = READ_AHEAD_RECORDS;

  constructor(records: number, ask: (needs: PartyNeed[]) => void) {
    this.#records = records;
    this.#ask = ask;
  }

  /** Records that a party may name beyond the one that it needs now. */
  get most(): number {
    return this.#most;
  }

  set most(records: number) {
    this.#most = Math.min(Math.max(records, READ_AHEAD_RECORDS), READ_AHEAD_MOST_RECORDS);
  }

  newParty(): Party {
    return new Party(this.#parties++);
  }

  /** A party needs that, and nothing else any more. */
  need(party: Party, { from, end, proven }: Ahead, log: RecordReader, now: number): void {
    const until = Math.min(end, this.#records);
    const { requested } = party;
    const moved = from < party.from || from > party.upTo;
    const dropped = moved && isWaitedFor(party);
    if (moved) party.upTo = from;
    for (const index of requested.keys()) if (moved || index < from) requested.delete(index);
    const runs: RecordRun[] = [];
    for (let index = from; index < until; index++) {
      if (log.has(index)) continue;
      const asked = this.#asked.get(index);
      // Another party's word is not enough: it may go elsewhere, and its need with it.
      if (asked !== undefined && requested.get(index) === asked) continue;
      // Asked first counts: else one that asks again and again would keep others from doing so.
      const lacking = asked ?? { since: now, came: false };
      this.#asked.set(index, lacking);
      requested.set(index, lacking);
      const last = runs.at(-1);
      if (last !== undefined && last.first + last.count === index) last.count++;
      else runs.push({ first: index, count: 1 });
    }
    party.from = from;
    party.upTo = Math.max(party.upTo, until);
    if (dropped || runs.length > 0) this.#request(party, until, proven, runs);
  }

  drop(party: Party): void {
    const waitedFor = isWaitedFor(party);
    party.upTo = party.from;
    party.requested.clear();
    if (waitedFor) this.#request(party, party.from, false, []);
  }

  came(index: number): void {
    const asked = this.#asked.get(index);
    if (asked === undefined) return;
    asked.came = true;
    this.#asked.delete(index);
  }

  /** An old need may be requested again. */
  expire(now: number): void {
    for (const [index, { since }] of this.#asked) {
      if (now - since >= NEED_AGAIN_MS) this.#asked.delete(index);
    }
  }

  /** The source that was told knows nothing of it any more. */
  clear(): void {
    this.#asked.clear();
    this.#most = READ_AHEAD_RECORDS;
  }

  flush(): void {
    if (this.#fresh.length === 0) return;
    const fresh = this.#fresh;
    this.#fresh = [];
    this.#ask(fresh);
  }

  #request({ number, group, from }: Party, end: number, proven: boolean, runs: RecordRun[]): void {
    this.#fresh.push({ party: number, group, proven, from, end, runs });
  }
}

/** Whether the source may still be asked for something because of what a party requested. */
function isWaitedFor({ from, requested }: Party): boolean {
  for (const [index, { came }] of requested) if (index >= from && !came) return true;
  return false;
}
