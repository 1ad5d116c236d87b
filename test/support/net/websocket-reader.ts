/*
 * One direction of a WebSocket connection, read from its bytes as they pass (RFC 6455):
 *
 *   | fin, rsv, opcode u8 | mask bit, length u7 | length u16 or u64 | mask 4 | payload |
 */

/** Part of a payload as it passes, unmasked. */
export interface Piece {
  readonly opcode: number;
  /** Where in the payload it lies. */
  readonly offset: number;
  readonly bytes: Uint8Array;
  /** The payload is whole with it. */
  readonly last: boolean;
}

const CONTINUATION = 0;
const FIRST_CONTROL = 8;

export class WebSocketReader {
  readonly #told: (piece: Piece) => void;
  /** Bytes of an HTTP head or of a frame's header that is not whole yet. */
  #held: Uint8Array = new Uint8Array(0);
  /** The HTTP head of this direction; undefined until it is whole. */
  head: string | undefined;
  #frame:
    { opcode: number; length: number; done: number; mask: Uint8Array | undefined } | undefined;
  #message = 0;

  constructor(told: (piece: Piece) => void) {
    this.#told = told;
  }

  push(chunk: Uint8Array): void {
    let bytes = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    this.#held = new Uint8Array(0);
    if (this.head === undefined) {
      const end = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).indexOf("\r\n\r\n");
      if (end < 0) {
        this.#held = bytes.slice();
        return;
      }
      this.head = Buffer.from(bytes.subarray(0, end)).toString("latin1");
      bytes = bytes.subarray(end + 4);
    }
    while (bytes.length > 0) {
      const frame = this.#frame;
      if (frame === undefined) {
        const header = this.#header(bytes);
        if (header === 0) {
          this.#held = bytes.slice();
          return;
        }
        bytes = bytes.subarray(header);
        if (this.#frame?.length !== 0) continue;
      }
      bytes = bytes.subarray(this.#payload(bytes));
    }
  }

  /** Reads a frame's header; 0: it is not whole. */
  #header(bytes: Uint8Array): number {
    if (bytes.length < 2) return 0;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const short = bytes[1]! & 0x7f;
    const extended = short === 126 ? 2 : short === 127 ? 8 : 0;
    const masked = (bytes[1]! & 0x80) !== 0;
    const end = 2 + extended + (masked ? 4 : 0);
    if (bytes.length < end) return 0;
    const length =
      extended === 0 ? short : extended === 2 ? view.getUint16(2) : Number(view.getBigUint64(2));
    let opcode = bytes[0]! & 0x0f;
    if (opcode === CONTINUATION) opcode = this.#message;
    else if (opcode < FIRST_CONTROL) this.#message = opcode;
    const mask = masked ? bytes.slice(2 + extended, end) : undefined;
    this.#frame = { opcode, length, done: 0, mask };
    return end;
  }

  #payload(bytes: Uint8Array): number {
    const frame = this.#frame!;
    const { opcode, length, done: offset, mask } = frame;
    let piece = bytes.subarray(0, length - offset);
    if (mask !== undefined) piece = unmasked(piece, mask, offset);
    frame.done += piece.length;
    const last = frame.done === length;
    if (last) this.#frame = undefined;
    this.#told({ opcode, offset, bytes: piece, last });
    return piece.length;
  }
}

/** Four bytes at once: most of what clients send is masked. @param offset of the bytes in the payload */
function unmasked(bytes: Uint8Array, mask: Uint8Array, offset: number): Uint8Array {
  const words = new Uint32Array(Math.ceil(bytes.length / 4));
  const copy = new Uint8Array(words.buffer, 0, bytes.length);
  copy.set(bytes);
  const turned = Uint8Array.from(mask, (_, at) => mask[(offset + at) % 4]!);
  const word = new Uint32Array(turned.buffer)[0]!;
  for (let at = 0; at < words.length; at++) words[at]! ^= word;
  return copy;
}
