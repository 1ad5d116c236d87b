/**
 * The WebSockets of the protocol on one worker. `worker/socket-events.ts` passes Bun's events on to it; the hub sends through
 * it, by way of `ClientRouter`. Bun's return values become results of `Outlet` here and only here.
 */
import {
  CLIENT_CONTROL_BYTES,
  CONTROL_BYTES,
  FRAME_BYTES,
  ADMISSIONS_PER_SHARE,
  encodeControl,
  type Message,
  socketFault,
  type SocketFault,
  type Role,
} from "../../protocol/mod.ts";

import type { Grant } from "../access/authorizer.ts";
import type { ClientAddress } from "../access/client-address.ts";
import type { ForwardedClient } from "../cluster/wire.ts";
import { CLOSE_MS } from "../limits/limits.ts";
import type { RelayLimitName } from "../limits/operator-limits.ts";
import type { MemoryBudget, MemoryHolder } from "../limits/memory-budget.ts";
import { answersTo } from "../limits/message-budget.ts";
import type { GivenRecord, RecordPlace } from "../log/block-log.ts";
import type { BlockPool } from "../log/block-pool.ts";
import { FileStore } from "../log/store.ts";
import type { Outlet, SendResult, SocketId, Topic } from "../share/outlet.ts";
import { BUN_FACTOR, CopiedFrames } from "./copied-frames.ts";
import { closeWith } from "./refusal.ts";
import { FdMatcher } from "./fd-matcher.ts";
import { TcpMemory } from "../system/tcp-memory.ts";
import { Line, type LineOptions, type RemoteEnd } from "./line.ts";
import { Pauses } from "./pauses.ts";
import { TOKEN_OVER, type DisconnectReason } from "./peer.ts";
import { DirectSender, type Kernel } from "./sendfile.ts";
import {
  earnAnswer,
  newSocketData,
  type Publisher,
  type Socket,
  type SocketData,
} from "./socket.ts";
import { SocketTopic, type TopicHost } from "./topics.ts";

/** Bytes of control messages to one socket that wait until a frame is through. */
const CONTROL_QUEUE_BYTES = 256 * 1024;
/** Sockets of one worker over a limit that are let in to be told so; more get an HTTP status alone. */
const TURNED_AWAY = 100;
/** Bytes that TLS and fragments may add to a message: so many, and one of so many. */
const SPARE_BYTES = 1024;
const SPARE_PART = 16;
/** Of Bun (uWebSockets): the size of its cork buffer. */
const AT_ONCE_BYTES = 16 * 1024;
/**
 * Of one line of another relay: 10,000 receivers that end at once are two messages each, which fit into the burst. Frames
 * that it was given earn their answers beside that.
 */
export const EDGE_MESSAGES_PER_SECOND = 2500;
const NO_MEMORY = "too many wait for the relay's memory";

export interface SocketsOptions extends LineOptions {
  readonly pool: BlockPool;
  /** Sends frames from the log's file; undefined: Bun sends them. */
  readonly native: Kernel | undefined;
  /** Bun encrypts what it sends. */
  readonly isSecure: boolean;
  /** Holds what waits for sockets. */
  readonly memory: MemoryBudget;
  /** The kernel has all that was queued for this socket. */
  readonly drained: (id: SocketId) => void;
  /** A fault is told to a socket; once for each. */
  readonly failed?: (data: SocketData, code: SocketFault, detail: string | undefined) => void;
}

export class Sockets implements Outlet, TopicHost<Socket> {
  readonly #options: SocketsOptions;
  readonly #direct: DirectSender | undefined;
  readonly #fdMatcher: FdMatcher | undefined;
  readonly #copied: CopiedFrames;
  readonly #pauses: Pauses;
  readonly #tcpMemory = new TcpMemory();
  #topics = 0;
  readonly #open = new Map<SocketId, Socket>();
  /** The socket whose message is being handled: until that is over, Bun holds back what it is sent. */
  #handling: SocketId | undefined;
  /** Sockets for which Bun holds something back. */
  readonly #held = new Set<SocketId>();
  /** Sockets that are only told why they can't stay. */
  readonly #turnedAway = new Set<SocketId>();
  /** Sockets since the start. */
  openedEver = 0;
  #nextId: SocketId = 1;

  constructor(options: SocketsOptions) {
    this.#options = options;
    const { pool, native, clock, memory } = options;
    this.#pauses = new Pauses(clock);
    this.#copied = new CopiedFrames({
      pool,
      memory,
      holder: (id) => this.#holder(id),
      full: (id) => this.fail(id, "too-many", NO_MEMORY),
    });
    const { store } = pool;
    if (native === undefined || !(store instanceof FileStore)) return;
    this.#direct = new DirectSender({
      native,
      pool,
      store,
      clock,
      tcpUsed: () => this.#tcpMemory.used,
      enter: (id, kind) => memory.enter(this.#holder(id), kind),
      events: {
        drained: (id) => this.#frameThrough(id),
        turn: (id) => {
          if (!this.isClosing(id)) this.#options.drained(id);
        },
        failed: (id) => this.#open.get(id)?.terminate(),
      },
    });
    this.#fdMatcher = new FdMatcher(this.#direct);
  }

  /** Whether another may be told why it can't stay. In a flood only some are. */
  get canTurnAway(): boolean {
    return this.#turnedAway.size < TURNED_AWAY;
  }

  /** For a request that is about to become a socket. */
  dataFor(client: ClientAddress, remote: RemoteEnd | null, publisher?: Publisher): SocketData {
    return this.#dataFor(client, remote, publisher, false);
  }

  /** Likewise at the port of other relays. */
  edgeDataFor(client: ClientAddress, remote: RemoteEnd | null): SocketData {
    return this.#dataFor(client, remote, undefined, true);
  }

  #dataFor(
    client: ClientAddress,
    remote: RemoteEnd | null,
    publisher: Publisher | undefined,
    isEdge: boolean,
  ): SocketData {
    const id = this.#nextId++;
    return newSocketData({
      id,
      client,
      line: new Line(this.#options, client, remote, isEdge),
      publisher,
      isEdge,
      tick: () => this.#tick(id),
      disconnect: (reason) => this.#disconnect(id, reason),
    });
  }

  dataOf(id: SocketId): SocketData | undefined {
    return this.#open.get(id)?.data;
  }

  // Events of Bun

  /** @returns whether it stays */
  opened(socket: Socket): boolean {
    const { data } = socket;
    const { id, turnedAway } = data;
    this.#open.set(id, socket);
    if (!data.isEdge) this.openedEver++;
    data.line.watch(!data.isEdge, (bytes) => this.#arrived(socket, bytes));
    if (turnedAway === undefined) return true;
    this.#turnedAway.add(id);
    this.fail(id, socketFault(turnedAway.code), turnedAway.detail, turnedAway.after);
    return false;
  }

  /** Its hello was granted; a sender may send frames from now on. */
  admitted(data: SocketData, role: Role, grant: Grant): void {
    data.grant = grant;
    data.role = role;
    if (role === "sender") data.line.widen();
  }

  /** Another relay proved itself. @param client the sender that it carries, if so */
  welcomed(data: SocketData, client: ForwardedClient | undefined): void {
    data.role = client === undefined ? "receiver" : "sender";
    if (client === undefined) return;
    const { address } = client;
    data.client = { ...data.client, address: address ?? data.client.address, limitKey: address };
  }

  /** A ping or a pong came. */
  signOfLife(socket: Socket, length: number): void {
    socket.data.line.control(length);
    this.#mayTalk(socket.data);
  }

  #mayTalk({ id, line, closing, main, isEdge, role }: SocketData): boolean {
    if (closing !== undefined) return false;
    if (isEdge && role !== "stranger") {
      if (line.allows(EDGE_MESSAGES_PER_SECOND)) return true;
      this.fail(id, "too-fast", `more than ${EDGE_MESSAGES_PER_SECOND} messages per second`);
      return false;
    }
    if ((main?.line ?? line).allows()) return true;
    this.#refuse(id, "messages-per-second");
    return false;
  }

  /** A whole message came. Runs `handling` if the client may talk. */
  handle(socket: Socket, length: number, handling: (id: SocketId) => void): void {
    socket.data.line.message(length);
    socket.data.arriving?.hold(0);
    if (!this.#mayTalk(socket.data)) return;
    this.#handling = socket.data.id;
    try {
      handling(socket.data.id);
    } finally {
      this.#handling = undefined;
    }
  }

  /** The kernel took some of the bytes that Bun had for this socket. */
  drained(socket: Socket): void {
    if (socket.getBufferedAmount() > 0) {
      this.#copied.refresh(socket);
      return;
    }
    const { id, closing, memory } = socket.data;
    memory?.hold(0);
    if (closing === undefined) this.#options.drained(id);
  }

  closed(socket: Socket): void {
    const { id } = socket.data;
    this.#open.delete(id);
    this.#held.delete(id);
    this.#turnedAway.delete(id);
    this.#fdMatcher?.leave(id);
    socket.data.memory?.leave();
    socket.data.arriving?.leave();
    socket.data.line.closed();
    this.#pauses.closed(socket);
    this.#pauses.takesMore(id);
    this.#direct?.detach(id);
  }

  // Outlet

  isClosing(id: SocketId): boolean {
    return this.#open.get(id)?.data.closing !== undefined;
  }

  /** @param further another connection of the client at `main` */
  belongs(further: SocketId, main: SocketId): void {
    const data = this.dataOf(further);
    if (data !== undefined) data.main = this.dataOf(main);
  }

  noPing(id: SocketId): void {
    const line = this.#open.get(id)?.data.line;
    line?.carriesMuch();
    const key = line?.key;
    if (key !== undefined) this.#fdMatcher?.match(id, key, this.#options.clock());
  }

  buffered(id: SocketId): number {
    const socket = this.#open.get(id);
    if (socket === undefined) return 0;
    const held = this.#held.has(id) ? 1 : 0;
    return socket.getBufferedAmount() + (this.#direct?.left(id) ?? 0) + held;
  }

  holdsBack(id: SocketId): boolean {
    return this.#direct?.isWaiting(id) === true;
  }

  sendFrame(id: SocketId, place: GivenRecord): SendResult {
    const socket = this.#open.get(id);
    if (socket === undefined || socket.data.closing !== undefined) return "refused";
    if (this.#fdMatcher?.isPending(id) === true) return "refused";
    const direct = this.#direct?.send(id, place);
    if (direct !== undefined) {
      if (direct !== "refused") earnAnswer(socket);
      return direct;
    }
    // While a message is handled, Bun takes each frame whole and does not report that it waits.
    if (id === this.#handling) {
      this.#hold(id);
      return "refused";
    }
    return this.#copied.send(socket, place);
  }

  passFrame(id: SocketId, frame: Uint8Array, keep: () => RecordPlace | undefined): SendResult {
    const socket = this.#open.get(id);
    if (socket === undefined || socket.data.closing !== undefined) return "refused";
    if (this.#fdMatcher?.isPending(id) === true) return "refused";
    const result = this.#direct?.pass(id, frame, keep) ?? "refused";
    if (result !== "refused") earnAnswer(socket);
    return result;
  }

  paceBy(id: SocketId): void {
    if (this.#handling === undefined || !this.#isFrameOnItsWay(id)) return;
    const sender = this.#open.get(this.#handling);
    if (sender !== undefined) this.#pauses.holdBack(sender, id);
  }

  hold(id: SocketId, isHeld: boolean): void {
    const socket = this.#open.get(id);
    if (socket === undefined) return;
    if (isHeld) this.#pauses.pause(socket, "relay");
    else this.#pauses.resume(socket, "relay");
  }

  newTopic(): Topic {
    return new SocketTopic(`${++this.#topics}`, this, this.#copied);
  }

  send(id: SocketId, message: Message): void {
    const socket = this.#open.get(id);
    if (socket === undefined || socket.data.closing !== undefined) return;
    const { data } = socket;
    if (message.t === "accepted" && !data.wasAccepted) {
      // A sender that comes back repeats its admissions, once for each connection.
      data.wasAccepted = true;
      data.line.earn(ADMISSIONS_PER_SHARE);
    }
    this.sendPacked(id, message, encodeControl(message));
  }

  sendToEdge(id: SocketId, message: Uint8Array): void {
    const socket = this.#open.get(id);
    if (socket !== undefined && socket.data.closing === undefined) this.#give(socket, message);
  }

  fail(id: SocketId, code: SocketFault, detail?: string, after?: number): void {
    const socket = this.#open.get(id);
    if (socket === undefined || socket.data.closing !== undefined) return;
    const closing = { code, detail, after, at: this.#options.clock() };
    socket.data.closing = closing;
    this.#options.failed?.(socket.data, code, detail);
    if (!this.#isFrameOnItsWay(id)) closeWith(socket, closing);
  }

  // Host of topics

  readonly atOnceBytes = AT_ONCE_BYTES;

  get publishes(): boolean {
    return this.#options.isSecure;
  }

  shared(id: SocketId): Socket | undefined {
    if (id === this.#handling || this.#held.has(id)) return undefined;
    if (this.#direct?.has(id) === true || this.#fdMatcher?.isPending(id) === true) return undefined;
    const socket = this.#open.get(id);
    if (socket?.data.publisher === undefined || socket.data.closing !== undefined) return undefined;
    return socket.getBufferedAmount() === 0 ? socket : undefined;
  }

  sendPacked(id: SocketId, message: Message, bytes: Uint8Array): void {
    const socket = this.#open.get(id);
    if (socket === undefined || socket.data.closing !== undefined) return;
    this.noteGiven(socket, message);
    this.#give(socket, bytes);
  }

  noteGiven({ data }: Socket, message: Message): void {
    data.line.earn(answersTo(message));
  }

  #disconnect(id: SocketId, reason: DisconnectReason): void {
    this.fail(id, reason, reason === "not-allowed" ? TOKEN_OVER : undefined);
  }

  /** Goes on with frames that the kernel took a part of, and with sockets that it did not find. */
  tick(): void {
    this.#pauses.tick();
    this.#direct?.tick();
    this.#fdMatcher?.tick(
      this.#options.clock(),
      (id) => this.buffered(id) > 0,
      this.#options.drained,
    );
  }

  #tick(id: SocketId): void {
    const socket = this.#open.get(id);
    if (socket === undefined) return;
    const { line, closing } = socket.data;
    if (closing !== undefined) {
      if (this.#options.clock() - closing.at >= CLOSE_MS) socket.terminate();
      return;
    }
    this.#copied.refresh(socket);
    const overdue = line.overdue(socket);
    if (overdue !== undefined) this.#refuse(id, overdue);
    else if (line.isPingDue && this.buffered(id) === 0) line.ping(socket);
  }

  #refuse(id: SocketId, name: RelayLimitName): void {
    const { code, detail, after } = this.#options.limits.over(name);
    this.fail(id, socketFault(code), detail, after);
  }

  /** Bytes that wait for sockets, over all of them, and of the one with most. */
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
    const memory = this.#copied.memoryOf(socket);
    memory.hold(memory.bytes + bytes.length);
    // It has stopped reading.
    if (sent === 0 || memory.bytes > BUN_FACTOR * FRAME_BYTES + CONTROL_QUEUE_BYTES)
      socket.terminate();
  }

  /** @param bytes that came of a message that is not whole */
  #arrived(socket: Socket, bytes: number): void {
    const { data } = socket;
    const isSender = data.role === "sender";
    const most = isSender ? FRAME_BYTES : data.isEdge ? CONTROL_BYTES : CLIENT_CONTROL_BYTES;
    if (bytes > most + most / SPARE_PART + SPARE_BYTES) {
      this.fail(data.id, "bad-message", `a message longer than ${most} bytes`);
      return;
    }
    if (!isSender || bytes === 0) return;
    data.arriving ??= this.#options.memory.enter(
      {
        address: data.client.limitKey,
        room: () => this.#pauses.resume(socket, "memory"),
        cut: () => this.fail(data.id, "too-many", NO_MEMORY),
      },
      "arriving",
    );
    const room = data.arriving.ask(Math.max(0, bytes - data.arriving.bytes));
    data.arriving.hold(bytes);
    if (room === "wait") this.#pauses.pause(socket, "memory");
    else if (room === "full") this.fail(data.id, "too-many", NO_MEMORY);
  }

  #holder(id: SocketId): MemoryHolder {
    return {
      address: this.#open.get(id)?.data.client.limitKey,
      room: () => this.#options.drained(id),
      cut: () => this.fail(id, "stalled"),
    };
  }

  #wait(socket: Socket, bytes: Uint8Array): void {
    const waiting = (socket.data.waiting ??= []);
    waiting.push(bytes);
    const sum = waiting.reduce((total, { length }) => total + length, 0);
    if (sum > CONTROL_QUEUE_BYTES) socket.terminate();
  }

  /** A frame must not overtake what Bun holds back. */
  #hold(id: SocketId): void {
    if (this.#held.size === 0) {
      setImmediate(() => {
        const held = [...this.#held];
        this.#held.clear();
        for (const each of held) if (this.#open.has(each)) this.#options.drained(each);
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
    if (closing === undefined) this.#options.drained(id);
    else closeWith(socket, closing);
    // The receiver may have got another frame, of the log, and catches up.
    if (!this.#isFrameOnItsWay(id)) this.#pauses.takesMore(id);
  }
}
