import { toHex } from "../../protocol/wire/bytes.ts";
import type { ReceiverView } from "../../protocol/session/sender-events.ts";
import type { ReceiverRow, SendEvent } from "../job/send-messages.ts";

export function rowOf({ id, name, state, next, verified, unconfirmed }: ReceiverView): ReceiverRow {
  return {
    id: toHex(id),
    name,
    state,
    records: next,
    verified,
    unconfirmed: unconfirmed === true,
  };
}

/**
 * News for the page at a bounded rate: of each receiver and of the upload only what is newest. With
 * RECEIVERS_PER_SHARE receivers there are as many rows at most.
 */
export class SendNews {
  readonly #post: (event: SendEvent) => void;
  readonly #rows = new Map<string, ReceiverRow>();
  #progress: SendEvent | undefined;

  constructor(post: (event: SendEvent) => void) {
    this.#post = post;
  }

  receiver(receiver: ReceiverView): void {
    const row = rowOf(receiver);
    this.#rows.set(row.id, row);
  }

  progress(bytes: number, size: number): void {
    this.#progress = { t: "progress", bytes, size };
  }

  /** Tells it now, with all that happened before it. */
  tell(event: SendEvent): void {
    this.flush();
    this.#post(event);
  }

  flush(): void {
    for (const receiver of this.#rows.values()) this.#post({ t: "receiver", receiver });
    this.#rows.clear();
    if (this.#progress !== undefined) this.#post(this.#progress);
    this.#progress = undefined;
  }
}
