/** How the relay says no: by HTTP, in a fault on a socket, and in its close frame. */
import {
  FAULTS,
  REASON_CHARACTERS,
  cutUtf8,
  encodeControl,
  faultMessage,
  type FaultCode,
  type FaultError,
  type SocketFault,
} from "../../protocol/mod.ts";

import type { RelayLimitName } from "../limits/operator-limits.ts";

/** A text of the relay is never anything else, on the origin that its page has too. */
export const PLAIN_TEXT = {
  "content-type": "text/plain; charset=utf-8",
  "x-content-type-options": "nosniff",
} as const;

/** By HTTP a refusal is a sentence for people, on one line. */
export function refusal(
  status: number,
  sentence: string,
  headers: Readonly<Record<string, string>> = {},
): Response {
  return new Response(`${sentence}\n`, { status, headers: { ...PLAIN_TEXT, ...headers } });
}

const TOO_LARGE = 413;
const TOO_MANY_REQUESTS = 429;
const UNAVAILABLE = 503;

/** Limits of one client or address, and not of the relay. */
const OWN: ReadonlySet<RelayLimitName> = new Set([
  "attempts-per-minute",
  "sockets-per-address",
  "shares-per-address",
  "channels-per-address",
]);

/** The refusal of a limit, with the seconds to wait in Retry-After. */
export function refusalResponse(name: RelayLimitName, { message, after }: FaultError): Response {
  const status =
    name === "share-bytes" ? TOO_LARGE : OWN.has(name) ? TOO_MANY_REQUESTS : UNAVAILABLE;
  const headers: Record<string, string> = {};
  if (after !== undefined) headers["retry-after"] = after.toString();
  return refusal(status, message, headers);
}

const NORMAL_CLOSE = 1000;
/** RFC 6455, section 5.5: 125 with the code. */
const CLOSE_REASON_BYTES = 123;

/** Why the relay closes a socket. */
export interface CloseCause {
  readonly code: SocketFault;
  readonly detail: string | undefined;
  /** Trying again sooner is of no use. s */
  readonly after: number | undefined;
  readonly at: number;
}

/** Says why in a message and in the close frame, and closes. */
export function closeWith(
  socket: Pick<Bun.ServerWebSocket, "sendBinary" | "close">,
  { code, detail, after }: CloseCause,
): void {
  const { closeCode, retry } = FAULTS[code];
  const message = (detail ?? faultMessage(code)).slice(0, REASON_CHARACTERS);
  socket.sendBinary(encodeControl({ t: "fault", code, message, retry, after }));
  socket.close(closeCode === 0 ? NORMAL_CLOSE : closeCode, closeReason(code, detail));
}

/** A code and its detail, as far as RFC 6455 has room, for clients that do not read our messages. */
export function closeReason(code: FaultCode, detail: string | undefined): string {
  const reason = detail === undefined ? code : `${code}: ${detail}`;
  return cutUtf8(reason, CLOSE_REASON_BYTES);
}
