/**
 * The receivers of a send for the table: one row each, in the order in which they came. It changes in
 * place, as thousands of receivers report several times a second; `send-run.ts` tells the screen at a
 * pace that people can read.
 */
import { BoundedMap } from "../../protocol/wire/bounded-map.ts";
import { RECEIVERS_PER_SHARE } from "../../protocol/wire/limits.ts";
import type { ReceiverRow } from "../job/send-messages.ts";
import { perSecond, reached, type Samples } from "./rate.ts";
import { percent } from "./words.ts";

export type ReceiverWord =
  | "asks"
  | "waiting"
  | "ready"
  | "receiving"
  | "catching up"
  | "checking"
  | "done"
  | "sent"
  | "lost"
  | "left"
  | "gone"
  | "refused";

/** Of each word the sentence of the table. */
export const RECEIVER_WORDS: Readonly<Record<ReceiverWord, string>> = {
  asks: "asks to receive",
  waiting: "looks at the offer",
  ready: "is ready",
  receiving: "receives",
  "catching up": "catches up",
  checking: "is checked",
  done: "has everything (verified)",
  sent: "was sent everything",
  lost: "lost the connection",
  left: "left",
  gone: "left before it took anything",
  refused: "was refused",
};

export interface ShownReceiver {
  readonly id: string;
  readonly name: string;
  readonly word: ReceiverWord;
  readonly percent: number;
  /** Bytes per second; undefined: it receives nothing now, or too little is known. */
  readonly rate: number | undefined;
}

interface ReceiverCounts {
  readonly all: number;
  readonly verified: number;
  /** Of those: receivers that cannot say that they saved it. */
  readonly unconfirmed: number;
  readonly active: number;
}

export class ReceiverRows {
  readonly #rows = new Map<string, ReceiverRow>();
  readonly #asking = new Map<string, ReceiverRow>();
  /** Receivers may ask, leave and ask again under another id without end. */
  readonly #refused = new BoundedMap<string, true>(RECEIVERS_PER_SHARE);
  /** Of each row its last positions. */
  readonly #samples = new Map<string, Samples>();
  #records = 1;
  #bytes = 0;

  source(records: number, bytes: number): void {
    this.#records = Math.max(records, 1);
    this.#bytes = bytes;
  }

  /** @param now in ms */
  update(row: ReceiverRow, now: number): void {
    // The relay reports a receiver that waits for its answer too.
    if (row.state !== "waiting") this.#asking.delete(row.id);
    const bytes = (Math.min(row.records, this.#records) / this.#records) * this.#bytes;
    this.#samples.set(row.id, reached(this.#samples.get(row.id) ?? [], bytes, now));
    this.#rows.set(row.id, row);
    if (this.#rows.size > RECEIVERS_PER_SHARE) this.#forget();
  }

  asks(row: ReceiverRow): void {
    if (this.#asking.size >= RECEIVERS_PER_SHARE) return;
    this.#asking.set(row.id, row);
  }

  answered(id: string, admit: boolean, now: number): void {
    const row = this.#asking.get(id);
    this.#asking.delete(id);
    if (row === undefined) return;
    if (!admit) this.#refused.set(id, true);
    this.update(row, now);
  }

  dismissed(id: string): void {
    this.#asking.delete(id);
    this.#refused.set(id, true);
  }

  /** Receivers that wait for a person's answer. */
  get asking(): readonly ShownReceiver[] {
    return [...this.#asking.values()].map((row) => this.#shown(row, "asks", 0));
  }

  get counts(): ReceiverCounts {
    let verified = 0;
    let unconfirmed = 0;
    let active = 0;
    for (const row of this.#rows.values()) {
      if (row.verified) {
        verified++;
        if (row.unconfirmed) unconfirmed++;
      }
      if (!row.verified && (row.state === "live" || row.state === "behind" || row.state === "done"))
        active++;
    }
    return { all: this.#rows.size, verified, unconfirmed, active };
  }

  get length(): number {
    return this.#rows.size;
  }

  /** @param isHeld the start gate holds the content back; `now` in ms */
  slice(from: number, to: number, isHeld: boolean, now: number): readonly ShownReceiver[] {
    const rows: ShownReceiver[] = [];
    let at = 0;
    for (const row of this.#rows.values()) {
      if (at >= to) break;
      if (at++ >= from) rows.push(this.#shown(row, this.#word(row, isHeld), now));
    }
    return rows;
  }

  #word(row: ReceiverRow, isHeld: boolean): ReceiverWord {
    const { id, state, verified, unconfirmed, records } = row;
    if (verified) return unconfirmed ? "sent" : "done";
    if (this.#refused.has(id)) return "refused";
    if (this.#asking.has(id)) return "asks";
    switch (state) {
      case "waiting":
        return state;
      case "lost":
      case "left":
        // A person who only looked at the offer is no failure of the send.
        return records === 0 ? "gone" : state;
      case "live":
        return isHeld ? "ready" : "receiving";
      case "behind":
        return isHeld ? "ready" : "catching up";
      case "done":
        return "checking";
    }
  }

  #shown(row: ReceiverRow, word: ReceiverWord, now: number): ShownReceiver {
    const name = row.name.trim() === "" ? `receiver ${row.id.slice(0, 8)}` : row.name;
    const part = Math.min(99, percent(row.records, this.#records));
    const isHeld = word === "ready" || word === "asks" || word === "waiting";
    const moves = word === "receiving" || word === "catching up";
    const rate = moves ? perSecond(this.#samples.get(row.id) ?? [], now) : undefined;
    return { id: row.id, name, word, percent: row.verified ? 100 : isHeld ? 0 : part, rate };
  }

  /** Bounds the memory of receivers that came and went under one id after another. */
  #forget(): void {
    for (const { id, state, verified } of this.#rows.values()) {
      if (verified || (state !== "lost" && state !== "left")) continue;
      return this.#delete(id);
    }
    const first = this.#rows.keys().next();
    if (first.done !== true) this.#delete(first.value);
  }

  #delete(id: string): void {
    this.#rows.delete(id);
    this.#refused.delete(id);
    this.#samples.delete(id);
  }
}
