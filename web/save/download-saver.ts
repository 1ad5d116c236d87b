/** Saves one file or a ZIP with the browser's own downloads, through the service worker. */
import type { Offer } from "../job/receive-messages.ts";
import { DownloadStream } from "./download-stream.ts";
import { downloadName, isOneFile } from "./names.ts";
import { saveFault, unsoundFault } from "./save-fault.ts";
import type { Saver } from "./saver.ts";
import { zipLength, ZipStream } from "./zip-stream.ts";

export class DownloadSaver implements Saver {
  readonly way = "download";
  readonly position = 0;
  readonly unconfirmed = true;
  readonly #name: string;
  readonly #stream: DownloadStream;
  readonly #zip: ZipStream | undefined;
  /**
   * The last piece of a single file waits for `finish`: only then it is known that the file is sound.
   * The browser must not have all of a download before that.
   */
  #last: Uint8Array<ArrayBuffer> | undefined;

  static async open(worker: ServiceWorker, { files, open }: Offer): Promise<DownloadSaver> {
    const name = downloadName(files);
    const isOne = isOneFile(files);
    const size = isOne ? files[0]?.size : zipLength(files);
    const stream = await DownloadStream.open(worker, name, open ? undefined : size);
    return new DownloadSaver(
      name,
      stream,
      isOne ? undefined : new ZipStream(files, (bytes) => stream.write(bytes)),
    );
  }

  private constructor(name: string, stream: DownloadStream, zip: ZipStream | undefined) {
    this.#name = name;
    this.#stream = stream;
    this.#zip = zip;
  }

  async write(file: number, data: Uint8Array<ArrayBuffer>): Promise<void> {
    if (data.length === 0) return;
    try {
      if (this.#zip !== undefined) return await this.#zip.write(file, data);
      const before = this.#last;
      this.#last = data;
      if (before !== undefined) await this.#stream.write(before);
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
      if (this.#zip !== undefined) await this.#zip.finish();
      else if (this.#last !== undefined) await this.#stream.write(this.#last);
      await this.#stream.close();
    } catch (error) {
      await this.abandon();
      throw saveFault(error);
    }
    return [this.#name];
  }

  abandon(): Promise<void> {
    this.#last = undefined;
    this.#stream.fail();
    this.#zip?.stop();
    return Promise.resolve();
  }
}
