/**
 * One worker's logic without I/O: its sockets, its copy of the directory, its part of each share.
 * The worker owns it, and gives it bytes of sockets, messages of the directory, and ticks.
 * It owns the clients and the shares, tells which part handles an event, and hands both to the parts:
 * `Hellos`, `Senders`, `Receivers`, `EdgeClients` and `Forwarded` for clients, `DirectoryDesk` and `BookDesk` for the
 * main thread, `Drain` for the end.
 */
import {
  FaultError,
  SENT_BY,
  equalBytes,
  decodeAck,
  decodeControl,
  isFrame,
  socketFault,
  type Message,
  type Role,
} from "../../protocol/mod.ts";

import type { ForwardOrder, Refuge } from "../cluster/messages.ts";
import type { ClusterShare, ForwardedClient } from "../cluster/wire.ts";
import { LiveLimits } from "../limits/limits.ts";
import { ShareTable, newSender, type Client, type ReceiverClient } from "./share-table.ts";
import type { Totals } from "./totals.ts";
import type { FromDirectory, FromStoreBook } from "./messages.ts";
import { BookDesk } from "./book-desk.ts";
import { DirectoryDesk } from "./directory-desk.ts";
import { Drain, type DrainOptions } from "./drain.ts";
import { Hellos, type DoorOptions } from "./hellos.ts";
import type { Outlet, SocketId } from "./outlet.ts";
import { Receivers } from "./receivers.ts";
import { CreditBudget } from "./sender-credit.ts";
import { Senders, type RemoteWord } from "./senders.ts";
import { Sessions } from "./sessions.ts";
import { LookUps, type Lookers } from "./look-ups.ts";
import type { ClusterSecret } from "../cluster/proof.ts";
import { EdgeClients, isOfEdge } from "./edge-clients.ts";
import { Edges, type EdgeCounts } from "./edges.ts";
import { Forwarded, type Carrier } from "./forwarded.ts";
import type { LocalShare, ShareOptions } from "./local-share.ts";

export interface HubOptions
  extends Omit<ShareOptions, "budget" | "edges">, DoorOptions, DrainOptions {
  readonly limits?: LiveLimits;
  /** Undefined: workers have all shares. */
  readonly lookers?: Lookers | undefined;
  /** Undefined: the relay is in no cluster. */
  readonly cluster?: ClusterOfHub | undefined;
}

export interface ClusterOfHub {
  readonly secret: ClusterSecret;
  /** This relay's id in hex. */
  readonly me: string;
  /** See `EdgesOptions`. */
  readonly through: (channel: string, owner: string, level: number | undefined) => void;
  /** A socket of the cluster's listener proved that it is another relay. @param client that it carries, if so */
  readonly welcomed: (socket: SocketId, client?: ForwardedClient) => void;
  readonly carrier: Carrier;
}

/** An uplink as the sender of one share. */
export interface EnteringUplink {
  readonly link: number;
  /** The owner's id in hex. */
  readonly relay: string;
  readonly level: number;
  /** Its id in hex. */
  readonly channel: string;
  readonly share: ClusterShare;
}

export class Hub {
  readonly #outlet: Outlet;
  readonly #clients = new Map<SocketId, Client>();
  readonly #sessions = new Sessions();
  readonly #shares = new ShareTable();
  readonly #hellos: Hellos;
  readonly #senders: Senders;
  readonly #receivers: Receivers;
  readonly #lookUps: LookUps;
  // Undefined: the relay is in no cluster.
  readonly #edges: Edges | undefined;
  readonly #edgeClients: EdgeClients | undefined;
  readonly #forwarded: Forwarded | undefined;
  readonly #directory: DirectoryDesk;
  readonly #book: BookDesk;
  readonly #drain: Drain;
  #now = 0;

  constructor(options: HubOptions) {
    const { worker, outlet, primitives, toStoreBook, cluster } = options;
    const { limits = new LiveLimits() } = options;
    const [clients, sessions, shares] = [this.#clients, this.#sessions, this.#shares];
    const now = (): number => this.#now;
    const senders = new Senders({ ...options, limits, now }, shares);
    const receivers = new Receivers(options, shares);
    const lookUps = new LookUps(worker, options.lookers);
    this.#outlet = outlet;
    this.#senders = senders;
    this.#receivers = receivers;
    this.#lookUps = lookUps;
    if (cluster !== undefined) {
      const asked = (channel: string, isAsked: boolean): void => {
        receivers.edgesAsk(channel, isAsked);
      };
      const edges = new Edges({ ...cluster, worker, outlet, asked, toStoreBook }, shares);
      const hasStore = options.openRecords !== undefined;
      const { me, secret, carrier } = cluster;
      const common = { outlet, primitives, limits, hasStore, me, secret };
      this.#edges = edges;
      this.#edgeClients = new EdgeClients({ ...common, clients, edges, senders, receivers });
      this.#forwarded = new Forwarded({ outlet, senders, carrier });
    }
    const edges = this.#edges;
    this.#hellos = new Hellos({
      ...options,
      limits,
      clients,
      sessions,
      receivers,
      extended: (main, further, role) => this.#furtherOpened(main, further, role),
    });
    const parts = { clients, shares, senders, receivers, edges };
    const ofShares = { ...options, budget: new CreditBudget(), edges };
    this.#directory = new DirectoryDesk({ ...parts, options: ofShares, limits, now });
    this.#book = new BookDesk({ ...parts, worker, outlet, toStoreBook, lookUps });
    this.#drain = new Drain(options, clients, shares);
  }

  get sockets(): number {
    return this.#clients.size;
  }

  get shares(): Iterable<LocalShare> {
    return this.#shares.all;
  }

  get edges(): EdgeCounts {
    return this.#edges?.counts ?? { lines: 0, streams: 0, forwards: 0 };
  }

  /** Of shares that are over. */
  get ended(): Readonly<Totals> {
    return this.#directory.ended;
  }

  /** @param key of a share: its id in hex */
  has(key: string): boolean {
    return this.#shares.get(key) !== undefined;
  }

  // Events of sockets

  /** @param address what limits for each address count it as, see `ClientAddress` */
  opened(socket: SocketId, now: number, address?: string): void {
    this.#hellos.opened(socket, now, address);
  }

  /** A socket of the cluster's listener: another relay, or nobody. */
  edgeOpened(socket: SocketId, now: number): void {
    this.#edgeClients?.opened(socket, now);
  }

  /** Another relay stores the share of a sender here. */
  forward(order: ForwardOrder, now: number): void {
    this.#forwarded?.ordered(order, this.#clients.get(order.socket), now);
  }

  /**
   * Makes a client of this process a receiver that proves no code. It has shown the capability of a
   * share in this channel, see `readable`.
   * @param channel its id in hex
   * @param address as in `opened`
   */
  enter(socket: SocketId, channel: string, now: number, address?: string): void {
    this.#now = now;
    const client: ReceiverClient = { role: "receiver", address, channel, share: undefined };
    this.#clients.set(socket, client);
    this.#receivers.opened(socket, client, now);
  }

  /**
   * Makes a client of this process the sender of a share that another relay of the cluster has: it proves nothing.
   * @param channel its id in hex
   */
  enterUplink(socket: SocketId, given: EnteringUplink, now: number): void {
    this.#now = now;
    const { channel, share, ...uplink } = given;
    const client = newSender({ channel, address: undefined, mayStore: false, uplink });
    this.#clients.set(socket, client);
    this.#senders.claimRemote(socket, client, share);
  }

  /** To be called for clients of `enterUplink` alone. */
  uplinkSays(socket: SocketId, word: RemoteWord, now: number): void {
    this.#now = now;
    const client = this.#clients.get(socket);
    if (client?.role === "sender") this.#senders.remoteSays(socket, client, word);
  }

  /**
   * The channel, by its id in hex, of a share that this capability lets read; undefined: there is no
   * such share, or the capability is another.
   * @param key of the share: its id in hex
   */
  readable(key: string, capability: Uint8Array): string | undefined {
    const record = this.#shares.get(key)?.record;
    const due = record?.capability;
    return due !== undefined && equalBytes(due, capability) ? record?.channel : undefined;
  }

  /** Has a stored share opened here. @returns undefined: there can be none; see `LookUps` */
  lookUp(key: string, now: number): Promise<boolean> | undefined {
    return this.has(key) ? undefined : this.#lookUps.ask(key, now);
  }

  /** A binary message. `bytes` may be reused by the caller afterwards. */
  message(socket: SocketId, bytes: Uint8Array, now: number): void {
    this.#now = now;
    const main = this.#sessions.mainOf(socket) ?? socket;
    const client = this.#clients.get(main);
    if (client === undefined) return;
    try {
      if (isOfEdge(client)) {
        this.#edgeClients?.message(socket, client, bytes, now);
      } else if (this.#forwarded?.has(main) === true) {
        this.#forwarded.message(main, socket, bytes);
      } else if (isFrame(bytes)) {
        if (client.role !== "sender") throw new FaultError("wrong-role", "a frame");
        this.#senders.frame(main, client, bytes);
      } else if (main === socket) {
        const ack = client.role === "receiver" ? decodeAck(bytes) : undefined;
        this.#control(socket, client, ack ?? decodeControl(bytes, client.role));
      } else {
        throw new FaultError("bad-message", "no frame, on a further connection");
      }
    } catch (error) {
      this.#refuse(socket, error);
    }
  }

  /** A control message of a client in this process, which needs no packing. */
  control(socket: SocketId, message: Message, now: number): void {
    this.#now = now;
    const client = this.#clients.get(socket);
    if (client === undefined) return;
    try {
      this.#control(socket, client, message);
    } catch (error) {
      this.#refuse(socket, error);
    }
  }

  #refuse(socket: SocketId, error: unknown): void {
    if (!(error instanceof FaultError)) throw error;
    this.#outlet.fail(socket, socketFault(error.code), error.detail, error.after);
  }

  drained(socket: SocketId, now: number): void {
    this.#now = now;
    const main = this.#sessions.mainOf(socket) ?? socket;
    this.#shares.of(this.#clients.get(main))?.fanout.drained(main, now);
  }

  closed(socket: SocketId, now: number): void {
    this.#now = now;
    const main = this.#sessions.mainOf(socket);
    if (main !== undefined) {
      this.#furtherClosed(main, socket);
      return;
    }
    const client = this.#clients.get(socket);
    this.#clients.delete(socket);
    for (const further of this.#sessions.close(socket)) {
      this.#outlet.unbundle?.(socket, further);
      this.#outlet.fail(further, "not-here");
    }
    this.#forwarded?.closed(socket);
    if (client !== undefined && isOfEdge(client)) this.#edgeClients?.closed(socket, client);
    if (client?.role === "receiver") this.#receivers.closed(socket, client);
    else if (client?.role === "sender") this.#senders.closed(socket, client);
  }

  #furtherOpened(main: SocketId, further: SocketId, role: Role): void {
    this.#outlet.bundle?.(main, further, role);
    const client = this.#clients.get(main);
    if (client?.role === "sender") this.#senders.furtherOpened(main, client);
    this.#forwarded?.further(main, further, true);
    this.#shares.of(client)?.fanout.drained(main, this.#now);
  }

  /** A receiver asks for what was on its way there; a sender is asked for it. */
  #furtherClosed(main: SocketId, further: SocketId): void {
    this.#sessions.shrink(further);
    this.#outlet.unbundle?.(main, further);
    const client = this.#clients.get(main);
    if (client?.role === "sender") this.#senders.furtherClosed(main, client);
    this.#forwarded?.further(main, further, false);
  }

  tick(now: number): void {
    this.#now = now;
    this.#hellos.tick(now);
    for (const share of this.#shares.all) share.tick(now);
    this.#lookUps.tick(now);
    this.#forwarded?.tick(now);
    this.#drain.tick(now);
  }

  /**
   * The relay ends: transfers may run on, clients in none shall come back elsewhere or later. Those with a refuge go on
   * there at once.
   */
  drain(now: number, refuge: Refuge = "none"): void {
    this.#now = now;
    this.#drain.begin(now, refuge);
  }

  /**
   * The relay is at its end: senders of stored shares are asked for no more.
   * @returns whether all that they gave is durable
   */
  settle(now: number): boolean {
    this.#now = now;
    return [...this.#shares.all].map(({ home }) => home.settlesAll(now)).every(Boolean);
  }

  // Messages of clients

  #control(socket: SocketId, client: Client, message: Message): void {
    if (client.role === "stranger") {
      if (message.t !== "hello") throw new FaultError("bad-message", "no hello");
      this.#hellos.hello(socket, client, message, this.#now);
      return;
    }
    const senders: readonly string[] = SENT_BY[message.t];
    if (client.role === "edge" || message.t === "hello" || !senders.includes(client.role)) {
      throw new FaultError("wrong-role", message.t);
    }
    if (client.role === "sender") this.#senders.message(socket, client, message);
    else this.#receivers.message(socket, client, message, this.#now);
  }

  // Messages of the main thread

  directory(message: FromDirectory, now: number): void {
    this.#now = now;
    this.#directory.message(message, now);
  }

  /** Of the book of stored shares. */
  storeBook(message: FromStoreBook, now: number): void {
    this.#now = now;
    this.#book.message(message, now);
  }
}
