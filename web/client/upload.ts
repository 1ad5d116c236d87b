/**
 * The pipeline from the chosen files to the socket:
 *
 *   wanted --read and seal, several at once--> note the tags, in order --> socket, while it has room
 *
 * A record takes a round through the browser for its bytes, its seal and its tag. With
 * PIPELINE_RECORDS under way none of these waits holds up the next record.
 */
import type { RecordCipher } from "../../protocol/content/record.ts";
import { AEAD_TAG_BYTES } from "../../protocol/crypto/crypto.ts";
import { encodeFrame } from "../../protocol/wire/frame.ts";
import { CREDIT_RECORDS, FRAME_BYTES } from "../../protocol/wire/limits.ts";
import type { ChosenContent } from "./chosen-content.ts";
import type { SealLog } from "./seal-log.ts";
import { changedFile } from "./source-fault.ts";

/**
 * Records between the files and the socket: as many as the relay wants at first. More that it wants of a
 * far sender wait in the session. Each takes three times its size for a moment, so 48 MiB at most.
 */
const PIPELINE_RECORDS = CREDIT_RECORDS;
/** Records whose tags are stored in one transaction; the next ones are read meanwhile. */
const NOTED_RECORDS = CREDIT_RECORDS / 2;
/** Records that are read again before the last one leaves: 16 MiB, so the end waits little for them. items */
const RECORDS_AGAIN = 16;
/** Bytes in the socket that have not left; above them no further frame is given to it. */
const UPLOAD_BUFFER_BYTES = 8 * 1024 ** 2;
/** A browser tells no script when its socket drains, so it is asked. ms */
const FULL_SOCKET_SLEEP_MS = 4;

/** The session and the socket, as the upload sees them. */
interface UploadUser {
  /** The record to send next. */
  wanted(): number | undefined;
  /** It is under way. */
  taken(index: number): void;
  /** Bytes in the socket; undefined: there is none. */
  buffered(): number | undefined;
  send(frame: Uint8Array): void;
  sent(index: number): void;
  /** The upload can send no more. */
  failed(error: unknown): void;
}

interface Sealed {
  readonly index: number;
  readonly last: boolean;
  readonly ciphertext: Uint8Array;
}

interface UnderWay {
  readonly index: number;
  /** The line that wanted it: a frame that the next line did not ask for stays here. */
  readonly line: number;
  readonly sealing: Promise<Sealed>;
  /** Undefined: it is being read or sealed. */
  sealed: Sealed | undefined;
}

export class Upload {
  readonly #share: Uint8Array;
  readonly #content: ChosenContent;
  readonly #cipher: RecordCipher;
  readonly #log: SealLog;
  readonly #user: UploadUser;
  /** Being read, sealed or noted, in the order that they were wanted. */
  readonly #sealing: UnderWay[] = [];
  /** Noted, and on the way into the socket. */
  readonly #ready: { readonly record: UnderWay; readonly sealed: Sealed }[] = [];
  /** A socket copies what it sends, so one array serves all frames. */
  readonly #frame = new Uint8Array(FRAME_BYTES);
  #line = 0;
  #ended = false;
  #lookedAgain = false;
  #noting = false;
  #sending = false;

  constructor(
    of: {
      readonly share: Uint8Array;
      readonly content: ChosenContent;
      readonly cipher: RecordCipher;
      readonly log: SealLog;
    },
    user: UploadUser,
  ) {
    this.#share = of.share;
    this.#content = of.content;
    this.#cipher = of.cipher;
    this.#log = of.log;
    this.#user = user;
  }

  /** Takes up wanted records as far as there is room. */
  pump(): void {
    while (!this.#ended && this.#sealing.length + this.#ready.length < PIPELINE_RECORDS) {
      const index = this.#user.wanted();
      if (index === undefined) break;
      this.#user.taken(index);
      const record: UnderWay = {
        index,
        line: this.#line,
        sealing: this.#seal(index),
        sealed: undefined,
      };
      record.sealing.then(
        (sealed) => (record.sealed = sealed),
        () => undefined,
      );
      this.#sealing.push(record);
    }
    if (!this.#noting && this.#sealing.length > 0) void this.#note();
  }

  /** The line broke: the relay will want again what it did not get. */
  lineLost(): void {
    this.#line++;
  }

  end(): void {
    this.#ended = true;
  }

  async #seal(index: number): Promise<Sealed> {
    const { parts, last } = await this.#content.record(index);
    return { index, last, ciphertext: await this.#cipher.seal(index, parts, last) };
  }

  /**
   * Firefox reads a file that was written anew without a word. So before the last record leaves,
   * some of those before it are read again; a share of so many records is compared as a whole.
   * @throws SourceFault when one is not what it was
   */
  async #lookAgain(records: number): Promise<void> {
    if (this.#lookedAgain) return;
    this.#lookedAgain = true;
    const step = Math.max(1, Math.ceil(records / RECORDS_AGAIN));
    for (let index = 0; index < records && !this.#ended; index += step) {
      if (!this.#log.has(index)) continue;
      const { parts, last } = await this.#content.record(index, "again");
      const ciphertext = await this.#cipher.seal(index, parts, last);
      const tag = ciphertext.subarray(-AEAD_TAG_BYTES);
      if (!this.#log.allows({ index, tag })) throw changedFile(this.#content.pathIn(index));
    }
  }

  async #note(): Promise<void> {
    this.#noting = true;
    try {
      for (;;) {
        const first = this.#sealing[0];
        if (first === undefined || this.#ended) return;
        first.sealed = await first.sealing;
        const batch = this.#sealedFirst();
        if (batch[0]?.sealed.last === true) await this.#lookAgain(first.index);
        const tags = batch.map(({ sealed: { index, ciphertext } }) => {
          return { index, tag: ciphertext.slice(-AEAD_TAG_BYTES) };
        });
        await this.#log.note(tags, (index) => changedFile(this.#content.pathIn(index)));
        this.#sealing.splice(0, batch.length);
        this.#ready.push(...batch);
        if (!this.#sending) void this.#send();
      }
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#noting = false;
    }
  }

  /** The first records that are sealed, without a gap. The last of the share comes alone. */
  #sealedFirst(): { readonly record: UnderWay; readonly sealed: Sealed }[] {
    const batch = [];
    for (const record of this.#sealing.slice(0, NOTED_RECORDS)) {
      const { sealed } = record;
      if (sealed === undefined || (sealed.last && batch.length > 0)) break;
      batch.push({ record, sealed });
      if (sealed.last) break;
    }
    return batch;
  }

  async #send(): Promise<void> {
    this.#sending = true;
    try {
      for (;;) {
        const next = this.#ready[0];
        if (next === undefined || this.#ended) return;
        const buffered = this.#user.buffered();
        if (buffered !== undefined && buffered >= UPLOAD_BUFFER_BYTES) {
          await new Promise((resolve) => setTimeout(resolve, FULL_SOCKET_SLEEP_MS));
          continue;
        }
        this.#ready.shift();
        const { record, sealed } = next;
        if (record.line === this.#line && buffered !== undefined) {
          const { last, ciphertext } = sealed;
          this.#user.send(encodeFrame(this.#share, record.index, last, ciphertext, this.#frame));
          this.#user.sent(record.index);
        }
        this.pump();
      }
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#sending = false;
    }
  }

  #fail(error: unknown): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#user.failed(error);
  }
}
