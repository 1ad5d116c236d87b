import { dataPerRecord, isOpen, type FaultError, type Offer } from "../../protocol/mod.ts";
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

/** What the limits of the store say of another share, or of more records of one. */
export class StoreLimits {
  readonly #limits: LiveLimits;
  readonly #shares: ReadonlyMap<string, Kept>;
  readonly #perAddress = new Map<string, number>();
  /** What each took when it was counted last, by place. */
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
    if (!isOpen(offer) && offer.bytes > now["stored-share-bytes"]) {
      return this.#limits.over("stored-share-bytes");
    }
    if (this.#bytes + bytes > now["store-bytes"]) return this.#limits.over("store-bytes");
    if (this.#shares.size >= now["stored-shares"]) return this.#limits.over("stored-shares");
    const own = address === undefined ? 0 : (this.#perAddress.get(address) ?? 0);
    if (own < now["stored-shares-per-address"]) return undefined;
    return this.#limits.over("stored-shares-per-address");
  }

  /** Of a share that grew, and whose size its sender did not say. */
  outgrown(one: Kept): FaultError | undefined {
    const { offer } = one.share;
    if (!isOpen(offer)) return undefined;
    const { now } = this.#limits;
    // The first record has the manifest.
    if ((one.durable.size - 1) * dataPerRecord(offer.recordSize) > now["stored-share-bytes"]) {
      return this.#limits.over("stored-share-bytes");
    }
    return this.#bytes > now["store-bytes"] ? this.#limits.over("store-bytes") : undefined;
  }

  add(one: Kept): void {
    const { address } = one.share;
    if (address !== undefined) {
      this.#perAddress.set(address, (this.#perAddress.get(address) ?? 0) + 1);
    }
    this.grew(one);
  }

  grew(one: Kept): void {
    const { place } = one.share;
    const bytes = reservedBytes(one);
    this.#bytes += bytes - (this.#taken.get(place) ?? 0);
    this.#taken.set(place, bytes);
  }

  remove({ share: { place, address } }: Kept): void {
    this.#bytes -= this.#taken.get(place) ?? 0;
    this.#taken.delete(place);
    if (address === undefined) return;
    const left = (this.#perAddress.get(address) ?? 0) - 1;
    if (left > 0) this.#perAddress.set(address, left);
    else this.#perAddress.delete(address);
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
