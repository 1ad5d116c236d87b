/**
 * The receivers of one share at other relays, as far as these speak to this worker: which control line told of each
 * receiver last, and what it said. The home hears of them as if they were receivers of this worker, so one that comes
 * to another line, or from a line to a socket here, must not be called lost by the line that it left. `LocalShare` owns
 * it. No I/O.
 */
import { toHex, type ReceiverEntry } from "../../protocol/mod.ts";

import type { Receipt } from "./messages.ts";
import type { SocketId } from "./outlet.ts";

export interface EdgeReceiversOutput {
  report(entries: ReceiverEntry[]): void;
  receipt(receipt: Receipt): void;
  /** The share has as many receivers as it may have, without this one. */
  full(line: SocketId, receiver: Uint8Array): void;
  mostReceivers(): number;
}

interface Place {
  readonly line: SocketId;
  /** Undefined: only its receipt came so far. */
  readonly entry: ReceiverEntry | undefined;
  /** Waits for the answer of the sender. */
  readonly receipt: Receipt | undefined;
}

export class EdgeReceivers {
  readonly #output: EdgeReceiversOutput;
  /** By receiver in hex; `receivers-per-share` at most, as for the receivers of this relay. */
  readonly #places = new Map<string, Place>();

  constructor(output: EdgeReceiversOutput) {
    this.#output = output;
  }

  get size(): number {
    return this.#places.size;
  }

  report(line: SocketId, list: readonly ReceiverEntry[]): void {
    const entries = list.filter((entry) => this.#place(line, entry));
    if (entries.length > 0) this.#output.report(entries);
  }

  receipt(line: SocketId, receipt: Receipt): void {
    const key = toHex(receipt.receiver);
    const known = this.#places.get(key);
    // A receiver that has all takes no place from others, and waits for the answer. The home bounds what it keeps.
    if (known !== undefined || !this.#isFull) {
      this.#places.set(key, { line, entry: known?.entry, receipt });
    }
    this.#output.receipt(receipt);
  }

  /** The states of receivers with sockets at this worker, as it reports them to the home. @returns what holds */
  reportedHere(entries: readonly ReceiverEntry[]): ReceiverEntry[] {
    return entries.filter((entry) => {
      const key = toHex(entry.id);
      if (isGone(entry)) return !this.#places.has(key);
      if (entry.state !== "done") this.#places.delete(key);
      return true;
    });
  }

  /** The sender took the receipt of this receiver. */
  confirmed(receiver: Uint8Array): void {
    const key = toHex(receiver);
    // Its line may only say that it goes, which a receiver that has all may.
    if (this.#places.get(key)?.receipt !== undefined) this.#places.delete(key);
  }

  /** The home has no room for this receiver. */
  refused(receiver: Uint8Array): void {
    const key = toHex(receiver);
    const place = this.#places.get(key);
    if (place === undefined) return;
    this.#places.delete(key);
    this.#output.full(place.line, receiver);
  }

  /** A control line is gone, and with it the word on its receivers. */
  lineClosed(line: SocketId): void {
    const lost: ReceiverEntry[] = [];
    for (const [key, place] of this.#places) {
      if (place.line !== line) continue;
      this.#places.delete(key);
      if (place.entry === undefined) continue;
      // As a fan-out reports it: a receiver that has not agreed took nothing.
      const { id, name, state } = place.entry;
      lost.push({ id, name, state: "lost", next: state === "waiting" ? 0 : place.entry.next });
    }
    if (lost.length > 0) this.#output.report(lost);
  }

  /** Lines that are not about the share any more have no word on its receivers. */
  keep(isAbout: (line: SocketId) => boolean): void {
    const lines = new Set([...this.#places.values()].map(({ line }) => line));
    for (const line of lines) if (!isAbout(line)) this.lineClosed(line);
  }

  /** Another worker is the home, and knows nothing of them. */
  resend(): void {
    const places = [...this.#places.values()];
    const entries = places.flatMap(({ entry }) => entry ?? []);
    if (entries.length > 0) this.#output.report(entries);
    for (const { receipt } of places) if (receipt !== undefined) this.#output.receipt(receipt);
  }

  clear(): void {
    this.#places.clear();
  }

  get #isFull(): boolean {
    return this.#places.size >= this.#output.mostReceivers();
  }

  /** @returns whether the line has something to say of it */
  #place(line: SocketId, entry: ReceiverEntry): boolean {
    const key = toHex(entry.id);
    const known = this.#places.get(key);
    if (isGone(entry)) {
      if (known?.line !== line) return false;
      this.#places.delete(key);
      return true;
    }
    // A receipt that waits for its sender does not say that its receiver is still there.
    const isDone = entry.state === "done";
    if (known === undefined && isDone) return true;
    if (known === undefined && this.#isFull) {
      this.#output.full(line, entry.id);
      return false;
    }
    const at = isDone ? known?.line : undefined;
    this.#places.set(key, { line: at ?? line, entry, receipt: known?.receipt });
    return true;
  }
}

function isGone({ state }: ReceiverEntry): boolean {
  return state === "lost" || state === "left";
}
