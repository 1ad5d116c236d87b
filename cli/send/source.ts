/** The content of a share, read record by record. */
import type { EncodedManifest } from "../../protocol/content/encode-manifest.ts";
import type { Edition, Manifest } from "../../protocol/content/manifest.ts";
import type { Unsound } from "../job/event-schema.ts";
import type { SkippedEntry } from "./skipped.ts";

/** The data of one record, in parts that follow one another; valid until the next one is read. */
export interface RecordData {
  readonly parts: Uint8Array[];
  readonly last: boolean;
  /** Bytes of padding that make it as long as all others. */
  readonly padding: number;
}

/** Compares the files of a source, with their stamps, with those of the share before. */
export type EditionOf = (
  files: Manifest["files"],
  stamps: BigUint64Array | undefined,
) => Edition | undefined;

export interface Source {
  /** For people: of the one file or folder, or the first of several. */
  readonly name: string;
  /** So many more were named. */
  readonly more: number;
  /** The subject of a fault when the source cannot be read. */
  readonly about: string;
  readonly skipped: readonly SkippedEntry[];
  /** False for what is read once, as it comes. */
  readonly seekable: boolean;
  /** Whether it may be offered anew as another share, once its files changed. */
  readonly isRenewable: boolean;
  /** Called when a record can be read that was not there yet. */
  onReady: () => void;
  /** Whether record `index` was sealed before, by this run or another: it must be the same again. */
  isSealed: (index: number) => boolean;
  /**
   * The manifest of a share of this, with what `read` needs to cut records.
   * Once per source: a share id belongs to one content.
   * @param apart no record holds both manifest and content; false unless given. Of a stream none does.
   */
  describe(share: Uint8Array, apart?: boolean, editionOf?: EditionOf): EncodedManifest;
  /**
   * The record `index`, in any order and as often as asked where it is seekable, else in order with
   * the last CREDIT_RECORDS again. Undefined: it is not there yet, or beyond the end. Of files that
   * changed since it was sealed it may have other bytes than it had: its tag tells.
   * @throws FaultError "source-changed" or "source-unreadable"
   */
  read(index: number): RecordData | undefined;
  /**
   * Of each entry of the manifest inode, size, mtime and ctime in ns, as it was found: what shows
   * another run that nothing changed. Undefined: no other run can have this source again.
   */
  stamps(): BigUint64Array | undefined;
  /** Entries of the manifest that were given up, in that order: zeros stand for them from then on. */
  readonly lost: readonly number[];
  /** Entries of the manifest that may have left otherwise than they were offered, should that record not be what it was. */
  doubtfulWith(index: number): ReadonlySet<number>;
  /** Files that are not what they were when the share was described. */
  readonly unsound: readonly Unsound[];
  /** Records of the share; undefined as long as nobody knows. */
  readonly records: number | undefined;
  /** Bytes of files that lie before record `index`. */
  bytesBefore(index: number): number;
  close(): void;
}

/** The record that is read for. */
export interface ReadFor {
  readonly record: number;
  /** It was sealed when so many files had been given up; undefined: it is new. */
  readonly lostThen: number | undefined;
  /** The states of files were told: all that is new has to be as they say. */
  readonly told: boolean;
}

/** The place of content in records. */
export interface Cut {
  /** Positions are those of the files' bytes behind one another. */
  readonly recordAt: (position: number) => number;
  readonly endOf: (record: number) => number;
  readonly isSealed: (record: number) => boolean;
}

/** The content that a `Source` of known length is made from. */
export interface Content {
  readonly name: string;
  readonly more: number;
  readonly about: string;
  readonly kind: Manifest["kind"];
  readonly files: Manifest["files"];
  /** As a source's. */
  stamps(): BigUint64Array | undefined;
  /**
   * `length` bytes of all files behind one another; valid until the next call.
   * @throws FaultError "source-changed" or "source-unreadable"
   */
  read(position: number, length: number, of: ReadFor): Uint8Array;
  /** Files with bytes from `position` on, up to `end`. */
  filesIn(position: number, end: number): number[];
  /** A byte for each file, to be told behind them; undefined: one that changes ends the share. */
  readonly states: Uint8Array | undefined;
  /** As a source's. */
  readonly lost: readonly number[];
  /** Files whose content has to be compared with what left of them. */
  readonly unproved: ReadonlySet<number>;
  readonly unsound: readonly Unsound[];
  /** Whether the states are known; `prove` finds them out. */
  readonly isProved: boolean;
  /** @throws FaultError when nothing of it is left */
  prove(cut: Cut): Promise<void>;
  close(): void;
}
