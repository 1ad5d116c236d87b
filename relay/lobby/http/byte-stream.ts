/**
 * The body of a response that Bun sends, as fast as its reader takes it. Bun asks for more once the kernel has the
 * piece before, so a reader that takes nothing costs the memory of one piece. `Reply` and `LinesAtOnce` write to it.
 */
import type { MemoryPlace } from "../../limits/memory-budget.ts";
import { STEADY_PIECE_BYTES, pieceFor, type Body, type BodyEvents, type Part } from "../body.ts";
import type { ExchangeOptions } from "./exchange.ts";

/** A reset discards what its reader has not read yet: the last line gets so long. ms */
const LAST_WORDS_MS = 200;
/** A piece of this size or more is not copied: it is a good part of a record, and few clients hold such. bytes */
const SHARED_BYTES = STEADY_PIECE_BYTES / 2;

export type ByteStreamOptions = BodyEvents & Pick<ExchangeOptions, "memory" | "client" | "cut">;

export class ByteStream implements Body {
  readonly stream: ReadableStream<Uint8Array>;
  readonly #options: ByteStreamOptions;
  readonly #memory: MemoryPlace;
  readonly #parts: Part[] = [];
  /** Bytes of the first part that Bun has. */
  #at = 0;
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  /** Settles the pull that waits for bytes, or for memory. */
  #pulled: (() => void) | undefined;
  #waitsForMemory = false;
  /** The step once all parts have left. */
  #then: "nothing" | "close" | "reset" = "nothing";
  #isOver = false;
  #taken = 0;

  constructor(options: ByteStreamOptions) {
    this.#options = options;
    const { memory, client, cut } = options;
    this.#memory = memory.enter({
      address: client.limitKey,
      room: () => this.#wake(),
      cut,
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

  get isFull(): boolean {
    return this.#parts.length > 0;
  }

  get taken(): number {
    return this.#taken;
  }

  get isHeldBack(): boolean {
    return this.#waitsForMemory;
  }

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

  end(): void {
    this.#then = "close";
    this.#wake();
  }

  /** Resets the connection once all parts have left. */
  breakOff(): void {
    this.#then = "reset";
    this.#wake();
  }

  /** Resets the connection: the body must not look whole. */
  fail(): void {
    if (this.#isOver) return;
    // Without a reason: Bun would print one as a mistake of the relay.
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

  /** @returns whether the reader got something, or hears that nothing follows */
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
    // Not in the middle of a step of the writer.
    if (this.#parts.length === 0) queueMicrotask(() => this.#drained());
    return true;
  }

  /** A large piece is not copied, though it keeps all of its record until it has left. */
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
