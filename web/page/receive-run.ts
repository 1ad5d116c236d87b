/**
 * One receive: it owns a worker and, once the person agreed, a saver. The worker sends pieces, the
 * saver takes them one after the other, and `written` lets the worker send more. The screen
 * shows `state`, which a pure reducer makes.
 */
import { signal, type ReadonlySignal } from "@preact/signals";

import { FaultError, type FaultCode } from "../../protocol/wire/faults.ts";
import type { Offer, ReceiveCommand, ReceiveEvent, ReceiveJob } from "../job/receive-messages.ts";
import type { Choice, Saver } from "../save/saver.ts";
import { relayAddress } from "../browser/page-addresses.ts";
import { thrownText } from "./fault-text.ts";
import { isSameOffer } from "./offer-files.ts";
import { whyBroken } from "./page-age.ts";
import { PageWorker } from "./page-worker.ts";
import {
  beginReceive,
  receiveStep,
  type ReceiveAction,
  type ReceiveState,
} from "./receive-state.ts";
import type { Saving } from "./saving.ts";

/** A picker that closes sooner was never seen by a person: a headless browser has none. ms */
const PICKER_LEAST_MS = 200;
/** People react to what they saw that long ago. An offer that replaces another takes no answer before. ms */
const SETTLE_MS = 700;

export interface ReceiveWish {
  readonly code: string;
  readonly lobby: boolean;
  readonly name: string;
  readonly token: string | undefined;
  readonly resume?: ReceiveJob["resume"];
}

/** A saver of a receive of before, which its share goes on with. */
export interface Reopened {
  readonly saver: Saver;
  /** The offer that the person agreed to then. */
  readonly offer: Offer;
}

export class ReceiveRun {
  readonly wish: ReceiveWish;
  readonly #state: { value: ReceiveState } & ReadonlySignal<ReceiveState>;
  readonly #choices = signal<readonly Choice[] | undefined>(undefined);
  readonly #saving: Saving;
  readonly #worker: PageWorker<ReceiveCommand, ReceiveEvent>;
  #saver: Saver | undefined;
  #reopened: Reopened | undefined;
  #share: string | undefined;
  /** Writes in their order. */
  #writes: Promise<void> = Promise.resolve();

  constructor(wish: ReceiveWish, saving: Saving, reopened?: Reopened) {
    this.wish = wish;
    this.#saving = saving;
    this.#reopened = reopened;
    this.#share = reopened?.offer.share;
    this.#state = signal(beginReceive(wish.lobby));
    this.#worker = new PageWorker("fileshare receive", {
      onEvent: (event) => this.#event(event),
      onBroken: (message) => this.#event({ t: "end", fault: "internal", message }),
    });
    this.#worker.post({
      t: "receive",
      code: wish.code,
      relay: relayAddress(),
      name: wish.name,
      token: wish.token,
      lobby: wish.lobby,
      resume: wish.resume,
    });
  }

  get state(): ReadonlySignal<ReceiveState> {
    return this.#state;
  }

  /** The share that was offered last, by its id; undefined: none was. */
  get share(): string | undefined {
    return this.#share;
  }

  /** Ways of saving the share that is offered, the best first; undefined: not known yet. */
  get choices(): ReadonlySignal<readonly Choice[] | undefined> {
    return this.#choices;
  }

  /** To be called in the handler of a click, as pickers need one. */
  async save(choice: Choice): Promise<void> {
    const { step } = this.#state.peek();
    // A choice of an offer that is gone counts for nothing.
    if (step.at !== "offer" || this.#choices.peek()?.includes(choice) !== true) return;
    const { offer } = step;
    this.#act({ t: "placing" });
    const others = (this.#choices.peek() ?? []).filter(isPossible);
    for (let next: Choice | undefined = choice; next !== undefined;) {
      const asked = performance.now();
      try {
        const saver = await this.#saving.open(next, offer, this.wish);
        return await this.#accept(offer, next, saver);
      } catch (error) {
        const isClosed = error instanceof DOMException && error.name === "AbortError";
        const byPerson = isClosed && performance.now() - asked >= PICKER_LEAST_MS;
        const after: Choice | undefined = others[others.indexOf(next) + 1];
        if (byPerson || after === undefined) {
          const notice = isClosed
            ? "Nothing was chosen, so nothing is saved yet."
            : ((await whyBroken()) ?? thrownText(error));
          this.#act({ t: "not-placed", notice });
          return;
        }
        next = after;
      }
    }
  }

  /** A text is fetched and shown, never saved. */
  show(): void {
    const { step } = this.#state.peek();
    if (step.at !== "offer") return;
    this.#act({ t: "accepted", choice: undefined, position: 0, now: performance.now() });
    this.#worker.post({ t: "accept", share: step.offer.share, position: 0, unconfirmed: false });
  }

  decline(): void {
    const { step } = this.#state.peek();
    if (step.at !== "offer") return;
    this.#worker.post({ t: "decline", share: step.offer.share });
    if (this.wish.lobby) this.#event({ t: "waiting" });
    else this.stop();
  }

  stop(): void {
    this.#act({ t: "stopped" });
    this.#worker.post({ t: "stop" });
    this.#abandon();
    this.#worker.endAfterGoodbye();
  }

  async #accept(offer: Offer, choice: Choice, saver: Saver): Promise<void> {
    const { step } = this.#state.peek();
    // The share ended, or the person stopped, while the picker was open.
    if (step.at !== "placing" || step.offer.share !== offer.share) return saver.abandon();
    this.#transfer(offer, choice, saver);
  }

  #transfer(offer: Offer, choice: Choice, saver: Saver): void {
    this.#saver = saver;
    const { position, unconfirmed } = saver;
    this.#act({ t: "accepted", choice, position, now: performance.now() });
    this.#worker.post({ t: "accept", share: offer.share, position, unconfirmed });
  }

  #event(event: ReceiveEvent): void {
    switch (event.t) {
      case "piece":
        return this.#piece(event.file, event.data);
      case "save": {
        this.#act({ t: "event", event, now: performance.now() });
        const saver = this.#saver;
        return this.#write(() => this.#finish(saver, event.unsound));
      }
      case "offer":
        this.#act({ t: "event", event, now: performance.now() });
        void this.#offered(event.offer);
        return;
      case "edition":
      case "over":
        this.#abandon();
        break;
      case "end":
        this.#abandon();
        this.#act({ t: "event", event, now: performance.now() });
        this.#worker.end();
        return;
      default:
    }
    this.#act({ t: "event", event, now: performance.now() });
  }

  async #offered(offer: Offer): Promise<void> {
    this.#share = offer.share;
    setTimeout(() => this.#act({ t: "settled", share: offer.share }), SETTLE_MS);
    const reopened = this.#reopened;
    // A sender may describe the same share in another way now: then the person is asked anew.
    if (reopened !== undefined && isSameOffer(reopened.offer, offer)) {
      this.#reopened = undefined;
      const { way } = reopened.saver;
      const note = "It goes on with what is on the disk already.";
      this.#transfer(offer, { way, zip: false, name: undefined, note }, reopened.saver);
      return;
    }
    if (reopened !== undefined) this.#abandon();
    if (offer.kind === "text") {
      // A text has no place and no name that could do harm. In the lobby anyone may have sent it.
      if (!this.wish.lobby) this.show();
      return;
    }
    this.#choices.value = undefined;
    try {
      const choices = await this.#saving.choices(offer);
      if (this.#share === offer.share) this.#choices.value = choices;
    } catch (error) {
      const message = (await whyBroken()) ?? thrownText(error);
      this.#event({ t: "end", fault: "internal", message });
    }
  }

  #piece(file: number, data: Uint8Array<ArrayBuffer>): void {
    const bytes = data.byteLength;
    const saver = this.#saver;
    this.#write(async () => {
      // The saver broke or gave way meanwhile: what still comes is dropped.
      if (saver === undefined || saver !== this.#saver) return;
      await saver.write(file, data);
      this.#worker.post({ t: "written", bytes });
    });
  }

  async #finish(saver: Saver | undefined, unsound: readonly number[]): Promise<void> {
    const { step } = this.#state.peek();
    // A text has no saver: it is on the screen already.
    const isText = step.at === "saving" && step.choice === undefined;
    if (saver !== this.#saver || (saver === undefined && !isText)) return;
    const names = saver === undefined ? [] : await saver.finish(unsound);
    this.#saver = undefined;
    this.#act({ t: "saved", names });
    this.#worker.post({ t: "saved" });
  }

  /** Puts one more step of saving behind those before. */
  #write(step: () => Promise<void>): void {
    this.#writes = this.#writes.then(step).catch((error: unknown) => this.#fail(error));
  }

  #fail(error: unknown): void {
    const fault: FaultCode = error instanceof FaultError ? error.code : "write-failed";
    const detail = error instanceof FaultError ? error.detail : thrownText(error);
    this.#worker.post(
      detail === undefined ? { t: "failed", fault } : { t: "failed", fault, detail },
    );
    this.#abandon();
  }

  /** The saver keeps what can go on later, and removes the rest. */
  #abandon(): void {
    const saver = this.#saver ?? this.#reopened?.saver;
    if (saver === undefined) return;
    this.#saver = undefined;
    this.#reopened = undefined;
    this.#writes = this.#writes
      .then(() => saver.abandon())
      .catch(() => {
        // The share is over already, and the person reads why.
      });
  }

  #act(action: ReceiveAction): void {
    this.#state.value = receiveStep(this.#state.peek(), action);
  }
}

function isPossible({ impossible }: Choice): boolean {
  return impossible === undefined;
}
