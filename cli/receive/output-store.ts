/** A share that is written to the standard output as it comes, and nowhere else. */
import { write } from "node:fs";
import { promisify } from "node:util";
import { FaultError } from "../../protocol/wire/faults.ts";

import type { Manifest } from "../../protocol/content/manifest.ts";
import { diskFault, errorCode } from "../system/system-error.ts";
import { StreamStore } from "./store.ts";
import { setTimeout as sleep } from "node:timers/promises";

/**
 * Bytes that wait for the reader of the standard output; above them the line to the relay is not
 * read.
 */
const OUTPUT_BUFFER_BYTES = 2 * 1024 ** 2;
/** Arrays that were written and are kept: the records that wait while the line is read. */
const ARRAYS_KEPT = 3;
const writeBeside = promisify(write);

/** Time between two tries to write to a full pipe that does not block. */
const FULL_OUTPUT_MS = 5;

export interface Reader {
  /** Too much waits: nothing more shall come until `resume`. */
  readonly pause: () => void;
  readonly resume: () => void;
  readonly failed: (fault: FaultError) => void;
}

/**
 * Off the thread, so that whoever reads slowly or not at all holds up neither the line to the relay
 * nor Ctrl-C. The reader of the line bounds the bytes that wait: it is told to stop.
 */
export class OutputStore extends StreamStore {
  readonly #fd: number;
  readonly #reader: Reader;
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  /**
   * Arrays that were written, for what comes next: the first touch of fresh pages costs more than the copy. A window
   * of records may wait at once when several connections bring the first of them last, so most are let go.
   */
  readonly #written: Uint8Array[] = [];
  #paused = false;
  #pump: Promise<void> | undefined;
  #failed: FaultError | undefined;
  #closed = false;

  constructor(manifest: Manifest, headBytes: number, fd: number, reader: Reader) {
    super(manifest, headBytes);
    this.#fd = fd;
    this.#reader = reader;
  }

  override async close(): Promise<undefined> {
    this.#closed = true;
    this.#waiting = [];
    return undefined;
  }

  protected override take(bytes: Uint8Array): void {
    if (this.#failed !== undefined) throw this.#failed;
    if (bytes.length === 0) return;
    this.#waiting.push(this.#copyOf(bytes));
    this.#waitingBytes += bytes.length;
    if (!this.#paused && this.#waitingBytes >= OUTPUT_BUFFER_BYTES) {
      this.#paused = true;
      this.#reader.pause();
    }
    this.#pump ??= this.#write().finally(() => {
      this.#pump = undefined;
    });
  }

  protected override async flush(): Promise<void> {
    while (this.#pump !== undefined) await this.#pump;
    if (this.#failed !== undefined) throw this.#failed;
  }

  async #write(): Promise<void> {
    try {
      for (let part = this.#waiting.shift(); part !== undefined; part = this.#waiting.shift()) {
        await this.#writeFully(part);
        this.#waitingBytes -= part.length;
        if (this.#written.length < ARRAYS_KEPT) this.#written.push(part);
        if (this.#paused && this.#waitingBytes < OUTPUT_BUFFER_BYTES) {
          this.#paused = false;
          this.#reader.resume();
        }
      }
    } catch (error) {
      this.#failed =
        errorCode(error) === "EPIPE"
          ? new FaultError("output-closed")
          : diskFault(error, "the standard output");
      this.#waiting = [];
      this.#reader.failed(this.#failed);
    }
  }

  #copyOf(bytes: Uint8Array): Uint8Array {
    const room = this.#written.pop();
    // All records have one length but the last, and those of a stream.
    if (room?.length !== bytes.length) return bytes.slice();
    room.set(bytes);
    return room;
  }

  async #writeFully(bytes: Uint8Array): Promise<void> {
    for (let done = 0; done < bytes.length && !this.#closed;) {
      try {
        const { bytesWritten } = await writeBeside(this.#fd, bytes, done, bytes.length - done);
        done += bytesWritten;
      } catch (error) {
        // A pipe that another has made non-blocking, and that is full.
        if (errorCode(error) !== "EAGAIN") throw error;
        await sleep(FULL_OUTPUT_MS);
      }
    }
  }
}
