import type { AdoptedShare, Ledger } from "../store/ledger.ts";

/** Shares that are read from the bucket at once, with three requests for each. */
const AT_ONCE = 8;
/** The pause between two tries to read a share. Within a try the relay asks the bucket several times already. ms */
const AGAIN_MS = 10_000;

export interface Adoption {
  /** The name of the share in the directory of the cluster. */
  readonly name: string;
  readonly place: string;
  readonly epoch: number;
}

export interface AdoptionsHost {
  /** Whether this relay still owns the share. */
  readonly isWanted: (adoption: Adoption) => boolean;
  readonly read: (adoption: Adoption, found: AdoptedShare) => void;
  readonly trouble: (error: unknown) => void;
}

/** Reads shares that this relay takes over: at most as many as the directory of the cluster has entries. */
export class Adoptions {
  readonly #ledger: Ledger;
  readonly #host: AdoptionsHost;
  readonly #waiting = new Map<string, Adoption & { readonly at: number }>();
  /** Names of shares that are read now. */
  readonly #underWay = new Set<string>();
  #isFailing = false;

  constructor(ledger: Ledger, host: AdoptionsHost) {
    this.#ledger = ledger;
    this.#host = host;
  }

  add(adoption: Adoption, now: number): void {
    this.#waiting.set(adoption.name, { ...adoption, at: now });
    this.tick(now);
  }

  tick(now: number): void {
    for (const [name, adoption] of this.#waiting) {
      if (this.#underWay.size >= AT_ONCE) return;
      if (now < adoption.at || this.#underWay.has(name)) continue;
      this.#waiting.delete(name);
      if (this.#host.isWanted(adoption)) void this.#read(adoption, now);
    }
  }

  async #read(adoption: Adoption, now: number): Promise<void> {
    const { name, place, epoch } = adoption;
    this.#underWay.add(name);
    try {
      const found = await this.#ledger.adopt?.(place, epoch);
      this.#isFailing = false;
      // The share was lost and comes again: its facts may be others by now.
      if (this.#waiting.has(name)) this.#ledger.disown?.(place);
      else if (found !== undefined) this.#host.read(adoption, found);
    } catch (error) {
      if (!this.#isFailing) this.#host.trouble(error);
      this.#isFailing = true;
      if (!this.#waiting.has(name)) this.#waiting.set(name, { ...adoption, at: now + AGAIN_MS });
    } finally {
      this.#underWay.delete(name);
    }
    this.tick(now);
  }
}
