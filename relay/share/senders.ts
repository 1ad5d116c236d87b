/**
 * The senders of a worker. The directory decides whose a share is, so an offer is a claim until it
 * answers, and much may happen to the sender before:
 *
 *   offer --claim--> directory --opened--> accepted --> frames --end, cancel--> close
 *                              --refused-> failed
 *
 * The hub owns it.
 */
import {
  FaultError,
  cancelReason,
  shareFault,
  MANIFEST_BYTES,
  dataPerRecord,
  decodeFrame,
  equalBytes,
  isOfShare,
  isOpen,
  shareIdFromProof,
  toHex,
  type Message,
  type MessageOf,
  type Offer,
  type ShareFault,
  type SyncPrimitives,
} from "../../protocol/mod.ts";

import type { LiveLimits } from "../limits/limits.ts";
import { fromWireFacts } from "../cluster/stored-facts.ts";
import type { ClusterShare } from "../cluster/wire.ts";
import type { StoredFacts } from "../store/stored-share.ts";
import type { Client, SenderClient, ShareTable } from "./share-table.ts";
import type { FromDirectory, ToDirectory, ToStoreBook } from "./messages.ts";
import type { Outlet, SocketId } from "./outlet.ts";
import type { LocalShare } from "./local-share.ts";

export interface SendersOptions {
  readonly worker: number;
  readonly outlet: Outlet;
  readonly toDirectory: (message: ToDirectory) => void;
  readonly toStoreBook?: ((message: ToStoreBook) => void) | undefined;
  readonly primitives: SyncPrimitives;
  readonly limits: LiveLimits;
  readonly now: () => number;
}

/** A sender has few reasons; a relay that has the sender has those of relays too. */
function reasonFor({ uplink }: SenderClient, { reason }: MessageOf<"cancel">): ShareFault {
  return uplink === undefined ? cancelReason(reason) : shareFault(reason);
}

/** Of the owner of a share: its sender came or went, its store has other facts, or the share has as many receivers as it may have. */
export type RemoteWord =
  | {
      readonly t: "presence";
      readonly senderHere: boolean;
      readonly stored: StoredFacts | undefined;
    }
  | { readonly t: "full"; readonly receiver: Uint8Array };

export class Senders {
  readonly #options: SendersOptions;
  readonly #shares: ShareTable;
  /** Senders that were through before the directory answered their claim, and how they ended. */
  readonly #endedEarly = new Map<SocketId, ShareFault | undefined>();

  constructor(options: SendersOptions, shares: ShareTable) {
    this.#options = options;
    this.#shares = shares;
  }

  message(socket: SocketId, client: SenderClient, message: Message): void {
    switch (message.t) {
      case "offer":
        this.#offer(socket, client, message);
        return;
      case "receipted":
        this.#ownedBy(socket, client)?.home.receipted(message.receiver);
        return;
      case "admit":
      case "dismiss": {
        const { receiver } = message;
        const dismissed = message.t === "dismiss" ? message.reason : undefined;
        const share = this.#ownedBy(socket, client);
        if (share === undefined || !equalBytes(share.record.offer.share, message.share)) return;
        share.home.decide({ receiver, dismissed });
        return;
      }
      case "inspect":
      case "revoke":
        this.#askBook(socket, client, message);
        return;
      case "end":
        this.#ended(socket, client, undefined);
        return;
      case "cancel":
        this.#ended(socket, client, reasonFor(client, message));
        return;
      default:
        return;
    }
  }

  frame(socket: SocketId, client: SenderClient, bytes: Uint8Array): void {
    const frame = decodeFrame(bytes);
    const share = this.#ownedBy(socket, client);
    if (share?.home.origin === undefined) {
      throw new FaultError("bad-message", "a frame without an accepted offer");
    }
    if (!isOfShare(frame.tag, share.record.offer.share)) {
      throw new FaultError("bad-message", "a frame of another share");
    }
    // The owner of an uplink's share has limits of its own.
    if (client.uplink === undefined && this.#isTooLarge(share, frame.index)) {
      const { code, detail = "" } = this.#options.limits.over("share-bytes");
      this.#close(share, shareFault(code), detail);
      return;
    }
    share.home.frame(share.home.origin, frame, bytes);
  }

  /** The directory gave the share to the sender at this socket. @param client undefined: it closed */
  accepted(share: LocalShare, socket: SocketId, client: Client | undefined): void {
    if (this.#endedEarly.has(socket)) {
      const fault = this.#endedEarly.get(socket);
      this.#endedEarly.delete(socket);
      if (this.#leaves(share, client)) return;
      share.home.senderLost();
      this.#close(share, fault);
      return;
    }
    if (client?.role === "sender" && client.share === share.record.key) {
      client.claiming = undefined;
      this.#options.outlet.send(socket, { t: "accepted", share: share.record.offer.share });
      share.home.senderBack(client.first);
      if (client.isSeveral) share.home.beginAhead();
    } else {
      // The sender went away while its claim was on the way.
      this.#lost(share);
    }
  }

  /** The directory did not give it the share. @param client undefined: it closed */
  refused(
    client: Client | undefined,
    { socket, key, fault, detail, after }: Extract<FromDirectory, { t: "refused" }>,
  ): void {
    this.#endedEarly.delete(socket);
    if (client?.role !== "sender" || client.share !== key) return;
    client.share = undefined;
    client.claiming = undefined;
    this.#options.outlet.fail(socket, fault, detail, after);
  }

  /**
   * The share is another relay's, which goes on with the sender.
   * @param client undefined: it closed
   * @returns what it said, in its order; undefined: it needs no answer
   */
  handsOver(socket: SocketId, client: Client | undefined, key: string): Message[] | undefined {
    const wasEnded = this.#endedEarly.has(socket);
    const fault = this.#endedEarly.get(socket);
    this.#endedEarly.delete(socket);
    if (client?.role !== "sender" || client.share !== key) return undefined;
    const { claiming } = client;
    client.share = undefined;
    client.claiming = undefined;
    if (claiming === undefined) return undefined;
    if (!wasEnded) return [claiming];
    const { share } = claiming;
    return [
      claiming,
      fault === undefined ? { t: "end", share } : { t: "cancel", share, reason: fault },
    ];
  }

  /** The book of stored shares said what it knows. @param client undefined: it closed */
  answered(client: Client | undefined): void {
    if (client?.role === "sender") client.asking = undefined;
  }

  /** It has another connection: it is far. */
  furtherOpened(socket: SocketId, client: SenderClient): void {
    client.isSeveral = true;
    this.#ownedBy(socket, client)?.home.beginAhead();
  }

  /** The relay can't know which of the records that it asked for were on their way there. */
  furtherClosed(socket: SocketId, client: SenderClient): void {
    this.#ownedBy(socket, client)?.home.origin?.askAgain();
  }

  closed(socket: SocketId, client: SenderClient): void {
    const share = this.#ownedBy(socket, client);
    if (share !== undefined) this.#lost(share);
  }

  /** Claims a share of another relay, which has checked the proof and its limits. */
  claimRemote(socket: SocketId, client: SenderClient, share: ClusterShare): void {
    const { senderHere, capability, first = 0, stored: facts, ...offer } = share;
    const key = toHex(offer.share);
    client.share = key;
    client.first = first;
    const { channel } = client;
    const stored = fromWireFacts(facts);
    const uplink = client.uplink && { ...client.uplink, isSenderAway: !senderHere, stored };
    const { worker, toDirectory } = this.#options;
    toDirectory({ t: "claim", worker, socket, channel, key, offer, capability, uplink });
  }

  /** The relay that has the sender of this share said more than senders say. */
  remoteSays(socket: SocketId, client: SenderClient, word: RemoteWord): void {
    const share = this.#ownedBy(socket, client);
    if (share === undefined || client.uplink === undefined) return;
    if (word.t === "full") {
      share.home.origin?.refuse(word.receiver);
      return;
    }
    const { worker, toDirectory } = this.#options;
    const { key, epoch } = share.record;
    toDirectory({ ...word, worker, key, epoch });
  }

  #offer(socket: SocketId, client: SenderClient, message: MessageOf<"offer">): void {
    if (client.share !== undefined) throw new FaultError("bad-message", "a second offer");
    const { worker, primitives, toDirectory, limits, now } = this.#options;
    const { t: _, proof, capability, first = 0, store, ...offer } = message;
    if (!equalBytes(shareIdFromProof(proof, primitives), offer.share)) {
      throw new FaultError("not-your-share");
    }
    if (store !== undefined && !client.mayStore) throw new FaultError("no-store");
    if (store !== undefined && offer.admit === true) {
      throw new FaultError("bad-message", "a stored share that its sender admits receivers to");
    }
    if (this.#isTooMuch(offer)) throw limits.over("share-bytes");
    const key = toHex(offer.share);
    client.share = key;
    client.first = first;
    client.claiming = message;
    const { channel, address, isForwarded, since = now() } = client;
    const ageMs = now() - since;
    const claim = { worker, socket, channel, key, offer, capability, address, store, ageMs };
    toDirectory({ t: "claim", ...claim, ...(isForwarded && { isForwarded }) });
  }

  /** About a share of whatever channel: the proof alone tells that it is this sender's. */
  #askBook(
    socket: SocketId,
    client: SenderClient,
    question: MessageOf<"inspect" | "revoke">,
  ): void {
    const { t, share, proof } = question;
    const { worker, outlet, primitives, toStoreBook } = this.#options;
    // The book answers all senders of all workers, and keeps each question until it has saved what came before.
    if (client.asking !== undefined)
      throw new FaultError("bad-message", "a question before an answer");
    if (!equalBytes(shareIdFromProof(proof, primitives), share)) {
      throw new FaultError("not-your-share");
    }
    if (toStoreBook !== undefined) {
      client.asking = question;
      const { isForwarded } = client;
      toStoreBook({ t, worker, socket, key: toHex(share), ...(isForwarded && { isForwarded }) });
    } else if (t === "revoke") outlet.send(socket, { t: "revoked", share, known: false });
    else {
      const nothing = { records: 0, downloads: 0, receipts: [] };
      outlet.send(socket, { t: "inspected", share, state: "unknown", ...nothing });
    }
  }

  /** A sender's word on its share may be wrong: its records alone can be more. */
  #isTooMuch(offer: Offer): boolean {
    const most = this.#options.limits.now["share-bytes"];
    if (offer.bytes > most) return true;
    // The last record may be short, and the manifest is no part of what is bounded.
    const full = (offer.records - 1) * dataPerRecord(offer.recordSize);
    return !isOpen(offer) && full > most + MANIFEST_BYTES;
  }

  /** Of a share whose end nobody knows, whether those before this record are too much. */
  #isTooLarge({ record: { offer } }: LocalShare, index: number): boolean {
    if (!isOpen(offer)) return false;
    // The first has the manifest. They are counted with their padding: it takes as much room.
    return (index - 1) * dataPerRecord(offer.recordSize) > this.#options.limits.now["share-bytes"];
  }

  /** @param fault undefined: as it should */
  #ended(socket: SocketId, client: SenderClient, fault: ShareFault | undefined): void {
    const share = this.#ownedBy(socket, client);
    if (share !== undefined) {
      if (this.#leaves(share, client)) return;
      const { record } = share;
      share.home.settle(this.#options.now(), () => this.#close({ record }, fault));
    } else if (client.share !== undefined) this.#endedEarly.set(socket, fault);
  }

  /** @returns whether the share stays without its sender, which is free for another one */
  #leaves(share: LocalShare, client: Client | undefined): boolean {
    if (!share.home.needsNoSender) return false;
    share.home.senderLeft();
    const { worker, toDirectory } = this.#options;
    const { key, epoch } = share.record;
    toDirectory({ t: "orphan", worker, key, epoch });
    if (client?.role === "sender") client.share = undefined;
    return true;
  }

  #lost(share: LocalShare): void {
    if (this.#leaves(share, undefined)) return;
    share.home.senderLost();
    const { key, epoch } = share.record;
    const { worker, toDirectory, now } = this.#options;
    // A sender that comes again finds all that it gave, at whatever worker.
    share.home.settle(now(), () => toDirectory({ t: "orphan", worker, key, epoch }));
  }

  /** @param detail the relay's reason, which the sender does not know yet */
  #close(
    { record: { key, epoch } }: Pick<LocalShare, "record">,
    fault: ShareFault | undefined,
    detail?: string,
  ): void {
    const { worker, toDirectory } = this.#options;
    toDirectory({ t: "close", worker, key, epoch, fault, detail });
  }

  /** The sender's share, once the directory gave it to this socket. */
  #ownedBy(socket: SocketId, client: SenderClient): LocalShare | undefined {
    const share = this.#shares.of(client);
    return share?.home.ownerSocket === socket ? share : undefined;
  }
}
