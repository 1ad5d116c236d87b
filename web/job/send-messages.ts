/**
 * The words between the page and its streaming worker about one send.
 *
 *   page --SendJob, admit, stop--> worker --reads the files, seals, uploads--> relay
 *   page <--SendEvent------------- worker
 */
import type { FaultCode } from "../../protocol/wire/faults.ts";
import type { ReceiverStateName, StoreWish } from "../../protocol/wire/control.ts";

/** A file that a person chose, as the worker reads it. */
export interface ChosenFile {
  /** With forward slashes; the first part is what was chosen. */
  readonly path: string;
  /** Undefined: an empty folder. */
  readonly file: File | undefined;
}

export interface SendJob {
  readonly t: "send";
  /** Such as `wss://relay.example/ws`. */
  readonly relay: string;
  readonly token?: string | undefined;
  /** Undefined: the worker makes a code. */
  readonly code?: string | undefined;
  readonly content:
    | { readonly kind: "files"; readonly files: readonly ChosenFile[] }
    | { readonly kind: "text"; readonly text: string };
  /** Receivers that must have everything before the send may end; 1 unless given. */
  readonly receivers: number;
  /** Serve until stopped. */
  readonly stay: boolean;
  /** Begin when so many receivers agreed; 1: with the first. */
  readonly startWhen: number;
  /** Ask before a receiver gets the share. */
  readonly ask: boolean;
  /** The relay shall keep the share, so that it needs no sender; then the other wishes say nothing. */
  readonly toStore?: StoreWish | undefined;
  /** The share of a send of before that goes on, by its id in hex. */
  readonly resume?: string | undefined;
}

export type SendCommand =
  | SendJob
  | { readonly t: "admit"; readonly receiver: string; readonly admit: boolean }
  | { readonly t: "stop" };

export interface ReceiverRow {
  /** In hex. */
  readonly id: string;
  /** Not escaped: any text. */
  readonly name: string;
  readonly state: ReceiverStateName;
  /** Records that it has. */
  readonly records: number;
  /** Its receipt verified. */
  readonly verified: boolean;
  /** The receipt is of a client that cannot say that it saved the content. */
  readonly unconfirmed: boolean;
}

export type SendEvent =
  /** The share exists here; it is not at the relay yet. */
  | {
      readonly t: "code";
      readonly code: string;
      readonly share: string;
      readonly records: number;
      readonly bytes: number;
      readonly files: number;
      /** It is to be stored at the relay. */
      readonly toStore: boolean;
    }
  | {
      readonly t: "link";
      readonly online: boolean;
      readonly fault?: FaultCode | undefined;
      readonly message?: string | undefined;
    }
  /** The relay took the share: receivers find it. */
  | { readonly t: "offered" }
  | { readonly t: "receiver"; readonly receiver: ReceiverRow }
  | { readonly t: "asks"; readonly receiver: ReceiverRow }
  | { readonly t: "dismissed"; readonly id: string }
  | { readonly t: "gate"; readonly agreed: number; readonly wanted: number; readonly open: boolean }
  /** Bytes of the share that left for the relay, at most each 100 ms. */
  | { readonly t: "progress"; readonly bytes: number; readonly size: number }
  /** Bytes of the share that the relay keeps for good. */
  | { readonly t: "storing"; readonly bytes: number }
  /** All of it is kept. `until` in ms since 1970; `downloads`: receivers that may still get it. */
  | {
      readonly t: "stored";
      readonly until: number;
      readonly downloads: number | undefined;
      /** This browser remembers it, and can delete it. */
      readonly isKept: boolean;
    }
  | {
      readonly t: "end";
      readonly verified: number;
      readonly failed: number;
      readonly fault?: FaultCode | undefined;
      /** A whole sentence for people, with the name of the file where it is about one. */
      readonly message?: string | undefined;
    };
