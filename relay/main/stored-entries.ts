/**
 * Shares of the directory that the relay stores. They need no sender: a worker is their home and reads them from the store,
 * and a share goes when no receiver asks for it. The keeper of the store decides. The directory and the cluster tell of
 * changes of homes and senders.
 */
import type { LiveLimits } from "../limits/limits.ts";
import type { OpenedShare, StoredState } from "../store/stored-share.ts";
import type { DirectoryEntries, DirectoryOutput, Entry } from "./directory-entries.ts";

/** The worker that serves stored shares of a channel; undefined: no receiver asks for them. */
export type HeirOf = (channel: string) => number | undefined;

export const NO_HEIR: HeirOf = () => undefined;

export class StoredEntries {
  readonly #output: DirectoryOutput;
  readonly #entries: DirectoryEntries;
  readonly #limits: LiveLimits;

  constructor(output: DirectoryOutput, entries: DirectoryEntries, limits: LiveLimits) {
    this.#output = output;
    this.#entries = entries;
    this.#limits = limits;
  }

  /** A receiver came to a stored share that no worker serves. */
  open(worker: number, { number, facts, state }: OpenedShare, now: number): void {
    const { key, channel, offer, capability } = facts;
    const dropped = this.#entries.get(key);
    if (this.#entries.isDraining || (dropped !== undefined && !isDropped(dropped))) return;
    // Receivers read a stream from a link as from its sender. They come again, because the store can read it again.
    if (!offer.seekable) this.#entries.dismiss(key);
    const known = this.#entries.get(key);
    if (known === undefined) {
      // One `offers` message lists all shares of the channel; the others follow when one goes.
      if (this.#entries.counts.inChannel(channel) >= this.#limits.now["shares-per-channel"]) return;
      this.#entries.counts.add(channel, undefined);
    }
    const epoch = this.#entries.nextEpoch(key);
    const record = { key, channel, offer, capability, owner: worker, epoch, stored: state };
    const entry: Entry = {
      record,
      number,
      home: worker,
      senderHere: false,
      orphanedAt: undefined,
      address: undefined,
      openedAt: now,
      joined: true,
      accepted: true,
    };
    this.#entries.put(entry);
    this.#tellOpened(entry);
  }

  /** @returns whether the share is open */
  state(key: string, stored: StoredState, heirOf: HeirOf = NO_HEIR): boolean {
    const entry = this.#entries.get(key);
    if (entry?.record.stored === undefined) return false;
    entry.record = { ...entry.record, stored };
    // Its sender was lost when the last records were on their way to the store.
    if (isStored(entry) && entry.record.owner === undefined) {
      this.inherit(entry, entry.home ?? heirOf(entry.record.channel));
    }
    return true;
  }

  /** The share leaves the directory, because its channel has no receiver. */
  unload(key: string): void {
    const entry = this.#entries.get(key);
    if (entry !== undefined && isStored(entry) && !entry.senderHere) this.#entries.unload(entry);
  }

  /** Another relay of the cluster serves a stored share. Receivers here come again, and find it there. */
  quiet(key: string): void {
    const record = this.#entries.get(key)?.record;
    if (record?.stored !== undefined) this.#entries.dismiss(key);
  }

  /** Another relay of the cluster stores the share now. Receivers here wait for a link to it. */
  give(key: string, now: number): void {
    const entry = this.#entries.get(key);
    if (entry?.record.stored === undefined) return;
    // Receivers of a stream come again: the store here could read it again, and a link reads it as from its sender.
    if (this.#entries.isDraining || !entry.record.offer.seekable) {
      this.#entries.dismiss(key);
      return;
    }
    const { epoch } = entry.record;
    entry.record = { ...entry.record, stored: undefined, owner: undefined };
    entry.senderHere = false;
    entry.isGiven = true;
    entry.orphanedAt = now;
    this.#entries.changed();
    this.#entries.toAll({ t: "orphaned", key, epoch, isGiven: true });
  }

  /** The sender left, and the share needs none. */
  left(entry: Entry): void {
    entry.senderHere = false;
    this.#entries.changed();
    this.#entries.report("debug", "sender-lost", entry, {});
  }

  /** @param heir the next home; undefined: no receiver asks for the share */
  inherit(entry: Entry, heir: number | undefined): void {
    entry.senderHere = false;
    if (heir === undefined) {
      this.#entries.unload(entry);
      return;
    }
    entry.home = heir;
    entry.orphanedAt = undefined;
    entry.record = { ...entry.record, owner: heir, epoch: entry.record.epoch + 1 };
    this.#tellOpened(entry);
  }

  /** Tells all workers of a whole share: its home has all records. */
  #tellOpened({ record }: Entry): void {
    const whole = [{ first: 0, count: record.stored?.records ?? record.offer.records }];
    for (const each of this.#output.workers()) {
      const durable = each === record.owner ? whole : undefined;
      this.#output.toWorker(each, { t: "opened", record, socket: undefined, durable });
    }
  }
}

/** Whether the share needs its sender no more. */
export function isStored({ record }: Pick<Entry, "record">): boolean {
  return record.stored?.isWhole === true;
}

/** Whether no link reads the share from the relay that has it. */
function isDropped({ record, isGiven = false }: Entry): boolean {
  return (isGiven || record.remote !== undefined) && record.owner === undefined;
}
