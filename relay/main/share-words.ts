/**
 * Gives each word of a worker about a share to the keeper it is for, and the time to all. A claim goes to the cluster, then to
 * the store, then to the directory. The simulation of whole relays uses it too.
 */
import type { DownloadWord } from "../share/edge-downloads.ts";
import type { ChannelQuestion } from "../share/look-ups.ts";
import type { ToDirectory, ToStoreBook } from "../share/messages.ts";
import type { ShareClaim } from "../store/book-effects.ts";
import type { ClusterKeeper } from "./cluster-keeper.ts";
import type { Directory } from "./directory.ts";
import type { StoreKeeper } from "./store-keeper.ts";

export interface Keepers {
  readonly directory: Directory;
  /** The keeper of stored shares; undefined: the relay stores none. */
  readonly store: StoreKeeper | undefined;
  /** Undefined: the relay is in no cluster. */
  readonly cluster: ClusterKeeper | undefined;
}

export class ShareWords {
  readonly #keepers: Keepers;
  readonly #clock: () => number;

  constructor(keepers: Keepers, clock: () => number) {
    this.#keepers = keepers;
    this.#clock = clock;
  }

  heard(message: ToDirectory): void {
    const { directory, store } = this.#keepers;
    if (message.t === "claim") {
      this.#claimed(message);
      return;
    }
    const isLeft = message.t === "orphan" || message.t === "close";
    // Its sender may be at another worker by now.
    if (isLeft && directory.isOwner(message.key, message.epoch)) {
      store?.senderLeft(message.key);
    }
    directory.handle(message, this.#clock());
  }

  heardOfStore(message: ToStoreBook): void {
    const { store, cluster } = this.#keepers;
    if (isChannelQuestion(message)) cluster?.handle(message);
    if (message.t === "inspect" || message.t === "revoke") this.#asked(message);
    else if (isDownload(message) && cluster?.tellOwner(message) === true) return;
    else store?.handle(message);
  }

  workerLost(worker: number): void {
    const { directory, store, cluster } = this.#keepers;
    store?.workerLost(worker);
    cluster?.workerLost(worker);
    directory.workerLost(worker, this.#clock(), (channel) => store?.book.askerIn(channel));
  }

  tick(): void {
    const { directory, store, cluster } = this.#keepers;
    directory.tick(this.#clock());
    store?.tick();
    cluster?.tick();
  }

  /** The cluster has nothing against the claim, or there is none. */
  passed(claim: ShareClaim): void {
    const { directory, store } = this.#keepers;
    if (claim.uplink === undefined && store?.claim(claim) === true) return;
    directory.claim(claim, this.#clock());
  }

  /** The sender's share may be at another relay. */
  #asked(message: Extract<ToStoreBook, { t: "inspect" | "revoke" }>): void {
    const { store, cluster } = this.#keepers;
    const { t: question, ...asked } = message;
    const isHere = store?.book.knows(asked.key) === true;
    if (cluster === undefined || isHere) store?.handle(message);
    else cluster.inquire({ ...asked, question });
  }

  #claimed(claim: ShareClaim): void {
    const { directory, cluster } = this.#keepers;
    if (cluster === undefined) {
      this.passed(claim);
      return;
    }
    const refusal = directory.refusalOf(claim, this.#clock());
    if (refusal === undefined) cluster.claim(claim);
    else directory.refuse(claim, refusal, true);
  }
}

function isChannelQuestion(message: ToStoreBook): message is ChannelQuestion {
  return message.t === "asked" || message.t === "unasked" || message.t === "look-up";
}

function isDownload(message: ToStoreBook): message is DownloadWord {
  return message.t === "begun" || message.t === "finishing" || message.t === "download";
}
