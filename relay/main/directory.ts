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
import {
  isSenderHere,
  type FromDirectory,
  type SenderPresence,
  type ShareRecord,
  type ToDirectory,
} from "../share/messages.ts";
import type { Report, ReportLevel, Reporter } from "../worker/reports.ts";
import type { ShareClaim } from "../store/book-effects.ts";
import type { OpenedShare, StoredState } from "../store/stored-share.ts";
import type { ListedShare } from "../admin/manager.ts";
import { ShareCounts } from "./share-counts.ts";

/** So long whoever sent it has to think of something else. ms */
const REMOVED_MS = 60 * 60_000;
/** Of more the first may come again: nobody removes so many in an hour by hand. */
const REMOVED_SHARES = 1000;
/** Stored shares that were unloaded; of more the epochs begin anew, as no worker knows them any more. */
const UNLOADED_SHARES = 10_000;
const MS = 1000;

interface Entry extends ListedShare {
  record: ShareRecord;
  senderHere: boolean;
  /** The worker that has the log; it stays so while the sender is away. */
  home: number | undefined;
  orphanedAt: number | undefined;
  /** The address that offered it first, as limits count it. */
  readonly address: string | undefined;
  /** Another relay stores it now, and no link reads it yet. */
  isGiven?: boolean;
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
  /** A claim was granted, or refused. */
  readonly opened?: (key: string) => void;
  readonly refused?: (key: string) => void;
  /** A share is here no more. */
  readonly ended?: (key: string, channel: string) => void;
}

export class Directory {
  readonly #output: DirectoryOutput;
  readonly #entries = new Map<string, Entry>();
  readonly #counts = new ShareCounts();
  readonly #limits: LiveLimits;
  /** Shares that were ended by hand, and until when they may not come again. */
  readonly #removed = new BoundedMap<string, number>(REMOVED_SHARES);
  /** The last epochs of stored shares that were unloaded. */
  readonly #epochs = new BoundedMap<string, number>(UNLOADED_SHARES);
  #now = 0;
  #draining = false;
  /** While it drains: senders go on at other relays, from which shares are read for the receivers that stay. */
  #awaitsOwners = false;
  #numbers = 0;
  #openedEver = 0;

  constructor(output: DirectoryOutput, limits = new LiveLimits()) {
    this.#output = output;
    this.#limits = limits;
  }

  get shares(): number {
    return this.#entries.size;
  }

  get openedEver(): number {
    return this.#openedEver;
  }

  /** What operators call the next share by. */
  newNumber(): number {
    return ++this.#numbers;
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
        this.claim(message, now);
        return;
      case "joined":
      case "accepted": {
        const entry = this.#entries.get(message.key);
        if (entry !== undefined) entry[message.t] = true;
        return;
      }
      case "presence":
        if (this.isOwner(message.key, message.epoch)) this.#presence(message);
        return;
      case "orphan":
        if (this.isOwner(message.key, message.epoch)) this.#orphan(message.key, now);
        return;
      case "close":
        if (this.isOwner(message.key, message.epoch)) this.#closedBy(message);
        return;
      case "quiet":
        if (this.isOwner(message.key, message.epoch)) this.#dismiss(message.key);
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

  /**
   * A worker died, and with it the sockets of its senders.
   * @param heirOf the worker that serves stored shares of a channel instead; undefined: nobody asks for them
   */
  workerLost(
    worker: number,
    now: number,
    heirOf: (channel: string) => number | undefined = () => undefined,
  ): void {
    this.#now = now;
    for (const other of this.#output.workers()) {
      this.#output.toWorker(other, { t: "worker-lost", worker });
    }
    for (const [key, entry] of this.#entries) {
      if (entry.home === worker) entry.home = undefined;
      if (entry.record.owner !== worker) continue;
      if (!isStored(entry)) this.#orphan(key, now);
      else this.#inherit(entry, heirOf(entry.record.channel));
    }
  }

  // Stored shares

  /** Why a claim is of no use now; the book of stored shares asks before it makes room. */
  refusalOf({ key, channel, address }: ShareClaim, now: number): FaultError | undefined {
    return this.#entries.has(key) ? undefined : this.#noRoom(key, channel, address, now);
  }

  /** A receiver came to a stored share that no worker serves. */
  openStored(worker: number, { number, facts, state }: OpenedShare, now: number): void {
    const { key, channel, offer, capability } = facts;
    const dropped = this.#entries.get(key);
    if (this.#draining || (dropped !== undefined && !isDropped(dropped))) return;
    // Its receivers here read a stream as from its sender, and come again for one that can be read from the store.
    if (!offer.seekable) this.#dismiss(key);
    const known = this.#entries.get(key);
    if (known === undefined) {
      // One `offers` message lists all shares of the channel; the others follow when one goes.
      if (this.#counts.inChannel(channel) >= this.#limits.now["shares-per-channel"]) return;
      this.#counts.add(channel, undefined);
    }
    const epoch = (known?.record.epoch ?? this.#epochs.get(key) ?? 0) + 1;
    const record = { key, channel, offer, capability, owner: worker, epoch, stored: state };
    const entry: Entry = {
      record,
      number,
      home: worker,
      senderHere: false,
      orphanedAt: undefined,
      address: undefined,
      openedAt: now,
      joined: true,
      accepted: true,
    };
    this.#entries.set(key, entry);
    this.#output.changed?.();
    this.#tellOpened(entry);
  }

  /**
   * @param heirOf as for `workerLost`
   * @returns whether it is open
   */
  storedState(
    key: string,
    stored: StoredState,
    heirOf: (channel: string) => number | undefined = () => undefined,
  ): boolean {
    const entry = this.#entries.get(key);
    if (entry?.record.stored === undefined) return false;
    entry.record = { ...entry.record, stored };
    // Its sender was lost when the last records were on their way to the store.
    if (isStored(entry) && entry.record.owner === undefined) {
      this.#inherit(entry, entry.home ?? heirOf(entry.record.channel));
    }
    return true;
  }

  /** Its channel has no receiver. */
  unload(key: string): void {
    const entry = this.#entries.get(key);
    if (entry !== undefined && isStored(entry) && !entry.senderHere) this.#unload(entry);
  }

  /** Another relay of the cluster serves the receivers of a stored share, which come again and find it there. */
  quiet(key: string): void {
    const record = this.#entries.get(key)?.record;
    if (record?.stored !== undefined && record.remote === undefined) this.#dismiss(key);
  }

  /** The worker that has, or had last, the sender of an open share. */
  homeOf(key: string): number | undefined {
    return this.#entries.get(key)?.home;
  }

  /** No link reads a share of another relay any more: its receivers wait as for a sender that was cut off. */
  drop(key: string, now: number): void {
    if (this.#entries.get(key)?.record.remote !== undefined) this.#orphan(key, now);
  }

  /** Another relay of the cluster stores it now: its receivers here wait for a link to that one. */
  give(key: string, now: number): void {
    const entry = this.#entries.get(key);
    if (entry?.record.stored === undefined || entry.record.remote !== undefined) return;
    // Receivers of a stream come again: here it was read from the store, and there it comes as from its sender.
    if (this.#draining || !entry.record.offer.seekable) {
      this.#dismiss(key);
      return;
    }
    const { epoch } = entry.record;
    entry.record = { ...entry.record, stored: undefined, owner: undefined };
    entry.senderHere = false;
    entry.isGiven = true;
    entry.orphanedAt = now;
    this.#output.changed?.();
    for (const each of this.#output.workers()) {
      this.#output.toWorker(each, { t: "orphaned", key, epoch, isGiven: true });
    }
  }

  /** The relay to which a share was given says that it is over. */
  givenOver(key: string, fault: FaultError): void {
    if (this.#entries.get(key)?.isGiven === true) this.end(key, fault);
  }

  isOwner(key: string, epoch: number): boolean {
    return this.#entries.get(key)?.record.epoch === epoch;
  }

  #unload({ record: { key, epoch } }: Entry): void {
    this.#epochs.set(key, epoch);
    this.#remove(key, { t: "unloaded", key });
  }

  /** @param heir undefined: nobody asks for it */
  #inherit(entry: Entry, heir: number | undefined): void {
    entry.senderHere = false;
    if (heir === undefined) {
      this.#unload(entry);
      return;
    }
    entry.home = heir;
    entry.orphanedAt = undefined;
    entry.record = { ...entry.record, owner: heir, epoch: entry.record.epoch + 1 };
    this.#tellOpened(entry);
  }

  /** Of a whole share: its home has all records. */
  #tellOpened({ record }: Entry): void {
    const whole = [{ first: 0, count: record.stored?.records ?? record.offer.records }];
    for (const each of this.#output.workers()) {
      const durable = each === record.owner ? whole : undefined;
      this.#output.toWorker(each, { t: "opened", record, socket: undefined, durable });
    }
  }

  /** From now on no share is new, and one without a sender is not waited for; `shares` tells the rest. */
  drain(): void {
    this.#draining = true;
    for (const [key, { orphanedAt }] of this.#entries) {
      if (orphanedAt !== undefined) this.#dismiss(key);
    }
  }

  /** Senders of shares go on at other relays from now on. */
  awaitOwners(): void {
    this.#awaitsOwners = true;
  }

  /**
   * Ends a share for all who are in it; its sender can't offer it again before REMOVED_MS.
   * @returns false: no share has that number
   */
  remove(number: number, now: number): boolean {
    this.#now = now;
    for (const [key, entry] of this.#entries) {
      if (entry.number !== number) continue;
      this.forbid(key, now);
      this.#close(key, "removed", faultMessage("removed"));
      return true;
    }
    return false;
  }

  /** A share that may not come again for REMOVED_MS. */
  forbid(key: string, now: number): void {
    this.#removed.set(key, now + REMOVED_MS);
  }

  /** Ends shares whose sender has been away too long, and those that have been there too long. */
  tick(now: number): void {
    this.#now = now;
    const limits = this.#limits.now;
    for (const [key, { orphanedAt, openedAt, joined, record }] of this.#entries) {
      const age = now - openedAt;
      if (orphanedAt !== undefined && now - orphanedAt >= SENDER_GRACE_MS) {
        this.#close(key, "sender-gone");
      } else if (record.stored !== undefined || record.remote !== undefined) {
        // The book of stored shares knows its life, or the relay that has the sender.
        continue;
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

  /**
   * @param stored what the relay stores of it
   * @returns whether the sender has it now
   */
  claim(claim: ShareClaim, now: number, stored?: OpenedShare): boolean {
    this.#now = now;
    const { worker, socket, key, channel, offer, capability, address, uplink } = claim;
    const known = this.#entries.get(key);
    const refusal =
      known === undefined
        ? this.#noRoom(key, channel, address, now)
        : (mismatch(known.record, claim) ?? rivalOf(known, claim));
    if (refusal !== undefined) {
      this.refuse(claim, refusal);
      return false;
    }
    if (known === undefined) this.#counts.add(channel, address);
    else this.#report("debug", "sender-back", known, {});
    const epoch = (known?.record.epoch ?? this.#epochs.get(key) ?? 0) + 1;
    const record: ShareRecord = {
      key,
      channel,
      offer,
      capability,
      owner: worker,
      epoch,
      ...(stored && { stored: stored.state }),
      ...(uplink && {
        remote: uplink.relay,
        level: uplink.level,
        isSenderAway: uplink.isSenderAway,
        remoteStored: uplink.stored,
      }),
    };
    const previousHome = known?.home === worker ? undefined : known?.home;
    const { number, openedAt, joined, accepted } = known ?? {
      number: stored?.number ?? this.newNumber(),
      openedAt: now,
      joined: false,
      accepted: false,
    };
    const entry: Entry = {
      record,
      number,
      home: worker,
      senderHere: isSenderHere(record),
      orphanedAt: undefined,
      address: known === undefined ? address : known.address,
      openedAt,
      joined,
      accepted,
    };
    this.#entries.set(key, entry);
    this.#output.changed?.();
    if (known === undefined) {
      if (uplink === undefined) this.#openedEver++;
      const from = uplink && { owner: uplink.relay };
      this.#report("info", "share-opened", entry, { ...sizeOf(offer), ...from });
    }
    const durable = stored?.facts.durable;
    for (const each of this.#output.workers()) {
      const mine = each === worker ? { socket, previousHome, durable } : { socket: undefined };
      this.#output.toWorker(each, { t: "opened", record, ...mine });
    }
    this.#output.opened?.(key);
    return true;
  }

  /** @param isKnown the cluster refuses it, and need not hear of it */
  refuse(
    { worker, socket, key }: ShareClaim,
    { code, detail, after }: FaultError,
    isKnown = false,
  ): void {
    if (!isKnown) this.#output.refused?.(key);
    const fault = socketFault(code);
    this.#output.toWorker(worker, { t: "refused", socket, key, fault, detail, after });
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

  /** A share that is whole in the store needs its sender no more, however that ended. */
  #closedBy({ key, fault, detail }: Extract<ToDirectory, { t: "close" }>): void {
    const entry = this.#entries.get(key);
    if (entry !== undefined && isStored(entry) && detail === undefined) this.#leftStored(entry);
    else this.#remove(key, { t: "closed", key, fault, detail, isFromSender: detail === undefined });
  }

  #leftStored(entry: Entry): void {
    entry.senderHere = false;
    this.#output.changed?.();
    this.#report("debug", "sender-lost", entry, {});
  }

  #orphan(key: string, now: number): void {
    const entry = this.#entries.get(key);
    if (entry === undefined || entry.orphanedAt !== undefined) return;
    if (isStored(entry)) {
      this.#leftStored(entry);
      return;
    }
    if (this.#draining && !this.#awaitsOwners) {
      // The relay takes no new lines: its sender can't come back here.
      this.#dismiss(key);
      return;
    }
    entry.record = { ...entry.record, owner: undefined };
    entry.senderHere = false;
    entry.orphanedAt = now;
    this.#output.changed?.();
    this.#report("debug", "sender-lost", entry, {});
    const { epoch } = entry.record;
    for (const each of this.#output.workers()) {
      this.#output.toWorker(each, { t: "orphaned", key, epoch });
    }
  }

  #presence(message: SenderPresence): void {
    const entry = this.#entries.get(message.key);
    if (entry?.record.remote === undefined) return;
    const { senderHere, stored: remoteStored } = message;
    entry.record = { ...entry.record, isSenderAway: !senderHere, remoteStored };
    entry.senderHere = senderHere;
    this.#output.changed?.();
    for (const each of this.#output.workers()) this.#output.toWorker(each, message);
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
    this.#output.ended?.(key, entry.record.channel);
  }
}

/** It needs its sender no more. */
function isStored({ record }: Pick<Entry, "record">): boolean {
  return record.stored?.isWhole === true;
}

/** No link reads it from the other relay that had it. */
function isDropped({ record, isGiven = false }: Entry): boolean {
  return (isGiven || record.remote !== undefined) && record.owner === undefined;
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

/** An uplink takes no share from a sender of this relay. */
function rivalOf({ record, senderHere }: Entry, { uplink }: ShareClaim): FaultError | undefined {
  const isOurs = record.remote === undefined && (senderHere || isStored({ record }));
  return uplink !== undefined && isOurs ? new FaultError("replaced") : undefined;
}

function sizeOf(offer: Offer): { readonly bytes?: number; readonly records?: number } {
  return isOpen(offer) ? {} : { bytes: offer.bytes, records: offer.records };
}
