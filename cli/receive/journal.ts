/**
 * The small file that says how far a partial is, so that a receiver goes on without reading
 * again what it has.
 *
 *       0  magic, 8 bytes
 *       8  length of the header u32 | CRC-32 of the header u32
 *      16  cell A, 56 bytes: sequence u32 | written u32 | synced u32 | state u32 | boot id 16 bytes
 *          | position u64 | synced position u64 | CRC-32 u32 | 0 u32
 *      80  cell B, alike
 *     144  header, a MessagePack map {v, share, receiver, policy, head}; never rewritten. `head` has
 *          the length and CRC-32 of the share's plaintext before its files
 *     ...  that plaintext
 *     ...  destinies, one after another: length u32 | CRC-32 u32 | MessagePack map {entry, name,
 *          ino, placeholder}
 *
 * The cells take turns; the valid one with the higher sequence counts, so a torn write costs one
 * step and not the journal.
 */
import { closeSync, constants, fstatSync, fsync } from "node:fs";
import { equalBytes, fromHex } from "../../protocol/wire/bytes.ts";
import { CONTROL_BYTES, MANIFEST_BYTES } from "../../protocol/wire/limits.ts";
import {
  decodeHead,
  MANIFEST_LENGTH_BYTES,
  type Manifest,
} from "../../protocol/content/manifest.ts";
import { packMap, unpackMap } from "../../protocol/wire/msgpack.ts";
import type { HeldFolder } from "../system/held-folder.ts";
import {
  lengthAndSum,
  openOwn,
  readFully,
  readSummed,
  syncFile,
  writeFully,
} from "../system/own-file.ts";
import { namesHere } from "./names-here.ts";
import { bootId } from "../system/owner.ts";
import { ON_EXISTS, type Policy } from "../job/jobs.ts";
import { crc32 } from "../system/runtime.ts";

/** Its name in the folder of a partial. */
export const JOURNAL = "journal";

const MAGIC = new TextEncoder().encode("fsjrnl2\n");
const CELLS = [16, 80] as const;
const CELL_BYTES = 56;
const CELL_SUM = 48;
const HEADER = 144;
const WHOLE = 1;

/** How far the data is, in records from the first. */
export interface Progress {
  /** Handed to the system: there after this process dies, not after the machine does. */
  readonly written: number;
  /** On the disk. */
  readonly synced: number;
  /** Everything is written, and the move to the final name may have begun. */
  readonly whole: boolean;
  /** Open shares: bytes of the file in the records written, which no arithmetic tells. */
  readonly position?: number;
  /** Alike, in those on the disk. */
  readonly syncedPosition?: number;
}

/** Under which name something was about to be placed, to recognise it there. */
export interface Intent {
  /** The number of the outermost file or folder in the share, from 0. */
  readonly entry: number;
  readonly name: string;
  /** Its inode. */
  readonly ino: bigint;
  /** Inode of the empty file that keeps the name free, where links cannot. */
  readonly placeholder?: bigint;
}

/** The facts that are known from the beginning and never change. */
export interface Kept {
  readonly manifest: Manifest;
  readonly head: Uint8Array;
  readonly receiver: Uint8Array;
  /** The agreed policy for taken names. */
  readonly policy: Policy;
}

export class Journal {
  readonly manifest: Manifest;
  /** Bytes of the share's plaintext before those of its files; of very many files it is long. */
  readonly headBytes: number;
  /** The id under which the sender knows this receiver. */
  readonly receiver: Uint8Array;
  readonly policy: Policy;
  readonly #fd: number;
  /** Where the next intent goes. */
  #end: number;
  readonly #destinies = new Map<number, Intent>();
  readonly #boot: Uint8Array;
  #sequence = 0;
  #sameBoot = true;
  #found: Required<Progress> = {
    written: 0,
    synced: 0,
    whole: false,
    position: 0,
    syncedPosition: 0,
  };

  private constructor(fd: number, kept: Kept, end: number) {
    this.#fd = fd;
    this.manifest = kept.manifest;
    this.headBytes = kept.head.length;
    this.receiver = kept.receiver;
    this.policy = kept.policy;
    this.#end = end;
    this.#boot = thisBoot();
  }

  /** Makes a new one with nothing written yet. @throws what the file system throws. */
  static create(folder: HeldFolder, kept: Kept): Journal {
    const { O_RDWR, O_CREAT, O_EXCL } = constants;
    const fd = folder.open(JOURNAL, O_RDWR | O_CREAT | O_EXCL, 0o600);
    try {
      const header = packMap({
        v: 2,
        share: kept.manifest.share,
        receiver: kept.receiver,
        policy: { ...kept.policy },
        head: { bytes: kept.head.length, sum: crc32(kept.head) },
      });
      const start = new Uint8Array(HEADER);
      start.set(MAGIC);
      start.set(lengthAndSum(header), 8);
      const journal = new Journal(fd, kept, HEADER + header.length + kept.head.length);
      writeFully(fd, header, HEADER);
      writeFully(fd, kept.head, HEADER + header.length);
      writeFully(fd, start, 0);
      journal.mark({ written: 0, synced: 0, whole: false });
      return journal;
    } catch (error) {
      closeSync(fd);
      throw error;
    }
  }

  /** Opens one that a receiver of `share` left. Undefined for anything odd about it. */
  static open(folder: HeldFolder, share: Uint8Array): Journal | undefined {
    let fd: number;
    try {
      fd = openOwn(folder, JOURNAL);
    } catch {
      return undefined;
    }
    try {
      const start = readFully(fd, 0, HEADER);
      if (!equalBytes(start.subarray(0, MAGIC.length), MAGIC)) throw new Error("magic");
      const header = readSummed(fd, 8, HEADER, CONTROL_BYTES);
      const { v, share: named, receiver, head: of, policy } = unpackMap(header, CONTROL_BYTES);
      if (v !== 2) throw new Error("version");
      if (!(named instanceof Uint8Array && receiver instanceof Uint8Array)) throw new Error("ids");
      const head = readHead(fd, HEADER + header.length, of);
      // The receiver agreed to these names.
      const manifest = decodeHead(head, namesHere(folder, true));
      if (!equalBytes(named, share) || !equalBytes(manifest.share, share)) throw new Error("share");
      const kept = { manifest, head, receiver, policy: readPolicy(policy) };
      const journal = new Journal(fd, kept, HEADER + header.length + head.length);
      journal.#readCells(start);
      journal.#readDestinies();
      return journal;
    } catch {
      closeSync(fd);
      return undefined;
    }
  }

  /**
   * Whether a journal is there that a receiver had only begun to write, or none. Anything else of
   * that name, such as another program's journal, is not ours to remove.
   */
  static isBegun(folder: HeldFolder): boolean {
    if (folder.lstat(JOURNAL) === undefined) return true;
    let fd: number | undefined;
    try {
      fd = openOwn(folder, JOURNAL);
      const start = readFully(fd, 0, Math.min(fstatSync(fd).size, MAGIC.length));
      // The magic is written last.
      return start.every((byte) => byte === 0) || equalBytes(start, MAGIC);
    } catch {
      return false;
    } finally {
      if (fd !== undefined) closeSync(fd);
    }
  }

  /** The position in it when it was opened. `written` is no more than `synced` if the system restarted. */
  get found(): Required<Progress> {
    return this.#found;
  }

  /** Whether the system has not restarted since; false also where nobody can tell. */
  get sameBoot(): boolean {
    return this.#sameBoot;
  }

  /** Nanoseconds since the epoch at which something was last noted. */
  get touchedNs(): bigint {
    return fstatSync(this.#fd, { bigint: true }).mtimeNs;
  }

  /** Notes the progress; as cheap as one small write. */
  mark({ written, synced, whole, position = 0, syncedPosition = 0 }: Progress): void {
    this.#sequence++;
    const cell = new Uint8Array(CELL_BYTES);
    const view = new DataView(cell.buffer);
    view.setUint32(0, this.#sequence);
    view.setUint32(4, written);
    view.setUint32(8, synced);
    view.setUint32(12, whole ? WHOLE : 0);
    cell.set(this.#boot, 16);
    view.setBigUint64(32, BigInt(position));
    view.setBigUint64(40, BigInt(syncedPosition));
    view.setUint32(CELL_SUM, crc32(cell.subarray(0, CELL_SUM)));
    writeFully(this.#fd, cell, CELLS[this.#sequence % 2 === 0 ? 0 : 1]);
  }

  /** Notes what is about to happen to one of the outermost entries; the last word about it counts. */
  intend(intent: Intent): void {
    const { entry, name, ino, placeholder } = intent;
    const packed = packMap({ entry, name, ino: `${ino}`, placeholder: `${placeholder ?? ""}` });
    writeFully(this.#fd, packed, this.#end + 8);
    writeFully(this.#fd, lengthAndSum(packed), this.#end);
    this.#end += 8 + packed.length;
    this.#destinies.set(entry, intent);
  }

  intent(entry = 0): Intent | undefined {
    return this.#destinies.get(entry);
  }

  /** Until it is on the disk. */
  async sync(): Promise<void> {
    await syncFile(this.#fd, fsync);
  }

  close(): void {
    closeSync(this.#fd);
  }

  /** Up to the first that is torn, which is before it was acted on. */
  #readDestinies(): void {
    for (;;) {
      try {
        const packed = readSummed(this.#fd, this.#end, this.#end + 8, CONTROL_BYTES);
        const intent = readDestiny(packed);
        this.#destinies.set(intent.entry, intent);
        this.#end += 8 + packed.length;
      } catch {
        return;
      }
    }
  }

  #readCells(start: Uint8Array): void {
    for (const offset of CELLS) {
      const cell = start.slice(offset, offset + CELL_BYTES);
      const view = new DataView(cell.buffer);
      const sequence = view.getUint32(0);
      if (view.getUint32(CELL_SUM) !== crc32(cell.subarray(0, CELL_SUM))) continue;
      if (sequence < this.#sequence) continue;
      const boot = cell.subarray(16, 32);
      // Without a boot id nobody knows whether the system restarted.
      const sameBoot = boot.some((byte) => byte !== 0) && equalBytes(boot, this.#boot);
      const synced = view.getUint32(8);
      const written = view.getUint32(4);
      const whole = view.getUint32(12) === WHOLE;
      const position = Number(view.getBigUint64(32));
      const syncedPosition = Number(view.getBigUint64(40));
      const { records, open } = this.manifest;
      if (synced > written || written > records || syncedPosition > position) continue;
      if (whole && !open && written !== records) continue;
      this.#sequence = sequence;
      this.#sameBoot = sameBoot;
      this.#found = sameBoot
        ? { written, synced, whole, position, syncedPosition }
        : {
            written: synced,
            synced,
            whole: whole && synced === written,
            position: syncedPosition,
            syncedPosition,
          };
    }
    if (this.#sequence === 0) throw new Error("no cell");
  }
}

function readDestiny(packed: Uint8Array): Intent {
  const { entry, name, ino, placeholder } = unpackMap(packed, CONTROL_BYTES);
  if (typeof entry !== "number" || typeof name !== "string" || typeof ino !== "string") {
    throw new Error("intent");
  }
  if (typeof placeholder !== "string" || /^\.{0,2}$|[/\0]/.test(name)) throw new Error("name");
  const kept = placeholder === "" ? {} : { placeholder: BigInt(placeholder) };
  return { entry, name, ino: BigInt(ino), ...kept };
}

function readPolicy(value: unknown): Policy {
  const { onExists, prefix, checksum } = value as Record<keyof Policy, unknown>;
  const known = ON_EXISTS.find((name) => name === onExists);
  if (known === undefined || typeof prefix !== "string") throw new Error("policy");
  return { onExists: known, prefix, checksum: checksum === true };
}

function readHead(fd: number, position: number, of: unknown): Uint8Array {
  const { bytes, sum } = of as { bytes: unknown; sum: unknown };
  const most = MANIFEST_LENGTH_BYTES + MANIFEST_BYTES;
  if (typeof bytes !== "number" || !(bytes >= 0 && bytes <= most)) throw new Error("head");
  const head = readFully(fd, position, bytes);
  if (crc32(head) !== sum) throw new Error("checksum");
  return head;
}

function thisBoot(): Uint8Array {
  const id = fromHex(bootId()?.replaceAll("-", "") ?? "");
  return id?.length === 16 ? id : new Uint8Array(16);
}
