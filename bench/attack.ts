/** A crowd of attackers beside a run: see `load/attackers.ts`. */
import { LoadProcess } from "./load/process.ts";
import { usageOf } from "./proc.ts";
import type { RunningSystem } from "./systems/system.ts";

export interface Attackers {
  readonly count: number;
  /** How long they are there before anything else happens. s */
  readonly seconds: number;
}

export class AttackCrowd implements AsyncDisposable {
  readonly #count: number;
  readonly #process: LoadProcess;
  readonly #relay: readonly number[];
  #rssAnonBefore = Number.NaN;

  private constructor(count: number, relay: readonly number[]) {
    this.#count = count;
    this.#relay = relay;
    const script = `${import.meta.dir}/load/attackers.ts`;
    this.#process = new LoadProcess([process.execPath, script, `${count}`]);
  }

  /** Resolves when they have been there for as long as they shall. @throws Error when they do not come */
  static async start(
    { url, pids }: Pick<RunningSystem, "url" | "pids">,
    attackers: Attackers,
  ): Promise<AttackCrowd> {
    const { count, seconds } = attackers;
    const crowd = new AttackCrowd(count, pids);
    try {
      crowd.#rssAnonBefore = await rssAnonOf(pids);
      crowd.#process.say({ t: "plan", url, id: "", size: 0, groups: [] });
      await crowd.#process.ready;
      await Bun.sleep(seconds * 1000);
      return crowd;
    } catch (error) {
      await crowd[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** How many came, were sent away and are there now, and what one costs the relay. */
  async stop(): Promise<Record<string, number>> {
    const rssAnonPerAttacker = ((await rssAnonOf(this.#relay)) - this.#rssAnonBefore) / this.#count;
    this.#process.say({ t: "stop" });
    const { extra } = await this.#process.done;
    return Number.isNaN(rssAnonPerAttacker) ? extra : { ...extra, rssAnonPerAttacker };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#process[Symbol.asyncDispose]();
  }
}

/** bytes; NaN of a relay that can't be seen */
async function rssAnonOf(pids: readonly number[]): Promise<number> {
  return (await usageOf(pids))?.rssAnon ?? Number.NaN;
}
