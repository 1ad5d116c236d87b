import { FaultError, KEEPALIVE_MS, STORE_ENDS, type FaultCode } from "../../protocol/mod.ts";
import { errorCode, reasonOf } from "../system/system-error.ts";
import type { KeptSend, SendEntry } from "./kept-send.ts";
import { SealedTags, TAG_BYTES } from "./sealed-tags.ts";

/** A record that left before can't be had again as it was. */
export class Unrepeatable extends FaultError {
  constructor(about: string) {
    super("source-changed", about);
  }
}

/**
 * Remembers what left of a running send, and keeps what is needed to go on with it as long as that can
 * be written.
 */
export class ResumeStore {
  #kept: KeptSend | undefined;
  readonly #tags: SealedTags;
  readonly #lost: () => void;
  #touchedAt = -Infinity;

  /** @param lost called when it can't be kept any more */
  constructor(kept: KeptSend | undefined, lost: () => void) {
    this.#kept = kept;
    this.#tags = new SealedTags(kept?.tags());
    this.#lost = lost;
  }

  /** Whether that record may have left before, in this run or another. */
  has(index: number): boolean {
    return this.#tags.has(index);
  }

  /**
   * Before a record leaves: no other one may ever be sent in its place.
   * @throws Unrepeatable when another one left before
   */
  note(index: number, ciphertext: Uint8Array, about: string): void {
    const tag = ciphertext.subarray(-TAG_BYTES);
    if (this.#tags.has(index)) {
      if (this.#tags.isSame(index, tag)) return;
      throw new Unrepeatable(about);
    }
    this.#write((kept) => {
      if (!kept.note(index, tag)) throw new Unrepeatable(about);
    });
    this.#tags.set(index, tag);
  }

  /** Before a record leaves that has zeros in the place of that file. */
  distrust(entry: number): void {
    this.#write((kept) => kept.distrust(entry));
  }

  /** A relay took the share: from now on it is worth going on with. */
  accepted(relays: Pick<SendEntry, "relay" | "further">): void {
    this.#write((kept) => kept.accept(relays));
  }

  /**
   * A full disk ends no transfer, as a share that is forgotten can't be gone on with.
   * @throws FaultError "state-stuck" where it can't be forgotten either: a later run would seal other
   *   content under the same index
   */
  #write(step: (kept: KeptSend) => void): void {
    if (this.#kept === undefined) return;
    try {
      step(this.#kept);
    } catch (error) {
      if (errorCode(error) === undefined || error instanceof FaultError) throw error;
      const kept = this.#kept;
      this.#kept = undefined;
      forget(kept);
      this.#lost();
    }
  }

  /** Receivers that have everything since an earlier run. */
  get doneBefore(): Uint8Array[] {
    return this.#try((kept) => kept.done) ?? [];
  }

  /** A receiver has everything. Should that not be kept, a later run waits for one more. */
  done(receiver: Uint8Array): void {
    this.#try((kept) => kept.noteDone(receiver));
  }

  #try<T>(step: (kept: KeptSend) => T): T | undefined {
    if (this.#kept === undefined) return undefined;
    try {
      return step(this.#kept);
    } catch (error) {
      if (errorCode(error) === undefined) throw error;
      return undefined;
    }
  }

  tick(now: number): void {
    if (now - this.#touchedAt < KEEPALIVE_MS) return;
    this.#touchedAt = now;
    this.#kept?.touch();
  }

  /** The relay has all of it until then. ms since 1970 */
  stored(until: number): void {
    this.#try((kept) => kept.noteStored(until));
  }

  /**
   * A send that is through is forgotten. A send that stays or failed may run again, with other files too, and one that
   * is stored as long as it is.
   */
  letGo(fault: FaultCode | undefined, stays: boolean): void {
    const { stored = 0 } = this.#kept?.entry ?? {};
    const isOver = fault !== undefined && STORE_ENDS.has(fault);
    if (!isOver && (fault !== undefined || stays || stored > 0)) this.#kept?.close();
    else this.#try((kept) => kept.forget());
  }
}

/** @throws FaultError "state-stuck" */
function forget(kept: KeptSend): void {
  try {
    kept.forget();
  } catch (cause) {
    if (errorCode(cause) === undefined) throw cause;
    throw new FaultError("state-stuck", reasonOf(cause), { cause });
  }
}
