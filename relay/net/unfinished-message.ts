/** Frame heads of RFC 6455 with a mask, by the length of the payload. bytes */
const HEAD_BYTES = { short: 6, middle: 8, long: 14 } as const;
/** Bytes of a message beside its payload and one head: its fragments have heads too, and so has TLS. */
const MESSAGE_ALLOWANCE = 64;
/** The same for long messages: one of so many bytes. */
const ALLOWANCE_PART = 16;
/** Messages after which a check is due, so that their allowances do not add up. */
const CHECK_MESSAGES = 64;
/** The request that became a WebSocket, at most. */
const REQUEST_BYTES = 16 * 1024;

/** The kernel's counts of a line: bytes that came, and those of them that Bun has not read. */
export interface Received {
  readonly bytes: number;
  readonly unread: number;
}

/**
 * How many bytes Bun has of a message that is not whole. Bun reports whole messages only, so these are the bytes
 * that came by a line and are in no message that Bun reported.
 */
export class UnfinishedMessage {
  readonly #isTls: boolean;
  /** Bytes that came before those counted. */
  #base: number;
  /** Of messages, pings and pongs since, heads included. */
  #heard = 0;
  /** The messages that may have taken more than was counted. */
  #messages = 0;
  #isSaid = false;

  /**
   * @param isDirect no other client's requests came by the same connection before
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

  /** A ping or a pong came, perhaps between two fragments of a message. */
  control(length: number): void {
    this.#heard += length + headBytes(length);
    if (this.#isTls) this.#messages++;
  }

  /** Whether a check is worth its calls: a client that sends whole messages has no large one on its way. */
  get isDue(): boolean {
    const isSaid = this.#isSaid;
    this.#isSaid = false;
    return !isSaid || this.#messages >= CHECK_MESSAGES;
  }

  /** @returns bytes of the unfinished message */
  check({ bytes, unread }: Received): number {
    const read = bytes - unread;
    const rest = read - this.#base - this.#heard;
    const allowance = this.#heard / ALLOWANCE_PART + this.#messages * MESSAGE_ALLOWANCE;
    const isWhole = rest <= (this.#messages > 0 ? allowance : 0);
    // The kernel's two counts may be of two moments. Bun has read whole messages, whatever they say.
    const heard = this.#base + this.#heard;
    this.#base = isWhole ? Math.max(read, heard) : heard;
    this.#heard = 0;
    this.#messages = 0;
    return isWhole ? 0 : rest;
  }
}

function headBytes(length: number): number {
  if (length < 126) return HEAD_BYTES.short;
  return length < 65_536 ? HEAD_BYTES.middle : HEAD_BYTES.long;
}
