/** A share's records in S3, and all that its store said. */
import type { FaultError } from "../../protocol/mod.ts";
import { RecordSet } from "../../relay/store/record-set.ts";
import type { RecordRun, RecordStore, S3Times } from "../../relay/store/record-store.ts";
import type { MayWrite, OnAway, S3Place } from "../../relay/store/s3-bucket.ts";
import { S3Store, type S3Tuning } from "../../relay/store/s3-records.ts";
import { seededBytes } from "./disk.ts";
import { until } from "./until.ts";

/** All tries fit into a moment, and none is given up because the machine is busy. */
export const QUICK: S3Times = {
  pauseMs: 2,
  pauseMostMs: 4,
  answerMs: 60_000,
  leastRate: 1024 ** 3,
  tellMs: Infinity,
  giveUpMs: Infinity,
  leaseMs: 30_000,
};
/** For a store that does not answer. */
export const IMPATIENT: S3Times = { ...QUICK, answerMs: 300 };
/** Frames of which 16 are one part, and 4 are one range. */
export const FRAME = 32 * 1024;
export const PER_PART = 16;
const TUNING: S3Tuning = {
  partBytes: PER_PART * FRAME,
  rangeBytes: 4 * FRAME,
  idleMs: 60_000,
  gatheredBytes: 1024 * FRAME,
  rangesBytes: 1024 * FRAME,
};

/** Made once: they take the processor longer than the store. */
const frames = new Map<string, Uint8Array>();

export interface S3ShareOptions {
  readonly records?: number | undefined;
  readonly durable?: readonly RecordRun[];
  readonly frameBytes?: number;
  readonly times?: S3Times;
  readonly store?: S3Store;
  readonly tuning?: Partial<S3Tuning>;
  readonly place?: string;
  readonly onAway?: OnAway;
  readonly may?: MayWrite;
}

export class S3Share implements Disposable {
  readonly store: S3Store;
  readonly records: RecordStore;
  readonly durable = new RecordSet();
  readonly faults: FaultError[] = [];
  rooms = 0;
  readonly #frameBytes: number;
  readonly #count: number | undefined;

  constructor(place: S3Place, options: S3ShareOptions) {
    const {
      records,
      durable = [],
      frameBytes = FRAME,
      times = QUICK,
      tuning,
      place: name = "a".repeat(32),
    } = options;
    this.#frameBytes = frameBytes;
    this.#count = records;
    this.store =
      options.store ??
      new S3Store({ ...place, times }, options.onAway, { ...TUNING, ...tuning }, options.may);
    this.records = this.store.open(
      { place: name, frameBytes, records, durable },
      {
        room: () => void this.rooms++,
        durable: (runs) => {
          for (const { first, count } of runs) this.durable.add(first, count);
        },
        failed: (fault) => void this.faults.push(fault),
      },
    );
  }

  /** The last one is short, as that of a real share. */
  frame(index: number): Uint8Array {
    const bytes = index + 1 === this.#count ? 100 : this.#frameBytes;
    const made = frames.get(`${index} ${bytes}`) ?? seededBytes(index + 1, bytes);
    frames.set(`${index} ${bytes}`, made);
    return made;
  }

  async write(...indexes: number[]): Promise<void> {
    for (const index of indexes) {
      while (!this.records.write(index, this.frame(index))) {
        const { rooms } = this;
        await until(() => this.rooms > rooms || this.faults.length > 0);
        const fault = this.faults[0];
        if (fault !== undefined) throw fault;
      }
    }
  }

  async untilDurable(records: number): Promise<void> {
    await until(() => this.durable.size >= records || this.faults.length > 0);
    const fault = this.faults[0];
    if (fault !== undefined) throw fault;
  }

  read(index: number): Promise<Uint8Array | FaultError> {
    return new Promise((resolve) => {
      this.records.read(index, (frame) => {
        resolve(frame instanceof Uint8Array ? frame.slice() : frame);
      });
    });
  }

  /** Whether each of these reads as it was written. */
  async isRight(...indexes: number[]): Promise<boolean> {
    const read = await Promise.all(indexes.map((index) => this.read(index)));
    return read.every((frame, at) => {
      return frame instanceof Uint8Array && Buffer.compare(frame, this.frame(indexes[at]!)) === 0;
    });
  }

  [Symbol.dispose](): void {
    this.records.close();
  }
}

/** Numbers from 0 on. */
export function upTo(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index);
}

/** Writes records at the place of a share. */
export async function withRecords(
  bucket: S3Place,
  { place }: { readonly place: string },
): Promise<void> {
  using share = new S3Share(bucket, { records: 20, place });
  await share.write(...upTo(20));
  await share.untilDurable(20);
}
