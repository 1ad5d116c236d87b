/** Shared parts of the tests of the disk side: directories, and shares with plain records. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, sep } from "node:path";
import { FaultError } from "../../protocol/wire/faults.ts";
import { encodeManifest, type EncodedManifest } from "../../protocol/content/encode-manifest.ts";
import { parseSafePath, senderName } from "../../protocol/content/names.ts";
import { plainOffset, recordBytes } from "../../protocol/wire/sizes.ts";
import { concat } from "../../protocol/wire/bytes.ts";

/** Small, so that few bytes make many records. */
export const RECORD_SIZE = 128;
export const DATA_BYTES = RECORD_SIZE - 17;

/** A directory that is gone at the end of the block. */
export function temporaryFolder(): Disposable & { readonly path: string } {
  const path = mkdtempSync(join(tmpdir(), "fileshare-test-"));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

/** A folder for the store of a relay, for this user alone; it goes with the stack. */
export function storeFolder(stack: AsyncDisposableStack): string {
  const folder = join(stack.use(temporaryFolder()).path, "store");
  mkdirSync(folder, { mode: 0o700 });
  return folder;
}

/** Bytes that anyone can make again from the seed, and that differ from record to record. */
export function seededBytes(seed: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let state = seed >>> 0;
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes[i] = state >>> 24;
  }
  return bytes;
}

export interface TestShare extends EncodedManifest {
  readonly receiver: Uint8Array;
  readonly share: Uint8Array;
  readonly content: Uint8Array;
  readonly name: string;
  readonly record: (index: number) => Uint8Array;
}

export interface TestFile {
  readonly name?: string;
  readonly mode?: number;
  readonly mtime?: number;
  readonly recordSize?: number;
}

/** A share of one file of so many bytes, all of it made from the seed. */
export function testShare(seed: number, size: number, file: TestFile = {}): TestShare {
  const {
    name = "report.pdf",
    mode = 0,
    mtime = 1_700_000_000_123,
    recordSize = RECORD_SIZE,
  } = file;
  const share = seededBytes(seed + 1000, 16);
  const content = seededBytes(seed, size);
  const files = [{ path: senderName(name), type: "file" as const, size, mode, mtime }];
  const encoded = encodeManifest({ share, recordSize, files });
  const plain = concat(encoded.head, content);
  const record = (index: number): Uint8Array => {
    const start = plainOffset(index, recordSize);
    return plain.slice(start, start + recordBytes(index, plain.length, recordSize));
  };
  return { ...encoded, receiver: seededBytes(seed + 2000, 16), share, content, name, record };
}

/** An entry of a tree: a folder when it has no size. */
export interface TreeEntry {
  readonly path: string;
  readonly size?: number;
  readonly mode?: number;
  readonly mtime?: number;
}

export interface TestTree extends Omit<TestShare, "content" | "name"> {
  /** Of each file, by its path. */
  readonly contents: ReadonlyMap<string, Uint8Array>;
}

/** A share of several files and folders, all of it made from the seed. */
export function testTree(
  seed: number,
  entries: readonly TreeEntry[],
  recordSize: number = RECORD_SIZE,
): TestTree {
  const share = seededBytes(seed + 1000, 16);
  const files = entries.map(({ path, size, mode = 0, mtime = 1_700_000_000_123 }) => {
    const type = size === undefined ? ("folder" as const) : ("file" as const);
    return { path: parseSafePath(path), type, size: size ?? 0, mode, mtime };
  });
  const encoded = encodeManifest({ share, recordSize, files });
  const contents = new Map(
    files
      .filter(({ type }) => type === "file")
      .map(({ path, size }, i) => [path as string, seededBytes(seed + i, size)]),
  );
  const plain = concat(encoded.head, ...contents.values());
  const record = (index: number): Uint8Array => {
    const start = plainOffset(index, recordSize);
    return plain.slice(start, start + recordBytes(index, plain.length, recordSize));
  };
  return { ...encoded, receiver: seededBytes(seed + 2000, 16), share, contents, record };
}

/** Paths below a folder, folders with a slash at their end; partials left out. */
export function listTree(dir: string): string[] {
  return readdirSync(dir, { recursive: true, withFileTypes: true })
    .map((entry) => {
      const path = join(entry.parentPath, entry.name)
        .slice(dir.length + 1)
        .replaceAll(sep, "/");
      return entry.isDirectory() ? `${path}/` : path;
    })
    .filter((path) => !path.includes(".partial"))
    .toSorted();
}

export function faultOf(call: () => unknown): string {
  try {
    call();
  } catch (error) {
    return error instanceof FaultError ? error.code : `not a FaultError: ${String(error)}`;
  }
  return "no fault";
}

export async function laterFaultOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    return error instanceof FaultError ? error.code : `not a FaultError: ${String(error)}`;
  }
  return "no fault";
}

export function bytesOf(path: string): Uint8Array {
  return new Uint8Array(readFileSync(path));
}

export function list(dir: string): string[] {
  return readdirSync(dir).toSorted();
}

/** Makes all valid cells of a journal say that they are of another start of the system. */
export function reboot(path: string): void {
  const bytes = new Uint8Array(readFileSync(path));
  for (const cell of [16, 80]) {
    const view = new DataView(bytes.buffer, cell, 56);
    view.setUint8(16, view.getUint8(16) ^ 255);
    view.setUint32(48, Bun.hash.crc32(bytes.subarray(cell, cell + 48)));
  }
  writeFileSync(path, bytes);
}
