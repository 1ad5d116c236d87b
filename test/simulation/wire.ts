import { isFrame } from "../../protocol/mod.ts";
import type { Time } from "./clock.ts";

/** The way in one direction. */
export interface Way {
  /** ms */
  readonly latency: number;
  readonly msPerByte: number;
  /** Bytes that the kernels of both sides take before the writer's own memory fills. */
  readonly kernelBytes: number;
}

/** An item of a flow: bytes, or an end of the line. */
type Item = { readonly bytes: Uint8Array | undefined; readonly size: number };

/** Control messages count little beside frames, as on a real line, where frames are of 1 MiB. */
const CONTROL_SHRINK = 100;

function weight(bytes: Uint8Array): number {
  return isFrame(bytes) ? bytes.length : Math.ceil(bytes.length / CONTROL_SHRINK);
}

export interface FlowEnds {
  /** The reader gets a message; undefined: the writer closed the line. */
  deliver(bytes: Uint8Array | undefined): void;
  /** The writer learns that its own memory holds less than before. */
  drained(): void;
}

/**
 * One direction of a line: what was written and is not read yet, in order. The first `kernelBytes`
 * of it are in kernels and on the way, the rest is in the writer's memory.
 */
export class Flow {
  readonly #clock: Time;
  readonly #way: Way;
  readonly #ends: FlowEnds;
  /** Written and, as far as the writer knows, not read. */
  readonly #unread: Item[] = [];
  #unreadBytes = 0;
  readonly #arrived: Item[] = [];
  #lineFreeAt = 0;
  #broken = false;
  #paused = false;
  #busy = false;
  /** How long the reader takes for a message. ms */
  cost: (bytes: Uint8Array) => number = () => 0;

  constructor(clock: Time, way: Way, ends: FlowEnds) {
    this.#clock = clock;
    this.#way = way;
    this.#ends = ends;
  }

  /** Bytes in the writer's memory. */
  get buffered(): number {
    return Math.max(0, this.#unreadBytes - this.#way.kernelBytes);
  }

  /** Data in the writer's memory, even in part: frames, and bytes of control messages. */
  get queued(): { frames: number; controlBytes: number } {
    const queued = { frames: 0, controlBytes: 0 };
    let end = this.#unreadBytes;
    for (let at = this.#unread.length - 1; at >= 0 && end > this.#way.kernelBytes; at--) {
      const { bytes, size } = this.#unread[at]!;
      end -= size;
      if (bytes === undefined) continue;
      if (isFrame(bytes)) queued.frames++;
      else queued.controlBytes += bytes.length;
    }
    return queued;
  }

  /** Writes a message, or the end. */
  push(bytes: Uint8Array | undefined): void {
    const item: Item = { bytes, size: bytes === undefined ? 0 : weight(bytes) };
    this.#unread.push(item);
    this.#unreadBytes += item.size;
    if (this.#broken) return;
    const { latency, msPerByte } = this.#way;
    this.#lineFreeAt = Math.max(this.#lineFreeAt, this.#clock.now) + item.size * msPerByte;
    this.#clock.after(this.#lineFreeAt + latency - this.#clock.now, () => {
      if (this.#broken) return;
      this.#arrived.push(item);
      this.#read();
    });
  }

  /** Nothing arrives from now on, and the writer does not notice. */
  break(): void {
    this.#broken = true;
    this.#arrived.length = 0;
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#read();
  }

  #read(): void {
    while (!this.#paused && !this.#busy) {
      const item = this.#arrived[0];
      if (item === undefined) return;
      const cost = item.bytes === undefined ? 0 : this.cost(item.bytes);
      if (cost === 0) {
        this.#arrived.shift();
        this.#handOver(item);
        continue;
      }
      this.#busy = true;
      this.#clock.after(cost, () => {
        this.#busy = false;
        if (this.#arrived[0] !== item) return;
        this.#arrived.shift();
        this.#handOver(item);
        this.#read();
      });
    }
  }

  #handOver({ bytes, size }: Item): void {
    this.#clock.after(this.#way.latency, () => {
      if (this.#broken) return;
      const before = this.buffered;
      this.#unread.shift();
      this.#unreadBytes -= size;
      if (this.buffered < before) this.#ends.drained();
    });
    this.#ends.deliver(bytes);
  }
}

export interface ClientEnd {
  opened(wire: Wire): void;
  received(wire: Wire, bytes: Uint8Array): void;
  closed(wire: Wire): void;
}

export interface RelayEnd {
  received(wire: Wire, bytes: Uint8Array): void;
  drained(wire: Wire): void;
  closed(wire: Wire): void;
}

/** One line between a client and a worker of the relay. */
export class Wire {
  readonly id: number;
  /** The relay closed it because its receiver stalled. */
  stalled = false;
  readonly up: Flow;
  readonly down: Flow;
  readonly #clock: Time;
  #client: ClientEnd | undefined;
  #relay: RelayEnd | undefined;
  #opened = false;
  /** The client ended it before the relay took it. */
  #isOver = false;
  /** Messages that the relay sent right away. */
  readonly #early: Uint8Array[] = [];

  constructor(id: number, clock: Time, ways: { up: Way; down: Way }, client: ClientEnd) {
    this.id = id;
    this.#clock = clock;
    this.#client = client;
    this.up = new Flow(clock, ways.up, {
      deliver: (bytes) => {
        if (bytes === undefined) this.relayLoses();
        else this.#relay?.received(this, bytes);
      },
      drained: () => undefined,
    });
    this.down = new Flow(clock, ways.down, {
      deliver: (bytes) => {
        if (bytes !== undefined) {
          // The answer to the upgrade comes before all else.
          if (this.#opened) this.#client?.received(this, bytes);
          else this.#early.push(bytes);
          return;
        }
        this.clientLoses();
        this.#clock.after(ways.up.latency, () => this.relayLoses());
      },
      drained: () => this.#relay?.drained(this),
    });
  }

  /** It was opened once; it may be lost by now. */
  get wasOpened(): boolean {
    return this.#opened;
  }

  get isOpen(): boolean {
    return this.#opened && this.#client !== undefined;
  }

  /** Neither end has it any more. */
  get isDone(): boolean {
    return this.#client === undefined && this.#isOver;
  }

  /** The relay took the line. */
  accepted(relay: RelayEnd, latency: number): void {
    this.#relay = relay;
    if (this.#isOver) this.#clock.after(0, () => this.relayLoses());
    this.#clock.after(latency, () => {
      if (this.#client === undefined) return;
      this.#opened = true;
      this.#client.opened(this);
      for (const bytes of this.#early.splice(0)) this.#client?.received(this, bytes);
    });
  }

  /** The client ends the line: what it wrote still arrives, nothing is told to it any more. */
  clientCloses(): void {
    this.#client = undefined;
    this.down.break();
    this.up.push(undefined);
  }

  /** The relay ends the line: what it wrote still arrives. */
  relayCloses(): void {
    this.down.push(undefined);
  }

  /** All that is on the way is lost; each side notices when it does. ms */
  cut(clientNotices: number, relayNotices: number): void {
    this.up.break();
    this.down.break();
    this.#clock.after(clientNotices, () => this.clientLoses());
    this.#clock.after(relayNotices, () => this.relayLoses());
  }

  clientLoses(): void {
    const client = this.#client;
    this.#client = undefined;
    client?.closed(this);
  }

  relayLoses(): void {
    const relay = this.#relay;
    this.#relay = undefined;
    this.#isOver = true;
    relay?.closed(this);
  }
}
