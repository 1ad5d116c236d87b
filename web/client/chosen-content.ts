/**
 * The content of a send: the bytes of the chosen files behind one another, or a text. Its head, the
 * manifest, comes first, so `record` cuts head and files into records by arithmetic. A file that is
 * not what it was ends the share: the page has no other way to tell receivers which bytes to trust.
 */
import { encodeManifest, type EncodedManifest } from "../../protocol/content/encode-manifest.ts";
import { decodeHead, type ManifestFile } from "../../protocol/content/manifest.ts";
import { senderName, senderPath } from "../../protocol/content/names.ts";
import { equalBytes, utf8 } from "../../protocol/wire/bytes.ts";
import { FaultError } from "../../protocol/wire/faults.ts";
import { MANIFEST_FILES, TEXT_BYTES } from "../../protocol/wire/limits.ts";
import { Offsets } from "../../protocol/wire/offsets.ts";
import { plainOffset, recordBytes, RECORD_SIZE } from "../../protocol/wire/sizes.ts";
import type { ChosenFile, SendJob } from "../job/send-messages.ts";
import { bytesOf, ReadAhead } from "./read-ahead.ts";
import { changedFile, otherFiles, unreadFile } from "./source-fault.ts";

/** Small files of one record that are read at once: enough to hide the browser's delay. items */
const READS_AT_ONCE = 32;
const TEXT_NAME = "text.txt";

interface RecordPlain {
  readonly parts: Uint8Array[];
  readonly last: boolean;
}

export class ChosenContent {
  readonly kind: "files" | "text";
  readonly #files: readonly ManifestFile[];
  readonly #blobs: readonly (Blob | undefined)[];
  readonly #offsets: Offsets;
  readonly #ahead = new ReadAhead();
  #encoded: EncodedManifest | undefined;

  /** @throws FaultError "unsendable-name", "share-too-big", "no-such-file" */
  constructor(content: SendJob["content"]) {
    this.kind = content.kind;
    const chosen = content.kind === "text" ? [fileOf(content.text)] : content.files;
    if (chosen.length === 0) throw new FaultError("no-such-file", "nothing was chosen");
    if (chosen.length > MANIFEST_FILES) {
      throw new FaultError("share-too-big", `more than ${MANIFEST_FILES} files and folders`);
    }
    this.#blobs = chosen.map(({ file }) => file);
    this.#files = chosen.map(manifestFile);
    this.#offsets = new Offsets(this.#files);
  }

  /**
   * The manifest of a share of this, with what `record` needs. Once for each content.
   * @param apart no record holds both manifest and files
   * @throws FaultError "unsendable-name", "share-too-big"
   */
  describe(share: Uint8Array, apart: boolean): EncodedManifest {
    const files = this.#files;
    this.#encoded = encodeManifest({
      share,
      recordSize: RECORD_SIZE,
      files,
      kind: this.kind,
      apart,
    });
    return this.#encoded;
  }

  /** @throws SourceFault unless the share of that head is of the same files. @param head with its length */
  compare(head: Uint8Array): void {
    if (this.#encoded === undefined || equalBytes(head, this.#encoded.head)) return;
    const before = decodeHead(head).files;
    const isSame = before.length === this.#files.length;
    const differs = before.find((file, at) => !isSameFile(file, this.#files[at]));
    throw otherFiles(isSame ? differs?.path : undefined);
  }

  /**
   * The data of one record.
   * @param how `again`: from the files, and not from what was read of them before
   * @throws SourceFault with the file that is not what it was
   */
  async record(index: number, how: "ahead" | "again" = "ahead"): Promise<RecordPlain> {
    if (this.#encoded === undefined) throw new FaultError("internal", "read before describe");
    const { head, plainBytes, manifest } = this.#encoded;
    const { recordSize, records } = manifest;
    const start = plainOffset(index, recordSize);
    const end = start + recordBytes(index, plainBytes, recordSize);
    const parts: Uint8Array[] = start < head.length ? [head.subarray(start, end)] : [];
    const from = Math.max(start, head.length) - head.length;
    if (end - head.length > from) parts.push(...(await this.#read(from, end - head.length, how)));
    return { parts, last: index === records - 1 };
  }

  /** Bytes of files before record `index`. */
  bytesBefore(index: number): number {
    if (this.#encoded === undefined) return 0;
    const { head, plainBytes, manifest } = this.#encoded;
    const end = Math.min(plainOffset(index, manifest.recordSize), plainBytes);
    return Math.max(end - head.length, 0);
  }

  /** The first file with a byte in record `index`: the one that a fault of that record names. */
  pathIn(index: number): string {
    if (this.#encoded === undefined) return "";
    const { head, manifest } = this.#encoded;
    const position = Math.max(plainOffset(index, manifest.recordSize) - head.length, 0);
    return this.#files[Math.min(this.#offsets.at(position), this.#files.length - 1)]?.path ?? "";
  }

  async #read(from: number, to: number, how: "ahead" | "again"): Promise<Uint8Array[]> {
    const parts: Uint8Array[] = [];
    let at = from;
    let file = this.#offsets.at(from);
    while (at < to) {
      const reads: Promise<Uint8Array>[] = [];
      for (; at < to && reads.length < READS_AT_ONCE; file++) {
        const stop = Math.min(this.#offsets.end(file), to);
        if (stop === at) continue; // a folder, or an empty file
        const begin = this.#offsets.begin(file);
        reads.push(this.#piece(file, at - begin, stop - begin, how));
        at = stop;
      }
      parts.push(...(await Promise.all(reads)));
    }
    return parts;
  }

  async #piece(
    file: number,
    from: number,
    to: number,
    how: "ahead" | "again",
  ): Promise<Uint8Array> {
    const path = this.#files[file]?.path ?? "";
    const blob = this.#blobs[file];
    if (blob === undefined) throw changedFile(path);
    let bytes: Uint8Array;
    try {
      const read = how === "again" ? bytesOf(blob, from, to) : this.#ahead.read(blob, from, to);
      bytes = await read;
    } catch (cause) {
      throw unreadFile(path, cause);
    }
    if (bytes.length !== to - from) throw changedFile(path);
    return bytes;
  }
}

/** @throws FaultError "share-too-big" */
function fileOf(text: string): ChosenFile {
  const bytes = utf8(text.toWellFormed());
  if (bytes.length > TEXT_BYTES) {
    throw new FaultError("share-too-big", `a text of ${bytes.length} bytes`);
  }
  return { path: senderName(TEXT_NAME), file: new File([bytes], TEXT_NAME, { lastModified: 0 }) };
}

function manifestFile({ path, file }: ChosenFile): ManifestFile {
  return {
    path: senderPath(path),
    type: file === undefined ? "folder" : "file",
    size: file?.size ?? 0,
    // A browser tells no permissions.
    mode: 0,
    mtime: file?.lastModified ?? 0,
  };
}

function isSameFile(one: ManifestFile, other: ManifestFile | undefined): boolean {
  return (
    one.path === other?.path &&
    one.type === other.type &&
    one.size === other.size &&
    one.mtime === other.mtime
  );
}
