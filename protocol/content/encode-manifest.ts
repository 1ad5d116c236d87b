/** Writes the manifest of a share; manifest.ts says what it is, and reads it. */
import { FaultError } from "../wire/faults.ts";
import { MANIFEST_BYTES, MANIFEST_FILES, RECORD_INDEX } from "../wire/limits.ts";
import {
  isSize,
  MANIFEST_LENGTH_BYTES,
  MANIFEST_VERSION,
  MTIME_MOST,
  problemOf,
  safeMode,
  stateBytes,
  sumOfSizes,
  type Edition,
  type Manifest,
  type ManifestFile,
  type ManifestVersion,
} from "./manifest.ts";
import { SHARE_BYTES } from "../crypto/keys.ts";
import { listWriter, packMapWithList } from "../wire/msgpack.ts";
import type { MsgpackWriter } from "../wire/msgpack-writer.ts";
import { checkNames, exactKey } from "./names.ts";
import {
  dataPerRecord,
  MAX_RECORD_SIZE,
  MIN_RECORD_SIZE,
  recordCount,
  recordSizeApart,
} from "../wire/sizes.ts";

/** Of an entry of the manifest without its path, at most, unless it is a folder. */
const ENTRY_BYTES = 48;
const PAD = "pad";
/** Of the padding in the manifest: its key, and the head of binary. */
const PAD_BYTES = 1 + PAD.length + 5;

export interface EncodedManifest {
  readonly manifest: Manifest;
  /** The length and the manifest: what comes before the first file's bytes. */
  readonly head: Uint8Array;
  /** Bytes of the whole plaintext: the head, all files, and their states. */
  readonly plainBytes: number;
}

export interface ManifestSource {
  readonly share: Uint8Array;
  /** With `apart` the most, unless it is open. */
  readonly recordSize: number;
  readonly files: readonly ManifestFile[];
  /** No record holds both manifest and files. False unless given. */
  readonly apart?: boolean;
  /** "files" unless given. */
  readonly kind?: Manifest["kind"];
  /** False unless given. */
  readonly open?: boolean;
  /** MANIFEST_VERSION unless given. */
  readonly version?: ManifestVersion;
  /** Of STATES_VERSION only. */
  readonly edition?: Edition | undefined;
}

/**
 * Describes a share.
 * @throws FaultError "share-too-big" for more than one share can hold, "unsendable-name" for
 *   names that receivers would refuse side by side
 * @throws RangeError for no files, for a record size or file size that is none, and for a kind of
 *   share that these files are not
 */
export function encodeManifest(source: ManifestSource): EncodedManifest {
  const { share, kind = "files", open = false, apart = false } = source;
  const { version = MANIFEST_VERSION, edition } = source;
  if (source.recordSize < MIN_RECORD_SIZE || source.recordSize > MAX_RECORD_SIZE) {
    throw new RangeError(`record size ${source.recordSize}`);
  }
  if (source.files.length === 0) throw new RangeError("a share without files");
  if (source.files.length > MANIFEST_FILES) {
    throw new FaultError("share-too-big", `more than ${MANIFEST_FILES} files`);
  }
  const folders = checkSendable(source.files);
  const files = source.files.map((file): ManifestFile => {
    const { path, type, size } = file;
    if (!isSize(size)) throw new RangeError(`size ${size} of a file`);
    const mode = safeMode(file.mode);
    const mtime = sendableTime(file.mtime);
    if (mode === file.mode && mtime === file.mtime) return file; // as most are
    return { path, type, size, mode, mtime };
  });
  const problem = problemOf({ version, kind, open, files, edition });
  if (problem !== undefined) throw new RangeError(problem);
  const bytes = sumOfSizes(files);
  // Usual values are left out.
  const extras = { ...(kind === "text" ? { kind } : {}), ...(open ? { open } : {}), ...edition };
  const list = packFiles(files, edition);
  const states = stateBytes({ version, files });
  const recordSize =
    apart && !open
      ? recordSizeApart(list.end, bytes + states, source.recordSize)
      : source.recordSize;

  // The number of records depends on the manifest's length, and that on the number's. Each round
  // can only grow both, and the number takes at most 5 bytes, so this ends after a few rounds.
  let records = open ? RECORD_INDEX : 1;
  for (;;) {
    const known = { version, share, recordSize, records, bytes } as const;
    const bare = packMapWithList({ ...known, ...extras }, "files", list);
    const headBytes = apart ? filled(bare.length, dataPerRecord(recordSize)) : bare.length;
    const plainBytes = headBytes + bytes + states;
    if (headBytes - MANIFEST_LENGTH_BYTES > MANIFEST_BYTES) throw listTooLong();
    if (!Number.isSafeInteger(plainBytes) || recordCount(plainBytes, recordSize) > RECORD_INDEX) {
      throw new FaultError("share-too-big", `more than ${RECORD_INDEX} records`);
    }
    const needed = open ? RECORD_INDEX : recordCount(plainBytes, recordSize);
    if (needed === records) {
      const manifest = { ...known, kind, open, files, folders, ...(edition && { edition }) };
      if (!apart) return { manifest, head: bare, plainBytes };
      list.text(PAD);
      list.zeros(headBytes - bare.length - PAD_BYTES);
      const head = packMapWithList({ ...known, ...extras }, "files", list, 1);
      return { manifest, head, plainBytes };
    }
    records = needed;
  }
}

/** Bytes of so many records that a head of `bytes` and its padding fill them. */
function filled(bytes: number, perRecord: number): number {
  return Math.ceil((bytes + PAD_BYTES) / perRecord) * perRecord;
}

/** @throws FaultError "share-too-big" */
function packFiles(files: readonly ManifestFile[], edition?: Edition): MsgpackWriter {
  const guess = files.reduce((sum, { path }) => sum + path.length + ENTRY_BYTES, 0);
  // Each id and the ages of all files have heads of their own.
  const ids = (edition?.before.length ?? 0) * 2 * SHARE_BYTES;
  const writer = listWriter(guess, ids + (edition?.since.length ?? 0));
  writer.list(files.length);
  for (const { path, type, size, mode, mtime } of files) {
    if (writer.end > MANIFEST_BYTES) throw listTooLong();
    writer.map(type === "folder" ? 5 : 4);
    writer.text("path");
    writer.text(path);
    for (const [key, value] of [
      ["size", size],
      ["mode", mode],
      ["mtime", mtime],
    ] as const) {
      writer.text(key);
      writer.number(value);
    }
    if (type === "folder") {
      writer.text("type");
      writer.text(type);
    }
  }
  return writer;
}

function listTooLong(): FaultError {
  return new FaultError("share-too-big", "the list of its files is too long");
}

/**
 * @returns how many folders there are
 * @throws FaultError "unsendable-name" for names that receivers would refuse side by side,
 *   "share-too-big"
 */
function checkSendable(files: readonly ManifestFile[]): number {
  try {
    return checkNames(files, MANIFEST_FILES, exactKey);
  } catch (error) {
    if (!(error instanceof FaultError) || error.code === "share-too-big") throw error;
    throw new FaultError("unsendable-name", error.detail, { cause: error });
  }
}

function sendableTime(mtime: number): number {
  if (Number.isNaN(mtime)) return 0;
  return Math.trunc(Math.min(Math.max(mtime, -MTIME_MOST), MTIME_MOST)) || 0; // not -0
}
