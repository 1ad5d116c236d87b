/** Where the content of an agreed share goes. */
import { FaultError } from "../protocol/faults.ts";
import type { Manifest } from "../protocol/manifest.ts";
import type { Saved } from "./partial.ts";
import type { FinishPolicy } from "./place.ts";

/** `PartialShare` is one; the others keep nothing on the disk. */
export interface Store {
  /** The first record that is needed and not here. */
  readonly next: number;
  /** Bytes of the files that are here. */
  readonly bytes: number;
  /**
   * Takes the plaintext of record `next`, of which it keeps nothing that it does not copy.
   * @throws FaultError of the disk
   */
  write(index: number, plaintext: Uint8Array, last: boolean): void;
  checkpoint(): Promise<void>;
  finish(policy: FinishPolicy): Promise<unknown>;
  /** After `finish`. */
  readonly saved: readonly Saved[];
  /** @returns where it is kept for another run, if it is */
  close(): Promise<string | undefined>;
}

/** For a share that is here already: nothing of it is fetched. */
export class NothingLeft implements Store {
  readonly next: number;
  readonly bytes: number;
  readonly saved = [];

  constructor({ records, bytes }: Manifest) {
    this.next = records;
    this.bytes = bytes;
  }

  write(index: number): void {
    throw new FaultError("internal", `record ${index} of what is here`);
  }

  async checkpoint(): Promise<void> {}

  async finish(): Promise<void> {}

  async close(): Promise<undefined> {}
}

/** Takes the content of a share as one stream, from its beginning. */
export abstract class StreamStore implements Store {
  readonly saved = [];
  protected readonly manifest: Manifest;
  /** Of the head, not seen yet. */
  #headLeft: number;
  #next = 0;
  #bytes = 0;

  constructor(manifest: Manifest, headBytes: number) {
    this.manifest = manifest;
    this.#headLeft = headBytes;
  }

  get next(): number {
    return this.#next;
  }

  get bytes(): number {
    return this.#bytes;
  }

  write(index: number, plaintext: Uint8Array): void {
    const head = Math.min(this.#headLeft, plaintext.length);
    const content = plaintext.subarray(head);
    const { open, bytes } = this.manifest;
    if (!open && this.#bytes + content.length > bytes) {
      throw new FaultError("corrupt-record", `${index}, with more than the share has`);
    }
    this.take(content);
    this.#headLeft -= head;
    this.#bytes += content.length;
    this.#next = index + 1;
  }

  async checkpoint(): Promise<void> {}

  async finish(): Promise<void> {
    const { open, bytes } = this.manifest;
    if (!open && this.#bytes !== bytes) {
      throw new FaultError("corrupt-record", `${this.#bytes} bytes of ${bytes}`);
    }
    await this.flush();
  }

  async close(): Promise<undefined> {}

  /** Bytes of the content, to be copied or used up before it returns. */
  protected abstract take(bytes: Uint8Array): void;
  protected abstract flush(): Promise<void>;
}

/** Text to be shown, TEXT_BYTES at most as its manifest was checked. */
export class TextStore extends StreamStore {
  readonly #parts: Uint8Array[] = [];
  #text: string | undefined;

  /** After `finish`. */
  get text(): string | undefined {
    return this.#text;
  }

  protected override take(bytes: Uint8Array): void {
    this.#parts.push(bytes.slice());
  }

  /** @throws FaultError "bad-manifest" for what is no text */
  protected override async flush(): Promise<void> {
    const bytes = Buffer.concat(this.#parts);
    try {
      this.#text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    } catch (cause) {
      throw new FaultError("bad-manifest", "the text is no UTF-8", { cause });
    }
  }
}
