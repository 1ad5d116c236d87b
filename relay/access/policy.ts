import { DEFAULT_LIMITS, type Limits } from "../limits/operator-limits.ts";
import type { KnownToken } from "./tokens.ts";

/**
 * The decisions of the operator, as every worker has them. A new one takes the place of the old
 * while the relay runs.
 */
export interface Policy {
  readonly limits: Limits;
  readonly access: Access;
}

/** With what the relay itself adds. */
export interface WorkerPolicy extends Policy {
  /** Addresses and ranges that may not come. */
  readonly banned: readonly string[];
}

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
  /** The path below it at which a proxy has the relay, such as `/fileshare`; undefined or empty: none. */
  readonly publicPath?: string | undefined;
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

export const DEFAULT_POLICY: Policy = { limits: DEFAULT_LIMITS, access: DEFAULT_ACCESS };
