import { FRAME_BYTES, type Message, type SocketFault } from "../../protocol/mod.ts";

import type { RecordPlace } from "../log/block-log.ts";
import type { Egress } from "./egress.ts";
import type { Outlet, SendResult, SocketId } from "../share/outlet.ts";
import type { BlockPool } from "../log/block-pool.ts";
import { keyOf, type KeptFrame, type KeptFrames, type Keeper } from "./kept-frames.ts";

/** A frame that is given to an insider, to be read or kept, if at all, before that returns. */
export interface GivenFrame {
  /** Frames with the same one are the same. */
  readonly key: string;
  /** Copied from the log, into a buffer that the next one is copied into. */
  readonly read: () => Uint8Array;
  readonly keep: (keeper: Keeper) => KeptFrame;
}

/** A client of this worker that lives in it: what it is told are calls instead of bytes. */
export interface Insider {
  /** Something has not left it yet; it gets no frame before it said `drained`. */
  readonly isFull: boolean;
  message(message: Message): void;
  /** False: it is full now. */
  frame(frame: GivenFrame): boolean;
  /** The worker lets go of it. */
  failed(fault: SocketFault, detail?: string): void;
}

/** What insiders say to the worker. */
export interface Inside {
  /** @param address what limits for each address count it as, see `Visitor` */
  opened(id: SocketId, address: string | undefined): void;
  message(id: SocketId, bytes: Uint8Array): void;
  drained(id: SocketId): void;
  closed(id: SocketId): void;
  /** Whether this share, by its id in hex, can still be had here. */
  has(share: string): boolean;
  /** The channel of a share that this capability lets read, see `Hub.readable`; both ids in hex. */
  readable(share: string, capability: Uint8Array): string | undefined;
  /** In place of `opened` and a hello: a receiver of this channel that shows a capability. */
  enter(id: SocketId, channel: string, address: string | undefined): void;
}

/**
 * Clients without a socket beside those with one: to the worker's logic they are the same, so what
 * enters by another door goes the way of everything. Their ids are below zero.
 *
 * The worker's logic must not be called while it calls: what it says to an insider, and what that
 * answers, waits for the next turn. Frames alone are given at once, since their place may be written
 * anew.
 */
export class Insiders implements Outlet {
  readonly #sockets: Outlet;
  readonly #pool: BlockPool;
  readonly #kept: KeptFrames;
  readonly #egress: Egress | undefined;
  readonly #insiders = new Map<SocketId, Insider>();
  #later: (() => void)[] = [];
  #nextId: SocketId = -1;
  /** The frame that is being given. */
  readonly #frame = new Uint8Array(FRAME_BYTES);

  readonly #failed: ((code: SocketFault) => void) | undefined;

  /**
   * @param kept where insiders keep frames
   * @param failed an insider is told a fault
   * @param egress of all frames, those to sockets too; without it they leave as fast as they can
   */
  constructor(
    sockets: Outlet,
    pool: BlockPool,
    kept: KeptFrames,
    failed?: (code: SocketFault) => void,
    egress?: Egress,
  ) {
    this.#sockets = sockets;
    this.#pool = pool;
    this.#kept = kept;
    this.#egress = egress;
    this.#failed = failed;
  }

  get size(): number {
    return this.#insiders.size;
  }

  enter(insider: Insider): SocketId {
    const id = this.#nextId--;
    this.#insiders.set(id, insider);
    return id;
  }

  leave(id: SocketId): void {
    this.#insiders.delete(id);
    this.#egress?.gone(id);
  }

  /** Runs it when the worker's logic is not running; in order. */
  later(run: () => void): void {
    if (this.#later.length === 0) setImmediate(() => this.#run());
    this.#later.push(run);
  }

  // Outlet

  quiet(socket: SocketId): void {
    if (socket >= 0) this.#sockets.quiet(socket);
  }

  buffered(socket: SocketId): number {
    if (socket >= 0) return this.#sockets.buffered(socket);
    return this.#insiders.get(socket)?.isFull === true ? 1 : 0;
  }

  holdsBack(socket: SocketId): boolean {
    return this.#egress?.holdsBack(socket) === true;
  }

  sendFrame(socket: SocketId, place: RecordPlace): SendResult {
    const egress = this.#egress;
    if (egress?.isLimited !== true) return this.#giveFrame(socket, place);
    if (!egress.take(socket, place.length)) return "refused";
    const result = this.#giveFrame(socket, place);
    if (result === "refused") egress.unused(socket, place.length);
    return result;
  }

  #giveFrame(socket: SocketId, place: RecordPlace): SendResult {
    if (socket >= 0) return this.#sockets.sendFrame(socket, place);
    const insider = this.#insiders.get(socket);
    if (insider === undefined) return "refused";
    const { block, offset, length } = place;
    const read = (): Uint8Array => {
      // Not a view: the mapping behind it counts as garbage to come, and the engine would collect late.
      const bytes = this.#frame.subarray(0, length);
      this.#pool.read(block, offset, bytes);
      return bytes;
    };
    const keep = (keeper: Keeper): KeptFrame => this.#kept.keep(place, keeper);
    const given = { key: keyOf(place), read, keep };
    return insider.frame(given) ? "sent" : "queued";
  }

  send(socket: SocketId, message: Message): void {
    if (socket >= 0) {
      this.#sockets.send(socket, message);
      return;
    }
    this.later(() => this.#insiders.get(socket)?.message(message));
  }

  fail(socket: SocketId, code: SocketFault, detail?: string, after?: number): void {
    if (socket >= 0) {
      this.#sockets.fail(socket, code, detail, after);
      return;
    }
    this.later(() => {
      const insider = this.#insiders.get(socket);
      this.#insiders.delete(socket);
      if (insider === undefined) return;
      this.#failed?.(code);
      insider.failed(code, detail);
    });
  }

  /** What is said meanwhile is for the next turn. */
  #run(): void {
    const now = this.#later;
    this.#later = [];
    for (const each of now) each();
  }
}
