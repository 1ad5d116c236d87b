/** Watches a relay while a load runs: `/proc` where it can be seen, its own words where it tells. */
import { logFilesOf, type LogFiles } from "./log-files.ts";
import { usageOf, type Usage } from "./proc.ts";
import type { Sample } from "./result.ts";
import { percentile } from "./stats.ts";
import type { RunningSystem } from "./systems/system.ts";

/** ms between two looks */
const LOOK_MS = 100;

export interface Observed {
  readonly cpuSeconds: number | undefined;
  readonly rssAnonPeak: number | undefined;
  /** bytes on the disk, the most that was seen; undefined where there is no log to be seen */
  readonly logBytesMost: number | undefined;
  readonly bufferedPeak: number | undefined;
  readonly eventLoopDelayP99: number | undefined;
  /** Changes of lane by receiver id; empty where nobody counts them. */
  readonly switches: ReadonlyMap<string, number>;
  readonly samples: readonly Sample[];
}

export type Watched = Pick<RunningSystem, "pids" | "takeStats">;

export class Observer {
  readonly #system: Watched;
  /** ms, of this process's monotonic clock */
  readonly #startedAt = performance.now();
  readonly #before: Usage | undefined;
  readonly #logs: LogFiles;
  #logBytesMost: number | undefined;
  readonly #timer: NodeJS.Timeout;
  #now: Usage | undefined;
  #rssAnonPeak = 0;
  /** Bytes that wait now, by worker. */
  readonly #buffered = new Map<number, number>();
  #bufferedPeak = 0;
  readonly #delays: number[] = [];
  readonly #switches = new Map<string, number>();
  readonly #samples: Sample[] = [];

  private constructor(system: Watched, before: Usage | undefined, logs: LogFiles) {
    this.#system = system;
    this.#before = before;
    this.#logs = logs;
    this.#now = before;
    system.takeStats?.();
    this.#timer = setInterval(() => void this.#look(), LOOK_MS);
  }

  static async start(system: Watched): Promise<Observer> {
    const { pids } = system;
    return new Observer(system, await usageOf(pids), await logFilesOf(pids));
  }

  /** @param receivedBytes so far, of those receivers that `sampledReceivers` of result.ts chooses */
  sample(receivedBytes: readonly number[]): void {
    this.#samples.push({
      at: (performance.now() - this.#startedAt) / 1000,
      receivedBytes,
      rssAnon: this.#now?.rssAnon,
      cpuSeconds: this.#cpuSeconds(),
      buffered: this.#system.takeStats === undefined ? undefined : this.#bufferedNow(),
    });
  }

  /** The last look. */
  async stop(): Promise<Observed> {
    clearInterval(this.#timer);
    await this.#look();
    const tells = this.#system.takeStats !== undefined;
    return {
      cpuSeconds: this.#cpuSeconds(),
      rssAnonPeak: this.#now === undefined ? undefined : this.#rssAnonPeak,
      logBytesMost: this.#logBytesMost,
      bufferedPeak: tells ? this.#bufferedPeak : undefined,
      eventLoopDelayP99: this.#delays.length > 0 ? percentile(this.#delays, 0.99) : undefined,
      switches: this.#switches,
      samples: this.#samples,
    };
  }

  #cpuSeconds(): number | undefined {
    if (this.#now === undefined || this.#before === undefined) return undefined;
    return this.#now.cpuSeconds - this.#before.cpuSeconds;
  }

  #bufferedNow(): number {
    let sum = 0;
    for (const bytes of this.#buffered.values()) sum += bytes;
    return sum;
  }

  async #look(): Promise<void> {
    for (const stats of this.#system.takeStats?.() ?? []) {
      this.#buffered.set(stats.worker, stats.buffered);
      this.#bufferedPeak = Math.max(this.#bufferedPeak, this.#bufferedNow());
      this.#delays.push(...stats.delays);
      for (const [id, count] of Object.entries(stats.switches)) {
        this.#switches.set(id, (this.#switches.get(id) ?? 0) + count);
      }
    }
    const [usage, logBytes] = await Promise.all([
      usageOf(this.#system.pids),
      this.#logs.allocated(),
    ]);
    if (logBytes !== undefined) {
      this.#logBytesMost = Math.max(this.#logBytesMost ?? 0, logBytes);
    }
    if (usage === undefined) return;
    this.#now = usage;
    this.#rssAnonPeak = Math.max(this.#rssAnonPeak, usage.rssAnon);
  }
}
