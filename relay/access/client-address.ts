import { isLoopback, limitKey, normalAddress, type AddressRanges } from "./address.ts";

/** The client of a request, as far as limits and permissions go. */
export interface ClientAddress {
  /** The address that it comes from, in its normal form; empty when it is gone already. */
  readonly address: string;
  /**
   * The key that limits for each address count: of IPv6 its /64. Undefined: it is on this machine, and
   * not counted; it could do worse, or it is a proxy that says of nobody who it is.
   */
  readonly limitKey: string | undefined;
  /** Scheme and host under which it reaches the relay, such as `https://relay.example`. */
  readonly origin: string;
}

/**
 * The client of this request. Its headers about proxies count only as far as the proxies that it came
 * through are trusted: everybody can write such headers. `Forwarded` (RFC 7239) is never read: a proxy
 * that writes one of the two kinds passes the other on as it came.
 * @param peer the address at the other end of the connection
 */
export function clientAddressOf(
  headers: Headers,
  url: URL,
  peer: string | undefined,
  trusted: AddressRanges,
): ClientAddress {
  const { address, isForwarded } = forwardedAddress(headers, peer, trusted);
  const limitKey = keyOf(address);
  return { address, limitKey, origin: isForwarded ? outsideOrigin(headers, url) : url.origin };
}

/** The address of a client, whose request may have no valid URL. */
export function forwardedAddress(
  headers: Headers,
  peer: string | undefined,
  trusted: AddressRanges,
): { readonly address: string; readonly isForwarded: boolean } {
  const own = (peer === undefined ? undefined : normalAddress(peer)) ?? "";
  if (own === "" || !trusted.has(own)) return { address: own, isForwarded: false };
  const address = addressBefore(headers.get("x-forwarded-for") ?? "", trusted) ?? own;
  return { address, isForwarded: true };
}

function keyOf(address: string): string | undefined {
  return isLoopback(address) ? undefined : limitKey(address);
}

/** Each proxy adds at the right whom it was asked by. */
function addressBefore(list: string, trusted: AddressRanges): string | undefined {
  let address: string | undefined;
  for (const entry of list.split(",").toReversed()) {
    address = normalAddress(withoutPort(entry.trim()));
    if (address === undefined || !trusted.has(address)) return address;
  }
  return address;
}

/** Some proxies write the port too: `192.0.2.1:4711`, `[2001:db8::1]:4711`. */
function withoutPort(entry: string): string {
  const parts = /^(?:\[([^\]]*)\]|([\d.]+))(?::\d{1,5})?$/.exec(entry);
  return parts?.[1] ?? parts?.[2] ?? entry;
}

/** The origin as the nearest proxy names it. */
function outsideOrigin(headers: Headers, own: URL): string {
  const proto = lastOf(headers.get("x-forwarded-proto")) ?? own.protocol.slice(0, -1);
  const host = lastOf(headers.get("x-forwarded-host")) ?? own.host;
  if (!/^https?$/.test(proto) || !/^[\w.:[\]-]+$/.test(host)) return own.origin;
  return URL.parse(`${proto}://${host}`)?.origin ?? own.origin;
}

function lastOf(list: string | null): string | undefined {
  const last = list?.split(",").at(-1)?.trim().toLowerCase();
  return last === "" ? undefined : last;
}
