/** A TCP proxy between clients and a relay that counts records, and holds or cuts lines. */
import { connect, createServer, type Server, type Socket } from "node:net";
import { FRAME_HEADER_BYTES, FRAME_MARK } from "../../../protocol/mod.ts";
import { WebSocketReader, type Piece } from "./websocket-reader.ts";

export interface ProxyOptions {
  readonly port: number;
  /** Everything that passes, for the eyes of a test. */
  readonly onBytes?: (bytes: Uint8Array) => void;
  /** Payloads that passed, unmasked. */
  readonly onPiece?: (piece: Piece) => void;
  /** Binary and text messages that passed, whole. */
  readonly onMessage?: (message: Uint8Array) => void;
}

/** One line through the proxy, with the indexes of the records that passed whole. */
export interface ProxyLine {
  /** From the relay to the client. */
  readonly down: number[];
  readonly up: number[];
  /** Cuts this line alone. */
  readonly cut: () => void;
}

type Way = "down" | "up";

/** The first opcode of RFC 6455 that is no message. */
const CONTROL = 8;

interface Hold {
  readonly way: Way;
  left: number;
  readonly reached: () => void;
}

export class Proxy implements AsyncDisposable {
  readonly lines: ProxyLine[] = [];
  readonly #options: ProxyOptions;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #hold: Hold | undefined;

  private constructor(options: ProxyOptions) {
    this.#options = options;
    this.#server = createServer((client) => this.#serve(client));
  }

  static async start(options: ProxyOptions): Promise<Proxy> {
    const proxy = new Proxy(options);
    await new Promise<void>((resolve) => proxy.#server.listen(0, "127.0.0.1", resolve));
    return proxy;
  }

  get url(): string {
    const address = this.#server.address();
    if (address === null || typeof address === "string") throw new Error("not listening");
    return `ws://127.0.0.1:${address.port}/ws`;
  }

  /** Records that passed from the relay to clients, over all lines. */
  get down(): number[] {
    return this.lines.flatMap((line) => line.down);
  }

  get up(): number[] {
    return this.lines.flatMap((line) => line.up);
  }

  /** Stops one direction of all lines when so many records more have passed that way. */
  holdAfter(records: number, way: Way = "down"): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#hold = { way, left: records, reached: resolve };
    return promise;
  }

  /** Lets all that was held pass. */
  release(): void {
    this.#hold = undefined;
    for (const socket of this.#sockets) socket.resume();
  }

  /** Cuts every line; new ones may come. */
  cut(): void {
    this.#hold = undefined;
    for (const socket of this.#sockets) socket.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.cut();
    await closed;
  }

  #serve(client: Socket): void {
    const relay = connect(this.#options.port, "127.0.0.1");
    const cut = (): void => {
      client.destroy();
      relay.destroy();
    };
    const line: ProxyLine = { down: [], up: [], cut };
    this.lines.push(line);
    this.#join(relay, client, "down", line);
    this.#join(client, relay, "up", line);
  }

  #join(from: Socket, to: Socket, way: Way, line: ProxyLine): void {
    this.#sockets.add(from);
    const reader = new WebSocketReader(this.#recordsOf(way, line));
    from.on("data", (bytes: Buffer) => {
      reader.push(bytes);
      this.#options.onBytes?.(bytes);
      if (!to.write(bytes) || this.#isHeld(way)) from.pause();
    });
    to.on("drain", () => {
      if (!this.#isHeld(way)) from.resume();
    });
    from.on("end", () => to.end());
    from.on("error", () => to.destroy());
    from.on("close", (failed) => {
      this.#sockets.delete(from);
      if (failed) to.destroy();
      else to.end();
    });
  }

  #isHeld(way: Way): boolean {
    return this.#hold?.way === way && this.#hold.left <= 0;
  }

  #recordsOf(way: Way, line: ProxyLine): (piece: Piece) => void {
    const header = new Uint8Array(FRAME_HEADER_BYTES);
    const { onMessage } = this.#options;
    const pieces: Uint8Array[] = [];
    return (piece) => {
      this.#options.onPiece?.(piece);
      if (onMessage !== undefined && piece.opcode < CONTROL) {
        pieces.push(piece.bytes.slice());
        if (piece.last) onMessage(Buffer.concat(pieces.splice(0)));
      }
      if (piece.offset < FRAME_HEADER_BYTES) {
        header.set(piece.bytes.subarray(0, FRAME_HEADER_BYTES - piece.offset), piece.offset);
      }
      const length = piece.offset + piece.bytes.length;
      if (!piece.last || length <= FRAME_HEADER_BYTES || header[0] !== FRAME_MARK) return;
      line[way].push(new DataView(header.buffer).getUint32(4));
      const hold = this.#hold;
      if (hold?.way !== way) return;
      hold.left--;
      if (hold.left === 0) hold.reached();
    };
  }
}
