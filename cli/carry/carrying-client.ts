/** A client whose relay runs in this process: its events tell so, and the relay ends after it. */
import type { FaultError } from "../../protocol/wire/faults.ts";
import { fromHex } from "../../protocol/wire/bytes.ts";
import { inUrl, ownAddresses, ownInterfaces } from "../connection/own-addresses.ts";
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
  /** Sentences that were not told yet. */
  takeNotes(): readonly string[];
  /** Resolves when there is one. Another call takes the place of this one. */
  nextNote(): Promise<void>;
  announce(channel: Uint8Array): void;
}

export type Carrying = Extract<ClientEvent, { event: "carrying" }>;

/** Addresses that are told; a host of containers has hundreds. */
const ADDRESSES_TOLD = 32;

/** Where other machines reach the relay: by the default route first. */
export async function carryingEvent({ port, taken }: Carrier): Promise<Carrying> {
  const names = new Map(ownInterfaces().map(({ address, name }) => [address, name]));
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
    const told = new ToldRelay(relay, added.carrying);
    if (added.first !== undefined) yield* told.with(added.first);
    const source = client[Symbol.asyncIterator]();
    try {
      for (let next = source.next(); ;) {
        const step = await Promise.race([next, told.news()]);
        if (step === undefined) {
          yield* told.notes();
          continue;
        }
        if (step.done === true) return;
        yield* told.with(step.value);
        next = source.next();
      }
    } finally {
      // Not awaited: it comes after an event that may be asked for already.
      source.return?.().catch(() => undefined);
    }
  };
  return { ...client, [Symbol.asyncIterator]: events };
}

/** The relay in the events of its client. */
class ToldRelay {
  readonly #relay: Carrier;
  #carrying: Carrying;
  #isTold = false;

  constructor(relay: Carrier, carrying: Carrying) {
    this.#relay = relay;
    this.#carrying = carrying;
  }

  /** Resolves when there are notes to tell; the event with the code comes before them. */
  news(): Promise<void> {
    return this.#isTold ? this.#relay.nextNote() : new Promise(() => undefined);
  }

  /** With the addresses as they are now. */
  async *notes(): AsyncGenerator<ClientEvent, void> {
    const notes = this.#relay.takeNotes();
    if (notes.length > 0) this.#carrying = await carryingEvent(this.#relay);
    for (const note of notes) yield { ...this.#carrying, note };
  }

  async *with(event: ClientEvent): AsyncGenerator<ClientEvent, void> {
    if (event.event === "code") {
      const channel = fromHex(event.channel);
      if (channel !== undefined) this.#relay.announce(channel);
      this.#isTold = true;
      yield event;
      yield this.#carrying;
      return;
    }
    yield* this.notes();
    yield event.event === "relay" ? withLinkForOthers(event, this.#carrying) : event;
  }
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
