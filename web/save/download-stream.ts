/**
 * The page's end of one download: it announces the download to the service worker, lets a hidden
 * frame ask for it, and hands over pieces as fast as the browser takes them.
 */
import { toHex } from "../../protocol/wire/bytes.ts";
import { FaultError } from "../../protocol/wire/faults.ts";
import {
  DOWNLOAD_LOCK,
  DOWNLOAD_WINDOW_BYTES,
  type DownloadAnswer,
  type DownloadWord,
  type WorkerCall,
  type WorkerWord,
} from "../service/download-messages.ts";

/** Browsers end a service worker after about 30 s without an event. ms */
const PING_EVERY = 5_000;
/** Pings without an answer, after which the service worker counts as ended; busy machines miss some. */
const PINGS_MISSED_MOST = 6;
/** A browser asks the person where to save, or starts its downloads late. ms */
const FRAME_STAYS = 60_000;
/** Larger pieces are cut, so that the window always fits several. bytes */
const PIECE_BYTES = 1024 ** 2;

/** @returns text that nobody can guess, in hex */
function randomId(): string {
  return toHex(crypto.getRandomValues(new Uint8Array(16)));
}

export class DownloadStream {
  readonly #worker: ServiceWorker;
  readonly #port: MessagePort;
  readonly #id = randomId();
  readonly #ready = Promise.withResolvers<void>();
  readonly #closed = Promise.withResolvers<void>();
  readonly #over = Promise.withResolvers<void>();
  readonly #frame = document.createElement("iframe");
  readonly #timer: ReturnType<typeof setInterval>;
  #ahead = 0;
  #room = Promise.withResolvers<void>();
  #fault: FaultError | undefined;
  #missed = 0;
  #pinged = performance.now();

  /** @param size bytes; undefined: not known */
  static async open(
    worker: ServiceWorker,
    name: string,
    size: number | undefined,
  ): Promise<DownloadStream> {
    const stream = new DownloadStream(worker, name, size);
    await stream.#ready.promise;
    stream.#ask(name);
    return stream;
  }

  private constructor(worker: ServiceWorker, name: string, size: number | undefined) {
    const { port1, port2 } = new MessageChannel();
    this.#worker = worker;
    this.#port = port1;
    // They may fail with no caller that waits.
    for (const { promise } of [this.#ready, this.#closed]) promise.catch(() => undefined);
    port1.addEventListener("message", (event: MessageEvent<DownloadAnswer>) =>
      this.#hear(event.data),
    );
    port1.start();
    const { serviceWorker } = navigator;
    const listener = ({ data }: MessageEvent<WorkerWord>): void => {
      if (data.t === "gone" && data.id === this.#id) this.#lose();
    };
    serviceWorker.addEventListener("message", listener);
    serviceWorker.startMessages();
    // The browser must not wait for a page that is left.
    const leave = (): void => this.fail();
    addEventListener("pagehide", leave);
    void this.#over.promise.then(() => {
      serviceWorker.removeEventListener("message", listener);
      removeEventListener("pagehide", leave);
    });
    this.#call({ t: "download", id: this.#id, name, size }, port2);
    this.#timer = setInterval(() => this.#ping(), PING_EVERY);
    void navigator.locks.request(DOWNLOAD_LOCK, { mode: "shared" }, () => this.#over.promise);
  }

  /**
   * Resolves when there is room for more.
   * @param data its buffer is gone afterwards, also where this is a part of it
   * @throws FaultError when the download ended
   */
  async write(data: Uint8Array<ArrayBuffer>): Promise<void> {
    for (let at = 0; at < data.length; at += PIECE_BYTES) {
      // A record of the share is one piece, which no step copies.
      const piece = data.length <= PIECE_BYTES ? data : data.slice(at, at + PIECE_BYTES);
      this.#refuse();
      this.#ahead += piece.length;
      this.#say({ t: "piece", data: piece }, [piece.buffer]);
      while (this.#ahead >= DOWNLOAD_WINDOW_BYTES) {
        await this.#room.promise;
        this.#refuse();
      }
    }
  }

  /** Resolves when the browser took everything. @throws FaultError when the download ended before */
  async close(): Promise<void> {
    this.#refuse();
    this.#say({ t: "end" });
    await this.#closed.promise;
  }

  /** Lets the browser mark the download as failed. */
  fail(): void {
    if (this.#fault !== undefined) return;
    this.#say({ t: "fail" });
    this.#end(new FaultError("interrupted"));
  }

  #ask(name: string): void {
    this.#frame.hidden = true;
    this.#frame.src = `./page/save/${this.#id}/${encodeURIComponent(name.toWellFormed())}`;
    document.body.append(this.#frame);
  }

  #hear(answer: DownloadAnswer): void {
    this.#missed = 0;
    switch (answer.t) {
      case "ready":
        this.#ready.resolve();
        return;
      case "taken":
        this.#ahead -= answer.bytes;
        this.#room.resolve();
        this.#room = Promise.withResolvers();
        // Timers of a page in the background may stand still for a minute. Messages don't.
        if (performance.now() - this.#pinged > PING_EVERY) this.#ping();
        return;
      case "closed":
        this.#closed.resolve();
        this.#end(new FaultError("output-closed"));
        return;
      case "full":
        this.#end(
          new FaultError(
            "write-failed",
            `this browser already has ${answer.most} downloads of this page under way; wait until one of them ends`,
          ),
        );
        return;
      case "cancelled":
        this.#end(new FaultError("output-closed"));
        return;
      case "pong":
        return;
    }
  }

  #ping(): void {
    this.#pinged = performance.now();
    this.#missed += 1;
    if (this.#missed > PINGS_MISSED_MOST) {
      this.#lose();
      return;
    }
    this.#call({ t: "ping", id: this.#id });
  }

  #lose(): void {
    this.#end(new FaultError("output-closed", "the browser ended the page's service worker"));
  }

  #end(fault: FaultError): void {
    if (this.#fault !== undefined) return;
    this.#fault = fault;
    clearInterval(this.#timer);
    this.#ready.reject(fault);
    this.#closed.reject(fault);
    this.#room.resolve();
    this.#over.resolve();
    // Without its frame, a short file that the browser is about to save would be lost.
    setTimeout(() => this.#frame.remove(), FRAME_STAYS);
  }

  #refuse(): void {
    if (this.#fault !== undefined) throw this.#fault;
  }

  #call(call: WorkerCall, ...ports: MessagePort[]): void {
    this.#worker.postMessage(call, ports);
  }

  #say(word: DownloadWord, transfer: Transferable[] = []): void {
    this.#port.postMessage(word, transfer);
  }
}
