/**
 * The shares that are over. Receivers hear from them why there is nothing in a channel, senders how often their share was
 * received; and a sender that missed the end does not store a share anew. `StoreBook` owns them, the ledger keeps them.
 */
import { OVER_PER_MESSAGE, fromHex } from "../../protocol/mod.ts";

import type { OverShare, Tombstone } from "./stored-share.ts";

/** A receiver that comes later is told that there is no such share. ms */
export const TOMBSTONE_MS = 30 * 24 * 60 * 60 * 1000;
/** As many as stored shares by default; of more the oldest of the address with the most go, some kB each. items */
export const TOMBSTONES_MOST = 10_000;

/** By share, channel and address of its sender; oldest first. */
export class Tombstones {
  readonly #byKey = new Map<string, Tombstone>();
  readonly #byChannel = new Map<string, Set<string>>();
  readonly #byAddress = new Map<string | undefined, Set<string>>();

  get(key: string): Tombstone | undefined {
    return this.#byKey.get(key);
  }

  /** @returns the tombstone that made room for it */
  add(tombstone: Tombstone): Tombstone | undefined {
    const { key, channel, address } = tombstone;
    this.delete(key);
    this.#byKey.set(key, tombstone);
    addTo(this.#byChannel, channel, key);
    addTo(this.#byAddress, address, key);
    if (this.#byKey.size <= TOMBSTONES_MOST) return undefined;
    let most = this.#byAddress.get(address) ?? new Set([key]);
    for (const keys of this.#byAddress.values()) if (keys.size > most.size) most = keys;
    const [last = key] = most;
    const gone = this.#byKey.get(last);
    this.delete(last);
    return gone;
  }

  delete(key: string): boolean {
    const tombstone = this.#byKey.get(key);
    if (tombstone === undefined) return false;
    this.#byKey.delete(key);
    removeFrom(this.#byChannel, tombstone.channel, key);
    removeFrom(this.#byAddress, tombstone.address, key);
    return true;
  }

  get all(): Iterable<Tombstone> {
    return this.#byKey.values();
  }

  /** @returns the tombstones whose time is over */
  expire(now: number): Tombstone[] {
    const gone: Tombstone[] = [];
    for (const each of this.#byKey.values()) {
      if (now - each.at < TOMBSTONE_MS) break;
      gone.push(each);
    }
    for (const { key } of gone) this.delete(key);
    return gone;
  }

  /** Receivers of this channel hear of no end in it any more. @returns keys of the tombstones that changed */
  silence(channel: string): string[] {
    const changed: string[] = [];
    for (const key of this.#byChannel.get(channel) ?? []) {
      const tombstone = this.#byKey.get(key);
      if (tombstone === undefined || tombstone.isSilent) continue;
      this.#byKey.set(key, { ...tombstone, isSilent: true });
      changed.push(key);
    }
    return changed;
  }

  /** Latest first, as receivers are told. */
  overIn(channel: string): OverShare[] {
    const told = [...(this.#byChannel.get(channel) ?? [])].toReversed().flatMap((key) => {
      const share = fromHex(key);
      const { reason, isSilent } = this.#byKey.get(key) ?? { isSilent: true };
      return share === undefined || reason === undefined || isSilent ? [] : [{ share, reason }];
    });
    return told.slice(0, OVER_PER_MESSAGE);
  }
}

function addTo<K>(sets: Map<K, Set<string>>, by: K, key: string): void {
  sets.set(by, (sets.get(by) ?? new Set<string>()).add(key));
}

function removeFrom<K>(sets: Map<K, Set<string>>, by: K, key: string): void {
  const keys = sets.get(by);
  keys?.delete(key);
  if (keys?.size === 0) sets.delete(by);
}
