import {
  encodeControl,
  type FaultCode,
  type Message,
  type Role,
  type Signer,
} from "../../protocol/mod.ts";
import type { LinkSocket } from "../../protocol/session/driver.ts";

import { SimFurther } from "./further.ts";
import type { Connector, Ways } from "./network.ts";
import type { Random } from "./random.ts";
import type { ClientEnd, Wire } from "./wire.ts";
import type { World } from "./world.ts";
import { describe } from "./worker.ts";

/** Twice CLIENT_TICK_MS: nothing depends on it, and a simulation is mostly ticks. */
const TICK_MS = 100;
/** A relay closes a socket that sends nothing, not even pongs; a frozen process sends none. */
const FROZEN_CLOSE_MS = 32_000;

/**
 * A process with one line to the relay at a time; mirrors cli/connection/relay-link.ts and the timers of
 * cli/send/sending.ts and cli/receive/receiving.ts. A process can freeze (as by SIGSTOP) and be killed.
 */
export abstract class Client implements ClientEnd, LinkSocket {
  readonly name: string;
  protected readonly world: World;
  protected readonly random: Random;
  protected wire: Wire | undefined;
  protected further: SimFurther | undefined;
  /** Its lines, the main one among them. */
  readonly #connections: number;
  readonly #network: Connector;
  readonly #ways: Ways;
  #alive = true;
  #frozen = 0;
  #frozenSince = 0;
  readonly #deferred: (() => void)[] = [];

  constructor(
    name: string,
    world: World,
    network: Connector,
    ways: Ways,
    { part = name, startAt = 0, connections = 1 },
  ) {
    this.#connections = connections;
    this.name = name;
    this.world = world;
    this.random = world.fork(part);
    this.#network = network;
    this.#ways = ways;
    world.clock.after(startAt - world.clock.now, () => this.#beat());
  }

  get now(): number {
    return this.world.clock.now;
  }

  get alive(): boolean {
    return this.#alive;
  }

  get frozen(): boolean {
    return this.#frozen > 0;
  }

  protected abstract onOpened(): void;
  protected abstract onLost(fault: FaultCode): void;
  protected abstract onMessage(bytes: Uint8Array): void;
  protected abstract onTick(): void;

  // For the driver of the session

  connect(): void {
    this.disconnect();
    this.wire = this.#network.connect(this, this.#ways, this.random);
    if (this.frozen) this.wire.down.pause();
    this.prepare(this.wire);
  }

  /** The relay welcomed the main line. */
  protected extend(role: Role, signer: Signer, session: Uint8Array): void {
    if (this.#connections === 1) return;
    this.further = new SimFurther({
      role,
      signer,
      session,
      world: this.world,
      network: this.#network,
      ways: this.#ways,
      random: this.world.fork(`${this.name}, further lines at ${this.now}`),
      wanted: this.#connections - 1,
      prepare: (wire) => {
        if (this.frozen) wire.down.pause();
        this.prepareFurther(wire);
      },
      frame: (bytes) => {
        if (this.#alive) this.onMessage(bytes);
      },
      lost: (wire) => this.whenRunning(() => this.onFurtherLost(wire)),
    });
  }

  protected prepareFurther(_wire: Wire): void {
    // Nothing, as in `prepare`.
  }

  protected onFurtherLost(_wire: Wire): void {
    // Nothing, for a client that has none.
  }

  /** Before a new line is used. */
  protected prepare(_wire: Wire): void {
    // Nothing, unless a client reads slowly or counts by line.
  }

  disconnect(): void {
    const { wire } = this;
    this.wire = undefined;
    this.#dropFurther();
    wire?.clientCloses();
  }

  #dropFurther(): void {
    this.further?.drop();
    this.further = undefined;
  }

  control(message: Message): void {
    this.world.trace(() => `${this.name}: ${describe(message)}`);
    this.say(encodeControl(message));
  }

  /** The process ends by itself: what it said still leaves. */
  protected exit(): void {
    this.#alive = false;
    this.disconnect();
  }

  protected say(bytes: Uint8Array): void {
    if (this.wire?.isOpen === true) this.wire.up.push(bytes);
  }

  /** As by kill -9. */
  kill(): void {
    this.world.trace(() => `${this.name} is killed`);
    this.exit();
  }

  /** Breaks the line; each side notices when it does. ms */
  cut(clientNotices: number, relayNotices: number): boolean {
    if (this.wire?.isOpen !== true) return false;
    this.world.trace(
      () => `${this.name}: cut, seen after ${clientNotices | 0}, by the relay ${relayNotices | 0}`,
    );
    this.wire.cut(clientNotices, relayNotices);
    return true;
  }

  freeze(): void {
    if (this.#frozen++ > 0) return;
    this.world.trace(() => `${this.name} freezes`);
    const { wire } = this;
    wire?.down.pause();
    this.further?.pause();
    const since = this.now;
    this.#frozenSince = since;
    this.world.clock.after(FROZEN_CLOSE_MS, () => {
      if (!this.frozen || this.#frozenSince !== since || wire === undefined) return;
      wire.relayLoses();
      wire.relayCloses();
    });
  }

  thaw(): void {
    if (--this.#frozen > 0) return;
    this.world.trace(() => `${this.name} thaws`);
    for (const task of this.#deferred.splice(0)) this.whenRunning(task);
    this.wire?.down.resume();
    this.further?.resume();
  }

  /** Runs a task of this process: later if it is frozen, never if it is gone. */
  protected whenRunning(task: () => void): void {
    if (this.frozen) this.#deferred.push(() => this.whenRunning(task));
    else if (this.#alive) task();
  }

  // From the wire

  opened(wire: Wire): void {
    this.whenRunning(() => {
      if (wire === this.wire) this.onOpened();
    });
  }

  received(wire: Wire, bytes: Uint8Array): void {
    if (wire === this.wire && this.#alive) this.onMessage(bytes);
  }

  closed(wire: Wire): void {
    this.whenRunning(() => {
      if (wire !== this.wire) return;
      this.wire = undefined;
      this.#dropFurther();
      this.onLost(wire.wasOpened ? "connection-lost" : "relay-unreachable");
    });
  }

  #beat(): void {
    if (!this.#alive) return;
    if (!this.frozen) this.onTick();
    this.world.clock.after(TICK_MS, () => this.#beat());
  }
}
