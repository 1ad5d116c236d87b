import type { StoredReceipt } from "../../../protocol/mod.ts";
import type { StoredShare, Tombstone } from "../../../relay/store/stored-share.ts";

/** A number that repeats as 16 bytes, and in hex. */
export function sixteen(number: number): Uint8Array {
  return new Uint8Array(16).fill(number);
}

export function hexOf(number: number): string {
  return number.toString(16).padStart(2, "0").repeat(16);
}

export function storedReceipt(number: number, at = 0): StoredReceipt {
  return { receiver: sixteen(number), records: 5, mac: sixteen(number), at };
}

/** An unfinished share of 5 records, of which nothing is durable. */
export function storedShare(number: number, more: Partial<StoredShare> = {}): StoredShare {
  return {
    place: hexOf(0x80 + number),
    key: hexOf(number),
    channel: hexOf(0xc0),
    offer: { share: sixteen(number), recordSize: 100, records: 5, bytes: 400, seekable: true },
    capability: undefined,
    address: undefined,
    startedAt: 0,
    seenAt: 0,
    until: 1_000_000,
    downloadsMost: undefined,
    downloads: 0,
    receipts: [],
    counted: "",
    begun: [],
    durable: [],
    records: undefined,
    ...more,
  };
}

export function tombstone(number: number, more: Partial<Tombstone> = {}): Tombstone {
  return {
    key: hexOf(number),
    channel: hexOf(0xc0),
    reason: "revoked",
    address: undefined,
    isSilent: false,
    at: 0,
    records: 5,
    downloadsMost: undefined,
    downloads: 0,
    receipts: [],
    ...more,
  };
}
