/** The HTTP proxy to a relay, from the environment that curl and others read too. */
import { isIP } from "node:net";

import { FaultError } from "../../protocol/wire/faults.ts";
import type { Environment } from "../system/shell.ts";
import { staysHere } from "./own-addresses.ts";

export interface ProxyChoice {
  readonly url: string;
  /** The variable that names it, as it is spelled. */
  readonly variable: string;
}

/**
 * The proxy for a WebSocket address: HTTPS_PROXY for `wss`, HTTP_PROXY for `ws`, else ALL_PROXY, and
 * none for what NO_PROXY names or for this machine. Lower case wins, as with curl.
 * @throws FaultError "bad-proxy"
 */
export function findProxy(address: string, env: Environment): ProxyChoice | undefined {
  const target = new URL(address);
  const names = [target.protocol === "wss:" ? "HTTPS_PROXY" : "HTTP_PROXY", "ALL_PROXY"];
  const variable = names.flatMap((name) => [name.toLowerCase(), name]).find((name) => env[name]);
  const except = (env["no_proxy"] || env["NO_PROXY"]) ?? "";
  if (variable === undefined || isExcepted(target, except)) return undefined;
  const given = env[variable] ?? "";
  const url = URL.parse(given.includes("://") ? given : `http://${given}`);
  if (url === null || !["http:", "https:"].includes(url.protocol) || url.hostname === "") {
    // It may hold a password, so it is not shown.
    throw new FaultError("bad-proxy", variable.toUpperCase());
  }
  return { url: url.href, variable };
}

/** The address of that proxy. @throws FaultError "bad-proxy" */
export function proxyFor(address: string, env: Environment): string | undefined {
  return findProxy(address, env)?.url;
}

/** A proxy as it may be shown: without name and password. */
export function proxyShown(proxy: string): string {
  return new URL(proxy).origin;
}

function isExcepted({ hostname, port, protocol }: URL, list: string): boolean {
  const host = bare(hostname);
  if (staysHere(host)) return true;
  const usedPort = port || (protocol === "wss:" ? "443" : "80");
  return list
    .toLowerCase()
    .split(/[\s,]+/)
    .some((entry) => {
      if (entry === "") return false;
      if (entry === "*") return true;
      const [, name = "", onlyPort = usedPort] =
        /^(.*?)(?::(\d+))?$/.exec(unlessAddress(entry)) ?? [];
      if (onlyPort !== usedPort) return false;
      const domain = bare(name).replace(/^\*?\./, "");
      return host === domain || (isIP(host) === 0 && host.endsWith(`.${domain}`));
    });
}

/** An IPv6 address without brackets has no port. */
function unlessAddress(entry: string): string {
  return isIP(entry) === 6 ? `[${entry}]` : entry;
}

function bare(host: string): string {
  return host.replace(/^\[(.*)\]$/, "$1").toLowerCase();
}
