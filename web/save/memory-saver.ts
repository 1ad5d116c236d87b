/** Saves one file or a ZIP as a Blob, which the browser holds until it is complete. */
import { FaultError } from "../../protocol/wire/faults.ts";
import type { Offer } from "../job/receive-messages.ts";
import { downloadName, isOneFile } from "./names.ts";
import { saveFault, unsoundFault } from "./save-fault.ts";
import type { Saver } from "./saver.ts";
import { ZipStream } from "./zip-stream.ts";

/** Small pieces are joined to Blobs of this size: Chromium moves Blobs to its disk, and never buffers. bytes */
const PART_BYTES = 4 * 1024 ** 2;
/** Browsers read the Blob after the click, and some ask the person first. ms */
const REVOKE_AFTER = 10 * 60_000;

export class MemorySaver implements Saver {
  readonly way = "memory";
  readonly position = 0;
  readonly unconfirmed = true;
  readonly #name: string;
  readonly #zip: ZipStream | undefined;
  /** bytes */
  readonly #most: number;
  #taken = 0;
  #parts: Blob[] = [];
  #pieces: Uint8Array<ArrayBuffer>[] = [];
  #bytes = 0;

  /** @param most bytes that this browser holds: a stream may have no end */
  constructor({ files }: Offer, most: number) {
    this.#most = most;
    this.#name = downloadName(files);
    if (isOneFile(files)) return;
    this.#zip = new ZipStream(files, (bytes) => {
      this.#take(bytes);
      return Promise.resolve();
    });
  }

  async write(file: number, data: Uint8Array<ArrayBuffer>): Promise<void> {
    if (data.length === 0) return;
    try {
      if (this.#zip === undefined) this.#take(data);
      else await this.#zip.write(file, data);
    } catch (error) {
      throw saveFault(error);
    }
  }

  async finish(unsound: readonly number[]): Promise<readonly string[]> {
    if (unsound.length > 0) {
      await this.abandon();
      throw unsoundFault();
    }
    try {
      await this.#zip?.finish();
      this.#join();
      const blob = new Blob(this.#parts, { type: "application/octet-stream" });
      this.#parts = [];
      this.#click(blob);
    } catch (error) {
      await this.abandon();
      throw saveFault(error);
    }
    return [this.#name];
  }

  abandon(): Promise<void> {
    this.#zip?.stop();
    this.#parts = [];
    this.#pieces = [];
    return Promise.resolve();
  }

  #take(data: Uint8Array<ArrayBuffer>): void {
    this.#taken += data.length;
    if (this.#taken > this.#most) {
      throw new FaultError("write-failed", "it is more than this browser can hold in memory");
    }
    this.#pieces.push(data);
    this.#bytes += data.length;
    if (this.#bytes >= PART_BYTES) this.#join();
  }

  #join(): void {
    if (this.#pieces.length === 0) return;
    this.#parts.push(new Blob(this.#pieces));
    this.#pieces = [];
    this.#bytes = 0;
  }

  #click(blob: Blob): void {
    const address = URL.createObjectURL(blob);
    const link = document.createElement("a");
    link.href = address;
    link.download = this.#name;
    link.hidden = true;
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(address), REVOKE_AFTER);
  }
}
