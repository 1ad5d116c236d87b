/**
 * A worker's side of the directory: which shares are open here, and whose they are. The directory says that a share
 * opened, lost its sender, moved, or is over; clients and other relays hear of it from here. It alone adds shares to the
 * worker's table and takes them out again. The hub owns it.
 */
import { socketFault, type Message } from "../../protocol/mod.ts";

import type { LiveLimits } from "../limits/limits.ts";
import type { Edges } from "./edges.ts";
import { LocalShare, type ShareOptions } from "./local-share.ts";
import type { FromDirectory, SenderPresence, ShareRecord } from "./messages.ts";
import type { SocketId } from "./outlet.ts";
import type { Receivers } from "./receivers.ts";
import type { Senders } from "./senders.ts";
import { sees, type Client, type ShareTable } from "./share-table.ts";
import { addTotals, noTotals } from "./totals.ts";

export interface DirectoryDeskParts {
  /** Of all shares. */
  readonly options: ShareOptions;
  readonly limits: LiveLimits;
  readonly clients: ReadonlyMap<SocketId, Client>;
  readonly shares: ShareTable;
  readonly senders: Senders;
  readonly receivers: Receivers;
  /** Undefined: the relay is in no cluster. */
  readonly edges: Edges | undefined;
  readonly now: () => number;
}

export class DirectoryDesk {
  readonly #outlet: ShareOptions["outlet"];
  readonly #parts: DirectoryDeskParts;
  readonly #clients: ReadonlyMap<SocketId, Client>;
  readonly #shares: ShareTable;
  readonly #senders: Senders;
  readonly #receivers: Receivers;
  readonly #edges: Edges | undefined;
  /** Of shares that are over. */
  readonly ended = noTotals();

  constructor(parts: DirectoryDeskParts) {
    this.#outlet = parts.options.outlet;
    this.#parts = parts;
    this.#clients = parts.clients;
    this.#shares = parts.shares;
    this.#senders = parts.senders;
    this.#receivers = parts.receivers;
    this.#edges = parts.edges;
  }

  message(message: FromDirectory, now: number): void {
    switch (message.t) {
      case "opened":
        this.#shareOpened(message);
        return;
      case "refused": {
        this.#senders.refused(this.#clients.get(message.socket), message);
        return;
      }
      case "orphaned":
        this.#shares.get(message.key)?.orphaned(message.epoch, message.isGiven);
        return;
      case "presence":
        this.#presence(message);
        return;
      case "closed":
        this.#shareClosed(message);
        return;
      case "dismissed":
        this.#shareDismissed(message.key);
        return;
      case "unloaded":
        this.#shareUnloaded(message.key);
        return;
      case "worker-lost":
        for (const share of this.#shares.all) share.workerLost(message.worker);
        return;
      case "peer":
        this.#shares.get(message.key)?.peer(message, now);
        return;
    }
  }

  #shareOpened({
    record,
    socket,
    previousHome,
    durable,
  }: Extract<FromDirectory, { t: "opened" }>): void {
    const known = this.#shares.get(record.key);
    const { options, limits, now } = this.#parts;
    const share = known ?? new LocalShare(record, options, limits, now);
    if (known === undefined) this.#shares.add(share);
    const replaced = share.home.ownerSocket;
    this.#edges?.moves(share, record);
    this.#failStreams(share, record);
    share.opened(record, socket, previousHome, durable);
    if (replaced !== undefined && replaced !== socket) {
      this.#forgetShare(replaced);
      this.#outlet.fail(replaced, "replaced");
    }
    if (socket !== undefined) this.#senders.accepted(share, socket, this.#clients.get(socket));
    this.#edges?.announce(share);
    if (known !== undefined) share.sendPresence();
    else this.#receivers.announce(share);
  }

  /** Streams of relays to which the share does not come from here any more. */
  #failStreams({ fanout }: LocalShare, record: ShareRecord): void {
    for (const socket of fanout.sockets) {
      const client = this.#clients.get(socket);
      if (client?.role !== "receiver" || client.edge === undefined) continue;
      if (!sees(client.edge, record)) this.#outlet.fail(socket, "going-away");
    }
  }

  #presence(message: SenderPresence): void {
    const share = this.#shares.get(message.key);
    if (share === undefined) return;
    const wasWhole = share.record.remoteStored?.isWhole === true;
    share.presence(message);
    if (share.record.remoteStored?.isWhole === true && !wasWhole) this.#receivers.announce(share);
  }

  #shareClosed({
    key,
    fault,
    detail,
    isFromSender,
  }: Extract<FromDirectory, { t: "closed" }>): void {
    const known = this.#shares.get(key);
    if (known === undefined) return;
    const { ownerSocket } = known.home;
    if (ownerSocket !== undefined && fault !== undefined && detail !== undefined) {
      this.#outlet.fail(ownerSocket, socketFault(fault), detail);
    }
    const { share } = known.record.offer;
    const last: Message =
      fault === undefined ? { t: "end", share } : { t: "cancel", share, reason: fault };
    this.#receivers.broadcast(known, last);
    // The owner may have it yet.
    if (known.record.remote !== undefined && isFromSender !== true) this.#edges?.letGo(known);
    else this.#edges?.tell(known, last);
    this.#forget(known);
  }

  /** No receiver hears that the share is over: it goes on at the next relay. */
  #shareDismissed(key: string): void {
    const share = this.#shares.get(key);
    if (share === undefined) return;
    if (share.record.remote === undefined) this.#edges?.tell(share, awayOf(share));
    else this.#edges?.letGo(share);
    for (const socket of this.#forget(share)) this.#outlet.fail(socket, "going-away");
  }

  /** A receiver that came meanwhile keeps it: its channel is asked for, so the directory opens the share again. */
  #shareUnloaded(key: string): void {
    const share = this.#shares.get(key);
    if (share !== undefined && !this.#receivers.areIn(share.record.channel)) this.#forget(share);
  }

  /** @returns the sockets that were in it */
  #forget(share: LocalShare): SocketId[] {
    const { fanout, home } = share;
    const sockets = [...fanout.sockets];
    if (home.ownerSocket !== undefined) sockets.push(home.ownerSocket);
    for (const socket of sockets) this.#forgetShare(socket);
    share.destroy();
    addTotals(this.ended, share.totals);
    this.#shares.delete(share);
    return sockets;
  }

  #forgetShare(socket: SocketId): void {
    const client = this.#clients.get(socket);
    if (client !== undefined && client.role !== "stranger") client.share = undefined;
  }
}

function awayOf({ record }: LocalShare): Message {
  return { t: "presence", share: record.offer.share, senderHere: false };
}
