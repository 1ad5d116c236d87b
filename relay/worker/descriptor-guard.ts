import { Descriptors } from "../system/descriptors.ts";
import type { Listener } from "../net/listener.ts";
import type { Reporter } from "./reports.ts";

/** A worker that runs out of descriptors accepts no clients for so long, at least. ms */
const ACCEPT_PAUSE_MS = 1000;

/**
 * Pauses a worker's listeners before it runs out of file descriptors. The kernel then refuses new clients, silent
 * clients are cut off, and clients in transfers notice nothing.
 */
export class DescriptorGuard {
  readonly #listeners: readonly Listener<unknown>[];
  readonly #descriptors: Descriptors;
  readonly #report: Reporter;
  #pausedAt: number | undefined;

  /** @param limit of descriptors; undefined: unknown */
  constructor(
    listeners: readonly Listener<unknown>[],
    limit: number | undefined,
    report: Reporter,
  ) {
    this.#listeners = listeners;
    this.#descriptors = new Descriptors(limit);
    this.#report = report;
  }

  tick(now: number): void {
    if (this.#pausedAt === undefined) {
      if (this.#descriptors.areScarce()) this.#pause(now);
    } else if (now - this.#pausedAt >= ACCEPT_PAUSE_MS && !this.#descriptors.areScarce()) {
      this.#pausedAt = undefined;
      for (const listener of this.#listeners) listener.resume();
      this.#report({ level: "info", event: "descriptors-free", fields: {} });
    }
    for (const listener of this.#listeners) listener.settle();
  }

  #pause(now: number): void {
    this.#pausedAt = now;
    for (const listener of this.#listeners) listener.pause();
    this.#report({ level: "warn", event: "descriptors-scarce", fields: {} });
  }
}
