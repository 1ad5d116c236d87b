/**
 * The shares of the relay and the worker that holds each sender: the one place that decides, on the
 * main thread. Workers keep a copy that it sends them; messages to one worker keep their order, so
 * each copy has gone through the same states. It grants and refuses claims, and ends shares.
 * `StoredEntries` serves stored shares without a sender. `ShareWords` passes messages of workers on.
 */
import {
  BoundedMap,
  FaultError,
  SENDER_GRACE_MS,
  faultMessage,
  shareFault,
  socketFault,
  type Offer,
  type ShareFault,
} from "../../protocol/mod.ts";
import { type RelayLimitName } from "../limits/operator-limits.ts";

import { LiveLimits } from "../limits/limits.ts";
import {
  isSenderHere,
  type SenderPresence,
  type ShareRecord,
  type ToDirectory,
} from "../share/messages.ts";
import type { ShareClaim } from "../store/book-effects.ts";
import type { OpenedShare } from "../store/stored-share.ts";
import type { ListedShare } from "../admin/manager.ts";
import { DirectoryEntries, sizeOf, type DirectoryOutput, type Entry } from "./directory-entries.ts";
import { NO_HEIR, StoredEntries, isStored, type HeirOf } from "./stored-entries.ts";

/** The sender of a removed share can't offer it again for so long. ms */
const REMOVED_MS = 60 * 60_000;
/** Removed shares that the relay remembers. An operator removes fewer in an hour. */
const REMOVED_SHARES = 1000;

export class Directory {
  /** Stored shares: it opens them without a sender, unloads them, and gives them to other relays. */
  readonly stored: StoredEntries;
  readonly #output: DirectoryOutput;
  readonly #entries: DirectoryEntries;
  readonly #limits: LiveLimits;
  /** Shares that an operator removed, and the time until which they may not come again. */
  readonly #removed = new BoundedMap<string, number>(REMOVED_SHARES);
  /** The relay drains: senders go on at other relays, and links read their shares from there for receivers that stay. */
  #awaitsOwners = false;
  #openedEver = 0;

  constructor(output: DirectoryOutput, limits = new LiveLimits()) {
    this.#output = output;
    this.#limits = limits;
    this.#entries = new DirectoryEntries(output);
    this.stored = new StoredEntries(output, this.#entries, limits);
  }

  get shares(): number {
    return this.#entries.size;
  }

  get openedEver(): number {
    return this.#openedEver;
  }

  /** The number by which operators call the next share. */
  newNumber(): number {
    return this.#entries.newNumber();
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
    this.#entries.now = now;
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
        if (this.isOwner(message.key, message.epoch)) this.#entries.dismiss(message.key);
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

  /** A worker died, and with it the sockets of its senders. @param heirOf chooses the next home of its stored shares */
  workerLost(worker: number, now: number, heirOf: HeirOf = NO_HEIR): void {
    this.#entries.now = now;
    this.#entries.toAll({ t: "worker-lost", worker });
    for (const [key, entry] of this.#entries) {
      if (entry.home === worker) entry.home = undefined;
      if (entry.record.owner !== worker) continue;
      if (!isStored(entry)) this.#orphan(key, now);
      else this.stored.inherit(entry, heirOf(entry.record.channel));
    }
  }

  /** Why a claim is of no use now; the book of stored shares asks before it makes room. */
  refusalOf({ key, channel, address }: ShareClaim, now: number): FaultError | undefined {
    return this.#entries.has(key) ? undefined : this.#noRoom(key, channel, address, now);
  }

  /** The worker that has, or had last, the sender of an open share. */
  homeOf(key: string): number | undefined {
    return this.#entries.get(key)?.home;
  }

  /** No link reads a share of another relay any more: its receivers wait as for a sender that was cut off. */
  drop(key: string, now: number): void {
    if (this.#entries.get(key)?.record.remote !== undefined) this.#orphan(key, now);
  }

  /** The relay that took a share over says that it is over. */
  givenOver(key: string, fault: FaultError): void {
    if (this.#entries.get(key)?.isGiven === true) this.end(key, fault);
  }

  isOwner(key: string, epoch: number): boolean {
    return this.#entries.get(key)?.record.epoch === epoch;
  }

  /** From now on no share is new, and one without a sender is not waited for; `shares` tells the rest. */
  drain(): void {
    this.#entries.isDraining = true;
    for (const [key, { orphanedAt }] of this.#entries) {
      if (orphanedAt !== undefined) this.#entries.dismiss(key);
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
    this.#entries.now = now;
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
    this.#entries.now = now;
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
    this.#entries.now = now;
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
    if (known === undefined) this.#entries.counts.add(channel, address);
    else this.#entries.report("debug", "sender-back", known, {});
    const epoch = this.#entries.nextEpoch(key);
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
      awaySince:
        uplink?.isSenderAway === true ? (known?.orphanedAt ?? known?.awaySince ?? now) : undefined,
      address: known === undefined ? address : known.address,
      openedAt,
      joined,
      accepted,
    };
    this.#entries.put(entry);
    if (known === undefined) {
      if (uplink === undefined) this.#openedEver++;
      const from = uplink && { owner: uplink.relay };
      this.#entries.report("info", "share-opened", entry, { ...sizeOf(offer), ...from });
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
    if (this.#entries.isDraining) return new FaultError("going-away");
    for (;;) {
      const over = this.#entries.counts.over(channel, address, this.#limits.now);
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
    const isFromSender = detail === undefined;
    if (entry !== undefined && isStored(entry) && isFromSender) this.stored.left(entry);
    else this.#entries.remove(key, { t: "closed", key, fault, detail, isFromSender });
  }

  #orphan(key: string, now: number): void {
    const entry = this.#entries.get(key);
    if (entry === undefined || entry.orphanedAt !== undefined) return;
    if (isStored(entry)) {
      this.stored.left(entry);
      return;
    }
    if (this.#entries.isDraining && !this.#awaitsOwners) {
      // The relay takes no new lines: its sender can't come back here.
      this.#entries.dismiss(key);
      return;
    }
    entry.record = { ...entry.record, owner: undefined };
    entry.senderHere = false;
    // This relay goes on with the wait of the other one. A share that is whole there needs no sender.
    const isWhole = entry.record.remoteStored?.isWhole === true;
    entry.orphanedAt = (isWhole ? undefined : entry.awaySince) ?? now;
    this.#entries.changed();
    this.#entries.report("debug", "sender-lost", entry, {});
    const { epoch } = entry.record;
    this.#entries.toAll({ t: "orphaned", key, epoch });
  }

  #presence(message: SenderPresence): void {
    const entry = this.#entries.get(message.key);
    if (entry?.record.remote === undefined) return;
    const { senderHere, stored: remoteStored } = message;
    entry.record = { ...entry.record, isSenderAway: !senderHere, remoteStored };
    entry.senderHere = senderHere;
    entry.awaySince = senderHere ? undefined : (entry.awaySince ?? this.#entries.now);
    this.#entries.changed();
    this.#entries.toAll(message);
  }

  #close(key: string, fault: ShareFault | undefined, detail?: string): void {
    this.#entries.remove(key, { t: "closed", key, fault, detail });
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

/** An uplink takes no share from a sender of this relay. */
function rivalOf({ record, senderHere }: Entry, { uplink }: ShareClaim): FaultError | undefined {
  const isOurs = record.remote === undefined && (senderHere || isStored({ record }));
  return uplink !== undefined && isOurs ? new FaultError("replaced") : undefined;
}
