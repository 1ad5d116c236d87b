import { FaultError, KEEPALIVE_MS, type FaultCode, type FaultOf } from "../protocol/mod.ts";
import { errorCode } from "./folder.ts";
import { TAG_BYTES, type KeptSend } from "./kept-send.ts";

/** After these nobody can go on with the share. No relay can tell us one of them: see wire-faults.ts. */
const OVER: ReadonlySet<FaultCode> = new Set<Exclude<FaultCode, FaultOf<"toSender">>>([
  "source-changed",
]);

/** Keeps what is needed to go on with a running send, as long as it can be written. */
export class Keeper {
  #kept: KeptSend | undefined;
  readonly #lost: () => void;
  #touchedAt = -Infinity;

  /** @param lost called when it can't be kept any more */
  constructor(kept: KeptSend | undefined, lost: () => void) {
    this.#kept = kept;
    this.#lost = lost;
  }

  /**
   * Before a record leaves: no other run may ever send another one in its place.
   * @throws FaultError "source-changed" when another one left before
   */
  note(index: number, ciphertext: Uint8Array, about: string): void {
    const same = this.#write((kept) => kept.note(index, ciphertext.subarray(-TAG_BYTES)));
    if (same === false) throw new FaultError("source-changed", about);
  }

  /** A relay took the share: from now on it is worth going on with. */
  accepted(): void {
    this.#write((kept) => kept.accept());
  }

  /** A disk that is full ends no transfer; that nobody goes on with it is what counts. */
  #write<T>(step: (kept: KeptSend) => T): T | undefined {
    if (this.#kept === undefined) return undefined;
    try {
      return step(this.#kept);
    } catch (error) {
      if (errorCode(error) === undefined) throw error;
      this.#kept.forget();
      this.#kept = undefined;
      this.#lost();
      return undefined;
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

  /** A share that is through or can't go on is forgotten; a sender that stays may come back. */
  letGo(fault: FaultCode | undefined, stays: boolean): void {
    const over = fault === undefined ? !stays : OVER.has(fault);
    if (over) this.#kept?.forget();
    else this.#kept?.close();
  }
}
