/**
 * One download in the service worker: pieces come through the port, and the browser pulls them out of
 * the response. `taken` goes back as the browser pulls, so the page never runs ahead of the disk.
 */
import { downloadHeaders } from "./attachment.ts";
import {
  DOWNLOAD_WINDOW_BYTES,
  type DownloadAnswer,
  type DownloadWord,
} from "./download-messages.ts";

/** A page that says nothing for so long is gone. Timers of a page in the background fire once a minute. ms */
const SILENCE_MS = 150_000;
/** ms between two looks for a silent page */
const LOOK_MS = 15_000;

type Controller = ReadableStreamDefaultController<Uint8Array<ArrayBuffer>>;

export class Download {
  readonly name: string;
  /** bytes; undefined: not known */
  readonly size: number | undefined;
  /** Resolves when nothing more comes. */
  readonly over: Promise<void>;
  readonly #port: MessagePort;
  readonly #over = Promise.withResolvers<void>();
  /** At most DOWNLOAD_WINDOW_BYTES and one piece, by the page's window. */
  readonly #pieces: Uint8Array<ArrayBuffer>[] = [];
  #held = 0;
  #state: "open" | "ending" | "failed" | "over" = "open";
  #wake: () => void = () => undefined;
  #isAsked = false;
  #heardAt = performance.now();
  readonly #watch = setInterval(() => {
    if (performance.now() - this.#heardAt > SILENCE_MS) this.#hear({ t: "fail" });
  }, LOOK_MS);

  constructor(port: MessagePort, name: string, size: number | undefined) {
    this.#port = port;
    this.name = name;
    this.size = size;
    this.over = this.#over.promise;
    port.addEventListener("message", (event: MessageEvent<DownloadWord>) => this.#hear(event.data));
    // Where the browser tells that the page is gone.
    port.addEventListener("close", () => this.#hear({ t: "fail" }));
    port.start();
    this.answer({ t: "ready" });
  }

  /** The page is there. */
  ping(): void {
    this.#heardAt = performance.now();
    this.answer({ t: "pong" });
  }

  answer(answer: DownloadAnswer): void {
    this.#port.postMessage(answer);
  }

  /** The response, once; undefined when it was asked for before. */
  response(): Response | undefined {
    if (this.#isAsked) return undefined;
    this.#isAsked = true;
    const stream = new ReadableStream<Uint8Array<ArrayBuffer>>(
      {
        pull: (controller) => this.#pull(controller),
        cancel: () => this.#stop({ t: "cancelled" }),
      },
      // The browser reads ahead by itself.
      { highWaterMark: 0 },
    );
    return new Response(stream, { headers: downloadHeaders(this.name, this.size) });
  }

  #hear(word: DownloadWord): void {
    this.#heardAt = performance.now();
    // The page may go before the browser pulled the end: then all of it is here.
    if (this.#state !== "open") return;
    switch (word.t) {
      case "piece":
        this.#held += word.data.byteLength;
        this.#pieces.push(word.data);
        // Only a page that ignores its window gets here.
        if (this.#held > 2 * DOWNLOAD_WINDOW_BYTES) this.#fail();
        break;
      case "end":
        this.#state = "ending";
        break;
      case "fail":
        this.#fail();
        break;
    }
    this.#wake();
  }

  #fail(): void {
    this.#state = "failed";
    this.#pieces.length = 0;
    // A browser that never asked does not pull either.
    if (!this.#isAsked) this.#stop({ t: "cancelled" });
  }

  async #pull(controller: Controller): Promise<void> {
    while (this.#pieces.length === 0 && this.#state === "open") {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      await promise;
    }
    const piece = this.#pieces.shift();
    if (piece !== undefined) {
      const bytes = piece.byteLength;
      this.#held -= bytes;
      controller.enqueue(piece);
      this.answer({ t: "taken", bytes });
    } else if (this.#state === "ending") {
      controller.close();
      this.#stop({ t: "closed" });
    } else if (this.#state === "failed") {
      controller.error(new Error("The transfer ended before the file was complete"));
      this.#stop({ t: "cancelled" });
    }
  }

  #stop(answer: DownloadAnswer): void {
    if (this.#state === "over") return;
    this.#state = "over";
    clearInterval(this.#watch);
    this.#pieces.length = 0;
    this.answer(answer);
    this.#over.resolve();
    this.#wake();
  }
}
