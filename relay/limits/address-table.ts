/**
 * The clients at the relay, by address, over all workers: sockets of one address are spread over them by the
 * kernel, so the counts lie in memory that all threads share. Its size is fixed, see ADDRESSES_COUNTED.
 */

import type { Limits, RelayLimitName } from "./operator-limits.ts";

/**
 * Addresses with sockets or many attempts; more than the default of max-sockets. Above it some
 * would be counted together.
 */
const ADDRESSES_COUNTED = 2 ** 15;

export interface AddressTableBuffers {
  readonly workers: number;
  readonly slots: number;
  /** Secret, so that no client can choose an address that is counted with another. */
  readonly seed: bigint;
  /** Per slot: the hash of the address that it counts; 0: none yet. */
  readonly keys: SharedArrayBuffer;
  /** Per slot: when its attempts so far would be over at the allowed rate. µs */
  readonly due: SharedArrayBuffer;
  /** Per worker: a row of a count for each slot, and at the end the count of all. */
  readonly counts: SharedArrayBuffer;
}

/** The slot where a client is counted; UNPLACED: in none, but with all. */
export type Place = number;

const UNPLACED: Place = -1;
/** Slots that may have an address, beginning with that of its hash. */
const PROBES = 32;
const MINUTE_US = 60_000_000;

export function createAddressTable(
  workers: number,
  slots: number = ADDRESSES_COUNTED,
): AddressTableBuffers {
  return {
    workers,
    slots,
    seed: crypto.getRandomValues(new BigUint64Array(1))[0] ?? 0n,
    keys: new SharedArrayBuffer(slots * BigInt64Array.BYTES_PER_ELEMENT),
    due: new SharedArrayBuffer(slots * BigInt64Array.BYTES_PER_ELEMENT),
    counts: new SharedArrayBuffer(workers * (slots + 1) * Int32Array.BYTES_PER_ELEMENT),
  };
}

export class AddressTable {
  readonly #workers: number;
  readonly #slots: number;
  readonly #seed: bigint;
  readonly #keys: BigInt64Array;
  readonly #due: BigInt64Array;
  readonly #counts: Int32Array;
  readonly #row: number;

  constructor(buffers: AddressTableBuffers, worker: number) {
    this.#workers = buffers.workers;
    this.#slots = buffers.slots;
    this.#seed = buffers.seed;
    this.#keys = new BigInt64Array(buffers.keys);
    this.#due = new BigInt64Array(buffers.due);
    this.#counts = new Int32Array(buffers.counts);
    this.#row = worker * (buffers.slots + 1);
  }

  /** Clients that entered and did not leave, over all workers. */
  get size(): number {
    return this.#sum(this.#slots);
  }

  /**
   * Counts an attempt of a client. Each attempt takes its part of a minute; an address a minute ahead has
   * had as many at once as there may be in one.
   * @param address as `limitKey` gives it; undefined: of this machine, which is not limited
   * @param now the same clock for all workers. ms
   * @returns false: too many
   */
  attempt(address: string | undefined, perMinute: number, now: number): boolean {
    if (address === undefined) return true;
    const at = BigInt(Math.round(now * 1000));
    const slot = this.#slotOf(address, at);
    const each = BigInt(Math.ceil(MINUTE_US / perMinute));
    for (;;) {
      const before = Atomics.load(this.#due, slot);
      const next = (before > at ? before : at) + each;
      if (next - at > BigInt(MINUTE_US)) return false;
      if (Atomics.compareExchange(this.#due, slot, before, next) === before) return true;
    }
  }

  /**
   * Counts a client until `leave`.
   * @param address as in `attempt`: a client on this machine is counted with all, and not by address,
   * which may be that of a proxy that names no client
   * @returns which limit it goes over, if it does; then it is not counted
   */
  enter(address: string | undefined, limits: Limits, now: number): Place | RelayLimitName {
    const slot =
      address === undefined ? UNPLACED : this.#slotOf(address, BigInt(Math.round(now * 1000)));
    this.#add(slot, 1);
    // Counted before it is looked at: of two that come at once one at least sees both.
    const over = this.#over(slot, limits);
    if (over === undefined) return slot;
    this.#add(slot, -1);
    return over;
  }

  leave(place: Place): void {
    this.#add(place, -1);
  }

  /** Whether half of what all may have, or those at this place, is in use: the rest is for clients that have nothing. */
  isCrowded(place: Place, limits: Limits, now: number): boolean {
    if (this.size > limits["max-sockets"] / 2) return true;
    if (place === UNPLACED) return false;
    if (this.#sum(place) > limits["sockets-per-address"] / 2) return true;
    const ahead = Atomics.load(this.#due, place) - BigInt(Math.round(now * 1000));
    return ahead > BigInt(MINUTE_US / 2);
  }

  #over(slot: Place, limits: Limits): RelayLimitName | undefined {
    if (this.size > limits["max-sockets"]) return "max-sockets";
    if (slot === UNPLACED || this.#sum(slot) <= limits["sockets-per-address"]) return undefined;
    return "sockets-per-address";
  }

  #add(slot: Place, count: number): void {
    Atomics.add(this.#counts, this.#row + this.#slots, count);
    if (slot !== UNPLACED) Atomics.add(this.#counts, this.#row + slot, count);
  }

  #sum(slot: number): number {
    let sum = 0;
    for (let worker = 0; worker < this.#workers; worker++) {
      sum += Atomics.load(this.#counts, worker * (this.#slots + 1) + slot);
    }
    return sum;
  }

  /**
   * The slot of an address, with one that is free if it has none. When none near its hash is, it is
   * counted with the address that has the first of them: both together are one, and no count is lost.
   * Of two workers that see an address first at the same time each may take a slot: then it has twice
   * what it may have, until one of the two is empty.
   */
  #slotOf(address: string, at: bigint): number {
    const hash = BigInt.asIntN(64, Bun.hash(address, this.#seed)) || 1n;
    const first = Number(BigInt.asUintN(32, hash)) % this.#slots;
    for (;;) {
      let free: number | undefined;
      let freeKey = 0n;
      for (let probe = 0; probe < PROBES; probe++) {
        const slot = (first + probe) % this.#slots;
        const key = Atomics.load(this.#keys, slot);
        if (key === hash) return slot;
        if (free === undefined && (key === 0n || this.#isEmpty(slot, at))) {
          free = slot;
          freeKey = key;
        }
        // No key was ever put behind a slot that was never used.
        if (key === 0n) break;
      }
      if (free === undefined) return first;
      if (Atomics.compareExchange(this.#keys, free, freeKey, hash) === freeKey) return free;
    }
  }

  #isEmpty(slot: number, at: bigint): boolean {
    return this.#sum(slot) === 0 && Atomics.load(this.#due, slot) <= at;
  }
}

/** Takes back what a worker that died counted. */
export function forgetWorker({ slots, counts }: AddressTableBuffers, worker: number): void {
  const row = new Int32Array(
    counts,
    worker * (slots + 1) * Int32Array.BYTES_PER_ELEMENT,
    slots + 1,
  );
  for (let slot = 0; slot <= slots; slot++) Atomics.store(row, slot, 0);
}
