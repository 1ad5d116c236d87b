/**
 * The records that a send sealed, of this worker and of those before a reload. No record leaves
 * before its tag is here, so the same index never seals two contents that others see.
 */
import { FaultError } from "../../protocol/wire/faults.ts";
import type { KeptSends, SealedTag, SealedTags } from "../browser/kept-sends.ts";

/** A send that only waits is said to be alive so often: far below the day after which it is forgotten. ms */
const TOUCH_MS = 10 * 60 * 1000;

/** The place where a send is kept for the time after a reload. */
export interface Keeping {
  readonly sends: KeptSends;
  /** In hex. */
  readonly share: string;
  /** This worker. */
  readonly owner: string;
}

export class SealLog {
  readonly #tags: SealedTags;
  #keeping: Keeping | undefined;
  #touchedAt: number;

  /** @param keeping undefined: a reload ends the send */
  constructor(tags: SealedTags, keeping: Keeping | undefined, now: number) {
    this.#tags = tags;
    this.#keeping = keeping;
    this.#touchedAt = now;
  }

  /** Whether that record may have left. */
  has(index: number): boolean {
    return this.#tags.has(index);
  }

  /** Whether that is the very record that may have left. */
  allows(sealed: SealedTag): boolean {
    return this.#tags.allows(sealed);
  }

  /**
   * Notes records before they leave.
   * @param changed makes the fault for a record under whose index another content left
   * @throws FaultError of `changed`; "replaced" when another tab goes on with the send; "state-stuck"
   *   when nothing can be stored and the list of before cannot be removed
   */
  async note(sealed: readonly SealedTag[], changed: (index: number) => FaultError): Promise<void> {
    const fresh: SealedTag[] = [];
    for (const each of sealed) {
      if (!this.#tags.allows(each)) throw changed(each.index);
      if (this.#tags.has(each.index)) continue;
      this.#tags.set(each);
      fresh.push(each);
    }
    const keeping = this.#keeping;
    if (keeping === undefined || fresh.length === 0) return;
    const { sends, share, owner } = keeping;
    let noted;
    try {
      noted = await sends.note(share, owner, fresh);
    } catch {
      // No room, or the browser gives no storage any more. A send that is forgotten cannot be gone on with.
      await this.#forgetOrFail(keeping);
      return;
    }
    if (noted === "taken") throw new FaultError("replaced");
    if (noted === "differs") throw changed(fresh[0]?.index ?? 0);
    if (noted === "forgotten") this.#keeping = undefined;
  }

  /** A receiver has everything. If that cannot be stored, a reload waits for one more. */
  async done(receiver: string): Promise<void> {
    const keeping = this.#keeping;
    if (keeping === undefined) return;
    await keeping.sends.done(keeping.share, keeping.owner, receiver).catch(() => undefined);
  }

  tick(now: number): void {
    if (now - this.#touchedAt < TOUCH_MS) return;
    this.#touchedAt = now;
    const keeping = this.#keeping;
    keeping?.sends.touch(keeping.share, keeping.owner).catch(() => undefined);
  }

  /** The send is over. */
  async forget(): Promise<void> {
    const keeping = this.#keeping;
    this.#keeping = undefined;
    await keeping?.sends.forget(keeping.share, keeping.owner).catch(() => undefined);
  }

  async #forgetOrFail({ sends, share, owner }: Keeping): Promise<void> {
    this.#keeping = undefined;
    try {
      await sends.forget(share, owner);
    } catch (cause) {
      throw new FaultError("state-stuck", undefined, { cause });
    }
  }
}
