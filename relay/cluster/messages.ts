/** Messages between the main thread and the workers of one relay about its cluster; plain values only. */
import type { OverShare } from "../store/stored-share.ts";
import type { EdgeDownload } from "./wire.ts";

/**
 * The clients of a relay that drains for which another relay of the cluster is there: none, those that know addresses of
 * other relays, or those too that came by the public name, which leads to other relays as well.
 */
export type Refuge = "none" | "known" | "named";

/** From the main thread to a worker. */
export type FromCluster = LinkOrder | ForwardOrder;

export type LinkOrder =
  /** Read shares of this channel from the relay at `address`, until `unlink`. A link that breaks is opened again. */
  | {
      readonly t: "link";
      readonly link: number;
      /** In hex. */
      readonly channel: string;
      /** The owner's id in hex. */
      readonly relay: string;
      /** HOST:PORT of the owner, or of the gateway by which its shares come. */
      readonly address: string;
      /** 0: it is the owner. See `routes.ts`. */
      readonly level: number;
    }
  | { readonly t: "unlink"; readonly link: number }
  /** For the store of the owner. */
  | { readonly t: "tell-owner"; readonly link: number; readonly message: EdgeDownload };

/** Another relay stores the share of this sender: from now on the sender is that relay's, by a line from here. */
export interface ForwardOrder {
  readonly t: "forward";
  /** Of the sender. */
  readonly socket: number;
  /** The share in hex. */
  readonly key: string;
  /** Its channel in hex; undefined: a question about a share of a channel that is not known. */
  readonly channel: string | undefined;
  /** The owner's id in hex. */
  readonly relay: string;
  /** HOST:PORT */
  readonly address: string;
  /** The sender asks that alone; undefined: it offers the share, and its claim is no more this relay's. */
  readonly question: BookQuestion | undefined;
}

/** Of a sender about its stored share. */
export type BookQuestion = "inspect" | "revoke";

/** From a worker to the main thread. */
export type ToCluster =
  /** The first list of shares came: look-ups of the channel can be answered. */
  | { readonly t: "linked"; readonly worker: number; readonly link: number }
  /** It is being opened again; the reason is for the log. */
  | {
      readonly t: "link-lost";
      readonly worker: number;
      readonly link: number;
      readonly why: string;
      /** The owner goes away as it should, and its shares come elsewhere. */
      readonly isOrderly?: true;
    }
  /** Stored shares of the owner are over. */
  | {
      readonly t: "over-there";
      readonly worker: number;
      readonly link: number;
      readonly list: readonly OverShare[];
    }
  /** Edges read shares of that owner through this worker, and ask at this level or longer ones; undefined: none does any more. */
  | {
      readonly t: "through";
      readonly worker: number;
      readonly channel: string;
      readonly owner: string;
      readonly level: number | undefined;
    };

export type ThroughAsk = Pick<
  Extract<ToCluster, { t: "through" }>,
  "worker" | "channel" | "owner" | "level"
>;
