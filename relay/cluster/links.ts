/**
 * The links of this relay: for each channel with receivers here, one to each other relay that owns shares of it. A worker
 * with receivers of the channel keeps the link, and opens it again when it breaks.
 */
import { Askers } from "../store/askers.ts";
import type { OverShare } from "../store/stored-share.ts";
import type { Say } from "./book-effects.ts";
import type { KnownShares } from "./known-shares.ts";

/** Links of this relay: each is a connection, and has streams. */
export const LINKS_MOST = 10_000;
/**
 * A link that stands is kept so long after the entries for it have gone: its owner may be alive and cut off from the
 * directory, and claims its shares again. ms
 */
export const LINGER_MS = 60_000;

export interface Link {
  readonly id: number;
  readonly worker: number;
  readonly relay: string;
  readonly asked: Asked;
  /** Its first list of shares came, and it did not break since. */
  isUp: boolean;
  /** Since when the directory has no share for it. */
  idleSince: number | undefined;
  /** Stored shares of the owner that are over, as it said last. */
  over: readonly OverShare[];
}

/** A channel with receivers here, or with some a while ago. */
interface Asked {
  /** In hex. */
  readonly channel: string;
  readonly blinded: string;
  /** By relay. */
  readonly links: Map<string, Link>;
}

export interface LinksHost {
  readonly me: string;
  readonly known: KnownShares;
  readonly blinded: (id: string) => string;
  readonly random: () => number;
  readonly addressOf: (relay: string) => string | undefined;
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
    if (asked !== undefined && asked.links.size === 0 && this.#workersOf(asked).length === 0) {
      this.#askers.forget(channel);
      this.#forget(asked);
    }
  }

  /** Its links are over, and others take them on. */
  workerLost(worker: number, now: number): void {
    this.#askers.workerLost(worker, now);
    for (const link of this.#links.values()) {
      if (link.worker !== worker) continue;
      this.#remove(link);
      this.#arrange(link.asked, now);
    }
  }

  linked(id: number): void {
    const link = this.#links.get(id);
    if (link !== undefined) link.isUp = true;
  }

  lost(id: number, now: number): void {
    const link = this.#links.get(id);
    if (link === undefined) return;
    link.isUp = false;
    this.#arrange(link.asked, now);
  }

  over(id: number, list: readonly OverShare[]): void {
    const link = this.#links.get(id);
    if (link === undefined) return;
    link.over = list;
    for (const worker of this.#workersOf(link.asked)) this.#tellOver(worker, link);
  }

  /** A share came by this link: those that are over tell their senders alone. */
  opened(link: Link): void {
    link.over = [];
  }

  #tellOver(worker: number, { asked: { channel }, relay, over: list }: Link): void {
    if (list.length > 0) this.#host.say({ t: "over", worker, channel, relay, list });
  }

  /**
   * Shares of the channel came or went, or the address of an owner came.
   * @param channel blinded
   * @param hasMoved a share has another owner now
   */
  changed(channel: string, hasMoved: boolean, now: number): void {
    const asked = this.#byBlinded.get(channel);
    if (asked !== undefined) this.#arrange(asked, now, hasMoved);
  }

  /** The link that reads shares of that relay in the channel. @param channel blinded */
  to(relay: string, channel: string): Link | undefined {
    return this.#byBlinded.get(channel)?.links.get(relay);
  }

  tick(now: number): void {
    for (const link of this.#links.values()) {
      if (link.idleSince !== undefined && now - link.idleSince >= LINGER_MS) this.#unlink(link);
    }
    for (const channel of this.#askers.leave(now)) {
      const asked = this.#asked.get(channel);
      if (asked === undefined) continue;
      for (const link of asked.links.values()) this.#unlink(link);
      this.#forget(asked);
    }
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
      const address = addressOf(relay);
      const workers = this.#workersOf(asked);
      const worker = workers[Math.floor(random() * workers.length)] ?? looking;
      if (asked.links.has(relay) || address === undefined || worker === undefined) continue;
      if (this.#links.size >= LINKS_MOST) return;
      const id = ++this.#linksEver;
      const more = { isUp: false, idleSince: undefined, over: [] };
      const link: Link = { id, worker, relay, asked, ...more };
      asked.links.set(relay, link);
      this.#links.set(id, link);
      say({ t: "link", worker, link: id, channel: asked.channel, relay, address });
    }
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
    const asked = { channel, blinded: this.#host.blinded(channel), links: new Map() };
    this.#asked.set(channel, asked);
    this.#byBlinded.set(asked.blinded, asked);
    return asked;
  }

  #forget({ channel, blinded }: Asked): void {
    this.#asked.delete(channel);
    this.#byBlinded.delete(blinded);
  }

  #workersOf({ channel }: Asked): number[] {
    return [...this.#askers.of(channel)];
  }
}
