/**
 * Claims of senders on shares that are stored, or shall be: whether the directory may have a claim, and whether the store
 * has room for its share. `StoreBook` owns it.
 */
import { FaultError, type Offer, type StoreWish } from "../../protocol/mod.ts";
import type { LiveLimits } from "../limits/limits.ts";

import type { BookEffect, ShareClaim } from "./book-effects.ts";
import type { Downloads } from "./downloads.ts";
import { isWhole, kept, openedOf, type Kept } from "./kept-share.ts";
import type { ShareShelf } from "./share-shelf.ts";
import type { StoredShare } from "./stored-share.ts";

const SECOND_MS = 1000;

export interface ClaimOptions {
  readonly limits: LiveLimits;
  /** 16 bytes in hex that no client can guess. */
  readonly newPlace: () => string;
  /** The number by which operators call the next share. */
  readonly newNumber: () => number;
  /** A keyed hash. */
  readonly hashOf: (address: string) => string;
}

export class StoreClaims {
  readonly #options: ClaimOptions;
  readonly #shelf: ShareShelf;
  readonly #downloads: Downloads;
  /** Whether the last save failed. */
  readonly #isFailing: () => boolean;

  constructor(
    options: ClaimOptions,
    shelf: ShareShelf,
    downloads: Downloads,
    isFailing: () => boolean,
  ) {
    this.#options = options;
    this.#shelf = shelf;
    this.#downloads = downloads;
    this.#isFailing = isFailing;
  }

  /** @returns whether the directory gets the claim with the effects; else the claim is none of the book's */
  claim(claim: ShareClaim, now: number): boolean {
    const known = this.#shelf.get(claim.key);
    if (known === undefined)
      return claim.store !== undefined && this.#claimNew(claim, claim.store, now);
    if (!isSame(known.share, claim)) {
      this.#refuse(claim, new FaultError("not-your-share"));
      return true;
    }
    // The sender shall upload no stored record again, and store no share without asking to.
    if (claim.store === undefined && !isWhole(known)) {
      known.sender = "live";
      return false;
    }
    if (claim.store !== undefined) {
      const fault = this.#roomAgain(known, now);
      if (fault !== undefined) {
        this.#refuse(claim, fault);
        return true;
      }
      this.#renew(known, claim.store, now);
    }
    this.#pass(claim, known);
    this.#downloads.settle(known, now);
    return true;
  }

  #claimNew(claim: ShareClaim, wish: StoreWish, now: number): true {
    const over = this.#shelf.tombstones.get(claim.key);
    const mayComeAgain = over?.channel !== claim.channel || over.reason === "stored-expired";
    if (mayComeAgain) return this.#newcomer(claim, wish, now);
    // A sender that missed the end would store it for as many receivers again.
    this.#refuse(claim, new FaultError(over.reason));
    return true;
  }

  #newcomer(claim: ShareClaim, wish: StoreWish, now: number): true {
    const { hashOf, newNumber, newPlace, limits } = this.#options;
    const { key, channel, offer, capability } = claim;
    const address = claim.address === undefined ? undefined : hashOf(claim.address);
    const fault = this.#noRoom(channel, offer, address);
    if (fault !== undefined) {
      this.#refuse(claim, fault);
      return true;
    }
    const share: StoredShare = {
      place: newPlace(),
      key,
      channel,
      offer,
      capability,
      address,
      startedAt: now,
      seenAt: now,
      until: now + lifeOf(wish, limits),
      downloadsMost: wish.downloads,
      downloads: 0,
      receipts: [],
      counted: "",
      begun: [],
      durable: [],
      records: undefined,
    };
    const one = kept(share, newNumber(), false, now);
    this.#shelf.add(one);
    this.#shelf.silence(channel);
    if (this.#shelf.tombstones.delete(key)) this.#shelf.unsaved.tombstone(key);
    this.#shelf.unsaved.share(key);
    this.#pass(claim, one);
    return true;
  }

  #noRoom(channel: string, offer: Offer, address: string | undefined): FaultError | undefined {
    if (this.#isFailing()) return new FaultError("store-failed");
    const { limits } = this.#options;
    const others = this.#shelf.in(channel).length;
    if (others >= limits.now["shares-per-channel"]) return limits.over("shares-per-channel");
    return this.#shelf.room.over(offer, address);
  }

  /** An upload that gave up its room must find some anew. */
  #roomAgain(one: Kept, now: number): FaultError | undefined {
    if (isWhole(one) || one.isReserved) return undefined;
    one.pace = { at: now, durable: one.durable.size };
    return this.#shelf.room.reserve(one);
  }

  /** Its sender may change what it wished, in either direction. */
  #renew(one: Kept, wish: StoreWish, now: number): void {
    const { key } = one.share;
    const until = now + lifeOf(wish, this.#options.limits);
    one.share = { ...one.share, seenAt: now, until, downloadsMost: wish.downloads };
    this.#shelf.unsaved.share(key);
    this.#shelf.unsaved.state(key);
  }

  #pass(claim: ShareClaim, one: Kept): void {
    one.sender = "storing";
    const make = (): BookEffect => {
      const isHere = this.#shelf.get(claim.key) === one;
      if (isHere) return { t: "claim", claim, opened: openedOf(one) };
      return { t: "refuse", claim, fault: new FaultError("store-failed") };
    };
    const refuse = (fault: FaultError): BookEffect => ({ t: "refuse", claim, fault });
    this.#shelf.unsaved.effect({ t: "claim", worker: claim.worker, make, refuse });
  }

  #refuse(claim: ShareClaim, fault: FaultError): void {
    const effect = { t: "refuse", claim, fault } as const;
    this.#shelf.unsaved.effect({
      t: "refuse",
      worker: claim.worker,
      make: () => effect,
      refuse: () => effect,
    });
  }
}

/** A share is immutable: a sender that goes on with it must offer the very same. */
function isSame(known: StoredShare, { channel, offer }: ShareClaim): boolean {
  return (
    known.channel === channel &&
    known.offer.recordSize === offer.recordSize &&
    known.offer.records === offer.records &&
    known.offer.bytes === offer.bytes &&
    known.offer.seekable === offer.seekable
  );
}

function lifeOf({ life }: StoreWish, { now }: LiveLimits): number {
  return Math.min(life * SECOND_MS, now["store-life"]);
}
