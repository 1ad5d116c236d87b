/**
 * The topics of Bun's server, as far as the relay leans on them: what is published goes to each subscriber by itself. A
 * subscriber over the limit gets nothing, and the caller is not told which one it was. Small messages leave at the end
 * of the turn, or before whatever else its socket is given. By chance one gets lost.
 */
import { isFrame } from "../../protocol/mod.ts";
import type { TopicSocket } from "../../relay/net/topics.ts";

import type { Random } from "./random.ts";
import type { Wire } from "./wire.ts";
import { Violation, type World } from "./world.ts";

export interface SimSubscriber extends TopicSocket {
  /** Gives the line what waits for the end of the turn. */
  flush(): void;
}

export class SimPublisher {
  readonly #world: World;
  readonly #random: Random;
  readonly #topics = new Map<string, Map<Wire, Uint8Array[]>>();

  constructor(world: World, random: Random) {
    this.#world = world;
    this.#random = random;
  }

  subscriber(wire: Wire): SimSubscriber {
    const batch: Uint8Array[] = [];
    return {
      data: { publisher: this },
      subscribe: (topic) => {
        const wires = this.#topics.get(topic) ?? new Map<Wire, Uint8Array[]>();
        this.#topics.set(topic, wires.set(wire, batch));
        return true;
      },
      unsubscribe: (topic) => {
        const wires = this.#topics.get(topic);
        if (wires?.delete(wire) !== true) return false;
        if (wires.size === 0) this.#topics.delete(topic);
        return true;
      },
      flush: () => {
        for (const bytes of batch.splice(0)) wire.down.push(bytes);
      },
    };
  }

  publish(topic: string, data: Uint8Array): number {
    for (const [wire, batch] of this.#topics.get(topic) ?? []) {
      // At most one message may be on its way to a subscriber: so none is ever over the limit.
      if (wire.down.buffered > 0)
        throw new Violation(`published to line ${wire.id}, which is full`);
      if (!isFrame(data)) {
        batch.push(data.slice());
        if (batch.length === 1) this.#flushLater(wire, batch);
      } else if (this.#world.faulty && this.#random.chance(this.#world.chances.lostFrame)) {
        this.#world.count("lost publication");
      } else {
        for (const bytes of batch.splice(0)) wire.down.push(bytes);
        this.#world.count("frame published");
        wire.down.push(data.slice());
      }
    }
    // As of a server that listens no more: it tells nothing.
    return 0;
  }

  #flushLater({ down }: Wire, batch: Uint8Array[]): void {
    this.#world.clock.after(0, () => {
      for (const bytes of batch.splice(0)) down.push(bytes);
    });
  }
}
