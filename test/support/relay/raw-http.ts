/** A connection for HTTP made by hand: bytes leave as they are, and all that comes is kept. */
import { connect, type Socket } from "node:net";

export interface RawHttpOptions {
  /** The connection is cut once this came. */
  readonly until?: string;
  /** Nothing is read before `read`. */
  readonly isPaused?: boolean;
}

export class RawHttp implements Disposable {
  /** All that came, as latin1, once the connection is closed. */
  readonly closed: Promise<string>;
  said = "";
  /** The error that ended it. */
  code: string | undefined;
  readonly #socket: Socket;

  constructor(port: number, text: string, { until, isPaused = false }: RawHttpOptions = {}) {
    const socket = connect(port, "127.0.0.1");
    this.#socket = socket;
    socket.on("data", (bytes) => {
      this.said += bytes.toString("latin1");
      if (until !== undefined && this.said.includes(until)) socket.destroy();
    });
    socket.on("error", (error: NodeJS.ErrnoException) => (this.code = error.code));
    this.closed = new Promise((resolve) => socket.on("close", () => resolve(this.said)));
    if (isPaused) socket.pause();
    socket.write(Buffer.from(text, "latin1"));
  }

  write(bytes: Uint8Array | string): void {
    this.#socket.write(bytes);
  }

  /** A byte now and then, until it is closed. @returns all that came */
  async drip(): Promise<string> {
    const drip = setInterval(() => this.#socket.write("x"), 50);
    const said = await this.closed;
    clearInterval(drip);
    return said;
  }

  read(): void {
    this.#socket.resume();
  }

  /** Nothing more is written. */
  end(): void {
    this.#socket.end();
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
  }
}

/** Writes it, and reads until the relay closes or `until` came. */
export function rawHttp(port: number, text: string, until?: string): Promise<string> {
  return new RawHttp(port, text, until === undefined ? {} : { until }).closed;
}
