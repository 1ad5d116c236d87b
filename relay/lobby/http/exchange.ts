import type { Action, Grant } from "../../access/authorizer.ts";
import type { ClientAddress } from "../../access/client-address.ts";
import type { Access } from "../../access/policy.ts";
import type { Outgoing } from "../body.ts";
import type { LobbyContext } from "../context.ts";

/** A request that the worker's router let through, with what it knows of it. */
export interface RequestContext {
  readonly request: Request;
  readonly url: URL;
  readonly client: ClientAddress;
  readonly access: Access;
  /** The other end of the connection; null: gone already. */
  readonly remote: Bun.SocketAddress | null;
  /** Whether the client may do that; a response: no. */
  readonly grant: (action: Action) => Grant | Response;
  /** Gives the connection up when nothing passes for so long; 0: never. */
  readonly idle: (seconds: number) => void;
  /** Adds the headers that every answer to it has, to an answer that Bun does not send. */
  readonly dress: (headers: Headers) => void;
}

/** One HTTP request that lasts as long as its transfer. */
export interface Exchange {
  readonly response: Response | Promise<Response>;
  /** The bytes for its client, if they are more than some lines. */
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
