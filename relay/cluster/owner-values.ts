/** The entries of shares in the directory: their names and values, as this relay writes and reads them. */
import type { OwnerValue } from "./directory-kv.ts";
import type { KnownShare } from "./known-shares.ts";
import type { KeptHere, Slot } from "./slot.ts";

export interface OwnerValuesOptions {
  /** This relay's id in hex. */
  readonly me: string;
  readonly blinded: (id: string) => string;
  /** See `ClusterSecret.masked`; undefined: look-ups find no share of a channel without receivers here. */
  readonly masked?: ((channel: string, share: string) => string) | undefined;
  /** See `ClusterSecret.maskedPlace`; undefined: the directory has no places. */
  readonly maskedPlace?: ((place: string, share: string) => string) | undefined;
  /** See `OwnerValue.store`; undefined: this relay stores in no bucket. */
  readonly store?: string | undefined;
}

export class OwnerValues {
  readonly #options: OwnerValuesOptions;
  /** Of kept shares: masks take an HMAC each, and a store has many shares. */
  readonly #ofKept = new WeakMap<KeptHere, OwnerValue>();

  constructor(options: OwnerValuesOptions) {
    this.#options = options;
  }

  nameOf(channel: string, key: string): string {
    const { blinded } = this.#options;
    return `${blinded(channel)}.${blinded(key)}`;
  }

  /** See `KeptSharesHost.ownerValue`. */
  of(share: Pick<Slot, "key" | "channel" | "kept" | "heritage">): OwnerValue {
    const { kept, heritage } = share;
    if (heritage !== undefined) return heritage;
    if (kept === undefined) return this.#valueOf(share);
    const value = this.#ofKept.get(kept) ?? this.#valueOf(share);
    this.#ofKept.set(kept, value);
    return value;
  }

  #valueOf({ key, channel, kept }: Pick<Slot, "key" | "channel" | "kept">): OwnerValue {
    const { me, blinded, masked, maskedPlace } = this.#options;
    const { stored, isPart = false, place, store } = kept ?? {};
    const isOver = kept !== undefined && place === undefined;
    return {
      relay: me,
      ...(masked && { channel: masked(channel, key) }),
      ...(stored && { stored }),
      ...(isPart && { isPart }),
      ...(isOver && { isOver }),
      ...(place && maskedPlace && { place: maskedPlace(place, blinded(key)) }),
      ...(store && { store }),
    };
  }

  /** See `KeptSharesHost.heritageOf`. */
  heritageOf({ masked, stored, place, store }: KnownShare): OwnerValue | undefined {
    const isOurs = stored === "s3" && place !== undefined && store === this.#options.store;
    return isOurs ? { relay: this.#options.me, channel: masked, stored, place, store } : undefined;
  }

  /** See `KeptSharesHost.placeIn`. */
  placeIn(name: string, place: string): string {
    return this.#options.maskedPlace?.(place, name.split(".")[1] ?? "") ?? place;
  }

  /** The channel in hex; undefined: the directory does not tell it. */
  channelOf({ masked, channel: blindedChannel }: KnownShare, key: string): string | undefined {
    if (masked === undefined) return undefined;
    const channel = this.#options.masked?.(masked, key);
    const isTrue = channel !== undefined && this.#options.blinded(channel) === blindedChannel;
    return isTrue ? channel : undefined;
  }
}
