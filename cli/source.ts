/** What a sender shares, read record by record. */
import type { EncodedManifest, Manifest } from "../protocol/manifest.ts";
import { senderName, type SafeName } from "../protocol/names.ts";
import { listPaths } from "./file-list.ts";
import { FilesContent } from "./files-content.ts";
import { KnownSource } from "./known-source.ts";
import type { SkippedEntry } from "./skipped.ts";
import { StreamSource } from "./stream-source.ts";
import { TextContent } from "./text-content.ts";

/** What to send; plain values. */
export type SendWhat =
  | {
      readonly from: "paths";
      readonly paths: readonly string[];
      /** What receivers see it as, where it is one file or folder. */
      readonly name?: string | undefined;
      /** Patterns as in a .gitignore at the top of each folder. */
      readonly exclude?: readonly string[];
      /** Leave out what git leaves out. */
      readonly gitignore?: boolean;
      /** Follow links that lead to somewhere in their own folder. */
      readonly follow?: boolean;
    }
  | { readonly from: "text"; readonly text: string; readonly name?: string | undefined }
  | { readonly from: "stdin"; readonly name?: string | undefined };

/** The data of one record, in parts that follow one another; valid until the next one is read. */
export interface RecordData {
  readonly parts: Uint8Array[];
  readonly last: boolean;
  /** Bytes of padding that make it as long as all others. */
  readonly padding: number;
}

export interface Source {
  /** For people: of the one file or folder, or the first of several. */
  readonly name: string;
  /** So many more were named. */
  readonly more: number;
  /** What the fault of a source that can't be read is about. */
  readonly about: string;
  readonly skipped: readonly SkippedEntry[];
  /** False for what is read once, as it comes. */
  readonly seekable: boolean;
  /** Called when a record can be read that was not there yet. */
  onReady: () => void;
  /**
   * The manifest of a share of this, with what `read` needs to cut records.
   * Once per source: a share id belongs to one content.
   * @param apart no record holds both manifest and content; false unless given. Of a stream none does.
   */
  describe(share: Uint8Array, apart?: boolean): EncodedManifest;
  /**
   * The record `index`, in any order and as often as asked where it is seekable, else in order with
   * the last CREDIT_RECORDS again. Undefined: it is not there yet, or beyond the end.
   * @throws FaultError "source-changed" or "source-unreadable"
   */
  read(index: number): RecordData | undefined;
  /**
   * Of each entry of the manifest inode, size, mtime and ctime in ns, as it was found: what shows
   * another run that nothing changed. Undefined: no other run can have this source again.
   */
  stamps(): BigUint64Array | undefined;
  /** Records of the share; undefined as long as nobody knows. */
  readonly records: number | undefined;
  /** Bytes of files that lie before record `index`. */
  bytesBefore(index: number): number;
  close(): void;
}

/**
 * @param signal ends the search for files
 * @throws FaultError "no-such-file", "not-a-file", "unreadable-file", "endless-file", "share-too-big",
 *   "interrupted", or "unsendable-name" for a name that receivers would refuse
 */
export async function openSource(what: SendWhat, signal: AbortSignal): Promise<Source> {
  switch (what.from) {
    case "paths": {
      const list = await listPaths(what, signal);
      return new KnownSource(new FilesContent(list), list.skipped);
    }
    case "text":
      return new KnownSource(new TextContent(what.text, nameOf(what.name, "text.txt")), []);
    case "stdin":
      return new StreamSource(nameOf(what.name, "stdin"));
  }
}

/** Of what has none of its own. */
function nameOf(given: string | undefined, otherwise: string): SafeName {
  return senderName(given ?? otherwise);
}

/** What a `Source` of known length is made from. */
export interface Content {
  readonly name: string;
  readonly more: number;
  readonly about: string;
  readonly kind: Manifest["kind"];
  readonly files: Manifest["files"];
  /** As a source's. */
  stamps(): BigUint64Array | undefined;
  /** `length` bytes of all files behind one another; valid until the next call. */
  read(position: number, length: number): Uint8Array;
  close(): void;
}
