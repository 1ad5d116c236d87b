/** A WebSocket connection that stops reading when told to, and takes nothing but what RFC 6455 wants. */
import type { Socket } from "bun";

/** RFC 6455, section 1.3. */
const KEY = "dGhlIHNhbXBsZSBub25jZQ==";
const HEAD_END = "\r\n\r\n";

/** First bytes of the messages that a relay sends: all in one frame, none compressed. */
export const BINARY = 0x82;
export const CLOSE = 0x88;
export const PING = 0x89;
export const PONG = 0x8a;
const KNOWN: ReadonlySet<number> = new Set([BINARY, CLOSE, PING, PONG]);

/** A message of the server; never masked, its length in as few bytes as can be. */
export interface Received {
  readonly first: number;
  readonly payload: Buffer;
}

export class StrictSocket implements AsyncDisposable {
  readonly #socket: Socket;
  readonly #told: (message: Received) => void;
  readonly #pieces: Buffer[] = [];
  #held = 0;
  #upgraded = false;
  readonly #open = Promise.withResolvers<void>();
  /** Resolves when the line is gone, with what was wrong in what came. */
  readonly closed: Promise<string | undefined>;
  readonly #close: (wrong: string | undefined) => void;
  #wrong: string | undefined;
  #waiting: Uint8Array[] = [];

  private constructor(socket: Socket, told: (message: Received) => void) {
    this.#socket = socket;
    this.#told = told;
    const { promise, resolve } = Promise.withResolvers<string | undefined>();
    this.closed = promise;
    this.#close = resolve;
    // Callers that await `closed` alone learn of a refused upgrade there.
    this.#open.promise.catch(() => undefined);
  }

  /** Resolves when the connection is upgraded. */
  static async open(
    hostname: string,
    port: number,
    told: (message: Received) => void,
    tls = false,
  ): Promise<StrictSocket> {
    const { promise: opened, resolve } = Promise.withResolvers<StrictSocket>();
    let strict: StrictSocket;
    await Bun.connect({
      hostname,
      port,
      // A test's relay has a certificate of the test.
      tls: tls && { rejectUnauthorized: false },
      socket: {
        open: (socket) => {
          strict = new StrictSocket(socket, told);
          resolve(strict);
        },
        data: (_, bytes) => strict.#came(bytes),
        drain: () => strict.#write(),
        error: () => undefined,
        close: () => strict.#ended(),
      },
    });
    return (await opened).#upgrade(hostname, port);
  }

  async #upgrade(hostname: string, port: number): Promise<this> {
    const lines = [
      "GET /ws HTTP/1.1",
      `Host: ${hostname.includes(":") ? `[${hostname}]` : hostname}:${port}`,
      "Connection: Upgrade",
      "Upgrade: websocket",
      "Sec-WebSocket-Version: 13",
      `Sec-WebSocket-Key: ${KEY}`,
    ];
    this.#give(Buffer.from(lines.join("\r\n") + HEAD_END));
    await this.#open.promise;
    return this;
  }

  /** Stops reading: what comes stays with the kernel. */
  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  /** Sends one message. */
  send(payload: Uint8Array, first = BINARY): void {
    this.#give(masked(payload, first));
  }

  /** Writes bytes as they are. */
  write(bytes: Uint8Array): void {
    this.#give(bytes);
  }

  /** Sends messages so that they arrive in one piece. */
  sendTogether(payloads: readonly Uint8Array[]): void {
    this.#give(Buffer.concat(payloads.map((payload) => masked(payload, BINARY))));
  }

  /** Cuts the line without a word. */
  cut(): void {
    this.#socket.terminate();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cut();
    await this.closed;
  }

  #give(bytes: Uint8Array): void {
    this.#waiting.push(bytes);
    this.#write();
  }

  #write(): void {
    for (let bytes = this.#waiting.shift(); bytes !== undefined; bytes = this.#waiting.shift()) {
      const written = Math.max(0, this.#socket.write(bytes));
      if (written === bytes.length) continue;
      this.#waiting.unshift(bytes.subarray(written));
      return;
    }
  }

  #ended(): void {
    this.#open.reject(new Error("closed before the upgrade"));
    this.#close(this.#wrong);
  }

  #came(bytes: Buffer): void {
    this.#pieces.push(Buffer.from(bytes));
    this.#held += bytes.length;
    try {
      while (this.#upgraded ? this.#readMessage() : this.#readHead()) {
        // As many as are whole.
      }
    } catch (error) {
      this.#wrong ??= error instanceof Error ? error.message : String(error);
      this.cut();
    }
  }

  #readHead(): boolean {
    const bytes = this.#joined();
    const end = bytes.indexOf(HEAD_END);
    if (end < 0) return false;
    const head = bytes.subarray(0, end).toString("latin1");
    if (!head.startsWith("HTTP/1.1 101 ")) throw new Error(head);
    this.#upgraded = true;
    this.#skip(end + HEAD_END.length);
    this.#open.resolve();
    return true;
  }

  #readMessage(): boolean {
    const head = this.#joinedUpTo(10);
    if (head.length < 2) return false;
    const [first = 0, short = 0] = head;
    if (!KNOWN.has(first)) throw new Error(`a message begins with ${first}`);
    if (short >= 128) throw new Error("a message of the server is masked");
    const size = short === 127 ? 10 : short === 126 ? 4 : 2;
    if (head.length < size) return false;
    const length =
      size === 10 ? Number(head.readBigUInt64BE(2)) : size === 4 ? head.readUInt16BE(2) : short;
    if ((size === 4 && length < 126) || (size === 10 && length < 65_536)) {
      throw new Error(`a length of ${length} in ${size} bytes`);
    }
    if (length > 2 ** 20) throw new Error(`a message of ${length} bytes`);
    if (this.#held < size + length) return false;
    const payload = Buffer.from(this.#joined().subarray(size, size + length));
    this.#skip(size + length);
    this.#told({ first, payload });
    return true;
  }

  /** The first bytes that came, in one piece when there are so many. */
  #joinedUpTo(bytes: number): Buffer {
    const [first] = this.#pieces;
    return first !== undefined && first.length >= bytes ? first : this.#joined();
  }

  #joined(): Buffer {
    if (this.#pieces.length !== 1) this.#pieces.splice(0, Infinity, Buffer.concat(this.#pieces));
    return this.#pieces[0]!;
  }

  #skip(bytes: number): void {
    this.#pieces.splice(0, Infinity, this.#joined().subarray(bytes));
    this.#held -= bytes;
  }
}

/** A message of a client, masked with zeros. */
function masked(payload: Uint8Array, first: number): Buffer {
  if (payload.length > 65_535) throw new RangeError("messages of receivers are shorter");
  const short = payload.length < 126;
  const header = Buffer.alloc(short ? 6 : 8);
  header[0] = first;
  header[1] = 0x80 | (short ? payload.length : 126);
  if (!short) header.writeUInt16BE(payload.length, 2);
  return Buffer.concat([header, payload]);
}
