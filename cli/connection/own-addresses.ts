/** The addresses at which other machines reach this one. */
import { createSocket } from "node:dgram";
import { networkInterfaces } from "node:os";

/** Addresses of networks for documentation: only the route to them is asked for, and nothing is sent. */
const ELSEWHERE = { udp4: "198.51.100.1", udp6: "2001:db8::1" } as const;
/** Where sockets are not sent to: the system only says which way they would go. */
const DISCARD_PORT = 9;
/** Bridges and cables of containers and virtual machines: Docker, Podman, libvirt, LXC, Kubernetes, VMware, VirtualBox, Hyper-V. */
const INSIDE = /^(?:docker|br-[\da-f]{12}|veth|podman|virbr|lxc|lxdbr|cni|vmnet|vboxnet|vEthernet)/;
/** Of an interface without a link layer: a tunnel. */
const NO_MAC = "00:00:00:00:00:00";

/** An address of this machine, and its interface. */
export interface OwnAddress {
  readonly name: string;
  readonly address: string;
  readonly internal: boolean;
  readonly mac: string;
}

/**
 * The addresses in networks, the most useful for others first: that of the default route, IPv4 before IPv6, and then
 * tunnels and networks inside this machine. None where there is no network, or where a service may not ask the kernel.
 */
export async function ownAddresses(): Promise<string[]> {
  const routes = await Promise.all([routeFrom("udp4"), routeFrom("udp6")]);
  return inOrder(ownInterfaces(), routes);
}

/** @param routes addresses from which the default routes lead */
export function inOrder(
  all: readonly OwnAddress[],
  routes: readonly (string | undefined)[],
): string[] {
  const isRoute = ({ address }: OwnAddress): boolean => routes.includes(address);
  const rank = (one: OwnAddress): readonly number[] => [
    reachRank(one),
    one.address.includes(":") ? 1 : 0,
    isRoute(one) ? 0 : 1,
  ];
  const ranked = all.filter(isInNetwork).map((one) => ({ one, rank: rank(one) }));
  const sorted = ranked.toSorted((a, b) => {
    const at = a.rank.findIndex((value, i) => value !== b.rank[i]);
    return at === -1 ? 0 : (a.rank[at] ?? 0) - (b.rank[at] ?? 0);
  });
  return [...new Set(sorted.map(({ one }) => one.address))];
}

/** Fewer machines in the same room get there, the higher it is. A VPN often has the default route. */
function reachRank({ name, mac }: OwnAddress): number {
  if (INSIDE.test(name)) return 2;
  return mac === NO_MAC ? 1 : 0;
}

/** The addresses in networks, in the system's order. */
export function networkAddresses(): string[] {
  return ownInterfaces()
    .filter(isInNetwork)
    .map(({ address }) => address);
}

function isInNetwork({ internal, address }: OwnAddress): boolean {
  return !internal && !isLinkLocal(address);
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

/** Each address with its interface; none where a service may not ask, or no descriptor is free. */
export function ownInterfaces(): OwnAddress[] {
  try {
    return Object.entries(networkInterfaces()).flatMap(([name, list = []]) =>
      list.map(({ address, internal, mac }) => ({ name, address, internal, mac })),
    );
  } catch {
    return [];
  }
}

/** A link-local address has a meaning on one cable alone. */
export function isLinkLocal(address: string): boolean {
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
