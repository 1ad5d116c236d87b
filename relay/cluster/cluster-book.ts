/**
 * The decisions of one relay of a cluster: which shares it owns, which links it has to other owners, and which relays are gone.
 * Pure logic on the main thread. `ClusterKeeper` gives it the words of workers, of the relay's directory and of the
 * directory in NATS, and the time; it carries the effects out in their order.
 *
 *   claims, ended ---> Ownership ---put-share, remove-share---> NATS ---watch---> KnownShares ---> yield
 *   asked, unasked ------------------------------------------> Links -----------> link, unlink
 *   claims of links -----------------------------------------> RemoteShares ----> claim, drop
 *   heartbeats ----------------------------------------------> KnownRelays -----> entries removed
 *
 * While NATS does not answer, shares and links go on as they are; see `Ownership` for claims.
 */
import { FaultError } from "../../protocol/mod.ts";
import type { ShareClaim } from "../store/book-effects.ts";
import type { AskedShare, ClusterEffect } from "./book-effects.ts";
import {
  HEARTBEAT_MS,
  RELAY_GONE_MS,
  type Entry,
  type Outcome,
  type OwnerValue,
  type RelayValue,
} from "./directory-kv.ts";
import { KnownRelays, type ClusterRelay } from "./known-relays.ts";
import { KnownShares, type KnownShare } from "./known-shares.ts";
import type { OverShare } from "../store/stored-share.ts";
import { Links, type Link } from "./links.ts";
import { OpenQuestions } from "./open-questions.ts";
import type { Refuge, ToCluster } from "./messages.ts";
import { Ownership, strayed } from "./ownership.ts";
import { RemoteShares } from "./remote-shares.ts";
import type { KeptShare, Slot } from "./slot.ts";

/** A tick that is late by that much: the relay stood still, and others may take it for gone. ms */
const PAUSE_MS = RELAY_GONE_MS / 2;
/** A watch that did not begin anew within that time after such a pause has missed nothing. ms */
const STALE_MS = RELAY_GONE_MS;

/** Relays with the same bucket have so long to take over what a relay that is gone kept there. ms */
export const ABANDONED_MS = 10 * 60_000;
type ThroughAsk = Pick<
  Extract<ToCluster, { t: "through" }>,
  "worker" | "channel" | "owner" | "level"
>;

export interface ClusterBookOptions {
  /** This relay's id in hex. */
  readonly me: string;
  /** See `routes.ts`; undefined: it is nowhere in particular. */
  readonly site?: string | undefined;
  readonly blinded: (id: string) => string;
  /** See `ClusterSecret.masked`; undefined: look-ups find no share of a channel without receivers here. */
  readonly masked?: ((channel: string, share: string) => string) | undefined;
  /** See `ClusterSecret.maskedPlace`; undefined: the directory has no places. */
  readonly maskedPlace?: ((place: string, share: string) => string) | undefined;
  /** See `OwnerValue.store`; undefined: this relay stores in no bucket. */
  readonly store?: string | undefined;
  /** In [0, 1). */
  readonly random: () => number;
  readonly report: (report: {
    readonly level: "info" | "warn";
    readonly event: string;
    readonly fields: Readonly<Record<string, string | number>>;
  }) => void;
  /** Instead of CLUSTER_SHARES_MOST. */
  readonly sharesMost?: number | undefined;
}

export interface ClusterCounts {
  readonly relays: number;
  readonly shares: number;
  readonly owned: number;
  readonly links: number;
  readonly waitingClaims: number;
  readonly isConnected: boolean;
}

/** All times in ms of one clock that does not jump. */
export class ClusterBook {
  readonly #options: ClusterBookOptions;
  readonly #known: KnownShares;
  readonly #relays: KnownRelays;
  readonly #ownership: Ownership;
  readonly #links: Links;
  readonly #remotes: RemoteShares;
  readonly #questions: OpenQuestions;
  #effects: ClusterEffect[] = [];
  #now: number;
  #tickedAt: number;
  #isConnected = false;
  #isSynced = false;
  #wasSynced = false;
  /** Since the relay stood still; undefined: it did not, or the watch began anew since. */
  #staleSince: number | undefined;
  #heartbeatAt = 0;
  #isFull = false;
  #isRetiring = false;

  constructor(options: ClusterBookOptions, now: number) {
    const { me, site, blinded, random, sharesMost } = options;
    this.#options = options;
    this.#now = now;
    this.#tickedAt = now;
    const known = new KnownShares(me, sharesMost);
    this.#known = known;
    this.#relays = new KnownRelays(me, random);
    const say = (effect: ClusterEffect): void => void this.#effects.push(effect);
    const isHeld = (name: string): boolean => this.#ownership.isHeld(name);
    this.#ownership = new Ownership({
      me,
      known,
      say,
      ownerValue: (share) => this.#ownerValue(share),
      keeperOf: (entry) => this.#keeperOf(entry),
      heritageOf: (entry) => this.#heritageOf(entry),
      placeIn: (name, place) =>
        this.#options.maskedPlace?.(place, name.split(".")[1] ?? "") ?? place,
      isGone: (relay) => this.#relays.isGone(relay, this.#now),
      isReady: () => this.#isReady,
      learn: (name, value, revision) => this.#learn(name, value, revision),
      free: (name) => this.#remotes.changed(name),
    });
    this.#links = new Links({
      me,
      site,
      known,
      blinded,
      random,
      say,
      addressOf: (relay) => this.#relays.addressOf(relay),
      siteOf: (relay) => this.#relays.siteOf(relay),
      relaysAt: (prefix) => this.#relays.at(prefix),
      serves: (link) => this.#remotes.isServedBy(link),
      over: (link) => this.#remotes.linkOver(link),
    });
    const linkOf = (id: number) => this.#links.get(id);
    this.#remotes = new RemoteShares({ known, isHeld, linkOf, say });
    this.#questions = new OpenQuestions({
      me,
      known,
      say,
      isOpen: (key) => this.#remotes.isOpen(key),
      knowsAll: () => this.#wasSynced,
      lookInto: (entry, { worker, key }) => {
        const channel = this.#channelOf(entry, key);
        if (channel !== undefined) this.#links.lookedInto(worker, channel, this.#now);
        return this.#links.to(entry.relay, entry.channel) !== undefined || channel !== undefined;
      },
    });
  }

  get counts(): ClusterCounts {
    return {
      relays: this.#relays.size,
      shares: this.#known.size,
      owned: this.#ownership.owned,
      links: this.#links.size,
      waitingClaims: this.#ownership.waitingClaims + this.#remotes.waitingClaims,
      isConnected: this.#isReady,
    };
  }

  get isConnected(): boolean {
    return this.#isReady;
  }

  /** See `KnownRelays.refuge`. */
  refuge(now: number, name: string | undefined): Refuge {
    return this.#isReady ? this.#relays.refuge(now, name) : "none";
  }

  /** Says the heartbeat anew, which has changed. */
  announce(now: number): void {
    this.#heartbeatAt = now;
    if (this.#isConnected) this.#heartbeat();
  }

  /** The relay drains: the others hear of it, and this one takes over no share that would soon be another one's again. */
  retire(now: number): void {
    this.#isRetiring = true;
    this.announce(now);
  }

  /** Of what is kept for a time alone: all 0 when nothing is to be done. */
  get left(): Readonly<Record<string, number>> {
    return {
      slots: this.#ownership.left,
      channels: this.#links.channels,
      links: this.#links.size,
      remotes: this.#remotes.size,
      waiting: this.counts.waitingClaims,
      questions: this.#questions.size,
    };
  }

  /** For `relay status`. */
  cluster(): ClusterRelay[] {
    return this.#relays.list(this.#now, (id) => this.#known.currentOf(id));
  }

  /** The effects since the last time, in the order in which they are to be carried out. */
  take(): ClusterEffect[] {
    this.#ownership.settle(this.#now);
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }

  // Workers, and this relay's directory

  /** @returns true: an effect answers it */
  claim(claim: ShareClaim, now: number): boolean {
    this.#now = now;
    const name = this.nameOf(claim.channel, claim.key);
    if (claim.uplink === undefined) this.#ownership.claim(claim, name, now);
    else this.#remotes.claim(claim, name, now);
    return true;
  }

  /** This relay's directory gave the share to a claim that was passed on. */
  opened(key: string): void {
    if (this.#ownership.opened(key)) {
      this.#remotes.forget(key);
      this.#questions.opened(this.#options.blinded(key));
    } else if (this.#remotes.opened(key)) this.#remoteOpened(key);
    // The store took so long that the entry was removed.
    else this.#effects.push({ t: "yield", key, again: true });
  }

  #remoteOpened(key: string): void {
    const link = this.#remotes.linkOf(key);
    if (link !== undefined) this.#links.opened(link);
    this.#questions.changed(this.#options.blinded(key));
  }

  /** It did not, or the store did not. */
  refused(key: string): void {
    if (!this.#ownership.refused(key)) this.#remotes.forget(key);
    this.#questions.refused(this.#options.blinded(key));
  }

  /** This relay's directory has the share no more. */
  ended(key: string, channel: string, now: number): void {
    this.#now = now;
    this.#remotes.forget(key);
    this.#ownership.ended(this.nameOf(channel, key));
  }

  /** The store of this relay knows the share: at its start, and from then on. */
  kept(share: KeptShare, now: number): void {
    this.#now = now;
    // Shares that are over leave room for others.
    if (share.place === undefined && this.#known.isHalfFull) {
      this.released(share.key, share.channel, now);
      return;
    }
    this.#ownership.kept(this.nameOf(share.channel, share.key), share);
  }

  /** It knows it no more. */
  released(key: string, channel: string, now: number): void {
    this.#now = now;
    this.#ownership.released(this.nameOf(channel, key));
  }

  /** The bucket of this relay had these shares when it started: this one keeps those that no relay has. */
  found(shares: Iterable<KeptShare>, now: number): void {
    this.#now = now;
    for (const share of shares) {
      const { key, channel, ...kept } = share;
      const value = this.#ownerValue({ key, channel, kept, heritage: undefined });
      this.#ownership.found(this.nameOf(channel, key), share, value);
    }
  }

  /** Whether this relay still takes over the share that its store reads. */
  adopts(name: string): boolean {
    return this.#ownership.adopts(name);
  }

  /** `kept` came before, unless there is nothing to keep. */
  adopted(name: string, now: number): void {
    this.#now = now;
    this.#ownership.adopted(name);
  }

  /** This relay may have been taken for gone: it proves its shares in the bucket anew. */
  doubt(now: number): void {
    this.#now = now;
    this.#ownership.doubt();
  }

  /** The directory says that each share which this relay keeps in a bucket is its own. */
  get isProven(): boolean {
    return this.#isReady && this.#ownership.isProven;
  }

  /** A sender asks about a share that the store of this relay does not know: an effect answers it. */
  inquire(asked: AskedShare, now: number): void {
    this.#now = now;
    const share = this.#options.blinded(asked.key);
    const { me } = this.#options;
    const entry = [...this.#known.ofShare(share)].find((each) => each.relay !== me && each.stored);
    const address = entry && this.#relays.addressOf(entry.relay);
    if (entry !== undefined && asked.isForwarded) {
      this.#effects.push({ t: "unasked-share", ...asked, fault: strayed() });
    } else if (entry !== undefined && address !== undefined) {
      const { worker, socket, key, question } = asked;
      const { relay } = entry;
      const channel = this.#channelOf(entry, key);
      this.#effects.push({ t: "forward", worker, socket, key, channel, relay, address, question });
    } else if (entry !== undefined) {
      const fault = new FaultError("going-away", "the relay that stores the share is away");
      this.#effects.push({ t: "unasked-share", ...asked, fault });
    } else if (!this.#isReady || this.#known.isFull) {
      const fault = new FaultError("going-away", "the directory of its cluster does not answer");
      this.#effects.push({ t: "unasked-share", ...asked, fault });
    } else {
      this.#effects.push({ t: "unknown-share", ...asked });
    }
  }

  asked(worker: number, channel: string, now: number): void {
    this.#now = now;
    this.#links.asked(worker, channel, now);
  }

  unasked(worker: number, channel: string, now: number): void {
    this.#now = now;
    this.#links.unasked(worker, channel, now);
  }

  lookUp(worker: number, question: number, key: string, now: number): void {
    this.#now = now;
    const share = this.#options.blinded(key);
    this.#questions.ask({ worker, question, key, share, at: now });
  }

  workerLost(worker: number, now: number): void {
    this.#now = now;
    this.#ownership.workerLost(worker);
    this.#questions.workerLost(worker);
    this.#links.workerLost(worker, now);
  }

  /** Edges read shares of an owner through this relay: see `ToCluster`. */
  through({ worker, channel, owner, level }: ThroughAsk, now: number): void {
    this.#now = now;
    this.#links.through(worker, channel, owner, level, now);
  }

  linked(link: number): void {
    this.#links.linked(link, this.#now);
  }

  /** Stored shares of the relay at its other end are over. */
  over(link: number, list: readonly OverShare[]): void {
    this.#links.over(link, list);
  }

  /** The link that reads this share from another relay. */
  linkOf(key: string): Pick<Link, "id" | "worker"> | undefined {
    return this.#remotes.linkOf(key);
  }

  linkLost(link: number, now: number): void {
    this.#now = now;
    this.#links.lost(link, now);
  }

  // The directory in NATS

  share(entry: Entry<OwnerValue>, now: number): void {
    this.#now = now;
    const { key, value, revision } = entry;
    if (value !== undefined) this.#relays.seen(value.relay, now);
    if (this.#ownership.isBehind(entry)) return;
    this.#learn(key, value, revision);
    this.#ownership.told(key);
  }

  relay(entry: Entry<RelayValue>, now: number): void {
    this.#now = now;
    if (this.#relays.told(entry, now)) {
      for (const { channel } of this.#known.ofRelay(entry.key)) {
        this.#links.changed(channel, false, now);
      }
    }
    if (this.#isReady) this.#lookAround();
    // Another relay took this one for gone.
    if (entry.key === this.#options.me && entry.value === undefined) this.#heartbeatAt = now;
  }

  synced(keys: ReadonlySet<string>, now: number): void {
    this.#now = now;
    this.#ownership.synced();
    for (const name of this.#known.names) {
      if (!keys.has(name)) this.#learn(name, undefined, 0);
    }
    this.#trust(now);
  }

  connected(isConnected: boolean, now: number): void {
    this.#now = now;
    this.#isConnected = isConnected;
    this.#isSynced = false;
    this.#staleSince = undefined;
    this.#heartbeatAt = now;
    if (isConnected) this.#heartbeat();
    else this.#ownership.disconnected(now);
  }

  outcome(op: number, outcome: Outcome, now: number): void {
    this.#now = now;
    this.#ownership.outcome(op, outcome, now);
  }

  tick(now: number): void {
    this.#now = now;
    const gap = now - this.#tickedAt;
    this.#tickedAt = now;
    if (gap > PAUSE_MS && this.#isSynced) {
      this.#isSynced = false;
      this.#staleSince = now;
    }
    if (this.#staleSince !== undefined && now - this.#staleSince >= STALE_MS) this.#trust(now);
    if (this.#isConnected) this.#heartbeat();
    if (this.#isReady) {
      this.#removeGone(now);
      this.#lookAround();
    }
    this.#ownership.tick(now);
    this.#remotes.tick(now);
    this.#links.tick(now);
    this.#questions.tick(now);
    if (!this.#known.isFull) this.#isFull = false;
  }

  get #isReady(): boolean {
    return this.#isConnected && this.#isSynced;
  }

  /** The directory agrees with all known entries. */
  #trust(now: number): void {
    this.#isSynced = true;
    this.#wasSynced = true;
    this.#staleSince = undefined;
    this.#relays.startAnew(now);
    this.#lookAround();
    this.#ownership.lookAgain();
    this.#questions.lookAgain();
  }

  /** The ways to owners go by relays that live. */
  #lookAround(): void {
    if (this.#relays.lookAround(this.#now)) this.#links.relaysChanged(this.#now);
  }

  #heartbeat(): void {
    if (this.#now < this.#heartbeatAt) return;
    this.#heartbeatAt = this.#now + HEARTBEAT_MS;
    this.#effects.push({ t: "put-relay" });
  }

  #removeGone(now: number): void {
    const sharesOf = (id: string): number => this.#known.countOf(id);
    for (const { id, isFirst, hasLeft, silentMs } of this.#relays.gone(now, sharesOf)) {
      // The farewell of one that has left goes by itself: relays that start now shall see it.
      if (isFirst && !hasLeft) {
        const fields = { relay: id, shares: sharesOf(id) };
        this.#options.report({ level: "warn", event: "relay-gone", fields });
        this.#effects.push({ t: "remove-relay", id });
      }
      for (const entry of this.#known.ofRelay(id)) {
        const isOthers = entry.place !== undefined && entry.stored === "s3";
        // Relays with that bucket may come, and would find the share anyway when they start.
        const waits = isOthers && this.#heritageOf(entry) === undefined && silentMs < ABANDONED_MS;
        if (!waits) this.#ownership.evict(entry);
      }
    }
  }

  /** @param value undefined: there is no such share */
  #learn(name: string, value: OwnerValue | undefined, revision: number): void {
    const before = this.#known.get(name);
    if (value === undefined) this.#known.delete(name);
    else if (!this.#known.set(name, value, revision, this.#now)) this.#full();
    const after = this.#known.get(name);
    const entry = after ?? before;
    if (entry === undefined) return;
    if (after?.isOver === true) this.#questions.changed(entry.share);
    if (after?.relay === before?.relay) return;
    this.#links.changed(entry.channel, after !== undefined, this.#now);
    this.#remotes.changed(name);
    this.#questions.changed(entry.share);
  }

  #full(): void {
    if (this.#isFull) return;
    this.#isFull = true;
    const fields = { shares: this.#known.size };
    this.#options.report({ level: "warn", event: "cluster-full", fields });
  }

  /** In the directory. */
  nameOf(channel: string, key: string): string {
    const { blinded } = this.#options;
    return `${blinded(channel)}.${blinded(key)}`;
  }

  #ownerValue(slot: Pick<Slot, "key" | "channel" | "kept" | "heritage">): OwnerValue {
    const { key, channel, kept, heritage } = slot;
    if (heritage !== undefined) return heritage;
    const { me, blinded, masked, maskedPlace } = this.#options;
    const { stored, isPart = false, place, store } = kept ?? {};
    const isOver = kept !== undefined && place === undefined;
    return {
      relay: me,
      ...(masked && { channel: masked(channel, key) }),
      ...(stored && { stored }),
      ...(isPart && { isPart }),
      ...(isOver && { isOver }),
      ...(place && maskedPlace && { place: maskedPlace(place, blinded(key)) }),
      ...(store && { store }),
    };
  }

  /** See `OwnershipHost`. */
  #heritageOf({ masked, stored, place, store }: KnownShare): OwnerValue | undefined {
    if (this.#isRetiring) return undefined;
    const isOurs = stored === "s3" && place !== undefined && store === this.#options.store;
    return isOurs ? { relay: this.#options.me, channel: masked, stored, place, store } : undefined;
  }

  /** In hex; undefined: the directory does not tell it. */
  #channelOf({ masked, channel: blindedChannel }: KnownShare, key: string): string | undefined {
    if (masked === undefined) return undefined;
    const channel = this.#options.masked?.(masked, key);
    const isTrue = channel !== undefined && this.#options.blinded(channel) === blindedChannel;
    return isTrue ? channel : undefined;
  }

  /** See `OwnershipHost`. */
  #keeperOf({ relay, stored }: KnownShare): { address: string | undefined } | undefined {
    if (stored === undefined || !this.#relays.isAlive(relay, this.#now)) return undefined;
    // Relays of another version take no senders of this one, which then has the share as one that is not stored.
    if (this.#relays.isForeign(relay)) return undefined;
    return { address: this.#relays.addressOf(relay) };
  }
}
