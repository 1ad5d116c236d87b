/**
 * The partial of a share that is one file: its `data` is that file. It writes, syncs and places the
 * file; `Partial` does the rest, which trees have in common. `findPartial` makes it.
 */
import { closeSync, constants, fdatasync, fstatSync, fsync, ftruncateSync } from "node:fs";
import { join } from "node:path";
import { FaultError } from "../../protocol/wire/faults.ts";
import type { Manifest } from "../../protocol/content/manifest.ts";
import { parseSafeName, type SafeName } from "../../protocol/content/names.ts";
import { plainOffset } from "../../protocol/wire/sizes.ts";
import type { DiskUse } from "../system/disk-need.ts";
import type { Unsound } from "../job/event-schema.ts";
import { isSame, swapped, type HeldFolder } from "../system/held-folder.ts";
import {
  modeWhileComing,
  setFinalMode,
  setTime,
  syncFile,
  writeFully,
} from "../system/own-file.ts";
import { DATA, PartialShare, type Holdings, type Saved } from "./partial.ts";
import { checkPlaced, finalName, place, type FinishPolicy, sameContent } from "./place.ts";
import { keepsTime } from "./shown-times.ts";
import { replaceFile } from "./take-name.ts";

export interface FileHoldings extends Holdings {
  /** Descriptor of the data, or the name under which it already is in its place. */
  readonly data: number | { readonly placed: string };
}

/** As the manifest says, in its units. */
export interface ReceivedFile {
  readonly name: SafeName;
  readonly size: number;
  readonly mode: number;
  readonly mtime: number;
}

export class PartialFile extends PartialShare {
  readonly #data: FileHoldings["data"];
  readonly #file: ReceivedFile;
  #whole = false;
  #saved: readonly Saved[] = [];
  /** Open shares: bytes written, and of them on the disk. */
  #position: number;
  #syncedPosition: number;

  constructor(holdings: FileHoldings) {
    super(holdings);
    this.#data = holdings.data;
    this.#file = onlyFile(this.manifest);
    const { position, syncedPosition } = holdings.journal.found;
    this.#position = holdings.next === 0 ? 0 : position;
    this.#syncedPosition = holdings.next === 0 ? 0 : syncedPosition;
  }

  /** Of the data, unless it is in its place already. */
  get descriptor(): number | undefined {
    return typeof this.#data === "number" ? this.#data : undefined;
  }

  override get bytes(): number {
    return this.manifest.open
      ? this.#position
      : fileOffset(this.next, this.manifest, this.headBytes);
  }

  override get left(): DiskUse {
    return { bytes: this.manifest.open ? 0 : this.manifest.bytes - this.bytes, inodes: 0 };
  }

  protected override put(bytes: Uint8Array, position: number): void {
    const { open } = this.manifest;
    const at = open ? this.#position : position;
    writeFully(this.#fd(), bytes, at);
    this.sums?.written(0, bytes, at);
    if (open) this.#position += bytes.length;
  }

  protected override after(index: number): number {
    return index;
  }

  protected override get positions(): { position?: number; syncedPosition?: number } {
    if (!this.manifest.open) return {};
    return { position: this.#position, syncedPosition: this.#syncedPosition };
  }

  protected override async syncData(): Promise<void> {
    const upTo = this.#position;
    if (this.#whole) {
      setTime(this.#fd(), this.#file.mtime);
      setFinalMode(this.#fd(), this.#file.mode);
    }
    await syncFile(this.#fd(), this.#whole ? fsync : fdatasync);
    this.#syncedPosition = upTo;
  }

  protected override cut(synced: number): void {
    const { open } = this.manifest;
    const length = open ? this.#syncedPosition : fileOffset(synced, this.manifest, this.headBytes);
    ftruncateSync(this.#fd(), length);
    this.#position = this.#syncedPosition;
  }

  override get saved(): readonly Saved[] {
    return this.#saved;
  }

  override get unsound(): readonly Unsound[] {
    return this.states.unsound();
  }

  protected override async place(policy: FinishPolicy): Promise<string> {
    if (!this.states.isUsable(0)) return "";
    const name = await this.#place(policy);
    this.sums?.named(this.#file.name, name);
    const path = join(this.has.folder.whereabouts, name);
    this.#saved = [{ path, files: 1, bytes: this.bytes }];
    return name;
  }

  protected override letGo(): void {
    if (typeof this.#data === "number") closeSync(this.#data);
  }

  async #place({ onExists, prefix, checksum }: FinishPolicy): Promise<string> {
    const { journal, folder, own } = this.has;
    if (typeof this.#data !== "number") return this.#data.placed;
    const name = finalName(this.#file.name, prefix, folder);
    const size = this.manifest.open ? this.#position : this.#file.size;
    const { size: found } = fstatSync(this.#data, { bigint: true });
    if (found !== BigInt(size)) throw new FaultError("write-failed", `${this.path} was changed`);
    this.#whole = true;
    await this.settleWhole(true);

    const data = { folder: own, name: DATA };
    const staged = fstatSync(this.#data, { bigint: true });
    if (!own.isOne(own.lstat(DATA), staged)) throw swapped(join(this.path, DATA));
    const intent = journal.intent();
    const there = intent && folder.lstat(intent.name);
    if (intent !== undefined && there?.ino === staged.ino) return intent.name; // linked, then killed
    const copied = there?.ino === intent?.ino && there?.size === staged.size;
    if (intent !== undefined && copied) return intent.name;
    if (intent !== undefined && there?.size === 0n && there.ino === intent.placeholder) {
      const target = { folder, name: intent.name };
      checkPlaced(folder, intent.name, await replaceFile({ data, staged, target }));
      return intent.name;
    }
    if (checksum === true || !keepsTime(staged.mtimeNs, this.#file.mtime)) {
      const same = await sameContent(data, { folder, name });
      if (same && isSame(folder.lstat(name), same)) return name;
    }
    const intend = journal.intend.bind(journal);
    return place({ folder, data, entry: 0, staged, name, onExists, intend });
  }

  #fd(): number {
    if (typeof this.#data !== "number") throw new FaultError("internal", "closed");
    return this.#data;
  }
}

/** Where the files' bytes of record `index` begin, behind one another; their end at most. */
export function fileOffset(index: number, manifest: Manifest, headBytes: number): number {
  const offset = plainOffset(index, manifest.recordSize) - headBytes;
  return Math.min(Math.max(offset, 0), manifest.bytes);
}

/** Whether a share is one file by itself. */
export function isSingle({ files }: Manifest): boolean {
  const [file, ...more] = files.slice(0, 2);
  return file?.type === "file" && more.length === 0 && !file.path.includes("/");
}

/** The one file of a share. @throws FaultError "internal" for any other */
export function onlyFile(manifest: Manifest): ReceivedFile {
  if (!isSingle(manifest)) throw new FaultError("internal", "a share of several files");
  const { path, size, mode, mtime } = manifest.files[0]!;
  return { name: parseSafeName(path), size, mode, mtime };
}

/**
 * The data gets the mode that it will have for good, but that its owner may write. Until then its
 * directory keeps everyone out.
 */
export function createData(own: HeldFolder, { mode }: ReceivedFile): number {
  const { O_RDWR, O_CREAT, O_EXCL } = constants;
  return own.open(DATA, O_RDWR | O_CREAT | O_EXCL, modeWhileComing(mode));
}
