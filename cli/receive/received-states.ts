/** The states of files, as the sender told them behind the last one: in the partial, until all is saved. */
import { closeSync, constants, fstatSync, fsyncSync } from "node:fs";

import { stateBytes, type Manifest } from "../../protocol/content/manifest.ts";
import { dataPerRecord, plainOffset } from "../../protocol/wire/sizes.ts";
import { isUsable, stateOf, type FileState } from "../../protocol/content/file-marks.ts";
import type { Unsound } from "../job/event-schema.ts";
import type { HeldFolder } from "../system/held-folder.ts";
import { openOwn, readFully, writeFully } from "../system/own-file.ts";

/** Beside the data and the journal. */
export const STATES = "states";

export class ReceivedStates {
  readonly #manifest: Manifest;
  readonly #bytes: Uint8Array;
  /** Bytes from the first on that are here. */
  #known: number;

  private constructor(manifest: Manifest, before: Uint8Array) {
    this.#manifest = manifest;
    this.#bytes = new Uint8Array(stateBytes(manifest));
    this.#bytes.set(before);
    this.#known = before.length;
  }

  /** The states that an earlier run received. */
  static of(own: HeldFolder, manifest: Manifest): ReceivedStates {
    return new ReceivedStates(manifest, readStates(own, stateBytes(manifest)));
  }

  /** The states are not kept for another run. */
  static unkept(manifest: Manifest): ReceivedStates {
    return new ReceivedStates(manifest, new Uint8Array());
  }

  /** Bytes from the first on that are here. */
  get known(): number {
    return this.#known;
  }

  get isWhole(): boolean {
    return this.#known === this.#bytes.length;
  }

  /** @param position of the first byte, among the states */
  take(bytes: Uint8Array, position: number): void {
    this.#bytes.set(bytes, position);
    this.#known = Math.max(this.#known, position + bytes.length);
  }

  /**
   * Keeps what is known for another run, before anything else says that it is here.
   * @throws what the file system throws
   */
  keep(own: HeldFolder): void {
    const { O_WRONLY, O_CREAT, O_TRUNC } = constants;
    const fd = own.open(STATES, O_WRONLY | O_CREAT | O_TRUNC, 0o600);
    try {
      writeFully(fd, this.#bytes.subarray(0, this.#known), 0);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
  }

  /** Where nothing is told, all is whole. */
  of(entry: number): FileState {
    return stateOf(this.#bytes[entry] ?? 0);
  }

  /** Whether what came of it may have its name. */
  isUsable(entry: number): boolean {
    return isUsable(this.of(entry));
  }

  /** @param wanted which entries were fetched, 1 each */
  unsound(wanted?: Uint8Array): Unsound[] {
    return this.#manifest.files.flatMap(({ path }, entry) => {
      const what = this.of(entry);
      return what === "whole" || wanted?.[entry] === 0 ? [] : [{ path, what }];
    });
  }
}

/** The first record that is needed by `next` and by what is here of the states. */
export function nextWithStates(
  own: HeldFolder,
  { manifest, headBytes }: { readonly manifest: Manifest; readonly headBytes: number },
  next: number,
): number {
  const { recordSize, bytes } = manifest;
  const begin = headBytes + bytes;
  const due = Math.min(stateBytes(manifest), plainOffset(next, recordSize) - begin);
  if (due <= 0 || ReceivedStates.of(own, manifest).known >= due) return next;
  return Math.floor(begin / dataPerRecord(recordSize));
}

function readStates(own: HeldFolder, most: number): Uint8Array {
  if (most === 0 || own.lstat(STATES) === undefined) return new Uint8Array();
  const fd = openOwn(own, STATES);
  try {
    return readFully(fd, 0, Math.min(fstatSync(fd).size, most));
  } finally {
    closeSync(fd);
  }
}
