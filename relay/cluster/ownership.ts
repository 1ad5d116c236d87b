/**
 * The shares that this relay owns, keeps or claims, and all changes that it makes to the directory's shares. Each name has
 * a slot, and each slot at most one change on its way. `#look` decides what a slot needs now:
 *
 *   claim --> waiting --put-share--> done: `claim`, opened, ended --remove-share--> (no slot)
 *                        |  conflict, unknown: again, by what the watch tells then
 *                        `- another relay's entry came after the claim: `refuse`
 *
 * A claim compares with the entry that the relay knew when the sender said hello, or with its own entry, or with none. So
 * of two claims the one that knew of the other wins, and a sender that comes to several relays in turn ends at the last.
 * `WaitingClaims` answers the claims, `ShareChanges` has the changes and their outcomes, and `KeptShares` the kept shares.
 */
import type { ShareClaim } from "../store/book-effects.ts";
import type { Entry, Outcome, OwnerValue } from "./directory-kv.ts";
import { KeptShares, type KeptSharesHost } from "./kept-shares.ts";
import type { KnownShare } from "./known-shares.ts";
import { ShareChanges, type ShareChangesHost } from "./share-changes.ts";
import { isHeld, isInBucket, type Slot, type Wanted } from "./slot.ts";
import { Slots } from "./slots.ts";
import { WaitingClaims, type WaitingClaimsHost } from "./waiting-claims.ts";

export interface OwnershipHost extends WaitingClaimsHost, KeptSharesHost, ShareChangesHost {
  /** The directory answers, and the watch has told all of it. */
  readonly isReady: () => boolean;
  /** No sender of this relay has or claims the share. */
  readonly free: (name: string) => void;
}

export class Ownership {
  readonly #host: OwnershipHost;
  readonly #slots = new Slots();
  readonly #claims: WaitingClaims;
  readonly #changes: ShareChanges;
  /** Slots that need a change. */
  readonly #queue = new Set<Slot>();
  /** The shares that the relay's store keeps. */
  readonly kept: KeptShares;

  constructor(host: OwnershipHost) {
    this.#host = host;
    this.#claims = new WaitingClaims(host, this.#slots);
    this.kept = new KeptShares(host, this.#slots);
    const parts = { slots: this.#slots, claims: this.#claims, kept: this.kept };
    this.#changes = new ShareChanges(host, parts);
  }

  get waitingClaims(): number {
    return this.#claims.size;
  }

  get owned(): number {
    return [...this.#slots.all()].filter(({ isOpen }) => isOpen).length;
  }

  /** Slots and changes that are kept: 0 when there is nothing to do. */
  get left(): number {
    return this.#slots.size + this.#queue.size + this.#changes.size + this.#claims.passed;
  }

  /** A sender here has the share, or claims it. */
  isHeld(name: string): boolean {
    const slot = this.#slots.get(name);
    return slot !== undefined && (isHeld(slot) || slot.claims.length > 0);
  }

  claim(claim: ShareClaim, name: string, now: number): void {
    const slot = this.#claims.add(claim, name, now);
    if (slot !== undefined && !this.#host.isReady()) this.#claims.passUnproven(slot, now);
  }

  /** @returns false: no claim of a sender was passed on for it */
  opened(key: string): boolean {
    const slot = this.#claims.answered(key);
    if (slot !== undefined) slot.isOpen = true;
    return slot !== undefined;
  }

  /** The relay's directory did not give the share to the claim. @returns as `opened` */
  refused(key: string): boolean {
    return this.#claims.answered(key) !== undefined;
  }

  ended(name: string): void {
    const slot = this.#slots.get(name);
    if (slot === undefined) return;
    slot.isOpen = false;
    slot.isUnproven = false;
    this.#slots.touch(slot);
  }

  workerLost(worker: number): void {
    this.#claims.workerLost(worker);
  }

  /** See `ShareChanges`. */
  isBehind(entry: Entry<OwnerValue>): boolean {
    return this.#changes.isBehind(entry);
  }

  /** The watch told something about the share. */
  told(name: string): void {
    const isMine = this.#host.known.get(name)?.relay === this.#host.me;
    // An entry of this relay without a share: a change that was unknown has happened, or the share ended.
    const slot = isMine ? this.#slots.of(name) : this.#slots.get(name);
    if (slot === undefined) return;
    slot.untold = undefined;
    slot.notBefore = 0;
    this.#slots.touch(slot);
  }

  /** The watch told all: what it said is true even where a change of this relay was done before. */
  synced(): void {
    for (const slot of this.#slots.all()) this.#changes.trustWatch(slot);
  }

  /** All of it is to be compared anew. */
  lookAgain(): void {
    for (const { name } of this.#host.known.ofRelay(this.#host.me)) this.#slots.of(name);
    for (const slot of this.#slots.all()) this.#slots.touch(slot);
  }

  /** The directory does not answer: a share that is open here goes on with a sender that comes back. */
  disconnected(now: number): void {
    for (const slot of this.#slots.all()) this.#claims.passUnproven(slot, now);
  }

  outcome(op: number, outcome: Outcome, now: number): void {
    this.#changes.outcome(op, outcome, now);
  }

  tick(now: number): void {
    this.#changes.tick(now);
    for (const slot of this.#slots.all()) {
      this.#changes.tickUntold(slot, now);
      this.#claims.tick(slot, now);
      // Time alone changes what these need; a store has many others.
      if (slot.claims.length > 0 || slot.tries > 0) this.#slots.touch(slot);
    }
  }

  /** Begins what is to be done now. */
  settle(now: number): void {
    for (const slot of this.#slots.takeDue()) {
      if (this.#look(slot, now) !== undefined) this.#queue.add(slot);
    }
    for (const slot of this.#queue) {
      if (this.#changes.isFull) return;
      this.#queue.delete(slot);
      const wanted = this.#look(slot, now);
      if (wanted !== undefined) this.#changes.begin(slot, wanted, now);
    }
  }

  /** @returns the change that the slot needs now */
  #look(slot: Slot, now: number): Wanted | undefined {
    const { name } = slot;
    const { me, known, isReady } = this.#host;
    if (this.#slots.get(name) !== slot) return undefined;
    const entry = known.get(name);
    const isOthers = entry !== undefined && entry.relay !== me;
    if (isReady()) this.kept.inherit(slot, entry);
    const isInherited = slot.heritage !== undefined;
    const waits = isInherited || (isOthers && this.#claims.forward(slot, entry));
    if (isOthers && isReady()) this.#taken(slot, entry);
    if (isReady()) this.kept.hush(slot, isOthers && !this.kept.isLeft(slot, entry));
    this.kept.noteDoubt(slot, entry);
    const isHere = isHeld(slot);
    const isKept = isHere || isInherited || slot.kept !== undefined;
    if (!isHere && slot.claims.length === 0) this.#host.free(name);
    if (slot.change !== undefined) return undefined;
    const compared = entry?.revision ?? 0;
    const isToPut =
      (slot.claims.length > 0 && !waits) ||
      (isKept && this.kept.lacksEntry(slot, entry, isHere && !isOthers));
    const isToRemove =
      !isKept && entry !== undefined && (!isOthers || slot.evicted === entry.revision);
    if (isToPut || isToRemove) {
      const isTime = isReady() && now >= slot.notBefore;
      return isTime ? { isPut: isToPut, compared } : undefined;
    }
    const isWaiting = slot.claims.length > 0 || slot.untold !== undefined;
    if (!isKept && !isWaiting) this.#slots.delete(name);
    return undefined;
  }

  /** The watch says that another relay owns it. */
  #taken(slot: Slot, entry: KnownShare): void {
    this.#claims.refuseEarlier(slot, entry);
    if (!slot.isOpen) return;
    // Not a later entry: the directory has gone back in time.
    const isLater = !slot.isUnproven && entry.revision > slot.proven;
    // A relay that takes a share over from a gone relay has no sender of it.
    const again = !isLater || isInBucket(slot);
    slot.isOpen = false;
    // A claim that the store holds up may open it yet.
    slot.isUnproven &&= slot.passing > 0;
    this.#host.say({ t: "yield", key: slot.key, again });
  }
}
