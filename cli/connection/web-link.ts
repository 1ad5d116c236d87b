import { relayAddress } from "../library/client.ts";

/**
 * The address that opens a share in a browser. The code stands behind `#`, which browsers keep to
 * themselves.
 */
export function webLink(relay: string, code: string): string {
  const address = relayAddress(relay).replace(/^ws/, "http").replace(/\/ws$/, "/");
  return `${address}#${code}`;
}
