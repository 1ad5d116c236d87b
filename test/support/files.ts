/** Files that the end-to-end tests send. */
import { createCipheriv } from "node:crypto";
import { expect } from "bun:test";
import { mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import {
  encodeManifest,
  OWNER_EXECUTE,
  OWNER_READ,
  PERMISSIONS,
  RECORD_SIZE,
  senderName,
  STATES_VERSION,
} from "../../protocol/mod.ts";
import { temporaryFolder } from "./disk.ts";

/** Bytes that anyone can make again from the seed, fast enough for tens of megabytes. */
export function content(seed: number, length: number): Uint8Array {
  const key = new Uint8Array(16);
  new DataView(key.buffer).setUint32(0, seed);
  return createCipheriv("aes-128-ctr", key, new Uint8Array(16)).update(new Uint8Array(length));
}

export interface MadeFile {
  readonly path: string;
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** Writes a file of so many bytes, made from the seed. */
export function makeFile(dir: string, name: string, length: number, seed = length): MadeFile {
  const bytes = content(seed, length);
  const path = join(dir, name);
  writeFileSync(path, bytes);
  return { path, name, bytes };
}

/** Bytes before the file's own in the plaintext of a share of this file. */
export function headBytes(path: string, size?: number): number {
  const { mode, mtimeMs, size: found } = statSync(path);
  const file = {
    path: senderName(basename(path)),
    type: "file" as const,
    size: size ?? found,
    mode: process.platform === "win32" ? mode & OWNER_EXECUTE : (mode & PERMISSIONS) | OWNER_READ,
    mtime: mtimeMs,
  };
  const share = new Uint8Array(16);
  const source = {
    version: STATES_VERSION,
    share,
    recordSize: RECORD_SIZE,
    files: [file],
  } as const;
  return encodeManifest(source).head.length;
}

/** A file to send, and a folder to receive into; both go at the end of the block. */
export function transferFiles(length: number, name = "a.bin") {
  const folder = temporaryFolder();
  const { path, bytes } = makeFile(folder.path, name, length);
  const out = join(folder.path, "out");
  mkdirSync(out);
  return {
    folder: folder.path,
    path,
    out,
    /** Expects the file there, whole and alone. */
    arrived: (): void => {
      expect(readdirSync(out)).toEqual([name]);
      expect(readFileSync(join(out, name)).equals(bytes)).toBe(true);
    },
    [Symbol.dispose]: () => folder[Symbol.dispose](),
  };
}
