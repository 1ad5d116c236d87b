/**
 * One worker's logic without I/O: its sockets, its copy of the directory, its part of each share.
 * The worker owns it, and gives it bytes of sockets, messages of the directory, and ticks.
 */
import {
  FaultError,
  SENT_BY,
  CREDIT_MOST_RECORDS,
  CREDIT_RECORDS,
  FRAME_BYTES,
  NONCE_BYTES,
  SESSION_BYTES,
  WINDOW_MOST_RECORDS,
  WINDOW_RECORDS,
  channelOf,
  checkHello,
  equalBytes,
  commonVersion,
  decodeAck,
  decodeControl,
  isFrame,
  socketFault,
  toHex,
  type Message,
  type MessageOf,
  type SyncPrimitives,
} from "../../protocol/mod.ts";

import type { ForwardOrder, Refuge } from "../cluster/messages.ts";
import type { ClusterShare, ForwardedClient } from "../cluster/wire.ts";
import { LiveLimits } from "../limits/limits.ts";
import {
  ShareTable,
  newSender,
  sees,
  type Client,
  type EdgeClient,
  type ReceiverClient,
  type SenderClient,
  type StrangerClient,
} from "./share-table.ts";
import { addTotals, noTotals } from "./totals.ts";
import type { FromDirectory, FromStoreBook, SenderPresence, ShareRecord } from "./messages.ts";
import type { SocketId } from "./outlet.ts";
import { Receivers } from "./receivers.ts";
import { CreditBudget } from "./sender-credit.ts";
import { Senders, type RemoteWord } from "./senders.ts";
import { Sessions } from "./sessions.ts";
import { LookUps, type Lookers } from "./look-ups.ts";
import type { ClusterSecret } from "../cluster/proof.ts";
import { EdgeClients, isOfEdge } from "./edge-clients.ts";
import { Edges, type EdgeCounts } from "./edges.ts";
import { Forwarded, type Carrier } from "./forwarded.ts";
import { LocalShare, type ShareOptions } from "./local-share.ts";

export interface HubOptions extends Omit<ShareOptions, "budget" | "edges"> {
  /** The host name by which the operator calls the relay; hellos are signed for it. */
  readonly relayName?: string | undefined;
  /** Whether it serves one channel alone; clients are told before they say which is theirs. */
  readonly hasOneChannel?: boolean;
  /** Whether browsers find the page here; senders are told. */
  readonly hasPage?: boolean;
  /** Whether a socket may be what its hello says; unless given, it may. @throws FaultError `not-allowed`, `too-many` */
  readonly admit?: (socket: SocketId, entry: ProvedHello) => void;
  /** The terms on which a sender at a socket that was let in may store here; undefined: it may not. */
  readonly mayStore?: (socket: SocketId, entry: ProvedHello) => StoreTerms | undefined;
  /** Whether the client at a socket came by a name that the operator gave the relay. */
  readonly isByPublicName?: (socket: SocketId) => boolean;
  readonly primitives: SyncPrimitives;
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

/** The longest life of a stored share in seconds, and the most bytes of one. */
export type StoreTerms = NonNullable<MessageOf<"welcome">["store"]>;

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

/** A hello whose signature holds, and the channel that its key opens. */
export interface ProvedHello extends Pick<MessageOf<"hello">, "role" | "token"> {
  /** 16 bytes */
  readonly channel: Uint8Array;
  /** It is another connection of a client that is in already. */
  readonly isFurther: boolean;
}

export class Hub {
  readonly #options: HubOptions;
  readonly #clients = new Map<SocketId, Client>();
  readonly #sessions = new Sessions();
  readonly #shares = new ShareTable();
  readonly #senders: Senders;
  readonly #receivers: Receivers;
  readonly #limits: LiveLimits;
  readonly #budget = new CreditBudget();
  readonly #lookUps: LookUps;
  // Undefined: the relay is in no cluster.
  readonly #edges: Edges | undefined;
  readonly #edgeClients: EdgeClients | undefined;
  readonly #forwarded: Forwarded | undefined;
  /** Of shares that are over. */
  readonly ended = noTotals();
  #draining = false;
  #refuge: Refuge = "none";
  #now = 0;

  constructor(options: HubOptions) {
    this.#options = options;
    this.#limits = options.limits ?? new LiveLimits();
    this.#senders = new Senders(
      { ...options, limits: this.#limits, now: () => this.#now },
      this.#shares,
    );
    this.#receivers = new Receivers(options, this.#shares);
    const { cluster, outlet } = options;
    const asked = (channel: string, isAsked: boolean): void => {
      this.#receivers.edgesAsk(channel, isAsked);
    };
    const [senders, receivers] = [this.#senders, this.#receivers];
    if (cluster !== undefined) {
      const { worker, toStoreBook } = options;
      const given = { worker, outlet, asked, toStoreBook };
      const edges = new Edges({ ...cluster, ...given }, this.#shares);
      const hasStore = options.openRecords !== undefined;
      const { me, secret } = cluster;
      const { primitives } = options;
      const common = { outlet, primitives, limits: this.#limits, hasStore, me, secret };
      const clients = this.#clients;
      this.#edges = edges;
      this.#edgeClients = new EdgeClients({ ...common, clients, edges, senders, receivers });
      this.#forwarded = new Forwarded({ outlet, senders, carrier: cluster.carrier });
    }
    this.#lookUps = new LookUps(options.worker, options.lookers);
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

  /** @param key of a share: its id in hex */
  has(key: string): boolean {
    return this.#shares.get(key) !== undefined;
  }

  // Events of sockets

  /** @param address what limits for each address count it as, see `ClientAddress` */
  opened(socket: SocketId, now: number, address?: string): void {
    const { outlet, primitives, relayName, hasOneChannel = false } = this.#options;
    const deadline = now + this.#limits.now["hello-timeout"];
    const nonce = primitives.randomBytes(NONCE_BYTES);
    this.#clients.set(socket, { role: "stranger", deadline, nonce, address });
    outlet.send(socket, {
      t: "challenge",
      nonce,
      ...(relayName && { name: relayName }),
      ...(hasOneChannel && { only: true }),
    });
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
    this.#receivers.opened(socket, client);
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
    this.#options.outlet.fail(socket, socketFault(error.code), error.detail, error.after);
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
      this.#options.outlet.unbundle?.(socket, further);
      this.#options.outlet.fail(further, "not-here");
    }
    this.#forwarded?.closed(socket);
    if (client !== undefined && isOfEdge(client)) this.#edgeClients?.closed(socket, client);
    if (client?.role === "receiver") this.#receivers.closed(socket, client);
    else if (client?.role === "sender") this.#senders.closed(socket, client);
  }

  /** A receiver asks for what was on its way there; a sender is asked for it. */
  #furtherClosed(main: SocketId, further: SocketId): void {
    this.#sessions.shrink(further);
    this.#options.outlet.unbundle?.(main, further);
    const client = this.#clients.get(main);
    if (client?.role === "sender") this.#senders.furtherClosed(main, client);
    this.#forwarded?.further(main, further, false);
  }

  tick(now: number): void {
    this.#now = now;
    for (const [socket, client] of this.#clients) {
      if (client.role === "stranger" && now >= client.deadline) {
        this.#clients.delete(socket);
        const { code, detail, after } = this.#limits.over("hello-timeout");
        this.#options.outlet.fail(socket, socketFault(code), detail, after);
      }
    }
    for (const share of this.#shares.all) share.tick(now);
    this.#lookUps.tick(now);
    this.#forwarded?.tick(now);
    if (this.#draining) this.#drainMore();
  }

  /**
   * The relay ends: transfers may run on, clients in none shall come back elsewhere or later. Those with a refuge go on
   * there at once.
   */
  drain(now: number, refuge: Refuge = "none"): void {
    this.#now = now;
    this.#draining = true;
    this.#refuge = refuge;
    this.#drainMore();
  }

  /**
   * The relay is at its end: senders of stored shares are asked for no more.
   * @returns whether all that they gave is durable
   */
  settle(now: number): boolean {
    this.#now = now;
    return [...this.#shares.all].map(({ home }) => home.settlesAll(now)).every(Boolean);
  }

  #drainMore(): void {
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
      if (home.isQuiet(this.#now)) toDirectory({ t: "quiet", worker, key, epoch });
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

  // Messages of clients

  #control(socket: SocketId, client: Client, message: Message): void {
    if (client.role === "stranger") {
      if (message.t !== "hello") throw new FaultError("bad-message", "no hello");
      this.#hello(socket, client, message);
      return;
    }
    const senders: readonly string[] = SENT_BY[message.t];
    if (client.role === "edge" || message.t === "hello" || !senders.includes(client.role)) {
      throw new FaultError("wrong-role", message.t);
    }
    if (client.role === "sender") this.#senders.message(socket, client, message);
    else this.#receivers.message(socket, client, message, this.#now);
  }

  /** The proof comes first: without it nothing tells which tokens, channels and shares there are. */
  #hello(socket: SocketId, { address, nonce }: StrangerClient, hello: MessageOf<"hello">): void {
    const { outlet, primitives, relayName: name } = this.#options;
    checkHello(hello, { nonce, name }, primitives);
    const { role, token } = hello;
    const id = channelOf(hello.key, primitives);
    const entry = { role, token, channel: id, isFurther: hello.of !== undefined };
    this.#options.admit?.(socket, entry);
    const channel = toHex(id);
    if (hello.of !== undefined) {
      this.#extend(socket, channel, hello, hello.of);
      return;
    }
    const store = role === "sender" ? this.#options.mayStore?.(socket, entry) : undefined;
    const mayStore = store !== undefined;
    const others = hello.others === true && { hasOthers: true as const };
    const client: SenderClient | ReceiverClient =
      role === "sender"
        ? { ...newSender({ channel, address, mayStore, since: this.#now }), ...others }
        : { role, channel, address, share: undefined, ...others };
    this.#clients.set(socket, client);
    const session = primitives.randomBytes(SESSION_BYTES);
    this.#sessions.open(socket, session, channel, role);
    this.#welcome(socket, hello, session, store);
    if (client.role === "sender") return;
    if (hello.quiet === true) outlet.noPing(socket);
    this.#receivers.opened(socket, client);
  }

  /** Its session may be at another worker: its client tries again, and may come to that one. */
  #extend(socket: SocketId, channel: string, hello: MessageOf<"hello">, session: Uint8Array): void {
    const { outlet } = this.#options;
    const main = this.#sessions.extend(socket, session, channel, hello.role);
    if (main === undefined) {
      outlet.fail(socket, "not-here");
      return;
    }
    this.#clients.delete(socket);
    this.#welcome(socket, hello, session);
    if (hello.quiet === true && hello.role === "receiver") outlet.noPing(socket);
    outlet.bundle?.(main, socket, hello.role);
    const client = this.#clients.get(main);
    if (client?.role === "sender") this.#senders.furtherOpened(main, client);
    this.#forwarded?.further(main, socket, true);
    this.drained(socket, this.#now);
  }

  #welcome(
    socket: SocketId,
    { v, least = v }: MessageOf<"hello">,
    session: Uint8Array,
    store?: StoreTerms,
  ): void {
    const { outlet, hasPage = false } = this.#options;
    outlet.send(socket, {
      t: "welcome",
      v: commonVersion({ v, least }),
      session,
      ...(hasPage && { page: true }),
      ...(store && { store }),
      limits: {
        frame: FRAME_BYTES,
        window: WINDOW_RECORDS,
        credit: CREDIT_RECORDS,
        windowMost: WINDOW_MOST_RECORDS,
        creditMost: CREDIT_MOST_RECORDS,
      },
    });
  }

  // Messages of the directory

  directory(message: FromDirectory, now: number): void {
    this.#now = now;
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

  // Messages of the book of stored shares

  storeBook(message: FromStoreBook, now: number): void {
    this.#now = now;
    switch (message.t) {
      case "over":
        this.#receivers.over(message.channel, message.list);
        this.#edges?.over(message.channel, message.relay, message.list);
        return;
      case "answer":
        this.#senders.answered(this.#clients.get(message.socket));
        this.#options.outlet.send(message.socket, message.message);
        return;
      case "sender-failed": {
        const socket = this.#shares.get(message.key)?.home.ownerSocket;
        if (socket !== undefined) this.#options.outlet.fail(socket, message.fault, message.detail);
        return;
      }
      case "socket-failed":
        this.#options.outlet.fail(message.socket, message.fault, message.detail);
        return;
      case "stored-state":
        this.#storedState(message);
        return;
      case "counted":
        this.#shares.get(message.key)?.counted(message.receiver);
        return;
      case "looked-up":
        this.#lookUps.answered(message.question);
        return;
      case "may-write":
        // For the records of the worker.
        return;
      case "settle":
        this.#settle(message.key);
        return;
    }
  }

  #presence(message: SenderPresence): void {
    const share = this.#shares.get(message.key);
    if (share === undefined) return;
    const wasWhole = share.record.remoteStored?.isWhole === true;
    share.presence(message);
    if (share.record.remoteStored?.isWhole === true && !wasWhole) this.#receivers.announce(share);
  }

  /** Its sender is at another worker: what it gave here is durable before that one asks it. */
  #settle(key: string): void {
    const { worker, toStoreBook } = this.#options;
    const done = (): void => toStoreBook?.({ t: "settled", worker, key });
    const home = this.#shares.get(key)?.home;
    if (home === undefined) done();
    else home.settle(this.#now, done);
  }

  #storedState({ key, stored, durable }: Extract<FromStoreBook, { t: "stored-state" }>): void {
    const share = this.#shares.get(key);
    if (share === undefined) return;
    const wasWhole = share.record.stored?.isWhole === true;
    share.storedState(stored, durable);
    // Receivers see from now on that it stays without its sender.
    if (stored.isWhole && !wasWhole) this.#receivers.announce(share);
  }

  #shareOpened({
    record,
    socket,
    previousHome,
    durable,
  }: Extract<FromDirectory, { t: "opened" }>): void {
    const known = this.#shares.get(record.key);
    const options = { ...this.#options, budget: this.#budget, edges: this.#edges };
    const share = known ?? new LocalShare(record, options, this.#limits, () => this.#now);
    if (known === undefined) this.#shares.add(share);
    const replaced = share.home.ownerSocket;
    this.#edges?.moves(share, record);
    this.#failStreams(share, record);
    share.opened(record, socket, previousHome, durable);
    if (replaced !== undefined && replaced !== socket) {
      this.#forgetShare(replaced);
      this.#options.outlet.fail(replaced, "replaced");
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
      if (!sees(client.edge, record)) this.#options.outlet.fail(socket, "going-away");
    }
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
      this.#options.outlet.fail(ownerSocket, socketFault(fault), detail);
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
    for (const socket of this.#forget(share)) this.#options.outlet.fail(socket, "going-away");
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
