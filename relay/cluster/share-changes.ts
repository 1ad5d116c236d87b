/**
 * The changes of the directory's shares that are on their way, at most one for each slot, and their outcomes. A change compares
 * with the revision that was known when it began. An outcome is not final: a change of unknown outcome may happen later, and
 * the directory may lose a change that is done. So the last word of the watch decides. A done change is `untold` until
 * the watch tells it; older words of the watch do not count meanwhile.
 *
 * A done put passes on the claims that waited for it, if no later entry is known.
 */
import type { Say } from "./book-effects.ts";
import type { Entry, Outcome, OwnerValue } from "./directory-kv.ts";
import type { KeptShares } from "./kept-shares.ts";
import type { KnownShares } from "./known-shares.ts";
import type { Change, Slot, Wanted } from "./slot.ts";
import type { Slots } from "./slots.ts";
import type { WaitingClaims } from "./waiting-claims.ts";

/** Changes that wait for their outcome at once. Further changes wait for these, so that they do not flood NATS. */
export const CHANGES_MOST = 256;
/** The outcome of a change counts as unknown after so long. ms */
export const CHANGE_MS = 30_000;
/** Between two tries of a change; doubled with each try while no claim waits for it. ms */
export const AGAIN_MS = 1000;
const DOUBLED_MOST = 5;
/** The watch tells a done change within this time; else the directory has lost it. ms */
export const TOLD_MS = 30_000;

export interface ShareChangesHost {
  readonly me: string;
  readonly known: KnownShares;
  /** The entry that the directory shall have for a share of this relay. */
  readonly ownerValue: (share: Pick<Slot, "key" | "channel" | "kept" | "heritage">) => OwnerValue;
  /** Takes over the known entry of a share; undefined: there is none. */
  readonly learn: (name: string, value: OwnerValue | undefined, revision: number) => void;
  readonly say: Say;
}

interface Parts {
  readonly slots: Slots;
  readonly claims: WaitingClaims;
  readonly kept: KeptShares;
}

export class ShareChanges {
  readonly #host: ShareChangesHost;
  readonly #parts: Parts;
  readonly #changes = new Map<number, Change>();
  #changesEver = 0;

  constructor(host: ShareChangesHost, parts: Parts) {
    this.#host = host;
    this.#parts = parts;
  }

  get size(): number {
    return this.#changes.size;
  }

  get isFull(): boolean {
    return this.#changes.size >= CHANGES_MOST;
  }

  begin(slot: Slot, { isPut, compared }: Wanted, now: number): void {
    const { ownerValue, say } = this.#host;
    const op = ++this.#changesEver;
    const claims = new Set(slot.heritage === undefined ? slot.claims : []);
    const value = isPut ? ownerValue(slot) : undefined;
    slot.change = { op, slot, isPut, compared, value, claims, at: now, isOutdated: false };
    this.#changes.set(op, slot.change);
    const change = { op, key: slot.name, revision: compared };
    if (value !== undefined) say({ t: "put-share", ...change, value });
    else say({ t: "remove-share", ...change });
  }

  outcome(op: number, outcome: Outcome, now: number): void {
    const change = this.#changes.get(op);
    if (change === undefined) return;
    const { me, known, learn } = this.#host;
    const { slots, claims, kept } = this.#parts;
    const { slot, isPut, compared, value } = change;
    this.#changes.delete(op);
    slot.change = undefined;
    slots.touch(slot);
    const isSame = (known.get(slot.name)?.revision ?? 0) === compared;
    if (outcome.t === "done") {
      slot.tries = 0;
      slot.notBefore = 0;
      const { revision } = outcome;
      if (isSame) {
        slot.untold = { revision, until: now + TOLD_MS, word: undefined };
        learn(slot.name, value, revision);
      }
      if (!isPut) return;
      slot.proven = revision;
      if (!change.isOutdated) slot.isUnproven = slot.isDoubted = false;
      // Otherwise the watch knows more: another relay has taken the share since, or removed the entry.
      if (known.get(slot.name)?.relay === me) claims.pass(slot, change.claims, now);
      return;
    }
    slot.tries++;
    const doubled = slot.claims.length > 0 ? 0 : Math.min(slot.tries - 1, DOUBLED_MOST);
    const isNews = outcome.t === "conflict" && !isSame;
    // Another relay has the share, and this relay has no room to know of it.
    if (outcome.t === "conflict" && compared === 0 && known.isFull) kept.disinherit(slot);
    slot.notBefore = isNews ? 0 : now + AGAIN_MS * 2 ** doubled;
    if (outcome.t === "unknown") claims.passUnproven(slot, now);
  }

  tick(now: number): void {
    for (const [op, { at }] of this.#changes) {
      if (now - at >= CHANGE_MS) this.outcome(op, { t: "unknown", why: "no answer" }, now);
    }
  }

  /** Looks whether the watch told a done change in time; else the directory has lost it. */
  tickUntold(slot: Slot, now: number): void {
    if (slot.untold !== undefined && now >= slot.untold.until) this.trustWatch(slot);
  }

  /** @returns whether the watch tells an entry from before a done change of this relay, which is no news */
  isBehind({ key: name, value, revision }: Entry<OwnerValue>): boolean {
    const untold = this.#parts.slots.get(name)?.untold;
    if (untold === undefined || revision >= untold.revision) return false;
    untold.word = { value, revision };
    return true;
  }

  /** From now on the watch counts, whatever the outcome of a change was. */
  trustWatch(slot: Slot): void {
    const word = slot.untold?.word;
    slot.untold = undefined;
    if (word !== undefined) this.#host.learn(slot.name, word.value, word.revision);
    this.#parts.slots.touch(slot);
  }
}
