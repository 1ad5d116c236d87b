import {
  FaultError,
  HELLO_MS,
  PROTOCOL_VERSION,
  SENT_BY,
  WINDOW_RECORDS,
  CREDIT_RECORDS,
  FRAME_BYTES,
  decodeControl,
  decodeFrame,
  equalBytes,
  isFrame,
  isOfShare,
  shareIdFromProof,
  toHex,
  type FaultCode,
  type Message,
  type MessageOf,
  type OfferSeen,
  type SyncPrimitives,
} from "../protocol/mod.ts";

import type { FromDirectory } from "./messages.ts";
import type { SocketId } from "./outlet.ts";
import { LocalShare, type ShareOptions } from "./share.ts";

/** What a socket is; its role is bound by its hello and never changes. */
type Client =
  | { readonly role: "stranger"; readonly deadline: number }
  | {
      readonly role: "sender";
      readonly channel: string;
      share: string | undefined;
      /** The first record that it can give. */
      first: number;
    }
  | { readonly role: "receiver"; readonly channel: string; share: string | undefined };

export interface HubOptions extends ShareOptions {
  readonly primitives: SyncPrimitives;
}

/** Why a sender may say that a share ends; anything else is told as `sender-stopped`. */
const CANCEL_REASONS: ReadonlySet<FaultCode> = new Set(["source-changed", "source-unreadable"]);

/** One worker's logic without I/O: its sockets, its copy of the directory, its part of each share. */
export class Hub {
  readonly #options: HubOptions;
  readonly #clients = new Map<SocketId, Client>();
  readonly #shares = new Map<string, LocalShare>();
  readonly #byChannel = new Map<string, Set<LocalShare>>();
  readonly #receiversOf = new Map<string, Set<SocketId>>();
  /** Senders that were through before the directory answered their claim, and how they ended. */
  readonly #endedEarly = new Map<SocketId, FaultCode | undefined>();
  #draining = false;
  #now = 0;

  constructor(options: HubOptions) {
    this.#options = options;
  }

  get sockets(): number {
    return this.#clients.size;
  }

  /** For tests and metrics. */
  get shares(): Iterable<LocalShare> {
    return this.#shares.values();
  }

  // Events of sockets

  opened(socket: SocketId, now: number): void {
    this.#clients.set(socket, { role: "stranger", deadline: now + HELLO_MS });
  }

  /** A binary message. `bytes` may be reused by the caller afterwards. */
  message(socket: SocketId, bytes: Uint8Array, now: number): void {
    this.#now = now;
    const client = this.#clients.get(socket);
    if (client === undefined) return;
    try {
      if (isFrame(bytes)) this.#frame(socket, client, bytes);
      else this.#control(socket, client, decodeControl(bytes));
    } catch (error) {
      if (!(error instanceof FaultError)) throw error;
      this.#options.outlet.fail(socket, error.code, error.detail);
    }
  }

  drained(socket: SocketId, now: number): void {
    this.#now = now;
    this.#shareOf(socket)?.fanout.drained(socket, now);
  }

  closed(socket: SocketId, now: number): void {
    this.#now = now;
    const client = this.#clients.get(socket);
    if (client === undefined) return;
    const share = this.#shareOf(socket);
    this.#clients.delete(socket);
    if (client.role === "receiver") {
      const others = this.#receiversOf.get(client.channel);
      others?.delete(socket);
      if (others?.size === 0) this.#receiversOf.delete(client.channel);
      share?.fanout.closed(socket);
    } else if (client.role === "sender" && share?.home.ownerSocket === socket) {
      this.#senderLost(share);
    }
  }

  tick(now: number): void {
    this.#now = now;
    for (const [socket, client] of this.#clients) {
      if (client.role === "stranger" && now >= client.deadline) {
        this.#clients.delete(socket);
        this.#options.outlet.fail(socket, "hello-timeout");
      }
    }
    for (const share of this.#shares.values()) share.tick(now);
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
    for (const share of this.#shares.values()) {
      const { key, epoch } = share.record;
      if (share.home.isQuiet(this.#now)) toDirectory({ t: "quiet", worker, key, epoch });
    }
  }

  // Messages of the directory

  directory(message: FromDirectory, now: number): void {
    this.#now = now;
    switch (message.t) {
      case "opened":
        this.#shareOpened(message);
        return;
      case "refused": {
        this.#endedEarly.delete(message.socket);
        const client = this.#clients.get(message.socket);
        if (client?.role === "sender" && client.share === message.key) {
          client.share = undefined;
          this.#options.outlet.fail(message.socket, message.fault);
        }
        return;
      }
      case "orphaned":
        this.#shares.get(message.key)?.orphaned(message.epoch);
        return;
      case "closed":
        this.#shareClosed(message.key, message.fault);
        return;
      case "dismissed":
        this.#shareDismissed(message.key);
        return;
      case "worker-lost":
        for (const share of this.#shares.values()) share.workerLost(message.worker);
        return;
      case "peer":
        this.#shares.get(message.key)?.peer(message, now);
        return;
    }
  }

  #shareOpened({ record, socket, heirOf }: Extract<FromDirectory, { t: "opened" }>): void {
    const known = this.#shares.get(record.key);
    const share = known ?? new LocalShare(record, this.#options, () => this.#now);
    if (known === undefined) {
      this.#shares.set(record.key, share);
      const inChannel = this.#byChannel.get(record.channel) ?? new Set();
      this.#byChannel.set(record.channel, inChannel.add(share));
      tellNumber(inChannel);
    }
    const replaced = share.home.ownerSocket;
    share.opened(record, socket, heirOf);
    if (replaced !== undefined && replaced !== socket) {
      this.#forgetShare(replaced);
      this.#options.outlet.fail(replaced, "replaced");
    }
    if (socket !== undefined) this.#ownershipCame(share, socket);
    if (known !== undefined) share.tellPresence(record.owner !== undefined);
    else this.#announce(share);
  }

  #ownershipCame(share: LocalShare, socket: SocketId): void {
    if (this.#endedEarly.has(socket)) {
      share.home.senderLost();
      this.#close(share, this.#endedEarly.get(socket));
      this.#endedEarly.delete(socket);
      return;
    }
    const client = this.#clients.get(socket);
    if (client?.role === "sender" && client.share === share.record.key) {
      this.#options.outlet.send(socket, { t: "accepted", share: share.record.offer.share });
      share.home.senderBack(client.first);
    } else {
      // The sender went away while its claim was on the way.
      this.#senderLost(share);
    }
  }

  #senderLost(share: LocalShare): void {
    share.home.senderLost();
    const { key, epoch } = share.record;
    this.#options.toDirectory({ t: "orphan", worker: this.#options.worker, key, epoch });
  }

  #shareClosed(key: string, fault: FaultCode | undefined): void {
    const share = this.#shares.get(key);
    if (share === undefined) return;
    const { channel, offer } = share.record;
    for (const socket of this.#receiversOf.get(channel) ?? []) {
      const last: Message =
        fault === undefined
          ? { t: "end", share: offer.share }
          : { t: "cancel", share: offer.share, reason: fault };
      this.#options.outlet.send(socket, last);
    }
    this.#forget(share);
  }

  /** Nobody hears that the share is over: it is not, it goes on at the next relay. */
  #shareDismissed(key: string): void {
    const share = this.#shares.get(key);
    if (share === undefined) return;
    for (const socket of this.#forget(share)) this.#options.outlet.fail(socket, "going-away");
  }

  /** @returns the sockets that were in it */
  #forget(share: LocalShare): SocketId[] {
    const { key, channel } = share.record;
    const sockets = [...share.fanout.sockets];
    if (share.home.ownerSocket !== undefined) sockets.push(share.home.ownerSocket);
    for (const socket of sockets) this.#forgetShare(socket);
    share.destroy();
    this.#shares.delete(key);
    const inChannel = this.#byChannel.get(channel);
    inChannel?.delete(share);
    tellNumber(inChannel ?? []);
    if (inChannel?.size === 0) this.#byChannel.delete(channel);
    return sockets;
  }

  // Messages of clients

  #frame(socket: SocketId, client: Client, bytes: Uint8Array): void {
    if (client.role !== "sender") throw new FaultError("wrong-role", "a frame");
    const frame = decodeFrame(bytes);
    const share = this.#shareOf(socket);
    if (share?.home.origin === undefined || share.home.ownerSocket !== socket) {
      throw new FaultError("bad-message", "a frame without an accepted offer");
    }
    if (!isOfShare(frame.tag, share.record.offer.share)) {
      throw new FaultError("bad-message", "a frame of another share");
    }
    share.home.origin.frame(frame, bytes);
  }

  #control(socket: SocketId, client: Client, message: Message): void {
    if (client.role === "stranger") {
      if (message.t !== "hello") throw new FaultError("bad-message", "no hello");
      this.#hello(socket, message);
      return;
    }
    const senders: readonly string[] = SENT_BY[message.t];
    if (message.t === "hello" || !senders.includes(client.role)) {
      throw new FaultError("wrong-role", message.t);
    }
    if (client.role === "sender") this.#fromSender(socket, client, message);
    else this.#fromReceiver(socket, client, message);
  }

  #hello(socket: SocketId, hello: MessageOf<"hello">): void {
    const { outlet, primitives } = this.#options;
    if (hello.v !== PROTOCOL_VERSION) {
      throw new FaultError("version-mismatch", `the relay speaks version ${PROTOCOL_VERSION}`);
    }
    const channel = toHex(hello.channel);
    const { role } = hello;
    const bound = { channel, share: undefined };
    this.#clients.set(
      socket,
      role === "sender" ? { role, ...bound, first: 0 } : { role, ...bound },
    );
    outlet.send(socket, {
      t: "welcome",
      session: primitives.randomBytes(8),
      limits: { frame: FRAME_BYTES, window: WINDOW_RECORDS, credit: CREDIT_RECORDS },
    });
    if (hello.role === "sender") return;
    if (hello.quiet === true) outlet.quiet(socket);
    const others = this.#receiversOf.get(channel) ?? new Set();
    this.#receiversOf.set(channel, others.add(socket));
    const shares = [...(this.#byChannel.get(channel) ?? [])];
    outlet.send(socket, { t: "offers", list: shares.map(asSeen) });
  }

  #fromSender(
    socket: SocketId,
    client: Extract<Client, { role: "sender" }>,
    message: Message,
  ): void {
    if (message.t === "offer") {
      this.#offer(socket, client, message);
      return;
    }
    const share = this.#shareOf(socket);
    const owned = share?.home.ownerSocket === socket ? share : undefined;
    switch (message.t) {
      case "receipted":
        owned?.home.receipted(message.receiver);
        return;
      case "end":
      case "cancel": {
        const fault = message.t === "end" ? undefined : cancelReason(message.reason);
        if (owned !== undefined) this.#close(owned, fault);
        else if (client.share !== undefined) this.#endedEarly.set(socket, fault);
        return;
      }
      default:
        return;
    }
  }

  #close({ record: { key, epoch } }: LocalShare, fault: FaultCode | undefined): void {
    const { worker, toDirectory } = this.#options;
    toDirectory({ t: "close", worker, key, epoch, fault });
  }

  #offer(
    socket: SocketId,
    client: Extract<Client, { role: "sender" }>,
    message: MessageOf<"offer">,
  ): void {
    if (client.share !== undefined) throw new FaultError("bad-message", "a second offer");
    const { worker, primitives, toDirectory } = this.#options;
    const { t: _, proof, first = 0, ...offer } = message;
    if (!equalBytes(shareIdFromProof(proof, primitives), offer.share)) {
      throw new FaultError("not-your-share");
    }
    const key = toHex(offer.share);
    client.share = key;
    client.first = first;
    toDirectory({ t: "claim", worker, socket, channel: client.channel, key, offer });
  }

  #fromReceiver(
    socket: SocketId,
    client: Extract<Client, { role: "receiver" }>,
    message: Message,
  ): void {
    if (message.t === "join") {
      this.#join(socket, client, message);
      return;
    }
    const share = this.#shareOf(socket);
    if (share === undefined) return;
    switch (message.t) {
      case "ack":
        if (isAbout(share, message.share)) share.fanout.ack(socket, message, this.#now);
        return;
      case "complete":
        if (isAbout(share, message.share)) share.fanout.complete(socket, message);
        return;
      case "leave":
        if (!isAbout(share, message.share)) return;
        share.fanout.leave(socket, message.reason);
        client.share = undefined;
        return;
      default:
        return;
    }
  }

  #join(
    socket: SocketId,
    client: Extract<Client, { role: "receiver" }>,
    join: MessageOf<"join">,
  ): void {
    const key = toHex(join.share);
    const share = this.#shares.get(key);
    // A share of another channel is as unknown as one that never was.
    if (share?.record.channel !== client.channel) {
      const reason = "no-such-share";
      this.#options.outlet.send(socket, { t: "cancel", share: join.share, reason });
      return;
    }
    if (client.share !== undefined && client.share !== key) {
      this.#shareOf(socket)?.fanout.closed(socket);
    }
    // The string of the share and not the one just made: there is a client for each.
    client.share = share.record.key;
    share.fanout.join(socket, join, this.#now);
  }

  #shareOf(socket: SocketId): LocalShare | undefined {
    const client = this.#clients.get(socket);
    if (client === undefined || client.role === "stranger") return undefined;
    return client.share === undefined ? undefined : this.#shares.get(client.share);
  }

  #forgetShare(socket: SocketId): void {
    const client = this.#clients.get(socket);
    if (client !== undefined && client.role !== "stranger") client.share = undefined;
  }

  #announce(share: LocalShare): void {
    const list = [asSeen(share)];
    for (const socket of this.#receiversOf.get(share.record.channel) ?? []) {
      this.#options.outlet.send(socket, { t: "offers", list });
    }
  }
}

function cancelReason(given: FaultCode): FaultCode {
  return CANCEL_REASONS.has(given) ? given : "sender-stopped";
}

function asSeen({ record }: LocalShare): OfferSeen {
  return { ...record.offer, senderHere: record.owner !== undefined };
}

/** Shares of one channel have one part of the log among them. */
function tellNumber(inChannel: Iterable<LocalShare>): void {
  const shares = [...inChannel];
  for (const share of shares) share.inChannelOf(shares.length);
}

function isAbout(share: LocalShare, id: Uint8Array): boolean {
  return equalBytes(share.record.offer.share, id);
}
