/**
 * Stored shares and shares that are over, with the room that they take. `StoreBook` and `Downloads`
 * decide; the shelf puts a share in or takes it out everywhere at once, and says so.
 */
import { FaultError, type StoreEnd } from "../../protocol/mod.ts";
import type { LiveLimits } from "../limits/limits.ts";

import { isWhole, overOf, stateOf, type Kept } from "./kept-share.ts";
import { StoreLimits, type StoreCounts } from "./store-limits.ts";
import type { StoredShare, Tombstone } from "./stored-share.ts";
import { Tombstones } from "./tombstones.ts";
import { Unsaved } from "./unsaved.ts";

/** Why a share is stored no more; `unfinished`: its sender did not go on with it. */
export type StoredEnd = StoreEnd | "unfinished" | "removed";

/** Hears of each share that is kept, of each that is over and may be asked about, and of its release after both. */
export interface ClusterOfBook {
  /**
   * @param place undefined: it is over
   * @param isPart records are missing
   */
  readonly kept: (
    share: Pick<StoredShare, "key" | "channel">,
    place: string | undefined,
    isPart: boolean,
  ) => void;
  readonly released: (share: Pick<StoredShare, "key" | "channel">) => void;
}

export interface ShelfEvents {
  /** Receivers of the channel hear that a share is over. */
  readonly over: (channel: string) => void;
  readonly cluster: ClusterOfBook | undefined;
}

export class ShareShelf {
  readonly #kept = new Map<string, Kept>();
  readonly #byChannel = new Map<string, Set<string>>();
  readonly tombstones = new Tombstones();
  readonly room: StoreLimits;
  readonly unsaved: Unsaved;
  /** Since the relay began. */
  readonly overs: Record<StoredEnd, number> = {
    "stored-expired": 0,
    exhausted: 0,
    revoked: 0,
    unfinished: 0,
    removed: 0,
  };
  readonly #events: ShelfEvents;

  constructor(limits: LiveLimits, events: ShelfEvents) {
    this.room = new StoreLimits(limits, this.#kept);
    this.unsaved = new Unsaved(this.#kept, this.tombstones);
    this.#events = events;
  }

  get counts(): StoreCounts {
    return this.room.counts;
  }

  get all(): Iterable<Kept> {
    return this.#kept.values();
  }

  get(key: string): Kept | undefined {
    return this.#kept.get(key);
  }

  in(channel: string): Kept[] {
    return [...(this.#byChannel.get(channel) ?? [])].flatMap((key) => this.#kept.get(key) ?? []);
  }

  has(channel: string): boolean {
    return this.#byChannel.has(channel);
  }

  add(one: Kept): void {
    const { key, channel } = one.share;
    this.#kept.set(key, one);
    const others = this.#byChannel.get(channel) ?? new Set();
    this.#byChannel.set(channel, others.add(key));
    this.room.add(one);
    this.keeps(one);
  }

  /** Also once it is whole. */
  keeps(one: Kept): void {
    this.#events.cluster?.kept(one.share, one.share.place, !isWhole(one));
  }

  drop(one: Kept): void {
    this.#take(one);
    this.#events.cluster?.released(one.share);
  }

  #take(one: Kept): void {
    this.give(one);
    this.unsaved.removed(one.share.place, one.share.key);
  }

  /** Another relay keeps the share now. */
  give(one: Kept): void {
    const { key, channel } = one.share;
    this.#kept.delete(key);
    const others = this.#byChannel.get(channel);
    others?.delete(key);
    if (others?.size === 0) this.#byChannel.delete(channel);
    this.room.remove(one);
  }

  /** Its sender did not go on with it. */
  unfinished(one: Kept): void {
    const { key, downloads } = one.share;
    if (one.sender !== "live") {
      this.unsaved.say({ t: "end", key, fault: new FaultError("expired") });
    }
    this.overs.unfinished++;
    this.report("stored-share-over", one, { how: "unfinished", downloads });
    this.drop(one);
  }

  /** An operator ends it. */
  removed(one: Kept): void {
    this.unsaved.say({ t: "end", key: one.share.key, fault: new FaultError("removed") });
    this.overs.removed++;
    this.drop(one);
  }

  over(one: Kept, reason: StoreEnd, now: number): void {
    const { key, channel, downloads } = one.share;
    this.overs[reason]++;
    this.report("stored-share-over", one, { how: reason, downloads });
    if (reason === "exhausted") this.#tellState(one);
    this.unsaved.say({ t: "end", key, fault: new FaultError(reason) });
    this.#take(one);
    this.unsaved.tombstone(key);
    this.tombstone(overOf(one, reason, now));
    this.#events.over(channel);
  }

  /** Adds a share that is over, also one from before this relay started. */
  tombstone(one: Tombstone): void {
    const { cluster } = this.#events;
    const gone = this.tombstones.add(one);
    if (gone?.key !== one.key) cluster?.kept(one, undefined, false);
    if (gone === undefined) return;
    this.unsaved.tombstone(gone.key);
    cluster?.released(gone);
  }

  /** A share begins in this channel: shares that are over tell their senders alone. */
  silence(channel: string): void {
    for (const key of this.tombstones.silence(channel)) this.unsaved.tombstone(key);
  }

  expire(now: number): void {
    for (const gone of this.tombstones.expire(now)) {
      this.unsaved.tombstone(gone.key);
      this.#events.cluster?.released(gone);
    }
  }

  /** Before its end: a sender that is still there hears that all of it was stored. */
  #tellState(one: Kept): void {
    const { key } = one.share;
    this.unsaved.say({ t: "state", key, state: stateOf(one), durable: one.durable.size });
  }

  report(
    event: string,
    { share: { key }, number }: Kept,
    fields: Readonly<Record<string, string | number>>,
  ): void {
    this.unsaved.effect({ t: "report", key, make: () => ({ t: "report", event, number, fields }) });
  }
}
