import type { Offer } from "../../../protocol/mod.ts";
import type { ClusterEffect } from "../../../relay/cluster/book-effects.ts";
import { UPLINK_WAIT_MS } from "../../../relay/cluster/remote-shares.ts";
import type { ClusterWorld } from "./cluster.ts";
import type { SimRelay } from "./relay.ts";

export const OFFER: Offer = {
  share: new Uint8Array(16),
  recordSize: 84,
  records: 5,
  bytes: 300,
  seekable: true,
};

interface SimLink {
  readonly id: number;
  readonly worker: number;
  readonly channel: string;
  readonly relay: string;
  isUp: boolean;
}

/** The links of one relay, and what their workers do with them: they look at the owner's shares again and again. */
export class SimLinks {
  readonly #world: ClusterWorld;
  readonly #relay: SimRelay;
  readonly #links = new Map<number, SimLink>();
  #claims = 0;

  constructor(world: ClusterWorld, relay: SimRelay) {
    this.#world = world;
    this.#relay = relay;
  }

  get all(): Iterable<SimLink> {
    return this.#links.values();
  }

  get(id: number | undefined): SimLink | undefined {
    return this.#links.get(id ?? 0);
  }

  begin({ link: id, worker, channel, relay }: Extract<ClusterEffect, { t: "link" }>): void {
    this.#links.set(id, { id, worker, channel, relay, isUp: false });
  }

  over(id: number): void {
    this.#links.delete(id);
    this.#relay.linkOver(id);
  }

  workerLost(worker: number): void {
    for (const [id, link] of this.#links) if (link.worker === worker) this.over(id);
  }

  clear(): void {
    this.#links.clear();
  }

  poll(): void {
    const { book } = this.#relay;
    for (const link of this.#links.values()) {
      const owner = this.#world.relayOf(link.relay);
      const isUp = owner?.isServing === true;
      if (isUp && !link.isUp) book.linked(link.id);
      if (!isUp && link.isUp) book.linkLost(link.id, this.#world.clock.now);
      link.isUp = isUp;
      if (owner !== undefined && isUp) this.#read(link, owner);
    }
  }

  #read(link: SimLink, owner: SimRelay): void {
    const { local, book, claims } = this.#relay;
    owner.load(link.channel);
    for (const { key, channel, link: via, socket: theirs } of owner.local.values()) {
      const mine = local.get(key);
      const isRead = mine?.link === link.id || mine?.socket !== undefined;
      const isServed = theirs !== undefined || owner.serves(key);
      if (channel !== link.channel || via !== undefined || !isServed) continue;
      if (isRead || claims.isWaiting(link.id)) continue;
      const socket = -++this.#claims;
      claims.begin(socket, this.#relay.uptime, UPLINK_WAIT_MS, link.id);
      const uplink = { link: link.id, relay: link.relay };
      const { worker } = link;
      const claim = { t: "claim", worker, socket, channel, key, offer: OFFER, uplink } as const;
      book.claim(claim, this.#world.clock.now);
    }
    // The owner says that it is over.
    for (const mine of local.values()) {
      if (mine.link === link.id && !owner.local.has(mine.key)) this.#relay.close(mine);
    }
  }
}
