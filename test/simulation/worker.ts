import {
  CONTROL_BYTES,
  FAULTS,
  REASON_CHARACTERS,
  SENDER_QUEUE_BYTES,
  TICK_MS,
  encodeControl,
  faultMessage,
  isFrame,
  toHex,
  type FaultCode,
  type Message,
} from "../../protocol/mod.ts";
import { nodePrimitives } from "../../protocol/crypto-node.ts";
import { Hub } from "../../relay/hub.ts";
import type { FromDirectory, ToDirectory } from "../../relay/messages.ts";
import type { Outlet, SendResult, SocketId } from "../../relay/outlet.ts";
import type { BlockPool } from "../../relay/pool.ts";

import type { Random } from "./random.ts";
import type { RelayEnd, Wire } from "./wire.ts";
import { Violation, type World } from "./world.ts";

/** Control messages that may wait behind a frame in a receiver's queue: an offer list and news. */
const CONTROL_ALLOWANCE_BYTES = 4096;
/** And in a sender's: news up to its limit, and the messages of one turn. */
const SENDER_ALLOWANCE_BYTES = SENDER_QUEUE_BYTES + CONTROL_BYTES;

interface Socket {
  readonly wire: Wire;
  /** A fault was told and the close is on its way, as in relay/worker.ts. */
  closing: boolean;
  /** It had an offer accepted. */
  sender: boolean;
}

export interface WorkerSettings {
  readonly publishMinBytes: number;
}

/** One worker of the relay over simulated sockets; mirrors `start` and `Sockets` of relay/worker.ts. */
export class SimWorker implements Outlet, RelayEnd {
  readonly id: number;
  readonly hub: Hub;
  readonly #world: World;
  readonly #random: Random;
  readonly #open = new Map<SocketId, Socket>();
  readonly #topics = new Map<string, Set<SocketId>>();
  #dead = false;

  constructor(
    world: World,
    id: number,
    pool: BlockPool,
    toDirectory: (message: ToDirectory) => void,
    settings: WorkerSettings,
  ) {
    this.id = id;
    this.#world = world;
    this.#random = world.fork(`worker ${id}`);
    this.hub = new Hub({
      worker: id,
      pool,
      outlet: this,
      primitives: { ...nodePrimitives, randomBytes: (length) => new Uint8Array(length) },
      toDirectory,
      publishMinBytes: settings.publishMinBytes,
    });
    this.#tick();
  }

  /** The thread ends, and all sockets with it. */
  die(): void {
    this.#dead = true;
    for (const { wire } of this.#open.values()) {
      wire.cut(this.#random.real(0, 50), 0);
    }
  }

  #tick(): void {
    this.#world.clock.after(TICK_MS, () => {
      if (this.#dead) return;
      this.hub.tick(this.#world.clock.now);
      this.check();
      this.#tick();
    });
  }

  directory(message: FromDirectory): void {
    if (!this.#dead) this.hub.directory(message, this.#world.clock.now);
  }

  // Sockets: from the wires

  opened(wire: Wire): void {
    this.#open.set(wire.id, { wire, closing: false, sender: false });
    this.hub.opened(wire.id, this.#world.clock.now);
  }

  received(wire: Wire, bytes: Uint8Array): void {
    if (this.#dead || this.#open.get(wire.id)?.closing !== false) return;
    // Bun reuses the memory of a message after its handler.
    const lent = bytes.slice();
    this.hub.message(wire.id, lent, this.#world.clock.now);
    lent.fill(0xaa);
  }

  drained(wire: Wire): void {
    if (this.#dead || this.#open.get(wire.id)?.closing !== false) return;
    if (this.#world.faulty && this.#random.chance(this.#world.chances.lostDrain)) {
      this.#world.count("lost drain");
      return;
    }
    this.hub.drained(wire.id, this.#world.clock.now);
  }

  closed(wire: Wire): void {
    if (this.#dead) return;
    this.#world.trace(() => `worker ${this.id}: line ${wire.id} closed`);
    this.#open.delete(wire.id);
    for (const subscribers of this.#topics.values()) subscribers.delete(wire.id);
    this.hub.closed(wire.id, this.#world.clock.now);
  }

  // Outlet: from the logic

  buffered(id: SocketId): number {
    return this.#open.get(id)?.wire.down.buffered ?? 0;
  }

  sendFrame(id: SocketId, frame: Uint8Array): SendResult {
    const socket = this.#open.get(id);
    if (socket === undefined || socket.closing) return "refused";
    return this.#push(socket, frame);
  }

  publish(topic: string, frame: Uint8Array): void {
    this.#world.count("published");
    for (const id of this.#topics.get(topic) ?? []) {
      const socket = this.#open.get(id);
      if (socket === undefined || socket.closing) continue;
      if (this.#world.faulty && this.#random.chance(this.#world.chances.lostPublish)) {
        this.#world.count("lost publish");
        this.#world.trace(() => `worker ${this.id}: publish lost for line ${id}`);
        continue;
      }
      this.#push(socket, frame);
    }
  }

  subscribe(id: SocketId, topic: string): void {
    this.#world.count("lane switches");
    const subscribers = this.#topics.get(topic) ?? new Set();
    this.#topics.set(topic, subscribers.add(id));
  }

  unsubscribe(id: SocketId, topic: string): void {
    this.#world.count("lane switches");
    this.#topics.get(topic)?.delete(id);
  }

  send(id: SocketId, message: Message): void {
    const socket = this.#open.get(id);
    if (socket === undefined || socket.closing) return;
    this.#world.trace(() => `worker ${this.id} -> line ${id}: ${describe(message)}`);
    if (message.t === "accepted") socket.sender = true;
    this.#push(socket, encodeControl(message));
  }

  fail(id: SocketId, code: FaultCode, detail?: string): void {
    const socket = this.#open.get(id);
    if (socket === undefined || socket.closing) return;
    const message = (detail ?? faultMessage(code)).slice(0, REASON_CHARACTERS);
    this.send(id, { t: "fault", code, message, retry: FAULTS[code].retry });
    socket.closing = true;
    socket.wire.relayCloses();
  }

  failAll(code: FaultCode): void {
    for (const id of this.#open.keys()) this.fail(id, code);
  }

  #push({ wire, sender }: Socket, bytes: Uint8Array): SendResult {
    const { down } = wire;
    down.push(bytes.slice());
    if (isFrame(bytes)) {
      this.#world.trace(() => `worker ${this.id} -> line ${wire.id}: frame ${bytes[7]}`);
    }
    if (down.buffered === 0) return "sent";
    const { frames, controlBytes } = down.queued;
    if (frames > 1) throw new Violation(`${frames} frames queued for line ${wire.id}`);
    if (controlBytes > (sender ? SENDER_ALLOWANCE_BYTES : CONTROL_ALLOWANCE_BYTES)) {
      throw new Violation(`${controlBytes} bytes of control messages queued for line ${wire.id}`);
    }
    return "queued";
  }

  // What must hold at all times

  check(): void {
    for (const share of this.hub.shares) {
      const { records } = share.record.offer;
      const pending = share.origin?.pending;
      if (pending !== undefined) {
        const { outstanding, queued } = pending;
        if (outstanding > 16 || queued > records) {
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
