/** The parts that both sessions of the original app share. */
import type { Grant } from "../../access/authorizer.ts";
import type { Limits, RelayLimitName } from "../../limits/operator-limits.ts";
import type { Line } from "../../net/line.ts";
import type { Peer } from "../../net/peer.ts";

/** Close codes of RFC 6455, 7.4.1. */
export const NORMAL = 1000;
export const POLICY = 1008;
export const GOING_AWAY = 1001;
export const TRY_AGAIN = 1013;

export const TOO_LONG = "a text that long is no name";
/** Bytes that TLS and fragments may add to a message. */
export const SPARE_BYTES = 1024;

/** A client of the original app, as its WebSocket carries it. */
export interface OriginalData extends Peer {
  readonly door: "text";
  readonly role: "sender" | "receiver";
  grant: Grant | undefined;
  readonly line: Line;
  /** Undefined before it is open. */
  socket: OriginalSocket | undefined;
  session: OriginalSession | undefined;
}

export type OriginalSocket = Bun.ServerWebSocket<OriginalData>;

/** A session of the original app's protocol, driven by its socket. */
export interface OriginalSession {
  message(message: string | Uint8Array): void;
  tick(): void;
  /** The limit that it exceeds by doing nothing; `done`: it is through and does not leave. */
  overdue(
    limits: Limits,
    now: number,
  ): Extract<RelayLimitName, "hello-timeout" | "unread-timeout"> | "done" | undefined;
  /** @param bytes that came of a message that is not whole */
  arrived(bytes: number): void;
  /** The kernel has all that was queued for it. */
  drained(): void;
  closed(): void;
}
