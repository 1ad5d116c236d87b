/**
 * The process of one relay of a fleet: it can stand still, with its clock or while that goes on, and can be killed. All that
 * happens to it meanwhile happens when it goes on.
 */
import type { Time, Timer } from "../clock.ts";
import type { Random } from "../random.ts";
import { Streams } from "../streams.ts";
import type { SimStore } from "../store.ts";
import type { Chances, World } from "../world.ts";

export class RelayHost implements Time {
  readonly #clock: Time;
  #isDead = false;
  /** ms of the world; undefined: it runs. */
  #pausedAt: number | undefined;
  /** The clock stands still with the process, as that of a virtual machine does. */
  #isClockStill = false;
  /** By so much its clock is behind. ms */
  #behindMs = 0;
  #waiting: (() => void)[] = [];
  /** When it went on last, by its clock. ms */
  resumedAt = -Infinity;

  constructor(clock: Time) {
    this.#clock = clock;
  }

  get now(): number {
    const at = this.#isClockStill ? (this.#pausedAt ?? this.#clock.now) : this.#clock.now;
    return at - this.#behindMs;
  }

  get isAlive(): boolean {
    return !this.#isDead;
  }

  get isPaused(): boolean {
    return this.#pausedAt !== undefined;
  }

  after(delay: number, run: () => void): Timer {
    return this.#clock.after(delay, () => this.run(run));
  }

  /** Runs a task of the process: later if it stands still, never if it is gone. */
  run(task: () => void): void {
    if (this.#isDead) return;
    if (this.isPaused) this.#waiting.push(task);
    else task();
  }

  pause(isClockStill: boolean): void {
    if (this.isPaused) return;
    this.#pausedAt = this.#clock.now;
    this.#isClockStill = isClockStill;
  }

  resume(): void {
    const since = this.#pausedAt;
    if (since === undefined) return;
    if (this.#isClockStill) this.#behindMs += this.#clock.now - since;
    this.#pausedAt = undefined;
    this.#isClockStill = false;
    this.resumedAt = this.now;
    for (const task of this.#waiting.splice(0)) this.run(task);
  }

  kill(): void {
    this.#isDead = true;
    this.#waiting = [];
  }
}

/** The world as one life of a relay has it: its own clock and chance, and facts about what that life kept. */
export class RelayWorld implements World {
  readonly clock: RelayHost;
  readonly streams: Streams;
  readonly store: SimStore | undefined = undefined;
  readonly #world: World;
  readonly #name: string;

  constructor(world: World, name: string) {
    this.#world = world;
    this.#name = name;
    this.clock = new RelayHost(world.clock);
    this.streams = new Streams(world.clock);
  }

  get faulty(): boolean {
    return this.#world.faulty;
  }

  get chances(): Chances {
    return this.#world.chances;
  }

  fork(part: string): Random {
    return this.#world.fork(`${this.#name} ${part}`);
  }

  get tickMs(): number | undefined {
    return this.#world.tickMs;
  }

  count = (what: string): void => this.#world.count(what);

  trace(text: () => string): void {
    this.#world.trace(() => `${this.#name}: ${text()}`);
  }

  run = (task: () => void): void => this.clock.run(task);
}
