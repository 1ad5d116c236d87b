/**
 * The share of a receive that goes on after a reload. The session would take the newest share of its
 * code, so it hears of no other one.
 */
import { RECEIVER_BYTES, SHARE_BYTES } from "../../protocol/crypto/keys.ts";
import { equalBytes, fromHex } from "../../protocol/wire/bytes.ts";
import type { Message } from "../../protocol/wire/control.ts";
import { FaultError } from "../../protocol/wire/faults.ts";
import { MISSING_MS } from "../../protocol/wire/limits.ts";

export class ResumedShare {
  readonly share: Uint8Array;
  /** The receiver that it was before the reload: its sender counts it once. */
  readonly receiver: Uint8Array;
  /** Since when other shares of the code are offered, and this one is not. */
  #othersSince: number | undefined;

  /** @throws FaultError `internal` for ids that are none */
  constructor(ids: { readonly share: string; readonly receiver: string }) {
    const share = fromHex(ids.share);
    const receiver = fromHex(ids.receiver);
    if (share?.length !== SHARE_BYTES || receiver?.length !== RECEIVER_BYTES) {
      throw new FaultError("internal", "the receive to go on with has no ids");
    }
    this.share = share;
    this.receiver = receiver;
  }

  /** The message without offers of other shares. `now` in ms */
  filter(message: Message, now: number): Message {
    if (message.t !== "offers") return message;
    const list = message.list.filter(({ share }) => equalBytes(share, this.share));
    if (list.length > 0) this.#othersSince = Infinity;
    else if (message.list.length > 0) this.#othersSince ??= now;
    return { t: "offers", list };
  }

  /** Once: only others have been offered for a while, so this one may never be again. */
  isMissed(now: number): boolean {
    if (this.#othersSince === undefined || now - this.#othersSince < MISSING_MS) return false;
    this.#othersSince = Infinity;
    return true;
  }
}
