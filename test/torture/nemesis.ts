/** Does the faults of a plan, several at a time, and undoes them. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Child } from "./child.ts";
import type { History, PlannedFault } from "./history.ts";

/** An effect lasts until its promise settles; `skipped` says why there was none. */
export type Effect = Promise<void> | { readonly skipped: string };

export abstract class Nemesis<Fault extends PlannedFault> {
  readonly #history: History;
  readonly #signal: AbortSignal;
  readonly #effects = new Set<Promise<void>>();
  /** Victims of an effect that can't happen twice at a time. */
  readonly #busy = new Set<string>();
  #trouble: Error | undefined;
  readonly #done = new Map<Fault["kind"], number>();

  constructor({ history, signal }: { readonly history: History; readonly signal: AbortSignal }) {
    this.#history = history;
    this.#signal = signal;
  }

  /** Faults that found somebody to suffer them, by kind. */
  get done(): ReadonlyMap<Fault["kind"], number> {
    return this.#done;
  }

  get count(): number {
    return [...this.#done.values()].reduce((sum, count) => sum + count, 0);
  }

  protected abstract begin(fault: Fault): Effect;

  strike(fault: Fault): void {
    const effect = this.begin(fault);
    if ("skipped" in effect) {
      this.#history.add({ what: "fault", fault, skipped: effect.skipped });
      return;
    }
    this.#history.add({ what: "fault", fault });
    this.#done.set(fault.kind, (this.#done.get(fault.kind) ?? 0) + 1);
    const settled = effect
      .catch((error: unknown) => {
        this.#trouble ??= error instanceof Error ? error : new Error(String(error));
      })
      .finally(() => this.#effects.delete(settled));
    this.#effects.add(settled);
  }

  /** Resolves when all is undone. @throws Error when something could not be, as a relay that does not start */
  async calm(): Promise<void> {
    while (this.#effects.size > 0) await Promise.all(this.#effects);
    if (this.#trouble !== undefined) throw this.#trouble;
  }

  protected isBusy(key: string): boolean {
    return this.#busy.has(key);
  }

  protected alone(key: string, effect: () => Promise<void>): Effect {
    if (this.#busy.has(key)) return { skipped: "it suffers that already" };
    this.#busy.add(key);
    return effect().finally(() => this.#busy.delete(key));
  }

  protected freeze(child: Child, forMs: number): Effect {
    return this.alone(`freeze ${child.pid}`, async () => {
      child.signal("SIGSTOP");
      try {
        await this.pause(forMs);
      } finally {
        child.signal("SIGCONT");
      }
    });
  }

  protected pause(ms: number): Promise<void> {
    return sleep(ms, undefined, { signal: this.#signal });
  }
}
