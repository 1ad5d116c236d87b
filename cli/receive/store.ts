/** Where the content of an agreed share goes. */
import { FaultError } from "../../protocol/wire/faults.ts";
import { stateBytes, type Manifest } from "../../protocol/content/manifest.ts";
import type { Unsound } from "../job/event-schema.ts";
import type { Saved } from "./partial.ts";
import type { FinishPolicy } from "./place.ts";
import { ReceivedStates } from "./received-states.ts";

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
  /** Once all is here: fetched files that are not what they were offered as. */
  readonly unsound: readonly Unsound[];
  /** @returns where it is kept for another run, if it is */
  close(): Promise<string | undefined>;
}

/** For a share that is here already: nothing of it is fetched. */
export class NothingLeft implements Store {
  readonly next: number;
  readonly bytes: number;
  readonly saved = [];
  readonly unsound = [];

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
  readonly #states: ReceivedStates;
  /** Of the head, not seen yet. */
  #headLeft: number;
  #next = 0;
  #bytes = 0;

  constructor(manifest: Manifest, headBytes: number) {
    this.manifest = manifest;
    this.#states = ReceivedStates.unkept(manifest);
    this.#headLeft = headBytes;
  }

  get next(): number {
    return this.#next;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get unsound(): readonly Unsound[] {
    return this.#states.unsound();
  }

  write(index: number, plaintext: Uint8Array): void {
    const head = Math.min(this.#headLeft, plaintext.length);
    const content = plaintext.subarray(head);
    const { open, bytes } = this.manifest;
    const ofFiles = open ? content.length : Math.min(content.length, bytes - this.#bytes);
    const states = content.subarray(ofFiles);
    if (this.#states.known + states.length > stateBytes(this.manifest)) {
      throw new FaultError("corrupt-record", `record ${index} has more than the share`);
    }
    this.take(content.subarray(0, ofFiles));
    this.#states.take(states, this.#states.known);
    this.#headLeft -= head;
    this.#bytes += ofFiles;
    this.#next = index + 1;
  }

  async checkpoint(): Promise<void> {}

  async finish(): Promise<void> {
    const { open, bytes } = this.manifest;
    if (!open && (this.#bytes !== bytes || !this.#states.isWhole)) {
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
      throw new FaultError("bad-manifest", "the text is not UTF-8", { cause });
    }
  }
}
