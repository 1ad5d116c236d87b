/** Watches a relay while a load runs: `/proc` where it can be seen, its own words where it tells. */
import type { Sampled } from "./load/contract.ts";
import { usageOf, type Usage } from "./proc.ts";
import type { Sample } from "./result.ts";
import { percentile } from "./stats.ts";
import type { RunningSystem } from "./systems/system.ts";

/** ms between two looks */
const LOOK_MS = 100;

export interface Observed {
  readonly cpuSeconds: number | undefined;
  readonly rssAnonPeak: number | undefined;
  readonly bufferedPeak: number | undefined;
  readonly eventLoopDelayP99: number | undefined;
  /** Changes of lane by receiver id; empty where nobody counts them. */
  readonly switches: ReadonlyMap<string, number>;
  readonly samples: readonly Sample[];
}

export type Watched = Pick<RunningSystem, "pids" | "takeStats">;

export class Observer {
  readonly #system: Watched;
  readonly #startedAt: number;
  readonly #before: Usage | undefined;
  readonly #timer: NodeJS.Timeout;
  #now: Usage | undefined;
  #rssAnonPeak = 0;
  /** Bytes that wait now, by worker. */
  readonly #buffered = new Map<number, number>();
  #bufferedPeak = 0;
  readonly #delays: number[] = [];
  readonly #switches = new Map<string, number>();
  readonly #samples: Sample[] = [];

  private constructor(system: Watched, before: Usage | undefined, startedAt: number) {
    this.#system = system;
    this.#before = before;
    this.#now = before;
    this.#startedAt = startedAt;
    system.takeStats?.();
    this.#timer = setInterval(() => void this.#look(), LOOK_MS);
  }

  /** @param clock ms since the epoch */
  static async start(system: Watched, clock: () => number): Promise<Observer> {
    return new Observer(system, await usageOf(system.pids), clock());
  }

  /** ms since the epoch */
  get startedAt(): number {
    return this.#startedAt;
  }

  sample({ at, received }: Sampled): void {
    this.#samples.push({
      at: (at - this.#startedAt) / 1000,
      receivedBytes: received,
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
    const usage = await usageOf(this.#system.pids);
    if (usage === undefined) return;
    this.#now = usage;
    this.#rssAnonPeak = Math.max(this.#rssAnonPeak, usage.rssAnon);
  }
}
