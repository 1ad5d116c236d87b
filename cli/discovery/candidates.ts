/**
 * The choice among relays that may have the share, without I/O: words in, trials out. A trial is one connection
 * that waits for an offer. Announcements may lie, so each relay gets turns, and none can hold up the others.
 *
 *   idle --tick--> trying --welcomed--> waiting --offered--> taken
 *     ^               |                    |                   |
 *     +---------------+--------------------+--- distrusted ----+
 *       refused, silent, or in the way of others
 *
 * Trials go on for ever: with one relay alone a receiver waits there until a sender comes.
 */

/** Trials of announced relays at once: a receiver opens that many sockets, and each relay gets a turn soon. */
export const TRIALS = 4;
/** Relays that a receiver remembers; a network has one for each sender and a few standing ones. */
export const CANDIDATES = 32;
/** The same of one announcing machine, so that a liar leaves room for others. */
export const CANDIDATES_OF_SOURCE = 8;
/** A relay tells its offers at once. Without one it makes room for the next after this time. ms */
export const OFFER_MS = 3000;
/** A port that accepts, and then says nothing. ms */
export const SILENT_MS = 5000;
/** Pauses after failures double up to the last one. ms */
export const RETRY_FIRST_MS = 1000;
export const RETRY_MOST_MS = 15_000;
/** A relay whose offer came to nothing waits so long for its next turn. ms */
export const DISTRUST_MS = 20_000;
/** Receivers ask at least each 64 s, so a relay that is not heard for this time is gone. ms */
export const STALE_MS = 200_000;

type At = "idle" | "trying" | "waiting";

interface Candidate {
  readonly address: string;
  /** The announcing machine; undefined: the relay's usual place on this machine. */
  readonly by: string | undefined;
  heardAt: number;
  at: At;
  /** Of the trial, or of its end. */
  since: number;
  retryAt: number;
  failures: number;
  /** It said goodbye, and nothing since. */
  isLeaving: boolean;
}

export interface Turns {
  readonly begin: string[];
  readonly end: string[];
}

export class Candidates {
  readonly #all = new Map<string, Candidate>();
  readonly #local: string;

  /** @param local the address that is always tried, and needs no turn */
  constructor(local: string, now: number) {
    this.#local = local;
    this.#all.set(local, candidate(local, undefined, now));
  }

  /** Announced relays that are known. */
  get announced(): number {
    return this.#all.size - 1;
  }

  has(address: string): boolean {
    return this.#all.has(address);
  }

  heard(address: string, by: string, now: number): void {
    const known = this.#all.get(address);
    if (known !== undefined) {
      known.heardAt = now;
      known.isLeaving = false;
      // It may have come back. A liar that repeats itself gets no more than one trial in RETRY_FIRST_MS.
      if (known.failures > 0 && known.at === "idle" && known.retryAt < Infinity) {
        known.retryAt = Math.min(known.retryAt, Math.max(now, known.since + RETRY_FIRST_MS));
      }
      return;
    }
    const ofSource = [...this.#all.values()].filter((one) => one.by === by);
    if (ofSource.length >= CANDIDATES_OF_SOURCE && !this.#makeRoom(ofSource)) return;
    if (this.announced >= CANDIDATES && !this.#makeRoom([...this.#all.values()])) return;
    this.#all.set(address, candidate(address, by, now));
  }

  /** Its goodbye may be a stranger's lie, so it keeps its turn, and is forgotten when its trial fails. */
  gone(address: string): void {
    const known = this.#all.get(address);
    if (known !== undefined) known.isLeaving = address !== this.#local;
  }

  welcomed(address: string): void {
    const known = this.#all.get(address);
    if (known?.at !== "trying") return;
    known.at = "waiting";
    known.failures = 0;
  }

  failed(address: string, now: number): void {
    const known = this.#all.get(address);
    if (known === undefined) return;
    if (known.isLeaving) {
      this.#all.delete(address);
      return;
    }
    known.failures++;
    const pause = Math.min(RETRY_MOST_MS, RETRY_FIRST_MS * 2 ** Math.min(known.failures - 1, 8));
    this.#rest(known, now, now + pause);
  }

  /** Its offer came to nothing that this code opens. */
  distrusted(address: string, now: number): void {
    const known = this.#all.get(address);
    if (known !== undefined) this.#rest(known, now, now + DISTRUST_MS);
  }

  /** No trial is under way any more. */
  pause(now: number): void {
    for (const one of this.#all.values()) if (one.at !== "idle") this.#rest(one, now, now);
  }

  /** The trials to begin and to end now. @param except the relay that the session itself is at */
  tick(now: number, except?: string): Turns {
    const turns: Turns = { begin: [], end: [] };
    for (const one of this.#all.values()) {
      if (one.at === "trying" && now - one.since >= SILENT_MS) {
        turns.end.push(one.address);
        this.failed(one.address, now);
      }
      const isStale = one.at === "idle" && now - one.heardAt >= STALE_MS;
      if (isStale && one.address !== this.#local) this.#all.delete(one.address);
    }
    const local = this.#all.get(this.#local);
    if (local?.at === "idle" && now >= local.retryAt && this.#local !== except) {
      begin(local, now);
      turns.begin.push(local.address);
    }
    this.#turnNetwork(turns, now, except);
    return turns;
  }

  #turnNetwork(turns: Turns, now: number, except: string | undefined): void {
    const network = [...this.#all.values()].filter(({ address }) => address !== this.#local);
    const ready = network
      .filter(({ at, retryAt, address }) => at === "idle" && now >= retryAt && address !== except)
      .toSorted((one, other) => one.since - other.since);
    const busy = network
      .filter(({ at }) => at !== "idle")
      .toSorted((one, other) => one.since - other.since);
    for (const next of ready) {
      if (busy.length >= TRIALS) {
        const oldest = busy[0];
        if (oldest === undefined || now - oldest.since < OFFER_MS) return;
        busy.shift();
        turns.end.push(oldest.address);
        this.#rest(oldest, now, now);
      }
      begin(next, now);
      busy.push(next);
      turns.begin.push(next.address);
    }
  }

  /** Forgets the one that failed most, and of equals the one tried last. @returns whether there is room */
  #makeRoom(among: readonly Candidate[]): boolean {
    const [worst] = among
      .filter(({ at, address, since }) => at === "idle" && address !== this.#local && since > NEVER)
      .toSorted((one, other) => other.failures - one.failures || one.since - other.since);
    if (worst === undefined) return false;
    this.#all.delete(worst.address);
    return true;
  }

  #rest(one: Candidate, now: number, retryAt: number): void {
    one.at = "idle";
    one.since = now;
    one.retryAt = retryAt;
  }
}

/** Relays without a trial come first. */
const NEVER = -Infinity;

function candidate(address: string, by: string | undefined, now: number): Candidate {
  return {
    address,
    by,
    heardAt: now,
    at: "idle",
    since: NEVER,
    retryAt: now,
    failures: 0,
    isLeaving: false,
  };
}

function begin(one: Candidate, now: number): void {
  one.at = "trying";
  one.since = now;
}
