/**
 * The shares that the store of this relay keeps or is to take over, compared with their entries in the directory.
 *
 * A kept share holds its entry without a sender. If another relay owns it, a copy on a disk stays `quiet` until that entry is
 * gone (`loud`), or claims the share if it may (`isLeft`). A copy in a bucket belongs to that relay (`disown`).
 *
 * In a bucket that several relays use, a share goes from a relay that is gone to another one:
 *
 *   inherit --put-share--> done: `adopt` --> adopted: kept
 *           `- another relay was first: nothing
 */
import type { Say } from "./book-effects.ts";
import type { OwnerValue } from "./directory-kv.ts";
import type { KnownShare, KnownShares } from "./known-shares.ts";
import { isInBucket, type KeptShare, type Slot } from "./slot.ts";
import type { Slots } from "./slots.ts";

export interface KeptSharesHost {
  readonly me: string;
  readonly known: KnownShares;
  /** The entry that the directory shall have for a share of this relay. */
  readonly ownerValue: (share: Pick<Slot, "key" | "channel" | "kept" | "heritage">) => OwnerValue;
  /** The entry with which this relay would take the share over; undefined: it is not in the same bucket. */
  readonly heritageOf: (entry: KnownShare) => OwnerValue | undefined;
  /** @param place as the directory has it */
  readonly placeIn: (name: string, place: string) => string;
  readonly isGone: (relay: string) => boolean;
  readonly say: Say;
}

export class KeptShares {
  readonly #host: KeptSharesHost;
  readonly #slots: Slots;
  /** Shares kept in a bucket that another relay may own by now. */
  readonly #doubted = new Set<Slot>();

  constructor(host: KeptSharesHost, slots: Slots) {
    this.#host = host;
    this.#slots = slots;
  }

  /** The relay's store has the share. */
  kept(name: string, { key, channel, ...kept }: KeptShare): void {
    // Shares that are over leave room for others.
    if (kept.place === undefined && this.#host.known.isHalfFull) {
      this.released(name);
      return;
    }
    const slot = this.#slots.of(name);
    slot.key = key;
    slot.channel = channel;
    slot.kept = kept;
  }

  /** The relay's store has the share no more. */
  released(name: string): void {
    const slot = this.#slots.get(name);
    if (slot === undefined) return;
    slot.kept = undefined;
    slot.isQuiet = false;
    this.#slots.touch(slot);
  }

  /** The bucket of this relay has a share, and maybe no relay owns it. */
  found(name: string, { key, channel, ...kept }: KeptShare): void {
    const value = this.#host.ownerValue({ key, channel, kept, heritage: undefined });
    const slot = this.#slots.of(name);
    slot.key = key;
    slot.channel = channel;
    slot.heritage = value;
  }

  /** Whether the store shall still read the share for which `adopt` was said. */
  adopts(name: string): boolean {
    return this.#slots.get(name)?.isAdopting === true;
  }

  /** The store has read the share: it is kept, or over. */
  adopted(name: string): void {
    const slot = this.#slots.get(name);
    if (slot !== undefined) this.disinherit(slot);
  }

  /** Other relays may have taken this one for gone, and taken over each of its shares in the bucket. */
  doubt(): void {
    for (const slot of this.#slots.all()) {
      if (!isInBucket(slot)) continue;
      slot.isDoubted = true;
      if (slot.change !== undefined) slot.change.isOutdated = true;
      this.#slots.touch(slot);
      this.#doubted.add(slot);
    }
  }

  /** The directory names this relay for each share that it keeps in the bucket. */
  get isProven(): boolean {
    return this.#doubted.size === 0;
  }

  noteDoubt(slot: Slot, entry: KnownShare | undefined): void {
    const isMine = entry?.relay === this.#host.me && !slot.isDoubted;
    if (isInBucket(slot) && !isMine) this.#doubted.add(slot);
    else this.#doubted.delete(slot);
  }

  /** Removes the entry of a gone relay or takes it over, unless the entry changes before. */
  evict(entry: KnownShare): void {
    const slot = this.#slots.of(entry.name);
    slot.evicted = entry.revision;
    slot.heritage ??= this.#host.heritageOf(entry);
  }

  inherit(slot: Slot, entry: KnownShare | undefined): void {
    const { heritageOf, placeIn, isGone, me, say } = this.#host;
    const isOthers = entry !== undefined && entry.relay !== me;
    if (isOthers && slot.claims.length > 0 && isGone(entry.relay)) {
      // A sender waits for the share.
      slot.heritage ??= heritageOf(entry);
      slot.evicted = entry.revision;
    }
    if (slot.heritage === undefined) return;
    if (isOthers && slot.evicted !== entry.revision) this.disinherit(slot);
    else if (!isOthers && entry !== undefined && !slot.isAdopting) {
      slot.isAdopting = true;
      const place = placeIn(slot.name, slot.heritage.place ?? "");
      say({ t: "adopt", name: slot.name, place, epoch: entry.revision });
    }
  }

  disinherit(slot: Slot): void {
    slot.heritage = undefined;
    slot.isAdopting = false;
    this.#slots.touch(slot);
  }

  /** @param isOthers another relay owns the share */
  hush(slot: Slot, isOthers: boolean): void {
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

  /** Whether a kept, inherited or open share needs an entry. @param isOpen its sender is here, and no other relay owns it */
  lacksEntry(slot: Slot, entry: KnownShare | undefined, isOpen: boolean): boolean {
    if (entry === undefined) return true;
    const { me, ownerValue } = this.#host;
    if (entry.relay !== me) {
      return (slot.kept ?? slot.heritage) !== undefined && this.isLeft(slot, entry);
    }
    if ((isOpen && slot.isUnproven) || (isInBucket(slot) && slot.isDoubted)) return true;
    const isStored = (slot.kept ?? slot.heritage) !== undefined;
    const wanted: Partial<OwnerValue> = isStored ? ownerValue(slot) : {};
    const { stored, isPart = false, isOver = false, place, store } = wanted;
    const isSame = entry.stored === stored && entry.isOver === isOver;
    return !isSame || entry.isPart !== isPart || entry.place !== place || entry.store !== store;
  }

  /**
   * Whether this relay may take a kept share from its owner: the owner is gone, has a part of it while this relay has all, or
   * was this relay before a restart.
   * The random place on a disk proves the last: one process alone can open the folder of a store. A copied folder would
   * have the same place, so this happens once, before this relay had the entry itself.
   */
  isLeft(slot: Slot, { revision, stored, isPart, place }: KnownShare): boolean {
    if (slot.evicted === revision) return true;
    if (slot.kept?.stored !== "disk" || stored !== "disk") return false;
    if (isPart && slot.kept.place !== undefined && slot.kept.isPart !== true) return true;
    if (slot.proven > 0) return false;
    return place !== undefined && place === this.#host.ownerValue(slot).place;
  }
}
