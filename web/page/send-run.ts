/**
 * One send: it owns a worker and the rows of its receivers. Rows change in place; `rows` tells the
 * screen of it at most every ROWS_EVERY_MS.
 */
import { signal, type ReadonlySignal } from "@preact/signals";

import type { SendCommand, SendEvent, SendJob } from "../job/send-messages.ts";
import { relayAddress } from "../browser/page-addresses.ts";
import { PageWorker } from "./page-worker.ts";
import { ReceiverRows } from "./receiver-rows.ts";
import { beginSend, sendStep, type Gate, type SendAction, type SendState } from "./send-state.ts";

/** People can't read faster. ms */
const ROWS_EVERY_MS = 250;

export type SendWish = Omit<SendJob, "t" | "relay">;

/**
 * The table, and a number that changes with it. A new object, as a component is drawn again only for other properties.
 */
export interface RowsSeen {
  readonly rows: ReceiverRows;
  readonly version: number;
}

/** Of a send that goes on, its gate may have opened before. */
function gateOf({ startWhen, resume }: SendWish): Gate | undefined {
  if (startWhen <= 1 || resume !== undefined) return undefined;
  return { agreed: 0, wanted: startWhen, open: false };
}

export class SendRun {
  readonly wish: SendWish;
  readonly #worker: PageWorker<SendCommand, SendEvent>;
  readonly #state: { value: SendState } & ReadonlySignal<SendState>;
  readonly #rows = new ReceiverRows();
  readonly #seen = signal<RowsSeen>({ rows: this.#rows, version: 0 });
  #isTelling = false;

  constructor(wish: SendWish) {
    this.wish = wish;
    this.#state = signal(beginSend(gateOf(wish)));
    this.#worker = new PageWorker("fileshare send", {
      onEvent: (event) => this.#event(event),
      onBroken: (message) =>
        this.#event({ t: "end", verified: 0, failed: 0, fault: "internal", message }),
    });
    this.#worker.post({ t: "send", relay: relayAddress(), ...wish });
  }

  get state(): ReadonlySignal<SendState> {
    return this.#state;
  }

  get rows(): ReadonlySignal<RowsSeen> {
    return this.#seen;
  }

  admit(receiver: string, admit: boolean): void {
    this.#rows.answered(receiver, admit, performance.now());
    this.#changed();
    this.#worker.post({ t: "admit", receiver, admit });
  }

  stop(): void {
    this.#act({ t: "stopped", verified: this.#rows.counts.verified });
    this.#worker.post({ t: "stop" });
    this.#worker.endAfterGoodbye();
  }

  #event(event: SendEvent): void {
    this.#act({ t: "event", event, now: performance.now() });
    switch (event.t) {
      case "code":
        this.#rows.source(event.records, event.bytes);
        return this.#remember(event.share);
      case "receiver":
        this.#rows.update(event.receiver, performance.now());
        return this.#changed();
      case "asks":
        this.#rows.asks(event.receiver);
        return this.#changed();
      case "dismissed":
        this.#rows.dismissed(event.id);
        return this.#changed();
      case "end":
        this.#tell();
        return this.#worker.end();
      default:
    }
  }

  /** So that a reload can offer to go on. */
  #remember(share: string): void {
    const { content } = this.wish;
    if (content.kind !== "files") return;
    import("../source/unfinished-sends.ts")
      .then(({ UnfinishedSends }) => new UnfinishedSends().remember(share, content.files))
      .catch(() => {
        // Without it a reload asks for the files again.
      });
  }

  #changed(): void {
    if (this.#isTelling) return;
    this.#isTelling = true;
    setTimeout(() => {
      this.#isTelling = false;
      this.#tell();
    }, ROWS_EVERY_MS);
  }

  #tell(): void {
    this.#seen.value = { rows: this.#rows, version: this.#seen.peek().version + 1 };
  }

  #act(action: SendAction): void {
    this.#state.value = sendStep(this.#state.peek(), action);
  }
}
