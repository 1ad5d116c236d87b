/**
 * Sees messages that clients begin and do not end. Bun buffers up to 16 MiB of a message before it reports any of
 * it, since one limit holds for all of its sockets. So `Arrivals` asks the kernel, every ARRIVALS_MS, from which
 * lines bytes came, and how many. For a client that sends only control messages the kernel buffers no more than
 * CLIENT_WINDOW_BYTES, so it can't send much between two checks. `Line` registers each WebSocket here.
 */
import type { Native } from "../system/native.ts";
import type { Descriptor, PeerKey } from "../system/connections.ts";
import { UnfinishedMessage, type Received } from "./unfinished-message.ts";

/**
 * Unread bytes that the kernel holds of a client that sends no frames, so that one that sends much
 * is noticed early.
 */
const CLIENT_WINDOW_BYTES = 16 * 1024;
/** Time between two checks of what came from clients and is no whole message. */
export const ARRIVALS_MS = 10;

/** Lines that one tick seeks, and that it checks; each costs some calls. */
const LINES_PER_TICK = 1000;
/** A line from which bytes come without a pause is read so often, and then taken as it is. */
const SNAPSHOT_TRIES = 4;
/** Between two checks of one line, by how many there are; each takes some µs. ms */
const POLL_MS = 10;
const POLL_MS_PER_LINE = 0.2;
/** A line of which the kernel told nothing is checked after that. ms */
const SWEEP_MS = 1000;

export type ArrivalsKernel = Pick<
  Native,
  | "find"
  | "isPeer"
  | "isResting"
  | "received"
  | "unread"
  | "watchArrivals"
  | "arrivals"
  | "narrow"
  | "widen"
>;

export interface ArrivingLine {
  readonly peer: PeerKey;
  /** No other client's requests came by the same connection before. */
  readonly isDirect: boolean;
  /** Only control messages come from it. */
  readonly isNarrow: boolean;
  /** @param bytes that came of a message that is not whole */
  arrived(bytes: number): void;
}

export interface WatchedLine {
  message(length: number): void;
  control(length: number): void;
  /** From now on it may send frames. */
  widen(): void;
  leave(): void;
}

interface Watched extends ArrivingLine {
  readonly token: number;
  isNarrow: boolean;
  socket: Descriptor | undefined;
  /** Its receive buffer in the kernel before it was narrowed. bytes */
  room: number | undefined;
  unfinished: UnfinishedMessage | undefined;
  checkedAt: number;
}

export class Arrivals {
  readonly #kernel: ArrivalsKernel;
  readonly #isTls: boolean;
  readonly #watched = new Map<number, Watched>();
  /** The connections whose descriptor is not known yet. */
  readonly #sought = new Set<Watched>();
  #next = 1;

  constructor(kernel: ArrivalsKernel, isTls: boolean) {
    this.#kernel = kernel;
    this.#isTls = isTls;
  }

  /** To be called when the line has become a WebSocket, before any message is handled. */
  watch(arriving: ArrivingLine): WatchedLine {
    const token = this.#next++ % 2 ** 32;
    const watched: Watched = {
      ...arriving,
      token,
      socket: undefined,
      room: undefined,
      unfinished: undefined,
      checkedAt: -Infinity,
    };
    this.#watched.set(token, watched);
    this.#sought.add(watched);
    this.#seek(watched, watched.isDirect);
    return {
      message: (length) => watched.unfinished?.message(length),
      control: (length) => watched.unfinished?.control(length),
      widen: () => this.#widen(watched),
      leave: () => {
        this.#watched.delete(token);
        this.#sought.delete(watched);
      },
    };
  }

  /** Checks all lines from which something came. */
  poll(): void {
    // The kernel tells of each socket once, unless more comes meanwhile.
    let most = this.#watched.size;
    while (most > 0) {
      const told = this.#kernel.arrivals((token) => this.#came(token));
      if (told === 0) return;
      most -= told;
    }
  }

  /** Seeks lines again that the kernel did not find when they came, and checks all now and then. */
  tick(): void {
    const now = performance.now();
    let checks = LINES_PER_TICK;
    for (const watched of this.#watched.values()) {
      if (now - watched.checkedAt < SWEEP_MS) continue;
      this.#check(watched, now);
      if (--checks === 0) break;
    }
    let tries = LINES_PER_TICK;
    for (const watched of this.#sought) {
      if (tries-- === 0) return;
      this.#seek(watched, false);
    }
  }

  /** @param isFresh only its request has come so far */
  #seek(watched: Watched, isFresh: boolean): void {
    const socket = this.#kernel.find(watched.peer);
    if (socket === undefined) {
      if (!this.#kernel.isResting) this.#sought.delete(watched);
      return;
    }
    this.#sought.delete(watched);
    watched.socket = socket;
    if (watched.isNarrow) watched.room = this.#kernel.narrow(socket, CLIENT_WINDOW_BYTES);
    const received = this.#received(socket);
    if (received === undefined) return;
    watched.unfinished = new UnfinishedMessage(received, isFresh, this.#isTls);
    this.#kernel.watchArrivals(socket, watched.token);
  }

  #widen(watched: Watched): void {
    if (!watched.isNarrow) return;
    watched.isNarrow = false;
    const { socket, peer, room } = watched;
    if (socket === undefined || room === undefined || !this.#kernel.isPeer(socket, peer)) return;
    this.#kernel.widen(socket, room);
  }

  #came(token: number): void {
    const watched = this.#watched.get(token);
    if (watched === undefined) return;
    const now = performance.now();
    const every = Math.max(POLL_MS, POLL_MS_PER_LINE * this.#watched.size);
    if (now - watched.checkedAt < every || watched.unfinished?.isDue !== true) return;
    this.#check(watched, now);
  }

  #check(watched: Watched, now: number): void {
    const { unfinished, socket, peer } = watched;
    watched.checkedAt = now;
    if (unfinished === undefined || socket === undefined) return;
    if (!this.#kernel.isPeer(socket, peer)) return;
    const received = this.#received(socket);
    if (received !== undefined) watched.arrived(unfinished.check(received));
  }

  /**
   * Both counts as of one moment, if SNAPSHOT_TRIES suffice. Bytes that come between the two calls would
   * make the read ones too few now, and a later message too long.
   */
  #received(socket: Descriptor): Received | undefined {
    let bytes = this.#kernel.received(socket);
    for (let tries = 1; bytes !== undefined; tries++) {
      const unread = this.#kernel.unread(socket);
      const now = this.#kernel.received(socket);
      if (now === bytes || tries === SNAPSHOT_TRIES) return { bytes, unread };
      bytes = now;
    }
    return undefined;
  }
}
