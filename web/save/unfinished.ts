/**
 * Receives that can go on after a reload or a crash, in the table `receives` of IndexedDB:
 *
 *   r/<share>          the receive, with the handle of its file or folder
 *   n/<share>/<file>   the last state of a file on disk that the saver knew
 *
 * A saver goes on from the disk, and takes content there for its own only if the note matches.
 */
import { theStore, type Store } from "../browser/store.ts";
import type { FileHandle, FolderHandle } from "../browser/file-system.ts";
import type { UnfinishedReceive } from "./saver.ts";

/** The oldest is forgotten first; its partial stays on disk. items */
export const KEPT_RECEIVES = 8;
/** Senders rarely stay longer. ms */
export const KEPT_MS = 7 * 24 * 60 * 60 * 1000;

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
      const before = (await table.within("r/")) as readonly (readonly [string, KeptReceive])[];
      const others = before
        .filter(([key]) => key !== `r/${share}`)
        .toSorted(([, a], [, b]) => b.receive.since - a.receive.since);
      for (const [at, [key, { receive }]] of others.entries()) {
        if (at < KEPT_RECEIVES - 1 && receive.since > this.#now() - KEPT_MS) continue;
        await table.delete(key);
        await table.deleteWithin(`n/${receive.share}/`);
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
      const rows = (await tables("receives").within("r/")) as (readonly [string, KeptReceive])[];
      return rows
        .map(([, kept]) => kept)
        .filter(({ receive }) => receive.since > this.#now() - KEPT_MS)
        .toSorted((a, b) => b.receive.since - a.receive.since);
    });
  }

  find(
    share: string,
  ): Promise<(KeptReceive & { readonly notes: ReadonlyMap<number, FileNote> }) | undefined> {
    return this.#store.change(["receives"], async (tables) => {
      const table = tables("receives");
      const kept = (await table.get(`r/${share}`)) as KeptReceive | undefined;
      if (kept === undefined) return undefined;
      const rows = await table.within(`n/${share}/`);
      const notes = new Map(
        rows.map(([key, note]) => [Number(key.slice(key.lastIndexOf("/") + 1)), note as FileNote]),
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
      // It is forgotten after KEPT_MS.
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
