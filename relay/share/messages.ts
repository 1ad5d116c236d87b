/**
 * Messages between the directory, the fan-outs and the origins of shares. They may be at
 * different workers, so all of it is plain values.
 */
import type { Message, Offer, ReceiverEntry, ShareFault, SocketFault } from "../../protocol/mod.ts";

import type { HandedBlock, RecordPlace } from "../log/block-log.ts";
import type { OverShare, StoredFacts, StoredState } from "../store/stored-share.ts";
import type { ShareClaim } from "../store/book-effects.ts";
import type { RecordRun } from "../store/record-store.ts";
import type { Admission } from "./admissions.ts";

/**
 * The needs of one party of a fan-out, see `Party`. Earlier needs stay
 * within `from` and `end`, and nowhere else.
 */
export interface PartyNeed {
  readonly party: number;
  /** The address that limits count it as; undefined: it is counted alone. */
  readonly group: string | undefined;
  /** Whether a receiver in it takes records where it is now, and acknowledges them. */
  readonly proven: boolean;
  readonly from: number;
  readonly end: number;
  /** Missing records that it did not name before. */
  readonly runs: readonly RecordRun[];
}

/** A receiver's proof that it has a whole share; only the sender can check it. */
export interface Receipt {
  readonly receiver: Uint8Array;
  readonly records: number;
  readonly mac: Uint8Array;
  /** As the receiver said. */
  readonly unconfirmed?: true;
}

/** The state of an origin that the next one, at another worker, goes on with; the share can't be read again. */
export interface HandoverState {
  readonly blocks: readonly HandedBlock[];
  /** Records before it may be gone. */
  readonly firstKept: number;
  /** Records before it were asked for. */
  readonly asked: number;
  readonly needed: number;
  /** Asked for before and not here. */
  readonly missing: readonly number[];
  /** By worker, the least record that its receivers need. */
  readonly watermarks: readonly (readonly [worker: number, next: number])[];
}

/** A share as every worker knows it. */
export interface ShareRecord {
  readonly key: string;
  readonly channel: string;
  readonly offer: Offer;
  /** 16 bytes in a path of HTTP that reads it; undefined: no path may. */
  readonly capability: Uint8Array | undefined;
  /**
   * The worker that holds the sender's socket, or serves a stored share without its sender; undefined while
   * the sender of any other is away.
   */
  readonly owner: number | undefined;
  /** Counts the owners of the share, so that what an older one says can be told. */
  readonly epoch: number;
  /** Undefined: nothing of it is stored. */
  readonly stored?: StoredState | undefined;
  /** The relay of the cluster that has the sender, by its id in hex; undefined: this one. */
  readonly remote?: string | undefined;
  /** Of the link by which it comes from there, see `relay/cluster/routes.ts`. */
  readonly level?: number | undefined;
  /** That relay waits for its sender. */
  readonly isSenderAway?: boolean | undefined;
  /** That relay stores it. */
  readonly remoteStored?: StoredFacts | undefined;
}

/** The facts that receivers need of the store that has the share, at this relay or another one. */
export function storedOf({ stored, remoteStored }: ShareRecord): StoredFacts | undefined {
  return stored ?? remoteStored;
}

/** Whether receivers need not wait for a sender. */
export function isSenderHere({ owner, isSenderAway }: ShareRecord): boolean {
  return owner !== undefined && isSenderAway !== true;
}

/** Between the fan-out of one worker and the origin at another. The main thread passes it on. */
export type PeerMessage =
  | { readonly t: "need"; readonly needs: readonly PartyNeed[] }
  | { readonly t: "report"; readonly entries: ReceiverEntry[] }
  /** `wasSent`: this relay gave the receiver all of it from where it came. `wasServed`: and that was a record or more. */
  | {
      readonly t: "receipt";
      readonly receipt: Receipt;
      readonly wasSent: boolean;
      readonly wasServed: boolean;
    }
  | { readonly t: "detached" }
  /** Another relay hears of this share here: of its receivers, and where it begins. */
  | { readonly t: "listens" }
  /** The share has as many receivers as it may have, without this one. */
  | { readonly t: "full"; readonly receiver: Uint8Array }
  | { readonly t: "available"; readonly index: number; readonly place: RecordPlace }
  | { readonly t: "confirmed"; readonly receiver: Uint8Array }
  /** Receivers may name so many records ahead. */
  | { readonly t: "ahead"; readonly records: number }
  /** Decisions of the sender: the last one, or all at first. */
  | { readonly t: "admissions"; readonly list: Admission[] }
  // Of shares that can't be read again:
  /** The least record that receivers here need; undefined: they need none. */
  | { readonly t: "watermark"; readonly next: number | undefined }
  /** Records before it can't be had any more: an answer to a worker that needs some. */
  | { readonly t: "gone"; readonly before: number }
  /** To a worker that listens: the first record that can still be had. */
  | { readonly t: "kept"; readonly first: number }
  /** Receivers wait for room that those before this record keep; see `Fanout.heldUp`. */
  | { readonly t: "held-up"; readonly before: number }
  /** A receiver came; passed on to all, since the worker where it was before may not know it yet. */
  | { readonly t: "came"; readonly receiver: Uint8Array; readonly next: number }
  /** From the worker that had the log to the one that has the sender now; undefined: it had none. */
  | { readonly t: "handover"; readonly state: HandoverState | undefined }
  /** The handed-over state is where it shall be. */
  | { readonly t: "adopted" };

export interface SenderPresence {
  readonly t: "presence";
  readonly worker: number;
  readonly key: string;
  readonly epoch: number;
  readonly senderHere: boolean;
  /** See `ShareRecord.remoteStored`. */
  readonly stored: StoredFacts | undefined;
}

export interface PeerEnvelope {
  readonly t: "peer";
  readonly from: number;
  readonly to: number;
  readonly key: string;
  readonly epoch: number;
  readonly message: PeerMessage;
}

/** From a worker to the main thread, about stored shares. */
export type ToStoreBook =
  /** Receivers of this channel are at the worker from now on, or are not any more. */
  | {
      readonly t: "asked";
      readonly worker: number;
      readonly channel: string;
      /** They are receivers of other relays alone. Said again when that changes. */
      readonly isForEdges?: true;
    }
  | { readonly t: "unasked"; readonly worker: number; readonly channel: string }
  /** A request of HTTP reads this share; answered by `looked-up`, after `opened` if it is stored. */
  | {
      readonly t: "look-up";
      readonly worker: number;
      readonly key: string;
      readonly question: number;
    }
  /** These records are durable. */
  | {
      readonly t: "durable";
      readonly worker: number;
      readonly key: string;
      readonly epoch: number;
      readonly runs: readonly RecordRun[];
      /** How many the share has, once that is known. */
      readonly records: number | undefined;
    }
  /** A receiver of a share with few downloads has acknowledged a record that it was given. */
  | {
      readonly t: "begun";
      readonly worker: number;
      readonly key: string;
      readonly receiver: string;
      /** As limits count it. */
      readonly address: string | undefined;
      /** It is a reader by HTTP and gone: such a one comes again under another id. */
      readonly isOver: boolean;
    }
  /** No download is left, and receivers that had begun are at this worker. */
  | { readonly t: "finishing"; readonly worker: number; readonly key: string }
  /** A receiver says that it has all; answered by `counted` once that is durable. */
  | {
      readonly t: "download";
      readonly worker: number;
      readonly key: string;
      readonly receipt: Receipt;
      /** See `PeerMessage`. */
      readonly wasServed: boolean;
    }
  /** The store of this share failed at its home. */
  | {
      readonly t: "store-failed";
      readonly worker: number;
      readonly key: string;
      readonly epoch: number;
      readonly fault: "store-full" | "store-failed";
      readonly detail: string;
    }
  /** A sender proved that the share is its own; answered by `answer`. */
  | {
      readonly t: "inspect" | "revoke";
      readonly worker: number;
      readonly socket: number;
      readonly key: string;
      /** See `ShareClaim`. */
      readonly isForwarded?: true | undefined;
    }
  /** The answer to `settle`; what is durable by then was said before. */
  | { readonly t: "settled"; readonly worker: number; readonly key: string };

/** From a worker to the main thread's directory. */
export type ToDirectory =
  /** A sender at this socket offers a share, and its proof was checked. */
  | ShareClaim
  /** A receiver came to a share, the first that its home saw. */
  | { readonly t: "joined"; readonly worker: number; readonly key: string; readonly epoch: number }
  /** A receiver took more than a look: the share keeps its place when its sender is away. */
  | {
      readonly t: "accepted";
      readonly worker: number;
      readonly key: string;
      readonly epoch: number;
    }
  /** Of a share of another relay: its sender went away there or came back, or its store has other facts. */
  | SenderPresence
  /** The sender's line broke. */
  | { readonly t: "orphan"; readonly worker: number; readonly key: string; readonly epoch: number }
  /** The sender is through; undefined fault: it ended as it should. */
  | {
      readonly t: "close";
      readonly worker: number;
      readonly key: string;
      readonly epoch: number;
      readonly fault: ShareFault | undefined;
      /** The relay ends the share for this reason, and its sender does not know yet. */
      readonly detail?: string | undefined;
    }
  /** While the relay drains: no receiver takes this share any more. */
  | { readonly t: "quiet"; readonly worker: number; readonly key: string; readonly epoch: number }
  | PeerEnvelope;

export type FromDirectory =
  | {
      readonly t: "opened";
      readonly record: ShareRecord;
      readonly socket: number | undefined;
      /** With a socket: another worker that has the log of the share; it hands over what must be kept. */
      readonly previousHome?: number | undefined;
      /** To the owner of a share that is stored in part: these records are durable. */
      readonly durable?: readonly RecordRun[];
    }
  | {
      readonly t: "refused";
      readonly socket: number;
      readonly key: string;
      readonly fault: SocketFault;
      readonly detail?: string | undefined;
      readonly after?: number | undefined;
    }
  | {
      readonly t: "orphaned";
      readonly key: string;
      readonly epoch: number;
      /** Another relay stores the share now: nothing of it is read from the store here. */
      readonly isGiven?: true;
    }
  | SenderPresence
  | {
      readonly t: "closed";
      readonly key: string;
      readonly fault: ShareFault | undefined;
      /** The relay ended it for this reason, and its sender does not know yet. */
      readonly detail?: string | undefined;
      /** Its sender said so, or the relay that has the sender. */
      readonly isFromSender?: boolean;
    }
  /** The relay ends and this share is not waited for: its clients shall come back elsewhere or later. */
  | { readonly t: "dismissed"; readonly key: string }
  /** No receiver was in its channel for a while; it stays stored, and comes again with the next receiver. */
  | { readonly t: "unloaded"; readonly key: string }
  | { readonly t: "worker-lost"; readonly worker: number }
  | PeerEnvelope;

/** From the main thread to a worker, about stored shares. */
export type FromStoreBook =
  /** The state of a stored share changed: more is durable, or fewer downloads are left. */
  | {
      readonly t: "stored-state";
      readonly key: string;
      readonly stored: StoredState;
      /** Durable records. */
      readonly durable: number;
    }
  /**
   * A download counts, and is durable: its receiver may hear `completed`. To all workers, so that it comes to that
   * of the receiver before the end of a share that is exhausted now.
   */
  | { readonly t: "counted"; readonly key: string; readonly receiver: Uint8Array }
  | { readonly t: "looked-up"; readonly question: number }
  /** To the home of a share that is not whole: its sender came at another worker. Answered by `settled`. */
  | { readonly t: "settle"; readonly key: string }
  /** Stored shares of this channel that are over, for receivers that came before the answer. */
  | {
      readonly t: "over";
      readonly channel: string;
      readonly list: readonly OverShare[];
      /** The relay that stored them, by its id in hex; undefined: this one. */
      readonly relay?: string | undefined;
    }
  /** Records may be written to a bucket of the cluster for `left` ms, until that time since 1970. */
  | { readonly t: "may-write"; readonly left: number; readonly until: number }
  /** The share of this sender can't be stored now; it may come back. */
  | {
      readonly t: "sender-failed";
      readonly key: string;
      readonly fault: SocketFault;
      readonly detail: string | undefined;
    }
  | {
      readonly t: "socket-failed";
      readonly socket: number;
      readonly fault: SocketFault;
      readonly detail: string | undefined;
    }
  /** For the sender at this socket. */
  | { readonly t: "answer"; readonly socket: number; readonly message: Message };
