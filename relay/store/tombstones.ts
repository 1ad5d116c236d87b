import { OVER_PER_MESSAGE, fromHex } from "../../protocol/mod.ts";

import type { OverShare, Tombstone } from "./stored-share.ts";

/** A receiver that comes later is told that there is no such share. ms */
export const TOMBSTONE_MS = 30 * 24 * 60 * 60 * 1000;
/** As many as stored shares by default; of more the oldest go, some kB each. items */
export const TOMBSTONES_MOST = 10_000;

/** The shares that are over, by share and by channel; oldest first. */
export class Tombstones {
  readonly #byKey = new Map<string, Tombstone>();
  readonly #byChannel = new Map<string, Set<string>>();

  get all(): Iterable<Tombstone> {
    return this.#byKey.values();
  }

  get(key: string): Tombstone | undefined {
    return this.#byKey.get(key);
  }

  /** @returns keys of those that went for it */
  add(tombstone: Tombstone): string[] {
    this.delete(tombstone.key);
    this.#byKey.set(tombstone.key, tombstone);
    const others = this.#byChannel.get(tombstone.channel) ?? new Set();
    this.#byChannel.set(tombstone.channel, others.add(tombstone.key));
    const gone: string[] = [];
    for (const key of this.#byKey.keys()) {
      if (this.#byKey.size <= TOMBSTONES_MOST) break;
      this.delete(key);
      gone.push(key);
    }
    return gone;
  }

  delete(key: string): boolean {
    const tombstone = this.#byKey.get(key);
    if (tombstone === undefined) return false;
    this.#byKey.delete(key);
    const others = this.#byChannel.get(tombstone.channel);
    others?.delete(key);
    if (others?.size === 0) this.#byChannel.delete(tombstone.channel);
    return true;
  }

  /** @returns keys of those that were there too long */
  expire(now: number): string[] {
    const gone: string[] = [];
    for (const { key, at } of this.#byKey.values()) {
      if (now - at < TOMBSTONE_MS) break;
      gone.push(key);
    }
    for (const key of gone) this.delete(key);
    return gone;
  }

  keysIn(channel: string): string[] {
    return [...(this.#byChannel.get(channel) ?? [])];
  }

  /** Latest first, as receivers are told. */
  overIn(channel: string): OverShare[] {
    const latest = this.keysIn(channel).toReversed().slice(0, OVER_PER_MESSAGE);
    return latest.flatMap((key) => {
      const share = fromHex(key);
      const reason = this.#byKey.get(key)?.reason;
      return share === undefined || reason === undefined ? [] : [{ share, reason }];
    });
  }
}
