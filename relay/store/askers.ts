/**
 * A share stays open at the workers so long after its last receiver: a receiver that was cut off comes back to the log. ms
 */
export const UNLOAD_MS = 60_000;

interface Channel {
  readonly workers: Set<number>;
  /** When the last of them had no receiver any more. */
  quietSince: number;
}

/** The workers with receivers, by channel. */
export class Askers {
  readonly #byChannel = new Map<string, Channel>();

  add(worker: number, channel: string, now: number): void {
    this.#channel(channel, now).workers.add(worker);
  }

  remove(worker: number, channel: string, now: number): void {
    const known = this.#byChannel.get(channel);
    if (known?.workers.delete(worker) === true && known.workers.size === 0) known.quietSince = now;
  }

  /** Unless a worker has receivers there. */
  forget(channel: string): void {
    if (this.#byChannel.get(channel)?.workers.size === 0) this.#byChannel.delete(channel);
  }

  /** A client that is no receiver yet looks into the channel. */
  touch(channel: string, now: number): void {
    const known = this.#channel(channel, now);
    if (known.workers.size === 0) known.quietSince = now;
  }

  workerLost(worker: number, now: number): void {
    for (const channel of this.#byChannel.keys()) this.remove(worker, channel, now);
  }

  /** Whether the channel has receivers, or had some less than UNLOAD_MS ago. */
  has(channel: string): boolean {
    return this.#byChannel.has(channel);
  }

  of(channel: string): Iterable<number> {
    return this.#byChannel.get(channel)?.workers ?? [];
  }

  /** Forgets channels that were quiet for UNLOAD_MS. @returns the forgotten channels */
  leave(now: number): string[] {
    const left: string[] = [];
    for (const [channel, { workers, quietSince }] of this.#byChannel) {
      if (workers.size > 0 || now - quietSince < UNLOAD_MS) continue;
      this.#byChannel.delete(channel);
      left.push(channel);
    }
    return left;
  }

  #channel(channel: string, now: number): Channel {
    const known = this.#byChannel.get(channel) ?? { workers: new Set(), quietSince: now };
    this.#byChannel.set(channel, known);
    return known;
  }
}
