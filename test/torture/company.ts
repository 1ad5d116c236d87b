/** Everybody of a round: who comes when, and who has ended. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Receiver, Sender, Surroundings } from "./clients.ts";
import { copiesIn, partialsIn } from "./copies.ts";
import type { PlannedFault } from "./history.ts";
import { RECEIPTS_MS } from "./limits.ts";
import type { Nemesis } from "./nemesis.ts";
import type { RoundPlan, Step } from "./plan.ts";

/** Everybody of a round: who is there, and who has finished. */
export class Company {
  readonly #plan: Pick<RoundPlan, "receivers">;
  readonly #sender: Sender;
  readonly #receivers: readonly Receiver[];
  readonly #surroundings: Surroundings;
  readonly #finishMs: number;
  readonly #lives = new Map<Receiver, Promise<void>>();
  readonly #living = new Set<Receiver>();

  /** @param finishMs time for everybody to end in when the faults are over */
  constructor(
    plan: Pick<RoundPlan, "receivers">,
    sender: Sender,
    receivers: readonly Receiver[],
    surroundings: Surroundings,
    finishMs: number,
  ) {
    this.#plan = plan;
    this.#sender = sender;
    this.#receivers = receivers;
    this.#surroundings = surroundings;
    this.#finishMs = finishMs;
  }

  get hasFinished(): boolean {
    return this.#lives.size === this.#receivers.length && this.#living.size === 0;
  }

  /** Starts who comes before that step. */
  arrive(step: number): void {
    for (const [at, receiver] of this.#receivers.entries()) {
      if (this.#lives.has(receiver) || this.#plan.receivers[at]!.from > step) continue;
      this.#living.add(receiver);
      const life = receiver.live().finally(() => this.#living.delete(receiver));
      life.catch(() => undefined); // `finish` is told
      this.#lives.set(receiver, life);
    }
  }

  /** Lets the faults of a plan come, while receivers do, until they are over and undone. */
  async endure<Kind extends PlannedFault>(
    steps: readonly Step<Kind>[],
    nemesis: Nemesis<Kind>,
    isOver: () => boolean,
  ): Promise<void> {
    const { history, signal } = this.#surroundings;
    for (const [at, { afterMs, fault }] of steps.entries()) {
      this.arrive(at);
      if (this.hasFinished || isOver()) break;
      await sleep(afterMs, undefined, { signal });
      nemesis.strike(fault);
    }
    await nemesis.calm();
    this.arrive(Infinity);
    history.add({ what: "calm" });
  }

  /** Waits until everybody has ended, `finishMs` at most; who has not then is late, and is ended. */
  async finish(): Promise<void> {
    const { history, signal } = this.#surroundings;
    const over = new AbortController();
    const tooLate = sleep(this.#finishMs, "late" as const, {
      signal: AbortSignal.any([signal, over.signal]),
    });
    tooLate.catch(() => undefined); // nobody was late
    try {
      if ((await Promise.race([this.#allEnd(), tooLate])) !== "late") return;
    } finally {
      over.abort();
    }
    for (const { name } of this.#living) history.add({ what: "late", who: name });
    if (!this.#sender.hasEnded) history.add({ what: "late", who: "sender" });
    await this.end();
  }

  /** Tells everybody who is left to end, and waits for it. */
  async end(): Promise<void> {
    const left = [...this.#living].map((receiver) => receiver.giveUp());
    await Promise.all([...left, this.#sender.giveUp()]);
    await Promise.allSettled(this.#lives.values());
  }

  async #allEnd(): Promise<void> {
    const { done, ended } = this.#sender;
    const lives = Promise.all(this.#lives.values());
    if (this.#sender.isStoring) {
      await Promise.all([lives, ended]);
      return;
    }
    await Promise.race([lives, ended]);
    if (this.#sender.hasEnded) {
      // A receiver run again although it had everything finds no sender now, and would wait for ever.
      await Promise.all(
        [...this.#living].filter(({ isPlaced }) => isPlaced).map((receiver) => receiver.giveUp()),
      );
      await lives;
      return;
    }
    const knowsAll = this.#receivers.every(({ name }) => done.has(name));
    if (knowsAll) {
      await ended;
      return;
    }
    // A receipt may have found nobody for CONFIRM_MS; then nobody will ever bring it.
    await Promise.race([
      ended,
      sleep(RECEIPTS_MS, undefined, { signal: this.#surroundings.signal }),
    ]);
    if (this.#receivers.every(({ name }) => done.has(name))) await ended;
    else await this.#sender.giveUp();
  }
}

/** What lies in the receivers' folders at the end, for the verdict. */
export function lookAt(receivers: readonly Receiver[], { history }: Surroundings): void {
  for (const { name, out } of receivers) {
    history.add({ what: "copies", who: name, copies: copiesIn(out) });
    const names = partialsIn(out);
    if (names.length > 0) history.add({ what: "left over", who: name, names });
  }
}
