import type { KnownToken } from "./tokens.ts";

/**
 * Clients that need a token: none; senders; senders and receivers.
 */
export const ACCESS_MODES = ["open", "senders", "closed"] as const;
export type AccessMode = (typeof ACCESS_MODES)[number];

/** Clients that may use the relay, as its operator says; plain values. */
export interface Access {
  readonly mode: AccessMode;
  /** The same for the lobby, whose code everybody knows. */
  readonly lobby: AccessMode;
  readonly tokens: readonly KnownToken[];
  /** Addresses and ranges of the proxies whose word counts on where a request comes from. */
  readonly trustedProxies: readonly string[];
  /** Where people reach it, such as `https://relay.example`; undefined: wherever they ask. */
  readonly publicOrigin: string | undefined;
  /** Origins of web pages elsewhere that may use it. */
  readonly origins: readonly string[];
}

export const DEFAULT_ACCESS: Access = {
  mode: "open",
  lobby: "open",
  tokens: [],
  trustedProxies: [],
  publicOrigin: undefined,
  origins: [],
};
