import {
  MANIFEST_BYTES,
  dataPerRecord,
  isOpen,
  type FaultError,
  type Offer,
} from "../../protocol/mod.ts";
import type { LiveLimits } from "../limits/limits.ts";

import { frameBytesOf, isWhole, reservedBytes, type Kept } from "./kept-share.ts";

export interface StoreCounts {
  readonly whole: number;
  readonly unfinished: number;
  /** Durable frames. */
  readonly bytes: number;
  /** With those to come. */
  readonly reserved: number;
}

/** The room that the shares of one address take. */
interface Usage {
  shares: number;
  bytes: number;
}

/** Judges by the limits of the store whether another share, or more records of one, find room. */
export class StoreLimits {
  readonly #limits: LiveLimits;
  readonly #shares: ReadonlyMap<string, Kept>;
  readonly #perAddress = new Map<string, Usage>();
  /** The room that each took when it was counted last, by place. */
  readonly #taken = new Map<string, number>();
  #bytes = 0;

  constructor(limits: LiveLimits, shares: ReadonlyMap<string, Kept>) {
    this.#limits = limits;
    this.#shares = shares;
  }

  /** Why another share finds no room. */
  over(offer: Offer, address: string | undefined): FaultError | undefined {
    const { now } = this.#limits;
    const bytes = isOpen(offer) ? 0 : offer.records * frameBytesOf({ offer });
    if (isTooLarge(offer, now["stored-share-bytes"])) {
      return this.#limits.over("stored-share-bytes");
    }
    const full = this.#noRoomFor(bytes, address);
    if (full !== undefined) return full;
    if (this.#shares.size >= now["stored-shares"]) return this.#limits.over("stored-shares");
    if (address === undefined) return undefined;
    const shares = this.#perAddress.get(address)?.shares ?? 0;
    if (shares < now["stored-shares-per-address"]) return undefined;
    return this.#limits.over("stored-shares-per-address");
  }

  /** Has room for all of a share from now on. @returns why there is none */
  reserve(one: Kept): FaultError | undefined {
    if (one.isReserved) return undefined;
    const before = reservedBytes(one);
    one.isReserved = true;
    const fault = this.#noRoomFor(reservedBytes(one) - before, one.share.address);
    if (fault !== undefined) one.isReserved = false;
    this.grew(one);
    return fault;
  }

  /** The share has room for its durable records alone. */
  release(one: Kept): void {
    one.isReserved = false;
    this.grew(one);
  }

  #noRoomFor(bytes: number, address: string | undefined): FaultError | undefined {
    const { now } = this.#limits;
    if (this.#bytes + bytes > now["store-bytes"]) return this.#limits.over("store-bytes");
    const own = address === undefined ? undefined : this.#perAddress.get(address);
    if (address === undefined || (own?.bytes ?? 0) + bytes <= now["store-bytes-per-address"])
      return undefined;
    return this.#limits.over("store-bytes-per-address");
  }

  /** Of a share that grew, and for which there is no room yet. */
  outgrown(one: Kept): FaultError | undefined {
    const { offer, address } = one.share;
    if (!isOpen(offer)) {
      return one.isReserved || isWhole(one) ? undefined : this.#noRoomFor(0, address);
    }
    const { now } = this.#limits;
    // The first record has the manifest.
    if ((one.durable.size - 1) * dataPerRecord(offer.recordSize) > now["stored-share-bytes"]) {
      return this.#limits.over("stored-share-bytes");
    }
    return this.#noRoomFor(0, address);
  }

  add(one: Kept): void {
    const { address } = one.share;
    if (address !== undefined) {
      const own = this.#perAddress.get(address) ?? { shares: 0, bytes: 0 };
      own.shares++;
      this.#perAddress.set(address, own);
    }
    this.grew(one);
  }

  grew(one: Kept): void {
    const { place, address } = one.share;
    const bytes = reservedBytes(one);
    this.#take(address, bytes - (this.#taken.get(place) ?? 0));
    this.#taken.set(place, bytes);
  }

  remove({ share: { place, address } }: Kept): void {
    this.#take(address, -(this.#taken.get(place) ?? 0));
    this.#taken.delete(place);
    const own = address === undefined ? undefined : this.#perAddress.get(address);
    if (address === undefined || own === undefined) return;
    own.shares--;
    if (own.shares === 0) this.#perAddress.delete(address);
  }

  #take(address: string | undefined, bytes: number): void {
    this.#bytes += bytes;
    const own = address === undefined ? undefined : this.#perAddress.get(address);
    if (own !== undefined) own.bytes += bytes;
  }

  get counts(): StoreCounts {
    let whole = 0;
    let bytes = 0;
    for (const one of this.#shares.values()) {
      if (isWhole(one)) whole++;
      bytes += one.durable.size * frameBytesOf(one.share);
    }
    return { whole, unfinished: this.#shares.size - whole, bytes, reserved: this.#bytes };
  }
}

/** A sender's word on its share may be wrong: its records alone can be more, and are what is reserved. */
function isTooLarge(offer: Offer, most: number): boolean {
  if (isOpen(offer)) return false;
  const full = (offer.records - 1) * dataPerRecord(offer.recordSize);
  return offer.bytes > most || full > most + MANIFEST_BYTES;
}
