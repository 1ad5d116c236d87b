/**
 * The shares of the relay and the worker that holds each sender: the one place that decides, on the
 * main thread. Workers keep a copy that it sends them; messages to one worker keep their order, so
 * each copy has gone through the same states. The supervisor owns it and passes the messages of
 * workers on.
 */
import {
  BoundedMap,
  FaultError,
  SENDER_GRACE_MS,
  faultMessage,
  isOpen,
  shareFault,
  socketFault,
  type Offer,
  type ShareFault,
} from "../../protocol/mod.ts";
import { type RelayLimitName } from "../limits/operator-limits.ts";

import { LiveLimits } from "../limits/limits.ts";
import type { FromDirectory, ShareRecord, ToDirectory } from "../share/messages.ts";
import type { Report, ReportLevel, Reporter } from "../worker/reports.ts";
import type { ListedShare } from "../admin/manager.ts";
import { ShareCounts } from "./share-counts.ts";

/** So long whoever sent it has to think of something else. ms */
const REMOVED_MS = 60 * 60_000;
/** Of more the first may come again: nobody removes so many in an hour by hand. */
const REMOVED_SHARES = 1000;
const MS = 1000;

interface Entry extends ListedShare {
  record: ShareRecord;
  /** The worker that has the log; it stays so while the sender is away. */
  home: number | undefined;
  orphanedAt: number | undefined;
  /** The address that offered it first, as limits count it. */
  readonly address: string | undefined;
  /** Whether it ever had a receiver. */
  joined: boolean;
  /** Whether one of them took more than a look. */
  accepted: boolean;
}

export interface DirectoryOutput {
  toWorker(worker: number, message: FromDirectory): void;
  workers(): Iterable<number>;
  readonly report?: Reporter;
  /** A share came or went, or its sender did. */
  readonly changed?: (() => void) | undefined;
}

export class Directory {
  readonly #output: DirectoryOutput;
  readonly #entries = new Map<string, Entry>();
  readonly #counts = new ShareCounts();
  readonly #limits: LiveLimits;
  /** Shares that were ended by hand, and until when they may not come again. */
  readonly #removed = new BoundedMap<string, number>(REMOVED_SHARES);
  #now = 0;
  #draining = false;
  #numbers = 0;

  constructor(output: DirectoryOutput, limits = new LiveLimits()) {
    this.#output = output;
    this.#limits = limits;
  }

  get shares(): number {
    return this.#entries.size;
  }

  get openedEver(): number {
    return this.#numbers;
  }

  get list(): Iterable<ListedShare> {
    return this.#entries.values();
  }

  /** Channels of shares whose sender is there, in hex; newest first, each once. */
  liveChannels(most: number): string[] {
    const channels = new Set<string>();
    for (const { record } of [...this.#entries.values()].toReversed()) {
      if (channels.size >= most) break;
      if (record.owner !== undefined) channels.add(record.channel);
    }
    return [...channels];
  }

  handle(message: ToDirectory, now: number): void {
    this.#now = now;
    switch (message.t) {
      case "claim":
        this.#claim(message, now);
        return;
      case "joined":
      case "accepted": {
        const entry = this.#entries.get(message.key);
        if (entry !== undefined) entry[message.t] = true;
        return;
      }
      case "orphan":
        if (this.#isOwner(message.key, message.epoch)) this.#orphan(message.key, now);
        return;
      case "close":
        if (this.#isOwner(message.key, message.epoch)) {
          this.#close(message.key, message.fault, message.detail);
        }
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
    this.#now = now;
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

  /**
   * Ends a share for all who are in it; its sender can't offer it again before REMOVED_MS.
   * @returns false: no share has that number
   */
  remove(number: number, now: number): boolean {
    this.#now = now;
    for (const [key, entry] of this.#entries) {
      if (entry.number !== number) continue;
      this.#removed.set(key, now + REMOVED_MS);
      this.#close(key, "removed", faultMessage("removed"));
      return true;
    }
    return false;
  }

  /** Ends shares whose sender has been away too long, and those that have been there too long. */
  tick(now: number): void {
    this.#now = now;
    const limits = this.#limits.now;
    for (const [key, { orphanedAt, openedAt, joined }] of this.#entries) {
      const age = now - openedAt;
      if (orphanedAt !== undefined && now - orphanedAt >= SENDER_GRACE_MS) {
        this.#close(key, "sender-gone");
      } else if (age >= limits["share-life"]) {
        this.end(key, this.#limits.over("share-life"));
      } else if (!joined && age >= limits["join-timeout"]) {
        this.end(key, this.#limits.over("join-timeout"));
      }
    }
  }

  /** Ends a share for the relay's own reason, which all in it are told. @returns whether it was there */
  end(key: string, { code, detail = "" }: FaultError): boolean {
    const known = this.#entries.has(key);
    this.#close(key, shareFault(code), detail);
    return known;
  }

  #claim(claim: Extract<ToDirectory, { t: "claim" }>, now: number): void {
    const { worker, socket, key, channel, offer, capability, address } = claim;
    const known = this.#entries.get(key);
    const refusal =
      known === undefined
        ? this.#noRoom(key, channel, address, now)
        : mismatch(known.record, claim);
    if (refusal !== undefined) {
      const { code, detail, after } = refusal;
      const fault = socketFault(code);
      this.#output.toWorker(worker, { t: "refused", socket, key, fault, detail, after });
      return;
    }
    if (known === undefined) this.#counts.add(channel, address);
    else this.#report("debug", "sender-back", known, {});
    const epoch = (known?.record.epoch ?? 0) + 1;
    const record: ShareRecord = { key, channel, offer, capability, owner: worker, epoch };
    const previousHome = known?.home === worker ? undefined : known?.home;
    const { number, openedAt, joined, accepted } = known ?? {
      number: ++this.#numbers,
      openedAt: now,
      joined: false,
      accepted: false,
    };
    const entry: Entry = {
      record,
      number,
      home: worker,
      orphanedAt: undefined,
      address: known === undefined ? address : known.address,
      openedAt,
      joined,
      accepted,
    };
    this.#entries.set(key, entry);
    this.#output.changed?.();
    if (known === undefined) this.#report("info", "share-opened", entry, sizeOf(offer));
    for (const each of this.#output.workers()) {
      const mine = each === worker ? { socket, previousHome } : { socket: undefined };
      this.#output.toWorker(each, { t: "opened", record, ...mine });
    }
  }

  #noRoom(
    key: string,
    channel: string,
    address: string | undefined,
    now: number,
  ): FaultError | undefined {
    if ((this.#removed.get(key) ?? 0) > now) return new FaultError("removed");
    if (this.#draining) return new FaultError("going-away");
    for (;;) {
      const over = this.#counts.over(channel, address, this.#limits.now);
      if (over === undefined) return undefined;
      const abandoned = this.#abandoned(over, channel, address);
      if (abandoned === undefined) return this.#limits.over(over);
      this.#close(abandoned, "sender-gone");
    }
  }

  /**
   * The share that makes room for another: of those whose sender left before any receiver accepted
   * them, the one that is without its sender the longest. Its sender may offer it again.
   * @param over the limit in the way
   */
  #abandoned(
    over: RelayLimitName,
    channel: string,
    address: string | undefined,
  ): string | undefined {
    let first: { readonly key: string; readonly since: number } | undefined;
    for (const [key, entry] of this.#entries) {
      const since = entry.orphanedAt;
      if (since === undefined || entry.accepted || (first && first.since <= since)) continue;
      if (over === "shares-per-channel" && entry.record.channel !== channel) continue;
      if (over.endsWith("-per-address") && entry.address !== address) continue;
      first = { key, since };
    }
    return first?.key;
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
    this.#output.changed?.();
    this.#report("debug", "sender-lost", entry, {});
    const { epoch } = entry.record;
    for (const each of this.#output.workers()) {
      this.#output.toWorker(each, { t: "orphaned", key, epoch });
    }
  }

  #close(key: string, fault: ShareFault | undefined, detail?: string): void {
    this.#remove(key, { t: "closed", key, fault, detail });
  }

  #dismiss(key: string): void {
    this.#remove(key, { t: "dismissed", key });
  }

  #report(level: ReportLevel, event: string, { number }: Entry, fields: Report["fields"]): void {
    this.#output.report?.({ level, event, fields: { share: number, ...fields } });
  }

  #remove(key: string, message: FromDirectory): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    this.#entries.delete(key);
    this.#output.changed?.();
    this.#counts.remove(entry.record.channel, entry.address);
    this.#report("info", "share-ended", entry, {
      how: message.t === "closed" ? (message.fault ?? "done") : "dismissed",
      seconds: Math.round((this.#now - entry.openedAt) / MS),
      ...sizeOf(entry.record.offer),
    });
    for (const each of this.#output.workers()) this.#output.toWorker(each, message);
  }
}

/** A share is immutable: who opens it again must offer the very same. */
function mismatch(
  known: ShareRecord,
  claim: { readonly channel: string; readonly offer: Offer },
): FaultError | undefined {
  const { offer } = known;
  const same =
    known.channel === claim.channel &&
    offer.recordSize === claim.offer.recordSize &&
    offer.records === claim.offer.records &&
    offer.bytes === claim.offer.bytes &&
    offer.seekable === claim.offer.seekable;
  return same ? undefined : new FaultError("not-your-share");
}

function sizeOf(offer: Offer): { readonly bytes?: number; readonly records?: number } {
  return isOpen(offer) ? {} : { bytes: offer.bytes, records: offer.records };
}
