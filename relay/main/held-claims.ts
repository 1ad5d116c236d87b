import { FaultError } from "../../protocol/mod.ts";
import { SETTLE_MS } from "../limits/limits.ts";
import type { FromStoreBook } from "../share/messages.ts";
import type { ShareClaim } from "../store/book-effects.ts";
import type { StoreBook } from "../store/store-book.ts";
import type { Directory } from "./directory.ts";

/** Claims of one share that wait at once. A sender has one line at a time, and tries again. items */
const HELD_CLAIMS = 8;
/** Shares looked up in the bucket at once for claims, and as many for questions: any client may offer or ask about any share. */
export const LOOK_UPS_MOST = 64;
/** Stands for the home of a share that is looked up in the bucket. */
const NO_WORKER = -1;
const TOO_MANY_HELD = "too many connections of this share wait for its store";
const TOO_MANY_LOOK_UPS = "too many senders wait for the bucket";

/** Claims of a share whose records are about to be durable at another worker. */
interface Held {
  readonly home: number;
  /** By `KeeperHost.clock`. ms */
  readonly until: number;
  readonly claims: ShareClaim[];
}

export interface HeldClaimsHost {
  readonly book: StoreBook;
  readonly directory: Directory;
  readonly toWorker: (worker: number, message: FromStoreBook) => void;
  /** The directory's clock. ms */
  readonly clock: () => number;
  /** Undefined: the relay shares its store with no other. */
  readonly lookUpEnd: ((key: string) => Promise<unknown>) | undefined;
  /** Gives a claim to the book. @returns false: the directory may have it at once */
  readonly claim: (claim: ShareClaim) => boolean;
}

/** Claims that wait until the relay knows what the store has of their share, or whether it is over. */
export class HeldClaims {
  readonly #host: HeldClaimsHost;
  /** By key: shares that are stored in part, which the limits of the store bound, and shares that are looked up. */
  readonly #byKey = new Map<string, Held>();
  #lookUps = 0;

  constructor(host: HeldClaimsHost) {
    this.#host = host;
  }

  /** @returns whether the claim waits here, or is refused; otherwise it goes on */
  takes(claim: ShareClaim): boolean {
    return this.#holds(claim) || this.#looksIntoBucket(claim);
  }

  settled(key: string, worker: number): void {
    if (this.#byKey.get(key)?.home === worker) this.#release(key);
  }

  workerLost(worker: number): void {
    for (const [key, { home, claims }] of this.#byKey) {
      claims.splice(0, claims.length, ...claims.filter((claim) => claim.worker !== worker));
      if (home === worker) this.#release(key);
    }
  }

  tick(): void {
    const { clock } = this.#host;
    for (const [key, { until }] of this.#byKey) if (clock() >= until) this.#release(key);
  }

  /** A gone relay may have ended the share. A sender that missed the end must not store it anew. */
  #looksIntoBucket(claim: ShareClaim): boolean {
    const { key, store } = claim;
    const { book, directory, clock, lookUpEnd } = this.#host;
    if (lookUpEnd === undefined || store === undefined || book.knows(key)) return false;
    if (this.#lookUps >= LOOK_UPS_MOST) {
      directory.refuse(claim, new FaultError("going-away", TOO_MANY_LOOK_UPS));
      return true;
    }
    this.#lookUps++;
    const held = { home: NO_WORKER, until: clock() + SETTLE_MS, claims: [claim] };
    this.#byKey.set(key, held);
    void lookUpEnd(key).then(() => {
      this.#lookUps--;
      if (this.#byKey.get(key) === held) this.#release(key);
    });
    return true;
  }

  /** A sender that came to another worker sends no record twice: the home before first says which records are durable. */
  #holds(claim: ShareClaim): boolean {
    const { key, worker, store } = claim;
    const { book, directory, toWorker, clock } = this.#host;
    const held = this.#byKey.get(key);
    if (held !== undefined) {
      if (held.claims.length < HELD_CLAIMS) held.claims.push(claim);
      else directory.refuse(claim, new FaultError("going-away", TOO_MANY_HELD));
      return true;
    }
    const home = directory.homeOf(key);
    if (store === undefined || home === undefined || home === worker) return false;
    if (!book.isUnfinished(key)) return false;
    this.#byKey.set(key, { home, until: clock() + SETTLE_MS, claims: [claim] });
    toWorker(home, { t: "settle", key });
    return true;
  }

  #release(key: string): void {
    const { claims = [] } = this.#byKey.get(key) ?? {};
    this.#byKey.delete(key);
    for (const claim of claims) {
      if (!this.#host.claim(claim)) this.#host.directory.claim(claim, this.#host.clock());
    }
  }
}
