import {
  SENDER_GRACE_MS,
  SHARES,
  SHARES_PER_CHANNEL,
  type FaultCode,
  type Offer,
} from "../protocol/mod.ts";

import type { FromDirectory, ShareRecord, ToDirectory } from "./messages.ts";

interface Entry {
  record: ShareRecord;
  /** What operators call it: says nothing of its id. */
  readonly number: number;
  readonly openedAt: number;
  /** The worker that has the log; it stays so while the sender is away. */
  home: number | undefined;
  orphanedAt: number | undefined;
}

export interface DirectoryOutput {
  toWorker(worker: number, message: FromDirectory): void;
  /** Workers that are up. */
  workers(): Iterable<number>;
}

/**
 * Which shares there are and which worker holds each sender: the one place that decides, on the main
 * thread. Workers keep a copy that it sends them; messages to one worker keep their order, so each
 * copy has gone through the same states.
 */
export class Directory {
  readonly #output: DirectoryOutput;
  readonly #entries = new Map<string, Entry>();
  readonly #perChannel = new Map<string, number>();
  #draining = false;
  #numbers = 0;

  constructor(output: DirectoryOutput) {
    this.#output = output;
  }

  get shares(): number {
    return this.#entries.size;
  }

  /** Shares that there ever were. */
  get openedEver(): number {
    return this.#numbers;
  }

  /** Every share, the oldest first. */
  get list(): Iterable<Readonly<Entry>> {
    return this.#entries.values();
  }

  handle(message: ToDirectory, now: number): void {
    switch (message.t) {
      case "claim":
        this.#claim(message, now);
        return;
      case "orphan":
        if (this.#isOwner(message.key, message.epoch)) this.#orphan(message.key, now);
        return;
      case "close":
        if (this.#isOwner(message.key, message.epoch)) this.#close(message.key, message.fault);
        return;
      case "quiet":
        if (this.#isOwner(message.key, message.epoch)) this.#dismiss(message.key);
        return;
      case "peer":
        if (message.to !== message.from) this.#output.toWorker(message.to, message);
        return;
    }
  }

  /** A worker came up: it knows nothing yet. */
  workerUp(worker: number): void {
    for (const { record } of this.#entries.values()) {
      this.#output.toWorker(worker, { t: "opened", record, socket: undefined });
    }
  }

  /** A worker died, and with it the sockets of its senders. */
  workerLost(worker: number, now: number): void {
    for (const other of this.#output.workers()) {
      this.#output.toWorker(other, { t: "worker-lost", worker });
    }
    for (const [key, entry] of this.#entries) {
      if (entry.home === worker) entry.home = undefined;
      if (entry.record.owner === worker) this.#orphan(key, now);
    }
  }

  /** From now on no share is new, and one without a sender is not waited for; `shares` tells the rest. */
  drain(): void {
    this.#draining = true;
    for (const [key, { orphanedAt }] of this.#entries) {
      if (orphanedAt !== undefined) this.#dismiss(key);
    }
  }

  /** Ends shares whose sender has been away too long. */
  tick(now: number): void {
    for (const [key, { orphanedAt }] of this.#entries) {
      if (orphanedAt !== undefined && now - orphanedAt >= SENDER_GRACE_MS) {
        this.#close(key, "sender-gone");
      }
    }
  }

  #claim(claim: Extract<ToDirectory, { t: "claim" }>, now: number): void {
    const { worker, socket, key, channel, offer } = claim;
    const known = this.#entries.get(key);
    const fault = known === undefined ? this.#noRoom(channel) : mismatch(known.record, claim);
    if (fault !== undefined) {
      this.#output.toWorker(worker, { t: "refused", socket, key, fault });
      return;
    }
    if (known === undefined) {
      this.#perChannel.set(channel, (this.#perChannel.get(channel) ?? 0) + 1);
    }
    const epoch = (known?.record.epoch ?? 0) + 1;
    const record: ShareRecord = { key, channel, offer, owner: worker, epoch };
    const heirOf = known?.home === worker ? undefined : known?.home;
    const { number, openedAt } = known ?? { number: ++this.#numbers, openedAt: now };
    this.#entries.set(key, { record, number, openedAt, home: worker, orphanedAt: undefined });
    for (const each of this.#output.workers()) {
      const mine = each === worker ? { socket, heirOf } : { socket: undefined };
      this.#output.toWorker(each, { t: "opened", record, ...mine });
    }
  }

  #noRoom(channel: string): FaultCode | undefined {
    if (this.#draining) return "going-away";
    if (this.#entries.size >= SHARES) return "too-many";
    return (this.#perChannel.get(channel) ?? 0) >= SHARES_PER_CHANNEL ? "too-many" : undefined;
  }

  #isOwner(key: string, epoch: number): boolean {
    return this.#entries.get(key)?.record.epoch === epoch;
  }

  #orphan(key: string, now: number): void {
    const entry = this.#entries.get(key);
    if (entry === undefined || entry.orphanedAt !== undefined) return;
    if (this.#draining) {
      // The relay takes no new lines: its sender can't come back here.
      this.#dismiss(key);
      return;
    }
    entry.record = { ...entry.record, owner: undefined };
    entry.orphanedAt = now;
    const { epoch } = entry.record;
    for (const each of this.#output.workers()) {
      this.#output.toWorker(each, { t: "orphaned", key, epoch });
    }
  }

  #close(key: string, fault: FaultCode | undefined): void {
    this.#remove(key, { t: "closed", key, fault });
  }

  #dismiss(key: string): void {
    this.#remove(key, { t: "dismissed", key });
  }

  #remove(key: string, message: FromDirectory): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    this.#entries.delete(key);
    const { channel } = entry.record;
    const left = (this.#perChannel.get(channel) ?? 1) - 1;
    if (left > 0) this.#perChannel.set(channel, left);
    else this.#perChannel.delete(channel);
    for (const each of this.#output.workers()) this.#output.toWorker(each, message);
  }
}

/** A share is immutable: who opens it again must offer the very same. */
function mismatch(
  known: ShareRecord,
  claim: { readonly channel: string; readonly offer: Offer },
): FaultCode | undefined {
  const { offer } = known;
  const same =
    known.channel === claim.channel &&
    offer.recordSize === claim.offer.recordSize &&
    offer.records === claim.offer.records &&
    offer.bytes === claim.offer.bytes &&
    offer.seekable === claim.offer.seekable;
  return same ? undefined : "not-your-share";
}
