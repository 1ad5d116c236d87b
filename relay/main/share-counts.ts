import type { Limits, RelayLimitName } from "../limits/operator-limits.ts";

interface AddressCount {
  shares: number;
  /** How many of them are in each channel. */
  readonly channels: Map<string, number>;
}

/** How many shares there are, by channel and by the address that offered them first. */
export class ShareCounts {
  readonly #perChannel = new Map<string, number>();
  readonly #perAddress = new Map<string, AddressCount>();
  #shares = 0;

  /** The limit that another share goes over. @param address undefined: not counted */
  over(channel: string, address: string | undefined, limits: Limits): RelayLimitName | undefined {
    if (this.#shares >= limits["max-shares"]) return "max-shares";
    const inChannel = this.inChannel(channel);
    if (inChannel >= limits["shares-per-channel"]) return "shares-per-channel";
    if (inChannel === 0 && this.#perChannel.size >= limits["max-channels"]) return "max-channels";
    const own = address === undefined ? undefined : this.#perAddress.get(address);
    if (own === undefined) return undefined;
    if (own.shares >= limits["shares-per-address"]) return "shares-per-address";
    const isNew = !own.channels.has(channel);
    if (isNew && own.channels.size >= limits["channels-per-address"]) return "channels-per-address";
    return undefined;
  }

  inChannel(channel: string): number {
    return this.#perChannel.get(channel) ?? 0;
  }

  add(channel: string, address: string | undefined): void {
    this.#shares++;
    count(this.#perChannel, channel, 1);
    if (address === undefined) return;
    const own = this.#perAddress.get(address) ?? { shares: 0, channels: new Map() };
    this.#perAddress.set(address, own);
    own.shares++;
    count(own.channels, channel, 1);
  }

  remove(channel: string, address: string | undefined): void {
    this.#shares--;
    count(this.#perChannel, channel, -1);
    const own = address === undefined ? undefined : this.#perAddress.get(address);
    if (own === undefined || address === undefined) return;
    own.shares--;
    count(own.channels, channel, -1);
    if (own.shares === 0) this.#perAddress.delete(address);
  }
}

function count(counts: Map<string, number>, key: string, more: number): void {
  const sum = (counts.get(key) ?? 0) + more;
  if (sum > 0) counts.set(key, sum);
  else counts.delete(key);
}
