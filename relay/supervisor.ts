import { FAREWELL_MS, FaultError, WORKER_RESTART_MS, TICK_MS } from "../protocol/mod.ts";

import { Directory } from "./directory.ts";
import type { FromWorker, ToWorker } from "./messages.ts";
import { createPool, reclaim, type PoolBuffers } from "./pool.ts";
import type { WorkerStats } from "./stats.ts";

export interface RelayOptions {
  /** Address to listen at. */
  readonly hostname: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** Streaming worker threads; more than one needs SO_REUSEPORT, which only Linux has. */
  readonly workers: number;
  /** Memory for the log over all shares. bytes */
  readonly logBytes: number;
  /** Told of what an operator should know; nothing in it comes from a peer. */
  readonly onTrouble?: (trouble: string) => void;
  /** Told what each worker measures of itself, STATS_EVERY_MS apart; without it nothing is measured. */
  readonly onStats?: (stats: WorkerStats) => void;
}

interface Running {
  readonly thread: Worker;
  ready: boolean;
}

/** The main thread of a relay: starts workers, replaces one that dies, holds the directory. */
export class Supervisor {
  readonly #options: RelayOptions;
  readonly #pool: PoolBuffers;
  readonly #directory: Directory;
  readonly #workers = new Map<number, Running>();
  readonly #timer: NodeJS.Timeout;
  #port: number;
  #stopping = false;

  private constructor(options: RelayOptions) {
    this.#options = options;
    this.#port = options.port;
    this.#pool = createPool(options.logBytes, options.workers);
    this.#directory = new Directory({
      toWorker: (worker, message) => this.#post(worker, message),
      workers: () => this.#workers.keys(),
    });
    this.#timer = setInterval(() => this.#directory.tick(performance.now()), TICK_MS);
  }

  /**
   * Starts all workers and resolves when each listens.
   * @throws FaultError `port-in-use`, `cannot-listen`
   */
  static async start(options: RelayOptions): Promise<Supervisor> {
    if (options.workers > 1) checkPortIsFree(options);
    const supervisor = new Supervisor(options);
    try {
      // One after the other: the first finds the port that the others share.
      for (let worker = 0; worker < options.workers; worker++) await supervisor.#spawn(worker);
    } catch (error) {
      await supervisor.stop();
      throw error;
    }
    return supervisor;
  }

  get port(): number {
    return this.#port;
  }

  /** Ends one worker as if it had crashed; for tests of supervision. */
  crash(worker: number): void {
    this.#workers.get(worker)?.thread.terminate();
  }

  /** Tells all clients that the relay goes away, closes their sockets and ends the workers. */
  async stop(): Promise<void> {
    this.#stopping = true;
    clearInterval(this.#timer);
    await Promise.all(
      [...this.#workers.values()].map(({ thread, ready }) => endWorker(thread, ready)),
    );
    this.#workers.clear();
  }

  #spawn(worker: number): Promise<void> {
    const { hostname, workers } = this.#options;
    const thread = new Worker(new URL("./worker.ts", import.meta.url).href);
    const running: Running = { thread, ready: false };
    this.#workers.set(worker, running);
    return new Promise((resolve, reject) => {
      thread.addEventListener("message", ({ data }: MessageEvent<FromWorker>) => {
        if (data.t === "drained" || data.t === "pong") return;
        if (data.t === "stats") {
          this.#options.onStats?.(data.stats);
          return;
        }
        if (data.t !== "ready") {
          this.#directory.handle(data, performance.now());
          return;
        }
        this.#port = data.port;
        running.ready = true;
        this.#directory.workerUp(worker);
        resolve();
      });
      thread.addEventListener("error", (event) => {
        event.preventDefault();
        if (running.ready) this.#options.onTrouble?.(`Worker ${worker} failed: ${event.message}`);
        else reject(listenFault(event.message, `${hostname}:${this.#port}`));
      });
      thread.addEventListener("close", () => this.#closed(worker, running));
      const start: ToWorker = {
        t: "start",
        worker,
        workers,
        hostname,
        port: this.#port,
        pool: this.#pool,
        stats: this.#options.onStats !== undefined,
      };
      thread.postMessage(start);
    });
  }

  #closed(worker: number, running: Running): void {
    if (this.#stopping || this.#workers.get(worker) !== running) return;
    this.#workers.delete(worker);
    reclaim(this.#pool, worker);
    if (!running.ready) return;
    this.#directory.workerLost(worker, performance.now());
    this.#options.onTrouble?.(`Worker ${worker} ended and is started again`);
    this.#respawn(worker);
  }

  #respawn(worker: number): void {
    if (this.#stopping) return;
    this.#spawn(worker).catch((error: unknown) => {
      this.#options.onTrouble?.(`Worker ${worker} does not start: ${String(error)}`);
      setTimeout(() => this.#respawn(worker), WORKER_RESTART_MS);
    });
  }

  #post(worker: number, message: ToWorker): void {
    const running = this.#workers.get(worker);
    // A worker that is not ready is told of everything when it is.
    if (running?.ready === true) running.thread.postMessage(message);
  }
}

function endWorker(thread: Worker, ready: boolean): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => thread.terminate(), FAREWELL_MS + TICK_MS);
    thread.addEventListener("close", () => {
      clearTimeout(timer);
      resolve();
    });
    thread.addEventListener("message", ({ data }: MessageEvent<FromWorker>) => {
      if (data.t === "drained") thread.terminate();
    });
    const farewell: ToWorker = { t: "farewell" };
    if (ready) thread.postMessage(farewell);
    else thread.terminate();
  });
}

/** With SO_REUSEPORT a second relay would silently take half of the first one's clients. */
function checkPortIsFree({ hostname, port }: RelayOptions): void {
  if (port === 0) return;
  try {
    Bun.listen({ hostname, port, socket: { data() {} } }).stop(true);
  } catch (error) {
    throw listenFault(error instanceof Error ? error.message : "", `${hostname}:${port}`);
  }
}

function listenFault(message: string, address: string): FaultError {
  return new FaultError(
    /EADDRINUSE|in use/.test(message) ? "port-in-use" : "cannot-listen",
    address,
  );
}
