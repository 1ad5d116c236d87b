import type { FaultError } from "../../../protocol/mod.ts";
import type {
  OpenRecords,
  RecordRun,
  RecordStore,
  StoredShape,
} from "../../../relay/store/record-store.ts";
import { RecordSet } from "../../../relay/store/record-set.ts";

/** A record store under test, and all that it told. */
export class WatchedRecords {
  readonly store: RecordStore;
  readonly durable = new RecordSet();
  rooms = 0;
  failure: FaultError | undefined;
  #changed = Promise.withResolvers<void>();

  constructor(open: OpenRecords, shape: StoredShape) {
    for (const { first, count } of shape.durable) this.durable.add(first, count);
    this.store = open(shape, {
      room: () => {
        this.rooms++;
        this.#tell();
      },
      durable: (runs: readonly RecordRun[]) => {
        for (const { first, count } of runs) this.durable.add(first, count);
        this.#tell();
      },
      failed: (fault) => {
        this.failure = fault;
        this.#tell();
      },
    });
  }

  /** Waits until it is so, and asks at each event. */
  async until(isSo: () => boolean): Promise<void> {
    while (!isSo()) await this.#changed.promise;
  }

  /** A copy of the frame, or its fault. */
  read(index: number): Promise<Uint8Array | FaultError> {
    return new Promise((resolve) => {
      this.store.read(index, (frame) => {
        resolve(frame instanceof Error ? frame : frame.slice());
      });
    });
  }

  #tell(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }
}
