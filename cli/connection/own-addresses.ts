/** The addresses at which other machines reach this one. */
import { createSocket } from "node:dgram";
import { networkInterfaces } from "node:os";

/** Addresses of networks for documentation: only the route to them is asked for, and nothing is sent. */
const ELSEWHERE = { udp4: "198.51.100.1", udp6: "2001:db8::1" } as const;
/** Where sockets are not sent to: the system only says which way they would go. */
const DISCARD_PORT = 9;

/**
 * The addresses in networks. The address of the default route comes first, IPv4 before IPv6. None where
 * there is no network, or where a service may not ask the kernel.
 */
export async function ownAddresses(): Promise<string[]> {
  const routes = await Promise.all([routeFrom("udp4"), routeFrom("udp6")]);
  const known = networkAddresses();
  const first = routes.filter((address) => address !== undefined && known.includes(address));
  const all = [...new Set([...first.filter((address) => address !== undefined), ...known])];
  return [...all.filter((one) => !one.includes(":")), ...all.filter((one) => one.includes(":"))];
}

/** The addresses in networks, in the system's order. */
export function networkAddresses(): string[] {
  return interfaces()
    .filter(({ internal, address }) => !internal && !isLinkLocal(address))
    .map(({ address }) => address);
}

/** Whether no other machine gets there. @param host as a listener or a URL's host, without brackets */
export function isLoopback(host: string): boolean {
  return /^(?:127\.|::1$|::ffff:7f)|^(?:ip6-)?localhost$|\.localhost$|^localhost\./i.test(host);
}

/**
 * Whether a connection to that host stays on this machine. A name such as `relay.localhost` may lead elsewhere.
 * @param host of a URL, without brackets
 */
export function staysHere(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(?:\.\d+){3}$/.test(host);
}

/** As a URL has it. */
export function inUrl(address: string): string {
  return address.includes(":") ? `[${address}]` : address;
}

function interfaces(): { address: string; internal: boolean }[] {
  try {
    return Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  } catch {
    return [];
  }
}

/** A link-local address has a meaning on one cable alone. */
function isLinkLocal(address: string): boolean {
  return address.startsWith("169.254.") || /^fe[89ab]/i.test(address);
}

async function routeFrom(family: "udp4" | "udp6"): Promise<string | undefined> {
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  const socket = createSocket(family);
  socket.on("error", () => resolve(undefined));
  try {
    socket.connect(DISCARD_PORT, ELSEWHERE[family], () => resolve(socket.address().address));
    return await promise;
  } catch {
    return undefined; // no such family, or no way out
  } finally {
    socket.close();
  }
}
