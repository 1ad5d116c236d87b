import {
  FRAME_HEADER_BYTES,
  decodeFrame,
  isOfShare,
  type Frame,
  type Offer,
} from "../../protocol/mod.ts";

import { RECORD_BYTES, recordLength } from "./frame-share.ts";
import { matches } from "./pattern.ts";

/** Checks frames as they come in pieces, each byte at its place in the source. */
export class FrameChecker {
  readonly #offer: Offer;
  /** A header and one byte, which is what decodes as a frame. */
  readonly #head = new Uint8Array(FRAME_HEADER_BYTES + 1);
  #frame: Frame | undefined;
  #came = 0;

  constructor(offer: Offer) {
    this.#offer = offer;
  }

  /** bytes of the source in the frame that is not whole */
  get begun(): number {
    return Math.max(0, this.#came - FRAME_HEADER_BYTES);
  }

  /** The line was cut: what comes next is the start of a frame. */
  reset(): void {
    this.#came = 0;
    this.#frame = undefined;
  }

  /**
   * @param last these bytes end the frame
   * @returns the index of the frame that is whole now; undefined: it is not
   * @throws Error in words: what is wrong with it
   */
  push(bytes: Uint8Array, last: boolean): number | undefined {
    const header = Math.max(0, Math.min(bytes.length, this.#head.length - 1 - this.#came));
    if (header > 0) this.#head.set(bytes.subarray(0, header), this.#came);
    this.#came += header;
    if (this.#came >= FRAME_HEADER_BYTES) {
      this.#frame ??= this.#decode();
      this.#check(this.#frame, bytes.subarray(header));
    }
    if (!last) return undefined;
    const { index } = this.#frame ?? { index: -1 };
    const length = this.begun;
    this.reset();
    if (index < 0 || length !== recordLength(index, this.#offer.bytes)) {
      throw new Error(`frame ${index} ended after ${length} bytes`);
    }
    return index;
  }

  #decode(): Frame {
    const frame = decodeFrame(this.#head);
    const { index, last, tag } = frame;
    if (!isOfShare(tag, this.#offer.share)) throw new Error(`frame ${index} of another share`);
    if (index >= this.#offer.records || last !== (index === this.#offer.records - 1)) {
      throw new Error(`frame ${index} is not of this share`);
    }
    return frame;
  }

  #check({ index }: Frame, content: Uint8Array): void {
    if (content.length === 0) return;
    const done = this.begun;
    this.#came += content.length;
    if (this.begun > recordLength(index, this.#offer.bytes)) {
      throw new Error(`frame ${index} is too long`);
    }
    if (!matches(content, index * RECORD_BYTES + done)) {
      throw new Error(`a wrong byte in frame ${index}, within ${content.length} from ${done}`);
    }
  }
}
