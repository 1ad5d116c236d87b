import {
  CLIENT_CONTROL_BYTES,
  FRAME_BYTES,
  ADMISSIONS_PER_SHARE,
  encodeControl,
  type FaultError,
  type Message,
  socketFault,
  type SocketFault,
  type Role,
} from "../../protocol/mod.ts";
import { LiveLimits, FAREWELL_MS } from "../limits/limits.ts";
import { type RelayLimitName } from "../limits/operator-limits.ts";

import { answersTo } from "../limits/token-bucket.ts";
import type { Arrivals, WatchedLine } from "./arrivals.ts";
import { FdMatcher } from "./fd-matcher.ts";
import type { Place } from "../limits/address-table.ts";
import { DirectSender, type Kernel } from "./sendfile.ts";
import { closeWith, type CloseCause } from "./disconnect.ts";
import { isDirect } from "./receive-meter.ts";
import { Line, type LineKernel, type LineRules, type Peer } from "./line-limits.ts";
import type { RecordPlace } from "../log/block-log.ts";
import type { Grant } from "../access/authorizer.ts";
import { MemoryBudget, type MemoryHolder, type MemoryPlace } from "../limits/memory-budget.ts";
import type { Native, PeerKey } from "../system/native.ts";
import type { Outlet, SendResult, SocketId } from "../share/outlet.ts";
import type { BlockPool } from "../log/block-pool.ts";
import { FileStore } from "../log/store.ts";
import type { ClientAddress } from "../access/client-address.ts";

/** Bytes of control messages to one socket that wait until a frame is through. */
const CONTROL_QUEUE_BYTES = 256 * 1024;
/**
 * Sockets of one worker over a limit that are let in to be told so; more get an HTTP status alone.
 */
const TURNED_AWAY = 100;

/** Measured: what Bun keeps of a frame takes up to twice as much. */
const BUN_FACTOR = 2;
/** What TLS and parts of a message may add to it. bytes */
const SPARE_BYTES = 1024;
const SPARE_PART = 16;
/** What a client is told that finds no place to wait for memory. */
const NO_MEMORY = "too many wait for the relay's memory";

export interface SocketData {
  readonly id: SocketId;
  readonly client: ClientAddress;
  /** Undefined before its hello. */
  grant: Grant | undefined;
  readonly peer: PeerKey | undefined;
  readonly line: Line;
  readonly isDirect: boolean;
  /** Only once it said hello. */
  isSender: boolean;
  /** What came and is no whole message; undefined where the kernel can't tell. */
  watched: WatchedLine | undefined;
  /** In which that is held, of a sender. */
  arriving: MemoryPlace | undefined;
  /** Where it is counted. */
  place: Place | undefined;
  /** It is over a limit, and is only told so. */
  turnedAway: FaultError | undefined;
  /** A fault was told, or will be when the frame on its way is through: nothing more is read or sent. */
  closing: CloseCause | undefined;
  /** As a sender, for the first time. */
  wasAccepted: boolean;
  /** Messages that wait until the frame on its way is through. */
  waiting: Uint8Array[] | undefined;
  /** What waits for it with Bun; undefined: nothing ever did. */
  memory: MemoryPlace | undefined;
  /** What Bun had for it at the last look. bytes */
  left: number;
}

export type Socket = Bun.ServerWebSocket<SocketData>;

export interface SocketsOptions {
  readonly pool: BlockPool;
  readonly native: (Kernel & Pick<Native, "keyOf">) | undefined;
  readonly kernel?: LineKernel | undefined;
  readonly arrivals?: Arrivals | undefined;
  readonly limits?: LiveLimits;
  readonly clock: () => number;
  /** In which what waits for sockets is held. */
  readonly memory?: MemoryBudget;
  /** All that was queued for this socket is with the kernel. */
  readonly drained: (id: SocketId) => void;
  /** A fault is told to a socket; once each. */
  readonly failed?: (data: SocketData, code: SocketFault, detail: string | undefined) => void;
}

/** The sockets of a running worker: Bun's answers become the words of `Outlet` here and only here. */
export class Sockets implements Outlet {
  readonly #pool: BlockPool;
  readonly #clock: () => number;
  readonly #drained: (id: SocketId) => void;
  readonly #native: SocketsOptions["native"];
  readonly #direct: DirectSender | undefined;
  readonly #fdMatcher: FdMatcher | undefined;
  readonly #open = new Map<SocketId, Socket>();
  /** The socket whose message is being handled: Bun holds back what it is sent until that is over. */
  #handling: SocketId | undefined;
  /** Sockets for which Bun holds something back. */
  readonly #held = new Set<SocketId>();
  readonly #memory: MemoryBudget;
  /** Sockets that are only told why they can't stay. */
  readonly #turnedAway = new Set<SocketId>();
  /** Sockets that were opened since this was made. */
  openedEver = 0;
  readonly #failed: SocketsOptions["failed"];
  readonly #rules: LineRules;
  readonly #arrivals: Arrivals | undefined;
  #nextId: SocketId = 1;

  constructor({
    pool,
    native,
    clock,
    memory = new MemoryBudget(clock),
    drained,
    failed,
    kernel,
    arrivals,
    limits = new LiveLimits(),
  }: SocketsOptions) {
    this.#arrivals = arrivals;
    this.#rules = { kernel, limits };
    this.#failed = failed;
    this.#memory = memory;
    this.#pool = pool;
    this.#clock = clock;
    this.#drained = drained;
    this.#native = native;
    const { store } = pool;
    if (native === undefined || !(store instanceof FileStore)) return;
    this.#direct = new DirectSender({
      native,
      pool,
      store,
      clock,
      enter: (id, kind) => memory.enter(this.#holder(id), kind),
      events: {
        drained: (id) => this.#frameThrough(id),
        failed: (id) => this.#open.get(id)?.terminate(),
      },
    });
    this.#fdMatcher = new FdMatcher(this.#direct);
  }

  get size(): number {
    return this.#open.size;
  }

  /** Whether another may be told why it can't stay; of a flood not all are. */
  get canTurnAway(): boolean {
    return this.#turnedAway.size < TURNED_AWAY;
  }

  /** What a socket about to be opened carries. */
  dataFor(client: ClientAddress, peer: Peer | null): SocketData {
    const now = this.#clock();
    const keys = this.#native ?? this.#rules.kernel;
    const key = peer === null ? undefined : keys?.keyOf(peer.address, peer.port);
    return {
      id: this.#nextId++,
      client,
      isDirect: isDirect(client, peer?.address),
      isSender: false,
      watched: undefined,
      arriving: undefined,
      place: undefined,
      turnedAway: undefined,
      grant: undefined,
      peer: key,
      line: new Line(this.#rules, client, peer, key, now),
      closing: undefined,
      wasAccepted: false,
      waiting: undefined,
      memory: undefined,
      left: 0,
    };
  }

  /** What a socket of this worker carries. */
  dataOf(id: SocketId): SocketData | undefined {
    return this.#open.get(id)?.data;
  }

  get all(): Iterable<SocketData> {
    return this.#open.values().map(({ data }) => data);
  }

  // Events of Bun

  /** @returns whether it stays */
  opened(socket: Socket): boolean {
    const { data } = socket;
    const { id, turnedAway } = data;
    this.#open.set(id, socket);
    this.openedEver++;
    const arrived = (bytes: number): void => this.#arrived(socket, bytes);
    data.watched =
      data.peer &&
      this.#arrivals?.watch({ peer: data.peer, isDirect: data.isDirect, isNarrow: true, arrived });
    if (turnedAway === undefined) return true;
    this.#turnedAway.add(id);
    this.fail(id, socketFault(turnedAway.code), turnedAway.detail, turnedAway.after);
    return false;
  }

  /** Undefined: it is no socket of ours, or gone. */
  addressOf(id: SocketId): string | undefined {
    return this.#open.get(id)?.data.client.address;
  }

  /** It said hello, and may send frames if it is a sender. */
  greeted(id: SocketId, role: Role): void {
    const data = this.#open.get(id)?.data;
    if (data === undefined || role !== "sender") return;
    data.isSender = true;
    data.watched?.widen();
  }

  /** A ping or a pong came. */
  signOfLife(socket: Socket, length: number): void {
    socket.data.watched?.control(length);
    this.#came(socket, length);
  }

  /** @returns whether it may be listened to */
  #came({ data }: Socket, length: number): boolean {
    const now = this.#clock();
    data.line.came(length, now);
    if (data.closing !== undefined) return false;
    if (data.line.maySay(now)) return true;
    this.#refuse(data.id, "messages-per-second");
    return false;
  }

  /** Runs the handling of a message of this socket. */
  handle(socket: Socket, length: number, handling: (id: SocketId) => void): void {
    socket.data.line.whole();
    const { watched, arriving } = socket.data;
    watched?.message(length);
    arriving?.hold(0);
    if (!this.#came(socket, length)) return;
    this.#handling = socket.data.id;
    try {
      handling(socket.data.id);
    } finally {
      this.#handling = undefined;
    }
  }

  /** The kernel took of what Bun had for this socket; Bun tells of each part. */
  drained(socket: Socket): void {
    if (socket.getBufferedAmount() > 0) {
      this.#refresh(socket);
      return;
    }
    const { id, closing, memory } = socket.data;
    memory?.hold(0);
    if (closing === undefined) this.#drained(id);
  }

  closed(socket: Socket): void {
    const { id } = socket.data;
    this.#open.delete(id);
    this.#held.delete(id);
    this.#turnedAway.delete(id);
    this.#fdMatcher?.leave(id);
    socket.data.memory?.leave();
    socket.data.arriving?.leave();
    socket.data.watched?.leave();
    this.#direct?.detach(id);
  }

  // Outlet

  noPing(id: SocketId): void {
    const peer = this.#open.get(id)?.data.peer;
    if (peer !== undefined) this.#fdMatcher?.match(id, peer, this.#clock());
  }

  buffered(id: SocketId): number {
    const socket = this.#open.get(id);
    if (socket === undefined) return 0;
    const held = this.#held.has(id) ? 1 : 0;
    return socket.getBufferedAmount() + (this.#direct?.left(id) ?? 0) + held;
  }

  sendFrame(id: SocketId, place: RecordPlace): SendResult {
    const socket = this.#open.get(id);
    if (socket === undefined || socket.data.closing !== undefined) return "refused";
    if (this.#fdMatcher?.isPending(id) === true) return "refused";
    const direct = this.#direct?.send(id, place);
    if (direct !== undefined) {
      if (direct !== "refused") socket.data.line.earn(1);
      return direct;
    }
    // Bun takes whole each frame that is given while a message is handled, and does not say that it waits.
    if (id === this.#handling) {
      this.#hold(id);
      return "refused";
    }
    const memory = this.#memoryOf(socket);
    // A control message may have taken along what Bun had left, and Bun tells of that only later.
    if (socket.getBufferedAmount() === 0) memory.hold(0);
    const room = memory.ask(place.length * BUN_FACTOR);
    if (room === "full") setImmediate(() => this.fail(id, "too-many", NO_MEMORY));
    if (room !== "room") return "refused";
    const sent = socket.sendBinary(this.#pool.view(place.block, place.offset, place.length));
    if (sent === 0) return "refused";
    socket.data.line.earn(1);
    if (sent > 0) return "sent";
    memory.hold(memory.bytes + place.length * BUN_FACTOR);
    return "queued";
  }

  send(id: SocketId, message: Message): void {
    const socket = this.#open.get(id);
    if (socket === undefined || socket.data.closing !== undefined) return;
    const { data } = socket;
    data.line.earn(answersTo(message));
    if (message.t === "accepted" && !data.wasAccepted) {
      // A sender that comes back says again whom it admitted and dismissed; once for each line.
      data.wasAccepted = true;
      data.line.earn(ADMISSIONS_PER_SHARE);
    }
    this.#give(socket, encodeControl(message));
  }

  fail(id: SocketId, code: SocketFault, detail?: string, after?: number): void {
    const socket = this.#open.get(id);
    if (socket === undefined || socket.data.closing !== undefined) return;
    const closing = { code, detail, after, at: this.#clock() };
    socket.data.closing = closing;
    this.#failed?.(socket.data, code, detail);
    if (!this.#isFrameOnItsWay(id)) closeWith(socket, closing);
  }

  failThose(areMeant: (client: ClientAddress) => boolean, code: SocketFault): void {
    for (const [id, { data }] of this.#open) if (areMeant(data.client)) this.fail(id, code);
  }

  failAll(code: SocketFault): void {
    for (const id of this.#open.keys()) this.fail(id, code);
  }

  /** Pings everybody now and then, never into a frame, and gives up those that stay silent. */
  tick(): void {
    const now = this.#clock();
    this.#direct?.tick();
    this.#fdMatcher?.tick(now, (id) => this.buffered(id) > 0, this.#drained);
    for (const socket of this.#open.values()) {
      const { id, line, closing } = socket.data;
      if (closing !== undefined) {
        if (now - closing.at >= FAREWELL_MS) socket.terminate();
        continue;
      }
      this.#refresh(socket);
      // Its messages wait for us.
      if (socket.isPaused) line.paused(now);
      const overdue = line.overdue(now);
      if (overdue !== undefined) {
        this.#refuse(id, overdue);
      } else if (line.isPingDue(now) && this.buffered(id) === 0) {
        line.pinged(now);
        socket.ping();
      }
    }
  }

  /** Bun tells when all has left; a client that takes a little of it at a time does not stand still. */
  #refresh(socket: Socket): void {
    const { memory, left } = socket.data;
    if (memory === undefined || memory.bytes === 0) return;
    const now = socket.getBufferedAmount();
    socket.data.left = now;
    if (now < left) memory.took(left - now);
  }

  #refuse(id: SocketId, name: RelayLimitName): void {
    const { code, detail, after } = this.#rules.limits.over(name);
    this.fail(id, socketFault(code), detail, after);
  }

  /** Bytes of ours that wait for sockets, over all of them, and of the one with most. */
  bufferedOfAll(): { sum: number; most: number } {
    let sum = 0;
    let most = 0;
    for (const [id, socket] of this.#open) {
      const bytes = socket.getBufferedAmount() + (this.#direct?.copied(id) ?? 0);
      sum += bytes;
      most = Math.max(most, bytes);
    }
    return { sum, most };
  }

  dispose(): void {
    this.#direct?.dispose();
  }

  #isFrameOnItsWay(id: SocketId): boolean {
    return (this.#direct?.left(id) ?? 0) > 0;
  }

  #give(socket: Socket, bytes: Uint8Array): void {
    const { id } = socket.data;
    if (this.#isFrameOnItsWay(id)) {
      this.#wait(socket, bytes);
      return;
    }
    if (id === this.#handling && this.#direct !== undefined) this.#hold(id);
    const sent = socket.sendBinary(bytes);
    if (sent > 0) return;
    const memory = this.#memoryOf(socket);
    memory.hold(memory.bytes + bytes.length);
    // It has stopped reading, and is past help.
    if (sent === 0 || memory.bytes > BUN_FACTOR * FRAME_BYTES + CONTROL_QUEUE_BYTES)
      socket.terminate();
  }

  /** So much of a message came that is not whole. */
  #arrived(socket: Socket, bytes: number): void {
    const { data } = socket;
    const most = data.isSender ? FRAME_BYTES : CLIENT_CONTROL_BYTES;
    if (bytes > most + most / SPARE_PART + SPARE_BYTES) {
      this.fail(data.id, "bad-message", `a message longer than ${most} bytes`);
      return;
    }
    if (!data.isSender || bytes === 0) return;
    data.arriving ??= this.#memory.enter(
      {
        address: data.client.limitKey,
        room: () => socket.resume(),
        cut: () => this.fail(data.id, "too-many", NO_MEMORY),
      },
      "arriving",
    );
    const room = data.arriving.ask(Math.max(0, bytes - data.arriving.bytes));
    data.arriving.hold(bytes);
    if (room === "wait") socket.pause();
    else if (room === "full") this.fail(data.id, "too-many", NO_MEMORY);
  }

  #memoryOf({ data }: Socket): MemoryPlace {
    data.memory ??= this.#memory.enter(this.#holder(data.id));
    return data.memory;
  }

  #holder(id: SocketId): MemoryHolder {
    return {
      address: this.#open.get(id)?.data.client.limitKey,
      room: () => this.#drained(id),
      cut: () => this.fail(id, "stalled"),
    };
  }

  #wait(socket: Socket, bytes: Uint8Array): void {
    const waiting = (socket.data.waiting ??= []);
    waiting.push(bytes);
    const sum = waiting.reduce((total, { length }) => total + length, 0);
    if (sum > CONTROL_QUEUE_BYTES) socket.terminate();
  }

  /** A frame must not pass what Bun holds back. */
  #hold(id: SocketId): void {
    if (this.#held.size === 0) {
      setImmediate(() => {
        const held = [...this.#held];
        this.#held.clear();
        for (const each of held) if (this.#open.has(each)) this.#drained(each);
      });
    }
    this.#held.add(id);
  }

  #frameThrough(id: SocketId): void {
    const socket = this.#open.get(id);
    if (socket === undefined) return;
    const { waiting, closing } = socket.data;
    socket.data.waiting = undefined;
    for (const bytes of waiting ?? []) this.#give(socket, bytes);
    if (closing === undefined) this.#drained(id);
    else closeWith(socket, closing);
  }
}
