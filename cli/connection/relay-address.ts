/** The address of a relay in its forms: as people give it, of its socket, of its page, and as host and port. */
import { connect } from "node:net";

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

/** On this machine a port answers, or refuses, at once. ms */
const ANSWER_MS = 1000;

export interface Endpoint {
  /** A name or an address, without the brackets of a URL. */
  readonly host: string;
  readonly port: number;
}

/** @param address a URL of WebSockets or HTTP */
export function endpointOf(address: string): Endpoint {
  const { hostname, port, protocol } = new URL(address);
  const usual = protocol === "wss:" || protocol === "https:" ? 443 : 80;
  return { host: withoutBrackets(hostname), port: Number(port || usual) };
}

/** A URL has an address of IPv6 in brackets. */
export function withoutBrackets(hostname: string): string {
  return hostname.replace(/^\[(.*)\]$/, "$1");
}

/** Whether something listens at a port of this machine. */
export function answers(host: string, port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = connect({ host, port, timeout: ANSWER_MS });
  const end = (does: boolean): void => {
    socket.destroy();
    resolve(does);
  };
  socket.once("connect", () => end(true));
  socket.once("error", () => end(false));
  socket.once("timeout", () => end(false));
  return promise;
}
