import { FRAME_BYTES, type Message, type SocketFault } from "../../protocol/mod.ts";

import type { RecordPlace } from "../log/block-log.ts";
import type { Egress } from "./egress.ts";
import type { Outlet, SendResult, SocketId } from "../share/outlet.ts";
import type { BlockPool } from "../log/block-pool.ts";
import { keyOf, type KeptFrame, type KeptFrames, type Keeper } from "./kept-frames.ts";

/** A frame for a local client, which reads or keeps it, if at all, before `frame` returns. */
export interface GivenFrame {
  /** Equal for equal frames. */
  readonly key: string;
  /** A copy, in a buffer that the next frame reuses. */
  readonly read: () => Uint8Array;
  readonly keep: (keeper: Keeper) => KeptFrame;
}

/** A client without a socket: the lobby implements it. The worker calls it instead of sending bytes. */
export interface LocalClient {
  /** It gets no frame before it calls `drained`. */
  readonly isFull: boolean;
  message(message: Message): void;
  /** False: it is full now. */
  frame(frame: GivenFrame): boolean;
  /** The worker disconnects it. */
  failed(fault: SocketFault, detail?: string): void;
}

/** The hub, as local clients call it. */
export interface ClientHub {
  /** @param address its `limitKey` */
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
 * The outlet of a worker's hub: to sockets for ids from zero on, to local clients below zero. So the hub
 * treats both alike, and one egress limit holds for all frames.
 *
 * The hub is not reentrant: messages to local clients, and their answers, wait for the next turn. Frames
 * go at once, because the log may overwrite their place.
 */
export class ClientRouter implements Outlet {
  readonly #sockets: Outlet;
  readonly #pool: BlockPool;
  readonly #kept: KeptFrames;
  readonly #egress: Egress | undefined;
  readonly #locals = new Map<SocketId, LocalClient>();
  #later: (() => void)[] = [];
  #nextId: SocketId = -1;
  /** For `GivenFrame.read`. */
  readonly #frame = new Uint8Array(FRAME_BYTES);

  readonly #failed: ((code: SocketFault) => void) | undefined;

  /**
   * @param kept where local clients keep frames
   * @param failed told of each fault that a local client is told
   * @param egress limits all frames, those to sockets too
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
    return this.#locals.size;
  }

  enter(local: LocalClient): SocketId {
    const id = this.#nextId--;
    this.#locals.set(id, local);
    return id;
  }

  leave(id: SocketId): void {
    this.#locals.delete(id);
    this.#egress?.gone(id);
  }

  /** Runs it when the hub is not running; in order. */
  later(run: () => void): void {
    if (this.#later.length === 0) setImmediate(() => this.#run());
    this.#later.push(run);
  }

  // Outlet

  noPing(socket: SocketId): void {
    if (socket >= 0) this.#sockets.noPing(socket);
  }

  buffered(socket: SocketId): number {
    if (socket >= 0) return this.#sockets.buffered(socket);
    return this.#locals.get(socket)?.isFull === true ? 1 : 0;
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
    const local = this.#locals.get(socket);
    if (local === undefined) return "refused";
    const { block, offset, length } = place;
    const read = (): Uint8Array => {
      // Not a view: the engine counts the mapping behind a view as garbage to come, and collects late.
      const bytes = this.#frame.subarray(0, length);
      this.#pool.read(block, offset, bytes);
      return bytes;
    };
    const keep = (keeper: Keeper): KeptFrame => this.#kept.keep(place, keeper);
    const given = { key: keyOf(place), read, keep };
    return local.frame(given) ? "sent" : "queued";
  }

  send(socket: SocketId, message: Message): void {
    if (socket >= 0) {
      this.#sockets.send(socket, message);
      return;
    }
    this.later(() => this.#locals.get(socket)?.message(message));
  }

  fail(socket: SocketId, code: SocketFault, detail?: string, after?: number): void {
    if (socket >= 0) {
      this.#sockets.fail(socket, code, detail, after);
      return;
    }
    this.later(() => {
      const local = this.#locals.get(socket);
      this.#locals.delete(socket);
      if (local === undefined) return;
      this.#failed?.(code);
      local.failed(code, detail);
    });
  }

  /** Calls that are added meanwhile run in the next turn. */
  #run(): void {
    const now = this.#later;
    this.#later = [];
    for (const each of now) each();
  }
}
