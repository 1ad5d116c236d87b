/** A stored share in the book's memory, and what the workers, its sender and an inspector are told of it. */
import {
  FRAME_HEADER_BYTES,
  isOpen,
  type MessageOf,
  type Offer,
  type StoreEnd,
  type StoredReceipt,
} from "../../protocol/mod.ts";

import { BegunReceivers } from "./begun-receivers.ts";
import { RecordSet } from "./record-set.ts";
import type { OpenedShare, StoredShare, StoredState, Tombstone } from "./stored-share.ts";

/** Of a share that is over its sender sees so many receipts; there are more tombstones than shares. items */
const RECEIPTS_OF_OVER = 16;

/** From the first offer to the last record, in any number of pieces: 28 kB/s for the largest share by default. ms */
export const UNFINISHED_AGE_MS = 7 * 24 * 60 * 60 * 1000;
/** An upload that would not be whole in time at the pace of so long has room for its durable records alone. ms */
export const PACE_MS = 60 * 60 * 1000;

export interface Kept {
  /** But for `durable` and `begun`, which grow beside it. */
  share: StoredShare;
  readonly durable: RecordSet;
  readonly begun: BegunReceivers;
  /** Operators call it by that one. */
  readonly number: number;
  /** Another relay of the cluster owns the share: no receiver gets it from here. */
  isQuiet: boolean;
  /** It was saved once; else its sender does not know yet that it is here. */
  isSaved: boolean;
  /** It was saved as whole; else its sender was not told so, even if all of it is durable. */
  isSavedWhole: boolean;
  /** As far as is known. `live`: it is here, and wants no more of its share stored. */
  sender: "storing" | "live" | "away";
  /** It has room for all of it; else for what is durable. */
  isReserved: boolean;
  /** So many records were durable then; see `PACE_MS`. */
  pace: { readonly at: number; readonly durable: number };
  /** Since when no download is left, and when a receiver that had begun was there last; undefined: some are left. */
  finishing: { readonly since: number; seenAt: number } | undefined;
}

/** @param isSaved it was there before this relay */
export function kept(share: StoredShare, number: number, isSaved: boolean, now: number): Kept {
  const durable = new RecordSet(share.durable);
  return {
    share,
    durable,
    begun: new BegunReceivers(share.begun),
    number,
    isQuiet: false,
    isSaved,
    isSavedWhole: isSaved && isWhole({ share, durable }),
    sender: isSaved ? "away" : "storing",
    isReserved: now - share.seenAt < PACE_MS,
    pace: { at: now, durable: durable.size },
    finishing: undefined,
  };
}

/** Undefined: its end is not known yet. */
export function recordsOf({ offer, records }: StoredShare): number | undefined {
  return isOpen(offer) ? records : offer.records;
}

/** A sender that says where its share ends may have given records beyond that, and lack some before. */
export function isWhole({ share, durable }: Pick<Kept, "share" | "durable">): boolean {
  return durable.firstLacking() >= (recordsOf(share) ?? Infinity);
}

/** No other receiver may begin. */
export function isExhausted({ share: { downloads, downloadsMost } }: Kept): boolean {
  return downloadsMost !== undefined && downloads >= downloadsMost;
}

/** Whether it came fast enough since the last look; one whose end nobody knows reserves nothing. */
export function keepsPace({ share, durable, pace }: Kept): boolean {
  const records = recordsOf(share) ?? 0;
  return durable.size - pace.durable >= (records * PACE_MS) / UNFINISHED_AGE_MS;
}

/** Room that it takes in the store or will take, as far as its sender said. */
export function reservedBytes({ share, durable, isReserved }: Kept): number {
  return ((isReserved ? recordsOf(share) : undefined) ?? durable.size) * frameBytesOf(share);
}

export function frameBytesOf({ offer }: { readonly offer: Offer }): number {
  return FRAME_HEADER_BYTES + offer.recordSize;
}

export function factsOf({ share, durable, begun }: Kept): StoredShare {
  return { ...share, durable: durable.runs, begun: begun.list };
}

export function stateOf(one: Kept): StoredState {
  const { place, until, records, downloads, downloadsMost } = one.share;
  return {
    place,
    until,
    isWhole: isWhole(one),
    durableBefore: one.durable.firstLacking(),
    records,
    downloadsLeft: downloadsMost === undefined ? undefined : Math.max(0, downloadsMost - downloads),
    begun: isExhausted(one) ? one.begun.list : [],
  };
}

export function openedOf(one: Kept): OpenedShare {
  return { number: one.number, facts: factsOf(one), state: stateOf(one) };
}

export function overOf({ share, durable }: Kept, reason: StoreEnd, at: number): Tombstone {
  const { key, channel, address, downloads, downloadsMost } = share;
  const receipts = share.receipts.slice(-RECEIPTS_OF_OVER);
  const records = durable.size;
  const isSilent = false;
  return {
    key,
    channel,
    reason,
    address,
    isSilent,
    at,
    records,
    downloads,
    downloadsMost,
    receipts,
  };
}

type Inspected = MessageOf<"inspected">;

const SECOND_MS = 1000;

export function inspected(
  share: Uint8Array,
  one: Kept | undefined,
  over: Tombstone | undefined,
): Inspected {
  const state = one === undefined ? (over?.reason ?? "unknown") : stateName(one);
  const { downloads = 0, downloadsMost, receipts = [] } = one?.share ?? over ?? {};
  return {
    t: "inspected",
    share,
    state,
    records: one?.durable.size ?? over?.records ?? 0,
    ...(one && { until: Math.floor(one.share.until / SECOND_MS) }),
    downloads,
    ...(downloadsMost !== undefined && { downloadsMost }),
    receipts: [...receipts],
  };
}

function stateName(one: Kept): Inspected["state"] {
  if (!isWhole(one)) return "unfinished";
  return isExhausted(one) ? "exhausted" : "stored";
}

/** A receipt as the book keeps it: its own copy, and the time. */
export function receiptAt(
  { receiver, records, mac, unconfirmed }: Omit<StoredReceipt, "at">,
  now: number,
): StoredReceipt {
  return {
    receiver: new Uint8Array(receiver),
    records,
    mac: new Uint8Array(mac),
    ...(unconfirmed === true && { unconfirmed }),
    at: Math.floor(now / SECOND_MS),
  };
}
