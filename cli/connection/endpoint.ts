/** The host and the port of an address, as sockets take them. */
import { connect } from "node:net";

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
