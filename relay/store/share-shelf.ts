/**
 * The stored shares that are there and those that are over, with the room that they take. `StoreBook` and `Downloads`
 * decide; the shelf puts a share in or takes it out everywhere at once, and says so.
 */
import { FaultError, type StoreEnd } from "../../protocol/mod.ts";
import type { LiveLimits } from "../limits/limits.ts";

import { overOf, stateOf, type Kept } from "./kept-share.ts";
import { StoreLimits, type StoreCounts } from "./store-limits.ts";
import { Tombstones } from "./tombstones.ts";
import { Unsaved } from "./unsaved.ts";

/** Why a share is stored no more; `unfinished`: its sender did not go on with it. */
export type StoredEnd = StoreEnd | "unfinished" | "removed";

export interface ShelfEvents {
  /** Receivers of the channel hear that a share is over. */
  readonly over: (channel: string) => void;
  /** The shelf has the share from now on, or no more. */
  readonly kept: (one: Kept) => void;
  readonly released: (one: Kept) => void;
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
    this.#events.kept(one);
  }

  drop(one: Kept): void {
    const { key, channel, place } = one.share;
    this.#kept.delete(key);
    const others = this.#byChannel.get(channel);
    others?.delete(key);
    if (others?.size === 0) this.#byChannel.delete(channel);
    this.room.remove(one);
    this.unsaved.removed(place);
    this.#events.released(one);
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
    this.drop(one);
    this.unsaved.tombstone(key);
    const gone = this.tombstones.add(overOf(one, reason, now));
    if (gone !== undefined) this.unsaved.tombstone(gone);
    this.#events.over(channel);
  }

  /** Before its end: a sender that is still there hears that all of it was stored. */
  #tellState(one: Kept): void {
    const { key } = one.share;
    this.unsaved.say({ t: "state", key, state: stateOf(one), durable: one.durable.size });
  }

  report(event: string, { number }: Kept, fields: Readonly<Record<string, string | number>>): void {
    this.unsaved.say({ t: "report", event, number, fields });
  }
}
