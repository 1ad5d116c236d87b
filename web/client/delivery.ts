/**
 * The way of content from the worker to the page's saver: pieces within the window between the two,
 * the parts of a text, and the progress.
 */
import { fromUtf8, concat } from "../../protocol/wire/bytes.ts";
import { FaultError } from "../../protocol/wire/faults.ts";
import type { ReceiveEvent } from "../job/receive-messages.ts";
import type { Incoming } from "./incoming.ts";
import { PageWindow } from "./page-window.ts";
import type { Piece } from "./share-content.ts";

/** Between two `progress` events. ms */
const PROGRESS_MS = 100;

export type PostReceive = (event: ReceiveEvent, transfer?: Transferable[]) => void;

/** Plain data, and its place in the plaintext of the share. */
export interface PlainPart {
  readonly offset: number;
  readonly data: Uint8Array;
}

export class Delivery {
  readonly #post: PostReceive;
  #window = new PageWindow();
  #told = -1;
  #toldAt = 0;

  constructor(post: PostReceive) {
    this.#post = post;
  }

  /**
   * Gives the content of a record to the page, as fast as the saver takes it.
   * @param isWanted whether the share is still at hand
   * @returns false: it is not, and not all was given
   */
  async give(
    incoming: Incoming,
    { offset, data }: PlainPart,
    isWanted: () => boolean,
  ): Promise<boolean> {
    const { content } = incoming;
    if (content === undefined) return true;
    content.takeStates(offset, data);
    for (const piece of content.pieces(offset, data)) {
      const { length } = piece.data;
      if (!(await this.#window.room(length)) || !isWanted()) return false;
      this.#give(incoming, piece);
      content.took(length);
    }
    return true;
  }

  /** The same at once, for less than a record and before anything else: there is room for it. */
  giveFirst(incoming: Incoming, { offset, data }: PlainPart): void {
    const { content } = incoming;
    if (content === undefined) return;
    content.takeStates(offset, data);
    for (const piece of content.pieces(offset, data)) {
      const { length } = piece.data;
      this.#give(incoming, piece);
      content.took(length);
    }
  }

  /** The saver took these. */
  written(bytes: number): void {
    this.#window.taken(bytes);
  }

  /** @throws FaultError "bad-manifest" for what is no text */
  showText(parts: readonly Uint8Array[]): void {
    let text: string;
    try {
      text = fromUtf8(concat(...parts));
    } catch (cause) {
      throw new FaultError("bad-manifest", "the text is not UTF-8", { cause });
    }
    this.#post({ t: "text", text });
  }

  tellProgress({ manifest, content }: Incoming, atOnce = false): void {
    if (manifest === undefined || content === undefined) return;
    const { position: bytes } = content;
    const now = performance.now();
    const isDue = atOnce || now - this.#toldAt >= PROGRESS_MS;
    if (!isDue || bytes === this.#told) return;
    this.#told = bytes;
    this.#toldAt = now;
    this.#post({ t: "progress", bytes, size: manifest.open ? 0 : manifest.bytes });
  }

  /** The share is left for now: nobody waits for room. Its saver goes on taking what it has. */
  pause(): void {
    this.#window.interrupt();
  }

  /** The share is over: its saver may say nothing of the rest, so none of it counts any more. */
  end(): void {
    this.#window.interrupt();
    this.#window = new PageWindow();
    this.#told = -1;
  }

  /** The data is the page's afterwards, or part of a text. */
  #give({ text }: Incoming, { file, data }: Piece): void {
    if (text !== undefined) {
      text.push(data);
      return;
    }
    this.#window.sent(data.length);
    this.#post({ t: "piece", file, data }, [data.buffer]);
  }
}
