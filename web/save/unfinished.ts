/**
 * Receives that can go on after a reload or a crash, in the table `receives` of IndexedDB:
 *
 *   r/<share>          the receive, with the handle of its file or folder
 *   n/<share>/<file>   the last state of a file on disk that the saver knew
 *
 * A saver goes on from the disk, and takes content there for its own only if the note matches.
 */
import { theStore, type Store, type Table } from "../browser/store.ts";
import type { FileHandle, FolderHandle } from "../browser/file-system.ts";
import type { OfferedFile } from "../job/receive-messages.ts";
import type { UnfinishedReceive } from "./saver.ts";

/** The oldest is forgotten first; its partial stays on disk. items */
export const KEPT_RECEIVES = 8;
/** Senders rarely stay longer. ms */
export const KEPT_RECEIVES_MS = 7 * 24 * 60 * 60 * 1000;

/** A file on disk after its writer closed. */
export interface FileNote {
  /** bytes */
  readonly size: number;
  /** ms since 1970, by the file system */
  readonly lastModified: number;
  /** The writer closes now with this size; a crash may come before or after. bytes */
  readonly closing?: number | undefined;
}

/** Where the receive is saved. */
export type KeptPlace =
  | {
      readonly way: "file";
      readonly handle: FileHandle;
      /** The name that the person chose. */
      readonly name: string;
    }
  | {
      readonly way: "folder";
      readonly handle: FolderHandle;
      /** The names in the chosen folder, by the first part of the paths. */
      readonly tops: ReadonlyMap<string, string>;
      readonly canMove: boolean;
    };

export interface KeptReceive {
  readonly receive: UnfinishedReceive;
  readonly place: KeptPlace;
}

/** Another version of the page, or a fault of the browser, may have left anything under the key. */
function isKept(value: unknown, share: string): value is KeptReceive {
  if (typeof value !== "object" || value === null) return false;
  const { receive, place } = value as Partial<KeptReceive>;
  if (typeof receive !== "object" || typeof place !== "object") return false;
  // The types know no null, and the store does.
  if ((receive as unknown) === null || (place as unknown) === null) return false;
  const { receiver, code, relay, offer, since } = receive;
  const texts: readonly unknown[] = [receiver, code, relay];
  return (
    receive.share === share &&
    texts.every((text) => typeof text === "string") &&
    Number.isFinite(since) &&
    typeof offer?.share === "string" &&
    Number.isSafeInteger(offer.bytes) &&
    Array.isArray(offer.files) &&
    offer.files.every(isOfferedFile) &&
    (place.way === "folder" ? place.tops instanceof Map : place.way === "file") &&
    typeof place.handle === "object" &&
    (place.handle as unknown) !== null
  );
}

function isOfferedFile(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  const { path, type, size } = value as Partial<OfferedFile>;
  return typeof path === "string" && /^(?:file|folder)$/.test(String(type)) && isSize(size);
}

function isSize(value: unknown): boolean {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

function isNote(value: unknown): value is FileNote {
  if (typeof value !== "object" || value === null) return false;
  const { size, lastModified } = value as Partial<FileNote>;
  return isSize(size) && Number.isFinite(lastModified);
}

/** Bytes of a file that are on disk by its note; 0: begin anew. */
export function bytesOnDisk(
  note: FileNote | undefined,
  { size, lastModified }: { readonly size: number; readonly lastModified: number },
): number {
  if (note === undefined) return 0;
  if (size === note.size && lastModified === note.lastModified) return size;
  if (size === note.closing && lastModified >= note.lastModified) return size;
  return 0;
}

function noteKey(share: string, file: number): string {
  return `n/${share}/${String(file).padStart(8, "0")}`;
}

export class KeptReceives {
  readonly #store: Store;
  readonly #now: () => number;

  constructor(store: Store = theStore(), now: () => number = Date.now) {
    this.#store = store;
    this.#now = now;
  }

  /** @throws DOMException where the browser gives no storage, or cannot store the handle */
  keep(kept: KeptReceive): Promise<void> {
    return this.#store.change(["receives"], async (tables) => {
      const table = tables("receives");
      const { share } = kept.receive;
      const fresh = new Set((await this.#fresh(table)).map(({ receive }) => receive.share));
      fresh.delete(share);
      const stays = new Set([...fresh].slice(0, KEPT_RECEIVES - 1));
      for (const [key] of await table.within("r/")) {
        const other = key.slice("r/".length);
        if (stays.has(other)) continue;
        await table.delete(key);
        await table.deleteWithin(`n/${other}/`);
      }
      await table.deleteWithin(`n/${share}/`);
      await table.put(`r/${share}`, kept);
    });
  }

  note(share: string, notes: ReadonlyMap<number, FileNote>): Promise<void> {
    return this.#store.change(["receives"], async (tables) => {
      const table = tables("receives");
      // Forgotten meanwhile: a note alone would stay for ever.
      if ((await table.get(`r/${share}`)) === undefined) return;
      for (const [file, note] of notes) await table.put(noteKey(share, file), note);
    });
  }

  /** The newest first. */
  list(): Promise<readonly KeptReceive[]> {
    return this.#store.change(["receives"], async (tables) => {
      return this.#fresh(tables("receives"));
    });
  }

  /** The receives that can go on, the newest first. */
  async #fresh(table: Table): Promise<readonly KeptReceive[]> {
    const rows = await table.within("r/");
    return rows
      .flatMap(([key, kept]) => (isKept(kept, key.slice("r/".length)) ? [kept] : []))
      .filter(({ receive }) => receive.since > this.#now() - KEPT_RECEIVES_MS)
      .toSorted((a, b) => b.receive.since - a.receive.since);
  }

  find(
    share: string,
  ): Promise<(KeptReceive & { readonly notes: ReadonlyMap<number, FileNote> }) | undefined> {
    return this.#store.change(["receives"], async (tables) => {
      const table = tables("receives");
      const kept = await table.get(`r/${share}`);
      if (!isKept(kept, share)) return undefined;
      const rows = await table.within(`n/${share}/`);
      const notes = new Map(
        rows.flatMap(([key, note]) => {
          const file = Number(key.slice(key.lastIndexOf("/") + 1));
          return isNote(note) ? [[file, note] as const] : [];
        }),
      );
      return { ...kept, notes };
    });
  }

  forget(share: string): Promise<void> {
    return this.#store.change(["receives"], async (tables) => {
      await tables("receives").delete(`r/${share}`);
      await tables("receives").deleteWithin(`n/${share}/`);
    });
  }
}

/** The record of one receive, while a saver writes it. */
export class Journal {
  readonly #receives: KeptReceives;
  readonly #share: string;
  readonly #release: () => void;
  #waiting = new Map<number, FileNote>();
  #flush: Promise<void> = Promise.resolve();

  private constructor(receives: KeptReceives, share: string, release: () => void) {
    this.#receives = receives;
    this.#share = share;
    this.#release = release;
  }

  /** Undefined: the receive cannot go on later, as in a browser without storage. */
  static async begin(
    kept: KeptReceive,
    receives: KeptReceives = new KeptReceives(),
  ): Promise<Journal | undefined> {
    const { share } = kept.receive;
    const release = await holdReceive(share);
    if (release === undefined) return undefined;
    try {
      await receives.keep(kept);
    } catch {
      release();
      return undefined;
    }
    return new Journal(receives, share, release);
  }

  /** Undefined: another tab goes on with it. */
  static async resume(
    share: string,
    receives: KeptReceives = new KeptReceives(),
  ): Promise<Journal | undefined> {
    const release = await holdReceive(share);
    return release === undefined ? undefined : new Journal(receives, share, release);
  }

  /** Resolves when the note is stored. Notes that come meanwhile share the next change. */
  note(file: number, note: FileNote): Promise<void> {
    const isFirst = this.#waiting.size === 0;
    this.#waiting.set(file, note);
    if (isFirst) this.#flush = this.#flush.then(() => this.#write());
    return this.#flush;
  }

  /** The receive can go on later. */
  async rest(): Promise<void> {
    await this.#flush;
    this.#release();
  }

  /** It is complete, or nothing of it is left. */
  async forget(): Promise<void> {
    await this.#flush;
    try {
      await this.#receives.forget(this.#share);
    } catch {
      // It is forgotten after KEPT_RECEIVES_MS.
    }
    this.#release();
  }

  async #write(): Promise<void> {
    const notes = this.#waiting;
    this.#waiting = new Map();
    try {
      await this.#receives.note(this.#share, notes);
    } catch {
      // Without the note a reload fetches more again.
    }
  }
}

function lockName(share: string): string {
  return `fileshare-receive-${share}`;
}

/** Keeps other tabs away from the partial. @returns undefined when another tab has it */
async function holdReceive(share: string): Promise<(() => void) | undefined> {
  const locks = (navigator as Partial<Navigator>).locks;
  if (locks === undefined) return () => undefined;
  const held = Promise.withResolvers<boolean>();
  const { promise, resolve } = Promise.withResolvers<void>();
  const options = { ifAvailable: true };
  void locks.request(lockName(share), options, (lock) => {
    held.resolve(lock !== null);
    return lock === null ? undefined : promise;
  });
  return (await held.promise) ? resolve : undefined;
}

/** Shares that a tab receives now, this one too. */
export async function heldReceives(): Promise<(share: string) => boolean> {
  const locks = (navigator as Partial<Navigator>).locks;
  const { held = [] } = (await locks?.query()) ?? {};
  const names = new Set(held.map(({ name }) => name));
  return (share) => names.has(lockName(share));
}
