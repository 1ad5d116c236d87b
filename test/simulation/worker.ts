import {
  CONTROL_BYTES,
  CREDIT_MOST_RECORDS,
  decodeFrame,
  FAULTS,
  REASON_CHARACTERS,
  encodeControl,
  equalBytes,
  faultMessage,
  isFrame,
  isOfShare,
  toHex,
  type SocketFault,
  type Message,
} from "../../protocol/mod.ts";
import { CREDIT_BESIDE_RECORDS } from "../../relay/share/sender-wants.ts";
import { DEFAULT_LIMITS } from "../../relay/limits/operator-limits.ts";
import { CLOSE_MS, TICK_MS } from "../../relay/limits/limits.ts";
import { SENDER_QUEUE_BYTES } from "../../relay/share/home-share.ts";
import { READ_AHEAD_MOST_RECORDS } from "../../relay/share/read-ahead.ts";
import { nodePrimitives } from "../../protocol/crypto/crypto-node.ts";
import { Bundles, type BundledSockets } from "../../relay/net/bundles.ts";
import type { FromCluster, ToCluster } from "../../relay/cluster/messages.ts";
import { decodeFromOwner } from "../../relay/cluster/wire.ts";
import { LiveLimits } from "../../relay/limits/limits.ts";
import { Pauses } from "../../relay/net/pauses.ts";
import { Hub, type HubOptions } from "../../relay/share/hub.ts";
import type { GivenRecord, RecordPlace } from "../../relay/log/block-log.ts";
import type {
  FromDirectory,
  FromStoreBook,
  ToDirectory,
  ToStoreBook,
} from "../../relay/share/messages.ts";
import { SocketTopic, type SharedFrames, type TopicHost } from "../../relay/net/topics.ts";
import type { SendResult, SocketId, Topic } from "../../relay/share/outlet.ts";
import type { BlockPool } from "../../relay/log/block-pool.ts";

import { LocalSenders } from "./local-senders.ts";
import { SimPublisher, type SimSubscriber } from "./publisher.ts";
import type { Random } from "./random.ts";
import { SimUplinks, type ClusterSeat } from "./uplinks.ts";
import type { RelayEnd, Wire } from "./wire.ts";
import { Violation, type World } from "./world.ts";

/** Control messages that may wait behind a frame in a receiver's queue: an offer list and news. */
const CONTROL_ALLOWANCE_BYTES = 4096;
/** And in a sender's: news up to its limit, and the messages of one turn. */
const SENDER_ALLOWANCE_BYTES = SENDER_QUEUE_BYTES + CONTROL_BYTES;
/** Sockets that get a frame in one call: few, so that there are several calls. */
const SHARED_MOST = 3;

interface Socket extends SimSubscriber {
  readonly wire: Wire;
  /** A fault was told and the close is on its way, as in relay/worker/worker.ts. */
  closing: boolean;
  /** Another relay's. */
  readonly isEdge: boolean;
  /** It had an offer accepted. */
  sender: boolean;
  /** Its frames go out of the log itself, as by relay/net/sendfile.ts. */
  direct: boolean;
  /** The frame that is not wholly with the kernel, and where it lies as long as it was not copied. */
  rest: { readonly place: RecordPlace; readonly bytes: Uint8Array } | undefined;
  /** Something it was sent waits until its message is handled, as Bun does. */
  held: boolean;
}

export interface WorkerSettings {
  /** Part of the sockets whose frames go out of the log itself. */
  readonly direct: number;
  /** Topics publish, where the log itself does not send. */
  readonly publishes?: boolean;
  /** A receiver that others wait for may make no progress for so long. */
  readonly stallMs: number;
  /** Receivers that a share may have, unless as many as by default. */
  readonly receiversMost?: number | undefined;
}

/** One worker of the relay over simulated sockets; mirrors `start` and `Sockets` of relay/worker/worker.ts. */
/** Parties that can need records at once: the clients of a scenario, and the live lane of each worker. */
const PARTIES_MOST = 64;
/** Records that one sender may be asked for at once. */
const ASKED_MOST = CREDIT_MOST_RECORDS + CREDIT_BESIDE_RECORDS;

const STORE_LIFE_S = 7 * 24 * 60 * 60;

export class SimWorker implements BundledSockets, RelayEnd, TopicHost<Socket> {
  readonly id: number;
  readonly hub: Hub;
  readonly #world: World;
  readonly #random: Random;
  readonly #open = new Map<SocketId, Socket>();
  readonly #pool: BlockPool;
  readonly #settings: WorkerSettings;
  readonly publishes: boolean;
  /** Frames are small here. */
  readonly atOnceBytes = 0;
  readonly #publisher: SimPublisher;
  readonly #pauses: Pauses;
  readonly #locals: LocalSenders;
  readonly #uplinks: SimUplinks | undefined;
  readonly #seat: ClusterSeat | undefined;
  readonly #ids: Random | undefined;
  #topics = 0;
  #handling: SocketId | undefined;
  #dead = false;
  #numbers = 0;

  constructor(
    world: World,
    id: number,
    pool: BlockPool,
    toMain: (message: ToDirectory | ToStoreBook | ToCluster) => void,
    settings: WorkerSettings,
    seat?: ClusterSeat,
  ) {
    this.id = id;
    this.#world = world;
    this.#random = world.fork(`worker ${id}`);
    this.#pool = pool;
    this.#settings = settings;
    this.#ids = seat && world.fork(`ids of ${id}`);
    this.publishes = settings.publishes === true;
    this.#pauses = new Pauses(() => world.clock.now);
    this.#publisher = new SimPublisher(world, world.fork(`publisher ${id}`));
    const passBytesPerSecond = world.fork(`log ${id}`).pick([0, Infinity]);
    if (passBytesPerSecond === 0) world.count("worker that drops records");
    this.hub = new Hub({
      worker: id,
      pool,
      outlet: new Bundles(this),
      primitives: { ...nodePrimitives, randomBytes: (length) => this.#numbered(length) },
      toDirectory: toMain,
      ...this.#storing(toMain),
      ...(seat && {
        lookers: { count: 1, tell: toMain },
        cluster: {
          secret: seat.secret,
          me: seat.relay,
          through: (channel, owner, level) => {
            toMain({ t: "through", worker: id, channel, owner, level });
          },
          welcomed: () => undefined,
          carrier: {
            forward: () => {
              throw new Error("no relay here stores a share");
            },
          },
        },
      }),
      stallMs: settings.stallMs,
      passBytesPerSecond,
      ...(settings.receiversMost !== undefined && {
        limits: new LiveLimits({
          ...DEFAULT_LIMITS,
          "receivers-per-share": settings.receiversMost,
        }),
      }),
    });
    this.#seat = seat;
    this.#locals = new LocalSenders(this.hub, world.clock, (bytes) => this.#noteKept(bytes));
    this.#uplinks = seat && new SimUplinks(world, id, seat, this.#locals, toMain);
    this.#tick();
  }

  #storing(
    toStoreBook: (message: ToStoreBook) => void,
  ): Pick<HubOptions, "toStoreBook" | "lookers" | "openRecords" | "mayStore"> {
    const { store } = this.#world;
    if (store === undefined) return {};
    const terms = { life: STORE_LIFE_S, bytes: Number.MAX_SAFE_INTEGER };
    return {
      toStoreBook,
      lookers: { count: 1, tell: toStoreBook },
      openRecords: store.openerFor(this),
      mayStore: () => terms,
    };
  }

  /** No session has the id of another one. */
  #numbered(length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    new DataView(bytes.buffer).setUint32(0, ++this.#numbers);
    bytes[4] = this.id;
    // Nor one of another relay.
    if (this.#ids !== undefined) bytes.set(this.#ids.bytes(Math.min(4, length - 5)), 5);
    return bytes;
  }

  isClosing(id: SocketId): boolean {
    return this.#open.get(id)?.closing === true;
  }

  /** The thread ends, and all sockets with it. @param noticedMs so late the other sides see it at most */
  die(noticedMs = 50): void {
    this.#dead = true;
    this.#world.store?.workerDied(this);
    this.#locals.die();
    this.#uplinks?.die(noticedMs);
    for (const { wire } of this.#open.values()) {
      wire.cut(this.#random.real(0, noticedMs), 0);
    }
  }

  #tick(): void {
    this.#world.clock.after(this.#world.tickMs ?? TICK_MS, () => {
      if (this.#dead) return;
      this.#pauses.tick();
      this.hub.tick(this.#world.clock.now);
      this.#uplinks?.tick();
      // At any time, since few receivers seldom hold up as many blocks as it takes.
      if (this.#pool.isHeldUp || this.#random.chance(0.5)) {
        for (const socket of this.#open.values()) this.#copyRest(socket);
      }
      this.check();
      this.#tick();
    });
  }

  directory(message: FromDirectory): void {
    if (!this.#dead) this.hub.directory(message, this.#world.clock.now);
  }

  storeBook(message: FromStoreBook): void {
    if (!this.#dead) this.hub.storeBook(message, this.#world.clock.now);
  }

  cluster(message: FromCluster): void {
    if (!this.#dead) this.#uplinks?.handle(message);
  }

  // Sockets: from the wires

  opened(wire: Wire, isEdge = false): void {
    this.#open.set(wire.id, {
      ...this.#publisher.subscriber(wire),
      wire,
      isEdge,
      closing: false,
      sender: false,
      direct: false,
      rest: undefined,
      held: false,
    });
    if (isEdge) this.hub.edgeOpened(wire.id, this.#world.clock.now);
    else this.hub.opened(wire.id, this.#world.clock.now);
  }

  /** A relay that stands still finds it when it goes on. */
  #run(task: () => void): void {
    const { run } = this.#world;
    if (run === undefined) task();
    else run(task);
  }

  received(wire: Wire, bytes: Uint8Array): void {
    this.#run(() => this.#received(wire, bytes));
  }

  drained(wire: Wire): void {
    this.#run(() => this.#drained(wire));
  }

  closed(wire: Wire): void {
    this.#run(() => this.#closed(wire));
  }

  #received(wire: Wire, bytes: Uint8Array): void {
    if (this.#dead || this.#open.get(wire.id)?.closing !== false) return;
    // Bun reuses the memory of a message after its handler.
    const lent = bytes.slice();
    this.#handling = wire.id;
    this.hub.message(wire.id, lent, this.#world.clock.now);
    this.#handling = undefined;
    if (isFrame(bytes)) this.#noteKept(bytes, this.#seat?.wrote);
    lent.fill(0xaa);
  }

  /** Of a share that can't be read again, what the log has must not be asked again. */
  #noteKept(bytes: Uint8Array, wrote?: (key: string) => void): void {
    const { tag, index } = decodeFrame(bytes);
    for (const { record, home } of this.hub.shares) {
      const { share, seekable } = record.offer;
      if (wrote !== undefined && isOfShare(tag, share)) wrote(record.key);
      if (seekable || !isOfShare(tag, share) || home.origin?.log.has(index) !== true) continue;
      this.#world.streams.kept(record.key, index);
    }
  }

  #drained(wire: Wire): void {
    if (this.#dead) return;
    const socket = this.#open.get(wire.id);
    if (socket !== undefined && wire.down.buffered === 0) this.#letGo(socket);
    if (socket?.closing !== false) return;
    if (this.#world.faulty && this.#random.chance(this.#world.chances.lostDrain)) {
      this.#world.count("lost drain");
      return;
    }
    this.hub.drained(wire.id, this.#world.clock.now);
    if (wire.down.buffered === 0) this.#pauses.takesMore(wire.id);
  }

  #closed(wire: Wire): void {
    if (this.#dead) return;
    this.#world.trace(() => `worker ${this.id}: line ${wire.id} closed`);
    const socket = this.#open.get(wire.id);
    if (socket !== undefined) this.#letGo(socket);
    this.#open.delete(wire.id);
    this.#pauses.closed(wire.up);
    this.#pauses.takesMore(wire.id);
    this.hub.closed(wire.id, this.#world.clock.now);
  }

  // Outlet: from the logic

  noPing(id: SocketId): void {
    const socket = this.#open.get(id);
    if (socket !== undefined) socket.direct = this.#random.chance(this.#settings.direct);
  }

  buffered(id: SocketId): number {
    const socket = this.#open.get(id);
    if (socket === undefined) return 0;
    return socket.wire.down.buffered + (socket.held ? 1 : 0);
  }

  newTopic(): Topic {
    const frames: SharedFrames<Socket> = {
      view: ({ block, offset, length }) => this.#pool.view(block, offset, length),
      fits: (_socket, _place, others) => others < SHARED_MOST,
      noteGiven: () => undefined,
    };
    return new SocketTopic(`${++this.#topics}`, this, frames);
  }

  shared(id: SocketId): Socket | undefined {
    const socket = this.#open.get(id);
    if (socket === undefined || socket.closing || socket.direct) return undefined;
    return id === this.#handling || this.buffered(id) > 0 ? undefined : socket;
  }

  noteGiven(socket: Socket, message: Message): void {
    if (message.t === "offers") this.#world.store?.offered(message);
    this.#world.trace(() => `worker ${this.id} -> line ${socket.wire.id}: ${describe(message)}`);
  }

  sendFrame(id: SocketId, place: GivenRecord): SendResult {
    const socket = this.#open.get(id);
    if (socket === undefined || socket.closing) return "refused";
    if (this.#world.faulty && this.#random.chance(this.#world.chances.lostFrame)) {
      this.#world.count("lost frame");
      this.#world.trace(() => `worker ${this.id}: frame lost for line ${id}`);
      return "sent";
    }
    const bytes = this.#pool.view(place.block, place.offset, place.length).slice();
    if (place.memory !== undefined) {
      this.#world.count("frame given from memory");
      if (!equalBytes(place.memory, bytes)) throw new Violation("memory and log differ");
    }
    const result = this.#push(socket, bytes);
    if (result === "queued" && socket.direct) this.#holdRest(socket, place, bytes);
    return result;
  }

  passFrame(id: SocketId, frame: Uint8Array, keep: () => RecordPlace | undefined): SendResult {
    const socket = this.#open.get(id);
    if (socket?.direct !== true || socket.closing) return "refused";
    if (this.#world.faulty && this.#random.chance(this.#world.chances.lostFrame)) {
      this.#world.count("lost frame");
      return "sent";
    }
    const bytes = frame.slice();
    const result = this.#push(socket, bytes);
    this.#world.count("frame passed");
    if (result !== "queued") return result;
    const place = keep();
    if (place === undefined) {
      this.#world.clock.after(0, () => socket.wire.relayLoses());
      return "queued";
    }
    this.#holdRest(socket, place, bytes);
    return "queued";
  }

  paceBy(id: SocketId): void {
    const socket = this.#open.get(id);
    const sender = this.#handling === undefined ? undefined : this.#open.get(this.#handling);
    if (socket?.direct !== true || socket.wire.down.buffered === 0 || sender === undefined) return;
    this.#world.count("sender held back");
    this.#pauses.holdBack(sender.wire.up, id);
  }

  #holdRest(socket: Socket, place: RecordPlace, bytes: Uint8Array): void {
    this.#world.count("frame held in the log");
    if (!this.#pool.pin(place.block, place.generation)) {
      throw new Violation(`block ${place.block} sent from without right`);
    }
    socket.rest = { place, bytes };
  }

  /** The kernel has all of the frame: it must have been the same all the time. */
  #letGo(socket: Socket): void {
    const { rest } = socket;
    if (rest === undefined) return;
    const { place, bytes } = rest;
    const now = this.#pool.view(place.block, place.offset, place.length);
    if (!equalBytes(now, bytes)) throw new Violation(`block ${place.block} changed while sent`);
    this.#pool.unpin(place.block);
    socket.rest = undefined;
  }

  /** Of a frame whose block the log gave back, as relay/net/sendfile.ts. */
  #copyRest(socket: Socket): void {
    if (socket.rest === undefined) return;
    const { block, generation } = socket.rest.place;
    if (this.#pool.generation(block) === generation) return;
    this.#world.count("rest copied");
    this.#letGo(socket);
  }

  #hold(socket: Socket): void {
    if (!socket.direct || this.#handling !== socket.wire.id || socket.held) return;
    socket.held = true;
    this.#world.clock.after(0, () => {
      socket.held = false;
      if (this.#dead || socket.closing || !this.#open.has(socket.wire.id)) return;
      this.hub.drained(socket.wire.id, this.#world.clock.now);
    });
  }

  sendToEdge(id: SocketId, bytes: Uint8Array): void {
    const socket = this.#open.get(id);
    if (socket === undefined || socket.closing) return;
    this.#world.trace(
      () => `worker ${this.id} -> edge ${id}: ${describe(decodeFromOwner(bytes) as Message)}`,
    );
    this.#push(socket, bytes);
  }

  send(id: SocketId, message: Message): void {
    if (id < 0) {
      this.#world.trace(() => `worker ${this.id} -> uplink ${id}: ${describe(message)}`);
      if (message.t === "want") {
        this.#world.streams.wanted(toHex(message.share), message.first, message.count);
      }
      this.#locals.send(id, message);
      return;
    }
    const socket = this.#open.get(id);
    if (socket === undefined || socket.closing) return;
    this.#world.trace(() => `worker ${this.id} -> line ${id}: ${describe(message)}`);
    if (message.t === "accepted") socket.sender = true;
    if (message.t === "accepted") this.#world.streams.accepted(toHex(message.share));
    if (message.t === "want") {
      const { store, streams } = this.#world;
      (store ?? streams).wanted(toHex(message.share), message.first, message.count);
    }
    if (message.t === "cancel" && message.reason === "too-late") this.#world.count("too late");
    this.sendPacked(id, message, encodeControl(message));
  }

  sendPacked(id: SocketId, message: Message, bytes: Uint8Array): void {
    const socket = this.#open.get(id);
    if (socket === undefined || socket.closing) return;
    if (message.t === "offers") this.#world.store?.offered(message);
    this.#hold(socket);
    this.#push(socket, bytes);
  }

  fail(id: SocketId, code: SocketFault, detail?: string): void {
    if (id < 0) {
      this.#locals.fail(id, code, detail);
      return;
    }
    const socket = this.#open.get(id);
    if (socket === undefined || socket.closing) return;
    if (code === "stalled") {
      this.#world.count("stalled");
      socket.wire.stalled = true;
    }
    const message = (detail ?? faultMessage(code)).slice(0, REASON_CHARACTERS);
    this.send(id, { t: "fault", code, message, retry: FAULTS[code].retry });
    socket.closing = true;
    socket.wire.relayCloses();
    // The relay cuts off a client that does not take even the close.
    this.#world.clock.after(CLOSE_MS, () => socket.wire.relayLoses());
  }

  failAll(code: SocketFault): void {
    for (const id of this.#open.keys()) this.fail(id, code);
  }

  #push(socket: Socket, bytes: Uint8Array): SendResult {
    const { wire, sender, isEdge } = socket;
    const { down } = wire;
    // Of a relay that stood still, before it hears that the kernel took it.
    if (down.buffered === 0) this.#letGo(socket);
    socket.flush();
    down.push(bytes.slice());
    if (isFrame(bytes)) {
      this.#world.trace(() => `worker ${this.id} -> line ${wire.id}: frame ${bytes[7]}`);
    }
    if (down.buffered === 0) return "sent";
    const { frames, controlBytes } = down.queued;
    if (frames > 1) throw new Violation(`${frames} frames queued for line ${wire.id}`);
    if (!isEdge && controlBytes > (sender ? SENDER_ALLOWANCE_BYTES : CONTROL_ALLOWANCE_BYTES)) {
      throw new Violation(`${controlBytes} bytes of control messages queued for line ${wire.id}`);
    }
    return "queued";
  }

  /** Frames that keep their places in the log. */
  get framesOnTheirWay(): number {
    return [...this.#open.values()].filter(({ rest }) => rest !== undefined).length;
  }

  // Invariants that hold at all times

  check(): void {
    for (const share of this.hub.shares) {
      const { records } = share.record.offer;
      const pending = share.home.origin?.pending;
      if (pending !== undefined) {
        const { outstanding, queued } = pending;
        if (
          outstanding > ASKED_MOST ||
          queued > PARTIES_MOST * Math.min(records, READ_AHEAD_MOST_RECORDS)
        ) {
          throw new Violation(`${outstanding} records asked and ${queued} queued of ${records}`);
        }
      }
      const { live, waiting } = share.fanout.lanes;
      if (live + waiting > share.fanout.attached) {
        throw new Violation(`${live} live, ${waiting} waiting of ${share.fanout.attached}`);
      }
    }
  }
}

/** A message on one line of a trace. */
export function describe(message: Message): string {
  return JSON.stringify(message, (_key, value: unknown) =>
    value instanceof Uint8Array ? toHex(value.subarray(0, 3)) : value,
  );
}
