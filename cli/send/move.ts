/**
 * The move of a running send to the next edition of its share, when its files have changed. The send
 * owns one move. The next share is first sought, then found, and offered when `isDue`.
 */
import {
  FaultError,
  RECEIVERS_PER_SHARE,
  toHex,
  type ReceiverView,
  type SenderSession,
} from "../../protocol/mod.ts";
import type { Former } from "./editions.ts";
import type { Moving, OpenShare } from "./open-share.ts";
import type { Source } from "./source.ts";

/**
 * A sender that offers its share anew waits so long for the receipts of receivers that have all of
 * the former one.
 */
const EDITION_SETTLE_MS = 5000;

/** All of this share that the next one is made from. */
export type Place = Omit<Moving, "former" | "verified"> & Pick<Former, "share" | "head">;

export class Move {
  readonly #place: Place;
  readonly #source: Source;
  readonly #session: SenderSession;
  /** @throws FaultError when there is nowhere to go */
  readonly #find: (moving: Moving) => Promise<OpenShare>;
  #state: "none" | "seeking" | { readonly next: OpenShare; readonly since: number } = "none";
  /** The share was sought once for a receiver that joined late. */
  #isRenewed = false;
  /** Receivers that joined this share, by id. */
  readonly #met = new Set<string>();

  constructor(
    place: Place,
    source: Source,
    session: SenderSession,
    find: (moving: Moving) => Promise<OpenShare>,
  ) {
    this.#place = place;
    this.#source = source;
    this.#session = session;
    this.#find = find;
  }

  /** Whether no more of this share is sent. */
  get isUnderWay(): boolean {
    return this.#state !== "none";
  }

  /** The share that was found. */
  get next(): OpenShare | undefined {
    return typeof this.#state === "string" ? undefined : this.#state.next;
  }

  /**
   * Seeks the next share.
   * @param index the record that cannot be sent as it was; its files are in doubt
   * @returns false: there is none
   */
  async seek(index: number): Promise<boolean> {
    this.#state = "seeking";
    const { share, head, ...rest } = this.#place;
    const stamps = this.#source.stamps();
    const former = { share, head, stamps, doubtful: this.#source.doubtfulWith(index) };
    const verified = [...this.#session.receivers].filter((one) => one.verified).length;
    try {
      const next = await this.#find({ ...rest, former, verified });
      this.#state = { next, since: performance.now() };
    } catch (error) {
      this.#state = "none";
      if (!(error instanceof FaultError)) throw error;
      return false;
    }
    if (this.#session.finished) this.drop();
    return true;
  }

  /** Seeks the files as they are by now. No record of this share is in doubt. */
  async renew(): Promise<boolean> {
    this.#isRenewed = true;
    return this.seek(this.#source.records ?? 0);
  }

  /**
   * Whether a receiver that joins after another was served would miss files that were given up, while
   * no other receiver is amid this share.
   */
  isWorthRenewing({ id, verified }: ReceiverView): boolean {
    const key = toHex(id);
    const isNew = !this.#met.has(key);
    // A receiver that is met twice costs one edition, and editions are counted.
    if (this.#met.size >= RECEIVERS_PER_SHARE) this.#met.clear();
    this.#met.add(key);
    if (!isNew || verified || this.#isRenewed || this.isUnderWay) return false;
    if (!this.#source.isRenewable || this.#source.lost.length === 0) return false;
    const others = [...this.#session.receivers].filter((one) => toHex(one.id) !== key);
    return (
      others.some((one) => one.verified) &&
      others.every((one) => one.verified || one.state === "lost" || one.state === "left")
    );
  }

  /**
   * Whether the next share may be offered now: there is a link to end this one on, and receivers that
   * have all of it had EDITION_SETTLE_MS to prove it.
   */
  isDue(now: number): boolean {
    if (typeof this.#state === "string" || !this.#session.isServing) return false;
    if (now - this.#state.since >= EDITION_SETTLE_MS) return true;
    const records = this.#source.records ?? Infinity;
    return [...this.#session.receivers].every(
      ({ state, next, verified }) =>
        verified || state === "lost" || state === "left" || next < records,
    );
  }

  /** The share that was found is never offered. */
  drop(): void {
    if (typeof this.#state === "string") return;
    const { source, kept } = this.#state.next;
    source.close();
    kept?.forget();
  }
}
