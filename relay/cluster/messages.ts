/** Messages between the main thread and the workers of one relay about its cluster; plain values only. */
import type { OverShare } from "../store/stored-share.ts";
import type { EdgeDownload } from "./wire.ts";

/**
 * The clients of a draining relay that can go on at another relay of the cluster: none; clients that know addresses of
 * other relays (`known`); also clients that came by the public name, which leads to other relays as well (`named`).
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
      /** 0: the address is that of the owner. See `routes.ts`. */
      readonly level: number;
    }
  | { readonly t: "unlink"; readonly link: number }
  /** A word for the store of the owner. */
  | { readonly t: "tell-owner"; readonly link: number; readonly message: EdgeDownload };

/** Another relay stores the share of this sender. A forward line from here carries the sender there from now on. */
export interface ForwardOrder {
  readonly t: "forward";
  /** The sender's socket. */
  readonly socket: number;
  /** The share in hex. */
  readonly key: string;
  /** Its channel in hex; undefined: a question about a share of a channel that is not known. */
  readonly channel: string | undefined;
  /** The owner's id in hex. */
  readonly relay: string;
  /** HOST:PORT */
  readonly address: string;
  /** The sender's question; undefined: it offers the share, and the claim goes to that relay. */
  readonly question: BookQuestion | undefined;
}

/** A question of a sender about its stored share. */
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
      /** The owner ends in order, and its shares come up elsewhere. */
      readonly isOrderly?: true;
    }
  /** Stored shares of the owner are over. */
  | {
      readonly t: "over-there";
      readonly worker: number;
      readonly link: number;
      readonly list: readonly OverShare[];
    }
  /** Edges read shares of this owner through this worker, at this level or longer ones; undefined: no edge does any more. */
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
