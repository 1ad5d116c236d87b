import { BlockList, isIP, isIPv4 } from "node:net";

/**
 * The one way to write an address: an IPv4 address within IPv6 is an IPv4 address, IPv6 is as in RFC 5952,
 * and no zone is named, which means something on one machine alone.
 * @returns undefined for what is no address
 */
export function normalAddress(text: string): string | undefined {
  const version = isIP(text);
  if (version === 0) return undefined;
  if (version === 4) return text;
  const zone = text.indexOf("%");
  const bare = zone === -1 ? text : text.slice(0, zone);
  // A URL's host is written in that way, and Bun has no other word for it.
  const normal = URL.parse(`http://[${bare}]`)?.hostname.slice(1, -1);
  if (normal === undefined) return undefined;
  const mapped = /^::ffff:([0-9a-f]+):([0-9a-f]+)$/.exec(normal);
  if (mapped === null) return normal;
  const [high, low] = mapped.slice(1).map((group) => parseInt(group, 16));
  return [high, low].flatMap((pair = 0) => [pair >> 8, pair & 0xff]).join(".");
}

/**
 * The key that counts as one client where a limit is for each address: of IPv6 a client that has one
 * has at least 2^64 of them.
 * @param address in its normal form
 */
export function limitKey(address: string): string {
  if (!address.includes(":")) return address;
  const [head = "", tail] = address.split("::");
  const groups = head === "" ? [] : head.split(":");
  if (tail !== undefined) {
    const last = tail === "" ? 0 : tail.split(":").length;
    groups.push(...Array.from({ length: 8 - groups.length - last }, () => "0"), ...tail.split(":"));
  }
  return `${groups.slice(0, 4).join(":")}::/64`;
}

/** Whether it is of this machine alone. @param address in its normal form */
export function isLoopback(address: string): boolean {
  return address === "::1" || (isIPv4(address) && address.startsWith("127."));
}

/** How a listener at that address is reached from this machine, as a URL has it. */
export function localAddress(hostname: string): string {
  if (hostname === "0.0.0.0") return "127.0.0.1";
  if (hostname === "::") return "[::1]";
  return hostname.includes(":") ? `[${hostname}]` : hostname;
}

export class AddressRanges {
  readonly #ipv4 = new BlockList();
  // Apart, since in one list `::/0` would be every IPv4 address too.
  readonly #ipv6 = new BlockList();

  /**
   * @param ranges each as `10.0.0.0/8`, or one address alone
   * @throws RangeError for what is neither, which `isAddressRange` tells before
   */
  constructor(ranges: readonly string[]) {
    for (const text of ranges) {
      const range = rangeOf(text);
      if (range === undefined) throw new RangeError(`${text} is no range of addresses`);
      const { address, prefix } = range;
      if (isIPv4(address)) this.#ipv4.addSubnet(address, prefix, "ipv4");
      else this.#ipv6.addSubnet(address, prefix, "ipv6");
    }
  }

  /** @param address in its normal form */
  has(address: string): boolean {
    return isIPv4(address) ? this.#ipv4.check(address) : this.#ipv6.check(address, "ipv6");
  }
}

/** Whether it is one address, or a range of them such as `10.0.0.0/8`. */
export function isAddressRange(text: string): boolean {
  return rangeOf(text) !== undefined;
}

interface Range {
  readonly address: string;
  readonly prefix: number;
}

function rangeOf(text: string): Range | undefined {
  const [start = "", bits, more] = text.split("/");
  const address = normalAddress(start);
  if (address === undefined || more !== undefined) return undefined;
  const most = isIPv4(address) ? 32 : 128;
  if (bits === undefined) return { address, prefix: most };
  // Of IPv4 addresses within IPv6 the first 96 bits are the same.
  const prefix = Number(bits) - (most === 32 && isIP(start) === 6 ? 96 : 0);
  return /^\d{1,3}$/.test(bits) && prefix >= 0 && prefix <= most ? { address, prefix } : undefined;
}
