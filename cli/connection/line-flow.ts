/** Watches an open line: whether anything gets through, and why not. */

/** After this without a byte that moves, people are told why. The relay pings each 10 s. ms */
export const STUCK_MS = 15_000;
/** Between two looks at the addresses of this machine, which are a call of the system. ms */
const ADDRESSES_EVERY_MS = 5000;

const LARGE_LOST =
  "what we send is not taken, though the relay is heard: large packets seem to get lost on the way (its MTU)";
const SILENT =
  "nothing comes from the relay: a very slow line, a network that is gone, or large packets that get lost on the way (its MTU)";

interface Look {
  readonly now: number;
  /** Bytes that were given to the line. */
  readonly sent: number;
  /** Those of them that the other side has not acknowledged, as far as that is known. */
  readonly unsent: number;
  /** When the relay was heard last. */
  readonly heardAt: number;
}

export class LineFlow {
  readonly #addresses: () => readonly string[];
  readonly #before: readonly string[];
  #taken = 0;
  #movedAt: number;
  #lookedAt: number;
  #gone: string | undefined;
  #why: string | undefined;

  /** @param addresses of this machine by now */
  constructor(now: number, addresses: () => readonly string[]) {
    this.#addresses = addresses;
    this.#before = this.#addresses();
    this.#movedAt = now;
    this.#lookedAt = now;
  }

  /** Why nothing gets through, as long as nothing does. */
  get why(): string | undefined {
    return this.#why;
  }

  /** Whether nothing gets through since an address of this machine is gone: a line anew may have another. */
  get isMoved(): boolean {
    return this.#why !== undefined && this.#why === this.#gone;
  }

  /** @returns why nothing gets through, once each time that it begins */
  look({ now, sent, unsent, heardAt }: Look): string | undefined {
    const taken = sent - unsent;
    if (unsent === 0 || taken > this.#taken) this.#movedAt = now;
    this.#taken = taken;
    const silent = now - heardAt >= STUCK_MS;
    if (!silent && now - this.#movedAt < STUCK_MS) {
      this.#why = undefined;
      return undefined;
    }
    this.#lookForAddresses(now);
    const before = this.#why;
    this.#why = this.#gone ?? (silent ? SILENT : LARGE_LOST);
    return this.#why === before ? undefined : this.#why;
  }

  #lookForAddresses(now: number): void {
    if (now - this.#lookedAt < ADDRESSES_EVERY_MS) return;
    this.#lookedAt = now;
    const here = this.#addresses();
    const gone = this.#before.filter((address) => !here.includes(address));
    this.#gone =
      gone.length === 0
        ? undefined
        : `this machine does not have the address ${gone.join(", ")} any more: its network changed`;
  }
}
