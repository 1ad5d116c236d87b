/**
 * The workers of a relay. A worker that fails is replaced, after a pause that grows with each
 * failure; the relay ends when no worker stays up. The supervisor owns the pool and gets its
 * events.
 */
import { FaultError } from "../../protocol/mod.ts";

import { listenFault } from "../system/guard.ts";
import type { Ports, ToWorker, WorkerStart } from "../worker/thread-messages.ts";
import { RestartPolicy } from "./restart-policy.ts";
import { WorkerThread, type WorkerEvents } from "./worker-thread.ts";

export interface WorkerPoolEvents extends Pick<
  WorkerEvents,
  "directory" | "storeBook" | "cluster" | "stats" | "measures" | "report"
> {
  /** It listens. @param start what it was told when its thread was started; that may be over by now */
  ready(worker: number, start: WorkerStart, ports: Ports): void;
  pageWanted(worker: number): void;
  /** Its thread is gone, whatever it was about. */
  ended(worker: number): void;
  /** Likewise, and it was up, and not to end: its clients are lost. */
  lost(worker: number): void;
  trouble(trouble: string, event?: string): void;
  hopeless(why: string): void;
}

export interface WorkerPoolOptions {
  readonly count: number;
  /** Address of the workers' module. */
  readonly script: string;
  /** How often each is asked whether it still answers. ms */
  readonly pingMs: number;
  /** The first wait of one that fails again and again. ms */
  readonly restartMs: number;
  /** The first message to a new thread. */
  readonly startOf: (worker: number) => WorkerStart;
  readonly events: WorkerPoolEvents;
}

/** The place of one worker: threads come and go in it. */
interface Place {
  readonly restarts: RestartPolicy;
  thread: WorkerThread | undefined;
  /** Set while a new thread waits for its time. */
  again: NodeJS.Timeout | undefined;
}

export class WorkerPool {
  /** Workers that ended, and not with the relay. */
  lost = 0;
  readonly #options: WorkerPoolOptions;
  readonly #places: readonly Place[];
  readonly #pinging: NodeJS.Timeout;
  /** `up`: every worker was up once. */
  #at: "starting" | "up" | "draining" | "ending" = "starting";

  constructor(options: WorkerPoolOptions) {
    this.#options = options;
    const { count, pingMs, restartMs } = options;
    this.#places = Array.from({ length: count }, () => ({
      restarts: new RestartPolicy(restartMs),
      thread: undefined,
      again: undefined,
    }));
    this.#pinging = setInterval(() => this.#ping(), pingMs);
  }

  /** Resolves when each listens. @throws FaultError `port-in-use`, `cannot-listen`, `relay-failed` */
  async start(): Promise<void> {
    // One after the other: the first finds the port that the others share.
    for (let worker = 0; worker < this.#places.length; worker++) {
      await new Promise<void>((resolve, reject) => this.#spawn(worker, resolve, reject));
    }
    this.#at = "up";
  }

  get count(): number {
    return this.#places.length;
  }

  /** The workers that are ready. Another one is told of everything when it is. */
  *ready(): Iterable<number> {
    for (const [worker, { thread }] of this.#places.entries()) {
      if (thread?.isReady === true) yield worker;
    }
  }

  get answering(): number {
    return this.#places.filter(({ thread }) => thread?.isAnswering === true).length;
  }

  /** A message to one that is not ready is lost. */
  post(worker: number, message: ToWorker): void {
    const thread = this.#places[worker]?.thread;
    if (thread?.isReady === true) thread.post(message);
  }

  postAll(message: ToWorker): void {
    for (const worker of this.ready()) this.post(worker, message);
  }

  /** Ends one as if it had crashed; for tests of supervision. */
  crash(worker: number): void {
    this.#places[worker]?.thread?.terminate();
  }

  /** None is replaced any more. */
  drain(): void {
    this.#at = "draining";
    for (const { thread, again } of this.#places) {
      clearTimeout(again);
      if (thread?.isReady === true) thread.post({ t: "drain", refuge: "none" });
      else thread?.terminate();
    }
  }

  /** They say goodbye to their clients; resolves when they are gone. */
  async end(): Promise<void> {
    this.#at = "ending";
    clearInterval(this.#pinging);
    for (const { again } of this.#places) clearTimeout(again);
    const threads = this.#places.flatMap(({ thread }) => thread ?? []);
    await Promise.all(threads.map((thread) => thread.end()));
  }

  #ping(): void {
    for (const { thread } of this.#places) thread?.ping();
  }

  /** `notUp` is called instead of `up` when it ends before it is ready. */
  #spawn(worker: number, up: () => void, notUp: (fault: FaultError) => void): void {
    const place = this.#places[worker];
    if (place === undefined) return;
    const { script, pingMs, startOf, events } = this.#options;
    const start = startOf(worker);
    let fault = new FaultError("relay-failed", "a worker ended while it started");
    const thread = new WorkerThread(script, pingMs, start, {
      directory: (message) => events.directory(message),
      storeBook: (message) => events.storeBook(message),
      cluster: (message) => events.cluster(message),
      stats: (stats) => events.stats(stats),
      measures: (measures) => events.measures(measures),
      report: (report) => events.report(report),
      pageWanted: () => events.pageWanted(worker),
      ready: (ports) => {
        place.restarts.up(performance.now());
        events.ready(worker, start, ports);
        up();
      },
      failed: (why) => {
        if (thread.isReady) events.trouble(`Worker ${worker} failed: ${why}`, "worker-failed");
        else fault = startFault(why, `${start.hostname}:${start.port}`);
      },
      ended: (wasReady) => {
        if (place.thread === thread) place.thread = undefined;
        events.ended(worker);
        if (this.#at === "ending") return;
        if (wasReady) this.#lost(worker, place);
        else notUp(fault);
      },
      stuck: () => events.hopeless(`worker ${worker} can't be ended`),
    });
    place.thread = thread;
  }

  #lost(worker: number, place: Place): void {
    this.lost++;
    this.#options.events.lost(worker);
    this.#again(worker, place, `Worker ${worker} ended`);
  }

  /** Starts a worker anew, now or after a while; gives up when no worker stays up. */
  #again(worker: number, place: Place, what: string): void {
    const { events } = this.#options;
    if (this.#at === "draining") {
      events.trouble(what);
      return;
    }
    const wait = place.restarts.failed(performance.now());
    const later = wait === 0 ? "" : ` in ${wait / 1000} s`;
    const hopeless = this.#places.every(({ restarts, thread }) => {
      return restarts.hopeless && thread?.isReady !== true;
    });
    if (this.#at === "up" && hopeless) {
      events.trouble(what);
      events.hopeless("no worker stays up");
      return;
    }
    events.trouble(`${what} and is started again${later}`, "worker-ended");
    place.again = setTimeout(() => {
      this.#spawn(
        worker,
        () => {
          if (wait > 0) events.trouble(`Worker ${worker} is up again`, "worker-up-again");
        },
        ({ message }) => this.#again(worker, place, `Worker ${worker} did not start (${message})`),
      );
    }, wait);
  }
}

/** @param why what Bun says of a thread that threw: lines of its source, then what, then where */
function startFault(why: string, address: string): FaultError {
  if (why.includes('syscall: "listen"')) return listenFault(why, address);
  if (/\bE[MN]FILE\b/.test(why)) return new FaultError("no-descriptors", "a worker does not start");
  const lines = why.split("\n");
  const what = lines.find((line) => /^(?:\w*error|E[A-Z]+): /i.test(line)) ?? lines[0];
  return new FaultError("relay-failed", `a worker does not start: ${what}`);
}
