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

/** Relays of one list: a client tries them in turn, and a cluster has no more at its edge. */
export const RELAYS_MOST = 16;

/** Where a relay is. */
export interface RelayPlace {
  /** WebSocket address, path included; of a bare host the one at which a relay usually is. */
  readonly address: string;
  /** A host, and a path, without a scheme and a port: `find-relay.ts` finds the address. */
  readonly host?: string | undefined;
}

export interface RelayChoice extends RelayPlace {
  /** Which of the ways in `job/routes.ts` named it. */
  readonly route: Route;
  /** The relays to try in turn when it is gone. */
  readonly further?: readonly RelayPlace[];
  /** Certificates in PEM that the relay's has to lead to; undefined: those that this machine trusts. */
  readonly ca: string | undefined;
  /** Arguments with which the other side reaches the same relay. */
  readonly args: readonly string[];
}

/**
 * The relay that was named, else that of FILESHARE_RELAY, else the one at its usual place on this machine, and
 * whom to believe that it is it. `job/routes.ts` has the whole order.
 * @param named one address or several, in a list or with commas between them
 * @param caFile from `--ca`; else FILESHARE_CA
 * @param namedBy the way in which `named` came
 * @throws FaultError "bad-relay-address", "bad-ca", "bad-proxy"; "usage" for too many
 */
export function chooseRelay(
  named?: string | readonly string[],
  caFile?: string,
  namedBy: Route = "option",
): RelayChoice {
  const variable = process.env["FILESHARE_RELAY"] || undefined;
  const [first, ...further] = placesIn(named ?? variable ?? USUAL_RELAY);
  const unnamed = variable === undefined ? "this-machine" : "environment";
  const route = named === undefined ? unnamed : namedBy;
  const file = caFile ?? (process.env["FILESHARE_CA"] || undefined);
  const ca = file === undefined ? undefined : readCaFile(expandHome(file));
  return { route, ...first, ca, further, args: relayArgs([first, ...further]) };
}

/** The arguments with which the other side reaches those relays. */
export function relayArgs(places: readonly RelayPlace[]): string[] {
  const [first, second] = places;
  if (second === undefined && first?.address === relayAddress(USUAL_RELAY)) return [];
  return ["--relay", places.map(({ address }) => shownAddress(address)).join(",")];
}

/** Each relay once, in its order. @throws FaultError as `chooseRelay` */
function placesIn(named: string | readonly string[]): [RelayPlace, ...RelayPlace[]] {
  const texts =
    typeof named === "string" ? named.split(",") : named.flatMap((one) => one.split(","));
  if (texts.length > RELAYS_MOST) throw usage(`--relay takes at most ${RELAYS_MOST} relays`);
  const places = texts.map((text) => placeOf(text.trim()));
  const byAddress = new Map(places.map((place) => [place.address, place]));
  const [first = placeOf(""), ...further] = byAddress.values();
  return [first, ...further];
}

function placeOf(given: string): RelayPlace {
  const host = bareHost(given);
  const [, name = "", path = ""] = /^([^/]*)(.*)$/.exec(host ?? "") ?? [];
  const address = relayAddress(host === undefined ? given : `ws://${name}:${RELAY_PORT}${path}`);
  proxyFor(address, process.env); // what is wrong with it is found here
  return { address, host };
}

/** All relays of a choice, in the order in which they are tried. */
export function placesOf({ address, host, further = [] }: RelayChoice): RelayPlace[] {
  return [{ address, host }, ...further];
}

/** The same choice at other places, one at least. */
export function atPlaces(choice: RelayChoice, places: readonly RelayPlace[]): RelayChoice {
  const [{ address, host } = choice, ...further] = places;
  return { ...choice, address, host, further, args: relayArgs(places) };
}

/** Whether the address of each relay is known. */
export function isPlaced(choice: RelayChoice): boolean {
  return placesOf(choice).every(({ host }) => host === undefined);
}

/** The list from its first match on, round to the one before; the same list without a match. */
export function startingAt<Item>(list: readonly Item[], isFirst: (item: Item) => boolean): Item[] {
  const at = Math.max(0, list.findIndex(isFirst));
  return [...list.slice(at), ...list.slice(0, at)];
}

/** A host that was given without a scheme and a port; undefined: an address with one of them. */
function bareHost(given: string): string | undefined {
  if (isIP(given) === 6) return `[${given}]`;
  const hasMore = /^[a-z][a-z\d+.-]*:\/\//i.test(given) || /^(?:\[[^\]]*\]|[^:/?#]*):/.test(given);
  return hasMore || !URL.canParse(`ws://${given}`) ? undefined : given.replace(/\/+$/, "");
}

/** Whether a text names relays of another text alone; each is an address, or several with commas between them. */
export function isSameRelay(one: unknown, other: unknown): boolean {
  if (typeof one !== "string" || typeof other !== "string") return false;
  try {
    const others = new Set(other.split(",").map((text) => relayAddress(text.trim())));
    return one.split(",").every((text) => others.has(relayAddress(text.trim())));
  } catch {
    return false;
  }
}

/** Whether one of the relays in a text is that of an address. A bare host names every relay on it, as `find-relay.ts` may find any. */
export function namesRelay(given: string, address: string): boolean {
  return given.split(",").some((one) => isNamedBy(one, address));
}

function isNamedBy(given: string, address: string): boolean {
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
