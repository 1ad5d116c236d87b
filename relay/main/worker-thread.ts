/**
 * One worker as the main thread sees it.
 *
 *   starting --ready--> ready --terminated, or no answer--> ending --closed--> ended
 *      |                  |                                    ^                 ^
 *      +--no `ready`------|------------------------------------+                 |
 *      +--threw-----------+------------------------------------------------------+
 *
 * `terminate` ends a thread even in an endless loop, but not within a call that blocks it. The
 * worker pool owns one for each place.
 */
import { CLOSE_MS, SETTLE_MS, TICK_MS } from "../limits/limits.ts";

import type { ToCluster } from "../cluster/messages.ts";
import type { FromWorker, Ports, ToWorker, WorkerStart } from "../worker/thread-messages.ts";
import type { ToDirectory, ToStoreBook } from "../share/messages.ts";
import type { WorkerMeasures } from "../worker/measures.ts";
import type { Report } from "../worker/reports.ts";
import type { WorkerStats } from "../worker/stats.ts";

/**
 * A worker that leaves a ping unanswered for so many periods is replaced; one frame to thousands of
 * sockets takes seconds.
 */
const WORKER_SILENT_PINGS = 15;
/**
 * Periods that a worker may take to end. One that is stuck in native code never does, and the relay
 * ends.
 */
const WORKER_ENDING_PINGS = 5;

/** A worker that leaves a question open for so many periods counts as one that does not answer. */
const LATE_PINGS = Math.ceil(WORKER_SILENT_PINGS / 3);

export interface WorkerEvents {
  ready(ports: Ports): void;
  directory(message: ToDirectory): void;
  storeBook(message: ToStoreBook): void;
  cluster(message: ToCluster): void;
  stats(stats: WorkerStats): void;
  measures(measures: WorkerMeasures): void;
  report(report: Report): void;
  pageWanted(): void;
  /** An error that nobody caught, or no answer for too long: it ends. */
  failed(why: string): void;
  /** The thread is gone; nothing follows. `ready`: it was up before. */
  ended(ready: boolean): void;
  /** It was ended and is still there: its thread is in native code. Its sockets cannot be taken. */
  stuck(): void;
}

export class WorkerThread {
  readonly #thread: Worker;
  readonly #events: WorkerEvents;
  readonly #pingMs: number;
  /** Its last messages leave, and stored shares become durable. */
  readonly #closeMs: number;
  readonly #gone = Promise.withResolvers<void>();
  #at: "starting" | "ready" | "ending" | "ended" = "starting";
  #wasReady = false;
  /** A ping is on its way to the worker, or its answer back. */
  #asked = false;
  /** Pings' periods without a sign of what is waited for. */
  #silentPeriods = 0;

  /** @param pingMs period in which `ping` will be called */
  constructor(script: string, pingMs: number, start: WorkerStart, events: WorkerEvents) {
    this.#pingMs = pingMs;
    this.#closeMs = CLOSE_MS + TICK_MS + (start.store === undefined ? 0 : SETTLE_MS);
    this.#events = events;
    this.#thread = new Worker(script);
    this.#thread.addEventListener("message", ({ data }: MessageEvent<FromWorker>) => {
      this.#onMessage(data);
    });
    this.#thread.addEventListener("error", (event) => {
      event.preventDefault();
      // Bun ends it anyway; in this way it is also noticed if it should not.
      this.#giveUp(event.message);
    });
    this.#thread.addEventListener("close", () => {
      this.#at = "ended";
      this.#gone.resolve();
      this.#events.ended(this.#wasReady);
    });
    this.#thread.postMessage(start);
  }

  get isReady(): boolean {
    return this.#at === "ready";
  }

  get isAnswering(): boolean {
    return this.#at === "ready" && this.#silentPeriods < LATE_PINGS;
  }

  post(message: ToWorker): void {
    this.#thread.postMessage(message);
  }

  /**
   * A period of pings is over. Periods are counted and no clock is read: when the whole process was
   * stopped for a while, each worker still has all its periods to answer.
   */
  ping(): void {
    switch (this.#at) {
      case "starting":
        this.#silentPeriods++;
        if (this.#silentPeriods >= WORKER_SILENT_PINGS) this.#giveUp("does not come up");
        return;
      case "ready":
        if (this.#asked) this.#silentPeriods++;
        else this.post({ t: "ping" });
        this.#asked = true;
        if (this.#silentPeriods >= WORKER_SILENT_PINGS) this.#giveUp("stopped answering");
        return;
      case "ending":
        this.#silentPeriods++;
        if (this.#silentPeriods === WORKER_ENDING_PINGS) this.#events.stuck();
        return;
      case "ended":
        return;
    }
  }

  terminate(): void {
    if (this.#at === "ended") return;
    this.#at = "ending";
    this.#silentPeriods = 0;
    this.#thread.terminate();
  }

  /** Lets it say goodbye to its clients, then ends it; resolves when it is gone or will never be. */
  async end(): Promise<void> {
    const timers: NodeJS.Timeout[] = [];
    if (this.#at === "ready") {
      this.post({ t: "close" });
      timers.push(setTimeout(() => this.terminate(), this.#closeMs));
    } else {
      this.terminate();
    }
    const stuck = this.#closeMs + WORKER_ENDING_PINGS * this.#pingMs;
    timers.push(setTimeout(() => this.#gone.resolve(), stuck));
    await this.#gone.promise;
    for (const timer of timers) clearTimeout(timer);
  }

  #giveUp(why: string): void {
    this.#events.failed(why);
    this.terminate();
  }

  #onMessage(message: FromWorker): void {
    switch (message.t) {
      case "ready":
        if (this.#at !== "starting") return;
        this.#at = "ready";
        this.#wasReady = true;
        this.#silentPeriods = 0;
        this.#events.ready(message.ports);
        return;
      case "pong":
        this.#asked = false;
        this.#silentPeriods = 0;
        return;
      case "drained":
        this.terminate();
        return;
      case "stats":
        this.#events.stats(message.stats);
        return;
      case "measures":
        this.#events.measures(message.measures);
        return;
      case "report":
        this.#events.report(message.report);
        return;
      case "page-wanted":
        this.#events.pageWanted();
        return;
      case "linked":
      case "link-lost":
      case "over-there":
      case "through":
        if (this.#at === "ready") this.#events.cluster(message);
        return;
      case "asked":
      case "unasked":
      case "look-up":
      case "durable":
      case "begun":
      case "finishing":
      case "download":
      case "store-failed":
      case "inspect":
      case "revoke":
      case "settled":
        if (this.#at === "ready") this.#events.storeBook(message);
        return;
      default:
        // A worker that is given up is not heard: its shares are about to be orphaned.
        if (this.#at === "ready") this.#events.directory(message);
    }
  }
}
