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
 * While NATS does not answer (`DirectoryTrust`), shares and links go on as they are; see `Ownership` for claims.
 */
import type { ShareClaim } from "../store/book-effects.ts";
import type { OverShare } from "../store/stored-share.ts";
import type { AskedShare, ClusterEffect, Report } from "./book-effects.ts";
import type { Entry, Outcome, OwnerValue, RelayValue } from "./directory-kv.ts";
import { DirectoryTrust } from "./directory-trust.ts";
import { removeGone, type GoneRelaysHost } from "./gone-relays.ts";
import { answerTo } from "./inquiry.ts";
import { KnownRelays, type ClusterRelay } from "./known-relays.ts";
import { KnownShares, type KnownShare } from "./known-shares.ts";
import { Links, type Link } from "./links.ts";
import type { Refuge, ThroughAsk } from "./messages.ts";
import { OpenQuestions } from "./open-questions.ts";
import { OwnerValues, type OwnerValuesOptions } from "./owner-values.ts";
import { Ownership } from "./ownership.ts";
import { RemoteShares } from "./remote-shares.ts";
import { ShareNews } from "./share-news.ts";
import type { KeptShare } from "./slot.ts";

export interface ClusterBookOptions extends OwnerValuesOptions {
  /** The site of this relay, see `routes.ts`; undefined: it has none. */
  readonly site?: string | undefined;
  /** In [0, 1). */
  readonly random: () => number;
  readonly report: Report;
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
  readonly #values: OwnerValues;
  readonly #trust: DirectoryTrust;
  readonly #known: KnownShares;
  readonly #relays: KnownRelays;
  readonly #ownership: Ownership;
  readonly #links: Links;
  readonly #remotes: RemoteShares;
  readonly #questions: OpenQuestions;
  readonly #news: ShareNews;
  readonly #gone: GoneRelaysHost;
  #effects: ClusterEffect[] = [];
  #now: number;
  #isRetiring = false;

  constructor(options: ClusterBookOptions, now: number) {
    const { me, site, blinded, random, report, sharesMost } = options;
    const say = (effect: ClusterEffect): void => void this.#effects.push(effect);
    this.#options = options;
    this.#now = now;
    this.#trust = new DirectoryTrust(say, now);
    this.#values = new OwnerValues(options);
    this.#known = new KnownShares(me, sharesMost);
    this.#relays = new KnownRelays(me, random);
    const [values, known, relays] = [this.#values, this.#known, this.#relays];
    const heritageOf = (entry: KnownShare): OwnerValue | undefined =>
      this.#isRetiring ? undefined : values.heritageOf(entry);
    const isHeld = (name: string): boolean => this.#ownership.isHeld(name);
    this.#ownership = new Ownership({
      me,
      known,
      say,
      ownerValue: (share) => values.of(share),
      keeperOf: (entry) => relays.keeperOf(entry, this.#now),
      heritageOf,
      placeIn: (name, place) => values.placeIn(name, place),
      isGone: (relay) => relays.isGone(relay, this.#now),
      isReady: () => this.#trust.isReady,
      learn: (name, value, revision) => this.#news.learn(name, value, revision, this.#now),
      free: (name) => this.#remotes.changed(name),
    });
    this.#links = new Links({
      me,
      site,
      known,
      blinded,
      random,
      say,
      addressOf: (relay) => relays.addressOf(relay),
      siteOf: (relay) => relays.siteOf(relay),
      relaysAt: (prefix) => relays.at(prefix),
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
      knowsAll: () => this.#trust.wasSynced,
      lookInto: (entry, { worker, key }) => {
        const channel = values.channelOf(entry, key);
        if (channel !== undefined) this.#links.lookedInto(worker, channel, this.#now);
        return this.#links.to(entry.relay, entry.channel) !== undefined || channel !== undefined;
      },
    });
    const [links, remotes, questions] = [this.#links, this.#remotes, this.#questions];
    this.#news = new ShareNews({ known, links, remotes, questions, report });
    const evict = (entry: KnownShare): void => this.#ownership.kept.evict(entry);
    this.#gone = { known, relays, heritageOf, evict, report, say };
  }

  get counts(): ClusterCounts {
    return {
      relays: this.#relays.size,
      shares: this.#known.size,
      owned: this.#ownership.owned,
      links: this.#links.size,
      waitingClaims: this.#ownership.waitingClaims + this.#remotes.waitingClaims,
      isConnected: this.#trust.isReady,
    };
  }

  get isConnected(): boolean {
    return this.#trust.isReady;
  }

  /** See `KnownRelays.refuge`. */
  refuge(now: number, name: string | undefined): Refuge {
    return this.#trust.isReady ? this.#relays.refuge(now, name) : "none";
  }

  /** The relay drains. The others hear of it, and it takes over no more shares, which would soon move again. */
  retire(now: number): void {
    this.#now = now;
    this.#isRetiring = true;
    this.#trust.hasten(now);
    this.#trust.heartbeat(now);
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

  /** An effect answers the claim. */
  claim(claim: ShareClaim, now: number): void {
    this.#now = now;
    const name = this.nameOf(claim.channel, claim.key);
    if (claim.uplink === undefined) this.#ownership.claim(claim, name, now);
    else this.#remotes.claim(claim, name, now);
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

  /** The store of this relay knows the share: since the relay's start, or from now on. */
  kept(share: KeptShare, now: number): void {
    this.#now = now;
    this.#ownership.kept.kept(this.nameOf(share.channel, share.key), share);
  }

  /** The store knows the share no more. */
  released(key: string, channel: string, now: number): void {
    this.#now = now;
    this.#ownership.kept.released(this.nameOf(channel, key));
  }

  /** The bucket had these shares when this relay started. This relay takes over each one that no relay has. */
  found(shares: Iterable<KeptShare>, now: number): void {
    this.#now = now;
    for (const share of shares) {
      this.#ownership.kept.found(this.nameOf(share.channel, share.key), share);
    }
  }

  /** Whether this relay still takes over the share that its store reads. */
  adopts(name: string): boolean {
    return this.#ownership.kept.adopts(name);
  }

  /** The store has read the share. `kept` came before, unless the share is over. */
  adopted(name: string, now: number): void {
    this.#now = now;
    this.#ownership.kept.adopted(name);
  }

  /** Other relays may have taken this one for gone: it proves its shares in the bucket anew. */
  doubt(now: number): void {
    this.#now = now;
    this.#ownership.kept.doubt();
  }

  /** The directory names this relay as the owner of each share that it keeps in a bucket. */
  get isProven(): boolean {
    return this.#trust.isReady && this.#ownership.kept.isProven;
  }

  /** A sender asks about a share that the store of this relay does not know: an effect answers it. */
  inquire(asked: AskedShare, now: number): void {
    this.#now = now;
    const shares = [...this.#known.ofShare(this.#options.blinded(asked.key))];
    const entry = shares.find(({ relay, stored }) => relay !== this.#options.me && stored);
    const address = entry && this.#relays.addressOf(entry.relay);
    const knowsAll = this.#trust.isReady && !this.#known.isFull;
    this.#effects.push(answerTo(asked, { entry, address, knowsAll, values: this.#values }));
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

  /** Stored shares of the relay at the link's other end are over. */
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
    this.#news.learn(key, value, revision, now);
    this.#ownership.told(key);
  }

  relay(entry: Entry<RelayValue>, now: number): void {
    this.#now = now;
    // A link may wait for the address of its owner, or of a gateway.
    if (this.#relays.told(entry, now)) this.#links.relaysChanged(now);
    if (this.#trust.isReady) this.#lookAround();
    // Another relay took this one for gone.
    if (entry.key === this.#options.me && entry.value === undefined) this.#trust.hasten(now);
  }

  synced(keys: ReadonlySet<string>, now: number): void {
    this.#now = now;
    this.#ownership.synced();
    for (const name of this.#known.names) {
      if (!keys.has(name)) this.#news.learn(name, undefined, 0, now);
    }
    this.#trusted(now);
  }

  connected(isConnected: boolean, now: number): void {
    this.#now = now;
    this.#trust.connected(isConnected, now);
    if (!isConnected) this.#ownership.disconnected(now);
  }

  outcome(op: number, outcome: Outcome, now: number): void {
    this.#now = now;
    this.#ownership.outcome(op, outcome, now);
  }

  tick(now: number): void {
    this.#now = now;
    if (this.#trust.tick(now)) this.#trusted(now);
    this.#trust.heartbeat(now);
    if (this.#trust.isReady) {
      removeGone(this.#gone, now);
      this.#lookAround();
    }
    this.#ownership.tick(now);
    this.#remotes.tick(now);
    this.#links.tick(now);
    this.#questions.tick(now);
    this.#news.tick();
  }

  /** The directory agrees with all known entries. */
  #trusted(now: number): void {
    this.#trust.synced();
    this.#relays.startAnew(now);
    this.#lookAround();
    this.#ownership.lookAgain();
    this.#questions.lookAgain();
  }

  /** Ways to owners depend on which relays live, so the links look at them again. */
  #lookAround(): void {
    if (this.#relays.lookAround(this.#now)) this.#links.relaysChanged(this.#now);
  }

  /** The name of a share in the directory. */
  nameOf(channel: string, key: string): string {
    return this.#values.nameOf(channel, key);
  }
}
