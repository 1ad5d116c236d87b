import {
  FaultError,
  SENT_BY,
  WINDOW_RECORDS,
  CREDIT_RECORDS,
  FRAME_BYTES,
  commonVersion,
  decodeClientControl,
  isFrame,
  toHex,
  type Message,
  type MessageOf,
  type SyncPrimitives,
} from "../protocol/mod.ts";

import { Bounds } from "./bounds.ts";
import type { Client, ReceiverClient, SenderClient, StrangerClient } from "./clients.ts";
import { addTotals, noTotals, totalsOf } from "./measures.ts";
import type { FromDirectory } from "./messages.ts";
import type { SocketId } from "./outlet.ts";
import { Receivers } from "./receivers.ts";
import { Senders } from "./senders.ts";
import { LocalShare, type ShareOptions } from "./share.ts";
import { Shares } from "./shares.ts";

export interface HubOptions extends ShareOptions {
  /** Whether a socket may be what its hello says; unless given, it may. @throws FaultError `not-allowed` */
  readonly admit?: (socket: SocketId, hello: MessageOf<"hello">) => void;
  readonly primitives: SyncPrimitives;
  readonly bounds?: Bounds;
}

/** One worker's logic without I/O: its sockets, its copy of the directory, its part of each share. */
export class Hub {
  readonly #options: HubOptions;
  readonly #clients = new Map<SocketId, Client>();
  readonly #shares = new Shares();
  readonly #senders: Senders;
  readonly #receivers: Receivers;
  readonly #bounds: Bounds;
  /** What the shares counted that are no more. */
  readonly ended = noTotals();
  #draining = false;
  #now = 0;

  constructor(options: HubOptions) {
    this.#options = options;
    this.#bounds = options.bounds ?? new Bounds();
    this.#senders = new Senders({ ...options, bounds: this.#bounds }, this.#shares);
    this.#receivers = new Receivers(options.outlet, this.#shares);
  }

  get sockets(): number {
    return this.#clients.size;
  }

  /** Clients with a socket of their own, by what they are. */
  get roles(): Record<Client["role"], number> {
    const roles = { stranger: 0, sender: 0, receiver: 0 };
    for (const [socket, { role }] of this.#clients) if (socket >= 0) roles[role]++;
    return roles;
  }

  /** For tests and metrics. */
  get shares(): Iterable<LocalShare> {
    return this.#shares.all;
  }

  /** @param key of a share: its id in hex */
  has(key: string): boolean {
    return this.#shares.get(key) !== undefined;
  }

  // Events of sockets

  /** @param address what limits for each address count it as, see `Visitor` */
  opened(socket: SocketId, now: number, address?: string): void {
    const deadline = now + this.#bounds.limits["hello-timeout"];
    this.#clients.set(socket, { role: "stranger", deadline, address });
  }

  /** A binary message. `bytes` may be reused by the caller afterwards. */
  message(socket: SocketId, bytes: Uint8Array, now: number): void {
    this.#now = now;
    const client = this.#clients.get(socket);
    if (client === undefined) return;
    try {
      if (!isFrame(bytes)) this.#control(socket, client, decodeClientControl(bytes));
      else if (client.role === "sender") this.#senders.frame(socket, client, bytes);
      else throw new FaultError("wrong-role", "a frame");
    } catch (error) {
      if (!(error instanceof FaultError)) throw error;
      this.#options.outlet.fail(socket, error.code, error.detail, error.after);
    }
  }

  drained(socket: SocketId, now: number): void {
    this.#now = now;
    this.#shares.of(this.#clients.get(socket))?.fanout.drained(socket, now);
  }

  closed(socket: SocketId, now: number): void {
    this.#now = now;
    const client = this.#clients.get(socket);
    this.#clients.delete(socket);
    if (client?.role === "receiver") this.#receivers.closed(socket, client);
    else if (client?.role === "sender") this.#senders.closed(socket, client);
  }

  tick(now: number): void {
    this.#now = now;
    for (const [socket, client] of this.#clients) {
      if (client.role === "stranger" && now >= client.deadline) {
        this.#clients.delete(socket);
        const { code, detail, after } = this.#bounds.over("hello-timeout");
        this.#options.outlet.fail(socket, code, detail, after);
      }
    }
    for (const share of this.#shares.all) share.tick(now);
    if (this.#draining) this.#drainMore();
  }

  /** The relay ends: transfers may run on, whoever is in none shall come back elsewhere or later. */
  drain(now: number): void {
    this.#now = now;
    this.#draining = true;
    this.#drainMore();
  }

  #drainMore(): void {
    const { worker, outlet, toDirectory } = this.#options;
    for (const [socket, client] of this.#clients) {
      if (client.role === "stranger" || client.share === undefined) {
        outlet.fail(socket, "going-away");
      }
    }
    for (const { record, home } of this.#shares.all) {
      const { key, epoch } = record;
      if (home.isQuiet(this.#now)) toDirectory({ t: "quiet", worker, key, epoch });
    }
  }

  // Messages of clients

  #control(socket: SocketId, client: Client, message: Message): void {
    if (client.role === "stranger") {
      if (message.t !== "hello") throw new FaultError("bad-message", "no hello");
      this.#hello(socket, client, message);
      return;
    }
    const senders: readonly string[] = SENT_BY[message.t];
    if (message.t === "hello" || !senders.includes(client.role)) {
      throw new FaultError("wrong-role", message.t);
    }
    if (client.role === "sender") this.#senders.message(socket, client, message);
    else this.#receivers.message(socket, client, message, this.#now);
  }

  #hello(socket: SocketId, { address }: StrangerClient, hello: MessageOf<"hello">): void {
    const { outlet, primitives } = this.#options;
    this.#options.admit?.(socket, hello);
    const channel = toHex(hello.channel);
    const { role } = hello;
    const client: SenderClient | ReceiverClient =
      role === "sender"
        ? { role, channel, address, share: undefined, first: 0 }
        : { role, channel, share: undefined };
    this.#clients.set(socket, client);
    outlet.send(socket, {
      t: "welcome",
      v: commonVersion({ v: hello.v, least: hello.least ?? hello.v }),
      session: primitives.randomBytes(8),
      limits: { frame: FRAME_BYTES, window: WINDOW_RECORDS, credit: CREDIT_RECORDS },
    });
    if (client.role === "sender") return;
    if (hello.quiet === true) outlet.quiet(socket);
    this.#receivers.opened(socket, client);
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
        this.#shares.get(message.key)?.orphaned(message.epoch);
        return;
      case "closed":
        this.#shareClosed(message);
        return;
      case "dismissed":
        this.#shareDismissed(message.key);
        return;
      case "worker-lost":
        for (const share of this.#shares.all) share.workerLost(message.worker);
        return;
      case "peer":
        this.#shares.get(message.key)?.peer(message, now);
        return;
    }
  }

  #shareOpened({ record, socket, heirOf }: Extract<FromDirectory, { t: "opened" }>): void {
    const known = this.#shares.get(record.key);
    const share = known ?? new LocalShare(record, this.#options, this.#bounds, () => this.#now);
    if (known === undefined) this.#shares.add(share);
    const replaced = share.home.ownerSocket;
    share.opened(record, socket, heirOf);
    if (replaced !== undefined && replaced !== socket) {
      this.#forgetShare(replaced);
      this.#options.outlet.fail(replaced, "replaced");
    }
    if (socket !== undefined) this.#senders.accepted(share, socket, this.#clients.get(socket));
    if (known !== undefined) share.tellPresence(record.owner !== undefined);
    else this.#receivers.announce(share);
  }

  #shareClosed({ key, fault, detail }: Extract<FromDirectory, { t: "closed" }>): void {
    const known = this.#shares.get(key);
    if (known === undefined) return;
    const { ownerSocket } = known.home;
    if (ownerSocket !== undefined && fault !== undefined && detail !== undefined) {
      this.#options.outlet.fail(ownerSocket, fault, detail);
    }
    const { share } = known.record.offer;
    const last: Message =
      fault === undefined ? { t: "end", share } : { t: "cancel", share, reason: fault };
    this.#receivers.tell(known, last);
    this.#forget(known);
  }

  /** Nobody hears that the share is over: it is not, it goes on at the next relay. */
  #shareDismissed(key: string): void {
    const share = this.#shares.get(key);
    if (share === undefined) return;
    for (const socket of this.#forget(share)) this.#options.outlet.fail(socket, "going-away");
  }

  /** @returns the sockets that were in it */
  #forget(share: LocalShare): SocketId[] {
    const { fanout, home } = share;
    const sockets = [...fanout.sockets];
    if (home.ownerSocket !== undefined) sockets.push(home.ownerSocket);
    for (const socket of sockets) this.#forgetShare(socket);
    share.destroy();
    addTotals(this.ended, totalsOf(share));
    this.#shares.delete(share);
    return sockets;
  }

  #forgetShare(socket: SocketId): void {
    const client = this.#clients.get(socket);
    if (client !== undefined && client.role !== "stranger") client.share = undefined;
  }
}
