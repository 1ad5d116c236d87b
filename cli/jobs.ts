import type { Code, FaultCode } from "../protocol/mod.ts";

/** What a client thread is asked to do; plain values. */
export type Job = SendJob | ReceiveJob;

export interface SendJob {
  readonly kind: "send";
  /** WebSocket address of the relay, path included. */
  readonly relay: string;
  readonly code: Code;
  readonly path: string;
  /** Receivers that must have the file before the command ends by itself. */
  readonly receivers: number;
  readonly stay: boolean;
  /** How long the relay may be unreachable at first; undefined: for ever. ms */
  readonly connectTimeoutMs: number | undefined;
}

export interface ReceiveJob {
  readonly kind: "receive";
  readonly relay: string;
  readonly code: Code;
  /** How the sender sees this receiver. */
  readonly name: string;
  /** Take file after file for ever. */
  readonly lobby: boolean;
  /** Folder to save in. */
  readonly out: string;
  /** Put before every name. */
  readonly prefix: string;
  /** Wait for an answer before anything is written. */
  readonly ask: boolean;
  /** What to do about a file of that name unless the answer says otherwise. */
  readonly onExists: OnExists;
  /** bytes per second */
  readonly limit: number | undefined;
  readonly connectTimeoutMs: number | undefined;
}

/** A file of the name is there: save as `name (1)`, or replace it. */
export type OnExists = "number" | "overwrite";

export type Answer =
  { readonly accept: true; readonly onExists?: OnExists } | { readonly accept: false };

/** How a job ended. */
export interface Outcome {
  readonly fault: FaultCode | undefined;
  readonly exitCode: number;
}
