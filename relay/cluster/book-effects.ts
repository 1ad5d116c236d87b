/** The words of the book of the cluster: changes of the directory in NATS, and orders for this relay's own directory and workers. */
import type { FaultError } from "../../protocol/mod.ts";
import type { ShareClaim } from "../store/book-effects.ts";
import type { OwnerValue } from "./directory-kv.ts";
import type { FromCluster } from "./messages.ts";

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
  | ({ readonly worker: number } & FromCluster)
  /**
   * Another relay owns the share: its sender here has lost it, and the receivers stay.
   * `again`: which sender came last isn't known, so this one may come again; else it is `replaced`.
   */
  | { readonly t: "yield"; readonly key: string; readonly again: boolean }
  /** No link reads this remote share any more: its receivers wait as for a sender that was cut off. */
  | { readonly t: "drop"; readonly key: string }
  | { readonly t: "looked-up"; readonly worker: number; readonly question: number };

export type Say = (effect: ClusterEffect) => void;
