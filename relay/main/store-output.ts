import { socketFault } from "../../protocol/mod.ts";

import type { FromStoreBook } from "../share/messages.ts";
import type { BookEffect } from "../store/book-effects.ts";
import type { StoreBook } from "../store/store-book.ts";
import type { Reporter } from "../worker/reports.ts";
import type { Directory } from "./directory.ts";

export interface StoreOutputHost {
  readonly book: StoreBook;
  readonly directory: Directory;
  readonly toWorker: (worker: number, message: FromStoreBook) => void;
  readonly workers: () => Iterable<number>;
  readonly report: Reporter;
  /** The directory's clock. ms */
  readonly clock: () => number;
}

/** Hands effects of the book of stored shares to the directory, the workers and the log. */
export class StoreOutput {
  /** Workers that were lost since the save began. They hear of none of its effects. */
  readonly lost = new Set<number>();
  readonly #host: StoreOutputHost;

  constructor(host: StoreOutputHost) {
    this.#host = host;
  }

  do(effect: BookEffect): void {
    const { book, directory, toWorker, report, clock } = this.#host;
    const now = clock();
    if ("worker" in effect && this.lost.has(effect.worker)) return;
    switch (effect.t) {
      case "claim": {
        const { claim, opened } = effect;
        if (this.lost.has(claim.worker) || directory.claim(claim, now, opened)) return;
        book.refused(claim.key);
        return;
      }
      case "refuse":
        if (!this.lost.has(effect.claim.worker)) directory.refuse(effect.claim, effect.fault);
        return;
      case "open":
        directory.stored.open(effect.worker, effect.opened, now);
        return;
      case "unload":
        directory.stored.unload(effect.key);
        return;
      case "end":
        directory.end(effect.key, effect.fault);
        return;
      case "state": {
        const { key, state: stored, durable } = effect;
        const heirOf = (channel: string): number | undefined => book.askerIn(channel);
        if (directory.stored.state(key, stored, heirOf)) {
          this.#toAll({ t: "stored-state", key, stored, durable });
        }
        return;
      }
      case "counted":
        this.#toAll(effect);
        return;
      case "sender-failed": {
        const { code, detail } = effect.fault;
        this.#toAll({ t: "sender-failed", key: effect.key, fault: socketFault(code), detail });
        return;
      }
      case "socket-failed": {
        const { worker, socket, fault } = effect;
        const { code, detail } = fault;
        toWorker(worker, { t: "socket-failed", socket, fault: socketFault(code), detail });
        return;
      }
      case "looked-up":
      case "answer":
      case "over":
        toWorker(effect.worker, effect);
        return;
      case "report": {
        const { event, number, fields } = effect;
        const level = event === "store-failed" ? "error" : "info";
        report({ level, event, fields: { share: number, ...fields } });
        return;
      }
    }
  }

  #toAll(message: FromStoreBook): void {
    for (const worker of this.#host.workers()) this.#host.toWorker(worker, message);
  }
}
