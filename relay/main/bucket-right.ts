import type { ClusterBook } from "../cluster/cluster-book.ts";
import type { WriteFence } from "../cluster/write-fence.ts";
import type { FromStoreBook } from "../share/messages.ts";

export interface BucketRightHost {
  readonly fence: WriteFence;
  readonly book: Pick<ClusterBook, "doubt" | "isProven">;
  readonly toWorker: (worker: number, message: FromStoreBook) => void;
  readonly workers: () => Iterable<number>;
}

/** The right of this relay to write into a bucket that others of its cluster use: the book and the workers hear of it. */
export class BucketRight {
  readonly #host: BucketRightHost;
  /** Of the fence, as the book knows of them. */
  #lapses = 0;
  #wasProven = false;

  constructor(host: BucketRightHost) {
    this.#host = host;
  }

  /** Whether the directory says that all shares which this relay keeps in the bucket are its own. */
  get isProven(): boolean {
    return this.#lapses === this.#host.fence.lapses && this.#host.book.isProven;
  }

  /** Before the book decides anything: after a lapse it doubts its shares. */
  look(now: number): void {
    const { fence, book } = this.#host;
    const { lapses } = fence;
    if (lapses !== this.#lapses) book.doubt(now);
    this.#lapses = lapses;
  }

  /** After the effects of the book: workers have heard of shares that are another relay's by now. */
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
