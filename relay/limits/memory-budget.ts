/**
 * The memory of one worker that clients can make it hold: what waits to be sent to them, by whichever door,
 * and what came from them and is not finished. One budget for all, so that no mixture of doors gets more.
 *
 *   arriving   came from a client and is not whole, or waits to be passed on
 *   still      waits for a client that took nothing for STILL_MS, or not yet PROVEN_BYTES
 *   moving     waits for a client that takes what it is given
 *   kept       is there to save work, and can be had again
 *
 * Clients that take nothing have a small part, so that thousands of them cost little. A client that finds no room
 * waits, see `FairQueue`. While one waits, the relay disconnects the clients that stood still the
 * longest: each can come again, and otherwise no other client would ever get on.
 */

import { FairQueue } from "./fair-queue.ts";

/**
 * Bytes of one worker for all that waits for clients, or came from them and is not finished. Above
 * it clients wait for room.
 */
export const BUFFERED_BYTES = 256 * 1024 ** 2;
/**
 * Of BUFFERED_BYTES, those that came from clients; half, so that uploads never keep downloads from
 * going on.
 */
const ARRIVING_BYTES = 128 * 1024 ** 2;
/**
 * Of BUFFERED_BYTES, those that wait for clients that take nothing: a piece for each of 2048
 * downloads, or 16 frames where the kernel can't send them itself.
 */
export const STILL_BYTES = 32 * 1024 ** 2;
/**
 * A client that takes nothing for so long is still, and is disconnected when others wait for its
 * room.
 */
export const STILL_MS = 5000;
/** Clients of one worker that wait for memory; more are refused as by a full relay. */
const MEMORY_QUEUE = 4096;
/**
 * A client that took so many bytes takes what it is given; fewer may lie in buffers of the kernels.
 */
export const PROVEN_BYTES = 4 * 1024 ** 2;

/** Of all, one of so many parts is what saves work, at most, where that asks. */
const KEPT_PART = 4;

/** `room`: it may be held. `wait`: `MemoryHolder.room` tells when to ask again. `full`: no more clients may wait. */
export type Room = "room" | "wait" | "full";

export type MemoryKind = "arriving" | "still" | "moving" | "kept";

export interface MemoryHolder {
  /** As `limitKey` of `ClientAddress`. */
  readonly address: string | undefined;
  room(): void;
  /** It stands still, and others wait for the room. */
  cut(): void;
}

export interface MemorySizes {
  /** In all; of that, for what arrives, and for clients that take nothing. bytes */
  readonly bytes: number;
  readonly arriving: number;
  readonly still: number;
  readonly queue: number;
}

export const MEMORY_SIZES: MemorySizes = {
  bytes: BUFFERED_BYTES,
  arriving: ARRIVING_BYTES,
  still: STILL_BYTES,
  queue: MEMORY_QUEUE,
};

export interface MemoryMeasures {
  /** By kind. bytes */
  readonly used: Readonly<Record<MemoryKind, number>>;
  readonly limit: number;
  readonly waiting: number;
  /** Clients that found no place to wait, and clients cut off for others, since the worker started. */
  readonly refused: number;
  readonly cut: number;
}

export interface MemoryPlace {
  readonly bytes: number;
  /** Whether it has taken nothing for a while. */
  readonly isStill: boolean;
  /** The part of the standing bytes that each client with held bytes may have. bytes */
  readonly part: number;
  ask(bytes: number): Room;
  /** The same, and does not wait. */
  fits(bytes: number): boolean;
  /** From now on so much is held; with less than before, its client took some. */
  hold(bytes: number): void;
  /** Its client took so much of what is held, all of which stays until the rest is taken. */
  took(bytes: number): void;
  /** May stand for as long as it likes; only what is `arriving`. */
  keep(): void;
  leave(): void;
}

export class MemoryBudget {
  readonly #sizes: MemorySizes;
  readonly #clock: () => number;
  readonly #used: Record<MemoryKind, number> = { arriving: 0, still: 0, moving: 0, kept: 0 };
  readonly #queues: Readonly<Record<MemoryKind, FairQueue<Place>>> = {
    arriving: new FairQueue(),
    still: new FairQueue(),
    moving: new FairQueue(),
    kept: new FairQueue(),
  };
  readonly #holding = new Set<Place>();
  /** It is told that there is room, and need not stand behind others again. */
  #turn: Place | undefined;
  #isWaking = false;
  #refused = 0;
  #cut = 0;
  /** Bytes that were held for clients since this was made. */
  passed = 0;

  constructor(clock: () => number, sizes: Partial<MemorySizes> = {}) {
    this.#clock = clock;
    this.#sizes = { ...MEMORY_SIZES, ...sizes };
  }

  /** @param kind `still`: it has taken nothing yet */
  enter(holder: MemoryHolder, kind: MemoryKind = "still"): MemoryPlace {
    return new Place(this, holder, kind);
  }

  get measures(): MemoryMeasures {
    return {
      used: { ...this.#used },
      limit: this.#sizes.bytes,
      waiting: this.#waiting,
      refused: this.#refused,
      cut: this.#cut,
    };
  }

  /** No further client may wait: the relay tells a client that comes now to come later. */
  get isFull(): boolean {
    return this.#waiting >= this.#sizes.queue;
  }

  get part(): number {
    return this.#sizes.still / Math.max(1, this.#holding.size);
  }

  /** Clients wait for room: others have to stand behind them. */
  get isWaitedFor(): boolean {
    return this.#waiting > 0;
  }

  /** A client was told so. */
  refuse(): void {
    this.#refused++;
  }

  /** Finds clients that stand still, and cuts the first of them off if others wait. */
  tick(): void {
    const now = this.#clock();
    this.#wake();
    for (const place of this.#holding) {
      if (place.kind !== "moving" || now - place.since < STILL_MS) continue;
      place.taken = 0;
      this.#become(place, "still");
    }
    const leaving = [...this.#holding].reduce((sum, { isCut, kind, bytes }) => {
      return isCut && kind === "still" ? sum + bytes : sum;
    }, 0);
    let over = this.#used.still - leaving - this.#sizes.still;
    let waiting = this.#waiting;
    if (over <= 0 && waiting === 0) return;
    const standing = [...this.#holding].filter((place) => {
      const { kind, since, isCut, isKept } = place;
      if (isCut || isKept || now - since < STILL_MS) return false;
      return kind === "still" || kind === "arriving";
    });
    standing.sort((one, other) => one.since - other.since);
    for (const place of standing) {
      if (over <= 0 && waiting <= 0) return;
      place.isCut = true;
      if (place.kind === "still") over -= place.bytes;
      waiting--;
      this.#cut++;
      place.holder.cut();
    }
  }

  // Of places

  fits({ kind }: Place, bytes: number): boolean {
    const { arriving, still, moving, kept } = this.#used;
    if (arriving + still + moving + kept + bytes > this.#sizes.bytes) return false;
    if (kind === "still") return still + bytes <= this.#sizes.still;
    // Records kept to save work must not hold up a client either.
    if (kind === "kept") return kept + bytes <= this.#sizes.bytes / KEPT_PART;
    return kind !== "arriving" || arriving + bytes <= this.#sizes.arriving;
  }

  ask(place: Place, bytes: number): Room {
    const queue = this.#queues[place.kind];
    place.asked = bytes;
    const isBehind = queue.size > 0 && place !== this.#turn;
    if (!isBehind && this.fits(place, bytes)) return "room";
    if (place.queue !== undefined) return "wait";
    if (this.isFull) {
      this.#refused++;
      return "full";
    }
    queue.add(place.holder.address, place);
    place.queue = queue;
    return "wait";
  }

  hold(place: Place, bytes: number): void {
    const before = place.bytes;
    if (bytes === before) return;
    if (before === 0) {
      this.#holding.add(place);
      place.since = this.#clock();
    }
    this.#set(place, bytes);
    if (bytes > before) {
      this.passed += bytes - before;
      return;
    }
    this.took(place, before - bytes);
    this.#wake();
  }

  took(place: Place, bytes: number): void {
    place.since = this.#clock();
    place.taken += bytes;
    if (place.kind === "still" && place.taken >= PROVEN_BYTES) this.#become(place, "moving");
  }

  leave(place: Place): void {
    place.queue?.delete(place.holder.address, place);
    place.queue = undefined;
    this.#set(place, 0);
    this.#wake();
  }

  #set(place: Place, bytes: number): void {
    this.#used[place.kind] += bytes - place.bytes;
    place.bytes = bytes;
    if (bytes === 0) this.#holding.delete(place);
  }

  #become(place: Place, kind: MemoryKind): void {
    this.#used[place.kind] -= place.bytes;
    this.#used[kind] += place.bytes;
    place.kind = kind;
  }

  get #waiting(): number {
    const { arriving, still, moving } = this.#queues;
    return arriving.size + still.size + moving.size;
  }

  /** Not at once: the waiting party is a part of the worker's logic, which must not be called while it calls. */
  #wake(): void {
    if (this.#isWaking || this.#waiting === 0) return;
    this.#isWaking = true;
    queueMicrotask(() => {
      this.#isWaking = false;
      this.#giveTurns();
    });
  }

  #giveTurns(): void {
    for (const kind of ["moving", "still", "arriving"] as const) {
      const queue = this.#queues[kind];
      for (let place = queue.first; place !== undefined; place = queue.first) {
        if (!this.fits(place, place.asked)) break;
        queue.shift();
        place.queue = undefined;
        this.#turn = place;
        place.holder.room();
        this.#turn = undefined;
      }
    }
  }
}

class Place implements MemoryPlace {
  bytes = 0;
  kind: MemoryKind;
  /** When its client took something last, or since when something waits for it. ms */
  since = 0;
  /** Since it stood still. bytes */
  taken = 0;
  queue: FairQueue<Place> | undefined;
  asked = 0;
  isKept = false;
  /** It was told to go. */
  isCut = false;
  readonly holder: MemoryHolder;
  readonly #budget: MemoryBudget;

  constructor(budget: MemoryBudget, holder: MemoryHolder, kind: MemoryKind) {
    this.#budget = budget;
    this.holder = holder;
    this.kind = kind;
  }

  get isStill(): boolean {
    return this.kind === "still";
  }

  get part(): number {
    return this.#budget.part;
  }

  ask(bytes: number): Room {
    return this.#budget.ask(this, bytes);
  }

  fits(bytes: number): boolean {
    return this.#budget.fits(this, bytes);
  }

  hold(bytes: number): void {
    this.#budget.hold(this, bytes);
  }

  took(bytes: number): void {
    this.#budget.took(this, bytes);
  }

  keep(): void {
    this.isKept = true;
  }

  leave(): void {
    this.#budget.leave(this);
  }
}
