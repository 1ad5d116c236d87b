/**
 * Holds back events that others cause as often as they like: a relay that drops its line again and
 * again, receivers that come and go, receipts that do not verify. It tells no more events than
 * the limits below allow. The last event says how things stand, and `untold` counts those left out.
 *
 *   event --its slot and its kind have a turn--> told
 *         --else--> held, in the place of an older one of its slot; told by a later tick
 */
import {
  RECEIVERS_EVERY_MS,
  RECEIVERS_PER_SHARE,
  TokenBucket,
  type Rate,
} from "../../protocol/mod.ts";

import type { ClientEvent } from "./event-schema.ts";

/** Time between two progress events. */
export const PROGRESS_EVERY_MS = 100;
/**
 * Events of one kind, or of one receiver, that the other side can cause at will and a client
 * reports at once.
 */
export const EVENTS_AT_ONCE = 20;
/**
 * Time between two such events after that, and between two about refused receipts; the rest is
 * counted.
 */
export const EVENTS_EVERY_MS = 1000;
/**
 * Events about all receivers that a sender reports at once: a hall in which everybody joins at the
 * same time.
 */
export const RECEIVER_EVENTS_AT_ONCE = 1000;
/**
 * Time between two events about receivers after that; the latest of each receiver waits for its
 * turn.
 */
export const RECEIVER_EVENTS_EVERY_MS = 10;

/** Where an event waits, and how fast those of its slot and of its kind may come. */
interface Slot {
  readonly key: string;
  readonly rate: Rate;
  readonly kind: "receivers" | undefined;
}

/** The events that say how many before them were left out. */
type PacedEvent = Extract<ClientEvent, { untold?: number | undefined }>;

interface Held {
  readonly event: PacedEvent;
  readonly slot: Slot;
  readonly untold: number;
}

const FEW: Rate = { atOnce: EVENTS_AT_ONCE, everyMs: EVENTS_EVERY_MS };
const ONE: Rate = { atOnce: 1, everyMs: EVENTS_EVERY_MS };
/** Of one receiver. */
const OF_ONE: Rate = { atOnce: EVENTS_AT_ONCE, everyMs: RECEIVERS_EVERY_MS };
const OF_ALL: Rate = { atOnce: RECEIVER_EVENTS_AT_ONCE, everyMs: RECEIVER_EVENTS_EVERY_MS };

export class EventPace {
  readonly #emit: (event: ClientEvent) => void;
  readonly #clock: () => number;
  readonly #ofAll = new TokenBucket();
  readonly #buckets = new Map<string, TokenBucket>();
  /** By slot, the oldest first; at most one for each receiver and for each kind of the others. */
  readonly #held = new Map<string, Held>();
  /** Of receivers that had no room among those held. */
  #dropped = 0;

  /** @param clock ms */
  constructor(emit: (event: ClientEvent) => void, clock: () => number) {
    this.#emit = emit;
    this.#clock = clock;
  }

  tell(event: ClientEvent): void {
    const paced = pacedOf(event);
    if (paced === undefined) {
      // Something is offered: that nothing was is old by now.
      if (event.event === "offer") this.#held.delete("waiting");
      this.#emitFreely(event);
      return;
    }
    const { slot } = paced;
    if (event.event === "receiver") this.#takeBack(event);
    const before = this.#held.get(slot.key);
    const untold = before === undefined ? 0 : before.untold + 1;
    const held: Held = { ...paced, untold };
    if (before === undefined && this.#tell(held)) return;
    // In its old place: who flips never comes before those that wait.
    this.#held.set(slot.key, held);
    if (this.#held.size > RECEIVERS_PER_SHARE) this.#drop();
  }

  /** Tells what may be told by now. */
  tick(): void {
    if (this.#held.size === 0 && this.#buckets.size === 0) return;
    for (const [key, held] of this.#held) if (this.#tell(held)) this.#held.delete(key);
    const now = this.#clock();
    for (const [key, bucket] of this.#buckets) if (bucket.isFull(now)) this.#buckets.delete(key);
  }

  /** Tells all that is held: nothing follows that it could be told with. */
  flush(): void {
    for (const held of this.#held.values()) this.#say(held);
    this.#held.clear();
  }

  /** An event that is told at once replaces a held one of the same receiver. */
  #emitFreely(event: ClientEvent): void {
    if (event.event !== "receiver") {
      this.#emit(event);
      return;
    }
    const key = `receiver ${event.id}`;
    const before = this.#held.get(key);
    this.#held.delete(key);
    this.#emit(counted(event, before === undefined ? 0 : before.untold + 1));
  }

  #tell(held: Held): boolean {
    const { key, rate, kind } = held.slot;
    const now = this.#clock();
    const bucket = this.#buckets.get(key) ?? new TokenBucket();
    if (!bucket.may(rate, now) || (kind === "receivers" && !this.#ofAll.take(OF_ALL, now)))
      return false;
    bucket.take(rate, now);
    this.#buckets.set(key, bucket);
    this.#say(held);
    return true;
  }

  #say({ event, slot, untold }: Held): void {
    const more = slot.kind === "receivers" ? this.#dropped : 0;
    if (more > 0) this.#dropped = 0;
    this.#emit(counted(event, untold + more));
  }

  /** A receiver that went needs no answer any more. */
  #takeBack({ id, state }: Extract<ClientEvent, { event: "receiver" }>): void {
    if (state === "lost" || state === "left") this.#held.delete(`asks ${id}`);
  }

  /** The oldest, by then a receiver's: there are few of any others. */
  #drop(): void {
    for (const [key, { slot, untold }] of this.#held) {
      if (slot.kind === undefined) continue;
      this.#held.delete(key);
      this.#dropped += untold + 1;
      return;
    }
  }
}

/** @returns undefined: it waits for no turn */
function pacedOf(event: ClientEvent): Omit<Held, "untold"> | undefined {
  switch (event.event) {
    case "receiver":
      // Each of at most RECEIVERS_PER_SHARE receivers proves that once.
      if (event.done) return undefined;
      return { event, slot: { key: `receiver ${event.id}`, rate: OF_ONE, kind: "receivers" } };
    case "asks":
    case "dismissed": {
      const key = `${event.event} ${event.id}`;
      return { event, slot: { key, rate: OF_ONE, kind: "receivers" } };
    }
    case "relay":
    case "sender":
    case "waiting":
    case "unadmitted":
    case "kept":
      return { event, slot: { key: event.event, rate: FEW, kind: undefined } };
    case "gate":
      // It opens once.
      if (event.open) return undefined;
      return { event, slot: { key: event.event, rate: FEW, kind: undefined } };
    case "error": {
      const rate = event.code === "receipt-refused" ? ONE : FEW;
      return { event, slot: { key: `error ${event.code}`, rate, kind: undefined } };
    }
    default:
      return undefined;
  }
}

function counted(event: PacedEvent, untold: number): ClientEvent {
  if (untold === 0) return event;
  if (event.event !== "error") return { ...event, untold };
  const message =
    event.code === "receipt-refused"
      ? `${untold + 1} receipts that do not verify were refused. Their receivers do not count as done.`
      : `${event.message} (${untold + 1} times)`;
  return { ...event, message, untold };
}
