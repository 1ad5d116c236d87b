import { isFrame, type Message } from "../../protocol/mod.ts";
import type { Outlet, SendResult, SocketId } from "../../relay/outlet.ts";

/** Sockets that write down what they are given; how much they take is set from outside. */
export class Recorder implements Outlet {
  /** What happened since it was last read, one line each. */
  #lines: string[] = [];
  /** Bytes that a socket has not got rid of. */
  readonly full = new Map<SocketId, number>();
  readonly #topics = new Map<string, Set<SocketId>>();
  /** Records that reached each socket, in order. */
  readonly got = new Map<SocketId, number[]>();
  /** Sockets whose next published frame is lost, as Bun may. */
  readonly loses = new Set<SocketId>();
  /** Sockets that are never rid of what they are given, until `drain`. */
  readonly stuck = new Set<SocketId>();

  /** What happened since the last look. */
  take(): string[] {
    return this.#lines.splice(0);
  }

  drain(socket: SocketId): void {
    this.full.delete(socket);
  }

  buffered(socket: SocketId): number {
    return this.full.get(socket) ?? 0;
  }

  sendFrame(socket: SocketId, frame: Uint8Array): SendResult {
    this.#lines.push(`${socket} frame ${indexOf(frame)}`);
    return this.#give(socket, frame);
  }

  publish(topic: string, frame: Uint8Array): void {
    const subscribers = [...(this.#topics.get(topic) ?? [])];
    this.#lines.push(`publish ${indexOf(frame)} to ${subscribers.join(" ")}`);
    for (const socket of subscribers) {
      if (!this.loses.delete(socket)) this.#give(socket, frame);
    }
  }

  subscribe(socket: SocketId, topic: string): void {
    this.#lines.push(`${socket} live`);
    this.#topics.set(topic, (this.#topics.get(topic) ?? new Set()).add(socket));
  }

  unsubscribe(socket: SocketId, topic: string): void {
    this.#lines.push(`${socket} catch-up`);
    this.#topics.get(topic)?.delete(socket);
  }

  send(socket: SocketId, message: Message): void {
    this.#lines.push(`${socket} ${message.t}`);
  }

  fail(socket: SocketId, code: string): void {
    this.#lines.push(`${socket} fault ${code}`);
  }

  #give(socket: SocketId, frame: Uint8Array): SendResult {
    if (!isFrame(frame)) throw new Error("no frame");
    this.got.set(socket, [...(this.got.get(socket) ?? []), indexOf(frame)]);
    if (!this.stuck.has(socket)) return "sent";
    this.full.set(socket, this.buffered(socket) + frame.length);
    return "queued";
  }
}

function indexOf(frame: Uint8Array): number {
  return new DataView(frame.buffer, frame.byteOffset).getUint32(4);
}
