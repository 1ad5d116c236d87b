import { TICK_MS } from "../../relay/limits/limits.ts";
import { Directory } from "../../relay/main/directory.ts";
import { LiveLimits } from "../../relay/limits/limits.ts";
import { StoreKeeper } from "../../relay/main/store-keeper.ts";
import type {
  FromDirectory,
  FromStoreBook,
  ToDirectory,
  ToStoreBook,
} from "../../relay/share/messages.ts";
import { createPool, reclaim, type PoolBuffers } from "../../relay/log/block-pool.ts";

import { CheckedPool, Ledger } from "./checked-pool.ts";
import type { Random } from "./random.ts";
import type { Wire } from "./wire.ts";
import { SimWorker, type WorkerSettings } from "./worker.ts";
import { Violation, type World } from "./world.ts";

export interface RelaySettings extends WorkerSettings {
  readonly workers: number;
  readonly blocks: number;
  readonly blockBytes: number;
  /** The longest that a message between threads takes. ms */
  readonly postMs: number;
}

/** Messages of one thread to another: in order, each after a while. */
class Post<T> {
  readonly #world: World;
  readonly #random: Random;
  readonly #slowest: number;
  #lastAt = 0;

  constructor(world: World, name: string, slowest: number) {
    this.#world = world;
    this.#random = world.fork(name);
    this.#slowest = slowest;
  }

  send(message: T, deliver: (message: T) => void): void {
    const { clock } = this.#world;
    this.#lastAt = Math.max(this.#lastAt, clock.now + this.#random.real(0.02, this.#slowest));
    clock.after(this.#lastAt - clock.now, () => deliver(message));
  }
}

interface Running {
  readonly worker: SimWorker;
  readonly toWorker: Post<FromDirectory | FromStoreBook>;
  /** The main thread has heard that it is ready. */
  ready: boolean;
  dead: boolean;
}

/** The wall's clock is another than that of the directory. ms */
const EPOCH_MS = 1.7e12;

const FOR_BOOK: ReadonlySet<string> = new Set<ToStoreBook["t"]>([
  "asked",
  "unasked",
  "look-up",
  "durable",
  "begun",
  "finishing",
  "download",
  "store-failed",
  "inspect",
  "revoke",
]);

function isForBook(message: ToDirectory | ToStoreBook): message is ToStoreBook {
  return FOR_BOOK.has(message.t);
}

/** A relay: mirrors relay/main/supervisor.ts. */
export class SimRelay {
  readonly #world: World;
  readonly #settings: RelaySettings;
  readonly #buffers: PoolBuffers;
  readonly #ledger = new Ledger();
  readonly #directory: Directory;
  readonly #keeper: StoreKeeper | undefined;
  readonly #running = new Map<number, Running>();
  readonly #random: Random;
  #stopped = false;

  constructor(world: World, settings: RelaySettings) {
    this.#world = world;
    this.#random = world.fork("relay");
    this.#settings = settings;
    const { blocks, blockBytes, workers } = settings;
    this.#buffers = createPool(blocks, workers, blockBytes);
    this.#directory = new Directory({
      toWorker: (worker, message) => {
        const running = this.#running.get(worker);
        if (running?.ready !== true) return;
        if (message.t === "opened" && message.socket !== undefined) {
          world.store?.opened(message.record.key, worker);
        }
        running.toWorker.send(message, () => running.worker.directory(message));
      },
      workers: () => this.#running.keys(),
    });
    this.#keeper = this.#createKeeper();
    for (let worker = 0; worker < workers; worker++) this.#spawn(worker, 0);
    this.#tick();
  }

  #createKeeper(): StoreKeeper | undefined {
    const { clock, store } = this.#world;
    if (store === undefined) return undefined;
    return new StoreKeeper({
      store: store.open(),
      limits: new LiveLimits(),
      directory: this.#directory,
      toWorker: (worker, message) => {
        const running = this.#running.get(worker);
        if (running?.ready !== true) return;
        running.toWorker.send(message, () => running.worker.storeBook(message));
      },
      workers: () => this.#running.keys(),
      report: ({ event }) => this.#world.count(`report: ${event}`),
      host: {
        wallTime: () => EPOCH_MS + Math.floor(clock.now),
        clock: () => clock.now,
        soon: (run) => {
          clock.after(0, () => {
            if (!this.#stopped) run();
          });
        },
        newPlace: () => store.newPlace(),
      },
    });
  }

  /** Gives a new line to one of the workers; false when none listens. */
  take(wire: Wire, latency: number, random: Random): boolean {
    const listening = [...this.#running.values()].filter(({ dead }) => !dead);
    if (this.#stopped || listening.length === 0) return false;
    const { worker } = random.pick(listening);
    this.#world.trace(() => `line ${wire.id} to worker ${worker.id}`);
    worker.opened(wire);
    wire.accepted(worker, latency);
    return true;
  }

  /** A worker's thread ends without a word. */
  crash(worker: number): void {
    const running = this.#running.get(worker);
    if (running === undefined || running.dead || this.#stopped) return;
    this.#world.count("worker crash");
    this.#world.trace(() => `worker ${worker} crashes`);
    running.dead = true;
    const shares = [...running.worker.hub.shares];
    const homes = shares.filter(({ home }) => home.origin !== undefined);
    this.#world.streams.workerDied(homes.map(({ record }) => record.key));
    running.worker.die();
    const { clock } = this.#world;
    const random = this.#random;
    clock.after(random.real(this.#settings.postMs, this.#settings.postMs + 20), () => {
      if (this.#stopped) return;
      this.#running.delete(worker);
      reclaim(this.#buffers, worker);
      this.#ledger.workerDied(worker);
      this.#keeper?.workerLost(worker);
      this.#directory.workerLost(worker, clock.now, (channel) =>
        this.#keeper?.book.askerIn(channel),
      );
      this.#spawn(worker, random.real(10, 300));
    });
  }

  /** The whole process ends; `gracefully`: it says so to everybody. */
  stop(gracefully: boolean): void {
    this.#stopped = true;
    this.#world.streams.relayStopped();
    this.#world.store?.relayStopped();
    for (const { worker } of this.#running.values()) {
      if (gracefully) worker.failAll("going-away");
    }
    this.#world.clock.after(gracefully ? 500 : 0, () => {
      for (const { worker } of this.#running.values()) worker.die();
      this.#running.clear();
      this.#world.store?.relayGone();
    });
  }

  get shares(): number {
    return this.#directory.shares;
  }

  /** For who reads a failure. */
  standing(): string[] {
    const shares = [...this.#running.values()].flatMap(({ worker }) =>
      [...worker.hub.shares].map(({ record, home: { origin }, fanout }) => {
        const state = { origin: origin?.pending, capacity: origin?.log.capacity, ...fanout.lanes };
        return `worker ${worker.id}, share ${record.key.slice(0, 6)}: ${JSON.stringify(state)}`;
      }),
    );
    return [...shares, `${this.#ledger.held} of ${this.#settings.blocks} blocks held`];
  }

  /** Nothing may be left when all shares are closed. */
  checkEmpty(): void {
    const { owners, pins, holders } = this.#buffers;
    const left = (buffer: SharedArrayBuffer): number =>
      new Int32Array(buffer).reduce((sum, value) => sum + Math.abs(value), 0);
    // A line of which only one side knows that it is cut may have had a frame on its way.
    const workers = [...this.#running.values()].map(({ worker }) => worker);
    const onTheirWay = workers.reduce((sum, { framesOnTheirWay }) => sum + framesOnTheirWay, 0);
    const pinned = left(pins) - onTheirWay;
    if (left(owners) + pinned + left(holders) + this.#ledger.held > 0) {
      throw new Violation(
        `left in the pool: owners ${left(owners)}, pins ${pinned}, holders ${left(holders)}`,
      );
    }
    for (const { worker } of this.#running.values()) {
      for (const share of worker.hub.shares) {
        throw new Violation(`share ${share.record.key} left at worker ${worker.id}`);
      }
    }
  }

  #tick(): void {
    this.#world.clock.after(TICK_MS, () => {
      if (this.#stopped) return;
      this.#directory.tick(this.#world.clock.now);
      this.#keeper?.tick();
      this.#tick();
    });
  }

  #heard(message: ToDirectory | ToStoreBook): void {
    if (isForBook(message)) {
      if (message.t === "durable") {
        this.#world.store?.reported(message.key, message.worker, message.runs);
      }
      this.#keeper?.handle(message);
      return;
    }
    if (message.t === "claim") this.#world.store?.claimed(message.key);
    if (message.t === "claim" && this.#keeper?.claim(message) === true) return;
    this.#directory.handle(message, this.#world.clock.now);
    if (message.t === "orphan" || message.t === "close") this.#keeper?.senderLeft(message.key);
  }

  #spawn(id: number, delay: number): void {
    const { clock } = this.#world;
    const { postMs } = this.#settings;
    clock.after(delay, () => {
      if (this.#stopped) return;
      const toMain = new Post<ToDirectory | ToStoreBook | "ready">(
        this.#world,
        `${id} to main`,
        postMs,
      );
      const post = (message: ToDirectory | ToStoreBook | "ready"): void =>
        toMain.send(message, (arrived) => {
          if (this.#stopped || this.#running.get(id) !== running) return;
          if (arrived !== "ready") {
            this.#heard(arrived);
            return;
          }
          running.ready = true;
          this.#directory.workerUp(id);
        });
      const pool = new CheckedPool(this.#buffers, id, this.#ledger);
      const worker = new SimWorker(this.#world, id, pool, post, this.#settings);
      const toWorker = new Post<FromDirectory | FromStoreBook>(
        this.#world,
        `main to ${id}`,
        postMs,
      );
      const running: Running = { worker, toWorker, ready: false, dead: false };
      this.#running.set(id, running);
      post("ready");
    });
  }
}
