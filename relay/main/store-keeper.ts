/**
 * Runs the book of stored shares: gives it messages of workers and the time, saves its changes one batch after the
 * other, and hands its effects to `StoreOutput`. `ShareKeepers` owns it, if the relay has a store.
 */
import { randomBytes } from "node:crypto";

import { FaultError, socketFault } from "../../protocol/mod.ts";
import type { LiveLimits } from "../limits/limits.ts";
import type { AskedShare, StoreOrder } from "../cluster/book-effects.ts";
import type { FromStoreBook, ToStoreBook } from "../share/messages.ts";
import { REFUSABLE, type BookEffect, type ShareClaim } from "../store/book-effects.ts";
import type { ManagedStore } from "../admin/manager.ts";
import type { Kept } from "../store/kept-share.ts";
import type { AdoptedShare } from "../store/ledger.ts";
import type { OpenStore } from "../store/open-store.ts";
import type { ClusterOfBook } from "../store/share-shelf.ts";
import { StoreBook, type BookCounts } from "../store/store-book.ts";
import type { StoredShare } from "../store/stored-share.ts";
import type { Reporter } from "../worker/reports.ts";
import { Adoptions, type Adoption } from "./adoptions.ts";
import type { Directory } from "./directory.ts";
import { HeldClaims, LOOK_UPS_MOST } from "./held-claims.ts";
import { RecordRemover } from "./record-remover.ts";
import { SavedWords } from "./saved-words.ts";
import { StoreOutput } from "./store-output.ts";

const PLACE_BYTES = 16;
/** Clients wait so long for the save that they depend on. Then they hear that the store failed, and ask again. ms */
const LATE_SAVE_MS = 15_000;
/** A bucket that does not answer holds up the end of the relay so long at most. ms */
const CLOSE_MS = 10_000;
const LATE = "a save takes long";
const UNSURE = "the directory of its cluster does not confirm this relay, so it saves nothing";
const TAKEN_OVER = "another relay of its cluster stores the share now";

/** Time and chance, which the simulation has of its own. */
export interface KeeperHost {
  /** ms since 1970 */
  readonly wallTime: () => number;
  /** As the directory's. ms */
  readonly clock: () => number;
  /** Runs it in a later turn. */
  readonly soon: (run: () => void) => void;
  /** See `StoreBookOptions`. */
  readonly newPlace: () => string;
}

const HOST: KeeperHost = {
  wallTime: () => Date.now(),
  clock: () => performance.now(),
  soon: (run) => void setImmediate(run),
  newPlace: () => randomBytes(PLACE_BYTES).toString("hex"),
};

export interface StoreKeeperOptions {
  readonly store: OpenStore;
  readonly limits: LiveLimits;
  readonly directory: Directory;
  readonly toWorker: (worker: number, message: FromStoreBook) => void;
  readonly workers: () => Iterable<number>;
  readonly report: Reporter;
  readonly cluster?: ClusterOfKeeper | undefined;
  readonly host?: KeeperHost;
}

/** See `StoreBookOptions`. */
export interface ClusterOfKeeper extends ClusterOfBook {
  /** Whether this relay still takes over the share of this name. */
  readonly adopts: (name: string) => boolean;
  /** Whether the share has this name in the directory. */
  readonly isNameOf: (name: string, share: StoredShare) => boolean;
  /** The share is kept, or there is none. */
  readonly adopted: (name: string) => void;
}

export class StoreKeeper implements ManagedStore {
  readonly book: StoreBook;
  readonly #options: StoreKeeperOptions;
  readonly #host: KeeperHost;
  readonly #remover: RecordRemover;
  readonly #adoptions: Adoptions;
  readonly #words = new SavedWords((key) => this.book.keeps(key));
  /** The time since which changes wait for the right to write. ms */
  #unsureSince: number | undefined;
  #isScheduled = false;
  #saving: PromiseLike<void> | undefined;
  /** The start of the latest save, and its effects. ms */
  #savingAt = 0;
  #effects: readonly BookEffect[] = [];
  readonly #held: HeldClaims;
  readonly #output: StoreOutput;
  #lookUps = 0;
  #isFailing = false;
  #isClosed = false;
  readonly saves = { done: 0, failed: 0 };

  constructor(options: StoreKeeperOptions) {
    this.#options = options;
    const { store, limits, directory, cluster, host = HOST } = options;
    this.#host = host;
    this.#remover = new RecordRemover(store.ledger, (error) => this.#trouble(error));
    const { saved, hashOf } = store;
    const { newPlace } = host;
    const newNumber = (): number => directory.newNumber();
    this.#adoptions = new Adoptions(store.ledger, {
      isWanted: ({ name }) => !this.#isClosed && cluster?.adopts(name) === true,
      read: (adoption, found) => this.#adopt(adoption, found),
      trouble: (error) => {
        if (!this.#isClosed) this.#trouble(error);
      },
    });
    const told = store.shared === undefined ? cluster : cluster && this.#words.afterSave(cluster);
    const given = { limits, saved, hashOf, newPlace, newNumber, cluster: told };
    this.book = new StoreBook(given, host.wallTime());
    const { book } = this;
    const { clock } = host;
    const { toWorker, workers, report } = options;
    this.#output = new StoreOutput({ book, directory, toWorker, workers, report, clock });
    this.#held = new HeldClaims({
      book,
      directory,
      toWorker,
      clock,
      lookUpEnd: store.shared && ((key) => this.#lookUpEnd(key)),
      claim: (claim) => this.#claim(claim),
    });
    // The supervisor tells of the changes that were saved before.
    this.#words.forgetAll();
  }

  get counts(): BookCounts {
    return this.book.counts;
  }

  get shares(): Iterable<Kept> {
    return this.book.shares;
  }

  /** @returns false: the directory may have it at once */
  claim(claim: ShareClaim): boolean {
    const { directory } = this.#options;
    const refusal = directory.refusalOf(claim, this.#host.clock());
    if (refusal !== undefined) {
      directory.refuse(claim, refusal);
      return true;
    }
    return this.#held.takes(claim) || this.#claim(claim);
  }

  /** @returns whether the bucket answered; if not, the next save tells of it */
  async #lookUpEnd(key: string): Promise<boolean> {
    try {
      const over = await this.#options.store.ledger.over?.(key);
      if (over !== undefined && !this.book.knows(key)) this.book.learn(over);
      return true;
    } catch {
      return false;
    }
  }

  /** No relay has the share of this question. It may be over, and its last relay gone. */
  async inquired({ worker, socket, key, question }: AskedShare): Promise<void> {
    const isBusy = this.#lookUps >= LOOK_UPS_MOST;
    this.#lookUps++;
    const isKnown = !isBusy && (await this.#lookUpEnd(key));
    this.#lookUps--;
    if (this.#output.lost.has(worker)) return;
    if (isKnown) {
      this.handle({ t: question, worker, socket, key });
      return;
    }
    const detail = isBusy ? "too many questions wait for the bucket" : "the bucket does not answer";
    const fault = socketFault("going-away");
    this.#options.toWorker(worker, { t: "socket-failed", socket, fault, detail });
  }

  #claim(claim: ShareClaim): boolean {
    const isMine = this.book.claim(claim, this.#host.wallTime());
    if (!isMine) this.book.opened(claim.channel);
    this.#schedule();
    return isMine;
  }

  senderLeft(key: string): void {
    this.book.senderLeft(key, this.#host.wallTime());
  }

  handle(message: ToStoreBook): void {
    const now = this.#host.wallTime();
    const { book } = this;
    switch (message.t) {
      case "asked":
        book.asked(message.worker, message.channel, now);
        break;
      case "unasked":
        book.unasked(message.worker, message.channel, now);
        break;
      case "look-up":
        book.lookUp(message.worker, message.question, message.key, now);
        break;
      case "durable":
        if (!this.#options.directory.isOwner(message.key, message.epoch)) return;
        book.durable(message.key, message.runs, message.records, now);
        break;
      case "begun":
        if (message.isOver) book.downloads.readerGone(message.key, message.receiver, now);
        else book.downloads.begun(message.key, message.receiver, message.address, now);
        break;
      case "finishing":
        book.downloads.finishing(message.key, now);
        break;
      case "download":
        book.downloads.download(message.key, message.receipt, message.wasServed, now);
        break;
      case "store-failed":
        if (!this.#options.directory.isOwner(message.key, message.epoch)) return;
        book.failed(message.key, new FaultError(message.fault, message.detail));
        break;
      case "inspect":
        book.inspect(message.worker, message.socket, message.key);
        break;
      case "revoke":
        book.revoke(message.worker, message.socket, message.key, now);
        break;
      case "settled":
        this.#held.settled(message.key, message.worker);
        break;
    }
    this.#schedule();
  }

  /** The cluster says which relay serves a kept share, and which relay keeps a share in a common bucket. */
  ordered(order: StoreOrder): void {
    switch (order.t) {
      case "quiet":
      case "loud":
        this.book.quiet(order.key, order.t === "quiet");
        if (order.t === "quiet") this.#options.directory.stored.quiet(order.key);
        break;
      case "adopt":
        this.#adoptions.add(order, this.#host.clock());
        break;
      case "disown":
        this.#disown(order.key);
        break;
    }
    this.#schedule();
  }

  #adopt({ name, place }: Adoption, { share, over }: AdoptedShare): void {
    const { cluster, store } = this.#options;
    if (this.#isClosed || cluster?.adopts(name) !== true) {
      store.ledger.disown?.(place);
      return;
    }
    if (share === undefined) {
      // The relay before removed the facts, and perhaps not all records.
      this.#remover.remove([place], this.#host.wallTime());
    } else if (cluster.isNameOf(name, share) && !this.book.keeps(share.key)) {
      this.#words.sayAtOnce(() => this.book.adopt(share, over, this.#host.wallTime()));
    }
    cluster.adopted(name);
    this.#schedule();
  }

  /** Receivers here get the share from the relay that has it now. */
  #disown(key: string): void {
    const { directory, store } = this.#options;
    const place = this.book.placeOf(key);
    const fault = new FaultError("going-away", TAKEN_OVER);
    const isSaid = (effect: BookEffect): boolean =>
      !REFUSABLE.has(effect.t) && !isAbout(effect, key);
    this.#effects = this.#effects.filter(isSaid);
    this.#words.forget(key);
    for (const effect of this.book.disown(key, fault)) this.#output.do(effect);
    directory.stored.give(key, this.#host.clock());
    if (place !== undefined) store.ledger.disown?.(place);
  }

  /** No link reads the share any more. This relay may keep it too. */
  dropped(key: string): void {
    this.book.reload(key);
    this.#schedule();
  }

  workerLost(worker: number): void {
    this.#output.lost.add(worker);
    this.book.workerLost(worker, this.#host.wallTime());
    this.#held.workerLost(worker);
  }

  /** @returns its key; undefined: no stored share has that number */
  remove(number: number): string | undefined {
    const key = this.book.remove(number);
    this.#schedule();
    return key;
  }

  tick(): void {
    const now = this.#host.wallTime();
    this.book.tick(now);
    const since = this.#saving === undefined ? this.#unsureSince : this.#savingAt;
    if (since !== undefined && now - since >= LATE_SAVE_MS) {
      const fault = new FaultError("store-failed", this.#saving === undefined ? UNSURE : LATE);
      this.#effects = this.#effects.filter(({ t }) => !REFUSABLE.has(t));
      for (const effect of this.book.saveLate(fault)) this.#output.do(effect);
    }
    this.#remover.tick(now);
    this.#adoptions.tick(this.#host.clock());
    this.#held.tick();
    this.#schedule();
  }

  /** Saves what is left, as far as it can. */
  async close(): Promise<void> {
    const { ledger } = this.#options.store;
    // No client heard of a change that is not saved by then, and the next start removes records of no share.
    const late = setTimeout(() => void ledger.close(), CLOSE_MS);
    await this.#saving;
    this.#isClosed = true;
    try {
      const batch = this.book.take(Infinity);
      if (batch !== undefined && !batch.isEmpty) {
        await ledger.save(batch.change);
        this.#remover.remove(batch.change.removed, this.#host.wallTime());
      }
      this.#words.saving();
      this.#words.say();
    } catch (error) {
      this.#trouble(error);
    }
    await this.#remover.end();
    clearTimeout(late);
    await ledger.close();
  }

  /** All messages of one turn of the event loop go into one save. */
  #schedule(): void {
    if (this.#isScheduled || this.#saving !== undefined || this.#isClosed) return;
    this.#isScheduled = true;
    this.#host.soon(() => {
      this.#isScheduled = false;
      this.#next();
    });
  }

  #next(): void {
    if (this.#saving !== undefined || this.#isClosed) return;
    if (this.#waitsForDirectory()) return;
    const batch = this.book.take(this.#host.wallTime());
    if (batch === undefined) return;
    this.#output.lost.clear();
    this.#words.saving();
    if (batch.isEmpty) {
      this.book.saved();
      this.#words.say();
      for (const effect of batch.effects) this.#output.do(effect);
      this.#schedule();
      return;
    }
    this.#savingAt = this.#host.wallTime();
    this.#effects = batch.effects;
    this.#saving = this.#options.store.ledger.save(batch.change).then(
      () => this.#saved(batch.change.removed),
      (error: unknown) => this.#saveFailed(error),
    );
  }

  /** Whether saves wait because another relay may have the shares by now. Receivers can read them meanwhile. */
  #waitsForDirectory(): boolean {
    const { shared } = this.#options.store;
    if (shared === undefined || shared.fence.left > 0 || !this.book.hasChanges) {
      this.#unsureSince = undefined;
      return false;
    }
    this.#unsureSince ??= this.#host.wallTime();
    for (const effect of this.book.takeReading()) this.#output.do(effect);
    return true;
  }

  #saved(removed: readonly string[]): void {
    this.#saving = undefined;
    this.#isFailing = false;
    this.saves.done++;
    this.book.saved();
    this.#words.say();
    this.#remover.remove(removed, this.#host.wallTime());
    for (const effect of this.#effects) this.#output.do(effect);
    this.#schedule();
  }

  #saveFailed(error: unknown): void {
    this.#saving = undefined;
    this.saves.failed++;
    const fault = error instanceof FaultError ? error : new FaultError("store-failed");
    if (!this.#isFailing) this.#trouble(error);
    this.#isFailing = true;
    const effects = this.book.saveFailed(fault, this.#host.wallTime());
    for (const effect of effects) this.#output.do(effect);
    this.#schedule();
  }

  #trouble(error: unknown): void {
    const trouble = error instanceof Error ? error.message : String(error);
    this.#options.report({ level: "error", event: "store-failed", fields: { trouble } });
  }
}

function isAbout(effect: BookEffect, key: string): boolean {
  if (effect.t === "open") return effect.opened.facts.key === key;
  return "key" in effect && effect.key === key;
}
