/**
 * A WebSocket client as light as can be: it hands on pieces of messages as they come, copies nothing
 * that it sends, masks with zeros, and can stop reading. Two cores have to carry hundreds of them
 * beside the relay that is measured.
 */
import type { Socket } from "bun";

import { openLine } from "./line.ts";
import { WebSocketReader, type Piece } from "../../test/support/net/websocket-reader.ts";

export type { Piece } from "../../test/support/net/websocket-reader.ts";

const CLOSE = 8;
const PING = 9;
const PONG = 10;
const FIN = 0x80;
const MASKED = 0x80;
/** bytes of a part that is copied to the one before it, which costs less than a packet of its own */
const SMALL_BYTES = 4096;
export const BINARY = 2;
export const TEXT = 1;

export interface SocketEvents {
  /** Part of a text or binary message. The first may come before `connect` has resolved. */
  piece(piece: Piece, socket: LoadSocket): void;
  /** Everything given to `send` is with the kernel. */
  drained?(): void;
  /** The line ended, by whomever; told once, and not after `terminate`. */
  closed(why: string): void;
}

export class LoadSocket {
  readonly #socket: Socket;
  #queue: Uint8Array[] = [];
  #over = false;

  private constructor(socket: Socket) {
    this.#socket = socket;
  }

  /**
   * Connects and upgrades.
   * @param url with its path, ws: or wss:
   * @throws Error when there is no WebSocket
   */
  static async connect(url: string, events: SocketEvents): Promise<LoadSocket> {
    const address = new URL(url);
    const { pathname, search, host } = address;
    const upgraded = Promise.withResolvers<void>();
    // eslint-disable-next-line prefer-const -- the handlers are there before it is
    let self: LoadSocket | undefined;
    const reader = new WebSocketReader((piece) => {
      if (self === undefined || self.isOver) return;
      if (piece.opcode < CLOSE) events.piece(piece, self);
      else if (piece.opcode === PING && piece.last) self.send(PONG, piece.bytes);
      else if (piece.opcode === CLOSE && piece.last) ended(said(piece));
    });
    const ended = (why: string): void => {
      upgraded.reject(new Error(`${url}: ${why}`));
      if (self === undefined || self.isOver) return;
      self.terminate();
      events.closed(why);
    };
    const socket = await openLine(address, {
      data(bytes) {
        const { head } = reader;
        reader.push(bytes);
        if (head !== undefined || reader.head === undefined) return;
        if (reader.head.startsWith("HTTP/1.1 101 ")) upgraded.resolve();
        else ended(reader.head.split("\r\n")[0] ?? "");
      },
      drained() {
        if (self?.flush() === true) events.drained?.();
      },
      closed: ended,
    });
    self = new LoadSocket(socket);
    // Over TLS the line takes nothing before its handshake is through.
    self.#queue.push(
      Buffer.from(
        `GET ${pathname}${search} HTTP/1.1\r\nHost: ${host}\r\nConnection: Upgrade\r\n` +
          "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" +
          "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
      ),
    );
    self.flush();
    await upgraded.promise;
    return self;
  }

  get isOver(): boolean {
    return this.#over;
  }

  /** One message of these parts, which must not change until they are sent. True: all is with the kernel. */
  send(opcode: number, ...parts: readonly Uint8Array[]): boolean {
    if (this.#over) return false;
    let length = 0;
    for (const part of parts) length += part.length;
    const small = parts.findIndex((part) => part.length > SMALL_BYTES);
    const together = small < 0 ? parts : parts.slice(0, small);
    this.#queue.push(Buffer.concat([header(opcode, length), ...together]));
    this.#queue.push(...parts.slice(together.length));
    return this.flush();
  }

  /** True when nothing waits any more. */
  flush(): boolean {
    let part = this.#queue[0];
    while (part !== undefined && !this.#over) {
      const written = this.#socket.write(part);
      if (written < part.length) {
        this.#queue[0] = part.subarray(Math.max(0, written));
        return false;
      }
      this.#queue.shift();
      part = this.#queue[0];
    }
    return !this.#over;
  }

  get isFlushed(): boolean {
    return this.#queue.length === 0;
  }

  /** Reads no more until `resume`; the kernel's buffers fill. */
  pause(): void {
    if (!this.#over) this.#socket.pause();
  }

  resume(): void {
    if (!this.#over) this.#socket.resume();
  }

  /** Sends what still waits at the kernel, and ends the line; its events are over. */
  leave(): void {
    if (this.#over) return;
    this.#over = true;
    this.#queue = [];
    this.#socket.end();
  }

  terminate(): void {
    if (this.#over) return;
    this.#over = true;
    this.#queue = [];
    this.#socket.terminate();
  }
}

/** Long for messages of any size; a control frame must have the short one (RFC 6455, 5.5). */
function header(opcode: number, length: number): Uint8Array {
  if (opcode >= CLOSE) return Uint8Array.of(FIN | opcode, MASKED | length, 0, 0, 0, 0);
  const long = new Uint8Array(14);
  long[0] = FIN | opcode;
  long[1] = MASKED | 127;
  new DataView(long.buffer).setBigUint64(2, BigInt(length));
  return long;
}

function said({ bytes }: Piece): string {
  return `closed with ${bytes.length < 2 ? "nothing" : Buffer.from(bytes).readUInt16BE(0)}`;
}
