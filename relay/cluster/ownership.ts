/**
 * The shares that this relay owns, keeps or claims, and all changes that it makes to the directory's shares. Each name has
 * a slot, and each slot at most one change on its way:
 *
 *   claim --> waiting --put-share--> done: `claim`, opened, ended --remove-share--> (no slot)
 *                        |  conflict, unknown: again, by what the watch tells then
 *                        `- another relay's entry came after the claim: `refuse`
 *
 * A claim compares with the entry that was known when its sender said hello, or with an own or no entry. So of two claims the one
 * that knew of the other wins, and a sender that comes to several relays in turn ends at the last. The outcome of a
 * change is no truth: an unknown one may happen later, and a done one may be lost. The watch's last word decides.
 *
 * A share in this relay's store (`kept`) holds its entry without a sender. Where another relay owns it, the kept one stays
 * quiet until that entry is gone, unless it is whole and the other one is not. A claim of a share that another relay keeps is `forward`ed there.
 *
 * In a bucket that several relays use, a share goes from a relay that is gone to another one:
 *
 *   inherit --put-share--> done: `adopt` --> adopted: kept
 *           `- another relay was first: nothing
 */
import { FaultError } from "../../protocol/mod.ts";
import type { ShareClaim } from "../store/book-effects.ts";
import type { Say } from "./book-effects.ts";
import type { Entry, Outcome, OwnerValue } from "./directory-kv.ts";
import type { KnownShare, KnownShares } from "./known-shares.ts";
import {
  isHeld,
  isInBucket,
  newSlot,
  type Change,
  type KeptShare,
  type Slot,
  type Waiting,
  type Wanted,
} from "./slot.ts";

/**
 * A claim waits so long for the directory; its sender tries again then, maybe at another relay. NATS chooses a leader anew
 * in 12 s, and after 20 s without an answer a sender believes that its own network is at fault. ms
 */
export const CLAIM_WAIT_MS = 15_000;
/** Claims that wait at once: about 1 KB each. */
export const CLAIMS_WAITING_MOST = 10_000;
/** Changes that wait for their outcome at once; the others wait for these, so that NATS is not flooded. */
export const CHANGES_MOST = 256;
/** A change without an outcome for so long has an unknown one. ms */
export const CHANGE_MS = 30_000;
/** Between two tries of a change; doubled with each try while no claim waits for it. ms */
export const AGAIN_MS = 1000;
const DOUBLED_MOST = 5;
/** The relay's own directory opens or refuses a share within that time, a slow store included. ms */
export const OPEN_MS = 60_000;
/** The watch tells a change that is done within that time; else the directory has lost it. ms */
export const TOLD_MS = 30_000;

export interface OwnershipHost {
  readonly me: string;
  readonly known: KnownShares;
  /** The entry that the directory shall have for a share of this relay. */
  readonly ownerValue: (share: Pick<Slot, "key" | "channel" | "kept" | "heritage">) => OwnerValue;
  /** The entry with which this relay would take the share over; undefined: it is not in the same bucket. */
  readonly heritageOf: (entry: KnownShare) => OwnerValue | undefined;
  /** @param place as the directory has it */
  readonly placeIn: (name: string, place: string) => string;
  readonly isGone: (relay: string) => boolean;
  /** The relay that keeps the share, its address once that is known; undefined: it keeps none, or is gone. */
  readonly keeperOf: (entry: KnownShare) => { readonly address: string | undefined } | undefined;
  /** The directory answers, and the watch has told all of it. */
  readonly isReady: () => boolean;
  /** Changes what is known; undefined: there is no such share. */
  readonly learn: (name: string, value: OwnerValue | undefined, revision: number) => void;
  /** No sender of this relay has or claims the share. */
  readonly free: (name: string) => void;
  readonly say: Say;
}

export class Ownership {
  readonly #host: OwnershipHost;
  readonly #slots = new Map<string, Slot>();
  /** By the key of a share whose claim was passed on. */
  readonly #passed = new Map<string, Slot>();
  readonly #changes = new Map<number, Change>();
  /** Slots to be looked at. */
  readonly #due = new Set<Slot>();
  /** Slots that need a change. */
  readonly #queue = new Set<Slot>();
  /** Kept in a bucket, and maybe another relay's by now. */
  readonly #doubted = new Set<Slot>();
  #changesEver = 0;
  #waiting = 0;

  constructor(host: OwnershipHost) {
    this.#host = host;
  }

  get waitingClaims(): number {
    return this.#waiting;
  }

  get owned(): number {
    return [...this.#slots.values()].filter(({ isOpen }) => isOpen).length;
  }

  /** Slots and changes that are kept: 0 when there is nothing to do. */
  get left(): number {
    return this.#slots.size + this.#changes.size + this.#passed.size;
  }

  /** A sender here has the share, or claims it. */
  isHeld(name: string): boolean {
    const slot = this.#slots.get(name);
    return slot !== undefined && (isHeld(slot) || slot.claims.length > 0);
  }

  claim(claim: ShareClaim, name: string, now: number): void {
    const { known, me } = this.#host;
    const entry = known.get(name);
    // A relay that stood still reads an offer from before it, when it knows of the relay to which the sender went since.
    const isNews =
      entry !== undefined && entry.relay !== me && entry.since > now - (claim.ageMs ?? 0);
    const seen = isNews ? undefined : entry;
    if (known.isFull && entry === undefined) {
      this.#refuse(claim, "its cluster has as many shares as it may have");
      return;
    }
    if (this.#waiting >= CLAIMS_WAITING_MOST) {
      this.#refuse(claim, "too many senders wait for the directory of its cluster");
      return;
    }
    const slot = this.#slot(name);
    slot.key = claim.key;
    slot.channel = claim.channel;
    slot.claims.push({ claim, seen, at: now });
    this.#waiting++;
    if (!this.#host.isReady() && this.#isHereAlone(slot)) this.#passUnproven(slot, now);
  }

  /** As far as this relay knows. */
  #isHereAlone({ name, isOpen, kept }: Slot): boolean {
    const { known, me } = this.#host;
    return isOpen || (kept !== undefined && known.get(name)?.relay === me);
  }

  /** @returns false: no claim of a sender was passed on for it */
  opened(key: string): boolean {
    const slot = this.#answered(key);
    if (slot !== undefined) slot.isOpen = true;
    return slot !== undefined;
  }

  /** The relay's directory did not give the share to the claim. @returns as `opened` */
  refused(key: string): boolean {
    return this.#answered(key) !== undefined;
  }

  ended(name: string): void {
    const slot = this.#slots.get(name);
    if (slot === undefined) return;
    slot.isOpen = false;
    slot.isUnproven = false;
    this.#due.add(slot);
  }

  /** The relay's store has the share. */
  kept(name: string, { key, channel, ...kept }: KeptShare): void {
    const slot = this.#slot(name);
    slot.key = key;
    slot.channel = channel;
    slot.kept = kept;
  }

  /** The relay's store has it no more. */
  released(name: string): void {
    const slot = this.#slots.get(name);
    if (slot === undefined) return;
    slot.kept = undefined;
    slot.isQuiet = false;
    this.#due.add(slot);
  }

  /** No relay may have a share that is in the bucket of this one. */
  found(
    name: string,
    { key, channel }: Pick<KeptShare, "key" | "channel">,
    value: OwnerValue,
  ): void {
    const slot = this.#slot(name);
    slot.key = key;
    slot.channel = channel;
    slot.heritage = value;
  }

  /** Whether the store shall still read the share for which `adopt` was said. */
  adopts(name: string): boolean {
    return this.#slots.get(name)?.isAdopting === true;
  }

  /** The store has read it: it is kept, or over. */
  adopted(name: string): void {
    const slot = this.#slots.get(name);
    if (slot !== undefined) this.#disinherit(slot);
  }

  /** Other relays may have taken this one for gone, and each of its shares in the bucket. */
  doubt(): void {
    for (const slot of this.#slots.values()) {
      if (!isInBucket(slot)) continue;
      slot.isDoubted = true;
      if (slot.change !== undefined) slot.change.isOutdated = true;
      this.#due.add(slot);
      this.#doubted.add(slot);
    }
  }

  /** The directory names this relay for each share that it keeps in the bucket. */
  get isProven(): boolean {
    return this.#doubted.size === 0;
  }

  /** Its claims need no answer. */
  workerLost(worker: number): void {
    for (const slot of this.#slots.values()) {
      this.#keep(slot, ({ claim }) => claim.worker !== worker);
    }
  }

  /** @returns whether the watch tells what was so before a change of this relay, so it is no news */
  isBehind({ key: name, value, revision }: Entry<OwnerValue>): boolean {
    const untold = this.#slots.get(name)?.untold;
    if (untold === undefined || revision >= untold.revision) return false;
    untold.word = { value, revision };
    return true;
  }

  /** The watch told something about the share. */
  told(name: string): void {
    const isMine = this.#host.known.get(name)?.relay === this.#host.me;
    // An entry of this relay without a share: a change that was unknown has happened, or the share ended.
    const slot = isMine ? this.#slot(name) : this.#slots.get(name);
    if (slot === undefined) return;
    slot.untold = undefined;
    slot.notBefore = 0;
    this.#due.add(slot);
  }

  /** The watch told all: what it said is true even where a change of this relay was done before. */
  synced(): void {
    for (const slot of this.#slots.values()) this.#trustWatch(slot);
  }

  /** All of it is to be compared anew. */
  lookAgain(): void {
    for (const { name } of this.#host.known.ofRelay(this.#host.me)) this.#slot(name);
    for (const slot of this.#slots.values()) this.#due.add(slot);
  }

  /** The directory does not answer: a share that is open here goes on with a sender that comes back. */
  disconnected(now: number): void {
    for (const slot of this.#slots.values()) {
      if (this.#isHereAlone(slot)) this.#passUnproven(slot, now);
    }
  }

  /** Removes the entry of a relay that is gone, or takes it over, unless it changes before. */
  evict(entry: KnownShare): void {
    const slot = this.#slot(entry.name);
    slot.evicted = entry.revision;
    slot.heritage ??= this.#host.heritageOf(entry);
  }

  #disinherit(slot: Slot): void {
    slot.heritage = undefined;
    slot.isAdopting = false;
    this.#due.add(slot);
  }

  outcome(op: number, outcome: Outcome, now: number): void {
    const change = this.#changes.get(op);
    if (change === undefined) return;
    const { me, known, learn } = this.#host;
    const { slot, isPut, compared, value } = change;
    this.#changes.delete(op);
    slot.change = undefined;
    this.#due.add(slot);
    const isSame = (known.get(slot.name)?.revision ?? 0) === compared;
    if (outcome.t === "done") {
      slot.tries = 0;
      slot.notBefore = 0;
      const { revision } = outcome;
      if (isSame) {
        slot.untold = { revision, until: now + TOLD_MS, word: undefined };
        learn(slot.name, value, revision);
      }
      if (!isPut) return;
      slot.proven = revision;
      if (!change.isOutdated) slot.isUnproven = slot.isDoubted = false;
      // Else the watch knows more: another relay has it since, or removed it.
      if (known.get(slot.name)?.relay === me) {
        this.#pass(slot, change.claims, now);
      }
      return;
    }
    slot.tries++;
    const doubled = slot.claims.length > 0 ? 0 : Math.min(slot.tries - 1, DOUBLED_MOST);
    const isNews = outcome.t === "conflict" && !isSame;
    // Another relay has it, and this one has no room to know of that.
    if (outcome.t === "conflict" && compared === 0 && known.isFull) this.#disinherit(slot);
    slot.notBefore = isNews ? 0 : now + AGAIN_MS * 2 ** doubled;
    if (outcome.t === "unknown" && this.#isHereAlone(slot)) this.#passUnproven(slot, now);
  }

  tick(now: number): void {
    for (const [op, { at }] of this.#changes) {
      if (now - at >= CHANGE_MS) this.outcome(op, { t: "unknown", why: "no answer" }, now);
    }
    for (const slot of this.#slots.values()) {
      const { untold, passing, passingUntil } = slot;
      if (untold !== undefined && now >= untold.until) this.#trustWatch(slot);
      if (passing > 0 && now >= passingUntil) this.#passOver(slot);
      const [first] = slot.claims;
      if (first !== undefined && now - first.at >= CLAIM_WAIT_MS) {
        const isInTime = ({ at }: Waiting): boolean => now - at < CLAIM_WAIT_MS;
        this.#keep(
          slot,
          isInTime,
          "the directory of its cluster does not answer, so new shares wait",
        );
      }
      this.#due.add(slot);
    }
  }

  /** Begins what is to be done now. */
  settle(now: number): void {
    for (const slot of this.#due) {
      this.#due.delete(slot);
      if (this.#look(slot, now) !== undefined) this.#queue.add(slot);
    }
    for (const slot of this.#queue) {
      if (this.#changes.size >= CHANGES_MOST) return;
      this.#queue.delete(slot);
      const wanted = this.#look(slot, now);
      if (wanted !== undefined) this.#begin(slot, wanted, now);
    }
  }

  /** @returns the change that the slot needs now */
  #look(slot: Slot, now: number): Wanted | undefined {
    const { name } = slot;
    const { me, known, isReady } = this.#host;
    if (this.#slots.get(name) !== slot) return undefined;
    const entry = known.get(name);
    const isOthers = entry !== undefined && entry.relay !== me;
    if (isReady()) this.#inherit(slot, entry);
    const isInherited = slot.heritage !== undefined;
    const waits = isInherited || (isOthers && this.#forwards(slot, entry));
    if (isOthers && isReady()) this.#taken(slot, entry);
    if (isReady()) this.#hush(slot, isOthers && !this.#isLeft(slot, entry));
    this.#noteDoubt(slot, entry);
    const isHere = isHeld(slot);
    const isKept = isHere || isInherited || slot.kept !== undefined;
    if (!isHere && slot.claims.length === 0) this.#host.free(name);
    if (slot.change !== undefined) return undefined;
    const compared = entry?.revision ?? 0;
    const isToPut =
      (slot.claims.length > 0 && !waits) ||
      (isKept && this.#lacksEntry(slot, entry, isHere && !isOthers));
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

  #inherit(slot: Slot, entry: KnownShare | undefined): void {
    const { heritageOf, placeIn, isGone, me, say } = this.#host;
    const isOthers = entry !== undefined && entry.relay !== me;
    if (isOthers && slot.claims.length > 0 && isGone(entry.relay)) {
      // A sender waits for it.
      slot.heritage ??= heritageOf(entry);
      slot.evicted = entry.revision;
    }
    if (slot.heritage === undefined) return;
    if (isOthers && slot.evicted !== entry.revision) this.#disinherit(slot);
    else if (!isOthers && entry !== undefined && !slot.isAdopting) {
      slot.isAdopting = true;
      const place = placeIn(slot.name, slot.heritage.place ?? "");
      say({ t: "adopt", name: slot.name, place, epoch: entry.revision });
    }
  }

  #noteDoubt(slot: Slot, entry: KnownShare | undefined): void {
    const isMine = entry?.relay === this.#host.me && !slot.isDoubted;
    if (isInBucket(slot) && !isMine) this.#doubted.add(slot);
    else this.#doubted.delete(slot);
  }

  /** @param isOpen a sender here has it, and no other relay owns it */
  #lacksEntry(slot: Slot, entry: KnownShare | undefined, isOpen: boolean): boolean {
    if (entry === undefined) return true;
    const { me, ownerValue } = this.#host;
    if (entry.relay !== me) {
      return (slot.kept ?? slot.heritage) !== undefined && this.#isLeft(slot, entry);
    }
    if ((isOpen && slot.isUnproven) || (isInBucket(slot) && slot.isDoubted)) return true;
    const { stored, isPart = false, isOver = false, place, store } = ownerValue(slot);
    const isSame = entry.stored === stored && entry.isOver === isOver;
    return !isSame || entry.isPart !== isPart || entry.place !== place || entry.store !== store;
  }

  /**
   * Whether a kept share need not leave it to the relay that owns it: that one is gone, has a part of it where this one has
   * all, or was this one before a restart.
   * Nothing else has the same random place on a disk, and one relay alone can open the folder of a store. A copy of a
   * folder breaks that, so this happens once, before this relay had the entry itself.
   */
  #isLeft(slot: Slot, { revision, stored, isPart, place }: KnownShare): boolean {
    if (slot.evicted === revision) return true;
    if (slot.kept?.stored !== "disk" || stored !== "disk") return false;
    if (isPart && slot.kept.place !== undefined && slot.kept.isPart !== true) return true;
    if (slot.proven > 0) return false;
    return place !== undefined && place === this.#host.ownerValue(slot).place;
  }

  /** @param isOthers another relay owns the share */
  #hush(slot: Slot, isOthers: boolean): void {
    if (slot.kept === undefined || slot.isQuiet === isOthers) return;
    const { key } = slot;
    if (isInBucket(slot)) {
      slot.kept = undefined;
      slot.isDoubted = false;
      this.#host.say({ t: "disown", key });
      return;
    }
    slot.isQuiet = isOthers;
    this.#host.say({ t: isOthers ? "quiet" : "loud", key });
  }

  /** The relay that keeps the share goes on with its senders. @returns whether claims wait for that relay's address */
  #forwards(slot: Slot, entry: KnownShare): boolean {
    // Of one that is over its keeper says whether it may be stored again.
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

  /** The watch says that another relay owns it. */
  #taken(slot: Slot, entry: KnownShare): void {
    const isSeen = ({ seen }: Waiting): boolean =>
      seen?.revision === entry.revision && seen.relay === entry.relay;
    this.#keep(slot, isSeen, "another relay of its cluster took the share meanwhile");
    if (!slot.isOpen) return;
    // Not a later entry: the directory has gone back in time.
    const isLater = !slot.isUnproven && entry.revision > slot.proven;
    // A relay that takes a share over from one that is gone has no sender of it.
    const again = !isLater || isInBucket(slot);
    slot.isOpen = false;
    // A claim that the store holds up may open it yet.
    slot.isUnproven &&= slot.passing > 0;
    this.#host.say({ t: "yield", key: slot.key, again });
  }

  #begin(slot: Slot, { isPut, compared }: Wanted, now: number): void {
    const { ownerValue, say } = this.#host;
    const op = ++this.#changesEver;
    const claims = new Set(slot.heritage === undefined ? slot.claims : []);
    const value = isPut ? ownerValue(slot) : undefined;
    slot.change = { op, slot, isPut, compared, value, claims, at: now, isOutdated: false };
    this.#changes.set(op, slot.change);
    const change = { op, key: slot.name, revision: compared };
    if (value !== undefined) say({ t: "put-share", ...change, value });
    else say({ t: "remove-share", ...change });
  }

  #passUnproven(slot: Slot, now: number): void {
    if (slot.claims.length === 0) return;
    slot.isUnproven = true;
    if (slot.change !== undefined) slot.change.isOutdated = true;
    this.#pass(slot, new Set(slot.claims), now);
  }

  /** In the order in which they came: the last one has the share. */
  #pass(slot: Slot, claims: ReadonlySet<Waiting>, now: number): void {
    for (const { claim } of slot.claims.filter((each) => claims.has(each))) {
      this.#passed.set(claim.key, slot);
      slot.passing++;
      slot.passingUntil = now + OPEN_MS;
      this.#host.say({ t: "claim", claim });
    }
    this.#keep(slot, (each) => !claims.has(each));
  }

  #answered(key: string): Slot | undefined {
    const slot = this.#passed.get(key);
    if (slot === undefined) return undefined;
    slot.passing--;
    if (slot.passing === 0) this.#passOver(slot);
    this.#due.add(slot);
    return slot;
  }

  #passOver(slot: Slot): void {
    slot.passing = 0;
    this.#passed.delete(slot.key);
    this.#due.add(slot);
  }

  /** @param why the others are refused for it; undefined: they need no answer */
  #keep(slot: Slot, isKept: (waiting: Waiting) => boolean, why?: string): void {
    const kept = slot.claims.filter(isKept);
    if (kept.length === slot.claims.length) return;
    for (const waiting of slot.claims) {
      if (why !== undefined && !kept.includes(waiting)) this.#refuse(waiting.claim, why);
    }
    this.#waiting -= slot.claims.length - kept.length;
    slot.claims = kept;
    this.#due.add(slot);
  }

  #refuse(claim: ShareClaim, why: string): void {
    this.#host.say({ t: "refuse", claim, fault: new FaultError("going-away", why) });
  }

  /** The watch is right, whatever a change of this relay said before. */
  #trustWatch(slot: Slot): void {
    const word = slot.untold?.word;
    slot.untold = undefined;
    if (word !== undefined) this.#host.learn(slot.name, word.value, word.revision);
    this.#due.add(slot);
  }

  #slot(name: string): Slot {
    const slot = this.#slots.get(name) ?? newSlot(name);
    this.#slots.set(name, slot);
    this.#due.add(slot);
    return slot;
  }
}

/**
 * To a sender that another relay sent here, as the one that stores its share: it is sent no further, or two relays that
 * know different things would send it round and round.
 */
export function strayed(): FaultError {
  return new FaultError(
    "going-away",
    "its relays do not agree yet on the one that stores the share",
  );
}
