import type { Random } from "./random.ts";
import type { SimRelay } from "./relay.ts";
import { Wire, type ClientEnd, type Way } from "./wire.ts";
import type { World } from "./world.ts";

/** Lines of one client, both directions. */
export interface Ways {
  readonly up: Way;
  readonly down: Way;
}

/** The way from clients to relays. */
export interface Connector {
  /** Begins to open a line; `client` is told how it went. */
  connect(client: ClientEnd, ways: Ways, random: Random): Wire;
}

/** The way to whatever relay there is at the moment. */
export class Network implements Connector {
  relay: SimRelay | undefined;
  readonly #world: World;
  #nextId = 1;

  constructor(world: World) {
    this.#world = world;
  }

  connect(client: ClientEnd, ways: Ways, random: Random): Wire {
    const { clock, chances, faulty } = this.#world;
    const wire = new Wire(this.#nextId++, clock, ways, client);
    const { latency } = ways.up;
    if (faulty && random.chance(chances.unanswered)) {
      this.#world.count("connect unanswered");
      return wire;
    }
    const refused = faulty && random.chance(chances.refused);
    clock.after(latency, () => {
      if (!refused && this.relay?.take(wire, latency, random) === true) return;
      this.#world.count("connect refused");
      clock.after(latency, () => wire.clientLoses());
    });
    return wire;
  }
}
