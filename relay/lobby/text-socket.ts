/** What the doors of the original app's clients share. */
import type { Limits, RelayLimitName } from "../limits/operator-limits.ts";
import type { WatchedLine } from "../net/arrivals.ts";
import type { Place } from "../limits/address-table.ts";
import type { Grant } from "../access/authorizer.ts";
import type { Line } from "../net/line-limits.ts";
import type { MemoryBudget } from "../limits/memory-budget.ts";
import type { PeerKey } from "../system/native.ts";
import type { ClientAddress } from "../access/client-address.ts";
import type { ClientHub, ClientRouter } from "../net/client-router.ts";
import type { RecordCaches } from "./record-cache.ts";

/** Close codes of RFC 6455, 7.4.1. */
export const NORMAL = 1000;
export const POLICY = 1008;
export const GOING_AWAY = 1001;
export const TRY_AGAIN = 1013;

export const TOO_LONG = "a text that long is no name";
/** What TLS and parts of a message may add to it. bytes */
export const SPARE_BYTES = 1024;

export interface OriginalData {
  readonly client: ClientAddress;
  readonly grant: Grant | undefined;
  /** Where it is counted. */
  place: Place | undefined;
  readonly role: "text-sender" | "text-receiver";
  readonly line: Line;
  readonly peer: PeerKey | undefined;
  readonly isDirect: boolean;
  /** What came and is no whole message; undefined where the kernel can't tell. */
  watched: WatchedLine | undefined;
  session: OriginalSession | undefined;
}

export type OriginalSocket = Bun.ServerWebSocket<OriginalData>;

/** What a client of the original app does, told by its socket. */
export interface OriginalSession {
  message(message: string | Uint8Array): void;
  tick(): void;
  /** The limit that it goes over by doing nothing; done: it has what it came for, and does not leave. */
  overdue(
    limits: Limits,
    now: number,
  ): Extract<RelayLimitName, "hello-timeout" | "unread-timeout"> | "done" | undefined;
  /** So much of a message came that is not whole. */
  arrived(bytes: number): void;
  /** All that was queued for it is with the kernel. */
  drained(): void;
  closed(): void;
}

export interface OriginalOptions {
  readonly clientRouter: ClientRouter;
  readonly hub: ClientHub;
  readonly recordCaches: RecordCaches;
  readonly memory: MemoryBudget;
  readonly clock: () => number;
}
