import { equalBytes, isFrame, type Message } from "../../../protocol/mod.ts";
import type { GivenRecord, RecordPlace } from "../../../relay/log/block-log.ts";
import {
  SingleSends,
  type Outlet,
  type SendResult,
  type SocketId,
  type Topic,
} from "../../../relay/share/outlet.ts";
import type { BlockPool } from "../../../relay/log/block-pool.ts";

/** Sockets that write down what they are given; how much they take is set from outside. */
export class Recorder implements Outlet {
  readonly #pool: BlockPool;
  /** Events since the last read, one line each. */
  #lines: string[] = [];
  /** Bytes that a socket has not got rid of. */
  readonly full = new Map<SocketId, number>();
  /** Records that reached each socket, in order. */
  readonly got = new Map<SocketId, number[]>();
  /** Sockets by the frames that they were given from the memory in which those came. */
  readonly fromMemory: SocketId[] = [];
  /** Sockets whose next frame is lost. */
  readonly loses = new Set<SocketId>();
  /** Sockets that are never rid of what they are given, until `drain`. */
  readonly stuck = new Set<SocketId>();
  /** Of the last challenge. */
  nonce: Uint8Array = new Uint8Array();

  /** @param pool where the frames lie that it is given */
  constructor(pool: BlockPool) {
    this.#pool = pool;
  }

  /** Takes the events since the last read. */
  take(): string[] {
    return this.#lines.splice(0);
  }

  drain(socket: SocketId): void {
    this.full.delete(socket);
  }

  noPing(socket: SocketId): void {
    this.#lines.push(`${socket} quiet`);
  }

  buffered(socket: SocketId): number {
    return this.full.get(socket) ?? 0;
  }

  newTopic(): Topic {
    return new SingleSends(this);
  }

  sendFrame(socket: SocketId, { block, offset, length, memory }: GivenRecord): SendResult {
    const frame = this.#pool.view(block, offset, length);
    if (!isFrame(frame)) throw new Error("no frame");
    if (memory !== undefined) {
      if (!equalBytes(memory, frame)) throw new Error("another frame");
      this.fromMemory.push(socket);
    }
    const index = new DataView(frame.buffer, frame.byteOffset).getUint32(4);
    this.#lines.push(`${socket} frame ${index}`);
    if (this.loses.delete(socket)) return "sent";
    this.got.set(socket, [...(this.got.get(socket) ?? []), index]);
    if (!this.stuck.has(socket)) return "sent";
    this.full.set(socket, this.buffered(socket) + length);
    return "queued";
  }

  passFrame(socket: SocketId, frame: Uint8Array, keep: () => RecordPlace | undefined): SendResult {
    const index = new DataView(frame.buffer, frame.byteOffset).getUint32(4);
    this.#lines.push(`${socket} passed ${index}`);
    this.got.set(socket, [...(this.got.get(socket) ?? []), index]);
    if (!this.stuck.has(socket)) return "sent";
    if (keep() === undefined) throw new Error("no place");
    this.full.set(socket, this.buffered(socket) + frame.length);
    return "queued";
  }

  send(socket: SocketId, message: Message): void {
    if (message.t === "challenge") this.nonce = message.nonce;
    this.#lines.push(`${socket} ${message.t}`);
  }

  fail(socket: SocketId, code: string): void {
    this.#lines.push(`${socket} fault ${code}`);
  }
}
