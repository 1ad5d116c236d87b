/** The address of a relay in its forms: as people give it, of its socket, and of its page. */
import { FaultError } from "../../protocol/wire/faults.ts";

/** The WebSocket address behind what a person gave as a relay: `ws`, `wss`, `http` or `https`. */
export function relayAddress(given: string): string {
  const text = /^[a-z]+:\/\//i.test(given) ? given : `ws://${given}`;
  const url = URL.parse(text);
  const protocol =
    url && { "ws:": "ws:", "wss:": "wss:", "http:": "ws:", "https:": "wss:" }[url.protocol];
  if (!url || !protocol || url.hostname === "" || url.search !== "" || url.hash !== "") {
    throw new FaultError("bad-relay-address", given.slice(0, 200));
  }
  const path = url.pathname.replace(/\/+$/, "");
  return `${protocol}//${url.host}${path.endsWith("/ws") ? path : `${path}/ws`}`;
}

/** The same as people give it: without the path of its socket. */
export function shownAddress(address: string): string {
  return address.replace(/\/ws$/, "");
}

/**
 * The address that opens a share in a browser. The code stands behind `#`, which browsers keep to
 * themselves.
 */
export function webLink(relay: string, code: string): string {
  const address = relayAddress(relay).replace(/^ws/, "http").replace(/\/ws$/, "/");
  return `${address}#${code}`;
}
