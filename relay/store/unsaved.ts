import type { FaultError } from "../../protocol/mod.ts";

import type { Batch, BookEffect, Pending } from "./book-effects.ts";
import { factsOf, isWhole, stateOf, type Kept } from "./kept-share.ts";
import type { Tombstones } from "./tombstones.ts";

/** Effects that wait for a save. Beyond them the book drops effects of receivers, which say them again or come again. items */
export const EFFECTS_MOST = 100_000;

interface Gathered {
  /** Keys of shares that changed. */
  readonly shares: Set<string>;
  /** The shares among them that were whole when the save began. */
  whole: readonly Kept[];
  /** Places of shares that are gone, with their keys. */
  readonly removed: Map<string, string>;
  /** Keys of tombstones that are new, or not needed any more. */
  readonly tombstones: Set<string>;
  /** Keys of shares whose state is to be told. */
  readonly states: Set<string>;
  /** They come before the states: a receiver that is through hears that before none may begin. */
  readonly counted: Pending[];
  readonly effects: Pending[];
}

function nothing(): Gathered {
  return {
    shares: new Set(),
    whole: [],
    removed: new Map(),
    tombstones: new Set(),
    states: new Set(),
    counted: [],
    effects: [],
  };
}

const READING: ReadonlySet<BookEffect["t"]> = new Set(["open", "looked-up"]);

function pendingOf(effect: BookEffect): Pending {
  return { t: effect.t, ...("key" in effect && { key: effect.key }), make: () => effect };
}

/** The changes since the last save, and the effects that leave after the next. */
export class Unsaved {
  readonly #kept: ReadonlyMap<string, Kept>;
  readonly #tombstones: Tombstones;
  #gathered = nothing();
  /** Is being saved. */
  #leaving: Gathered | undefined;
  /** More than progress of an upload. */
  #isUrgent = false;
  /** Since when there is progress. ms */
  #since: number | undefined;

  constructor(kept: ReadonlyMap<string, Kept>, tombstones: Tombstones) {
    this.#kept = kept;
    this.#tombstones = tombstones;
  }

  share(key: string): void {
    this.#gathered.shares.add(key);
    this.#isUrgent = true;
  }

  progress(key: string, now: number): void {
    this.#gathered.shares.add(key);
    this.#since ??= now;
  }

  removed(place: string, key: string): void {
    this.#gathered.removed.set(place, key);
    this.#isUrgent = true;
  }

  tombstone(key: string): void {
    this.#gathered.tombstones.add(key);
    this.#isUrgent = true;
  }

  state(key: string): void {
    this.#gathered.states.add(key);
  }

  counted(effect: BookEffect): void {
    if (this.#gathered.counted.length >= EFFECTS_MOST) return;
    this.#gathered.counted.push(pendingOf(effect));
    this.#isUrgent = true;
  }

  effect(pending: Pending): void {
    const { effects } = this.#gathered;
    const isForReceivers = pending.worker !== undefined && pending.refuse === undefined;
    if (isForReceivers && effects.length >= EFFECTS_MOST) return;
    effects.push(pending);
    this.#isUrgent = true;
  }

  say(effect: BookEffect): void {
    this.effect(pendingOf(effect));
  }

  /** Effects for that worker are dropped. */
  workerLost(worker: number): void {
    const { effects } = this.#gathered;
    const left = effects.filter((each) => each.worker !== worker);
    effects.splice(0, effects.length, ...left);
  }

  /** @param patience progress waits so long for more. @returns undefined: there is nothing, or it waits */
  take(now: number, patience: number): Batch | undefined {
    const isDue = this.#since !== undefined && now - this.#since >= patience;
    if (!this.#isUrgent && !isDue) return undefined;
    const leaving = this.#gathered;
    this.#leaving = leaving;
    this.#gathered = nothing();
    this.#isUrgent = false;
    this.#since = undefined;
    const shares = [...leaving.shares].flatMap((key) => this.#kept.get(key) ?? []);
    leaving.whole = shares.filter(isWhole);
    const tombstones = [...leaving.tombstones].flatMap((key) => this.#tombstones.get(key) ?? []);
    const forgotten = [...leaving.tombstones].filter(
      (key) => this.#tombstones.get(key) === undefined,
    );
    const removed = [...leaving.removed.keys()];
    const change = { shares: shares.map(factsOf), removed, tombstones, forgotten };
    const isEmpty = [change.shares, removed, tombstones, forgotten].every(
      ({ length }) => length === 0,
    );
    return { change, isEmpty, effects: this.#effectsOf(leaving) };
  }

  #effectsOf({ counted, states, effects }: Gathered): BookEffect[] {
    const made = (list: readonly Pending[]) => list.flatMap(({ make }) => make() ?? []);
    const told = [...states].flatMap((key): BookEffect[] => {
      const one = this.#kept.get(key);
      // Of a new share its claim tells it, after the end of one with the same key.
      if (one?.isSaved !== true) return [];
      return [{ t: "state", key, state: stateOf(one), durable: one.durable.size }];
    });
    return [...made(counted), ...told, ...made(effects)];
  }

  saved(): void {
    const { shares, whole } = this.#leaving ?? nothing();
    this.#leaving = undefined;
    for (const key of shares) {
      const one = this.#kept.get(key);
      if (one !== undefined) one.isSaved = true;
    }
    for (const one of whole) one.isSavedWhole = true;
  }

  /** Whether changes wait to be saved. */
  get hasChanges(): boolean {
    const { shares, removed, tombstones } = this.#gathered;
    return shares.size + removed.size + tombstones.size > 0;
  }

  /** Effects that need no save first: they let receivers read, and give them no more than after a save. */
  takeReading(): BookEffect[] {
    const effects = this.#gathered.effects.splice(0);
    this.#gathered.effects.push(...effects.filter(({ t }) => !READING.has(t)));
    return effects.filter(({ t }) => READING.has(t)).flatMap(({ make }) => make() ?? []);
  }

  /** Another relay keeps the share now: its changes are not saved, and its effects do not leave. */
  forget(key: string): void {
    for (const each of [this.#leaving, this.#gathered]) {
      if (each === undefined) continue;
      for (const keys of [each.shares, each.tombstones, each.states]) keys.delete(key);
      for (const [place, of] of each.removed) if (of === key) each.removed.delete(place);
      for (const list of [each.counted, each.effects]) {
        list.splice(0, list.length, ...list.filter((effect) => effect.key !== key));
      }
    }
  }

  /** A save takes long. @returns the effects to carry out at once, in place of all that have `refuse` */
  refuse(fault: FaultError): BookEffect[] {
    return [this.#leaving, this.#gathered].flatMap((each) => {
      const effects = each?.effects.splice(0) ?? [];
      each?.effects.push(...effects.filter(({ refuse }) => refuse === undefined));
      return effects.flatMap(({ refuse }) => refuse?.(fault) ?? []);
    });
  }

  /**
   * All of it is tried again with the next save, but for what is refused.
   * @returns keys of the shares that were not saved, and the effects to carry out at once
   */
  failed(fault: FaultError): { readonly keys: readonly string[]; readonly effects: BookEffect[] } {
    const leaving = this.#leaving ?? nothing();
    this.#leaving = undefined;
    const later = this.#gathered;
    const waiting = leaving.effects.filter(({ refuse }) => refuse === undefined);
    this.#gathered = {
      shares: leaving.shares.union(later.shares),
      whole: [],
      removed: new Map([...leaving.removed, ...later.removed]),
      tombstones: leaving.tombstones.union(later.tombstones),
      states: leaving.states.union(later.states),
      counted: [...leaving.counted, ...later.counted].slice(0, EFFECTS_MOST),
      effects: [...waiting, ...later.effects],
    };
    this.#isUrgent = true;
    const effects = leaving.effects.flatMap(({ refuse }) => refuse?.(fault) ?? []);
    return { keys: [...leaving.shares], effects };
  }
}
