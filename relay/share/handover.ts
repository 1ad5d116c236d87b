import { BlockLog, type HandedBlock } from "../log/block-log.ts";
import type { HandoverState, PeerMessage } from "./messages.ts";
import type { BlockPool } from "../log/block-pool.ts";

/** State that is on its way. */
export interface Awaited {
  readonly from: number;
  /** The worker that has the sender by now; undefined: we do. */
  successor: number | undefined;
}

/**
 * The log of a share that can't be read again follows its sender from worker to worker. Its blocks stay
 * where they are and what they hold stays readable; only their owner changes, in one atomic step.
 *
 *   sender at A --comes to B--> A gives, B awaits --handover--> B adopts --adopted--> A forgets
 *
 * Until they are adopted the blocks are A's, which frees them if B dies; if A dies, B begins with
 * nothing. The directory names the previous home to B, so B never awaits state that no worker will send.
 */
export class Handover {
  readonly #pool: BlockPool;
  readonly #send: (to: number, message: PeerMessage) => void;
  /** Workers to which blocks were given that are still ours. */
  readonly #given = new Map<number, readonly HandedBlock[]>();
  /** State on its way to us, in order: one for each move of the sender that is not done. */
  readonly #awaited: Awaited[] = [];

  constructor(pool: BlockPool, send: (to: number, message: PeerMessage) => void) {
    this.#pool = pool;
    this.#send = send;
  }

  get isAwaited(): boolean {
    return this.#awaited.length > 0;
  }

  awaits(from: number): void {
    this.#awaited.push({ from, successor: undefined });
  }

  /** The awaited state is for another by now. */
  passOnTo(successor: number): void {
    const last = this.#awaited.at(-1);
    if (last !== undefined) last.successor = successor;
  }

  give(to: number, state: HandoverState | undefined): void {
    if (state !== undefined) this.#given.set(to, state.blocks);
    this.#send(to, { t: "handover", state });
  }

  /**
   * State that came for a worker that has the sender by now. Only what is ours can be given on.
   * @param frameBytes of a record
   */
  passThrough(
    from: number,
    successor: number,
    state: HandoverState | undefined,
    frameBytes: number,
  ): void {
    if (state === undefined) {
      this.give(successor, undefined);
      return;
    }
    const log = new BlockLog(this.#pool, frameBytes, true);
    log.adopt(state.blocks, from, state.firstKept);
    this.#send(from, { t: "adopted" });
    const blocks = log.handOver();
    this.give(successor, { ...state, firstKept: log.firstKept, blocks });
  }

  /** The awaited state of a worker is here; undefined: it had none. */
  came(from: number): Awaited | undefined {
    const at = this.#awaited.findIndex((awaited) => awaited.from === from);
    return at === -1 ? undefined : this.#awaited.splice(at, 1)[0];
  }

  adopted(by: number): void {
    this.#given.delete(by);
  }

  /** @returns what was awaited of it and will not come */
  workerLost(worker: number): Awaited[] {
    this.#free(worker);
    const lost: Awaited[] = [];
    for (let one = this.came(worker); one !== undefined; one = this.came(worker)) lost.push(one);
    return lost;
  }

  /** The share is over. */
  destroy(): void {
    for (const to of this.#given.keys()) this.#free(to);
    this.#awaited.length = 0;
  }

  #free(to: number): void {
    for (const { slot, generation } of this.#given.get(to) ?? []) {
      if (this.#pool.holds(slot, generation)) this.#pool.giveBack(slot);
    }
    this.#given.delete(to);
  }
}
