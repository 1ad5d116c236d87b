/** The words of the book of the cluster: changes of the directory in NATS, and orders for this relay's own directory and workers. */
import type { FaultError } from "../../protocol/mod.ts";
import type { ShareClaim } from "../store/book-effects.ts";
import type { OverShare } from "../store/stored-share.ts";
import type { OwnerValue } from "./directory-kv.ts";
import type { BookQuestion, FromCluster } from "./messages.ts";

export type ClusterEffect =
  /** Answered by `outcome` with the same `op`. */
  | {
      readonly t: "put-share";
      readonly op: number;
      readonly key: string;
      readonly value: OwnerValue;
      readonly revision: number;
    }
  | {
      readonly t: "remove-share";
      readonly op: number;
      readonly key: string;
      readonly revision: number;
    }
  /** This relay's heartbeat. */
  | { readonly t: "put-relay" }
  | { readonly t: "remove-relay"; readonly id: string }
  /** The directory of this relay may have it; answered by `opened` or `refused`. */
  | { readonly t: "claim"; readonly claim: ShareClaim }
  | { readonly t: "refuse"; readonly claim: ShareClaim; readonly fault: FaultError }
  | ({ readonly worker: number } & Exclude<FromCluster, { t: "tell-owner" }>)
  /**
   * Another relay owns the share: its sender here has lost it, and the receivers stay.
   * `again`: which sender came last isn't known, so this one may come again; else it is `replaced`.
   */
  | { readonly t: "yield"; readonly key: string; readonly again: boolean }
  /** No link reads this remote share any more: its receivers wait as for a sender that was cut off. */
  | { readonly t: "drop"; readonly key: string }
  | { readonly t: "looked-up"; readonly worker: number; readonly question: number }
  /** Stored shares of another relay are over. */
  | {
      readonly t: "over";
      readonly worker: number;
      readonly channel: string;
      /** The relay that stored them. */
      readonly relay: string;
      readonly list: readonly OverShare[];
    }
  // Answers about shares that stores keep:
  /** No relay of the cluster stores the share of this question. */
  | ({ readonly t: "unknown-share" } & AskedShare)
  /** The directory can't be asked now: the sender may come again. */
  | ({ readonly t: "unasked-share"; readonly fault: FaultError } & AskedShare)
  | StoreOrder;

/** An order to the store of this relay. */
export type StoreOrder =
  /** Another relay owns a share that this relay's disk keeps: the copy here opens for no receiver until `loud`. */
  | { readonly t: "quiet" | "loud"; readonly key: string }
  /** This relay now owns a share that a gone relay kept in the same bucket. */
  | {
      readonly t: "adopt";
      readonly name: string;
      readonly place: string;
      /** The epoch of this relay as its owner. */
      readonly epoch: number;
    }
  /** Another relay owns a share that this relay kept in their bucket: the store forgets it and leaves the bucket as it is. */
  | { readonly t: "disown"; readonly key: string };

/** A question of a sender about its share. */
export interface AskedShare {
  readonly worker: number;
  readonly socket: number;
  /** In hex. */
  readonly key: string;
  readonly question: BookQuestion;
  /** See `ShareClaim`. */
  readonly isForwarded?: true | undefined;
}

export type Say = (effect: ClusterEffect) => void;

export type Report = (report: {
  readonly level: "info" | "warn";
  readonly event: string;
  readonly fields: Readonly<Record<string, string | number>>;
}) => void;
