/**
 * A store that outlives the relays of a simulation: a disk with the records of stored shares and the ledger of their
 * facts. A crash loses what is not durable, or a part of it. It knows what was saved when, so it checks at each save,
 * each start and each word of the relay what must hold.
 */
import {
  FaultError,
  equalBytes,
  toHex,
  type FaultCode,
  type Message,
  type StoreEnd,
} from "../../protocol/mod.ts";
import { factsText, parseShare, parseTombstone } from "../../relay/store/facts.ts";
import type { Ledger, LedgerChange } from "../../relay/store/ledger.ts";
import type { OpenStore } from "../../relay/store/open-store.ts";
import { RecordSet } from "../../relay/store/record-set.ts";
import type { OpenRecords, RecordRun } from "../../relay/store/record-store.ts";
import type { StoredShare, Tombstone } from "../../relay/store/stored-share.ts";

import { settling } from "../support/relay/record-stores.ts";

import type { Copies } from "./copies.ts";
import type { Random } from "./random.ts";
import type { SimShare } from "./share.ts";
import { SLOW_EVERY, SLOW_TIMES, type DiskHabits, type StoredFile } from "./stored-file.ts";
import { SimRecords } from "./stored-records.ts";
import { Violation, type World } from "./world.ts";

/** Between a save and the last worker that hears of it: messages take 2 ms at most. ms */
const HEARD_MS = 50;

interface Saved {
  readonly text: string;
  readonly share: StoredShare;
  readonly durable: RecordSet;
}

/** The last download of a share is counted. */
export interface Exhaustion {
  /** Since when the relay knows that it is saved. ms */
  knownAt: number;
  /** In hex, receivers that may finish. */
  readonly begun: ReadonlySet<string>;
}

export class SimStore {
  readonly #world: World;
  readonly #random: Random;
  readonly #habits: DiskHabits;
  readonly #shares: ReadonlyMap<string, SimShare>;
  readonly #copies: Copies;
  readonly #files = new Map<string, StoredFile>();
  /** By place. */
  readonly #saved = new Map<string, Saved>();
  readonly #tombstones = new Map<string, { readonly text: string; readonly it: Tombstone }>();
  /** Records that a sender was told to be durable, by place. */
  readonly #told = new Map<string, number>();
  /** By key. */
  readonly #exhausted = new Map<string, Exhaustion>();
  /** Why shares were over, by key; a sender may store one anew that has expired. */
  readonly #ends = new Map<string, Set<StoreEnd>>();
  /** Keys of shares that ever were whole here. */
  readonly #wasWhole = new Set<string>();
  /** Keys of shares that a sender offered to this relay. */
  readonly #claimed = new Set<string>();
  /** By key, the worker with the sender, and the records that it must know to be durable. */
  readonly #homes = new Map<string, { readonly worker: number; readonly known: RecordSet }>();
  /** Receivers that came too late to begin, in hex. */
  readonly #barred = new Set<string>();
  #records: { readonly worker: object; readonly store: SimRecords }[] = [];
  #places = 0;
  /** The relay, until its main thread ends. */
  #relay = { isAlive: true };

  constructor(
    world: World,
    habits: DiskHabits,
    shares: ReadonlyMap<string, SimShare>,
    copies: Copies,
  ) {
    this.#world = world;
    this.#random = world.fork("store");
    this.#habits = habits;
    this.#shares = shares;
    this.#copies = copies;
  }

  newPlace(): string {
    return (++this.#places).toString(16).padStart(32, "0");
  }

  // The disk, for a relay

  /** A relay starts. @throws Violation */
  open(): OpenStore {
    this.#claimed.clear();
    this.#homes.clear();
    this.#noteKnown();
    const known = new Set(this.#saved.keys());
    for (const place of this.#files.keys()) if (!known.has(place)) this.#files.delete(place);
    for (const one of this.#saved.values()) this.#checkKept(one);
    const shares = [...this.#saved.values()].map(({ text }) => mustParse(parseShare(text)));
    const tombstones = [...this.#tombstones.values()].map(({ text }) =>
      mustParse(parseTombstone(text)),
    );
    return {
      ledger: this.#ledger(),
      saved: { shares, tombstones },
      place: { kind: "disk", folder: "" },
      hashOf: (address) => address,
    };
  }

  #ledger(): Ledger {
    const relay = { isAlive: true };
    this.#relay = relay;
    return {
      load: () => Promise.reject(new Error("it was loaded")),
      close: () => Promise.resolve(),
      save: (change) =>
        this.#later(relay, this.#habits.saveMs, this.#habits.failedSave, () => {
          this.#apply(change);
        }),
      removeRecords: (place) =>
        this.#later(relay, this.#habits.saveMs, this.#habits.failedRemoval, () => {
          this.#files.delete(place);
        }),
    };
  }

  /**
   * Settles in virtual time. Its effect comes somewhere on the way, so a crash leaves all of it or none; and one that
   * fails may have its effect too.
   */
  #later(
    relay: { readonly isAlive: boolean },
    mostMs: number,
    failed: number,
    effect: () => void,
  ): PromiseLike<void> {
    const random = this.#random;
    const isSlow = random.chance(1 / SLOW_EVERY);
    const ms = random.scale(mostMs / 100, mostMs) * (isSlow ? SLOW_TIMES : 1);
    const fails = this.#world.faulty && random.chance(failed);
    const effectMs = fails && random.chance(0.7) ? Infinity : ms * random.next();
    const { clock } = this.#world;
    if (effectMs < Infinity) {
      clock.after(effectMs, () => {
        if (relay.isAlive) effect();
      });
    }
    if (fails) this.#world.count("store failed to save");
    return settling((settle) => {
      clock.after(ms, () => {
        if (!relay.isAlive) return;
        if (!fails) this.#noteKnown();
        settle(fails ? new FaultError("store-failed") : undefined);
      });
    });
  }

  #noteKnown(): void {
    const { now } = this.#world.clock;
    for (const each of this.#exhausted.values()) each.knownAt = Math.min(each.knownAt, now);
  }

  /** For one worker. @param worker tells it from others */
  openerFor(worker: object): OpenRecords {
    const disk = {
      world: this.#world,
      random: this.#random,
      habits: this.#habits,
      open: (place: string, isNew: boolean) => {
        if (isNew && !this.#files.has(place)) this.#files.set(place, { slots: new Map() });
        return this.#files.get(place);
      },
    };
    return (shape, events) => {
      const store = new SimRecords(disk, shape, events);
      this.#records.push({ worker, store });
      return store;
    };
  }

  /** Its thread ended: what it gave to the kernel stays. */
  workerDied(worker: object): void {
    for (const each of this.#records) if (each.worker === worker) each.store.close();
    this.#records = this.#records.filter((each) => each.worker !== worker);
  }

  /** The main thread saves no more. */
  relayStopped(): void {
    this.#relay.isAlive = false;
  }

  /** The process ended, and by chance the whole machine. */
  relayGone(): void {
    if (this.#random.chance(0.5)) return;
    this.#world.count("power cut");
    for (const [place, { slots }] of this.#files) {
      for (const [index, { isDurable }] of slots) {
        if (!isDurable && this.#random.chance(0.5)) slots.delete(index);
      }
      if (slots.size === 0 && this.#random.chance(0.5)) this.#files.delete(place);
    }
  }

  // Facts, for the checks

  facts(key: string): StoredShare | undefined {
    return [...this.#saved.values()].find(({ share }) => share.key === key)?.share;
  }

  tombstone(key: string): Tombstone | undefined {
    return this.#tombstones.get(key)?.it;
  }

  endsOf(key: string): Iterable<StoreEnd> {
    return this.#ends.get(key) ?? [];
  }

  exhausted(key: string): Exhaustion | undefined {
    return this.#exhausted.get(key);
  }

  /** Whether nothing is on the disk but the records of shares in the ledger. */
  get isClean(): boolean {
    return [...this.#files.keys()].every((place) => this.#saved.has(place));
  }

  /** Each saved share is there and right. @throws Violation */
  check(): void {
    for (const one of this.#saved.values()) this.#checkKept(one);
  }

  // Words of the relay

  claimed(key: string): void {
    this.#claimed.add(key);
  }

  /** The directory gave the share to a sender at this worker, and told it what is saved. */
  opened(key: string, worker: number): void {
    // A desk that is open already looks into its own records alone.
    if (this.#homes.get(key)?.worker === worker) return;
    this.#homes.set(key, { worker, known: new RecordSet(this.facts(key)?.durable) });
  }

  /** The worker said that these are durable. The home does not know the late reports of another worker. */
  reported(key: string, worker: number, runs: readonly RecordRun[]): void {
    const home = this.#homes.get(key);
    if (home?.worker !== worker) return;
    for (const { first, count } of runs) home.known.add(first, count);
  }

  /** @throws Violation if a sender is asked for what is durable */
  wanted(key: string, first: number, count: number): void {
    const known = this.#homes.get(key)?.known;
    const durable = new RecordSet(this.facts(key)?.durable);
    for (let index = first; index < first + count; index++) {
      if (known?.has(index) !== true || !durable.has(index)) continue;
      throw new Violation(`record ${index} is asked for, and is durable`);
    }
  }

  /** @throws Violation if a share is offered that receivers can't have */
  offered({ list }: Extract<Message, { t: "offers" }>): void {
    for (const { share, stored } of list) {
      const key = toHex(share);
      if (this.#wasWhole.has(key)) continue;
      if (stored !== undefined) throw new Violation("a share is shown as stored and is not whole");
      if (!this.#claimed.has(key)) throw new Violation("a share without its sender is offered");
    }
  }

  /** A sender hears it. @throws Violation */
  storing(key: string, records: number): void {
    for (const { share, durable } of this.#saved.values()) {
      if (share.key !== key) continue;
      if (durable.size < records) {
        throw new Violation(`${records} records are said to be durable, ${durable.size} are`);
      }
      this.#told.set(share.place, Math.max(records, this.#told.get(share.place) ?? 0));
    }
  }

  /** A sender hears it. @throws Violation */
  stored(share: SimShare): void {
    if (!this.#wasWhole.has(share.key))
      throw new Violation("a share is said to be stored too soon");
    this.storing(share.key, share.records);
  }

  /** A receiver begins with nothing. */
  joins(key: string, receiver: Uint8Array): void {
    const exhausted = this.#exhausted.get(key);
    if (exhausted === undefined || this.#world.clock.now < exhausted.knownAt + HEARD_MS) return;
    if (!exhausted.begun.has(toHex(receiver))) this.#barred.add(toHex(receiver));
  }

  /** @throws Violation if no receiver should begin any more */
  took(receiver: Uint8Array): void {
    if (!this.#barred.has(toHex(receiver))) return;
    throw new Violation("a receiver begins with a share that is exhausted");
  }

  /** A receiver hears that it has the share. @throws Violation unless a crash can't make that untrue */
  confirmed(key: string, receiver: Uint8Array): void {
    if (this.#exhausted.get(key)?.begun.has(toHex(receiver)) === true) {
      this.#world.count("finished after the last download");
    }
    const receipts = (this.facts(key) ?? this.tombstone(key))?.receipts ?? [];
    if (receipts.some((each) => equalBytes(each.receiver, receiver))) return;
    throw new Violation("a receiver is told of a download that is not saved");
  }

  /** A receiver ends without the share. @throws Violation if it may finish */
  ended(key: string, receiver: Uint8Array, fault: FaultCode): void {
    this.#world.count(`stored share ended: ${fault}`);
    if (fault === "too-late") throw new Violation("a receiver of a stored share is too late");
    if (fault !== "exhausted" || this.#exhausted.get(key)?.begun.has(toHex(receiver)) !== true)
      return;
    throw new Violation("a receiver that had begun may not finish");
  }

  // Saving

  #apply({ shares, removed, tombstones, forgotten }: LedgerChange): void {
    for (const share of shares) this.#applyShare(share);
    for (const place of removed) {
      this.#saved.delete(place);
      this.#told.delete(place);
    }
    for (const it of tombstones) {
      this.#tombstones.set(it.key, { it, text: factsText(it) });
      this.#ends.set(it.key, (this.#ends.get(it.key) ?? new Set()).add(it.reason));
      // The last record and the last download may come in one save.
      if (it.records === this.#shares.get(it.key)?.records) this.#wasWhole.add(it.key);
      if (it.reason === "exhausted" && !this.#exhausted.has(it.key)) {
        this.#exhausted.set(it.key, { knownAt: Infinity, begun: new Set() });
      }
    }
    for (const key of forgotten) this.#tombstones.delete(key);
  }

  #applyShare(share: StoredShare): void {
    const { key, place } = share;
    const before = this.#saved.get(place);
    const durable = new RecordSet(share.durable);
    for (const { first, count } of share.durable) {
      for (let index = first; index < first + count; index++) {
        if (before?.durable.has(index) !== true) this.#checkRecord(share, index);
      }
    }
    this.#checkReceipts(share);
    if (before === undefined) this.#checkNew(key);
    const { downloads, downloadsMost, begun } = share;
    const isExhausted = downloadsMost !== undefined && downloads >= downloadsMost;
    const exhausted = this.#exhausted.get(key);
    if (isExhausted && begun.some((each) => exhausted?.begun.has(each) === false)) {
      throw new Violation("a receiver begins with a share that was exhausted");
    }
    if (isExhausted && exhausted === undefined) {
      this.#world.count("share exhausted");
      this.#exhausted.set(key, { knownAt: Infinity, begun: new Set(begun) });
    }
    if (durable.size === this.#shares.get(key)?.records) this.#wasWhole.add(key);
    this.#saved.set(place, { share, durable, text: factsText(share) });
  }

  /** A share that has expired may be stored anew. */
  #checkNew(key: string): void {
    const ends = this.#ends.get(key);
    if (ends?.has("exhausted") === true || ends?.has("revoked") === true) {
      throw new Violation("a share that is over is stored anew");
    }
  }

  /** Each download is of another receiver, which has all of it. */
  #checkReceipts({ key, downloads, receipts }: StoredShare): void {
    const share = this.#shares.get(key);
    if (share === undefined) throw new Violation("the store has an unknown share");
    const receivers = new Set(receipts.map(({ receiver }) => toHex(receiver)));
    if (receivers.size !== downloads || receipts.length !== downloads) {
      throw new Violation(`${downloads} downloads of ${receivers.size} receivers`);
    }
    for (const { receiver, records, mac } of receipts) {
      this.#copies.mustBeWhole(receiver, share);
      if (equalBytes(mac, share.mac(receiver, records))) continue;
      throw new Violation("a receipt is not what its receiver sent");
    }
  }

  #checkKept({ share, durable }: Saved): void {
    const told = this.#told.get(share.place) ?? 0;
    if (durable.size < told) {
      throw new Violation(`its sender was told of ${told} records, the ledger of ${durable.size}`);
    }
    for (const { first, count } of durable.runs) {
      for (let index = first; index < first + count; index++) this.#checkRecord(share, index);
    }
  }

  #checkRecord({ key, place }: StoredShare, index: number): void {
    const slot = this.#files.get(place)?.slots.get(index);
    const frame = this.#shares.get(key)?.frame(index);
    if (slot?.isDurable !== true || frame === undefined || !equalBytes(slot.bytes, frame)) {
      throw new Violation(`record ${index} is in the ledger, and not on the disk`);
    }
  }
}

function mustParse<T>(parsed: T | undefined): T {
  if (parsed === undefined) throw new Violation("the ledger can't be read again");
  return parsed;
}
