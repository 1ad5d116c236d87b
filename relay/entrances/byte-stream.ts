/** A reset takes back what its reader did not read yet: so long it has for what was said last. ms */
const LAST_WORDS_MS = 200;

/** The body of a response: bytes that leave as fast as their reader takes them. */
export class ByteStream {
  readonly stream: ReadableStream<Uint8Array>;
  readonly #events: { drained(): void; gone(): void };
  readonly #queue: Uint8Array[] = [];
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  /** Settles the pull that waits for bytes. */
  #wake: (() => void) | undefined;
  /** What happens once all that waits has left. */
  #then: "nothing" | "close" | "reset" = "nothing";
  #isOver = false;
  #taken = 0;

  /** @param events `drained`: all has left; `gone`: the reader went away */
  constructor(events: { drained(): void; gone(): void }) {
    this.#events = events;
    this.stream = new ReadableStream<Uint8Array>(
      {
        start: (controller) => void (this.#controller = controller),
        pull: () => this.#pull(),
        cancel: () => {
          this.#isOver = true;
          this.#events.gone();
        },
      },
      { highWaterMark: 0 },
    );
  }

  /** Something waits: whoever writes now makes it wait longer. */
  get isFull(): boolean {
    return this.#queue.length > 0;
  }

  /** Pieces that wait. */
  get waiting(): number {
    return this.#queue.length;
  }

  /** Pieces that have left. */
  get taken(): number {
    return this.#taken;
  }

  write(bytes: Uint8Array): void {
    if (this.#isOver || this.#then !== "nothing") return;
    this.#queue.push(bytes);
    this.#wake?.();
  }

  /** After what waits, no more follows. */
  end(): void {
    this.#then = "close";
    this.#wake?.();
  }

  /** After what waits, resets the connection. */
  breakOff(): void {
    this.#then = "reset";
    this.#wake?.();
  }

  /** Resets the connection: what came must not look whole. */
  fail(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    // Without a reason: with one it would be printed as a mistake of the relay.
    this.#controller?.error();
    this.#wake?.();
  }

  async #pull(): Promise<void> {
    while (this.#queue.length === 0 && this.#then === "nothing" && !this.#isOver) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      await promise;
      this.#wake = undefined;
    }
    if (this.#isOver) return;
    const next = this.#queue.shift();
    if (next === undefined) {
      if (this.#then === "reset") {
        await Bun.sleep(LAST_WORDS_MS);
        this.fail();
        return;
      }
      this.#isOver = true;
      this.#controller?.close();
      return;
    }
    this.#taken++;
    this.#controller?.enqueue(next);
    if (this.#queue.length === 0) this.#events.drained();
  }
}
