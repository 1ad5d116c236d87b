/** A client whose relay runs in this process: its events tell so, and the relay ends after it. */
import { networkInterfaces } from "node:os";

import type { FaultError } from "../../protocol/wire/faults.ts";
import { fromHex } from "../../protocol/wire/bytes.ts";
import { inUrl, ownAddresses } from "../connection/own-addresses.ts";
import { relayAddress, shownAddress, webLink } from "../connection/relay-address.ts";
import type { ForOthers } from "../connection/for-others.ts";
import type { RelayChoice } from "../connection/relay-choice.ts";
import type { ClientEvent } from "../job/event-schema.ts";
import type { Client } from "../library/client.ts";

/** A relay in this process. */
export interface Carrier {
  readonly port: number;
  /** The port that was wanted, and that another program has. */
  readonly taken: number | undefined;
  /** Resolves when the relay has ended, with why if it could not go on. */
  readonly ended: Promise<FaultError | undefined>;
  /** Sentences about troubles that were not told yet. */
  takeNotes(): readonly string[];
  announce(channel: Uint8Array): void;
}

export type Carrying = Extract<ClientEvent, { event: "carrying" }>;

/** Addresses that are told; a host of containers has hundreds. */
const ADDRESSES_TOLD = 32;

/** Where other machines reach the relay: by the default route first. */
export async function carryingEvent({ port, taken }: Carrier): Promise<Carrying> {
  const names = new Map<string, string>();
  for (const [name, list = []] of Object.entries(networkInterfaces())) {
    for (const { address } of list) names.set(address, name);
  }
  const own = (await ownAddresses()).slice(0, ADDRESSES_TOLD);
  const addresses = own.map((address) => ({
    relay: shownAddress(`ws://${inUrl(address)}:${port}/ws`),
    interface: names.get(address) ?? "",
  }));
  return { event: "carrying", port, addresses, ...(taken !== undefined && { wanted: taken }) };
}

/** The relay as other machines reach it; the first address of the event. */
export function reachedAt({ addresses: [first] }: Carrying, own: RelayChoice): ForOthers {
  const shown = first?.relay ?? shownAddress(own.address);
  const address = relayAddress(shown);
  const note = `Only this machine reaches ${shown}: it has no network`;
  return {
    relay: { ...own, address, args: ["--relay", shown] },
    note: first === undefined ? note : undefined,
  };
}

/** The events that are added. */
interface Added {
  /** Behind the one with the code. */
  readonly carrying: Carrying;
  /** The one with the code, of a client that has none itself. */
  readonly first?: ClientEvent | undefined;
}

/**
 * The same client. The channel is announced when it is known, from the event with the code. A relay that can't go on ends
 * its client.
 */
export function carryingClient(client: Client, relay: Carrier, added: Added): Client {
  void relay.ended.then((fault) => {
    if (fault !== undefined) client.interrupt();
  });
  const events = async function* (): AsyncGenerator<ClientEvent, void> {
    const { first, carrying } = added;
    if (first !== undefined) yield* withRelay(first, carrying, relay);
    for await (const event of client) yield* withRelay(event, carrying, relay);
  };
  return { ...client, [Symbol.asyncIterator]: events };
}

/** Notes wait for the next event: a screen that draws has to print them itself. */
function* withRelay(
  event: ClientEvent,
  carrying: Carrying,
  relay: Carrier,
): Generator<ClientEvent, void> {
  if (event.event === "code") {
    const channel = fromHex(event.channel);
    if (channel !== undefined) relay.announce(channel);
    yield event;
    yield carrying;
    return;
  }
  for (const note of relay.takeNotes()) yield { ...carrying, note };
  yield event.event === "relay" ? withLinkForOthers(event, carrying) : event;
}

/** The client knows the relay by the loopback, where no other machine finds it. */
function withLinkForOthers(
  event: Extract<ClientEvent, { event: "relay" }>,
  { addresses: [first] }: Carrying,
): ClientEvent {
  if (event.link === undefined || first === undefined) return event;
  const { hash } = new URL(event.link);
  return { ...event, link: webLink(first.relay, hash.slice(1)) };
}
