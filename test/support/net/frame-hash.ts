import { concat, decodeFrame, isFrame, toHex } from "../../../protocol/mod.ts";
import type { Piece } from "./websocket-reader.ts";

/** Hashes of the ciphertexts that leave a sender, by share tag and index of each frame. */
export class FrameHash {
  readonly #told: (key: string, hash: string) => void;
  #bytes: Uint8Array[] = [];

  constructor(told: (key: string, hash: string) => void) {
    this.#told = told;
  }

  take({ offset, bytes, last }: Piece): void {
    if (offset === 0) this.#bytes = [];
    this.#bytes.push(bytes.slice());
    if (!last) return;
    const whole = concat(...this.#bytes);
    if (!isFrame(whole)) return;
    const { tag, index, ciphertext } = decodeFrame(whole);
    this.#told(`${toHex(tag)} ${index}`, Bun.hash(ciphertext).toString());
  }
}
