/**
 * The outlet of a worker's hub: to sockets for ids from zero on, to local clients below zero. So the hub
 * treats both alike, and one egress limit holds for all frames.
 *
 * The hub is not reentrant: messages to local clients, and their answers, wait for the next turn. Frames
 * go at once, because the log may overwrite their place.
 */
import { FRAME_BYTES, type Message, type Role, type SocketFault } from "../../protocol/mod.ts";
import type { LinkSocket } from "../../protocol/session/driver.ts";

import type { MemoryBudget } from "../limits/memory-budget.ts";
import type { BlockPool } from "../log/block-pool.ts";
import type { GivenRecord, RecordPlace } from "../log/block-log.ts";
import {
  SingleSends,
  type Outlet,
  type SendResult,
  type SocketId,
  type Topic,
} from "../share/outlet.ts";
import type { EnteringUplink } from "../share/hub.ts";
import type { RemoteWord } from "../share/senders.ts";
import type { Egress } from "./egress.ts";
import { KeptFrames, keyOf, type FrameUser, type KeptFrame } from "./kept-frames.ts";

const NOBODY: ReadonlySet<SocketId> = new Set();

/** A frame for a local client, which reads or keeps it, if at all, before `frame` returns. */
export interface GivenFrame {
  /** Equal for equal frames. */
  readonly key: string;
  /** A copy, in a buffer that the next frame reuses. */
  readonly read: () => Uint8Array;
  readonly keep: (user: FrameUser) => KeptFrame;
}

/** A client without a socket: the lobby implements it. The worker calls it instead of sending bytes. */
export interface LocalClient {
  /** It gets no frame before it calls `drained`. */
  readonly isFull: boolean;
  /** After `LocalLine.connect`. */
  opened?(): void;
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
  control(id: SocketId, message: Message): void;
  /** @param bytes of a frame */
  message(id: SocketId, bytes: Uint8Array): void;
  drained(id: SocketId): void;
  closed(id: SocketId): void;
  /** Whether this share, by its id in hex, can still be had here. */
  has(share: string): boolean;
  /** The channel of a share that this capability lets read, see `Hub.readable`; both ids in hex. */
  readable(share: string, capability: Uint8Array): string | undefined;
  /** See `Hub.lookUp`. */
  lookUp(share: string): Promise<boolean> | undefined;
  /** In place of `opened`, a hello and an offer: see `Hub.enterUplink`. */
  enterUplink(id: SocketId, uplink: EnteringUplink): void;
  uplinkSays(id: SocketId, word: RemoteWord): void;
  /** In place of `opened` and a hello: a receiver of this channel that shows a capability. */
  enter(id: SocketId, channel: string, address: string | undefined): void;
}

export interface ClientRouterOptions {
  readonly sockets: Outlet;
  readonly pool: BlockPool;
  readonly memory: MemoryBudget;
  readonly hub: ClientHub;
  /** Limits all frames, those to sockets too. */
  readonly egress?: Egress;
  /** Told of each fault that a local client is told. */
  readonly failed?: (code: SocketFault) => void;
}

export class ClientRouter implements Outlet {
  readonly #options: ClientRouterOptions;
  readonly #sockets: Outlet;
  readonly #kept: KeptFrames;
  readonly #egress: Egress | undefined;
  readonly #locals = new Map<SocketId, LocalClient>();
  #later: (() => void)[] = [];
  #nextId: SocketId = -1;
  /** For `GivenFrame.read`. */
  readonly #frame = new Uint8Array(FRAME_BYTES);

  constructor(options: ClientRouterOptions) {
    this.#options = options;
    this.#sockets = options.sockets;
    this.#kept = new KeptFrames(options.pool, options.memory);
    this.#egress = options.egress;
  }

  get hub(): ClientHub {
    return this.#options.hub;
  }

  /** @param address its `limitKey` */
  connect(local: LocalClient, address: string | undefined): LocalLine {
    const id = this.#nextId--;
    this.#locals.set(id, local);
    return new LocalLine(this, id, local, address);
  }

  leave(id: SocketId): void {
    this.#locals.delete(id);
    this.#egress?.gone(id);
  }

  tick(): void {
    this.#kept.tick();
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

  bundle(main: SocketId, further: SocketId, role: Role): void {
    this.#sockets.bundle?.(main, further, role);
  }

  connections(main: SocketId): number {
    return this.#sockets.connections?.(main) ?? 1;
  }

  unbundle(main: SocketId, further: SocketId): void {
    this.#sockets.unbundle?.(main, further);
  }

  holdsBack(socket: SocketId): boolean {
    return this.#egress?.holdsBack(socket) === true || this.#sockets.holdsBack?.(socket) === true;
  }

  sendFrame(socket: SocketId, place: GivenRecord): SendResult {
    const egress = this.#egress;
    if (egress?.isLimited !== true) return this.#giveFrame(socket, place);
    if (!egress.take(socket, place.length)) return "refused";
    const result = this.#giveFrame(socket, place);
    if (result === "refused") egress.unused(socket, place.length);
    return result;
  }

  #giveFrame(socket: SocketId, place: GivenRecord): SendResult {
    if (socket >= 0) return this.#sockets.sendFrame(socket, place);
    const local = this.#locals.get(socket);
    if (local === undefined) return "refused";
    const { block, offset, length } = place;
    const read = (): Uint8Array => {
      // Not a view: the engine counts the mapping behind a view as garbage to come, and collects late.
      const bytes = this.#frame.subarray(0, length);
      this.#options.pool.read(block, offset, bytes);
      return bytes;
    };
    const keep = (user: FrameUser): KeptFrame => this.#kept.keep(place, user);
    return local.frame({ key: keyOf(place), read, keep }) ? "sent" : "queued";
  }

  passFrame(socket: SocketId, frame: Uint8Array, keep: () => RecordPlace | undefined): SendResult {
    // A frame that waits for its turn, or for a local client, waits in the log.
    if (socket < 0 || this.#egress?.isLimited === true) return "refused";
    return this.#sockets.passFrame?.(socket, frame, keep) ?? "refused";
  }

  paceBy(receiver: SocketId): void {
    if (receiver >= 0) this.#sockets.paceBy?.(receiver);
  }

  hold(socket: SocketId, isHeld: boolean): void {
    if (socket >= 0) this.#sockets.hold?.(socket, isHeld);
  }

  newTopic(): Topic {
    return new RoutedTopic(this, this.#sockets);
  }

  /** Whether each frame for a socket has to wait for its turn. */
  get isLimited(): boolean {
    return this.#egress?.isLimited === true;
  }

  send(socket: SocketId, message: Message): void {
    if (socket >= 0) this.#sockets.send(socket, message);
    else this.later(() => this.#locals.get(socket)?.message(message));
  }

  sendToEdge(socket: SocketId, message: Uint8Array): void {
    this.#sockets.sendToEdge?.(socket, message);
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
      this.#options.failed?.(code);
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

/** Sockets get what is published by a topic of theirs, and clients without one by themselves. */
class RoutedTopic implements Topic {
  readonly #router: ClientRouter;
  readonly #outlet: Outlet;
  /** Each is there once it has a client: most shares and channels have few. */
  #sockets: Topic | undefined;
  #locals: SingleSends | undefined;

  constructor(router: ClientRouter, outlet: Outlet) {
    this.#router = router;
    this.#outlet = outlet;
  }

  get size(): number {
    return (this.#sockets?.size ?? 0) + (this.#locals?.size ?? 0);
  }

  get sockets(): SocketId[] {
    return [...(this.#sockets?.sockets ?? []), ...(this.#locals?.sockets ?? [])];
  }

  subscribe(socket: SocketId): void {
    if (socket >= 0) (this.#sockets ??= this.#outlet.newTopic()).subscribe(socket);
    else (this.#locals ??= new SingleSends(this.#router)).subscribe(socket);
  }

  unsubscribe(socket: SocketId): void {
    (socket >= 0 ? this.#sockets : this.#locals)?.unsubscribe(socket);
  }

  publishFrame(place: GivenRecord): ReadonlySet<SocketId> {
    // Turns are given to one socket at a time.
    if (this.#router.isLimited) {
      return new Set(
        this.sockets.filter((socket) => this.#router.sendFrame(socket, place) === "refused"),
      );
    }
    const refused = this.#sockets?.publishFrame(place) ?? NOBODY;
    return this.#locals === undefined ? refused : refused.union(this.#locals.publishFrame(place));
  }

  publish(message: Message): void {
    this.#sockets?.publish(message);
    this.#locals?.publish(message);
  }

  close(): void {
    this.#sockets?.close();
    this.#locals?.close();
  }
}

/** A local client's line to the hub, in place of a socket. Its messages reach the hub in the next turn, in order. */
export class LocalLine implements LinkSocket {
  readonly #router: ClientRouter;
  readonly #id: SocketId;
  readonly #local: LocalClient;
  readonly #address: string | undefined;

  constructor(router: ClientRouter, id: SocketId, local: LocalClient, address: string | undefined) {
    this.#router = router;
    this.#id = id;
    this.#local = local;
    this.#address = address;
  }

  connect(): void {
    this.#router.later(() => {
      this.#router.hub.opened(this.#id, this.#address);
      this.#local.opened?.();
    });
  }

  disconnect(): void {
    // The session ends with `close`.
  }

  /** In place of `connect`, see `ClientHub.enter`. */
  enter(channel: string): void {
    this.#router.later(() => this.#router.hub.enter(this.#id, channel, this.#address));
  }

  /** In place of `connect`, see `ClientHub.enterUplink`. */
  enterUplink(uplink: EnteringUplink): void {
    this.#router.later(() => this.#router.hub.enterUplink(this.#id, uplink));
  }

  control(message: Message): void {
    this.#router.later(() => this.#router.hub.control(this.#id, message));
  }

  uplinkSays(word: RemoteWord): void {
    this.#router.later(() => this.#router.hub.uplinkSays(this.#id, word));
  }

  /** At once: only while the hub is not running. */
  frame(bytes: Uint8Array): void {
    this.#router.hub.message(this.#id, bytes);
  }

  /** It has room again. At once: only while the hub is not running. */
  drained(): void {
    this.#router.hub.drained(this.#id);
  }

  /** After what it sent. */
  close(): void {
    this.#router.later(() => {
      this.#router.leave(this.#id);
      this.#router.hub.closed(this.#id);
    });
  }

  later(run: () => void): void {
    this.#router.later(run);
  }
}
