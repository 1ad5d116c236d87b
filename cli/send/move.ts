/** The move of a running send to the share that takes the place of its own: looked for, found, waited with. */
import { type ReceiverView, type SenderSession } from "../../protocol/mod.ts";
import type { Former } from "./editions.ts";
import type { Moving, OpenShare } from "./open-share.ts";

/**
 * A sender that offers its share anew waits so long for the receipts of receivers that have all of
 * the former one.
 */
const EDITION_SETTLE_MS = 5000;

/** All of this share that the next one is made from. */
export type Place = Omit<Moving, "former" | "verified"> & Pick<Former, "share" | "head">;

export class Move {
  readonly #place: Place;
  /** @throws FaultError when there is nowhere to go */
  readonly #find: (moving: Moving) => Promise<OpenShare>;
  #state: "none" | "looking" | { readonly next: OpenShare; readonly since: number } = "none";

  constructor(place: Place, find: (moving: Moving) => Promise<OpenShare>) {
    this.#place = place;
    this.#find = find;
  }

  /** Whether nothing more of this share is sent. */
  get isUnderWay(): boolean {
    return this.#state !== "none";
  }

  /** The share that was found. */
  get next(): OpenShare | undefined {
    return typeof this.#state === "string" ? undefined : this.#state.next;
  }

  /** @throws FaultError when there is nowhere to go */
  async look(now: Pick<Former, "stamps" | "doubtful">, session: SenderSession): Promise<void> {
    this.#state = "looking";
    const { share, head, ...rest } = this.#place;
    const verified = verifiedOf(session.receivers);
    try {
      const next = await this.#find({ ...rest, former: { share, head, ...now }, verified });
      this.#state = { next, since: performance.now() };
    } catch (error) {
      this.#state = "none";
      throw error;
    }
    if (session.finished) this.drop();
  }

  /**
   * Not while there is no line to say it on, nor before receivers that have all of it could prove it.
   * @param records of the share
   */
  isDue(session: SenderSession, records: number | undefined, now: number): boolean {
    if (typeof this.#state === "string" || !session.isServing) return false;
    if (now - this.#state.since >= EDITION_SETTLE_MS) return true;
    return [...session.receivers].every(
      ({ state, next, verified }) =>
        verified || state === "lost" || state === "left" || next < (records ?? Infinity),
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

function verifiedOf(receivers: Iterable<ReceiverView>): number {
  return [...receivers].filter(({ verified }) => verified).length;
}
