/**
 * The relay inside the process of a send or a receive. It listens on all interfaces, and serves the channel of its own
 * client alone: that client shows a token of this run (`relay/access/one-channel.ts`). So strangers in the network get
 * neither memory nor bandwidth of it for shares of their own.
 *
 * Rejected: a thread or a process of its own. The relay streams in a worker already, and a process would outlive its client.
 */
import { toHex } from "../../protocol/wire/bytes.ts";
import { FaultError } from "../../protocol/wire/faults.ts";
import { relayAddress } from "../connection/relay-address.ts";
import type { RelayChoice } from "../connection/relay-choice.ts";
import type { ForOthers } from "../connection/for-others.ts";
import type { ClientEvent } from "../job/event-schema.ts";
import type { Client } from "../library/client.ts";
import { announce, type Announcing } from "../discovery/announcer.ts";
import {
  carryingClient,
  carryingEvent,
  reachedAt,
  type Carrier,
  type Carrying,
} from "./carrying-client.ts";
import { logPlace } from "./log-place.ts";
import { ownPort, type PortWish } from "./own-port.ts";

/**
 * Sockets at once, and those of one address. The process needs descriptors for the files that it sends, and one stranger
 * may not take all places.
 */
const CARRIED_LIMITS = { "max-sockets": 2000, "sockets-per-address": 500 };
/** Receivers get their last words, and curl the end of its file, within this time after the transfer. ms */
const DRAIN_MS = 5000;
const TOKEN_BYTES = 16;
/** Looks for a port. Only the first are at the usual one, for which others compete. */
const LISTEN_ATTEMPTS = 5;
/** Between two looks at the addresses: a person who plugs in a cable waits a moment. ms */
const ADDRESSES_EVERY_MS = 2000;
/** Sentences that wait to be told; a relay in trouble repeats itself. */
const NOTES = 8;

export interface CarryOptions extends PortWish {
  /** Its client is of the lobby, so everybody may use the doors of the lobby. */
  readonly lobby: boolean;
}

/** @throws FaultError as `ownPort`, or as `startRelay` */
export async function startCarried(options: CarryOptions): Promise<CarriedRelay> {
  const notes = new Notes();
  const note = (sentence: string): void => notes.add(sentence);
  const token = toHex(crypto.getRandomValues(new Uint8Array(TOKEN_BYTES)));
  const { relay, taken } = await listen(options, token, note);
  void relay.ended.then((fault) => fault && note(fault.message));
  return new CarriedRelay(relay, { token, taken, notes });
}

/**
 * Starts the relay where a port is free. Another command may take that port in between, as several sends of a script do
 * that start together, so it looks again.
 */
async function listen(
  options: CarryOptions,
  token: string,
  note: (sentence: string) => void,
): Promise<{ readonly relay: RelayInside; readonly taken: number | undefined }> {
  const { DEFAULT_POLICY, startRelay } = await import("../../relay/mod.ts");
  for (let attempt = 1; ; attempt++) {
    const { hostname, port, taken } = await ownPort(options);
    try {
      const relay = await startRelay({
        hostname,
        port,
        workers: 1,
        onlyFor: token,
        lobby: options.lobby,
        page: true,
        policy: { ...DEFAULT_POLICY, limits: { ...DEFAULT_POLICY.limits, ...CARRIED_LIMITS } },
        ...logPlace(),
        reportLevel: "warn",
        onTrouble: note,
      });
      return { relay, taken };
    } catch (error) {
      const isLost = error instanceof FaultError && error.code === "port-in-use";
      if (!isLost || options.exact !== undefined || attempt >= LISTEN_ATTEMPTS) throw error;
    }
  }
}

/** The part of `relay/mod.ts` that this room uses; it is loaded when a relay is started. */
interface RelayInside {
  readonly port: number;
  readonly ended: Promise<FaultError | undefined>;
  drain(ms: number): Promise<void>;
}

interface Carried {
  readonly token: string;
  readonly taken: number | undefined;
  readonly notes: Notes;
}

/** Sentences that wait to be told. */
class Notes {
  readonly #waiting = new Set<string>();
  #wake: (() => void) | undefined;

  add(sentence: string): void {
    if (this.#waiting.size < NOTES) this.#waiting.add(sentence);
    this.#wake?.();
  }

  take(): readonly string[] {
    const told = [...this.#waiting];
    this.#waiting.clear();
    return told;
  }

  /** Resolves when there is one. A promise of an earlier call is dropped, so that no number of calls adds up. */
  next(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    if (this.#waiting.size > 0) resolve();
    return promise;
  }
}

export class CarriedRelay implements AsyncDisposable, Carrier {
  /** The client of this process shows it with its hello. */
  readonly token: string;
  /** The port that was wanted, and that another program has. */
  readonly taken: number | undefined;
  readonly #relay: RelayInside;
  readonly #notes: Notes;
  #announcing: Announcing | undefined;
  /** The address that people were told last. */
  #shown: string | undefined;
  #watch: NodeJS.Timeout | undefined;

  constructor(relay: RelayInside, { token, taken, notes }: Carried) {
    this.#relay = relay;
    this.token = token;
    this.taken = taken;
    this.#notes = notes;
  }

  get port(): number {
    return this.#relay.port;
  }

  /** By the loopback: the way of its own client. */
  get choice(): RelayChoice {
    const address = relayAddress(`ws://127.0.0.1:${this.port}`);
    return { route: "carried", address, ca: undefined, args: [] };
  }

  /** Resolves when the relay has ended, with why if it could not go on; never rejects. */
  get ended(): Promise<FaultError | undefined> {
    return this.#relay.ended;
  }

  takeNotes(): readonly string[] {
    return this.#notes.take();
  }

  nextNote(): Promise<void> {
    return this.#notes.next();
  }

  /** From now on receivers in the local network find it by the code. */
  announce(channel: Uint8Array): void {
    this.#announcing ??= announce({
      port: this.port,
      channels: () => [channel],
      onNote: (sentence) => this.#notes.add(sentence),
    });
  }

  /** The event about it. From now on a note tells when the first of its addresses is gone. */
  async carrying(): Promise<Carrying> {
    const event = await carryingEvent(this);
    this.#shown = event.addresses[0]?.relay;
    this.#watch ??= setInterval(() => void this.#lookAtAddresses(), ADDRESSES_EVERY_MS).unref();
    return event;
  }

  /** A laptop goes to another network. Without any network there is nothing to tell: it may come back as it was. */
  async #lookAtAddresses(): Promise<void> {
    const { addresses } = await carryingEvent(this);
    const [first] = addresses;
    if (first === undefined || addresses.some(({ relay }) => relay === this.#shown)) return;
    this.#shown = first.relay;
    this.#notes.add(`other machines now reach it at ${first.relay}`);
  }

  /** As other machines reach it. */
  forOthers(carrying: Carrying): ForOthers {
    return reachedAt(carrying, this.choice);
  }

  /** Its client, whose events tell of the relay. @param first the event with the code, of a receiver */
  attend(client: Client, carrying: Carrying, first?: ClientEvent): Client {
    return carryingClient(client, this, { carrying, first });
  }

  /** Takes nobody more, lets the last words leave, and ends. */
  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#watch);
    await Promise.all([this.#announcing?.close(), this.#relay.drain(DRAIN_MS)]);
  }
}
