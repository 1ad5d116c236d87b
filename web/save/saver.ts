/**
 * The interface of all ways of saving. The page makes one saver for each share that was agreed
 * to, gives it the pieces in order, and asks it to finish or to abandon.
 */
import type { Offer } from "../job/receive-messages.ts";

/**
 * Ways of saving, from the best to the last:
 * - `folder`: files written in a folder that the person chose; goes on after a reload or a crash.
 * - `file`: one file that the person chose; goes on after a reload or a crash where the browser can rename it.
 * - `download`: the service worker streams into the browser's own download manager.
 * - `memory`: Blob parts, and a link at the end; the browser must hold all of it.
 */
export type Way = "folder" | "file" | "download" | "memory";

/** A way that this browser has for this offer, for the screen before anything starts. */
export interface Choice {
  readonly way: Way;
  /** Several files become one ZIP. */
  readonly zip: boolean;
  /** The name of the file or ZIP; undefined in a folder. */
  readonly name: string | undefined;
  /** A sentence about how it is saved, and what a reload does. */
  readonly note: string;
  /** A sentence: this browser cannot hold the share, and what to do instead. The way is not offered then. */
  readonly impossible?: string | undefined;
}

export interface Saver {
  readonly way: Way;
  /** Bytes of content, in the order of the manifest, that are saved already. */
  readonly position: number;
  /** Whether it cannot say that the content reached the disk. */
  readonly unconfirmed: boolean;
  /**
   * Takes the next piece of a file. Resolves when there is room for more.
   * @throws FaultError `disk-full` or `write-failed`
   */
  write(file: number, data: Uint8Array<ArrayBuffer>): Promise<void>;
  /**
   * All came: gives everything its name.
   * @param unsound files that are not what was offered; none of them may look complete
   * @returns the names that things got
   */
  finish(unsound: readonly number[]): Promise<readonly string[]>;
  /** The transfer ends early. A partial that can go on stays, under a name that shows it; all else is removed. */
  abandon(): Promise<void>;
}

/** A receive that can go on after a reload, as IndexedDB holds it. */
export interface UnfinishedReceive {
  /** In hex; the key. */
  readonly share: string;
  readonly receiver: string;
  readonly code: string;
  readonly relay: string;
  readonly offer: Offer;
  readonly way: Way;
  /** ms since 1970 */
  readonly since: number;
}
