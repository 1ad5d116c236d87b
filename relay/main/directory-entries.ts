import { BoundedMap, isOpen, type Offer } from "../../protocol/mod.ts";

import type { FromDirectory, ShareRecord } from "../share/messages.ts";
import type { Report, ReportLevel, Reporter } from "../worker/reports.ts";
import type { ListedShare } from "../admin/manager.ts";
import { ShareCounts } from "./share-counts.ts";

/** Shares that went; of more the epochs begin anew, as workers have no word about them on its way any more. */
const GONE_SHARES = 10_000;
const MS = 1000;

export interface Entry extends ListedShare {
  record: ShareRecord;
  senderHere: boolean;
  /** The worker that has the log, also while the sender is away. */
  home: number | undefined;
  orphanedAt: number | undefined;
  /** The time since which another relay that has the share waits for its sender. ms */
  awaySince?: number | undefined;
  /** The address that offered the share first, as limits count it. */
  readonly address: string | undefined;
  /** Another relay stores the share now, and no link reads it yet. */
  isGiven?: boolean;
  /** Whether the share ever had a receiver. */
  joined: boolean;
  /** Whether a receiver took more than a look. */
  accepted: boolean;
}

export interface DirectoryOutput {
  toWorker(worker: number, message: FromDirectory): void;
  workers(): Iterable<number>;
  readonly report?: Reporter;
  /** A share came or went, or its sender did. */
  readonly changed?: (() => void) | undefined;
  /** A claim was granted, or refused. */
  readonly opened?: (key: string) => void;
  readonly refused?: (key: string) => void;
  /** A share is here no more. */
  readonly ended?: (key: string, channel: string) => void;
}

/** The shares that are here now, and their counts. Removing one here tells the workers, the log and the cluster. */
export class DirectoryEntries {
  readonly counts = new ShareCounts();
  /** The time of the last event. ms */
  now = 0;
  /** The relay takes no new shares any more. */
  isDraining = false;
  readonly #output: DirectoryOutput;
  readonly #byKey = new Map<string, Entry>();
  /** The last epochs of shares that went: a late word about one is not about the same share when it is here again. */
  readonly #epochs = new BoundedMap<string, number>(GONE_SHARES);
  #numbers = 0;

  constructor(output: DirectoryOutput) {
    this.#output = output;
  }

  get size(): number {
    return this.#byKey.size;
  }

  get(key: string): Entry | undefined {
    return this.#byKey.get(key);
  }

  has(key: string): boolean {
    return this.#byKey.has(key);
  }

  values(): MapIterator<Entry> {
    return this.#byKey.values();
  }

  [Symbol.iterator](): MapIterator<[string, Entry]> {
    return this.#byKey.entries();
  }

  /** The number by which operators call the next share. */
  newNumber(): number {
    return ++this.#numbers;
  }

  /** The epoch under which a worker gets the share next. */
  nextEpoch(key: string): number {
    return (this.get(key)?.record.epoch ?? this.#epochs.get(key) ?? 0) + 1;
  }

  put(entry: Entry): void {
    this.#byKey.set(entry.record.key, entry);
    this.changed();
  }

  changed(): void {
    this.#output.changed?.();
  }

  toAll(message: FromDirectory): void {
    for (const each of this.#output.workers()) this.#output.toWorker(each, message);
  }

  report(level: ReportLevel, event: string, { number }: Entry, fields: Report["fields"]): void {
    this.#output.report?.({ level, event, fields: { share: number, ...fields } });
  }

  remove(key: string, message: FromDirectory): void {
    const entry = this.#byKey.get(key);
    if (entry === undefined) return;
    this.#byKey.delete(key);
    this.#epochs.set(key, entry.record.epoch);
    this.changed();
    this.counts.remove(entry.record.channel, entry.address);
    this.report("info", "share-ended", entry, {
      how: message.t === "closed" ? (message.fault ?? "done") : "dismissed",
      seconds: Math.round((this.now - entry.openedAt) / MS),
      ...sizeOf(entry.record.offer),
    });
    this.toAll(message);
    this.#output.ended?.(key, entry.record.channel);
  }

  dismiss(key: string): void {
    this.remove(key, { t: "dismissed", key });
  }

  unload({ record: { key } }: Entry): void {
    this.remove(key, { t: "unloaded", key });
  }
}

export function sizeOf(offer: Offer): { readonly bytes?: number; readonly records?: number } {
  return isOpen(offer) ? {} : { bytes: offer.bytes, records: offer.records };
}
