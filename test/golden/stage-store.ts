/** The store of a stage: the relay's book of stored shares over a disk and a ledger in memory, in virtual time. */
import { StoreKeeper } from "../../relay/main/store-keeper.ts";
import type { Directory } from "../../relay/main/directory.ts";
import { LiveLimits } from "../../relay/limits/limits.ts";
import { DEFAULT_LIMITS } from "../../relay/limits/operator-limits.ts";
import type { StoreTerms } from "../../relay/share/hellos.ts";
import type { FromStoreBook, ToDirectory, ToStoreBook } from "../../relay/share/messages.ts";
import { MemoryDisk, MemoryLedger } from "../support/relay/record-stores.ts";

/** Where virtual time begins: 2030-01-01. ms since 1970 */
const EPOCH_MS = Date.UTC(2030, 0, 1);
/** Apart from the defaults, which may change. */
export const STORE_LIMITS = {
  ...DEFAULT_LIMITS,
  "store-life": 7 * 24 * 60 * 60 * 1000,
  "stored-share-bytes": 1_000_000,
};
const TERMS: StoreTerms = {
  life: STORE_LIMITS["store-life"] / 1000,
  bytes: STORE_LIMITS["stored-share-bytes"],
};

export interface StageStoreOptions {
  readonly directory: Directory;
  /** Virtual time. ms */
  readonly now: () => number;
  /** Runs it when the turn is over. */
  readonly post: (run: () => void) => void;
  readonly toWorker: (message: FromStoreBook) => void;
}

export class StageStore {
  readonly #keeper: StoreKeeper;
  /** What the worker needs to store shares. */
  readonly hub;

  constructor({ directory, now, post, toWorker }: StageStoreOptions) {
    const disk = new MemoryDisk(post);
    const ledger = new MemoryLedger((place) => disk.files.delete(place), post);
    let places = 0;
    this.#keeper = new StoreKeeper({
      store: {
        ledger,
        saved: { shares: [], tombstones: [] },
        place: { kind: "disk", folder: "" },
        hashOf: (address) => address,
      },
      limits: new LiveLimits(STORE_LIMITS),
      directory,
      toWorker: (_worker, message) => toWorker(message),
      workers: () => [0],
      report: () => undefined,
      host: {
        wallTime: () => EPOCH_MS + now(),
        clock: now,
        soon: post,
        newPlace: () => (++places).toString(16).padStart(32, "0"),
      },
    });
    this.hub = {
      openRecords: disk.open,
      toStoreBook: (message: ToStoreBook) => post(() => this.#keeper.handle(message)),
      lookers: {
        count: 1,
        tell: (message: ToStoreBook) => post(() => this.#keeper.handle(message)),
      },
      mayStore: () => TERMS,
    };
  }

  /** @returns whether the directory shall have no part in it yet */
  hears(message: ToDirectory): boolean {
    if (message.t === "claim") return this.#keeper.claim(message);
    if (message.t === "orphan" || message.t === "close") this.#keeper.senderLeft(message.key);
    return false;
  }

  tick(): void {
    this.#keeper.tick();
  }
}
