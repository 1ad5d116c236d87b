/** Messages between the main thread and the workers of one relay about its cluster; plain values only. */

/** From the main thread to a worker. */
export type FromCluster =
  /** Read shares of this channel from the relay at `address`, until `unlink`. A link that breaks is opened again. */
  | {
      readonly t: "link";
      readonly link: number;
      /** In hex. */
      readonly channel: string;
      /** The owner's id in hex. */
      readonly relay: string;
      /** HOST:PORT */
      readonly address: string;
    }
  | { readonly t: "unlink"; readonly link: number };

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
    };
