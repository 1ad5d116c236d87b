/** Compares a share with its destination: the entries that are there already, and those to fetch. */
import type { BigIntStats } from "node:fs";
import { FaultError } from "../../protocol/wire/faults.ts";
import { MTIME_MOST, type Manifest, type ManifestFile } from "../../protocol/content/manifest.ts";
import type { SafePath } from "../../protocol/content/names.ts";
import { Descent } from "../system/descent.ts";
import type { Folder } from "../system/folder.ts";
import { lstatOf } from "../system/held-folder.ts";
import { topsOf, type Top } from "./layout.ts";
import { finalName } from "./place.ts";
import type { Policy } from "../job/jobs.ts";
import { ShownTimes } from "./shown-times.ts";

/** Of one entry: nothing there, the same there, another file there, or what no file may replace. */
const ABSENT = 0;
const SAME = 1;
const OTHER = 2;
const BLOCKED = 3;

export class DestinationSurvey {
  readonly #manifest: Manifest;
  /** Size and time prove nothing: what may be the same is fetched, and compared then. */
  readonly #checksum: boolean;
  readonly #tops: readonly Top[];
  readonly #found: Uint8Array;
  readonly #taken = new Set<string>();
  #blocked: SafePath | undefined;

  /** Looks, and changes nothing but for a moment. @throws what the file system throws */
  constructor(folder: Folder, manifest: Manifest, { prefix, checksum }: Omit<Policy, "onExists">) {
    this.#manifest = manifest;
    this.#checksum = checksum;
    this.#tops = topsOf(manifest);
    this.#found = new Uint8Array(manifest.files.length);
    using descent = new Descent(folder);
    using times = new ShownTimes();
    for (const top of this.#tops) {
      const final = finalName(top.name as SafePath, prefix, folder);
      if (folder.lstat(final) === undefined) continue;
      this.#taken.add(top.name);
      for (const index of top.entries) this.#look(descent, times, index, final);
    }
  }

  /** Whether anything of an outermost name is there that is not the same. */
  get exists(): boolean {
    return this.#tops.some((top) => this.#taken.has(top.name) && !this.#isSame(top));
  }

  /** Files that are there as they are in the share. */
  get same(): { readonly files: number; readonly bytes: number } {
    const same = { files: 0, bytes: 0 };
    this.#manifest.files.forEach(({ size, type }, i) => {
      if (type !== "file" || this.#found[i] !== SAME) return;
      same.files++;
      same.bytes += size;
    });
    return same;
  }

  /**
   * The entries to fetch, 1 each.
   * @throws FaultError "file-exists" for what is neither replaced nor left
   */
  wanted({ onExists }: Policy): Uint8Array {
    const wanted = new Uint8Array(this.#found.length);
    if (onExists === "overwrite" && this.#blocked !== undefined) {
      throw new FaultError("file-exists", this.#blocked);
    }
    for (const top of this.#tops) {
      const whole = onExists === "number" || onExists === "fail";
      if (whole && this.#isSame(top)) continue;
      if (onExists === "fail" && this.#taken.has(top.name)) {
        throw new FaultError("file-exists", top.name);
      }
      for (const index of top.entries) {
        const found = this.#found[index];
        const take = whole || found === ABSENT || (onExists === "overwrite" && found !== SAME);
        wanted[index] = take ? 1 : 0;
      }
    }
    return wanted;
  }

  #isSame(top: Top): boolean {
    return top.entries.every((index) => this.#found[index] === SAME);
  }

  #look(descent: Descent, times: ShownTimes, index: number, final: string): void {
    const file = this.#manifest.files[index]!;
    const slash = file.path.indexOf("/");
    const path = slash === -1 ? final : final + file.path.slice(slash);
    let found = BLOCKED;
    try {
      const spot = descent.place(path);
      const there = lstatOf(spot);
      const byTime = !this.#manifest.open && !this.#checksum;
      const isTime = (mtime: number): boolean =>
        byTime && times.isThat(there!.mtimeNs, mtime, spot!.folder, there!.dev);
      found = there ? compare(file, there, isTime) : ABSENT;
    } catch (error) {
      if (!(error instanceof FaultError)) throw error; // a link or a file in the way
    }
    if (found === BLOCKED) this.#blocked ??= file.path;
    this.#found[index] = found;
  }
}

function compare(
  { type, size, mtime }: ManifestFile,
  there: BigIntStats,
  isTime: (mtime: number) => boolean,
): number {
  if (type === "folder") return there.isDirectory() ? SAME : BLOCKED;
  if (!there.isFile()) return BLOCKED;
  // The first and the last time stand for all that are further away.
  const isExact = Math.abs(mtime) < MTIME_MOST;
  return there.size === BigInt(size) && isExact && isTime(mtime) ? SAME : OTHER;
}
