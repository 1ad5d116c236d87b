import {
  RECEIVERS_PER_MESSAGE,
  RECEIVERS_PER_SHARE,
  toHex,
  type Message,
  type ReceiverEntry,
} from "../../protocol/mod.ts";

import type { Receipt } from "./messages.ts";

export interface ReportOutput {
  /** Called by `send`, `sendReceipt` and `sendReceipts` alone. */
  toSender(message: Message): void;
  /** To the worker of a receiver: there are as many as there may be. */
  full(worker: number, receiver: Uint8Array): void;
  mostReceivers(): number;
}

interface Place extends ReceiverEntry {
  readonly worker: number;
}

/** Reports for a sender about its receivers, on all workers. */
export class ReceiverReports {
  readonly #share: Uint8Array;
  readonly #output: ReportOutput;
  /** The worker of each receiver that is attached, and what it said of it last. */
  readonly #places = new Map<string, Place>();
  /** Unsent reports, by receiver. */
  readonly #changed = new Map<string, ReceiverEntry>();
  /** Unanswered receipts, by receiver. */
  readonly #receipts = new Map<string, Receipt>();

  constructor(share: Uint8Array, output: ReportOutput) {
    this.#share = share;
    this.#output = output;
  }

  /** Whether a receiver takes records, or proved to have all and the sender did not answer yet. */
  get busy(): boolean {
    if (this.#receipts.size > 0) return true;
    for (const { state } of this.#places.values()) {
      if (state === "live" || state === "behind") return true;
    }
    return false;
  }

  report(entries: readonly ReceiverEntry[], worker: number): void {
    for (const entry of entries) {
      const key = toHex(entry.id);
      // A worker may see an old line break when the receiver is on another worker by now.
      if (!this.#place(key, entry, worker)) continue;
      if (this.#changed.size >= RECEIVERS_PER_SHARE && !this.#changed.has(key)) continue;
      this.#changed.set(key, entry);
    }
  }

  workerLost(worker: number): void {
    for (const [key, place] of this.#places) {
      if (place.worker !== worker) continue;
      this.#places.delete(key);
      // As a fan-out reports it: a receiver that has not agreed took nothing.
      const { id, name, state } = place;
      const next = state === "waiting" ? 0 : place.next;
      this.#changed.set(key, { id, name, state: "lost", next });
    }
  }

  /** @returns whether it is kept until the sender answers */
  receipt(receipt: Receipt): boolean {
    const key = toHex(receipt.receiver);
    if (this.#receipts.size >= RECEIVERS_PER_SHARE && !this.#receipts.has(key)) return false;
    this.#receipts.set(key, receipt);
    return true;
  }

  /** There are as many receivers as there may be, at other relays too. */
  refuse(receiver: Uint8Array): void {
    const key = toHex(receiver);
    const place = this.#places.get(key);
    if (place === undefined) return;
    this.#places.delete(key);
    this.#changed.delete(key);
    this.#output.full(place.worker, receiver);
  }

  /** The sender took it: its receiver has no more to wait for, and makes room for another one. */
  receipted(receiver: Uint8Array): void {
    const key = toHex(receiver);
    this.#receipts.delete(key);
    if (this.#places.get(key)?.state === "done") this.#places.delete(key);
  }

  send(): void {
    const entries = [...this.#changed.values()];
    this.#changed.clear();
    for (let at = 0; at < entries.length; at += RECEIVERS_PER_MESSAGE) {
      const list = entries.slice(at, at + RECEIVERS_PER_MESSAGE);
      this.#output.toSender({ t: "receivers", share: this.#share, list });
    }
  }

  /** Passes receipts without an answer to a sender on a new line. */
  sendReceipts(): void {
    for (const receipt of this.#receipts.values()) this.#pass(receipt);
  }

  /** After all that is known of receivers: else a sender that thinks it has no more would end. */
  sendReceipt(receipt: Receipt): void {
    this.send();
    this.#pass(receipt);
  }

  /** The sender hears of a receiver before it hears that this is done. */
  #pass(receipt: Receipt): void {
    const key = toHex(receipt.receiver);
    const entry = this.#changed.get(key);
    if (entry !== undefined) {
      this.#changed.delete(key);
      this.#output.toSender({ t: "receivers", share: this.#share, list: [entry] });
    }
    this.#output.toSender({ t: "receipt", share: this.#share, ...receipt });
  }

  /** Keeps where a receiver is; false when this worker has nothing to say about it any more. */
  #place(key: string, entry: ReceiverEntry, worker: number): boolean {
    const known = this.#places.get(key);
    const elsewhere = known !== undefined && known.worker !== worker;
    if (entry.state === "lost" || entry.state === "left") {
      if (!elsewhere) this.#places.delete(key);
      return !elsewhere;
    }
    // It has all, and may be gone by now.
    if (known === undefined && entry.state === "done") return true;
    if (known === undefined && this.#places.size >= this.#output.mostReceivers()) {
      this.#output.full(worker, entry.id);
      return false;
    }
    // A receipt that waits for its sender does not say that its receiver is still there.
    const stays = elsewhere && entry.state === "done";
    const { id, name, state, next } = entry;
    this.#places.set(key, { worker: stays ? known.worker : worker, id, name, state, next });
    return true;
  }
}
