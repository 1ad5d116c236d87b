import { drainMicrotasks } from "bun:jsc";

import { TICK_MS } from "../../relay/limits/limits.ts";
import { Directory } from "../../relay/main/directory.ts";
import { LiveLimits } from "../../relay/limits/limits.ts";
import { ClusterKeeper } from "../../relay/main/cluster-keeper.ts";
import { ShareWords, type Keepers } from "../../relay/main/share-words.ts";
import { StoreKeeper } from "../../relay/main/store-keeper.ts";
import type { DirectoryEvents, DirectoryKv } from "../../relay/cluster/directory-kv.ts";
import type { FromCluster, ToCluster } from "../../relay/cluster/messages.ts";
import type {
  FromDirectory,
  FromStoreBook,
  ToDirectory,
  ToStoreBook,
} from "../../relay/share/messages.ts";
import { createPool, reclaim, type PoolBuffers } from "../../relay/log/block-pool.ts";

import { CheckedPool, Ledger } from "./checked-pool.ts";
import type { Random } from "./random.ts";
import type { ClusterSeat } from "./uplinks.ts";
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

/** The place of a relay in its cluster. */
export interface RelaySeat extends ClusterSeat {
  /** By which the other relays reach it. */
  readonly address: string;
  readonly site?: string | undefined;
  readonly open: (events: DirectoryEvents) => Promise<DirectoryKv>;
  /** In [0, 1). */
  readonly random: () => number;
}

type ToMain = ToDirectory | ToStoreBook | ToCluster;
type FromMain = FromDirectory | FromStoreBook | FromCluster;

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
  readonly toWorker: Post<FromMain>;
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

function isForBook(message: ToMain): message is ToStoreBook {
  return FOR_BOOK.has(message.t);
}

/** A relay: binds its keepers together as relay/main/share-keepers.ts does, and mirrors what the supervisor does with them. */
export class SimRelay implements Keepers {
  readonly #world: World;
  readonly #settings: RelaySettings;
  readonly #buffers: PoolBuffers;
  readonly #ledger = new Ledger();
  readonly directory: Directory;
  readonly store: StoreKeeper | undefined;
  readonly #seat: RelaySeat | undefined;
  readonly cluster: ClusterKeeper | undefined;
  readonly #words: ShareWords;
  readonly #running = new Map<number, Running>();
  readonly #random: Random;
  #stopped = false;

  constructor(world: World, settings: RelaySettings, seat?: RelaySeat) {
    this.#world = world;
    this.#seat = seat;
    this.#random = world.fork("relay");
    this.#settings = settings;
    this.#words = new ShareWords(this, () => world.clock.now);
    const { blocks, blockBytes, workers } = settings;
    this.#buffers = createPool(blocks, workers, blockBytes);
    this.directory = new Directory({
      toWorker: (worker, message) => {
        const running = this.#running.get(worker);
        if (running?.ready !== true) return;
        if (message.t === "opened" && message.socket !== undefined) {
          world.store?.opened(message.record.key, worker);
        }
        running.toWorker.send(message, () => running.worker.directory(message));
      },
      workers: () => this.#running.keys(),
      opened: (key) => this.cluster?.opened(key),
      refused: (key) => this.cluster?.refused(key),
      ended: (key, channel) => this.cluster?.ended(key, channel),
    });
    this.store = this.#createKeeper();
    this.cluster = seat && this.#join(seat);
    for (let worker = 0; worker < workers; worker++) this.#spawn(worker, 0);
    this.#tick();
  }

  #createKeeper(): StoreKeeper | undefined {
    const { clock, store } = this.#world;
    if (store === undefined) return undefined;
    return new StoreKeeper({
      store: store.open(),
      limits: new LiveLimits(),
      directory: this.directory,
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

  #join(seat: RelaySeat): ClusterKeeper {
    const { clock } = this.#world;
    const keeper = new ClusterKeeper({
      name: "simulated",
      me: seat.relay,
      site: seat.site,
      secret: seat.secret,
      open: seat.open,
      directory: this.directory,
      claim: (claim) => this.#words.passed(claim),
      toWorker: (worker, message) => {
        const running = this.#running.get(worker);
        if (running?.ready !== true) return;
        const { worker: to } = running;
        running.toWorker.send(message, () => {
          if (isOfCluster(message)) to.cluster(message);
          else to.storeBook(message);
        });
      },
      workers: () => this.#running.keys(),
      report: ({ event, fields }) => {
        this.#world.count(`report: ${event}`);
        this.#world.trace(() => `reports ${event} ${JSON.stringify(fields)}`);
      },
      clock: () => clock.now,
      random: seat.random,
    });
    clock.after(0, () => {
      void keeper.open(seat.address);
      drainMicrotasks();
    });
    return keeper;
  }

  /**
   * Gives a new line to one of the workers; false when none listens.
   * @param isEdge another relay opens it
   */
  take(wire: Wire, latency: number, random: Random, isEdge = false): boolean {
    const listening = [...this.#running.values()].filter(({ dead }) => !dead);
    if (this.#stopped || listening.length === 0) return false;
    const { worker } = random.pick(listening);
    this.#world.trace(() => `line ${wire.id} to worker ${worker.id}`);
    worker.opened(wire, isEdge);
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
      this.#words.workerLost(worker);
      this.#spawn(worker, random.real(10, 300));
    });
  }

  /**
   * The whole process ends; `gracefully`: it says so to everybody.
   * @param noticedMs as for `SimWorker.die`
   */
  stop(gracefully: boolean, noticedMs?: number): void {
    this.#stopped = true;
    this.#world.streams.relayStopped();
    this.#world.store?.relayStopped();
    for (const { worker } of this.#running.values()) {
      if (gracefully) worker.failAll("going-away");
    }
    if (gracefully) void this.cluster?.close();
    this.#world.clock.after(gracefully ? 500 : 0, () => {
      for (const { worker } of this.#running.values()) worker.die(noticedMs);
      this.#running.clear();
      this.#world.store?.relayGone();
    });
  }

  /** Lines of other relays. */
  get edgeLines(): number {
    const all = [...this.#running.values()].map(({ worker }) => worker.hub.edges);
    return all.reduce((sum, { lines, streams }) => sum + lines + streams, 0);
  }

  get shares(): number {
    return this.directory.shares;
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
    this.#world.clock.after(this.#world.tickMs ?? TICK_MS, () => {
      if (this.#stopped) return;
      this.#words.tick();
      this.#tick();
    });
  }

  #heard(message: ToMain): void {
    if (
      message.t === "linked" ||
      message.t === "link-lost" ||
      message.t === "over-there" ||
      message.t === "through"
    ) {
      this.cluster?.handle(message);
      return;
    }
    if (isForBook(message)) {
      if (message.t === "durable") {
        this.#world.store?.reported(message.key, message.worker, message.runs);
      }
      this.#words.heardOfStore(message);
      return;
    }
    if (message.t === "claim") this.#world.store?.claimed(message.key);
    this.#words.heard(message);
  }

  #spawn(id: number, delay: number): void {
    const { clock } = this.#world;
    const { postMs } = this.#settings;
    clock.after(delay, () => {
      if (this.#stopped) return;
      const toMain = new Post<ToMain | "ready">(this.#world, `${id} to main`, postMs);
      const post = (message: ToMain | "ready"): void =>
        toMain.send(message, (arrived) => {
          if (this.#stopped || this.#running.get(id) !== running) return;
          if (arrived !== "ready") {
            this.#heard(arrived);
            return;
          }
          running.ready = true;
          this.directory.workerUp(id);
        });
      const pool = new CheckedPool(this.#buffers, id, this.#ledger);
      const worker = new SimWorker(this.#world, id, pool, post, this.#settings, this.#seat);
      const toWorker = new Post<FromMain>(this.#world, `main to ${id}`, postMs);
      const running: Running = { worker, toWorker, ready: false, dead: false };
      this.#running.set(id, running);
      post("ready");
    });
  }
}

function isOfCluster(message: FromCluster | FromStoreBook): message is FromCluster {
  return ["link", "unlink", "forward", "tell-owner"].includes(message.t);
}
