import { FRAME_BYTES, PING_MS } from "../../protocol/mod.ts";

import { CLUSTER_PATH } from "./edge-door.ts";
import { LARGE_MESSAGE_BYTES, release } from "./socket-events.ts";

/** Programs with the types of a browser read this too, where a WebSocket takes no options. */
const BunSocket = WebSocket as unknown as new (
  url: string,
  options: Bun.WebSocketOptions,
) => Bun.WebSocket;

/** The code of a WebSocket that closed without a word. */
const ABNORMAL = 1006;
/** A relay that sends nothing for so long is gone: three of its pings, and 2 s for the last one. ms */
export const SILENT_MS = 3 * PING_MS + 2000;

export interface RelayLineEvents {
  /** `bytes` may be reused afterwards. */
  message(bytes: Uint8Array): void;
  /** The line is gone, unless this end closed it. */
  lost(why: string): void;
}

/** A WebSocket of this worker to another relay. It sends no pings, so that the other kernel may send files by it. */
export class RelayLine {
  readonly #socket: Bun.WebSocket;
  readonly #events: RelayLineEvents;
  readonly #clock: () => number;
  #heardAt: number;
  #isOver = false;

  /** @param address HOST:PORT */
  constructor(address: string, events: RelayLineEvents, clock: () => number) {
    this.#events = events;
    this.#clock = clock;
    this.#heardAt = clock();
    // Ciphertext does not shrink.
    const options = { perMessageDeflate: false };
    const socket = new BunSocket(`ws://${address}${CLUSTER_PATH}`, options);
    socket.binaryType = "nodebuffer";
    this.#socket = socket;
    socket.addEventListener("ping", () => this.#heard());
    socket.addEventListener("message", ({ data }: MessageEvent<unknown>) => {
      this.#heard();
      if (!this.#isOver) this.#message(data);
      if (data instanceof Uint8Array && data.length >= LARGE_MESSAGE_BYTES) release(data);
    });
    socket.addEventListener("close", ({ code, reason }) => {
      this.#lose(code === ABNORMAL ? "the line broke" : `the owner closed it: ${code} ${reason}`);
    });
  }

  /** Bytes that the kernel has not taken yet. */
  get unsent(): number {
    return this.#socket.bufferedAmount;
  }

  send(bytes: Uint8Array): void {
    this.#socket.send(bytes);
  }

  /** @param most bytes that may wait for the other relay */
  tick(most: number): void {
    if (this.#clock() - this.#heardAt >= SILENT_MS) this.#lose("the owner is silent");
    else if (this.unsent > most) this.#lose("the owner takes nothing");
  }

  /** Closes the line after the sent bytes; `terminate` ends the wait for a relay that takes none. */
  close(): void {
    this.#isOver = true;
    this.#socket.close();
  }

  get isClosed(): boolean {
    return this.#socket.readyState === WebSocket.CLOSED;
  }

  /** Closes the line at once: an owner that is gone, or lies, would not answer a `close`. */
  terminate(): void {
    this.#isOver = true;
    this.#socket.terminate();
  }

  #heard(): void {
    this.#heardAt = this.#clock();
  }

  #message(data: unknown): void {
    if (!(data instanceof Uint8Array)) this.#lose("the owner sent text");
    else if (data.length > FRAME_BYTES) {
      this.#lose(`the owner sent a message of ${data.length} bytes`);
    } else this.#events.message(data);
  }

  #lose(why: string): void {
    if (this.#isOver) return;
    this.terminate();
    this.#events.lost(why);
  }
}
