import type { ClientAddress } from "../../access/client-address.ts";
import type { Outgoing } from "../body.ts";
import type { LobbyContext } from "../context.ts";

/** One HTTP request that lasts as long as its transfer. */
export interface Exchange {
  readonly response: Response | Promise<Response>;
  /** What it gives its client, if that is more than some lines. */
  readonly outgoing?: Outgoing;
  tick(): void;
  /** The client is gone. */
  gone(): void;
  disconnect(): void;
}

export interface ExchangeOptions extends LobbyContext {
  readonly client: ClientAddress;
  /** It is over. */
  readonly left: () => void;
  /** Its client takes nothing, and the memory that it holds is needed. */
  readonly cut: () => void;
}
