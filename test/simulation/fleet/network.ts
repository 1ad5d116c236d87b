/** The ways of a fleet: from clients to any of its relays, and between relays. Each pair can be cut off from each other. */
import type { Connector, Ways } from "../network.ts";
import type { Random } from "../random.ts";
import type { SimRelay } from "../relay.ts";
import { Wire, type ClientEnd } from "../wire.ts";
import type { World } from "../world.ts";
import type { RelayHost } from "./host.ts";

/** A relay that says nothing for so long is gone for the other side. ms */
const SILENT_MS = 32_000;

/** A machine, and the relay on it while there is one. */
export interface Place {
  readonly index: number;
  relay: SimRelay | undefined;
  host: RelayHost | undefined;
}

interface Line {
  readonly wire: Wire;
  /** Places of the relays at its ends; from undefined: a client. */
  readonly from: number | undefined;
  readonly to: number;
}

export interface FleetWays {
  /** Between two places. */
  readonly between: (from: number, to: number) => Ways;
  /** Chance that a client comes back to the relay where it was. */
  readonly sticks: number;
}

export class FleetNetwork implements Connector {
  readonly places: readonly Place[];
  readonly #world: World;
  readonly #ways: FleetWays;
  readonly #random: Random;
  readonly #partitions = new Set<string>();
  readonly #last = new Map<ClientEnd, number>();
  #lines: Line[] = [];
  #nextId = 1;

  constructor(world: World, relays: number, ways: FleetWays) {
    this.#world = world;
    this.#ways = ways;
    this.#random = world.fork("network");
    this.places = Array.from({ length: relays }, (_, index) => ({
      index,
      relay: undefined,
      host: undefined,
    }));
  }

  /** Of a client, to any relay. */
  connect(client: ClientEnd, ways: Ways, random: Random): Wire {
    const { clock, chances, faulty } = this.#world;
    const wire = this.#wire(ways, client, undefined, this.#choose(client, random));
    if (faulty && random.chance(chances.unanswered)) {
      this.#world.count("connect unanswered");
      return wire;
    }
    const isRefused = faulty && random.chance(chances.refused);
    clock.after(ways.up.latency, () => this.#arrive(wire, ways, random, isRefused));
    return wire;
  }

  /** Of a relay, to another one. */
  link(from: number, address: string, client: ClientEnd): Wire {
    const to = Number(address);
    const ways = this.#ways.between(from, to);
    const wire = this.#wire(ways, client, from, to);
    this.#world.clock.after(ways.up.latency, () => {
      if (!this.isCut(from, to)) this.#arrive(wire, ways, this.#random, false);
      // No relay answers.
    });
    return wire;
  }

  isCut(from: number, to: number): boolean {
    return this.#partitions.has(pair(from, to));
  }

  /** Two relays do not reach each other; each side notices at its time. */
  part(from: number, to: number, random: Random): void {
    this.#partitions.add(pair(from, to));
    for (const line of this.#between(from, to)) this.#silence(line, random);
  }

  heal(from: number, to: number): void {
    this.#partitions.delete(pair(from, to));
  }

  healAll(): void {
    this.#partitions.clear();
  }

  /** Lines that a relay opened to others break, some or all, and both sides notice soon. @returns how many */
  cutLinks(place: number, random: Random): number {
    const isAll = random.chance(0.3);
    // A line of a stream may break alone.
    const lines = this.#open.filter((each) => each.from === place && (isAll || random.chance(0.4)));
    for (const { wire } of lines) wire.cut(random.real(0, 300), random.real(0, 300));
    return lines.length;
  }

  /** The relay stands still: after a while the others take it for gone. */
  paused(place: number, isStill: () => boolean): void {
    this.#world.clock.after(SILENT_MS, () => {
      if (!isStill()) return;
      for (const { wire, from, to } of this.#open) {
        if (to === place || from === place) wire.cut(0, 0);
      }
    });
  }

  #silence({ wire }: Line, random: Random): void {
    wire.cut(random.real(0, SILENT_MS), random.real(0, SILENT_MS));
  }

  #choose(client: ClientEnd, random: Random): number {
    const before = this.#last.get(client);
    const isSame = before !== undefined && random.chance(this.#ways.sticks);
    const place = isSame ? before : random.whole(0, this.places.length - 1);
    this.#last.set(client, place);
    return place;
  }

  /** @param place that the client shall come to next */
  send(client: ClientEnd, place: number): void {
    this.#last.set(client, place % this.places.length);
  }

  #arrive(wire: Wire, ways: Ways, random: Random, isRefused: boolean): void {
    const line = this.#lines.find((each) => each.wire === wire);
    const place = this.places[line?.to ?? 0];
    const { latency } = ways.up;
    const { host, relay } = place ?? {};
    const isEdge = line?.from !== undefined;
    if (isRefused || relay === undefined || host?.isAlive !== true) {
      this.#refuse(wire, latency);
      return;
    }
    host.run(() => {
      if (!relay.take(wire, latency, random, isEdge)) this.#refuse(wire, latency);
    });
  }

  #refuse(wire: Wire, latency: number): void {
    this.#world.count("connect refused");
    this.#world.clock.after(latency, () => wire.clientLoses());
  }

  #wire(ways: Ways, client: ClientEnd, from: number | undefined, to: number): Wire {
    const wire = new Wire(this.#nextId++, this.#world.clock, ways, client);
    if (this.#lines.length > 64) this.#lines = this.#lines.filter((each) => !each.wire.isDone);
    this.#lines.push({ wire, from, to });
    return wire;
  }

  get #open(): Line[] {
    return this.#lines.filter(({ wire }) => !wire.isDone);
  }

  #between(a: number, b: number): Line[] {
    return this.#open.filter(({ from, to }) => from !== undefined && pair(from, to) === pair(a, b));
  }
}

function pair(a: number, b: number): string {
  return a < b ? `${a}-${b}` : `${b}-${a}`;
}
