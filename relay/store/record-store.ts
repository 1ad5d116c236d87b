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

/** How long a relay waits for S3. */
export interface S3Times {
  /** The first pause between two tries is half of this to all of it; each further one is twice as long. ms */
  readonly pauseMs: number;
  /** The longest pause. ms */
  readonly pauseMostMs: number;
  /** An answer without a body may take so long. ms */
  readonly answerMs: number;
  /** A body may take as long as at this rate: a slower store is taken for one that hangs. bytes a second */
  readonly leastRate: number;
  /** The operator hears of a store that is away so long after a first try. ms */
  readonly tellMs: number;
  /**
   * A request that failed so long after its first try is not tried again. A server of objects starts again within minutes,
   * and receivers that wait longer may rather hear why. ms
   */
  readonly giveUpMs: number;
  /** See `S3Lease`: so long a relay waits after another one on some other machine that was killed. ms */
  readonly leaseMs: number;
}

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
      /** Undefined: `S3_TIMES`; tests have shorter ones. */
      readonly times?: S3Times;
    };
