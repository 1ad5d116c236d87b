import { WINDOW_RECORDS, type ReceiverEntry } from "../../protocol/mod.ts";

import { NOT_AGREED_WINDOW, type KeptFor } from "./retention.ts";
import type { Receipt } from "./messages.ts";
import type { Party } from "./read-ahead.ts";

export interface Receiver extends KeptFor {
  readonly id: Uint8Array;
  /** The window that it asked for; it has it when it is admitted. */
  asked: number;
  name: Uint8Array;
  receipt: Receipt | undefined;
  confirmed: boolean;
  /** It was given a record before it came to where it is now. */
  wasServed: boolean;
  /** See `Upstream.begun`. */
  hasBegun: boolean;
}

export function newReceiver(id: Uint8Array, key: string, party: Party, isEdge: boolean): Receiver {
  return {
    id,
    isEdge,
    key,
    party,
    asked: 0,
    name: new Uint8Array(0),
    socket: undefined,
    next: 0,
    acked: 0,
    since: 0,
    window: 0,
    live: false,
    switches: 0,
    left: undefined,
    receipt: undefined,
    confirmed: false,
    wasServed: false,
    hasBegun: false,
    progressAt: 0,
    unpaced: -1,
  };
}

/** A reader by HTTP has no name, and never agrees: see `Ciphertext`. */
export function isReader({ name, window }: Receiver): boolean {
  return name.length === 0 && window > 0 && window <= NOT_AGREED_WINDOW;
}

/** Whether a receiver agreed or reads by HTTP, and acknowledged a record that it was given. */
export function hasBegun(receiver: Receiver): boolean {
  const { window, acked, since, wasServed } = receiver;
  return (
    (acked > since || (wasServed && acked > 0)) &&
    (window > NOT_AGREED_WINDOW || isReader(receiver))
  );
}

/** The report to the sender. @param liveIndex the record that the live lane waits for */
export function entryOf(receiver: Receiver, liveIndex: number): ReceiverEntry {
  const { id, name, socket, window, acked } = receiver;
  // A receiver that goes before it agreed took nothing, however many records its preview needed.
  const next = socket === undefined && window <= NOT_AGREED_WINDOW ? 0 : acked;
  return { id, name, state: stateOf(receiver, liveIndex), next };
}

function stateOf(receiver: Receiver, liveIndex: number): ReceiverEntry["state"] {
  if (receiver.receipt !== undefined) return "done";
  if (receiver.socket === undefined) return receiver.left === undefined ? "lost" : "left";
  if (receiver.window <= NOT_AGREED_WINDOW) return "waiting";
  return liveIndex - receiver.next > WINDOW_RECORDS ? "behind" : "live";
}

/** Whether a receiver agreed, and is there. */
export function hasAgreed({ state }: ReceiverEntry): boolean {
  return state === "live" || state === "behind";
}

/** Whether a receiver took more than a look: one that has not agreed waits, whatever it has. */
export function hasAccepted(entry: ReceiverEntry): boolean {
  return entry.state === "done" || (hasAgreed(entry) && entry.next > 0);
}
