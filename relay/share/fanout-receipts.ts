/**
 * The receipts of a fan-out's receivers on their way to the sender, and its answers. A receiver may say that it has
 * all, with records from before it asked again: its receipt goes on at once, and again when the relay has given it the
 * rest. `Fanout` owns them.
 */
import type { ReceiverEntry } from "../../protocol/mod.ts";

import type { Receiver } from "./fanout-receiver.ts";
import type { Receipt } from "./messages.ts";
import type { Outlet } from "./outlet.ts";

export interface ReceiptOutput {
  report(entries: ReceiverEntry[]): void;
  /**
   * @param wasSent whether the receiver was given all of it from where it came
   * @param wasServed whether it was given a record at this worker
   */
  receipt(receipt: Receipt, wasSent: boolean, wasServed: boolean): void;
}

export class FanoutReceipts {
  readonly #share: Uint8Array;
  readonly #outlet: Pick<Outlet, "send">;
  readonly #output: ReceiptOutput;
  readonly #entry: (receiver: Receiver) => ReceiverEntry;
  /** Their receivers were not given all yet. */
  readonly #early = new Set<Receiver>();

  constructor(
    share: Uint8Array,
    outlet: Pick<Outlet, "send">,
    output: ReceiptOutput,
    entry: (receiver: Receiver) => ReceiverEntry,
  ) {
    this.#share = share;
    this.#outlet = outlet;
    this.#output = output;
    this.#entry = entry;
  }

  /** A receipt came, maybe not for the first time. */
  came(receiver: Receiver, receipt: Receipt): void {
    if (receiver.confirmed) this.confirmed(receiver);
    else this.#passOn(receiver, receipt);
  }

  /** The sender took the receipt of this receiver. */
  confirmed({ socket }: Receiver): void {
    if (socket === undefined) return;
    this.#outlet.send(socket, { t: "completed", share: this.#share });
  }

  /** The worker with the sender may not know it. */
  resend(receiver: Receiver): void {
    if (isOpen(receiver)) this.#passOn(receiver, receiver.receipt);
  }

  /** The line of its receiver is gone. */
  detached(receiver: Receiver): void {
    this.#early.delete(receiver);
  }

  tick(): void {
    for (const receiver of this.#early) {
      const { receipt } = receiver;
      if (receipt !== undefined && hasBeenGiven(receiver, receipt)) this.#passOn(receiver, receipt);
    }
  }

  clear(): void {
    this.#early.clear();
  }

  /** A receipt may be the first that the sender hears of a receiver: it shall know whose it is. */
  #passOn(receiver: Receiver, receipt: Receipt): void {
    this.#output.report([this.#entry(receiver)]);
    const wasSent = hasBeenGiven(receiver, receipt);
    if (wasSent) this.#early.delete(receiver);
    else this.#early.add(receiver);
    const wasServed = receiver.wasServed || receiver.next > receiver.since;
    this.#output.receipt(receipt, wasSent, wasServed);
  }
}

/** Whether its receipt waits for an answer of the sender. */
export function isOpen(receiver: Receiver): receiver is Receiver & { receipt: Receipt } {
  return receiver.receipt !== undefined && !receiver.confirmed;
}

function hasBeenGiven({ next }: Receiver, { records }: Receipt): boolean {
  return next >= records;
}
