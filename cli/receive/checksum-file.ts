/**
 * The file SHA256SUMS beside what was received. A list that is there is completed. Anything else of that name stays,
 * and so does a file that a share brought; then the list gets the next free name. `Receiving` owns it.
 */
import { closeSync, constants, fstatSync, fsync, type BigIntStats } from "node:fs";
import { join } from "node:path";

import { collisionKey } from "../../protocol/content/names.ts";
import { FaultError } from "../../protocol/wire/faults.ts";
import type { ClientEvent, Unsound } from "../job/event-schema.ts";
import type { Folder } from "../system/folder.ts";
import { openOwn, readFully, setMode, syncFile, writeFully } from "../system/own-file.ts";
import { removeTemporary, temporaryName } from "../system/shown-owner.ts";
import { diskFault } from "../system/system-error.ts";
import { withChecksums, type Checksum } from "./checksum-list.ts";
import { NUMBERED_NAMES, numbered } from "./place.ts";
import type { ShareSums } from "./share-sums.ts";
import { replaceFile, takeName } from "./take-name.ts";

const NAME = "SHA256SUMS";
/** A longer file stays as it is, since completing it takes its size in memory several times. Some 500,000 lines. */
const LIST_BYTES = 64 * 1024 ** 2;
/** Keys of names that `numbered` makes of it. */
const POSSIBLE = /^SHA256SUMS(?: \(\d{1,3}\))?$/;
/** Shares that may wait for their lists; above it the next share is not confirmed. Each holds the folder open. */
const LISTS_WAITING = 16;
/** Tries to complete a list that another program changes meanwhile. */
const TRIES = 10;

/** The list that has a name. */
interface List {
  /** Undefined: the name is free. */
  readonly there: BigIntStats | undefined;
  readonly text: string;
}

/** The name that a list may have, and the list that has it. */
interface Place extends List {
  readonly name: string;
  /** The text with the new lines. */
  readonly completed: string;
}

export class ChecksumFile {
  readonly #emit: (event: ClientEvent) => void;
  /** Keys of names that shares of this run have, and that a list could have: those files are never completed. */
  readonly #brought = new Set<string>();
  /** One list after the other. */
  #last: Promise<void> = Promise.resolve();
  #waiting = 0;
  #isStopped = false;
  #fault: FaultError | undefined;

  constructor(emit: (event: ClientEvent) => void) {
    this.#emit = emit;
  }

  /**
   * Lists a share that is in its place.
   * @param sums which this closes; undefined for a share that saves nothing
   * @param failed told of a fault of this list
   */
  add(
    sums: ShareSums | undefined,
    unsound: readonly Unsound[],
    failed: (fault: FaultError) => void,
  ): void {
    this.#waiting++;
    this.#last = this.#last.then(async () => {
      try {
        await this.#list(sums, unsound);
      } catch (error) {
        this.#fault = diskFault(error, join(sums?.folder.path ?? "", NAME));
        if (this.#fault.code !== "interrupted") failed(this.#fault);
      } finally {
        this.#waiting--;
        sums?.[Symbol.dispose]();
      }
    });
  }

  /** Waits while too many shares wait for their lists. */
  async room(): Promise<void> {
    if (this.#waiting >= LISTS_WAITING) await this.#last;
  }

  /** Reads no more files. */
  stop(): void {
    this.#isStopped = true;
  }

  /** Once all lists are written. @returns the fault of the last one that could not be */
  async settled(): Promise<FaultError | undefined> {
    await this.#last;
    return this.#fault;
  }

  async #list(sums: ShareSums | undefined, unsound: readonly Unsound[]): Promise<void> {
    const { checksums, unlisted } = (await sums?.all(unsound, {
      reads: (files) => this.#emit({ event: "hashing", files }),
      isStopped: () => this.#isStopped,
    })) ?? { checksums: [], unlisted: 0 };
    if (sums === undefined || checksums.length === 0) {
      this.#emit({ event: "checksums", files: 0, unlisted });
      return;
    }
    for (const name of sums.names) {
      const key = collisionKey(name);
      if (POSSIBLE.test(key)) this.#brought.add(key);
    }
    const { folder } = sums;
    const name = await this.#write(folder, checksums);
    const path = join(folder.whereabouts, name);
    this.#emit({ event: "checksums", path, files: checksums.length, unlisted });
  }

  /** @returns its name. @throws FaultError "name-exhausted", or what the file system throws */
  async #write(folder: Folder, checksums: readonly Checksum[]): Promise<string> {
    for (let tries = 0; tries < TRIES; tries++) {
      const place = this.#find(folder, checksums);
      if (place.there !== undefined && place.completed === place.text) return place.name;
      if (await put(folder, place)) return place.name;
    }
    throw new FaultError("write-failed", `${join(folder.path, NAME)} (others keep changing it)`);
  }

  #find(folder: Folder, checksums: readonly Checksum[]): Place {
    for (let number = 0; number <= NUMBERED_NAMES; number++) {
      const name = numbered(NAME, number, folder);
      if (this.#brought.has(collisionKey(name))) continue;
      const list = readList(folder, name);
      const completed = list && withChecksums(list.text, checksums);
      if (list === undefined || completed === undefined) continue;
      return { name, ...list, completed };
    }
    throw new FaultError("name-exhausted", NAME);
  }
}

/** Undefined for what is no text file of this user. */
function readList(folder: Folder, name: string): List | undefined {
  const found = folder.lstat(name);
  if (found === undefined) return { there: undefined, text: "" };
  if (!found.isFile()) return undefined;
  let fd: number | undefined;
  try {
    fd = openOwn(folder, name, constants.O_RDONLY);
    // Another receiver may have given the name to a longer list since the look.
    const there = fstatSync(fd, { bigint: true });
    if (there.size > BigInt(LIST_BYTES)) return undefined;
    const bytes = readFully(fd, 0, Number(there.size));
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    return { there, text };
  } catch {
    return undefined;
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

/**
 * Gives the list its name in one step, so that the name never holds less than all of it.
 * @returns false when another program changed what has the name
 */
async function put(folder: Folder, { name, there, completed }: Place): Promise<boolean> {
  const { O_WRONLY, O_CREAT, O_EXCL } = constants;
  const data = { folder, name: temporaryName() };
  const fd = folder.open(data.name, O_WRONLY | O_CREAT | O_EXCL, 0o666);
  try {
    writeFully(fd, new TextEncoder().encode(completed), 0);
    if (there !== undefined) setMode(fd, Number(there.mode) & 0o777);
    await syncFile(fd, fsync);
    const staged = fstatSync(fd, { bigint: true });
    const taking = { data, staged, target: { folder, name } };
    if (there === undefined) return (await takeName(taking)) !== undefined;
    const now = folder.lstat(name);
    const isUnchanged = folder.isOne(now, there) && now?.mtimeNs === there.mtimeNs;
    if (!isUnchanged || now.size !== there.size) return false;
    await replaceFile(taking);
    return true;
  } finally {
    closeSync(fd);
    removeTemporary(folder, data.name);
  }
}
