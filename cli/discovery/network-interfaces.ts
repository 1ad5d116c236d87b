/** The interfaces of this machine on which it can look for relays, and the addresses that are on their link. */
import { BlockList, isIP } from "node:net";
import { networkInterfaces } from "node:os";

import { isLinkLocal } from "../connection/own-addresses.ts";

/**
 * A laptop has 2 to 6; a host of containers has hundreds, and each takes two sockets. Those with an
 * address of IPv4 come first.
 */
export const INTERFACES = 16;
/** Addresses of one interface that an announcement gives: temporary ones of IPv6 pile up. */
export const ADDRESSES_PER_INTERFACE = 4;

/** Kernels route some IPv6 addresses one by one, but their networks are this large. */
const USUAL_PREFIX = 64;

export interface NetworkInterface {
  readonly name: string;
  /** IPv4 addresses, in the system's order. */
  readonly ipv4: readonly string[];
  /** IPv6 addresses that mean the same on each link. */
  readonly ipv6: readonly string[];
  /** It has an IPv6 address, link-local or not. */
  readonly hasIpv6: boolean;
  /** Whether an address is reached on this link without a router. */
  isOnLink(address: string): boolean;
}

interface Address {
  readonly address: string;
  readonly cidr: string | null;
  readonly internal: boolean;
}

/** The interfaces that lead to other machines, at most INTERFACES. */
export function linkedInterfaces(): NetworkInterface[] {
  const all = Object.entries(listed()).flatMap(([name, list = []]) => {
    const outer = list.filter(({ internal }) => !internal);
    return outer.length === 0 ? [] : interfaceOf(name, outer);
  });
  const rank = ({ ipv4 }: NetworkInterface): number => (ipv4.length > 0 ? 0 : 1);
  return all.toSorted((one, other) => rank(one) - rank(other)).slice(0, INTERFACES);
}

function interfaceOf(name: string, list: readonly Address[]): NetworkInterface {
  const link = new BlockList();
  for (const { address, cidr } of list) {
    const prefix = Number(cidr?.split("/")[1] ?? Number.NaN);
    if (!Number.isInteger(prefix)) continue;
    const ipv6 = isIP(address) === 6;
    const size = ipv6 && prefix > USUAL_PREFIX ? USUAL_PREFIX : prefix;
    link.addSubnet(address, size, ipv6 ? "ipv6" : "ipv4");
  }
  const addresses = list.map(({ address }) => address);
  const ipv6 = addresses.filter((one) => isIP(one) === 6);
  return {
    name,
    ipv4: addresses.filter((one) => isIP(one) === 4).slice(0, ADDRESSES_PER_INTERFACE),
    ipv6: ipv6.filter((one) => !isLinkLocal(one)).slice(0, ADDRESSES_PER_INTERFACE),
    hasIpv6: ipv6.length > 0,
    isOnLink: (address) => {
      const family = isIP(address);
      return family !== 0 && link.check(address, family === 6 ? "ipv6" : "ipv4");
    },
  };
}

function listed(): Readonly<Record<string, readonly Address[] | undefined>> {
  try {
    return networkInterfaces();
  } catch {
    return {}; // A service may be forbidden to ask.
  }
}
