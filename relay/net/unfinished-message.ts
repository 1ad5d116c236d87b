/** Heads of RFC 6455 with a mask, by the length of the payload. bytes */
const HEAD_BYTES = { short: 6, middle: 8, long: 14 } as const;
/** What a message may take besides its own bytes and one head: parts of it have heads too, and TLS has. */
const MESSAGE_ALLOWANCE = 64;
/** The same for what is long: one of so many bytes. */
const ALLOWANCE_PART = 16;
/** Messages after which it is looked, so that what they may have taken besides does not add up. */
const CHECK_MESSAGES = 64;
/** The request that became a WebSocket, at most. */
const REQUEST_BYTES = 16 * 1024;

/** What the kernel tells of a line: bytes that came, and those of them that nobody has read. */
export interface Received {
  readonly bytes: number;
  readonly unread: number;
}

/**
 * How much of a message Bun has that is not whole: Bun tells of whole ones alone, so it is what came by a line
 * and is in none that was told.
 */
export class UnfinishedMessage {
  readonly #isTls: boolean;
  /** Bytes that came before those counted. */
  #base: number;
  /** Of messages, pings and pongs since, heads included. */
  #heard = 0;
  /** Of those, what may have taken more than was counted. */
  #messages = 0;
  #isSaid = false;

  /**
   * @param isDirect nobody else's requests came by the same line before
   * @param received as of the moment in which it became a WebSocket
   */
  constructor({ bytes, unread }: Received, isDirect: boolean, isTls: boolean) {
    const read = bytes - unread;
    this.#base = isDirect && !isTls ? Math.min(read, REQUEST_BYTES) : read;
    this.#isTls = isTls;
  }

  /** A message came whole. @param length of its payload */
  message(length: number): void {
    this.#heard += length + headBytes(length);
    this.#messages++;
    this.#isSaid = true;
  }

  /** A ping or a pong came, which may be between two parts of a message. */
  control(length: number): void {
    this.#heard += length + headBytes(length);
    if (this.#isTls) this.#messages++;
  }

  /** Something came. Whether it is worth a look: who says whole messages has no large one on its way. */
  get isDue(): boolean {
    const isSaid = this.#isSaid;
    this.#isSaid = false;
    return !isSaid || this.#messages >= CHECK_MESSAGES;
  }

  /** @returns bytes */
  check({ bytes, unread }: Received): number {
    const read = bytes - unread;
    const rest = read - this.#base - this.#heard;
    const allowance = this.#heard / ALLOWANCE_PART + this.#messages * MESSAGE_ALLOWANCE;
    const isWhole = rest <= (this.#messages > 0 ? allowance : 0);
    this.#base = isWhole ? read : this.#base + this.#heard;
    this.#heard = 0;
    this.#messages = 0;
    return isWhole ? 0 : rest;
  }
}

function headBytes(length: number): number {
  if (length < 126) return HEAD_BYTES.short;
  return length < 65_536 ? HEAD_BYTES.middle : HEAD_BYTES.long;
}
