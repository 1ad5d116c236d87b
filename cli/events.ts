import type { FaultCode, ReceiverStateName } from "../protocol/mod.ts";

/**
 * What happens during a send or a receive, as `--json` prints it: one object a line, key `event`.
 * Names in it come from peers and are not escaped here; who shows them to a person must.
 */
export type ClientEvent =
  /** A sender's code, and the id of its channel in hex. First of all. */
  | { readonly event: "code"; readonly code: string; readonly channel: string }
  /** What a sender is about to send. */
  | {
      readonly event: "source";
      readonly name: string;
      readonly bytes: number;
      readonly records: number;
    }
  /** The line to the relay came up, or broke (`code` and `message` say why) and is tried again. */
  | {
      readonly event: "relay";
      readonly url: string;
      readonly online: boolean;
      readonly code?: FaultCode;
      readonly message?: string;
    }
  /** A receiver as the sender sees it; `records` are on its disk; `done` once its receipt verified. */
  | {
      readonly event: "receiver";
      readonly id: string;
      readonly name: string;
      readonly state: ReceiverStateName;
      readonly records: number;
      readonly done: boolean;
    }
  /** A receiver is in the channel and nothing is offered. */
  | { readonly event: "waiting" }
  /** What a receiver is offered. `exists`: a file of that name is in the folder already. */
  | {
      readonly event: "offer";
      /** Share id in hex: what an answer is about. */
      readonly share: string;
      readonly files: number;
      readonly bytes: number;
      readonly names: readonly string[];
      readonly exists: boolean;
      /** The share waits for `Client.answer`. */
      readonly question: boolean;
    }
  /** A share goes on where an earlier run stopped. */
  | { readonly event: "resumed"; readonly bytes: number; readonly size: number }
  /** The sender of the share at hand left or came back. */
  | { readonly event: "sender"; readonly here: boolean }
  /** Sender: uploaded once; receiver: on the disk. At most 10 per second. */
  | { readonly event: "progress"; readonly bytes: number; readonly size: number }
  | { readonly event: "saved"; readonly path: string; readonly bytes: number }
  /** What arrived of an unfinished share is kept here. */
  | { readonly event: "kept"; readonly path: string; readonly bytes: number; readonly size: number }
  | {
      readonly event: "done";
      readonly bytes: number;
      readonly seconds: number;
      readonly receivers?: number;
    }
  /** In the lobby a share may fail and the session goes on; otherwise it is the last event. */
  | { readonly event: "error"; readonly code: FaultCode; readonly message: string };
