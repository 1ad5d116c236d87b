/** One HTTP request of the lobby that lasts as long as a transfer, and what it is given to work with. */
import type { ClientAddress } from "../access/client-address.ts";
import type { LiveLimits } from "../limits/limits.ts";
import type { MemoryBudget } from "../limits/memory-budget.ts";
import type { ClientRouter, ClientHub } from "../net/client-router.ts";
import type { Outgoing } from "./download-stall.ts";
import type { RecordCaches } from "./record-cache.ts";

/** An exchange that goes on for as long as a transfer. */
export interface Exchange {
  readonly response: Response | Promise<Response>;
  /** What it gives its client, if that is more than some lines. */
  readonly outgoing?: Outgoing;
  tick(): void;
  /** The client is gone. */
  gone(): void;
  /** The relay goes away. */
  disconnect(): void;
}

/** What every exchange works with. */
export interface ExchangeOptions {
  readonly clientRouter: ClientRouter;
  readonly hub: ClientHub;
  readonly recordCaches: RecordCaches;
  readonly clock: () => number;
  readonly client: ClientAddress;
  readonly limits: LiveLimits;
  readonly memory: MemoryBudget;
  /** It is over. */
  readonly left: (exchange: Exchange) => void;
  /** Its client takes nothing, and what it holds is needed. */
  readonly cut: (exchange: Exchange) => void;
}
