import { lookup } from "node:dns/promises";

import { FaultError, type FaultCode } from "../../protocol/mod.ts";

/** The option of the address for other relays, which a fault names: else the address would seem to be that of clients. */
export const CLUSTER_LISTEN = "--cluster-listen";

const NO_DATA = { data: () => undefined };

/**
 * Keeps an address for one relay. Workers share their port with SO_REUSEPORT, and a second relay of
 * the same user would silently take half of the first one's clients.
 *
 * A listener without SO_REUSEPORT is refused beside one with it, so whether a relay is there can be
 * tried. Two that start at once would both find none; the one wins that binds a name in the
 * kernel's table of abstract sockets. It is gone with the process, and no file can be left behind.
 * @param hostname as given: the same address in other words has another name
 * @param option that gave the address, for the fault, if it is not that of clients
 * @throws FaultError `port-in-use`, `cannot-listen`
 */
export function guardPort(hostname: string, port: number, option?: string): Disposable {
  const address = `${hostname}:${port}`;
  const guard = new DisposableStack();
  try {
    // Linux alone has abstract names, and shares a port among listeners.
    if (process.platform === "linux") {
      const unix = `\0fileshare-relay ${address}`;
      guard.adopt(Bun.listen({ unix, socket: NO_DATA }), (held) => held.stop(true));
    }
    Bun.listen({ hostname, port, socket: NO_DATA }).stop(true);
    return guard;
  } catch (error) {
    guard.dispose();
    throw listenFault(Bun.inspect(error), named(address, option));
  }
}

/**
 * Looks a name up before anything listens there: Bun says of one that leads nowhere that its port is in use.
 * @throws FaultError `cannot-listen`
 */
export async function checkHost(hostname: string, port: number, option?: string): Promise<void> {
  const address = named(`${hostname}:${port}`, option);
  // Bun's server makes a URL of it, which has no place for that.
  if (hostname.includes("%")) {
    throw new FaultError("cannot-listen", `${address} (an address with a zone cannot be taken)`);
  }
  try {
    await lookup(hostname);
  } catch (error) {
    throw listenFault(Bun.inspect(error), address);
  }
}

function named(address: string, option: string | undefined): string {
  return option === undefined ? address : `${option} ${address}`;
}

/** Why an address is none to listen at. */
const REASONS: readonly (readonly [code: string, why: string])[] = [
  ["EPERM", "the system does not permit it"],
  ["EADDRNOTAVAIL", "this machine does not have that address"],
  ["ENOTFOUND", "that name leads to no address"],
  ["EAI_AGAIN", "no name server answers"],
  ["EAFNOSUPPORT", "this machine has no IPv6"],
  ["ENOBUFS", "no memory is left for sockets"],
];

/** @param said what Bun says of an address where it can't listen, with the code of the error in it */
export function listenFault(said: string, address: string): FaultError {
  const [, code] = CODES.find(([name]) => said.includes(name)) ?? [];
  if (code !== undefined) return new FaultError(code, address);
  const [, why] = REASONS.find(([name]) => said.includes(name)) ?? [];
  return new FaultError("cannot-listen", why === undefined ? address : `${address} (${why})`);
}

const CODES: readonly (readonly [errno: string, code: FaultCode])[] = [
  ["EADDRINUSE", "port-in-use"],
  ["EACCES", "port-not-allowed"],
  ["EMFILE", "no-descriptors"],
  ["ENFILE", "no-descriptors"],
];

/** Whether the system gave no descriptor, which says nothing about the file or the address it was for. */
export function isOutOfDescriptors(error: unknown): boolean {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return code === "EMFILE" || code === "ENFILE";
}
