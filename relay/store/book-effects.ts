/** The words of the book of stored shares, which leave once the changes before them are saved. */
import type { FaultError, Message, Offer, StoreWish } from "../../protocol/mod.ts";

import type { LedgerChange } from "./ledger.ts";
import type { OpenedShare, OverShare, StoredFacts, StoredState } from "./stored-share.ts";

/** A sender offers a share, and its proof was checked. The book gets the claim before the directory. */
export interface ShareClaim {
  readonly t: "claim";
  readonly worker: number;
  readonly socket: number;
  readonly channel: string;
  readonly key: string;
  readonly offer: Offer;
  readonly capability?: Uint8Array | undefined;
  /** The sender's address as limits count it; undefined: not counted. */
  readonly address?: string | undefined;
  /** The time since the sender's hello. */
  readonly ageMs?: number | undefined;
  /** The sender wants it stored, and may. */
  readonly store?: StoreWish | undefined;
  /** It is no sender but a link that reads the share from its owner. */
  readonly uplink?: ClaimingUplink | undefined;
  /** The sender came to another relay of the cluster, which carries it here because this relay stores the share. */
  readonly isForwarded?: true | undefined;
}

export interface ClaimingUplink {
  readonly link: number;
  /** The owner's id in hex. */
  readonly relay: string;
  /** The level of the link, see `relay/cluster/routes.ts` (default: 0, straight from the owner). */
  readonly level?: number | undefined;
  /** The owner waits for its sender. */
  readonly isSenderAway?: boolean | undefined;
  /** The facts of the owner's store, if the owner stores the share. */
  readonly stored?: StoredFacts | undefined;
}

export type BookEffect =
  | { readonly t: "counted"; readonly key: string; readonly receiver: Uint8Array }
  | {
      readonly t: "state";
      readonly key: string;
      readonly state: StoredState;
      readonly durable: number;
    }
  /** The directory may have it. Undefined: nothing of the share is stored. */
  | { readonly t: "claim"; readonly claim: ShareClaim; readonly opened: OpenedShare | undefined }
  | { readonly t: "refuse"; readonly claim: ShareClaim; readonly fault: FaultError }
  | { readonly t: "open"; readonly worker: number; readonly opened: OpenedShare }
  | { readonly t: "looked-up"; readonly worker: number; readonly question: number }
  | { readonly t: "unload"; readonly key: string }
  | {
      readonly t: "answer";
      readonly worker: number;
      readonly socket: number;
      readonly message: Message;
    }
  | {
      readonly t: "over";
      readonly worker: number;
      readonly channel: string;
      readonly list: readonly OverShare[];
    }
  /** The share ends for all in it. */
  | { readonly t: "end"; readonly key: string; readonly fault: FaultError }
  /** To the sender that has the share; it may come back. */
  | { readonly t: "sender-failed"; readonly key: string; readonly fault: FaultError }
  | {
      readonly t: "socket-failed";
      readonly worker: number;
      readonly socket: number;
      readonly fault: FaultError;
    }
  | {
      readonly t: "report";
      readonly event: string;
      readonly number: number;
      readonly fields: Readonly<Record<string, string | number>>;
    };

/** An effect that waits for a save, made when that begins: of the state that is saved. */
export interface Pending {
  readonly t: BookEffect["t"];
  /** It is for this worker alone; undefined: for all. */
  readonly worker?: number;
  /** The key of its share; an answer to a client has none. */
  readonly key?: string;
  /** Undefined: it is not needed any more. */
  readonly make: () => BookEffect | undefined;
  /** The effect in its place when nothing can be saved; without one it waits for the next save. */
  readonly refuse?: (fault: FaultError) => BookEffect;
}

/** Effects of which the pending one has `refuse`. */
export const REFUSABLE: ReadonlySet<BookEffect["t"]> = new Set([
  "claim",
  "refuse",
  "answer",
  "looked-up",
]);

export interface Batch {
  readonly change: LedgerChange;
  /** The effects need no save before them. */
  readonly isEmpty: boolean;
  readonly effects: readonly BookEffect[];
}
