/**
 * Frames that Bun copies to sockets, where the kernel does not send them from the log, and the memory that holds
 * what waits there. `Sockets` gives a frame to one socket, a `SocketTopic` to several at once. Either way a socket that
 * stalls costs a part of one frame, and all of them together no more than the worker's budget.
 */
import type { MemoryBudget, MemoryHolder, MemoryPlace } from "../limits/memory-budget.ts";
import type { RecordPlace } from "../log/block-log.ts";
import type { BlockPool } from "../log/block-pool.ts";
import type { SendResult, SocketId } from "../share/outlet.ts";
import { earnAnswer, type Socket } from "./socket.ts";
import type { SharedFrames } from "./topics.ts";

/** Measured: what Bun keeps of a frame takes up to twice as much. */
export const BUN_FACTOR = 2;

export interface CopiedFramesOptions {
  readonly pool: BlockPool;
  readonly memory: MemoryBudget;
  readonly holder: (id: SocketId) => MemoryHolder;
  /** Too many wait for memory already: the socket has to go. */
  readonly full: (id: SocketId) => void;
}

export class CopiedFrames implements SharedFrames<Socket> {
  readonly #options: CopiedFramesOptions;

  constructor(options: CopiedFramesOptions) {
    this.#options = options;
  }

  memoryOf({ data }: Socket): MemoryPlace {
    const { memory, holder } = this.#options;
    data.memory ??= memory.enter(holder(data.id));
    return data.memory;
  }

  view({ block, offset, length }: RecordPlace): Uint8Array {
    return this.#options.pool.view(block, offset, length);
  }

  send(socket: Socket, place: RecordPlace): SendResult {
    const { id } = socket.data;
    const memory = this.#emptied(socket);
    const room = memory.ask(place.length * BUN_FACTOR);
    if (room === "full") setImmediate(() => this.#options.full(id));
    if (room !== "room") return "refused";
    const sent = socket.sendBinary(this.view(place));
    if (sent === 0) return "refused";
    earnAnswer(socket);
    if (sent > 0) return "sent";
    memory.hold(memory.bytes + place.length * BUN_FACTOR);
    return "queued";
  }

  fits(socket: Socket, { length }: RecordPlace, others: number): boolean {
    if (this.#options.memory.isWaitedFor) return false;
    return this.#emptied(socket).fits((others + 1) * length * BUN_FACTOR);
  }

  noteGiven(socket: Socket, { length }: RecordPlace): void {
    earnAnswer(socket);
    if (socket.getBufferedAmount() > 0) this.memoryOf(socket).hold(length * BUN_FACTOR);
  }

  /** Bun reports only that all has left; a client that takes a little at a time does not stand still. */
  refresh(socket: Socket): void {
    const { memory, left } = socket.data;
    if (memory === undefined || memory.bytes === 0) return;
    const now = socket.getBufferedAmount();
    socket.data.left = now;
    if (now < left) memory.took(left - now);
  }

  /** A control message may have taken along the bytes that Bun had; Bun reports that only later. */
  #emptied(socket: Socket): MemoryPlace {
    const memory = this.memoryOf(socket);
    if (socket.getBufferedAmount() === 0) memory.hold(0);
    return memory;
  }
}
