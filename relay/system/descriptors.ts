/**
 * The descriptors of this process: each socket and open file has one, and when they are used up Bun's
 * event loop tries to accept the next client again and again, which takes a whole core.
 */
import { closeSync, openSync, readFileSync, readdirSync } from "node:fs";

/**
 * Descriptors that no client gets: for the log, for threads and for clients that have said nothing
 * yet.
 */
const DESCRIPTORS_SPARE = 64;
/** Descriptors of a worker itself: five, and as many while one takes the place of another. */
const DESCRIPTORS_PER_WORKER = 10;
/** With fewer descriptors left the relay accepts no client, until there are twice as many. */
export const DESCRIPTORS_LEFT = 16;

/**
 * How many this process may have: the soft limit, which Bun raises to the hard one when it starts.
 * Undefined where the system does not say.
 */
export function descriptorLimit(): number | undefined {
  try {
    const limits = readFileSync("/proc/self/limits", "utf8");
    const soft = /^Max open files +(\d+)/m.exec(limits)?.[1];
    return soft === undefined ? undefined : Number(soft);
  } catch {
    return undefined;
  }
}

/** Clients for which there are descriptors beside those that the relay itself needs. */
export function clientsWithin(limit: number, workers: number): number {
  return Math.max(1, limit - DESCRIPTORS_SPARE - workers * DESCRIPTORS_PER_WORKER);
}

/** Whether descriptors run out; to be asked again and again. */
export class Descriptors {
  readonly #limit: number;
  #areScarce = false;

  /** @param limit undefined: unknown, and they are never scarce */
  constructor(limit: number | undefined) {
    this.#limit = limit ?? Infinity;
  }

  /** Once they are, they stay so until twice as many are free. */
  areScarce(): boolean {
    if (this.#areScarce) {
      this.#areScarce = openDescriptors() > this.#limit - 2 * DESCRIPTORS_LEFT;
    } else if (this.#limit < Infinity) {
      this.#areScarce = nextDescriptor() >= this.#limit - DESCRIPTORS_LEFT;
    }
    return this.#areScarce;
  }
}

/** The kernel gives the lowest that is free, so this tells at once whether all below are taken. */
function nextDescriptor(): number {
  try {
    // It is there, because the limit was read in it; a bare root has no /dev.
    const next = openSync("/proc", "r");
    closeSync(next);
    return next;
  } catch {
    return Infinity;
  }
}

function openDescriptors(): number {
  try {
    return readdirSync("/proc/self/fd").length;
  } catch {
    // None left to look with.
    return Infinity;
  }
}
