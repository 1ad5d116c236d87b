/**
 * The claims of senders that wait for the directory, and their ends:
 *
 *   add --> waiting --pass--> `claim`: this relay's own directory answers with opened or refused
 *              |--forward---> `forward`: another relay keeps the share, and goes on with its sender
 *              `--refuse----> `refuse`: another relay's entry came first, or too much time passed
 *
 * `Ownership` decides when a claim comes to which end. While the directory does not answer, a share that is here alone is
 * passed on without its entry (`passUnproven`).
 */
import { FaultError } from "../../protocol/mod.ts";
import type { ShareClaim } from "../store/book-effects.ts";
import type { Say } from "./book-effects.ts";
import type { KnownShare, KnownShares } from "./known-shares.ts";
import type { Slot, Waiting } from "./slot.ts";
import type { Slots } from "./slots.ts";

/**
 * A claim waits so long for the directory; its sender tries again then, maybe at another relay. NATS chooses a leader anew
 * in 12 s, and after 20 s without an answer a sender believes that its own network is at fault. ms
 */
export const CLAIM_WAIT_MS = 15_000;
/** Claims that wait at once: 1.2 KB of the heap each, measured after a collection. */
export const CLAIMS_WAITING_MOST = 10_000;
/** The relay's own directory opens or refuses a share within this time, a slow store included. ms */
export const OPEN_MS = 60_000;

export interface WaitingClaimsHost {
  readonly me: string;
  readonly known: KnownShares;
  /** The relay that keeps the share, with its address once known; undefined: the owner keeps no shares, or is gone. */
  readonly keeperOf: (entry: KnownShare) => { readonly address: string | undefined } | undefined;
  readonly say: Say;
}

export class WaitingClaims {
  readonly #host: WaitingClaimsHost;
  readonly #slots: Slots;
  /** Slots whose claim was passed on, by the key of the share. */
  readonly #passed = new Map<string, Slot>();
  #waiting = 0;

  constructor(host: WaitingClaimsHost, slots: Slots) {
    this.#host = host;
    this.#slots = slots;
  }

  /** Claims that wait. */
  get size(): number {
    return this.#waiting;
  }

  /** Shares whose claims were passed on. */
  get passed(): number {
    return this.#passed.size;
  }

  /** @returns the slot in which it waits; undefined: it was refused */
  add(claim: ShareClaim, name: string, now: number): Slot | undefined {
    const { known, me } = this.#host;
    const entry = known.get(name);
    // A relay that stood still may read an old offer when it already knows the relay to which the sender went since.
    const isNews =
      entry !== undefined && entry.relay !== me && entry.since > now - (claim.ageMs ?? 0);
    const seen = isNews ? undefined : entry;
    if (known.isFull && entry === undefined) {
      this.#refuse(claim, "its cluster has as many shares as it may have");
      return undefined;
    }
    if (this.#waiting >= CLAIMS_WAITING_MOST) {
      this.#refuse(claim, "too many senders wait for the directory of its cluster");
      return undefined;
    }
    const slot = this.#slots.of(name);
    slot.key = claim.key;
    slot.channel = claim.channel;
    slot.claims.push({ claim, seen, at: now });
    this.#waiting++;
    return slot;
  }

  /** The claims of a lost worker need no answer. */
  workerLost(worker: number): void {
    for (const slot of this.#slots.all()) {
      this.#keep(slot, ({ claim }) => claim.worker !== worker);
    }
  }

  tick(slot: Slot, now: number): void {
    if (slot.passing > 0 && now >= slot.passingUntil) this.#passOver(slot);
    const [first] = slot.claims;
    if (first === undefined || now - first.at < CLAIM_WAIT_MS) return;
    const isInTime = ({ at }: Waiting): boolean => now - at < CLAIM_WAIT_MS;
    this.#keep(slot, isInTime, "the directory of its cluster does not answer, so new shares wait");
  }

  /** The relay that keeps the share goes on with its senders. @returns whether claims wait for that relay's address */
  forward(slot: Slot, entry: KnownShare): boolean {
    // The keeper of a share that is over says whether it may be stored again.
    const goes = ({ claim }: Waiting): boolean => !entry.isOver || claim.store !== undefined;
    const going = slot.claims.filter(goes);
    const keeper = going.length === 0 ? undefined : this.#host.keeperOf(entry);
    if (keeper === undefined) return false;
    const { address } = keeper;
    if (address === undefined) return true;
    for (const { claim } of going) {
      const { worker, socket, key, channel, isForwarded } = claim;
      const { relay } = entry;
      if (isForwarded) {
        this.#host.say({ t: "refuse", claim, fault: strayed() });
        continue;
      }
      const question = undefined;
      this.#host.say({ t: "forward", worker, socket, key, channel, relay, address, question });
    }
    this.#keep(slot, (each) => !goes(each));
    return false;
  }

  /** The watch tells that another relay owns the share: claims that came before its entry are refused. */
  refuseEarlier(slot: Slot, entry: KnownShare): void {
    const isSeen = ({ seen }: Waiting): boolean =>
      seen?.revision === entry.revision && seen.relay === entry.relay;
    this.#keep(slot, isSeen, "another relay of its cluster took the share meanwhile");
  }

  /** Passes claims on to this relay's own directory, in the order in which they came: the last one has the share. */
  pass(slot: Slot, claims: ReadonlySet<Waiting>, now: number): void {
    for (const { claim } of slot.claims.filter((each) => claims.has(each))) {
      this.#passed.set(claim.key, slot);
      slot.passing++;
      slot.passingUntil = now + OPEN_MS;
      this.#host.say({ t: "claim", claim });
    }
    this.#keep(slot, (each) => !claims.has(each));
  }

  /** Passes on the claims of a share that is here alone, as far as this relay knows, while the directory does not answer. */
  passUnproven(slot: Slot, now: number): void {
    const { known, me } = this.#host;
    const isHere = slot.isOpen || (slot.kept !== undefined && known.get(slot.name)?.relay === me);
    if (!isHere || slot.claims.length === 0) return;
    slot.isUnproven = true;
    if (slot.change !== undefined) slot.change.isOutdated = true;
    this.pass(slot, new Set(slot.claims), now);
  }

  /** This relay's own directory answered a claim. @returns its slot; undefined: none was passed on for that share */
  answered(key: string): Slot | undefined {
    const slot = this.#passed.get(key);
    if (slot === undefined) return undefined;
    slot.passing--;
    if (slot.passing === 0) this.#passOver(slot);
    this.#slots.touch(slot);
    return slot;
  }

  #passOver(slot: Slot): void {
    slot.passing = 0;
    this.#passed.delete(slot.key);
    this.#slots.touch(slot);
  }

  /** @param why the reason that the other claims hear; undefined: they need no answer */
  #keep(slot: Slot, isKept: (waiting: Waiting) => boolean, why?: string): void {
    const kept = slot.claims.filter(isKept);
    if (kept.length === slot.claims.length) return;
    for (const waiting of slot.claims) {
      if (why !== undefined && !kept.includes(waiting)) this.#refuse(waiting.claim, why);
    }
    this.#waiting -= slot.claims.length - kept.length;
    slot.claims = kept;
    this.#slots.touch(slot);
  }

  #refuse(claim: ShareClaim, why: string): void {
    this.#host.say({ t: "refuse", claim, fault: new FaultError("going-away", why) });
  }
}

/**
 * The fault of a sender that another relay sent here, while this relay would send it on. Two relays with different
 * knowledge would send it round and round.
 */
export function strayed(): FaultError {
  return new FaultError(
    "going-away",
    "its relays do not agree yet on the one that stores the share",
  );
}
