/** Who may use the relay, as its operator says; plain values. */
export interface Access {
  /** Addresses and ranges of the proxies whose word counts on where a request comes from. */
  readonly trustedProxies: readonly string[];
}

export const DEFAULT_ACCESS: Access = { trustedProxies: [] };
