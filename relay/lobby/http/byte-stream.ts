import type { MemoryBudget, MemoryPlace } from "../../limits/memory-budget.ts";
import { STEADY_PIECE_BYTES, pieceFor, type Body, type Part } from "../body.ts";

/** A reset takes back what its reader did not read yet: so long it has for what was said last. ms */
const LAST_WORDS_MS = 200;
/** From which size on a piece is not copied: a good part of a record, which no more than a few clients hold. bytes */
const SHARED_BYTES = STEADY_PIECE_BYTES / 2;

export interface ByteStreamOptions {
  readonly memory: MemoryBudget;
  /** What limits for each address count its reader as. */
  readonly address: string | undefined;
  /** All has left. */
  drained(): void;
  /** The reader went away. */
  gone(): void;
  /** The reader takes nothing, and others wait for the memory that it holds. */
  cut(): void;
}

/**
 * The body of a response: bytes that leave as fast as their reader takes them. Bun asks for more once
 * what it was given is with the kernel, so a reader that takes nothing costs the memory of one piece.
 */
export class ByteStream implements Body {
  readonly stream: ReadableStream<Uint8Array>;
  readonly #options: ByteStreamOptions;
  readonly #memory: MemoryPlace;
  readonly #parts: Part[] = [];
  /** What of the first part was given to Bun. */
  #at = 0;
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  /** Settles the pull that waits for bytes, or for memory. */
  #pulled: (() => void) | undefined;
  #waitsForMemory = false;
  /** What happens once all that waits has left. */
  #then: "nothing" | "close" | "reset" = "nothing";
  #isOver = false;
  #taken = 0;

  constructor(options: ByteStreamOptions) {
    this.#options = options;
    const { memory, address } = options;
    this.#memory = memory.enter({
      address,
      room: () => this.#wake(),
      cut: () => options.cut(),
    });
    this.stream = new ReadableStream<Uint8Array>(
      {
        start: (controller) => void (this.#controller = controller),
        pull: () => this.#pull(),
        cancel: () => {
          this.#end();
          options.gone();
        },
      },
      { highWaterMark: 0 },
    );
  }

  /** Something waits: whoever writes now makes it wait longer. */
  get isFull(): boolean {
    return this.#parts.length > 0;
  }

  get taken(): number {
    return this.#taken;
  }

  get isHeldBack(): boolean {
    return this.#waitsForMemory;
  }

  /** Parts that wait. */
  get waiting(): number {
    return this.#parts.length;
  }

  write(part: Part): void {
    if (this.#isOver || this.#then !== "nothing" || part.length === 0) {
      part.done();
      return;
    }
    this.#parts.push(part);
    this.#wake();
  }

  /** After what waits, no more follows. */
  end(): void {
    this.#then = "close";
    this.#wake();
  }

  /** After what waits, resets the connection. */
  breakOff(): void {
    this.#then = "reset";
    this.#wake();
  }

  /** Resets the connection: what came must not look whole. */
  fail(): void {
    if (this.#isOver) return;
    // Without a reason: with one it would be printed as a mistake of the relay.
    this.#controller?.error();
    this.#end();
  }

  #pull(): Promise<void> | undefined {
    this.#memory.hold(0);
    if (this.#give()) return undefined;
    return new Promise((resolve) => (this.#pulled = resolve));
  }

  #wake(): void {
    if (this.#pulled === undefined || !this.#give()) return;
    this.#pulled?.();
    this.#pulled = undefined;
  }

  /** @returns whether the reader was given something, or hears that nothing follows */
  #give(): boolean {
    if (this.#isOver) return true;
    const part = this.#parts[0];
    if (part === undefined) return this.#finish();
    const length = Math.min(part.length - this.#at, pieceFor(this.#memory));
    const room = this.#memory.ask(length);
    this.#waitsForMemory = room === "wait";
    if (room === "wait") return false;
    if (room === "full") {
      this.#options.cut();
      this.fail();
      return true;
    }
    this.#controller?.enqueue(this.#read(part, length));
    this.#memory.hold(length);
    this.#at += length;
    this.#taken++;
    if (this.#at < part.length) return true;
    this.#at = 0;
    this.#parts.shift();
    part.done();
    // The writer is in the middle of a step, and must hear of it only after that.
    if (this.#parts.length === 0) queueMicrotask(() => this.#drained());
    return true;
  }

  /** One large piece is not copied, though it keeps all of its record until it has left. */
  #read(part: Part, length: number): Uint8Array {
    const end = this.#at + length;
    return length >= SHARED_BYTES ? part.view(this.#at, end) : part.read(this.#at, end);
  }

  #drained(): void {
    if (!this.#isOver && this.#parts.length === 0) this.#options.drained();
  }

  #finish(): boolean {
    if (this.#then === "nothing") return false;
    if (this.#then === "close") {
      this.#controller?.close();
      this.#end();
      return true;
    }
    setTimeout(() => this.fail(), LAST_WORDS_MS);
    return false;
  }

  #end(): void {
    this.#isOver = true;
    for (const part of this.#parts.splice(0)) part.done();
    this.#memory.leave();
    this.#pulled?.();
    this.#pulled = undefined;
  }
}
