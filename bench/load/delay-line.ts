/**
 * A line with a delay and a rate between clients and a server: a TCP proxy in user space, for tests and the bench.
 *
 *   client --TCP--> [ queue -> rate -> delay ] --TCP--> server, and the same the other way
 *
 * Each direction is one pipe that all connections share, as a line is shared. Bytes leave its queue at the rate,
 * and arrive after the delay. Memory is bounded, so the ends feel the line: nothing more is read while the queue
 * holds QUEUE_MS of bytes, and nothing of a connection whose far end leaves STUCK_BYTES unread. So the line holds
 * rate times (delay + queue), and the stuck bytes of each connection. The kernels at both ends see a near peer:
 * the line shows what the windows of the programs do, and nothing of the kernel's windows or of losses.
 */
import type { Socket } from "bun";

/** Bytes that wait for the rate, as time: a router's queue, and enough that a timer of 1 ms wastes nothing. ms */
const QUEUE_MS = 20;
/** Least size of that queue. One read of Bun brings half of it at most. bytes */
const QUEUE_BYTES = 1024 ** 2;
/** Bytes of a connection that arrived and wait for its far end, beside those in the kernel. bytes */
const STUCK_BYTES = 1024 ** 2;
/** Bytes of one direction at most: twice the largest window of a receiver. It bounds a line without a rate. bytes */
const PIPE_BYTES = 256 * 1024 ** 2;

export interface DelayLineOptions {
  readonly host: string;
  readonly port: number;
  /** From one end to the other; there and back it is twice as long. ms */
  readonly oneWayMs: number;
  /** Of each direction, for all connections together; undefined: as fast as this machine. */
  readonly bytesPerSecond?: number | undefined;
}

type End = Socket<HalfOpen>;

/** One direction of one connection. */
interface HalfOpen {
  readonly pipe: Pipe;
  /** The other direction of the same connection. */
  other: HalfOpen | undefined;
  /** Where its bytes come from and go to. */
  from: End | undefined;
  to: End | undefined;
  /** Arrived, and not taken by the far end. */
  readonly stuck: Uint8Array[];
  stuckBytes: number;
  /** Read and not yet taken by the far end. */
  bytes: number;
  isPaused: boolean;
  /** Its near end is closed: the far end hears of it behind the bytes. */
  hasEnded: boolean;
}

interface OnTheWay {
  readonly half: HalfOpen;
  /** Undefined: the end of the connection. */
  readonly chunk: Uint8Array | undefined;
  readonly leavesAt: number;
}

/** One direction of the line, for all connections. */
class Pipe {
  readonly #oneWayMs: number;
  /** bytes per ms */
  readonly #rate: number;
  readonly #queueMs: number;
  /** In the order in which they arrive; those before `#head` are gone. */
  #onTheWay: OnTheWay[] = [];
  #head = 0;
  /** When the last byte that was read leaves the queue. */
  #leavesAt = 0;
  readonly #paused = new Set<HalfOpen>();
  #timer: NodeJS.Timeout | undefined;
  bytes = 0;
  most = 0;
  total = 0;

  constructor({ oneWayMs, bytesPerSecond = Infinity }: DelayLineOptions) {
    this.#oneWayMs = oneWayMs;
    this.#rate = bytesPerSecond / 1000;
    this.#queueMs = Math.max(QUEUE_MS, QUEUE_BYTES / this.#rate);
  }

  take(half: HalfOpen, chunk: Uint8Array | undefined): void {
    const now = performance.now();
    const length = chunk?.length ?? 0;
    half.bytes += length;
    this.bytes += length;
    this.total += length;
    this.most = Math.max(this.most, this.bytes);
    this.#leavesAt = Math.max(this.#leavesAt, now) + length / this.#rate;
    this.#onTheWay.push({ half, chunk, leavesAt: this.#leavesAt });
    if (this.#isFull(half, now)) this.#pause(half);
    this.#arrive(now);
  }

  /** The far end takes bytes again. */
  drained(half: HalfOpen): void {
    for (;;) {
      const chunk = half.stuck.shift();
      if (chunk === undefined) break;
      half.stuckBytes -= chunk.length;
      if (!this.#write(half, chunk)) break;
    }
    if (half.hasEnded && half.stuck.length === 0) half.to?.end();
    this.#resume(performance.now());
  }

  /** The connection is gone, with what was on its way. */
  forget(half: HalfOpen): void {
    this.#paused.delete(half);
    this.bytes -= half.bytes;
    half.bytes = 0;
    half.stuck.length = 0;
    half.stuckBytes = 0;
    this.#resume(performance.now());
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#onTheWay = [];
  }

  #isFull({ stuckBytes }: HalfOpen, now: number): boolean {
    const isQueueFull = this.#leavesAt - now >= this.#queueMs || this.bytes >= PIPE_BYTES;
    return isQueueFull || stuckBytes >= STUCK_BYTES;
  }

  #pause(half: HalfOpen): void {
    if (half.isPaused) return;
    half.isPaused = true;
    half.from?.pause();
    this.#paused.add(half);
  }

  /** The halves that waited longest go first, so that all have turns. */
  #resume(now: number): void {
    for (const half of this.#paused) {
      if (this.#isFull(half, now)) continue;
      this.#paused.delete(half);
      half.isPaused = false;
      half.from?.resume();
    }
  }

  #arrive(now: number): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (;;) {
      const next = this.#onTheWay[this.#head];
      if (next === undefined) break;
      if (next.leavesAt + this.#oneWayMs > now) {
        const ms = Math.max(1, next.leavesAt + this.#oneWayMs - now);
        // There is room in the queue before anything arrives.
        const within = this.#paused.size > 0 ? Math.min(ms, this.#queueMs / 4) : ms;
        this.#timer = setTimeout(() => this.#tick(), within);
        break;
      }
      this.#head++;
      this.#deliver(next);
    }
    // Not for each chunk: the array is long.
    if (this.#head > this.#onTheWay.length / 2) {
      this.#onTheWay.splice(0, this.#head);
      this.#head = 0;
    }
  }

  #tick(): void {
    const now = performance.now();
    this.#arrive(now);
    this.#resume(now);
  }

  #deliver({ half, chunk }: OnTheWay): void {
    if (half.to === undefined) return;
    if (chunk === undefined) {
      half.hasEnded = true;
      if (half.stuck.length === 0) half.to.end();
    } else if (half.stuck.length > 0) {
      half.stuck.push(chunk);
      half.stuckBytes += chunk.length;
    } else this.#write(half, chunk);
  }

  /** @returns whether the far end took all; a rest is the first that is stuck */
  #write(half: HalfOpen, chunk: Uint8Array): boolean {
    const taken = Math.max(0, half.to?.write(chunk) ?? 0);
    half.bytes -= taken;
    this.bytes -= taken;
    if (taken === chunk.length) return true;
    half.stuck.unshift(chunk.subarray(taken));
    half.stuckBytes += chunk.length - taken;
    return false;
  }
}

export class DelayLine implements Disposable {
  readonly #up: Pipe;
  readonly #down: Pipe;
  readonly #listener: Bun.TCPSocketListener<HalfOpen>;
  readonly #ends = new Set<End>();

  /** Takes connections at 127.0.0.1, at a free port. */
  constructor(options: DelayLineOptions) {
    const { host: hostname, port } = options;
    this.#up = new Pipe(options);
    this.#down = new Pipe(options);
    const handlers = {
      data: ({ data: half }: End, chunk: Buffer) => half.pipe.take(half, chunk),
      drain: ({ data: half }: End) => half.other?.pipe.drained(half.other),
      close: (end: End) => {
        this.#ends.delete(end);
        this.#closed(end.data);
      },
    };
    this.#listener = Bun.listen<HalfOpen>({
      hostname: "127.0.0.1",
      port: 0,
      socket: {
        ...handlers,
        open: (near) => {
          const up = halfOpen(this.#up);
          const down = halfOpen(this.#down);
          up.other = down;
          down.other = up;
          near.data = up;
          up.from = near;
          down.to = near;
          near.pause();
          this.#ends.add(near);
          void Bun.connect<HalfOpen>({
            hostname,
            port,
            data: down,
            socket: {
              ...handlers,
              open: (far) => {
                this.#ends.add(far);
                up.to = far;
                down.from = far;
                if (up.from === undefined) far.terminate();
                else near.resume();
              },
            },
          }).catch(() => near.terminate());
        },
      },
    });
  }

  get port(): number {
    return this.#listener.port;
  }

  /** Bytes read from clients and not yet given to the server, now and at most so far; and all so far. */
  get up(): Traffic {
    return trafficOf(this.#up);
  }

  /** As `up`, the other way. */
  get down(): Traffic {
    return trafficOf(this.#down);
  }

  /** Cuts all connections. */
  [Symbol.dispose](): void {
    this.#listener.stop(true);
    for (const end of this.#ends) end.terminate();
    this.#up.stop();
    this.#down.stop();
  }

  #closed(half: HalfOpen): void {
    const { other } = half;
    half.from = undefined;
    // Its last bytes arrive before its end.
    if (half.to !== undefined) half.pipe.take(half, undefined);
    if (other === undefined) return;
    other.to = undefined;
    other.pipe.forget(other);
  }
}

export interface Traffic {
  readonly inFlight: number;
  readonly most: number;
  readonly total: number;
}

function trafficOf({ bytes, most, total }: Pipe): Traffic {
  return { inFlight: bytes, most, total };
}

function halfOpen(pipe: Pipe): HalfOpen {
  const own = { from: undefined, to: undefined, other: undefined };
  return { pipe, ...own, stuck: [], stuckBytes: 0, bytes: 0, isPaused: false, hasEnded: false };
}
