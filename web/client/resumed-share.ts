/**
 * The share of a receive that goes on after a reload. The session would take the newest share of its
 * code, so it hears of no other one.
 */
import { RECEIVER_BYTES, SHARE_BYTES } from "../../protocol/crypto/keys.ts";
import { equalBytes, fromHex } from "../../protocol/wire/bytes.ts";
import type { Message } from "../../protocol/wire/control.ts";
import { FaultError } from "../../protocol/wire/faults.ts";

export class ResumedShare {
  readonly share: Uint8Array;
  /** The receiver that it was before the reload: its sender counts it once. */
  readonly receiver: Uint8Array;

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

  /** The message without offers of other shares. */
  filter(message: Message): Message {
    if (message.t !== "offers") return message;
    const list = message.list.filter(({ share }) => equalBytes(share, this.share));
    return { t: "offers", list };
  }
}
