import {
  FAULTS,
  REASON_CHARACTERS,
  encodeControl,
  faultMessage,
  type FaultCode,
  type SocketFault,
} from "../../protocol/mod.ts";

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
  return Buffer.from(reason)
    .subarray(0, CLOSE_REASON_BYTES)
    .toString()
    .replace(/\uFFFD+$/, "");
}
