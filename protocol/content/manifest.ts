/**
 * The content of a share. The manifest is the beginning of the plaintext, so it is sealed like the
 * files are, and what the wire's headers claim counts only where the manifest says the same:
 *
 *   plaintext   | length u32 | manifest, one MessagePack map | bytes of file 0 | of file 1 | ... |
 *
 * In version 2 a byte for each entry follows: what became of it while it was sent (see states.ts).
 *
 * A sender that holds content back gives everyone the manifest before. Then zeros inside the manifest,
 * as `pad`, fill its last record, so that the files' bytes begin with the next one.
 */
import * as v from "valibot";
import { equalBytes } from "../wire/bytes.ts";
import { FaultError } from "../wire/faults.ts";
import { SHARE_BYTES } from "../crypto/keys.ts";
import {
  EDITIONS,
  MANIFEST_BYTES,
  MANIFEST_FILES,
  RECORD_INDEX,
  TEXT_BYTES,
} from "../wire/limits.ts";
import { RENAMED_TOLD, giveNames, type Naming, type Renames } from "./renames.ts";
import { OWNER_EXECUTE, OWNER_READ, PERMISSIONS } from "./file-marks.ts";
import { unpackMap, type PlainMap } from "../wire/msgpack.ts";
import { checkNames, exactKey, parseSafePath, type SafePath } from "./names.ts";
import { MAX_RECORD_SIZE, MIN_RECORD_SIZE, recordCount } from "../wire/sizes.ts";

/** A receiver frees memory each time it has read so many entries of a manifest. */
const MANY_FILES = 25_000;

/** No state follows the files: for texts, open shares, and sends that end when a file changes. */
export const MANIFEST_VERSION = 1;
/** A state for each entry follows them. */
export const STATES_VERSION = 2;
export type ManifestVersion = typeof MANIFEST_VERSION | typeof STATES_VERSION;
/** Bytes of the length before the manifest. */
export const MANIFEST_LENGTH_BYTES = 4;
/** ms from 1970 to the last time that a Date can be, and to the first: a sender has later ones as this. */
export const MTIME_MOST = 8.64e15;

export interface ManifestFile {
  readonly path: SafePath;
  /** Its path in the share, where it has another name here: text of a peer. */
  readonly sent?: string;
  /** A folder is named for itself only where no path leads through it: it holds nothing. */
  readonly type: "file" | "folder";
  /** Bytes; of a folder 0, and of an open share's file, whose end nobody knows yet. */
  readonly size: number;
  /** PERMISSIONS with OWNER_READ, or only OWNER_EXECUTE or 0. */
  readonly mode: number;
  /** Milliseconds since 1970, an integer from -MTIME_MOST to MTIME_MOST; 0 unless given. */
  readonly mtime: number;
}

/** The shares whose place a share takes, and the files of them that are still true. */
export interface Edition {
  /** The ids of the shares before it, the first one first; EDITIONS - 1 at most. */
  readonly before: readonly Uint8Array[];
  /** A byte for each entry: since which of them it is what it is; as many as there are: it is new. */
  readonly since: Uint8Array;
}

export interface Manifest {
  readonly version: ManifestVersion;
  /** 16 bytes. */
  readonly share: Uint8Array;
  /** Bytes of a full record's ciphertext. */
  readonly recordSize: number;
  /** Records of the whole share, with those that hold the manifest itself; open: RECORD_INDEX. */
  readonly records: number;
  /** Sum of all sizes. */
  readonly bytes: number;
  /** A text is one file of TEXT_BYTES at most, there to be shown. */
  readonly kind: "files" | "text";
  /** One file that goes on until a record says that it is the last. */
  readonly open: boolean;
  readonly files: readonly ManifestFile[];
  /** Of a share whose files changed while it was sent, and that is offered anew. */
  readonly edition?: Edition;
  /** Folders that it makes, those that paths only lead through included. Counted unless given. */
  readonly folders: number;
  /** Entries with other names than in the share; undefined: renaming was not asked for. */
  readonly renames?: Renames;
}

/** Bytes that follow those of the files. */
export function stateBytes({ version, files }: Pick<Manifest, "version" | "files">): number {
  return version === STATES_VERSION ? files.length : 0;
}

/**
 * The manifest's length in bytes, from the first four bytes of the plaintext.
 * @throws FaultError "bad-manifest" when there are fewer, or the length is 0 or over the limit
 */
export function manifestLength(firstBytes: Uint8Array): number {
  if (firstBytes.length < MANIFEST_LENGTH_BYTES) throw bad("it is cut off");
  const length = new DataView(firstBytes.buffer, firstBytes.byteOffset).getUint32(0);
  if (length === 0 || length > MANIFEST_BYTES) throw bad(`a length of ${length} bytes`);
  return length;
}

/** Facts of a share that precede its manifest; `records` may be unknown. */
export interface ExpectedShare {
  readonly share: Uint8Array;
  readonly recordSize: number;
  readonly records?: number | undefined;
}

// Unknown keys are ignored.
const ManifestSchema = v.object({
  version: v.picklist([MANIFEST_VERSION, STATES_VERSION]),
  share: v.pipe(
    v.instance(Uint8Array),
    v.check((share) => share.length === SHARE_BYTES),
  ),
  recordSize: v.pipe(v.number(), v.check(isSize)),
  records: v.pipe(v.number(), v.check(isSize)),
  bytes: v.pipe(v.number(), v.check(isSize)),
  kind: v.optional(v.picklist(["files", "text"]), "files"),
  open: v.optional(v.boolean(), false),
  before: v.optional(
    v.custom<Uint8Array[]>(
      (value) => Array.isArray(value) && value.every((id) => id instanceof Uint8Array),
    ),
  ),
  since: v.optional(v.instance(Uint8Array)),
  // Looked at one by one: there may be very many.
  files: v.custom<unknown[]>((value) => Array.isArray(value) && value.length > 0),
});

/** Called now and then amid a long manifest: a good time to free memory. */
export type Tidy = () => void;

/**
 * Reads a manifest (without the length before it) and checks it against itself and against what
 * was offered. All its names are safe, and safe side by side.
 * @param naming where they are written; unless given they are refused where any system would
 * @throws FaultError "bad-manifest", or "unsafe-name" for any of its names
 */
export function decodeManifest(
  bytes: Uint8Array,
  expected: ExpectedShare,
  tidy: Tidy = () => undefined,
  naming?: Naming,
): Manifest {
  const manifest = readManifest(bytes, tidy, naming);
  if (!equalBytes(manifest.share, expected.share)) throw bad("it is of another share");
  if (manifest.recordSize !== expected.recordSize) throw bad("another record size than offered");
  if (expected.records !== undefined && manifest.records !== expected.records) {
    throw bad("another number of records than offered");
  }
  return manifest;
}

/** Where nothing is written, names need only be safe. */
const AS_SENT: Naming = { renames: false, folded: () => new Set(), holds: () => true };

/**
 * Reads a head that was kept, length and manifest and nothing after them. It is checked against
 * itself only: whether it is of the right share is for the caller to see.
 * @throws FaultError as `decodeManifest`
 */
export function decodeHead(head: Uint8Array, naming: Naming = AS_SENT): Manifest {
  if (manifestLength(head) !== head.length - MANIFEST_LENGTH_BYTES) throw bad("another length");
  return readManifest(head.subarray(MANIFEST_LENGTH_BYTES), undefined, naming);
}

function readManifest(bytes: Uint8Array, tidy: Tidy = () => undefined, naming?: Naming): Manifest {
  const map = unpack(bytes);
  const { files: list, version } = map;
  if (typeof version === "number" && version > STATES_VERSION) {
    throw bad(`it is of version ${version}, and this program reads ${STATES_VERSION} at most`);
  }
  // Counted before the schema walks it.
  if (Array.isArray(list) && list.length > MANIFEST_FILES) throw bad("too many files");
  const result = v.safeParse(ManifestSchema, map, { abortEarly: true });
  if (!result.success) throw bad(whereOf(result.issues[0]));
  tidy();
  const { before, since, files: entries, ...rest } = result.output;
  const raw = readFiles(entries, tidy, naming?.renames === true);
  const { entries: files, renames } = naming ? giveNames(raw, naming) : { entries: raw };
  const edition =
    before === undefined && since === undefined ? undefined : readEdition(before, since);
  const manifest = { ...rest, files, ...(edition && { edition }) };
  const problem = problemOf(manifest);
  if (problem !== undefined) throw bad(problem);
  checkSizes(manifest, MANIFEST_LENGTH_BYTES + bytes.length + stateBytes(manifest));
  const folders = countFolders(files, naming && exactKey);
  return { ...manifest, folders, ...(renames ? { renames } : {}) };
}

function readEdition(before: Uint8Array[] = [], since = new Uint8Array()): Edition {
  return { before, since };
}

/** @throws FaultError "unsafe-name" for names that can't be side by side, "bad-manifest" for too many */
function countFolders(
  files: readonly ManifestFile[],
  keyOf: ((name: string) => string) | undefined,
): number {
  try {
    return checkNames(files, MANIFEST_FILES, keyOf);
  } catch (cause) {
    if (!(cause instanceof FaultError) || cause.code !== "share-too-big") throw cause;
    throw new FaultError("bad-manifest", cause.detail, { cause });
  }
}

/** Each entry checked in the place of the raw one, so that there are never two of all. */
function readFiles(list: unknown[], tidy: Tidy, anyName: boolean): ManifestFile[] {
  const unsafe: string[] = [];
  for (let i = 0; i < list.length; i++) {
    try {
      list[i] = readFile(list[i], i, anyName);
    } catch (error) {
      if (!(error instanceof FaultError) || error.code !== "unsafe-name") throw error;
      unsafe.push(error.detail ?? "");
      if (unsafe.length >= RENAMED_TOLD) break;
    }
    if (i % MANY_FILES === MANY_FILES - 1) tidy();
  }
  if (unsafe.length > 0) throw new FaultError("unsafe-name", unsafe.join("; "));
  return list as ManifestFile[];
}

/** Modes never refuse a share: of one that is none nothing is kept. */
function readFile(entry: unknown, i: number, anyName: boolean): ManifestFile {
  if (typeof entry !== "object" || entry === null) throw bad(`files.${i}`);
  const { path, size, mode, mtime, type = "file" } = entry as PlainMap;
  if (typeof path !== "string") throw bad(`files.${i}.path`);
  if (typeof size !== "number" || !isSize(size)) throw bad(`files.${i}.size`);
  // Links, devices and the rest have no place in the format; a later one must not pass as a file.
  if (type !== "file" && type !== "folder") throw bad(`files.${i}.type`);
  const time = readTime(mtime);
  if (time === undefined) throw bad(`files.${i}.mtime`);
  return {
    path: anyName ? (path as SafePath) : parseSafePath(path),
    type,
    size,
    mode: safeMode(mode),
    mtime: time,
  };
}

interface Shape {
  readonly version: ManifestVersion;
  readonly kind: Manifest["kind"];
  readonly open: boolean;
  readonly files: readonly Pick<ManifestFile, "type" | "size">[];
  readonly edition?: Edition | undefined;
}

/** The reason why these files are no share of that kind. */
export function problemOf({ version, kind, open, files, edition }: Shape): string | undefined {
  if (version === STATES_VERSION && (open || kind === "text")) return "it has no states to tell";
  if (edition !== undefined && (version !== STATES_VERSION || !isEdition(edition, files.length)))
    return "it is no edition of others";
  if (files.some(({ type, size }) => type === "folder" && size > 0)) return "a folder with a size";
  const [only, ...more] = files;
  const single = only?.type === "file" && more.length === 0;
  if (kind === "text" && (!single || open || only.size > TEXT_BYTES)) return "it is no text";
  if (open && (!single || only.size > 0)) return "it is no open share";
  return undefined;
}

function isEdition({ before, since }: Edition, entries: number): boolean {
  const { length } = before;
  const ids = length > 0 && length < EDITIONS && before.every((id) => id.length === SHARE_BYTES);
  return ids && since.length === entries && since.every((edition) => edition <= length);
}

/** Whether sizes, their sum, record size and number of records fit together exactly. */
function checkSizes(claimed: Omit<Manifest, "folders">, otherBytes: number): void {
  const { recordSize, records, bytes, files, open } = claimed;
  if (recordSize < MIN_RECORD_SIZE || recordSize > MAX_RECORD_SIZE) throw bad("the record size");
  if (sumOfSizes(files) !== bytes) throw bad("the sizes have another sum");
  const plainBytes = otherBytes + bytes;
  if (!Number.isSafeInteger(plainBytes)) throw bad("the sizes are too big");
  const needed = open ? RECORD_INDEX : recordCount(plainBytes, recordSize);
  if (records > RECORD_INDEX || needed !== records) {
    throw bad("the sizes need another number of records");
  }
}

function unpack(bytes: Uint8Array): PlainMap {
  try {
    return unpackMap(bytes, MANIFEST_BYTES);
  } catch (cause) {
    const detail = cause instanceof FaultError ? cause.detail : undefined;
    throw new FaultError("bad-manifest", detail, { cause });
  }
}

/** The keys that lead to what a schema refused, all of them ours. */
function whereOf(issue: v.BaseIssue<unknown>): string {
  return v.getDotPath(issue) ?? "the manifest";
}

export function sumOfSizes(files: readonly { readonly size: number }[]): number {
  return files.reduce((sum, file) => sum + file.size, 0);
}

export function isSize(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0 && !Object.is(value, -0);
}

export function safeMode(mode: unknown): number {
  if (typeof mode !== "number") return 0;
  const isComplete = Number.isSafeInteger(mode) && mode > 0 && (mode & OWNER_READ) !== 0;
  return mode & (isComplete ? PERMISSIONS : OWNER_EXECUTE);
}

/** Undefined for what is no time. An integer of another type than a number has no place in the format. */
function readTime(mtime: unknown): number | undefined {
  if (mtime === undefined) return 0;
  if (typeof mtime !== "number" || !(Math.abs(mtime) <= MTIME_MOST)) return undefined;
  return Math.trunc(mtime) || 0;
}

function bad(detail: string): FaultError {
  return new FaultError("bad-manifest", detail);
}
