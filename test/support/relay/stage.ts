/** The sockets of a worker without its logic: a real server, whose frames and messages the test gives. */
import { NONCE_BYTES, type Message } from "../../../protocol/mod.ts";
import { BUFFERED_BYTES, MemoryBudget } from "../../../relay/limits/memory-budget.ts";
import { BlockLog, type RecordPlace } from "../../../relay/log/block-log.ts";
import type { Kernel } from "../../../relay/net/sendfile.ts";
import type { Native } from "../../../relay/system/native.ts";
import type { Descriptor } from "../../../relay/system/connections.ts";
import { LiveLimits } from "../../../relay/limits/limits.ts";
import { DEFAULT_LIMITS, type Limits } from "../../../relay/limits/operator-limits.ts";
import type { SendResult, SocketId, Topic } from "../../../relay/share/outlet.ts";
import type { BlockPool } from "../../../relay/log/block-pool.ts";
import type { Socket, SocketData } from "../../../relay/net/socket.ts";
import { Sockets } from "../../../relay/net/sockets.ts";
import type { ClientAddress } from "../../../relay/access/client-address.ts";
import { bytesFor, nativeRoom } from "./log-rooms.ts";
import { RawCalls } from "./raw-calls.ts";
import { rawShare, type RawShare } from "./raw-client.ts";
import { RawReceiver } from "./raw-receiver.ts";

export interface StageOptions {
  readonly hostname?: string;
  readonly blocks?: number;
  readonly frameBytes: number;
  /** May wait in memory for sockets. bytes */
  readonly bufferedBytes?: number;
  /** Everything goes out through Bun. */
  readonly ofBun?: boolean;
  /** Topics publish, as where lines have TLS. */
  readonly publishes?: boolean;
  readonly limits?: Partial<Limits>;
}

/** The client of a socket makes no difference here. */
const NOBODY: ClientAddress = { address: "", limitKey: undefined, origin: "http://relay" };

/** The kernel, which takes nothing while it is shut, however much room it has. */
class Valve implements Kernel, Pick<Native, "keyOf"> {
  isShut = false;
  readonly #native: Native;

  constructor(native: Native) {
    this.#native = native;
  }

  sendFile: Native["sendFile"] = (...given) => {
    return this.isShut ? "full" : this.#native.sendFile(...given);
  };

  send: Native["send"] = (...given) => {
    return this.isShut ? "full" : this.#native.send(...given);
  };

  /** Sockets with room are told of when it is open again. */
  writable: Native["writable"] = (tell) => (this.isShut ? 0 : this.#native.writable(tell));

  /** Finds no connection for now. */
  isResting = false;

  find: Native["find"] = (peer) => (this.isResting ? undefined : this.#native.find(peer));
  isPeer: Native["isPeer"] = (...given) => this.#native.isPeer(...given);
  cookie: Native["cookie"] = (...given) => this.#native.cookie(...given);
  watch: Native["watch"] = (...given) => this.#native.watch(...given);
  received: Native["received"] = (...given) => this.#native.received(...given);
  keyOf: Native["keyOf"] = (...given) => this.#native.keyOf(...given);
}

/** Only where there is `Native`. */
export class Stage implements AsyncDisposable {
  now = 0;
  readonly share: RawShare;
  readonly pool: BlockPool;
  readonly log: BlockLog;
  readonly sockets: Sockets;
  readonly port: number;
  readonly #bun = new Map<SocketId, Socket>();
  readonly #valve: Valve;
  readonly #server: Bun.Server<SocketData>;
  readonly #stack = new AsyncDisposableStack();
  readonly #drained = new Map<SocketId, () => void>();
  readonly #closed = new Map<SocketId, () => void>();
  readonly #heard = new Map<SocketId, (isAlive: boolean) => void>();
  readonly #received = new Map<SocketId, number>();
  /** Messages of these are frames for one receiver each. */
  readonly #lone = new Map<SocketId, { readonly receiver: SocketId; readonly came: () => void }>();
  readonly #calls: RawCalls;
  #last: SocketId = 0;

  constructor({
    hostname = "127.0.0.1",
    blocks = 8,
    frameBytes,
    bufferedBytes = BUFFERED_BYTES,
    ofBun = false,
    publishes = false,
    limits = {},
  }: StageOptions) {
    this.#calls = this.#stack.use(new RawCalls());
    const room = this.#stack.use(nativeRoom({ blocks, blockBytes: bytesFor(1, frameBytes) }));
    this.share = rawShare(100, frameBytes - 16);
    this.pool = room.pool;
    this.log = new BlockLog(room.pool, frameBytes);
    this.#valve = new Valve(room.native);
    const sockets = new Sockets({
      pool: room.pool,
      native: ofBun ? undefined : this.#valve,
      isSecure: publishes,
      kernel: this.#valve,
      limits: new LiveLimits({ ...DEFAULT_LIMITS, ...limits }),
      memory: new MemoryBudget(() => this.now, { bytes: bufferedBytes }),
      clock: () => this.now,
      drained: (id) => this.#drained.get(id)?.(),
    });
    this.sockets = sockets;
    this.#server = Bun.serve<SocketData>({
      hostname,
      port: 0,
      fetch(request, server) {
        const data = sockets.dataFor(NOBODY, server.requestIP(request), server);
        return server.upgrade(request, { data }) ? undefined : new Response("", { status: 426 });
      },
      websocket: {
        data: {} as SocketData,
        idleTimeout: 0,
        sendPings: false,
        open: (socket) => {
          sockets.opened(socket);
          sockets.send(socket.data.id, { t: "challenge", nonce: new Uint8Array(NONCE_BYTES) });
          this.#last = socket.data.id;
          this.#bun.set(socket.data.id, socket);
        },
        message: (socket, message) => {
          // Whatever it says first is its hello.
          sockets.handle(socket, message.length, (id) => {
            const lone = this.#lone.get(id);
            if (lone !== undefined) {
              sockets.paceBy(lone.receiver);
              lone.came();
              return;
            }
            sockets.noPing(id);
            sockets.send(id, { t: "offers", list: [{ ...this.share.offer, senderHere: true }] });
          });
        },
        ping: (socket, { length }) => sockets.signOfLife(socket, length),
        pong: (socket, { length }) => {
          sockets.signOfLife(socket, length);
          this.#heard.get(socket.data.id)?.(true);
        },
        drain: (socket) => sockets.drained(socket),
        close: (socket) => {
          sockets.closed(socket);
          this.#bun.delete(socket.data.id);
          this.#heard.get(socket.data.id)?.(false);
          this.#closed.get(socket.data.id)?.();
        },
      },
    });
    this.port = this.#server.port ?? 0;
  }

  /** Sockets that are open. */
  get size(): number {
    return this.#bun.size;
  }

  /** From now on connections are not found, or again. */
  rest(isResting: boolean): void {
    this.#valve.isResting = isResting;
  }

  /** A quiet client that is attached, and its socket here. */
  async client(hostname?: string): Promise<{ receiver: RawReceiver; id: SocketId }> {
    const { port, share } = this;
    const options = { port, share, channel: new Uint8Array(16), pings: true };
    const receiver = this.#stack.use(
      await RawReceiver.open(hostname === undefined ? options : { ...options, hostname }),
    );
    return { receiver, id: this.#last };
  }

  /** Puts a record into the log and gives its frame to a socket. */
  send(id: SocketId, index: number): SendResult {
    return this.#withPlace(index, (place) => this.sockets.sendFrame(id, place));
  }

  /** As `send`, to all of a topic. @returns those that refused it */
  publish(topic: Topic, index: number): ReadonlySet<SocketId> {
    return this.#withPlace(index, (place) => topic.publishFrame(place));
  }

  /** Gives the frame of a record to a socket from memory. @param keep as `Outlet.passFrame` takes it */
  pass(id: SocketId, index: number, keep: () => RecordPlace | undefined): SendResult {
    return this.sockets.passFrame(id, this.share.frame(index), keep);
  }

  #withPlace<T>(index: number, give: (place: RecordPlace) => T): T {
    if (!this.log.has(index)) {
      if (!this.log.reserve(index)) throw new Error("the log is full");
      this.log.put(index, this.share.frame(index));
    }
    const place = this.log.open(index);
    if (place === undefined) throw new Error("no such record");
    const result = give(place);
    this.log.close(place);
    return result;
  }

  say(id: SocketId, senderHere: boolean): void {
    const message: Message = { t: "presence", share: this.share.offer.share, senderHere };
    this.sockets.send(id, message);
  }

  /** From now on each message of a client counts as a frame for this receiver alone. @param came told of each */
  pace(sender: SocketId, receiver: SocketId, came: () => void): void {
    this.#lone.set(sender, { receiver, came });
  }

  isPaused(id: SocketId): boolean {
    return this.#bun.get(id)?.isPaused === true;
  }

  /** Sends records from `first` on until the socket takes only a part of one; returns that one. */
  fill(id: SocketId, first = 0): number {
    for (let index = first; ; index++) if (this.send(id, index) === "queued") return index;
  }

  /** The kernel takes nothing more: what it would take late is as it likes. */
  shut(): void {
    this.#valve.isShut = true;
  }

  open(): void {
    this.#valve.isShut = false;
  }

  /** Bytes that Bun has for a socket: none of those that the kernel sends by itself. */
  buffered(id: SocketId): { ofBun: number; inAll: number } {
    const ofBun = this.#bun.get(id)?.getBufferedAmount() ?? 0;
    return { ofBun, inAll: this.sockets.buffered(id) };
  }

  /**
   * Resolves when so many bytes more than at the last call have come in by a socket, and Bun has read
   * them: all that is whole was told. Until then it is too early for a tick, because the time of a stage
   * can pass by hours while the event loop does not turn once.
   * @returns false: the line ended first
   */
  async received(id: SocketId, more: number): Promise<boolean> {
    const { key } = this.#bun.get(id)!.data.line;
    const find = (): Descriptor | undefined => (key && this.#valve.find(key)) ?? undefined;
    let wanted = this.#received.get(id);
    for (; this.#bun.has(id); await Bun.sleep(0)) {
      const descriptor = find();
      const bytes = descriptor && this.#valve.received(descriptor);
      if (descriptor === undefined || bytes === undefined) continue;
      wanted ??= bytes;
      if (bytes < wanted + more || this.#calls.isUnread(descriptor)) continue;
      this.#received.set(id, wanted + more);
      return true;
    }
    return false;
  }

  /** The socket has room for a frame again. */
  drained(id: SocketId): Promise<void> {
    return new Promise((resolve) => this.#drained.set(id, resolve));
  }

  closed(id: SocketId): Promise<void> {
    if (!this.#bun.has(id)) return Promise.resolve();
    return new Promise((resolve) => this.#closed.set(id, resolve));
  }

  /** An answer to a ping came; false: the line ended first. */
  heard(id: SocketId): Promise<boolean> {
    if (!this.#bun.has(id)) return Promise.resolve(false);
    return new Promise((resolve) => this.#heard.set(id, resolve));
  }

  /** Later, with a tick. */
  tick(after = 0): void {
    this.now += after;
    this.sockets.tick();
    for (const { data } of this.#bun.values()) data.tick();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.stop(true);
    this.sockets.dispose();
    await this.#stack[Symbol.asyncDispose]();
  }
}
