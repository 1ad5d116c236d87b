import type { Edges } from "./edges.ts";
import type { LookUps } from "./look-ups.ts";
import type { FromStoreBook, ToStoreBook } from "./messages.ts";
import type { Outlet, SocketId } from "./outlet.ts";
import type { Receivers } from "./receivers.ts";
import type { Senders } from "./senders.ts";
import type { Client, ShareTable } from "./share-table.ts";

export interface BookDeskOptions {
  readonly worker: number;
  readonly outlet: Outlet;
  /** Undefined: the relay stores no shares. */
  readonly toStoreBook?: ((message: ToStoreBook) => void) | undefined;
  readonly clients: ReadonlyMap<SocketId, Client>;
  readonly shares: ShareTable;
  readonly senders: Senders;
  readonly receivers: Receivers;
  readonly lookUps: LookUps;
  /** Undefined: the relay is in no cluster. */
  readonly edges: Edges | undefined;
}

/** A worker's side of the book of stored shares: what the book says reaches the share, or the client that asked. */
export class BookDesk {
  readonly #options: BookDeskOptions;

  constructor(options: BookDeskOptions) {
    this.#options = options;
  }

  message(message: FromStoreBook, now: number): void {
    const { outlet, clients, shares, senders, receivers, edges, lookUps } = this.#options;
    switch (message.t) {
      case "over":
        receivers.over(message.channel, message.list);
        edges?.over(message.channel, message.relay, message.list);
        return;
      case "answer":
        senders.answered(clients.get(message.socket));
        outlet.send(message.socket, message.message);
        return;
      case "sender-failed": {
        const socket = shares.get(message.key)?.home.ownerSocket;
        if (socket !== undefined) outlet.fail(socket, message.fault, message.detail);
        return;
      }
      case "socket-failed":
        outlet.fail(message.socket, message.fault, message.detail);
        return;
      case "stored-state":
        this.#storedState(message);
        return;
      case "counted":
        shares.get(message.key)?.counted(message.receiver);
        return;
      case "looked-up":
        lookUps.answered(message.question);
        return;
      case "may-write":
        // For the records of the worker.
        return;
      case "settle":
        this.#settle(message.key, now);
        return;
    }
  }

  /** Its sender is at another worker: what it gave here is durable before that one asks it. */
  #settle(key: string, now: number): void {
    const { worker, shares, toStoreBook } = this.#options;
    const done = (): void => toStoreBook?.({ t: "settled", worker, key });
    const home = shares.get(key)?.home;
    if (home === undefined) done();
    else home.settle(now, done);
  }

  #storedState({ key, stored, durable }: Extract<FromStoreBook, { t: "stored-state" }>): void {
    const { shares, receivers } = this.#options;
    const share = shares.get(key);
    if (share === undefined) return;
    const wasWhole = share.record.stored?.isWhole === true;
    share.storedState(stored, durable);
    // Receivers see from now on that it stays without its sender.
    if (stored.isWhole && !wasWhole) receivers.announce(share);
  }
}
