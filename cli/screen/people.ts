/**
 * The receivers of a sender as the screens show them: a word for the state, position, rate and time of each. It is filled
 * by `receiver`, `source` and `gate` events, and bounded: beyond the receivers of one share it forgets those that left.
 * `plain.ts` and `terminal.ts` own one each.
 */
import { RECEIVERS_PER_SHARE } from "../../protocol/wire/limits.ts";
import type { ClientEvent } from "../job/event-schema.ts";
import { percent } from "./format.ts";
import { Rate } from "./position.ts";

/** A shorter time would make receivers that have just begun the fastest. */
const LEAST_MS = 100;

type ReceiverEvent = Extract<ClientEvent, { event: "receiver" }>;
type GateEvent = Extract<ClientEvent, { event: "gate" }>;
type SourceEvent = Extract<ClientEvent, { event: "source" }>;

/** A receiver on a sender's screen. */
export interface Person {
  readonly id: string;
  readonly name: string;
  readonly word: Word;
  /** Bytes on its disk, to the record. */
  readonly bytes: number;
  /** Undefined: a stream of unknown length. */
  readonly percent: number | undefined;
  readonly rate: Rate;
  /** Bytes per second since it began. `now` in ms */
  speed(now: number): number;
  /** Its bytes and their time, once it is done. */
  readonly took: { readonly bytes: number; readonly ms: number } | undefined;
}

/** Receivers that have agreed, and how many are waited for. */
export interface Gate {
  readonly agreed: number;
  readonly wanted: number;
}

interface Start {
  readonly at: number;
  readonly bytes: number;
}

/** `ready`: it agreed, and the content waits for others. */
export type Word =
  | "waiting"
  | "ready"
  | "receiving"
  | "catching up"
  | "checking"
  | "done"
  | "sent"
  | "lost"
  | "left";

function wordFor({ state, done, confirmed }: ReceiverEvent): Word {
  if (done) return confirmed === false ? "sent" : "done";
  switch (state) {
    case "waiting":
    case "lost":
    case "left":
      return state;
    case "live":
      return "receiving";
    case "behind":
      return "catching up";
    case "done":
      return "checking"; // it says so; its receipt has not been verified yet
  }
}

/** Whether a receiver got everything, or was sent everything and can't confirm it. */
export function isThrough({ word }: Person): boolean {
  return word === "done" || word === "sent";
}

/** The receivers of a sender, in the order in which they came. */
export class People {
  readonly #all = new Map<string, Person>();
  readonly #starts = new Map<string, Start>();
  #records = 1;
  #size = 0;
  #open = false;
  #gate: Gate | undefined;

  /** The content; positions come in records and are shown in bytes. */
  source({ records, bytes, open }: Pick<SourceEvent, "records" | "bytes" | "open">): void {
    this.#records = Math.max(records, 1);
    this.#size = bytes;
    this.#open = open;
  }

  get all(): readonly Person[] {
    return [...this.#all.values()].map((person) => this.#seen(person));
  }

  /** The gate that the content waits at; undefined: it has begun. */
  get gate(): Gate | undefined {
    return this.#gate;
  }

  /** The share is offered anew: receivers that lack something come again, under other ids. */
  begin(): void {
    for (const { id, word } of this.all) {
      if (word === "done") continue;
      this.#all.delete(id);
      this.#starts.delete(id);
    }
  }

  /** @returns the receiver as it was, and as it is now. */
  update(event: ReceiverEvent, now: number): { before: Person | undefined; person: Person } {
    const before = this.#all.get(event.id);
    const part = event.done ? 1 : Math.min(event.records / this.#records, 1);
    const bytes = Math.floor(part * this.#size);
    const rate = before?.rate ?? new Rate();
    const start = this.#startOf(event, bytes, now);
    if (bytes > start.bytes || event.state !== "waiting") rate.reached(bytes, now);
    const sofar = { bytes: bytes - start.bytes, ms: now - start.at };
    // A receiver that was done at its first event has no rate.
    const took = before?.took ?? (event.done && sofar.bytes > 0 ? sofar : undefined);
    const person: Person = {
      id: event.id,
      // A receiver that is done early has no name yet.
      name: event.name.trim() === "" ? `receiver ${event.id.slice(0, 8)}` : event.name,
      word: wordFor(event),
      bytes,
      percent: this.#percent(event),
      rate,
      speed: (now) => {
        const { bytes: got, ms } = took ?? { bytes: bytes - start.bytes, ms: now - start.at };
        return (1000 * got) / Math.max(ms, LEAST_MS);
      },
      took,
    };
    this.#all.set(event.id, person);
    if (this.#all.size > RECEIVERS_PER_SHARE) this.#forget();
    return { before: before && this.#seen(before), person: this.#seen(person) };
  }

  /** The content waits, or begins now for all that agreed: their waiting is no part of receiving. */
  heldBack({ agreed, wanted, open }: GateEvent, now: number): void {
    this.#gate = open ? undefined : { agreed, wanted };
    if (!open) return;
    for (const [id, start] of this.#starts) this.#starts.set(id, { ...start, at: now });
  }

  /** Bounds the memory of receivers that came and went under one id after another. */
  #forget(): void {
    let least: Person | undefined;
    for (const person of this.#all.values()) {
      if (isThrough(person)) continue;
      least ??= person;
      if (person.word !== "lost" && person.word !== "left") continue;
      least = person;
      break;
    }
    if (least === undefined) return;
    this.#all.delete(least.id);
    this.#starts.delete(least.id);
  }

  /** Of a share that is held back a receiver has the list of files, which is no content. */
  #seen(person: Person): Person {
    const began = person.word === "receiving" || person.word === "catching up";
    if (this.#gate === undefined || !began) return person;
    return { ...person, word: "ready", bytes: 0, percent: person.percent && 0 };
  }

  #percent({ done, records }: ReceiverEvent): number | undefined {
    if (done) return 100;
    return this.#open ? undefined : Math.min(99, percent(records, this.#records));
  }

  /** Waiting for an answer is no part of receiving. */
  #startOf({ id, state }: ReceiverEvent, bytes: number, now: number): Start {
    const known = this.#starts.get(id);
    if (known !== undefined) return known;
    const start = { at: now, bytes };
    if (state !== "waiting") this.#starts.set(id, start);
    return start;
  }
}
