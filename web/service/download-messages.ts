/**
 * The words between a page and the service worker about one download.
 *
 *   page --DownloadCall, ping (to the worker)--------> service worker
 *   page --pieces, end, fail (through the port)------> service worker --response--> browser's downloads
 *   page <--ready, taken, closed, cancelled, pong----- service worker
 *   page <--gone-------------------------------------- service worker that was started anew
 *
 * The port carries the pieces without a copy. It works in every browser, and transferable streams don't.
 */

/** Content that the page has sent and the browser has not taken. bytes */
export const DOWNLOAD_WINDOW_BYTES = 8 * 1024 ** 2;

/**
 * The page holds this lock while a download runs, in the mode `shared`. A new version of the service
 * worker does not take the place of the old one meanwhile, because that would end the download.
 */
export const DOWNLOAD_LOCK = "fileshare-download";

export type WorkerCall =
  /** With the port of the download. */
  | {
      readonly t: "download";
      /** Random, in hex: the address of the download. */
      readonly id: string;
      readonly name: string;
      /** bytes; undefined: not known */
      readonly size: number | undefined;
    }
  /** Browsers end a service worker that gets no event for about 30 s. */
  | { readonly t: "ping"; readonly id: string };

/** Not through the port, which ended with the worker of before. */
export interface WorkerWord {
  readonly t: "gone";
  readonly id: string;
}

export type DownloadWord =
  | { readonly t: "piece"; readonly data: Uint8Array<ArrayBuffer> }
  | { readonly t: "end" }
  /** The download must not look complete. */
  | { readonly t: "fail" };

export type DownloadAnswer =
  /** The address of the download works from now on. */
  | { readonly t: "ready" }
  | { readonly t: "taken"; readonly bytes: number }
  /** The browser took everything. */
  | { readonly t: "closed" }
  /** So many downloads are under way that this one is not taken. */
  | { readonly t: "full"; readonly most: number }
  /** The person or the browser ended the download. */
  | { readonly t: "cancelled" }
  | { readonly t: "pong" };
