import {
  CONNECT_MS,
  FaultError,
  decodeControl,
  encodeControl,
  equalBytes,
  helloMessage,
  isFrame,
  type Role,
  type Signer,
} from "../../protocol/mod.ts";

import type { Connector, Ways } from "./network.ts";
import type { Random } from "./random.ts";
import type { ClientEnd, Wire } from "./wire.ts";
import type { World } from "./world.ts";

/** As in cli/connection/further-links.ts. */
const TRIES_PER_CONNECTION = 6;
const RETRY_MS = 300;
/** Of a line that breaks, how long it lives, and how late each side sees that. ms */
const LIFE_MS = 5000;
const NOTICE_MS = 8000;

interface FurtherOptions {
  readonly world: World;
  readonly network: Connector;
  readonly ways: Ways;
  readonly random: Random;
  readonly role: Role;
  readonly signer: Signer;
  readonly session: Uint8Array;
  readonly wanted: number;
  /** Before a line is used. */
  readonly prepare: (wire: Wire) => void;
  readonly frame: (bytes: Uint8Array) => void;
  readonly lost: (wire: Wire) => void;
}

type State = "greeting" | "proving" | "online";

/** The further lines of a client; mirrors cli/connection/further-links.ts. Some of them break. */
export class SimFurther implements ClientEnd {
  readonly #options: FurtherOptions;
  readonly #states = new Map<Wire, State>();
  #triesLeft: number;

  constructor(options: FurtherOptions) {
    this.#options = options;
    this.#triesLeft = options.wanted * TRIES_PER_CONNECTION;
    for (let count = 0; count < options.wanted; count++) this.#open();
  }

  get online(): Wire[] {
    return [...this.#states].flatMap(([wire, state]) => (state === "online" ? wire : []));
  }

  get mayCarry(): boolean {
    return [...this.#states.values()].some((state) => state !== "greeting");
  }

  pause(): void {
    for (const wire of this.#states.keys()) wire.down.pause();
  }

  resume(): void {
    for (const wire of this.#states.keys()) wire.down.resume();
  }

  drop(): void {
    this.#triesLeft = 0;
    const wires = [...this.#states.keys()];
    this.#states.clear();
    for (const wire of wires) wire.clientCloses();
  }

  // From the wires

  opened(): void {
    // The relay speaks first.
  }

  received(wire: Wire, bytes: Uint8Array): void {
    const state = this.#states.get(wire);
    if (state === undefined) return;
    if (!isFrame(bytes)) this.#hear(wire, state, bytes);
    else if (state === "online") this.#options.frame(bytes);
  }

  closed(wire: Wire): void {
    this.#lose(wire);
  }

  #open(): void {
    if (this.#triesLeft === 0) return;
    this.#triesLeft--;
    const { world, network, ways, random, prepare } = this.#options;
    const wire = network.connect(this, ways, random);
    this.#states.set(wire, "greeting");
    prepare(wire);
    world.clock.after(CONNECT_MS, () => {
      if (this.#states.get(wire) === "online") return;
      if (this.#states.has(wire)) wire.clientCloses();
      this.#lose(wire);
    });
  }

  #hear(wire: Wire, state: State, bytes: Uint8Array): void {
    const { role, session, signer, world } = this.#options;
    try {
      const message = decodeControl(bytes, `relay-to-${role}`);
      if (message.t === "challenge" && state === "greeting") {
        this.#states.set(wire, "proving");
        wire.up.push(encodeControl(helloMessage(message, role, { signer }, session)));
      } else if (
        message.t === "welcome" &&
        state === "proving" &&
        equalBytes(message.session, session)
      ) {
        world.count("further line");
        this.#states.set(wire, "online");
        this.#breakLater(wire);
      } else {
        if (message.t === "fault") world.count(`further line: ${message.code}`);
        wire.clientCloses();
        this.#lose(wire);
      }
    } catch (error) {
      if (!(error instanceof FaultError)) throw error;
      wire.clientCloses();
      this.#lose(wire);
    }
  }

  #breakLater(wire: Wire): void {
    const { world, random } = this.#options;
    if (!world.faulty || random.chance(0.5)) return;
    const [client, relay] = [random.scale(1, NOTICE_MS), random.scale(1, NOTICE_MS)];
    world.clock.after(random.scale(1, LIFE_MS), () => {
      if (!wire.isOpen || !world.faulty) return;
      world.count("further line cut");
      wire.cut(client, relay);
    });
  }

  #lose(wire: Wire): void {
    const state = this.#states.get(wire);
    if (!this.#states.delete(wire)) return;
    if (state === "online") this.#options.lost(wire);
    this.#options.world.clock.after(RETRY_MS, () => this.#open());
  }
}
