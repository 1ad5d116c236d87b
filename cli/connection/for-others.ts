/** The relay's address as it is printed for other machines: a relay on this one by its address in the network. */
import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import { hostname as ownName } from "node:os";

import { shownAddress, answers, endpointOf, withoutBrackets } from "./relay-address.ts";
import { firstRelay } from "./find-relay.ts";
import { inUrl, isLoopback, ownAddresses } from "./own-addresses.ts";
import { atPlaces, placesOf, type RelayChoice } from "./relay-choice.ts";

/** On this machine a relay answers at once. ms */
const ANSWER_MS = 1000;
/** Limit for a machine in many networks. */
const ADDRESSES_TRIED = 8;

export interface ForOthers {
  readonly relay: RelayChoice;
  /** Why other machines may not reach it. */
  readonly note: string | undefined;
}

export interface Surroundings {
  /** The addresses of this machine in its networks. */
  readonly addresses: () => Promise<readonly string[]>;
  /** Whether something listens there. */
  readonly answers: (host: string, port: number) => Promise<boolean>;
}

const HERE: Surroundings = { addresses: ownAddresses, answers };

/** The same of each relay of a list. */
export async function forOthers(
  relay: RelayChoice,
  surroundings: Surroundings = HERE,
): Promise<ForOthers> {
  const each = await Promise.all(
    placesOf(relay).map((place) => oneForOthers({ ...relay, ...place }, surroundings)),
  );
  const places = each.map(({ relay: { address, host } }) => ({ address, host }));
  const [only] = each.length === 1 ? each : [];
  if (only !== undefined) return only;
  return {
    relay: atPlaces(relay, places),
    note: each.find((one) => one.note !== undefined)?.note,
  };
}

/**
 * The relay as other machines reach it. An address of the loopback means another machine on every
 * machine; all other addresses stay.
 */
async function oneForOthers(
  relay: RelayChoice,
  { addresses, answers }: Surroundings,
): Promise<ForOthers> {
  const url = new URL(relay.address);
  if (!(await isThisMachine(url.hostname))) return { relay, note: undefined };
  const shown = shownAddress(relay.address);
  const own = (await addresses()).slice(0, ADDRESSES_TRIED);
  if (own.length === 0) {
    return { relay, note: `Only this machine reaches ${shown}: it has no network` };
  }
  if (url.protocol === "wss:") return byCertificate(relay, url, own);
  const { host, port } = endpointOf(relay.address);
  const reached = await Promise.all(own.map((address) => answers(address, port)));
  const at = own[reached.indexOf(true)];
  if (at !== undefined) return { relay: atHost(relay, url, at), note: undefined };
  if (await answers(host, port)) {
    const note = `Only this machine reaches it, because the relay listens at ${url.hostname} alone`;
    return { relay, note };
  }
  // It is not there yet, and listens at every address unless it is told otherwise.
  return { relay: atHost(relay, url, own[0]!), note: undefined };
}

/** A certificate is for names, so another address is none for others unless it is in there too. */
async function byCertificate(
  relay: RelayChoice,
  url: URL,
  own: readonly string[],
): Promise<ForOthers> {
  const there = own.map((address) => atHost(relay, url, address));
  const { address } = await firstRelay(
    there.map(({ address }) => address),
    relay.ca,
    ANSWER_MS,
  );
  const found = there.find((one) => one.address === address);
  if (found !== undefined) return { relay: found, note: undefined };
  const note = `${url.hostname} is this machine alone: on others give --relay with a name that the relay's certificate is for`;
  return { relay, note };
}

function atHost(relay: RelayChoice, url: URL, address: string): RelayChoice {
  const at = new URL(url);
  at.hostname = inUrl(address);
  return { ...relay, address: at.href, args: ["--relay", shownAddress(at.href)] };
}

/** Also where this machine's name leads nowhere else, as /etc/hosts often has it. */
async function isThisMachine(host: string): Promise<boolean> {
  const name = withoutBrackets(host);
  if (isIP(name) !== 0 || isLoopback(name)) return isOwn(name);
  if (name.toLowerCase() !== ownName().toLowerCase()) return false;
  try {
    return (await lookup(name, { all: true })).every(({ address }) => isOwn(address));
  } catch {
    return false;
  }
}

/** The loopback, or no address: a client that connects there comes to its own machine. */
function isOwn(address: string): boolean {
  return isLoopback(address) || ["0.0.0.0", "::", "::ffff:0:0"].includes(address);
}
