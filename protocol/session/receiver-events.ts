import type { Message, OfferSeen } from "../wire/control.ts";
import type { FaultCode } from "../wire/faults.ts";
import type { Introduction } from "./link.ts";

export interface ReceiverOptions extends Introduction {
  /** Take share after share for ever, as the original app's receivers do. */
  readonly lobby: boolean;
  /**
   * The content goes on to a client that can't say that it saved it. Read when `complete` is said, so a
   * driver may set it for each share.
   */
  readonly unconfirmed?: boolean;
  /**
   * The receiver agrees to whatever comes, and several connections shall all begin at once: the relay need not wait for
   * a word about the first record. Unless given, it waits.
   */
  readonly agrees?: () => boolean;
  readonly giveUpAfterMs: number | undefined;
  /** No other share can take the place of one that was begun; false unless given. */
  readonly fixed?: boolean;
  /** Records that may be on their way at once, 2 to WINDOW_RECORDS; less where the rate is limited. */
  readonly window: number;
  /** The same where the path delivers more in a round trip, and the relay allows it; `window` unless given. */
  readonly windowMost?: number | undefined;
  /** How long a saved share waits for the sender to take its receipt. ms */
  readonly confirmMs: number;
  readonly random: () => number;
}

export type ReceiverEvent =
  | { readonly type: "opened" }
  | { readonly type: "lost"; readonly fault: FaultCode }
  | { readonly type: "message"; readonly message: Message }
  /** The share may be at another relay, which is told this host and token. */
  | { readonly type: "relocated"; readonly to: Pick<Introduction, "host" | "token"> }
  /** Another of its several relays, counted from 0, has the sender. */
  | { readonly type: "moves"; readonly relay: number }
  | { readonly type: "tick" }
  /** The answer to `open-share`: the id and sealed name for this share, and the first record needed. */
  | {
      readonly type: "share-opened";
      readonly receiver: Uint8Array;
      readonly name: Uint8Array;
      readonly next: number;
      /** The manifest is known and agreed to: a resumed share. */
      readonly agreed: boolean;
      /** Records of the share, where that is known better than the offer says it. */
      readonly records?: number | undefined;
    }
  /** A frame of this share with this index arrived; only `take` and `next` say what to do with it. */
  | {
      readonly type: "frame";
      readonly index: number;
      /** Where several connections carry frames, and one may overtake another; undefined: they come in order. */
      readonly ciphertext?: Uint8Array | undefined;
    }
  /** A further connection broke, and frames that were on their way there will not come. */
  | { readonly type: "connection-lost" }
  /**
   * The record `next` was opened and stored. `last`: it says that the open share ends with it.
   * `next`: the first record needed now, if it is not the one after: what is here is not fetched.
   */
  | { readonly type: "stored"; readonly last?: boolean | undefined; readonly next?: number }
  | { readonly type: "corrupt" }
  /** The line is not read for now, so a record that does not come is no stall. */
  | { readonly type: "held" }
  /** The records so far hold the whole manifest: ask before more comes. */
  | {
      readonly type: "manifest-known";
      /** The shares whose place it takes; none unless given. */
      readonly before?: readonly Uint8Array[];
    }
  /** `next`: the first record needed, where what lies before it is here already. */
  | { readonly type: "accepted"; readonly next?: number }
  /** `detail`: why, where no person could be asked. */
  | { readonly type: "declined"; readonly detail?: string | undefined }
  | { readonly type: "saved"; readonly mac: Uint8Array }
  | { readonly type: "interrupted" }
  /** The disk, or what the manifest says, forbids to go on with this share. */
  | { readonly type: "failed"; readonly fault: FaultCode; readonly detail?: string };

/** A share that holds nothing for this code: made without it, damaged, or not as shares are. */
export interface Unreadable {
  readonly fault: FaultCode;
  readonly detail: string | undefined;
  /** Shares of this session that were unreadable, with this one. */
  readonly count: number;
  /** Whether to tell of it: of very many not each is worth a line. */
  readonly told: boolean;
}

export type ReceiverEffect =
  | { readonly type: "connect"; readonly relay?: number }
  | { readonly type: "disconnect" }
  | { readonly type: "send"; readonly message: Message }
  /** A share was chosen: look for what is here of it; answer with `share-opened`. */
  | { readonly type: "open-share"; readonly offer: OfferSeen }
  /** Decrypt and store the frame at hand, or one that came `early`; answer with `stored`, `corrupt` or `failed`. */
  | { readonly type: "take"; readonly early?: Uint8Array }
  /** Ask the person; answer with `accepted` or `declined`. */
  | { readonly type: "ask" }
  /** Everything is here: make it whole under its final name; answer with `saved`. */
  | { readonly type: "save" }
  /** This share is over; undefined fault: saved. `confirmed`: the sender has the receipt. */
  | {
      readonly type: "share-over";
      readonly fault: FaultCode | undefined;
      readonly detail: string | undefined;
      readonly confirmed: boolean;
    }
  /**
   * Let go of it, another one is next. Its beginning does not come, and it may be chosen again; or it
   * is `unreadable`, or offered `anew` as another share, and is not. `perhaps`: it
   * is missing, and its sender may have said so in vain.
   */
  | {
      readonly type: "passed-over";
      readonly unreadable?: Unreadable;
      readonly anew?: "told" | "perhaps";
    }
  | {
      readonly type: "link";
      readonly online: boolean;
      readonly fault: FaultCode | undefined;
      /** The relay's detail of the fault, and when to come again. */
      readonly detail?: string;
    }
  | { readonly type: "sender"; readonly here: boolean }
  | { readonly type: "waiting" }
  | { readonly type: "finish"; readonly fault: FaultCode | undefined; readonly detail?: string };
