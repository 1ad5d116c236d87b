/**
 * File handles in memory, after the File System Access API: content is in a swap file until its writer
 * closes. They show what a crash leaves, browsers that cannot rename, and disks that are full.
 */
import type { FileHandle, FolderHandle } from "../../../web/browser/file-system.ts";

export interface FakeOptions {
  /** Whether files can get another name. */
  readonly canMove?: boolean;
  /** Bytes that fit on the disk. */
  readonly room?: number;
  /** Names that the browser refuses. */
  readonly refused?: RegExp;
}

/** The disk that all handles of a test share. */
class FakeDisk {
  readonly options: FakeOptions;
  used = 0;
  #clock = 1_000;

  constructor(options: FakeOptions) {
    this.options = options;
  }

  tick(): number {
    return ++this.#clock;
  }
}

export class FakeFile {
  readonly kind = "file";
  readonly #disk: FakeDisk;
  readonly #folder: FakeFolder;
  name: string;
  content = new Uint8Array(0);
  lastModified: number;

  constructor(disk: FakeDisk, folder: FakeFolder, name: string) {
    this.#disk = disk;
    this.#folder = folder;
    this.name = name;
    this.lastModified = disk.tick();
  }

  getFile(): Promise<File> {
    return this.#there(
      () => new File([this.content], this.name, { lastModified: this.lastModified }),
    );
  }

  createWritable({ keepExistingData = false } = {}): Promise<object> {
    return this.#there(() => {
      let swap = keepExistingData ? this.content.slice() : new Uint8Array(0);
      let at = 0;
      return {
        seek: async (position: number) => void (at = position),
        truncate: async (size: number) => void (swap = swap.slice(0, size)),
        write: async (data: Blob | Uint8Array<ArrayBuffer>) => {
          const bytes = new Uint8Array(await new Blob([data]).arrayBuffer());
          this.#disk.used += bytes.length;
          if (this.#disk.used > (this.#disk.options.room ?? Number.POSITIVE_INFINITY)) {
            throw new DOMException("full", "QuotaExceededError");
          }
          const grown = new Uint8Array(Math.max(swap.length, at + bytes.length));
          grown.set(swap);
          grown.set(bytes, at);
          at += bytes.length;
          swap = grown;
        },
        close: async () => {
          this.content = swap;
          this.lastModified = this.#disk.tick();
        },
        abort: async () => undefined,
      };
    });
  }

  move(name: string): Promise<void> {
    return this.#there(() => {
      if (this.#disk.options.canMove === false) throw new DOMException("no", "NotAllowedError");
      if (this.#disk.options.refused?.test(name) === true) refuse();
      this.#folder.entries_.delete(this.name);
      this.name = name;
      this.#folder.entries_.set(name, this);
    });
  }

  remove(): Promise<void> {
    return this.#there(() => void this.#folder.entries_.delete(this.name));
  }

  async #there<T>(step: () => T): Promise<T> {
    await Promise.resolve();
    if (this.#folder.entries_.get(this.name) !== this) throw missing();
    return step();
  }
}

export class FakeFolder {
  readonly kind = "directory";
  readonly name: string;
  readonly entries_ = new Map<string, FakeFile | FakeFolder>();
  readonly #disk: FakeDisk;

  constructor(options: FakeOptions = {}, name = "chosen", disk = new FakeDisk(options)) {
    this.#disk = disk;
    this.name = name;
  }

  /** As the page sees it. */
  get handle(): FolderHandle {
    return this as unknown as FolderHandle;
  }

  async getFileHandle(name: string, { create = false } = {}): Promise<FakeFile> {
    const found = await this.#entry(name);
    if (found instanceof FakeFile) return found;
    if (found !== undefined) throw new DOMException("a folder", "TypeMismatchError");
    if (!create) throw missing();
    const made = new FakeFile(this.#disk, this, name);
    this.entries_.set(name, made);
    return made;
  }

  async getDirectoryHandle(name: string, { create = false } = {}): Promise<FakeFolder> {
    const found = await this.#entry(name);
    if (found instanceof FakeFolder) return found;
    if (found !== undefined) throw new DOMException("a file", "TypeMismatchError");
    if (!create) throw missing();
    const made = new FakeFolder(this.#disk.options, name, this.#disk);
    this.entries_.set(name, made);
    return made;
  }

  async removeEntry(name: string): Promise<void> {
    if ((await this.#entry(name)) === undefined) throw missing();
    this.entries_.delete(name);
  }

  /** All entries with their content as text; a folder without any ends with a slash. */
  list(prefix = ""): Record<string, string> {
    const found: Record<string, string> = {};
    for (const [name, entry] of this.entries_) {
      if (entry instanceof FakeFile) {
        found[prefix + name] = new TextDecoder().decode(entry.content);
      } else if (entry.entries_.size === 0) found[`${prefix}${name}/`] = "";
      else Object.assign(found, entry.list(`${prefix}${name}/`));
    }
    return found;
  }

  async #entry(name: string): Promise<FakeFile | FakeFolder | undefined> {
    await Promise.resolve();
    if (name === "" || name.includes("/") || name === "..") refuse();
    if (this.#disk.options.refused?.test(name) === true) refuse();
    return this.entries_.get(name);
  }
}

/** A file that the person chose in a folder. */
export async function fakeFile(
  name: string,
  options: FakeOptions = {},
): Promise<{ readonly folder: FakeFolder; readonly handle: FileHandle }> {
  const folder = new FakeFolder(options);
  const handle = await folder.getFileHandle(name, { create: true });
  return { folder, handle: handle as unknown as FileHandle };
}

function missing(): DOMException {
  return new DOMException("not found", "NotFoundError");
}

function refuse(): never {
  throw new TypeError("Name is not allowed.");
}
