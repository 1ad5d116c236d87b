/** How far away a relay is, before anything is said to it. */
import { connect } from "node:net";

import { isLoopback } from "./own-addresses.ts";
import { proxyFor } from "./proxy.ts";
import { endpointOf } from "./relay-address.ts";

/**
 * Round trip from which a relay counts as far: from here on several connections gain more than they cost. Busy relays of
 * a local network answer sooner. ms
 */
export const FAR_MS = 20;

/** Whether a connection to the relay takes FAR_MS. It is closed at once, and nothing waits longer than that. */
export async function isFar(relay: string, isDirect: boolean): Promise<boolean> {
  const { host, port } = endpointOf(relay);
  // A busy machine may take long for an answer to itself. Behind a proxy the distance shows later.
  if (isLoopback(host) || (!isDirect && proxyFor(relay, process.env) !== undefined)) return false;
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = connect({ host, port });
  // This thread may have been busy: an answer that came meanwhile is looked at first.
  const timeout = (): NodeJS.Timeout => setTimeout(() => setImmediate(resolve, true), FAR_MS);
  let timer = timeout();
  socket.once("lookup", () => {
    clearTimeout(timer);
    timer = timeout();
  });
  socket.once("connect", () => resolve(false));
  socket.once("error", () => resolve(false));
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    socket.destroy();
  }
}
