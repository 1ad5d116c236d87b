/**
 * Watches files while they are sent: which of them are not as they were found, and which of their
 * bytes left before that was seen.
 *
 * A file is given up when it is found changed or gone: from then on zeros stand for it, and receivers
 * hear behind the last file that it is not whole. A file that grew, or whose identity is in doubt,
 * is read on. Before the states are told, all that was read of it is read again and compared.
 */
import type { FaultError } from "../../protocol/wire/faults.ts";
import { byteOf, stateOf } from "../../protocol/content/file-marks.ts";
import type { Unsound } from "../job/event-schema.ts";
import { hash64 } from "../system/runtime.ts";

export class FileWatch {
  /** A byte for each entry of the manifest, as protocol/content/file-marks.ts has them. */
  readonly #states: Uint8Array;
  /** 1 for each file of which something was read. */
  readonly #begun: Uint8Array;
  /** Files that were given up, in that order, and the place of each there. */
  readonly #lost: number[] = [];
  readonly #lostAs = new Map<number, number>();
  readonly #unproved = new Set<number>();
  readonly #proved = new Set<number>();
  readonly #pieces = new PieceHashes();

  constructor(files: number) {
    this.#states = new Uint8Array(files);
    this.#begun = new Uint8Array(files);
  }

  get states(): Uint8Array {
    return this.#states;
  }

  /** Files that were given up, in that order. */
  get lost(): readonly number[] {
    return this.#lost;
  }

  /** Files whose content has to be compared with what left of them. */
  get unproved(): ReadonlySet<number> {
    return this.#unproved;
  }

  /** @param then when so many had been given up */
  isLost(file: number, then = Infinity): boolean {
    return (this.#lostAs.get(file) ?? Infinity) < then;
  }

  isBegun(file: number): boolean {
    return this.#begun[file] === 1;
  }

  begin(file: number): void {
    this.#begun[file] = 1;
  }

  /** It is no whole file any more. @throws the fault when no file is left */
  lose(file: number, fault: FaultError): void {
    // An error of the system is the cause of its fault; other content has no cause.
    this.#states[file] = byteOf(fault.cause === undefined ? "changed" : "missing");
    this.#unproved.delete(file);
    if (!this.#lostAs.has(file)) this.#lostAs.set(file, this.#lost.push(file) - 1);
    if (this.#lost.length === this.#states.length) throw fault;
  }

  /** More was written to it. */
  grow(file: number): void {
    this.#states[file] = byteOf("grown");
  }

  /** The bytes that were read of it may not be those that it holds. */
  doubt(file: number): void {
    this.#proved.delete(file);
    this.#unproved.add(file);
  }

  /** The bytes that were read of it are those that it holds. */
  prove(file: number): void {
    this.#unproved.delete(file);
    this.#proved.add(file);
  }

  isProved(file: number): boolean {
    return this.#proved.has(file);
  }

  /** A piece of a file that lies in several records: `first` of its pieces, or another. */
  note(record: number, first: boolean, piece: Uint8Array): void {
    this.#pieces.note(record, first, piece);
  }

  /** Whether that piece is what was read before; nobody knows where that was another run. */
  isSame(record: number, first: boolean, piece: Uint8Array): boolean | undefined {
    return this.#pieces.isSame(record, first, piece);
  }

  /** Files to be named, in their order. */
  unsound(pathOf: (file: number) => string): Unsound[] {
    return Array.from(this.#states).flatMap((byte, entry) => {
      const what = stateOf(byte);
      return what === "whole" ? [] : [{ path: pathOf(entry), what }];
    });
  }
}

/**
 * Hashes of the pieces of files that lie in several records. In one record there are two such pieces
 * at most: the end of a file (or all that is in the record), and the beginning of the next. 16 bytes
 * for each record; they tell a change, and guard no key: that is for the tags of the records.
 */
class PieceHashes {
  #hashes = new BigUint64Array(128);

  note(record: number, first: boolean, piece: Uint8Array): void {
    const at = slotOf(record, first);
    if (at >= this.#hashes.length) {
      const grown = new BigUint64Array(Math.max(at + 1, 2 * this.#hashes.length));
      grown.set(this.#hashes);
      this.#hashes = grown;
    }
    this.#hashes[at] = hashOf(piece);
  }

  isSame(record: number, first: boolean, piece: Uint8Array): boolean | undefined {
    const before = this.#hashes[slotOf(record, first)] ?? 0n;
    return before === 0n ? undefined : before === hashOf(piece);
  }
}

function slotOf(record: number, first: boolean): number {
  return 2 * record + (first ? 1 : 0);
}

function hashOf(piece: Uint8Array): bigint {
  const hash = hash64(piece);
  return hash === 0n ? 1n : hash; // 0 is: not read yet
}
