/**
 * The words between the page and its streaming worker about one receive.
 *
 *   page --ReceiveJob, answer, written, saved, stop--> worker
 *   page <--ReceiveEvent, pieces of content----------- worker
 *
 * The worker owns the session, the socket and the cipher. The page owns the screen and the saver,
 * because pickers, downloads and service workers live there. At most PIECES_BYTES of content are
 * between the two: the worker waits for `written` before it sends more.
 */
import type { Danger } from "../../protocol/content/dangers.ts";
import type { FaultCode } from "../../protocol/wire/faults.ts";

/** Content that the worker has sent and the page's saver has not taken. bytes */
export const PIECES_BYTES = 8 * 1024 ** 2;

export interface ReceiveJob {
  readonly t: "receive";
  /** As `parseCode` gives it, or the lobby's code. */
  readonly code: string;
  /** Such as `wss://relay.example/ws`. */
  readonly relay: string;
  /** How the sender sees this receiver, at most RECEIVER_NAME_CHARACTERS. */
  readonly name: string;
  readonly token?: string | undefined;
  /** Stay and take share after share, as in the lobby. */
  readonly lobby: boolean;
  /** A receive of before that goes on: the same receiver, and only this share. */
  readonly resume?: { readonly share: string; readonly receiver: string } | undefined;
}

export type ReceiveCommand =
  | ReceiveJob
  /** The person agrees to this share, by its id in hex; the saver has this much of the content already. */
  | {
      readonly t: "accept";
      readonly share: string;
      /** Bytes of content, in the order of the manifest, that are saved already. */
      readonly position: number;
      /** The saver can't say that the content reached the disk, such as a download by the browser. */
      readonly unconfirmed: boolean;
    }
  | { readonly t: "decline"; readonly share: string }
  /** The saver took these bytes of pieces. */
  | { readonly t: "written"; readonly bytes: number }
  /** The answer to `save`: everything has its place. */
  | { readonly t: "saved" }
  /** The saver cannot go on: it ends this share. */
  | { readonly t: "failed"; readonly fault: FaultCode; readonly detail?: string }
  | { readonly t: "stop" };

export interface OfferedFile {
  /** Safe on every platform, with forward slashes. */
  readonly path: string;
  /** Its path in the share, where not every system can hold that: text of a peer. */
  readonly sent?: string | undefined;
  readonly type: "file" | "folder";
  /** bytes; 0 for a folder */
  readonly size: number;
  /** ms since 1970; undefined: not said */
  readonly modified?: number | undefined;
  readonly dangers: readonly Danger[];
}

export interface Offer {
  /** The id of the share in hex. */
  readonly share: string;
  /** The id of this receiver in hex, for a receive that goes on later. */
  readonly receiver: string;
  readonly kind: "files" | "text";
  readonly files: readonly OfferedFile[];
  /** All bytes of content; of an open share 0. */
  readonly bytes: number;
  /** The length is known only at its end: a stream. */
  readonly open: boolean;
  /** The relay keeps it, so that it needs no sender. `until` in ms since 1970; `downloads`: receivers that may still get it. */
  readonly stored?: { readonly until: number; readonly downloads?: number | undefined } | undefined;
}

export type ReceiveEvent =
  /** The keys of the code are ready. Before that the code is stretched, which takes a part of a second. */
  | { readonly t: "ready" }
  | {
      readonly t: "link";
      readonly online: boolean;
      readonly fault?: FaultCode | undefined;
      /** A whole sentence for people. */
      readonly message?: string | undefined;
    }
  /** No share of this code is offered yet. */
  | { readonly t: "waiting" }
  | { readonly t: "sender"; readonly here: boolean }
  /** The sender has to admit this receiver first. */
  | { readonly t: "unadmitted" }
  /** Ask the person; answer with `accept` or `decline`. A text is asked about too: it is fetched after `accept`. */
  | { readonly t: "offer"; readonly offer: Offer }
  /** A piece of a file, in order. The buffer is the page's from now on. */
  | { readonly t: "piece"; readonly file: number; readonly data: Uint8Array<ArrayBuffer> }
  /** Of a share of kind text, in place of pieces and of `save`: the share is saved with it. */
  | { readonly t: "text"; readonly text: string }
  /** Bytes of content that arrived, at most each 100 ms. `size` 0: not known. */
  | { readonly t: "progress"; readonly bytes: number; readonly size: number }
  /** All content came: give it its names, then answer `saved`. These files are not what was offered. */
  | { readonly t: "save"; readonly unsound: readonly number[] }
  /** Of a receive that goes on: its share is not offered, and others of the code are. */
  | { readonly t: "elsewhere" }
  /** The sender's files changed: another share takes the place of this one, with an offer of its own. */
  | { readonly t: "edition" }
  /** A share of this code that is no share for us: made without the code, damaged, or not well-formed. */
  | { readonly t: "unreadable"; readonly count: number; readonly message: string }
  /** This share is over. Undefined fault: saved. `confirmed`: the sender has the receipt. */
  | {
      readonly t: "over";
      readonly fault?: FaultCode | undefined;
      readonly message?: string | undefined;
      readonly confirmed: boolean;
    }
  /** The receive is over; nothing follows. */
  | {
      readonly t: "end";
      readonly fault?: FaultCode | undefined;
      readonly message?: string | undefined;
    };
