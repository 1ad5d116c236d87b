import {
  FAULTS,
  REASON_CHARACTERS,
  encodeControl,
  faultMessage,
  type SocketFault,
} from "../../protocol/mod.ts";

import { closeReason } from "./close-reason.ts";

const NORMAL_CLOSE = 1000;

/** Why a socket is to be closed. */
export interface CloseCause {
  readonly code: SocketFault;
  readonly detail: string | undefined;
  /** Seconds, before which trying again is of no use. */
  readonly after: number | undefined;
  /** When that was known. */
  readonly at: number;
}

/** Says why, as a message and in the close frame, and closes. */
export function closeWith(
  socket: Pick<Bun.ServerWebSocket, "sendBinary" | "close">,
  { code, detail, after }: CloseCause,
): void {
  const { closeCode, retry } = FAULTS[code];
  const message = (detail ?? faultMessage(code)).slice(0, REASON_CHARACTERS);
  socket.sendBinary(encodeControl({ t: "fault", code, message, retry, after }));
  socket.close(closeCode === 0 ? NORMAL_CLOSE : closeCode, closeReason(code, detail));
}
