/**
 * The stored shares of a relay: how long they stay, for how many receivers, and when one is over. Pure logic on
 * the main thread; `StoreKeeper` gives it messages and the time, saves its changes in a `Ledger`, and passes its
 * effects on.
 *
 *   message --> change and effects --take--> saved --> effects leave
 *
 * The book says nothing that depends on a change before the change is saved. Changes gather while one save runs (group
 * commit); mere progress of an upload waits PROGRESS_MS for more of it, because each save costs a write to the disk.
 */
import { SENDER_GRACE_MS, fromHex, type FaultError, type Message } from "../../protocol/mod.ts";

import { Askers } from "./askers.ts";
import type { Batch, BookEffect, ShareClaim } from "./book-effects.ts";
import { Downloads } from "./downloads.ts";
import {
  frameBytesOf,
  inspected,
  isWhole,
  keepsPace,
  kept,
  openedOf,
  PACE_MS,
  recordsOf,
  UNFINISHED_AGE_MS,
  type Kept,
} from "./kept-share.ts";
import type { RecordRun } from "./record-store.ts";
import { ShareShelf, type ClusterOfBook, type StoredEnd } from "./share-shelf.ts";
import { StoreClaims, type ClaimOptions } from "./store-claims.ts";
import type { StoreCounts } from "./store-limits.ts";
import type { StoredShare, Tombstone } from "./stored-share.ts";
import type { Unsaved } from "./unsaved.ts";

/** Between two saves of nothing but progress: senders hear of it once a second. ms */
export const PROGRESS_MS = 250;
/** The records of a share that is not whole stay so long for its sender, after it gave one. ms */
export const UNFINISHED_LIFE_MS = 24 * 60 * 60 * 1000;
/** A share without durable records holds its room so long without its sender, as the directory waits. ms */
export const EMPTY_LIFE_MS = SENDER_GRACE_MS;
/** Between two looks at the life of all shares. ms */
const LOOK_MS = 1000;
/** Between a save that failed and the next try. ms */
const AGAIN_MS = 1000;

export interface StoreBookOptions extends ClaimOptions {
  readonly saved: {
    readonly shares: readonly StoredShare[];
    readonly tombstones: readonly Tombstone[];
  };
  /** Hears of changes alone; `shares` and `tombstones` have the saved ones. */
  readonly cluster?: ClusterOfBook | undefined;
}

export interface BookCounts extends StoreCounts {
  // Since the relay began:
  readonly downloads: number;
  /** Bytes of frames that became durable. */
  readonly written: number;
  readonly over: Readonly<Record<StoredEnd, number>>;
}

/** All times in ms since 1970. */
export class StoreBook {
  readonly #options: StoreBookOptions;
  readonly #shelf: ShareShelf;
  readonly #unsaved: Unsaved;
  readonly #downloads: Downloads;
  readonly #claims: StoreClaims;
  readonly #askers = new Askers();
  /** After a save that failed. */
  #notBefore: number | undefined;
  #lookedAt = 0;
  // Since the relay began:
  #written = 0;

  constructor(options: StoreBookOptions, now: number) {
    this.#options = options;
    const { limits, cluster } = options;
    this.#shelf = new ShareShelf(limits, {
      over: (channel) => {
        for (const worker of this.#askers.of(channel)) this.#tellOver(worker, channel);
      },
      cluster,
    });
    this.#unsaved = this.#shelf.unsaved;
    this.#downloads = new Downloads(this.#shelf, now);
    const isFailing = (): boolean => this.#notBefore !== undefined;
    this.#claims = new StoreClaims(options, this.#shelf, this.#downloads, isFailing);
    for (const share of options.saved.shares) {
      this.#shelf.add(kept(share, options.newNumber(), true, now));
    }
    for (const each of options.saved.tombstones.toSorted((one, other) => one.at - other.at)) {
      this.#shelf.tombstone(each);
    }
  }

  get counts(): BookCounts {
    const { counts, overs } = this.#shelf;
    const downloads = this.#downloads.counted;
    return { ...counts, downloads, written: this.#written, over: { ...overs } };
  }

  get shares(): Iterable<Kept> {
    return this.#shelf.all;
  }

  /** Shares that are over. */
  get tombstones(): Iterable<Tombstone> {
    return this.#shelf.tombstones.all;
  }

  /** Channels of shares that need their sender no more, latest first. */
  channels(most: number): string[] {
    const whole = [...this.#shelf.all].filter(isWhole).toReversed();
    return [...new Set(whole.map(({ share }) => share.channel))].slice(0, most);
  }

  // Senders

  /** See `StoreClaims`. */
  claim(claim: ShareClaim, now: number): boolean {
    return this.#claims.claim(claim, now);
  }

  /** Whether the share is kept, or is over and its sender may ask why. */
  knows(key: string): boolean {
    return this.#shelf.get(key) !== undefined || this.#shelf.tombstones.get(key) !== undefined;
  }

  /** @param isQuiet whether another relay serves the receivers of this share */
  quiet(key: string, isQuiet: boolean): void {
    const one = this.#shelf.get(key);
    if (one === undefined) return;
    one.isQuiet = isQuiet;
    this.reload(key);
  }

  /** Opens a share that may be open nowhere at a worker with receivers of its channel. */
  reload(key: string): void {
    const one = this.#shelf.get(key);
    const worker = one && this.askerIn(one.share.channel);
    if (one !== undefined && worker !== undefined) this.#load(worker, one);
  }

  /**
   * Takes over a share that another relay kept in the bucket.
   * @returns whether the share is kept from now on; else it is over
   */
  adopt(share: StoredShare, over: Tombstone | undefined, now: number): boolean {
    const { key, channel, place, seenAt } = share;
    if (over !== undefined && over.at >= seenAt) {
      // The relay before died while it ended the share.
      this.learn(over);
      this.#unsaved.removed(place, key);
      return false;
    }
    const one = kept(share, this.#options.newNumber(), true, now);
    this.#shelf.add(one);
    if (over !== undefined || this.#shelf.tombstones.get(key) !== undefined) {
      this.#shelf.tombstones.delete(key);
      this.#unsaved.tombstone(key);
    }
    // That relay knew which receivers had just begun.
    this.#downloads.crashed(now);
    for (const worker of this.#askers.of(channel)) this.#load(worker, one);
    return true;
  }

  /**
   * Another relay keeps the share in the bucket now. Changes that were not saved have not happened.
   * @returns the effects to carry out at once: clients ask again
   */
  disown(key: string, fault: FaultError): readonly BookEffect[] {
    const one = this.#shelf.get(key);
    if (one !== undefined) this.#shelf.give(one);
    this.#shelf.tombstones.delete(key);
    this.#unsaved.forget(key);
    return this.saveLate(fault);
  }

  /** A relay of the cluster saved that the share is over. */
  learn(over: Tombstone): void {
    this.#shelf.tombstone(over);
  }

  /** Whether the share is kept here. */
  keeps(key: string): boolean {
    return this.#shelf.get(key) !== undefined;
  }

  /** Undefined: the share is not kept here. */
  placeOf(key: string): string | undefined {
    return this.#shelf.get(key)?.share.place;
  }

  /** Whether changes wait to be saved. */
  get hasChanges(): boolean {
    return this.#unsaved.hasChanges;
  }

  /** The effects that may leave while the store can't save. */
  takeReading(): readonly BookEffect[] {
    return this.#unsaved.takeReading();
  }

  /** Whether its sender has to give more of it. */
  isUnfinished(key: string): boolean {
    const one = this.#shelf.get(key);
    return one !== undefined && !isWhole(one);
  }

  /** A share begins in this channel: shares that are over tell their senders alone. */
  opened(channel: string): void {
    this.#shelf.silence(channel);
  }

  /** Its sender ended it, or was cut off. */
  senderLeft(key: string, now: number): void {
    const one = this.#shelf.get(key);
    if (one === undefined) return;
    one.sender = "away";
    one.share = { ...one.share, seenAt: now };
    this.#askers.touch(one.share.channel, now);
  }

  /** The directory had no room for a share that is new here. */
  refused(key: string): void {
    const one = this.#shelf.get(key);
    if (one?.durable.size === 0) this.#shelf.drop(one);
  }

  durable(key: string, runs: readonly RecordRun[], records: number | undefined, now: number): void {
    const one = this.#shelf.get(key);
    if (one === undefined || isWhole(one)) return;
    const { offer } = one.share;
    const before = one.durable.size;
    for (const { first, count } of runs) {
      const end = Math.min(first + count, recordsOf(one.share) ?? offer.records);
      if (end > first && one.durable.hasRoomFor(first)) one.durable.add(first, end - first);
    }
    one.share = { ...one.share, seenAt: now, records: one.share.records ?? records };
    this.#written += (one.durable.size - before) * frameBytesOf(one.share);
    this.#shelf.room.grew(one);
    this.#unsaved.state(key);
    const outgrown = this.#shelf.room.outgrown(one);
    if (outgrown !== undefined) {
      this.#unsaved.say({ t: "sender-failed", key, fault: outgrown });
      // Durable records of an upload that had its room before stay for its sender.
      if (one.isReserved) this.#shelf.drop(one);
      else this.#unsaved.share(key);
    } else if (isWhole(one)) {
      this.#unsaved.share(key);
      this.#shelf.keeps(one);
      this.#shelf.report("share-stored", one, { records: one.durable.size });
      this.#downloads.settle(one, now);
    } else if (offer.seekable) {
      this.#unsaved.progress(key, now);
    } else {
      // Its sender waits for the save: it keeps few records that a crash could lose.
      this.#unsaved.share(key);
    }
  }

  /** Its home could not write it. */
  failed(key: string, fault: FaultError): void {
    const one = this.#shelf.get(key);
    if (one === undefined) return;
    this.#shelf.report("store-failed", one, { fault: fault.code, why: fault.detail ?? "" });
    if (!isWhole(one)) this.#unsaved.say({ t: "sender-failed", key, fault });
  }

  inspect(worker: number, socket: number, key: string): void {
    this.#answer(worker, socket, () => {
      const share = fromHex(key) ?? new Uint8Array(16);
      return inspected(share, this.#shelf.get(key), this.#shelf.tombstones.get(key));
    });
  }

  revoke(worker: number, socket: number, key: string, now: number): void {
    const one = this.#shelf.get(key);
    const known = one !== undefined || this.#shelf.tombstones.get(key) !== undefined;
    const share = fromHex(key) ?? new Uint8Array(16);
    this.#answer(worker, socket, () => ({ t: "revoked", share, known }));
    if (one !== undefined) this.#shelf.over(one, "revoked", now);
  }

  /** An operator ends it. @returns its key; undefined: no stored share has that number */
  remove(number: number): string | undefined {
    for (const one of this.#shelf.all) {
      if (one.number !== number) continue;
      this.#shelf.removed(one);
      return one.share.key;
    }
    return undefined;
  }

  // Receivers

  asked(worker: number, channel: string, now: number): void {
    // A receiver may come between the end of a life and the next look.
    for (const one of this.#shelf.in(channel)) this.#look(one, now);
    this.#askers.add(worker, channel, now);
    for (const one of this.#shelf.in(channel)) this.#load(worker, one);
    this.#tellOver(worker, channel);
  }

  unasked(worker: number, channel: string, now: number): void {
    this.#askers.remove(worker, channel, now);
    // Receivers come to any number of channels in which there is nothing.
    if (!this.#shelf.has(channel)) this.#askers.forget(channel);
  }

  lookUp(worker: number, question: number, key: string, now: number): void {
    const one = this.#shelf.get(key);
    if (one !== undefined) this.#look(one, now);
    if (one !== undefined && this.keeps(key) && isWhole(one)) {
      this.#askers.touch(one.share.channel, now);
      this.#load(worker, one);
    }
    const effect = { t: "looked-up", worker, question } as const;
    this.#unsaved.effect({ t: "looked-up", worker, make: () => effect, refuse: () => effect });
  }

  /** Another worker that has receivers in the channel; undefined: none has. */
  askerIn(channel: string): number | undefined {
    return [...this.#askers.of(channel)][0];
  }

  workerLost(worker: number, now: number): void {
    this.#askers.workerLost(worker, now);
    this.#unsaved.workerLost(worker);
    this.#downloads.crashed(now);
  }

  get downloads(): Pick<Downloads, "begun" | "readerGone" | "finishing" | "download"> {
    return this.#downloads;
  }

  // Time and the ledger

  tick(now: number): void {
    if (now - this.#lookedAt < LOOK_MS && now >= this.#lookedAt) return;
    this.#lookedAt = now;
    for (const one of this.#shelf.all) this.#look(one, now);
    for (const channel of this.#askers.leave(now)) {
      for (const { share } of this.#shelf.in(channel))
        this.#unsaved.say({ t: "unload", key: share.key });
    }
    this.#shelf.expire(now);
  }

  /** The changes to save now, and their effects; undefined: none. The next one comes after `saved` or `saveFailed`. */
  take(now: number): Batch | undefined {
    if (this.#notBefore !== undefined && now < this.#notBefore) return undefined;
    return this.#unsaved.take(now, PROGRESS_MS);
  }

  saved(): void {
    this.#notBefore = undefined;
    this.#unsaved.saved();
  }

  /** A save takes long, or can't begin. @returns the effects to carry out at once, in place of `REFUSABLE` ones: these clients ask again */
  saveLate(fault: FaultError): readonly BookEffect[] {
    const effects = this.#unsaved.refuse(fault);
    for (const effect of effects) {
      // A claim that is refused for its own reason is not of the sender that the share has.
      if (effect.t !== "refuse" || effect.fault !== fault) continue;
      const one = this.#shelf.get(effect.claim.key);
      if (one !== undefined) one.sender = "away";
    }
    return effects;
  }

  /** @returns the effects to carry out at once: senders hear of the failure */
  saveFailed(fault: FaultError, now: number): readonly BookEffect[] {
    this.#notBefore = now + AGAIN_MS;
    const { keys, effects } = this.#unsaved.failed(fault);
    for (const key of keys) {
      const one = this.#shelf.get(key);
      if (one === undefined || one.isSavedWhole) continue;
      if (one.isSaved) effects.push({ t: "sender-failed", key, fault });
      else this.#shelf.drop(one);
    }
    return effects;
  }

  #answer(worker: number, socket: number, message: () => Message): void {
    this.#unsaved.effect({
      t: "answer",
      worker,
      make: () => ({ t: "answer", worker, socket, message: message() }),
      refuse: (fault) => ({ t: "socket-failed", worker, socket, fault }),
    });
  }

  /** Receivers see a share that needs its sender no more. */
  #load(worker: number, one: Kept): void {
    const { key } = one.share;
    const make = (): BookEffect | undefined => {
      const now = this.#shelf.get(key);
      if (now === undefined || !isWhole(now) || now.isQuiet) return undefined;
      return { t: "open", worker, opened: openedOf(now) };
    };
    if (isWhole(one) && !one.isQuiet) this.#unsaved.effect({ t: "open", worker, make });
  }

  #tellOver(worker: number, channel: string): void {
    const make = (): BookEffect | undefined => {
      if (this.#shelf.in(channel).some(isWhole)) return undefined;
      const list = this.#shelf.tombstones.overIn(channel);
      return list.length === 0 ? undefined : { t: "over", worker, channel, list };
    };
    if (make() !== undefined) this.#unsaved.effect({ t: "over", worker, make });
  }

  #look(one: Kept, now: number): void {
    if (!isWhole(one)) this.#lookAtUnfinished(one, now);
    else if (now >= one.share.until) this.#shelf.over(one, "stored-expired", now);
    else if (this.#downloads.isOver(one, now)) this.#shelf.over(one, "exhausted", now);
  }

  #lookAtUnfinished(one: Kept, now: number): void {
    const { until, seenAt, startedAt } = one.share;
    const isEmpty = one.durable.size === 0 && one.sender !== "storing";
    const life = isEmpty ? EMPTY_LIFE_MS : UNFINISHED_LIFE_MS;
    const isOver = now >= until || now - seenAt >= life || now - startedAt >= UNFINISHED_AGE_MS;
    if (isOver) {
      this.#shelf.unfinished(one);
    } else if (now - one.pace.at >= PACE_MS) {
      if (keepsPace(one)) this.#shelf.room.reserve(one);
      else this.#shelf.room.release(one);
      one.pace = { at: now, durable: one.durable.size };
    }
  }
}
