import { Descriptors } from "../system/descriptors.ts";
import type { Listener } from "../net/listener.ts";
import type { Reporter } from "./reports.ts";

/**
 * A worker that ran out of descriptors accepts nobody for so long; until it notices it may be busy
 * for TICK_MS.
 */
const ACCEPT_PAUSE_MS = 1000;

/**
 * Lets a worker's listeners accept as long as there are descriptors. They are closed for a while
 * before there are none: clients are refused by the kernel then, and those that have come and said
 * nothing are cut off, while clients that are served notice nothing.
 */
export class DescriptorGuard {
  readonly #listeners: readonly Listener<unknown>[];
  readonly #descriptors: Descriptors;
  readonly #report: Reporter;
  #pausedAt: number | undefined;

  /** @param limit of descriptors; undefined: nobody knows */
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
