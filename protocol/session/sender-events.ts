import type {
  DismissReason,
  Message,
  MessageOf,
  Offer,
  ReceiverEntry,
  ReceiverStateName,
  StoredSeen,
  StoreWish,
} from "../wire/control.ts";
import type { FaultCode } from "../wire/faults.ts";
import type { Introduction } from "./link.ts";
import type { StartWhen } from "./start-gate.ts";

/** When a session has reached its goal. */
export interface SenderGoal {
  /** Receivers that must have the whole file before the session may end by itself. */
  readonly receivers: number;
  /** Keep serving until interrupted. */
  readonly stay: boolean;
}

export interface SenderOptions extends Introduction {
  readonly offer: Offer;
  readonly proof: Uint8Array;
  /** 16 bytes in a path of HTTP that reads this share; undefined: no path may. */
  readonly capability?: Uint8Array | undefined;
  readonly goal: SenderGoal;
  /** The relay shall keep it; the session ends once it does, unless the goal is to stay. Undefined: it shall not. */
  readonly store?: StoreWish | undefined;
  /** Receivers whose receipts verified when the same share was offered before, by another session. */
  readonly doneBefore?: readonly Uint8Array[] | undefined;
  /** Undefined: it begins with the first receiver that agrees. */
  readonly startWhen?: StartWhen | undefined;
  /** Dismiss receivers that take nothing for so long while others advance; undefined: none. ms */
  readonly dropSlowMs?: number | undefined;
  readonly giveUpAfterMs: number | undefined;
  readonly random: () => number;
}

export interface ReceiverView {
  readonly id: Uint8Array;
  /** As it calls itself, not escaped; empty where it proved that it has everything before it was named. */
  readonly name: string;
  readonly state: ReceiverStateName;
  /** Records that it has on its disk. */
  readonly next: number;
  /** It proved by a receipt that it has everything. */
  readonly verified: boolean;
  /** The receipt is of a client, such as curl, that can't say that it saved the content: all was sent to it. */
  readonly unconfirmed?: true;
}

export type SenderEvent =
  | { readonly type: "opened" }
  | { readonly type: "lost"; readonly fault: FaultCode }
  | { readonly type: "message"; readonly message: Message }
  | { readonly type: "tick" }
  | { readonly type: "sent"; readonly index: number }
  /** A further connection broke, and these records that it had last may not have arrived. */
  | { readonly type: "connection-lost"; readonly records: readonly number[] }
  /** The answer to `open-name`; undefined: it does not open for this receiver of this share. */
  | {
      readonly type: "name-opened";
      readonly entry: ReceiverEntry;
      readonly name: string | undefined;
    }
  | {
      readonly type: "receipt-checked";
      readonly receipt: MessageOf<"receipt">;
      readonly valid: boolean;
    }
  | { readonly type: "judged"; readonly receiver: Uint8Array; readonly admit: boolean }
  | { readonly type: "interrupted" }
  | { readonly type: "failed"; readonly fault: FaultCode };

export type SenderEffect =
  | { readonly type: "connect"; readonly relay?: number }
  | { readonly type: "disconnect" }
  | { readonly type: "send"; readonly message: Message }
  /** Open the entry's name and answer with `name-opened`, before the next message is handled. */
  | { readonly type: "open-name"; readonly entry: ReceiverEntry }
  | { readonly type: "check-receipt"; readonly receipt: MessageOf<"receipt"> }
  | {
      readonly type: "link";
      readonly online: boolean;
      readonly fault: FaultCode | undefined;
      /** The relay's detail of the fault, and when to come again. */
      readonly detail?: string;
      /** The relay has the page for browsers. */
      readonly page?: boolean;
    }
  | { readonly type: "receiver"; readonly receiver: ReceiverView }
  /** Whether this receiver may have the share: answer with `judged`. */
  | { readonly type: "ask"; readonly receiver: ReceiverView }
  | { readonly type: "dismissed"; readonly receiver: ReceiverView; readonly reason: DismissReason }
  /** How many have agreed by now, and whether that made the share begin. */
  | { readonly type: "gate"; readonly agreed: number; readonly open: boolean }
  | { readonly type: "refused-receipt"; readonly receiver: Uint8Array }
  /** So many records are durable at the relay. */
  | { readonly type: "storing"; readonly records: number }
  /** All of them are; told again where what it says is other than before. */
  | { readonly type: "stored"; readonly stored: StoredSeen }
  /** The last event: let what was sent leave, then close. */
  | { readonly type: "finish"; readonly outcome: SenderOutcome };

export interface SenderOutcome {
  readonly fault: FaultCode | undefined;
  /** The thing that the fault is about; a relay may have named it. */
  readonly detail?: string;
  readonly verified: number;
  /** The receivers among them that can't say that they saved it; undefined: none. */
  readonly unconfirmed?: number;
  readonly failed: number;
}
