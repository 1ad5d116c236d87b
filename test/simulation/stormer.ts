import {
  decodeControl,
  encodeControl,
  helloMessage,
  isFrame,
  type FaultCode,
  type Message,
  type OfferSeen,
  type Signer,
} from "../../protocol/mod.ts";

import { Client } from "./client.ts";
import type { Connector, Ways } from "./network.ts";
import type { World } from "./world.ts";

export interface StormHabits {
  /** Between two messages of one socket. ms */
  readonly everyMs: number;
  readonly lasts: number;
}

/** Records of a share without an end that it asks for. */
const FURTHEST = 100;

/**
 * A client that joins again and again wherever it likes, and never takes a share: under one id or
 * many, at records that are there, at some beyond the end, with a window of one or of none. It reads
 * all it gets, and acknowledges some of it where it jumps to.
 */
export class Stormer extends Client {
  readonly #signer: Signer;
  readonly #habits: StormHabits;
  readonly #id: Uint8Array;
  #offer: OfferSeen | undefined;

  constructor(
    name: string,
    world: World,
    network: Connector,
    ways: Ways,
    signer: Signer,
    habits: StormHabits,
  ) {
    super(name, world, network, ways, {});
    this.#signer = signer;
    this.#habits = habits;
    this.#id = this.random.bytes(16);
    this.connect();
    world.clock.after(habits.lasts, () => {
      if (this.alive) this.exit();
    });
    this.#next();
  }

  protected override onOpened(): void {
    // The relay speaks first.
  }

  protected override onLost(_fault: FaultCode): void {
    this.#offer = undefined;
    this.world.clock.after(this.random.real(100, 1000), () => {
      if (this.alive) this.connect();
    });
  }

  protected override onMessage(bytes: Uint8Array): void {
    if (isFrame(bytes)) return;
    const message = decodeControl(bytes, "relay-to-receiver");
    if (message.t === "challenge") {
      this.#send(helloMessage(message, "receiver", { signer: this.#signer }));
    }
    if (message.t === "offers") this.#offer = message.list.at(-1) ?? this.#offer;
  }

  protected override onTick(): void {
    // It acts at times of its own.
  }

  #next(): void {
    if (!this.alive) return;
    if (this.#offer !== undefined) this.#storm(this.#offer);
    this.world.clock.after(this.#habits.everyMs, () => this.#next());
  }

  #storm({ share, records }: OfferSeen): void {
    const { random } = this;
    const end = Math.min(records, FURTHEST);
    const from = random.chance(0.05) ? records : random.whole(0, end - 1);
    const window = random.chance(0.9) ? 1 : 0;
    if (random.chance(0.1)) {
      this.#send({ t: "ack", share, next: from, window });
      return;
    }
    const receiver = random.chance(0.9) ? this.#id : random.bytes(16);
    this.world.count("joins of a storm");
    this.#send({ t: "join", share, receiver, name: new Uint8Array(0), from, window });
  }

  #send(message: Message): void {
    this.say(encodeControl(message));
  }
}
