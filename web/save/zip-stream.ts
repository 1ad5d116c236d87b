/**
 * A ZIP that grows as pieces arrive. `client-zip` pulls entries and their content; the pieces of a
 * share are pushed. So each piece waits here until the ZIP took it, and the sink is the only queue.
 */
import { makeZip, predictLength } from "client-zip";

import { FaultError } from "../../protocol/wire/faults.ts";
import type { OfferedFile } from "../job/receive-messages.ts";
import { placesOf } from "./names.ts";

/** Times of a ZIP begin in 1980 and end in 2107, as local time without a zone. ms since 1970 */
const TIME_LEAST = Date.UTC(1980, 0, 2);
const TIME_MOST = Date.UTC(2107, 11, 30);

/**
 * Heads and the directory come in parts of some bytes, which are joined. They are copied: `client-zip`
 * reads the directory's parts again after it gave them away, and a sink may transfer what it gets. bytes
 */
const JOINED_BYTES = 64 * 1024;

interface Entry {
  readonly name: string;
  /** bytes; undefined: a folder */
  readonly size: number | undefined;
  readonly lastModified: Date;
}

/** As `client-zip` takes it: a folder has neither size nor input. */
type ZipInput =
  | { readonly name: string; readonly lastModified: Date }
  | (Required<Entry> & { readonly size: number; readonly input: AsyncIterable<Uint8Array> });

function entriesOf(files: readonly OfferedFile[], now: number): readonly Entry[] {
  const places = placesOf(files);
  return files.map(({ type, size, modified }, at) => {
    const { folders, name } = places[at]!;
    const path = [...folders, name].join("/");
    const time = Math.min(Math.max(modified ?? now, TIME_LEAST), TIME_MOST);
    const isFolder = type === "folder";
    return {
      name: isFolder ? `${path}/` : path,
      size: isFolder ? undefined : size,
      lastModified: new Date(time),
    };
  });
}

/** Bytes of the whole ZIP; undefined: more than a number holds exactly. */
export function zipLength(files: readonly OfferedFile[]): number | undefined {
  const length = predictLength(
    entriesOf(files, 0).map(({ name, size }) => (size === undefined ? { name } : { name, size })),
  );
  return length > BigInt(Number.MAX_SAFE_INTEGER) ? undefined : Number(length);
}

/** Takes the next bytes of the ZIP, whose buffer is its own; resolves when there is room for more. */
type ZipSink = (bytes: Uint8Array<ArrayBuffer>) => Promise<void>;

interface Piece {
  readonly file: number;
  readonly data: Uint8Array<ArrayBuffer>;
  readonly taken: PromiseWithResolvers<void>;
}

export class ZipStream {
  readonly #entries: readonly Entry[];
  /** The piece that the ZIP did not take yet; one at most. */
  #piece: Piece | undefined;
  #isEnd = false;
  #wake: () => void = () => undefined;
  #error: unknown;
  readonly #done: Promise<void>;

  constructor(files: readonly OfferedFile[], sink: ZipSink, now = Date.now()) {
    this.#entries = entriesOf(files, now);
    this.#done = this.#run(sink);
    // Told by the next write or by the end.
    this.#done.catch((error: unknown) => {
      this.#error ??= error;
      this.#piece?.taken.reject(error);
    });
  }

  async write(file: number, data: Uint8Array<ArrayBuffer>): Promise<void> {
    if (this.#error !== undefined) throw this.#error as Error;
    const taken = Promise.withResolvers<void>();
    this.#piece = { file, data, taken };
    this.#wake();
    await taken.promise;
  }

  /** The rest of the ZIP leaves for the sink. */
  async finish(): Promise<void> {
    this.#isEnd = true;
    this.#wake();
    await this.#done;
  }

  /** The sink gets nothing more. */
  stop(): void {
    this.#error ??= new FaultError("interrupted");
    this.#isEnd = true;
    this.#wake();
  }

  async #run(sink: ZipSink): Promise<void> {
    const reader = makeZip(this.#inputs(), { buffersAreUTF8: true }).getReader();
    const joined = new Uint8Array(JOINED_BYTES);
    let held = 0;
    const flush = async (): Promise<void> => {
      if (this.#error !== undefined) throw this.#error as Error;
      if (held > 0) await sink(joined.slice(0, held));
      held = 0;
    };
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return flush();
      if (held + value.length > JOINED_BYTES) await flush();
      if (value.length <= JOINED_BYTES) {
        joined.set(value, held);
        held += value.length;
      } else {
        await sink(value as Uint8Array<ArrayBuffer>);
      }
    }
  }

  async *#inputs(): AsyncGenerator<ZipInput> {
    for (const [file, { name, size, lastModified }] of this.#entries.entries()) {
      if (size === undefined) yield { name, lastModified };
      else yield { name, size, lastModified, input: this.#content(file, size) };
    }
    const piece = await this.#next();
    if (piece !== undefined) throw new FaultError("internal", "more content than was offered");
  }

  async *#content(file: number, size: number): AsyncGenerator<Uint8Array<ArrayBuffer>> {
    let bytes = 0;
    while (bytes < size) {
      const piece = await this.#next();
      if (piece?.file !== file) throw new FaultError("internal", "less content than was offered");
      bytes += piece.data.length;
      if (bytes > size) throw new FaultError("internal", "more content than was offered");
      yield piece.data;
      this.#piece = undefined;
      piece.taken.resolve();
    }
  }

  /** The piece that waits, as soon as there is one; undefined at the end. */
  async #next(): Promise<Piece | undefined> {
    while (this.#piece === undefined && !this.#isEnd) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      await promise;
    }
    return this.#piece;
  }
}
