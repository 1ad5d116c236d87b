import type { Refuge } from "../cluster/messages.ts";
import { isOfEdge } from "./edge-clients.ts";
import type { LocalShare } from "./local-share.ts";
import type { ToDirectory } from "./messages.ts";
import type { Outlet, SocketId } from "./outlet.ts";
import { sees, type Client, type EdgeClient, type ShareTable } from "./share-table.ts";

export interface DrainOptions {
  readonly worker: number;
  readonly outlet: Outlet;
  readonly toDirectory: (message: ToDirectory) => void;
  /** Whether the client at a socket came by a name that the operator gave the relay. */
  readonly isByPublicName?: (socket: SocketId) => boolean;
}

/** The clients that a draining relay sends away, and the shares that it calls quiet. */
export class Drain {
  readonly #options: DrainOptions;
  readonly #clients: ReadonlyMap<SocketId, Client>;
  readonly #shares: ShareTable;
  #isOn = false;
  #refuge: Refuge = "none";

  constructor(options: DrainOptions, clients: ReadonlyMap<SocketId, Client>, shares: ShareTable) {
    this.#options = options;
    this.#clients = clients;
    this.#shares = shares;
  }

  begin(now: number, refuge: Refuge): void {
    this.#isOn = true;
    this.#refuge = refuge;
    this.tick(now);
  }

  tick(now: number): void {
    if (!this.#isOn) return;
    const { worker, outlet, toDirectory } = this.#options;
    for (const [socket, client] of this.#clients) {
      const stays = client.role === "edge" && this.#seesAny(client);
      if (client.role === "stranger" || (client.share === undefined && !stays)) {
        outlet.fail(socket, "going-away");
      }
    }
    for (const share of this.#shares.all) {
      this.#moveOn(share);
      const { record, home } = share;
      const { key, epoch } = record;
      if (home.isQuiet(now)) toDirectory({ t: "quiet", worker, key, epoch });
    }
  }

  /**
   * Its sender goes on at another relay, and the receivers follow. The others stay: this relay reads the share from that
   * one for them. So do all where the sender stays, or where the store here has records.
   */
  #moveOn({ record, home, fanout }: LocalShare): void {
    if (record.stored !== undefined) return;
    if (record.remote === undefined && record.owner !== undefined) {
      const sender = home.ownerSocket;
      if (sender === undefined || !this.#hasRefuge(sender) || !home.letsSenderGo()) return;
      this.#options.outlet.fail(sender, "going-away");
      return;
    }
    for (const socket of fanout.sockets) {
      if (this.#hasRefuge(socket)) this.#options.outlet.fail(socket, "going-away");
    }
  }

  /** Clients of the lobby by HTTP, and those of the original app, can't go on elsewhere. */
  #hasRefuge(socket: SocketId): boolean {
    const client = this.#clients.get(socket);
    if (this.#refuge === "none" || socket < 0 || client === undefined) return false;
    if (client.role === "stranger" || isOfEdge(client)) return false;
    if (client.hasOthers === true) return true;
    return this.#refuge === "named" && this.#options.isByPublicName?.(socket) === true;
  }

  #seesAny(line: EdgeClient): boolean {
    return this.#shares.inChannel(line.channel).some(({ record }) => sees(line, record));
  }
}
