import type { ClusterBook } from "../cluster/cluster-book.ts";
import type { WriteFence } from "../cluster/write-fence.ts";
import type { FromStoreBook } from "../share/messages.ts";

export interface BucketRightHost {
  readonly fence: WriteFence;
  readonly book: Pick<ClusterBook, "doubt" | "isProven">;
  readonly toWorker: (worker: number, message: FromStoreBook) => void;
  readonly workers: () => Iterable<number>;
}

/** The right of this relay to write into a bucket that other relays of its cluster use too. It tells the book and the workers. */
export class BucketRight {
  readonly #host: BucketRightHost;
  /** Lapses of the fence that the book knows. */
  #lapses = 0;
  #wasProven = false;

  constructor(host: BucketRightHost) {
    this.#host = host;
  }

  /** Whether the directory names this relay as the owner of each share that it keeps in the bucket. */
  get isProven(): boolean {
    return this.#lapses === this.#host.fence.lapses && this.#host.book.isProven;
  }

  /** Lets the book doubt its shares after a lapse, before it decides anything. */
  look(now: number): void {
    const { fence, book } = this.#host;
    const { lapses } = fence;
    if (lapses !== this.#lapses) book.doubt(now);
    this.#lapses = lapses;
  }

  /** Tells the workers after the effects of the book: they have heard of the shares that other relays took. */
  settled(): void {
    const wasProven = this.#wasProven;
    this.#wasProven = this.isProven;
    if (this.#wasProven && !wasProven) this.tell();
  }

  /** Workers write from now on for as long as the last heartbeat is fresh. */
  tell(): void {
    const { fence, toWorker, workers } = this.#host;
    const { left } = fence;
    if (left === 0) return;
    const until = fence.now.wall + left;
    for (const worker of workers()) toWorker(worker, { t: "may-write", left, until });
  }
}
