import { isIP } from "node:net";

import { relayAddress, shownAddress } from "./relay-address.ts";
import { usage } from "../arguments/command-line.ts";
import { expandHome, shellLine } from "../system/shell.ts";
import { proxyFor } from "./proxy.ts";
import { readCaFile } from "./ca-certificates.ts";
import type { Route } from "../job/routes.ts";

export type { Route };

/** Where a relay listens unless it is told otherwise. */
export const RELAY_PORT = 8000;
export const USUAL_RELAY = `ws://127.0.0.1:${RELAY_PORT}`;

export interface RelayChoice {
  /** Which of the ways in `job/routes.ts` named it. */
  readonly route: Route;
  /** WebSocket address, path included; of a bare host the one at which a relay usually is. */
  readonly address: string;
  /** A host, and a path, without a scheme and a port: `find-relay.ts` finds the address. */
  readonly host?: string | undefined;
  /** Certificates in PEM that the relay's has to lead to; undefined: those that this machine trusts. */
  readonly ca: string | undefined;
  /** Arguments with which the other side reaches the same relay. */
  readonly args: readonly string[];
}

/**
 * The relay that was named, else that of FILESHARE_RELAY, else the one at its usual place on this machine, and
 * whom to believe that it is it. `job/routes.ts` has the whole order.
 * @param caFile from `--ca`; else FILESHARE_CA
 * @param namedBy the way in which `named` came
 * @throws FaultError "bad-relay-address", "bad-ca", "bad-proxy"
 */
export function chooseRelay(
  named?: string,
  caFile?: string,
  namedBy: Route = "option",
): RelayChoice {
  const variable = process.env["FILESHARE_RELAY"] || undefined;
  const given = (named ?? variable ?? USUAL_RELAY).trim();
  const unnamed = variable === undefined ? "this-machine" : "environment";
  const route = named === undefined ? unnamed : namedBy;
  const host = bareHost(given);
  const [, name = "", path = ""] = /^([^/]*)(.*)$/.exec(host ?? "") ?? [];
  const address = relayAddress(host === undefined ? given : `ws://${name}:${RELAY_PORT}${path}`);
  proxyFor(address, process.env); // what is wrong with it is found here
  const file = caFile ?? (process.env["FILESHARE_CA"] || undefined);
  const ca = file === undefined ? undefined : readCaFile(expandHome(file));
  const usual = address === relayAddress(USUAL_RELAY);
  return { route, address, host, ca, args: usual ? [] : ["--relay", shownAddress(address)] };
}

/** A host that was given without a scheme and a port; undefined: an address with one of them. */
function bareHost(given: string): string | undefined {
  if (isIP(given) === 6) return `[${given}]`;
  const hasMore = /^[a-z][a-z\d+.-]*:\/\//i.test(given) || /^(?:\[[^\]]*\]|[^:/?#]*):/.test(given);
  return hasMore || !URL.canParse(`ws://${given}`) ? undefined : given.replace(/\/+$/, "");
}

/** Whether two texts are addresses of one relay. */
export function isSameRelay(one: unknown, other: unknown): boolean {
  try {
    return (
      typeof one === "string" &&
      typeof other === "string" &&
      relayAddress(one) === relayAddress(other)
    );
  } catch {
    return false;
  }
}

/** Whether a text names the relay of an address. A bare host names every relay on it, as `find-relay.ts` may find any. */
export function namesRelay(given: string, address: string): boolean {
  const host = bareHost(given.trim());
  if (host === undefined) return isSameRelay(given, address);
  const [one, other] = [URL.parse(relayAddress(host)), URL.parse(address)];
  return one?.hostname === other?.hostname && one?.pathname === other?.pathname;
}

/**
 * The token for the relay, from `--token` or FILESHARE_TOKEN; undefined: none.
 * @param option empty: none, whatever the environment says
 * @throws FaultError "usage", which does not say it
 */
export function chooseToken(option: string | undefined): string | undefined {
  const token = option ?? process.env["FILESHARE_TOKEN"] ?? "";
  if (token === "") return undefined;
  if (/^[\x21-\x7e]{1,256}$/.test(token)) return token;
  throw usage("a token has 1 to 256 characters of ASCII, and no spaces");
}

/** The command that receives what is sent under `code`. */
export function receiveCommand(code: string, lobby: boolean, relay: RelayChoice): string {
  return shellLine(["fileshare", "recv", lobby ? "--lobby" : code, ...relay.args]);
}
