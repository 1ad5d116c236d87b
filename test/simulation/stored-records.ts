/** The records of one stored share at one worker; mirrors relay/store/disk-records.ts. */
import { FaultError } from "../../protocol/mod.ts";
import { SYNC_MS } from "../../relay/store/disk-records.ts";
import { RecordSet } from "../../relay/store/record-set.ts";
import type {
  RecordRun,
  RecordStore,
  RecordStoreEvents,
  StoredShape,
} from "../../relay/store/record-store.ts";

import type { Timer } from "./clock.ts";
import type { Random } from "./random.ts";
import { SLOW_EVERY, SLOW_TIMES, type DiskHabits, type StoredFile } from "./stored-file.ts";
import { Violation, type World } from "./world.ts";

type Done = Parameters<RecordStore["read"]>[1];

/** The longest that the opening of a file takes. ms */
const OPEN_MS = 5;

export interface RecordsDisk {
  readonly world: World;
  readonly random: Random;
  readonly habits: DiskHabits;
  /** @param isNew it has no durable record. @returns undefined: there is none */
  open(place: string, isNew: boolean): StoredFile | undefined;
}

export class SimRecords implements RecordStore {
  readonly #disk: RecordsDisk;
  readonly #shape: StoredShape;
  readonly #events: RecordStoreEvents;
  readonly #had: RecordSet;
  #step: "opening" | "open" | "failed" | "closed" = "opening";
  #file: StoredFile | undefined;
  readonly #waiting = new Map<number, Uint8Array>();
  #isFull = false;
  #unsynced = new RecordSet();
  #isSyncing = false;
  #isHurried = false;
  #timer: Timer | undefined;
  readonly #wishes: { readonly index: number; readonly done: Done }[] = [];

  constructor(disk: RecordsDisk, shape: StoredShape, events: RecordStoreEvents) {
    this.#disk = disk;
    this.#shape = shape;
    this.#events = events;
    this.#had = new RecordSet(shape.durable);
    this.#after(OPEN_MS, () => this.#open());
  }

  has(index: number): boolean {
    return this.#had.has(index);
  }

  write(index: number, frame: Uint8Array): boolean {
    if (this.#step === "failed" || this.#step === "closed" || this.has(index)) return true;
    const { habits, random, world } = this.#disk;
    // Other shares may have all of the memory.
    const isCrowded = world.faulty && random.chance(0.02);
    if (this.#waiting.size >= habits.queue || isCrowded) {
      world.count("store without room");
      if (!this.#isFull && this.#waiting.size === 0) {
        this.#after(habits.writeMs, () => this.#tellRoom());
      }
      this.#isFull = true;
      return false;
    }
    this.#waiting.set(index, frame.slice());
    this.#had.add(index);
    if (this.#step === "open") this.#write(index);
    return true;
  }

  read(index: number, done: Done): void {
    const waiting = this.#waiting.get(index);
    if (waiting !== undefined) {
      this.#after(0, () => this.#lend(waiting, done));
      return;
    }
    this.#wishes.push({ index, done });
    if (this.#step === "open") this.#read();
    else if (this.#step === "failed") this.#after(0, () => this.#failWishes());
  }

  flush(): void {
    this.#isHurried = true;
    this.#sync();
  }

  close(): void {
    this.#step = "closed";
    this.#timer?.cancel();
    this.#wishes.length = 0;
  }

  #open(): void {
    this.#file = this.#disk.open(this.#shape.place, this.#shape.durable.length === 0);
    if (this.#file === undefined) {
      this.#fail("the file is gone");
      return;
    }
    this.#step = "open";
    for (const index of this.#waiting.keys()) this.#write(index);
    for (let left = this.#wishes.length; left > 0; left--) this.#read();
  }

  #write(index: number): void {
    const { habits, random, world } = this.#disk;
    this.#after(habits.writeMs, () => {
      const bytes = this.#waiting.get(index);
      if (bytes === undefined || this.#step !== "open") return;
      this.#waiting.delete(index);
      if (world.faulty && random.chance(habits.failedWrite)) {
        world.count("store failed to write");
        this.#fail("EIO");
        return;
      }
      // Another home of the share may have written it before: the same bytes stay what they are.
      const isDurable = this.#file?.slots.get(index)?.isDurable === true;
      this.#file?.slots.set(index, { bytes, isDurable });
      this.#unsynced.add(index);
      this.#tellRoom();
      this.#sync();
    });
  }

  #tellRoom(): void {
    if (!this.#isFull || this.#step === "failed") return;
    if (this.#waiting.size > this.#disk.habits.queue / 2) return;
    this.#isFull = false;
    this.#events.room();
  }

  #sync(): void {
    const { habits } = this.#disk;
    if (this.#step !== "open" || this.#isSyncing || this.#unsynced.size === 0) return;
    const isHurried = this.#isHurried && this.#waiting.size === 0;
    if (this.#unsynced.size < habits.unsynced && !isHurried) {
      this.#timer ??= this.#disk.world.clock.after(SYNC_MS, () => {
        this.#timer = undefined;
        this.#isHurried = true;
        this.#sync();
      });
      return;
    }
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#isHurried = false;
    this.#isSyncing = true;
    const { runs } = this.#unsynced;
    this.#unsynced = new RecordSet();
    this.#after(habits.syncMs, () => this.#synced(runs));
  }

  #synced(runs: readonly RecordRun[]): void {
    const { habits, random, world } = this.#disk;
    this.#isSyncing = false;
    if (this.#step !== "open") return;
    if (world.faulty && random.chance(habits.failedWrite)) {
      world.count("store failed to sync");
      this.#fail("EIO");
      return;
    }
    for (const { first, count } of runs) {
      for (let index = first; index < first + count; index++) {
        const slot = this.#file?.slots.get(index);
        if (slot !== undefined) slot.isDurable = true;
      }
    }
    this.#events.durable(runs);
    this.#sync();
  }

  #read(): void {
    this.#after(this.#disk.habits.readMs, () => {
      const wish = this.#wishes.shift();
      if (wish === undefined) return;
      const slot = this.#file?.slots.get(wish.index);
      if (slot === undefined) throw new Violation(`the store has lost record ${wish.index}`);
      this.#disk.world.count("record read from the store");
      this.#lend(slot.bytes, wish.done);
    });
  }

  /** Its memory is another record's afterwards. */
  #lend(bytes: Uint8Array, done: Done): void {
    const lent = bytes.slice();
    done(lent);
    lent.fill(0xaa);
  }

  #fail(why: string): void {
    if (this.#step === "failed") return;
    this.#step = "failed";
    this.#timer?.cancel();
    this.#failWishes();
    this.#events.failed(new FaultError("store-failed", why));
  }

  #failWishes(): void {
    for (const { done } of this.#wishes.splice(0)) {
      done(new FaultError("store-failed", "a record cannot be read"));
    }
  }

  /** Nothing is called after `close`. */
  #after(most: number, run: () => void): void {
    const { random, world } = this.#disk;
    const isSlow = most > 0 && random.chance(1 / SLOW_EVERY);
    const ms = most === 0 ? 0 : random.scale(most / 100, most) * (isSlow ? SLOW_TIMES : 1);
    world.clock.after(ms, () => {
      if (this.#step !== "closed") run();
    });
  }
}
