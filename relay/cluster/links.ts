/**
 * The links of this relay: for each channel with receivers here, one for each other relay that owns shares of it. It goes
 * to that relay or to a gateway on the way (`routes.ts`). Edges that read through this relay have a link for the owner
 * that they ask for. A worker with receivers of the channel, or with lines of such edges, keeps the link, and opens it
 * again when it breaks.
 */
import { Askers } from "../store/askers.ts";
import type { OverShare } from "../store/stored-share.ts";
import type { Say } from "./book-effects.ts";
import { Chain } from "./chain.ts";
import type { KnownShares } from "./known-shares.ts";
import { nextHop, type Hop } from "./routes.ts";

/** Links of this relay: each is a connection, and has streams. */
export const LINKS_MOST = 10_000;
/**
 * A link that stands is kept so long after the entries for it have gone: its owner may be alive and cut off from the
 * directory, and claims its shares again. ms
 */
export const LINGER_MS = 60_000;
/** A gateway by which no share comes for so long does not reach the owner. Another one may. ms */
export const GATEWAY_SERVES_MS = 10_000;
/** Failed tries of a link, one after the other, after which its gateway counts as gone. The second try follows at once. */
const GATEWAY_TRIES = 2;

export interface Link {
  readonly id: number;
  readonly worker: number;
  /** The owner. */
  readonly relay: string;
  readonly hop: Hop;
  readonly asked: Asked;
  /** Its first list of shares came, and it did not break since. */
  isUp: boolean;
  /** Tries that failed since the link was up. */
  failures: number;
  /** The time at which a share last came by the link, or at which it was opened. */
  servedAt: number;
  /** Since when the directory has no share for it. */
  idleSince: number | undefined;
  /** Stored shares of the owner that are over, as the owner said last. */
  over: readonly OverShare[];
}

/** A channel with receivers here, or with some a while ago. */
interface Asked {
  /** In hex. */
  readonly channel: string;
  readonly blinded: string;
  /** By owner. */
  readonly links: Map<string, Link>;
  /** By owner: only owners for which edges ask here, or to which a gateway failed. */
  readonly chains: Map<string, Chain>;
}

export interface LinksHost {
  readonly me: string;
  readonly site: string | undefined;
  readonly known: KnownShares;
  readonly blinded: (id: string) => string;
  readonly random: () => number;
  readonly addressOf: (relay: string) => string | undefined;
  readonly siteOf: (relay: string) => string | undefined;
  /** Relays that live and have a site with this prefix. */
  readonly relaysAt: (prefix: string) => Iterable<string>;
  /** Whether a share comes by the link. */
  readonly serves: (link: Link) => boolean;
  /** The link is over; its worker may be gone. */
  readonly over: (link: Link) => void;
  readonly say: Say;
}

export class Links {
  readonly #host: LinksHost;
  readonly #askers = new Askers();
  readonly #asked = new Map<string, Asked>();
  readonly #byBlinded = new Map<string, Asked>();
  readonly #links = new Map<number, Link>();
  #linksEver = 0;

  constructor(host: LinksHost) {
    this.#host = host;
  }

  get size(): number {
    return this.#links.size;
  }

  /** Channels that are kept. */
  get channels(): number {
    return this.#asked.size;
  }

  get(id: number): Link | undefined {
    return this.#links.get(id);
  }

  asked(worker: number, channel: string, now: number): void {
    this.#askers.add(worker, channel, now);
    const asked = this.#askedIn(channel);
    this.#arrange(asked, now);
    for (const link of asked.links.values()) this.#tellOver(worker, link);
  }

  /** A client at the worker looks into the channel, and is no receiver yet. */
  lookedInto(worker: number, channel: string, now: number): void {
    this.#askers.touch(channel, now);
    this.#arrange(this.#askedIn(channel), now, false, worker);
  }

  unasked(worker: number, channel: string, now: number): void {
    this.#askers.remove(worker, channel, now);
    const asked = this.#asked.get(channel);
    // Receivers come to any number of channels in which there is nothing.
    if (asked !== undefined && asked.links.size === 0) {
      this.#askers.forget(channel);
      this.#forgetIfOver(asked);
    }
  }

  /** Edges read shares of an owner through this relay. @param level the least; undefined: none does any more */
  through(
    worker: number,
    channel: string,
    owner: string,
    level: number | undefined,
    now: number,
  ): void {
    const isKnown = this.#asked.get(channel)?.chains.has(owner) === true;
    if (level === undefined && !isKnown) return;
    const asked = this.#askedIn(channel);
    this.#chain(asked, owner).asked(worker, level, now);
    this.#arrange(asked, now);
    const link = asked.links.get(owner);
    if (level !== undefined && link !== undefined) this.#tellOver(worker, link);
  }

  /** Its links are over, and others take them on. */
  workerLost(worker: number, now: number): void {
    this.#askers.workerLost(worker, now);
    for (const { chains } of this.#asked.values()) {
      for (const chain of chains.values()) chain.asked(worker, undefined, now);
    }
    for (const link of this.#links.values()) {
      if (link.worker !== worker) continue;
      this.#remove(link);
      this.#arrange(link.asked, now);
    }
  }

  linked(id: number, now: number): void {
    const link = this.#links.get(id);
    if (link === undefined) return;
    link.isUp = true;
    link.failures = 0;
    link.servedAt = now;
  }

  lost(id: number, now: number): void {
    const link = this.#links.get(id);
    if (link === undefined) return;
    link.isUp = false;
    link.failures++;
    if (link.failures >= GATEWAY_TRIES) this.#gatewayFailed(link, now);
    this.#arrange(link.asked, now);
  }

  over(id: number, list: readonly OverShare[]): void {
    const link = this.#links.get(id);
    if (link === undefined) return;
    link.over = list;
    for (const worker of this.#workersFor(link.asked, link.relay)) this.#tellOver(worker, link);
  }

  /** A share came by this link: shares that are over concern their senders alone from now on. */
  opened(link: Link): void {
    link.over = [];
  }

  #tellOver(worker: number, { asked: { channel }, relay, over: list }: Link): void {
    if (list.length > 0) this.#host.say({ t: "over", worker, channel, relay, list });
  }

  /**
   * Shares of the channel came or went.
   * @param channel blinded
   * @param hasMoved a share has another owner now
   */
  changed(channel: string, hasMoved: boolean, now: number): void {
    const asked = this.#byBlinded.get(channel);
    if (asked !== undefined) this.#arrange(asked, now, hasMoved);
  }

  /** Other relays live than before, so ways may go by other relays. */
  relaysChanged(now: number): void {
    for (const asked of this.#asked.values()) this.#arrange(asked, now);
  }

  /** The link that reads shares of that relay in the channel. @param channel blinded */
  to(relay: string, channel: string): Link | undefined {
    return this.#byBlinded.get(channel)?.links.get(relay);
  }

  tick(now: number): void {
    for (const link of this.#links.values()) {
      if (link.idleSince !== undefined && now - link.idleSince >= LINGER_MS) this.#unlink(link);
      else if (link.hop.level > 0) this.#watch(link, now);
    }
    for (const channel of this.#askers.leave(now)) this.#leave(channel, now);
    for (const asked of this.#asked.values()) {
      let isOther = false;
      for (const [owner, chain] of asked.chains) {
        if (chain.tick(now)) isOther = true;
        if (chain.isEmpty) asked.chains.delete(owner);
      }
      if (isOther) this.#leave(asked.channel, now);
    }
  }

  /** Ends links that neither receivers nor edges ask for. */
  #leave(channel: string, now: number): void {
    const asked = this.#asked.get(channel);
    if (asked === undefined) return;
    for (const link of asked.links.values()) if (!this.#isAsked(link)) this.#unlink(link);
    this.#arrange(asked, now);
    this.#forgetIfOver(asked);
  }

  /** Gives up a gateway that is there and does not reach the owner. */
  #watch(link: Link, now: number): void {
    if (!link.isUp || link.idleSince !== undefined || this.#host.serves(link)) link.servedAt = now;
    if (now - link.servedAt < GATEWAY_SERVES_MS) return;
    this.#gatewayFailed(link, now);
    this.#arrange(link.asked, now);
  }

  #gatewayFailed({ hop, relay, asked }: Link, now: number): void {
    if (hop.level > 0) this.#chain(asked, relay).failed(hop.relay, now);
  }

  /** @param looking a worker for want of those with receivers */
  #arrange(asked: Asked, now: number, hasMoved = false, looking?: number): void {
    const { me, known, random, addressOf, say } = this.#host;
    const owners = new Set([...known.inChannel(asked.blinded)].map(({ relay }) => relay));
    owners.delete(me);
    for (const link of asked.links.values()) {
      if (owners.has(link.relay)) link.idleSince = undefined;
      else if (link.isUp && !hasMoved) link.idleSince ??= now;
      else this.#unlink(link);
    }
    for (const relay of owners) {
      const hop = this.#hop(asked, relay);
      const address = addressOf(hop.relay);
      const before = asked.links.get(relay);
      if (address === undefined || addressOf(relay) === undefined) continue;
      if (before !== undefined && isSame(before.hop, hop)) continue;
      const workers = this.#workersFor(asked, relay);
      const drawn = workers[Math.floor(random() * workers.length)] ?? looking;
      // The worker of the link before has the log.
      const worker = before?.worker ?? drawn;
      if (before !== undefined) this.#unlink(before);
      if (worker === undefined) continue;
      if (this.#links.size >= LINKS_MOST) return;
      const id = ++this.#linksEver;
      const link: Link = {
        id,
        worker,
        relay,
        hop,
        asked,
        isUp: false,
        failures: 0,
        servedAt: now,
        idleSince: undefined,
        over: [],
      };
      asked.links.set(relay, link);
      this.#links.set(id, link);
      const { level } = hop;
      say({ t: "link", worker, link: id, channel: asked.channel, relay, address, level });
    }
  }

  #hop({ blinded, chains }: Asked, owner: string): Hop {
    const { me, site, siteOf, relaysAt } = this.#host;
    const chain = chains.get(owner);
    return nextHop({
      me,
      owner,
      channel: blinded,
      site,
      ownerSite: siteOf(owner),
      askedAt: chain?.askedAt,
      relaysOf: (prefix) => [...relaysAt(prefix)].filter((id) => chain?.rests(id) !== true),
    });
  }

  #isAsked({ asked, relay }: Link): boolean {
    const isThrough = asked.chains.get(relay)?.askedAt !== undefined;
    return isThrough || this.#askers.has(asked.channel);
  }

  #unlink(link: Link): void {
    this.#host.say({ t: "unlink", worker: link.worker, link: link.id });
    this.#remove(link);
  }

  #remove(link: Link): void {
    this.#links.delete(link.id);
    link.asked.links.delete(link.relay);
    this.#host.over(link);
  }

  #askedIn(channel: string): Asked {
    const known = this.#asked.get(channel);
    if (known !== undefined) return known;
    const blinded = this.#host.blinded(channel);
    const asked: Asked = { channel, blinded, links: new Map(), chains: new Map() };
    this.#asked.set(channel, asked);
    this.#byBlinded.set(asked.blinded, asked);
    return asked;
  }

  #chain({ chains }: Asked, owner: string): Chain {
    const chain = chains.get(owner) ?? new Chain();
    chains.set(owner, chain);
    return chain;
  }

  #forgetIfOver({ channel, blinded, links, chains }: Asked): void {
    if (this.#askers.has(channel) || links.size > 0) return;
    if ([...chains.values()].some(({ askedAt }) => askedAt !== undefined)) return;
    this.#asked.delete(channel);
    this.#byBlinded.delete(blinded);
  }

  /** Workers with receivers of the channel, or with lines of edges that ask for the owner. */
  #workersFor({ channel, chains }: Asked, owner: string): number[] {
    return [...new Set([...this.#askers.of(channel), ...(chains.get(owner)?.workers ?? [])])];
  }
}

function isSame(one: Hop, other: Hop): boolean {
  return one.relay === other.relay && one.level === other.level;
}
