/**
 * The records of one stored share, at the worker that is its home. `DiskRecords` and `S3Records` are such stores; the
 * share's desk uses them. Records are frames of the wire: a store knows nothing of what is in them.
 */
import type { FaultError } from "../../protocol/mod.ts";

/** Records in a row. */
export interface RecordRun {
  first: number;
  count: number;
}

export interface RecordStore {
  /**
   * Takes a copy of a frame.
   * @returns false: too much waits to be written; `room` tells when there is room again
   */
  write(index: number, frame: Uint8Array): boolean;
  /** Whether `read` finds it, durable or not. */
  has(index: number): boolean;
  /** Calls `done` in a later turn, with a frame that is right or a fault. The frame is valid during the call alone. */
  read(index: number, done: (frame: Uint8Array | FaultError) => void): void;
  /** Makes durable what came, without waiting for more. */
  flush(): void;
  /** Lets go of files and memory; calls nothing any more. Durable records stay. */
  close(): void;
}

export interface RecordStoreEvents {
  /** `write` takes records again. */
  room(): void;
  /** These records survive a crash from now on. */
  durable(runs: readonly RecordRun[]): void;
  /** `store-full` or `store-failed`: nothing can be written any more. */
  failed(fault: FaultError): void;
}

/** The facts of a share that its store needs. */
export interface StoredShape {
  /** See `StoredState.place`. */
  readonly place: string;
  /** Bytes of each frame but the last. */
  readonly frameBytes: number;
  /** Undefined: the share is open, and its end is not known yet. */
  readonly records: number | undefined;
  /** Durable by now. */
  readonly durable: readonly RecordRun[];
}

/**
 * Opens the records of a share, those that are there and those to come. It tells its failures by `failed`, in a later
 * turn.
 */
export type OpenRecords = (shape: StoredShape, events: RecordStoreEvents) => RecordStore;

/** Where a relay stores shares; plain values, for the workers. */
export type StorePlace =
  | {
      readonly kind: "disk";
      /** The folder of the records, which exists and is this user's alone. */
      readonly folder: string;
    }
  | {
      readonly kind: "s3";
      readonly bucket: string;
      /** Before each key; ends with a slash unless empty. */
      readonly prefix: string;
      readonly endpoint: string | undefined;
      readonly region: string | undefined;
      readonly accessKeyId: string | undefined;
      readonly secretAccessKey: string | undefined;
      readonly sessionToken: string | undefined;
    };
