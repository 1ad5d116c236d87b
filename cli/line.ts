import { FLUSH_MS, FRAME_BYTES, SILENCE_MS, type FaultCode } from "../protocol/mod.ts";
import { proxyFor } from "./proxy.ts";

/** Bun's words for an answer that is not of this protocol: another one, or a WebSocket's in part. */
const FOREIGN_ANSWER = /Invalid|Missing|Mismatch|TLS/;

export interface LineEvents {
  opened(): void;
  message(bytes: Uint8Array): void;
  /** The line broke, or never came about; nothing follows. */
  lost(fault: FaultCode): void;
}

/**
 * One WebSocket to a relay. Bun's own timers end neither a connect that nobody answers nor a line
 * that fell silent; the first is the session's to time (link.ts), the second is watched here.
 */
export class Line {
  readonly #socket: WebSocket;
  #events: LineEvents | undefined;
  #heardAt: number;
  #trouble = "";
  #opened = false;

  /** @throws FaultError "bad-proxy" */
  constructor(url: string, events: LineEvents, now: number) {
    this.#events = events;
    this.#heardAt = now;
    const proxy = proxyFor(url, process.env);
    const socket = new WebSocket(url, proxy === undefined ? {} : { proxy });
    this.#socket = socket;
    socket.binaryType = "nodebuffer";
    socket.addEventListener("open", () => {
      this.#opened = true;
      this.#heard();
      this.#events?.opened();
    });
    socket.addEventListener("message", ({ data }: MessageEvent<unknown>) => {
      this.#heard();
      if (!(data instanceof Uint8Array) || data.length > FRAME_BYTES) this.#lose("not-a-relay");
      else this.#events?.message(data);
    });
    socket.addEventListener("ping", () => this.#heard());
    socket.addEventListener("error", (event) => {
      this.#trouble = event instanceof ErrorEvent ? event.message : "";
    });
    socket.addEventListener("close", () => this.#lose(this.#whyClosed()));
  }

  /** Bytes given to the socket that the kernel has not taken. */
  get buffered(): number {
    return this.#socket.bufferedAmount;
  }

  send(bytes: Uint8Array): void {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(bytes);
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  /** Gives the line up when the relay, which pings, is silent. To ping it would break the promise
   * of `quiet`. */
  watch(now: number): void {
    if (!this.#opened || this.#socket.isPaused || now - this.#heardAt < SILENCE_MS) return;
    this.#lose("connection-lost");
  }

  /** Cuts the line; no event follows. */
  drop(): void {
    this.#events = undefined;
    this.#socket.terminate();
  }

  /** Lets what was said leave, then closes; no event follows. */
  async close(): Promise<void> {
    this.#events = undefined;
    if (this.#socket.readyState !== WebSocket.OPEN) {
      this.#socket.terminate();
      return;
    }
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#socket.addEventListener("close", () => resolve());
    const timer = setTimeout(resolve, FLUSH_MS);
    this.#socket.resume();
    this.#socket.close(1000);
    await promise;
    clearTimeout(timer);
    this.#socket.terminate();
  }

  #heard(): void {
    this.#heardAt = performance.now();
  }

  #lose(fault: FaultCode): void {
    const events = this.#events;
    if (events === undefined) return;
    this.drop();
    events.lost(fault);
  }

  /** Bun tells only by the text of its error why a WebSocket did not open. */
  #whyClosed(): FaultCode {
    if (this.#opened) return "connection-lost";
    const refused = /Proxy \w+ \w+: (\d+)/.exec(this.#trouble)?.[1];
    if (refused !== undefined)
      return refused.startsWith("5") ? "relay-unreachable" : "proxy-refused";
    const status = /Expected 101 status code: (\d+)/.exec(this.#trouble)?.[1];
    // A proxy whose relay is being restarted, or a relay that is full.
    if (status?.startsWith("5") === true) return "relay-unreachable";
    if (status !== undefined || FOREIGN_ANSWER.test(this.#trouble)) return "not-a-relay";
    return "relay-unreachable";
  }
}
