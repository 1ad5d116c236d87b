/**
 * The receivers of a worker: the words on their channel's shares that they hear, and the shares that they join. A receiver
 * is offered all shares of its channel when it comes, and each new one later. It hears of the sender of a share from its
 * join on, so the join tells it that this sender is away, or came back since the offer. The hub owns it.
 */
import {
  equalBytes,
  toHex,
  type Message,
  type MessageOf,
  type OfferSeen,
} from "../../protocol/mod.ts";

import type { OverShare } from "../store/stored-share.ts";
import type { Lookers } from "./look-ups.ts";
import { isSenderHere, storedOf } from "./messages.ts";
import { sees, type ReceiverClient, type ShareTable } from "./share-table.ts";
import type { Outlet, SocketId, Topic } from "./outlet.ts";
import type { LocalShare } from "./local-share.ts";

const SECOND_MS = 1000;

interface Channel {
  readonly name: string;
  /** Whether other relays have control lines in it. */
  hasEdges: boolean;
  /** Its receivers. */
  readonly topic: Topic;
  /** Stored shares that are over, for receivers that find no other. */
  over: readonly OverShare[];
}

export interface ReceiversOptions {
  readonly worker: number;
  readonly outlet: Outlet;
  /** Undefined: there is none. */
  readonly lookers?: Lookers | undefined;
}

export class Receivers {
  readonly #options: ReceiversOptions;
  readonly #outlet: Outlet;
  readonly #shares: ShareTable;
  readonly #byChannel = new Map<string, Channel>();

  constructor(options: ReceiversOptions, shares: ShareTable) {
    this.#options = options;
    this.#outlet = options.outlet;
    this.#shares = shares;
  }

  opened(socket: SocketId, client: ReceiverClient, now: number): void {
    const { channel } = client;
    const others = this.#channel(channel);
    others.topic.subscribe(socket);
    if (others.topic.size === 1) this.#ask(others);
    // The string that all have and not the one just made: there is a client for each.
    client.channel = others.name;
    client.offeredAt = now;
    const list = this.#shares.inChannel(channel).map(asSeen);
    const over = list.length === 0 ? others.over : [];
    this.#outlet.send(socket, { t: "offers", list, ...(over.length > 0 && { over: [...over] }) });
  }

  /** No share of this channel is stored any more, and these were. */
  over(channel: string, list: readonly OverShare[]): void {
    const receivers = this.#byChannel.get(channel);
    if (receivers === undefined) return;
    receivers.over = list;
    if (list.length === 0 || this.#shares.inChannel(channel).length > 0) return;
    receivers.topic.publish({ t: "offers", list: [], over: [...list] });
  }

  /** Another relay has the first control line in a channel, or none any more. */
  edgesAsk(channel: string, isAsked: boolean): void {
    const others = this.#channel(channel);
    others.hasEdges = isAsked;
    // Also where receivers are here: the relay that comes hears anew of shares that are over.
    if (isAsked) this.#ask(others);
    if (!isAsked) this.#left(others);
  }

  #channel(name: string): Channel {
    const known = this.#byChannel.get(name);
    const channel = known ?? { name, topic: this.#outlet.newTopic(), over: [], hasEdges: false };
    this.#byChannel.set(name, channel);
    return channel;
  }

  #ask({ name: channel, topic }: Channel): void {
    const { lookers, worker } = this.#options;
    const isForEdges = topic.size === 0;
    lookers?.tell({ t: "asked", worker, channel, ...(isForEdges && { isForEdges }) });
  }

  /** A receiver left, or the last control line. */
  #left(channel: Channel): void {
    const { name, topic, hasEdges } = channel;
    if (topic.size > 0) return;
    if (hasEdges) {
      this.#ask(channel);
      return;
    }
    topic.close();
    this.#byChannel.delete(name);
    this.#options.lookers?.tell({ t: "unasked", worker: this.#options.worker, channel: name });
  }

  closed(socket: SocketId, client: ReceiverClient): void {
    this.#shares.of(client)?.fanout.closed(socket);
    if (client.edge !== undefined) return;
    const others = this.#byChannel.get(client.channel);
    others?.topic.unsubscribe(socket);
    if (others !== undefined) this.#left(others);
  }

  message(socket: SocketId, client: ReceiverClient, message: Message, now: number): void {
    if (message.t === "join") {
      this.#join(socket, client, message, now);
      return;
    }
    const share = this.#shares.of(client);
    if (share === undefined) return;
    switch (message.t) {
      case "ack":
        if (isAbout(share, message.share)) share.fanout.ack(socket, message, now);
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

  areIn(channel: string): boolean {
    return this.#byChannel.has(channel);
  }

  announce(share: LocalShare): void {
    const receivers = this.#byChannel.get(share.record.channel);
    if (receivers !== undefined) receivers.over = [];
    this.broadcast(share, { t: "offers", list: [asSeen(share)] });
  }

  /** To all receivers in the channel of the share, those too that did not join it. */
  broadcast({ record: { channel } }: LocalShare, message: Message): void {
    this.#byChannel.get(channel)?.topic.publish(message);
  }

  #join(socket: SocketId, client: ReceiverClient, join: MessageOf<"join">, now: number): void {
    const key = toHex(join.share);
    const share = this.#shares.get(key);
    const { edge } = client;
    // A share of another channel is as unknown as one that never was.
    const isSeen = share === undefined || edge === undefined || sees(edge, share.record);
    if (share?.record.channel !== client.channel || !isSeen) {
      const reason = "no-such-share";
      this.#outlet.send(socket, { t: "cancel", share: join.share, reason });
      return;
    }
    if (edge === undefined && isExhausted(share, join)) {
      this.#outlet.send(socket, { t: "cancel", share: join.share, reason: "exhausted" });
      return;
    }
    if (client.share !== key) {
      this.#shares.of(client)?.fanout.closed(socket);
      // Only receivers that had joined it hear that its sender comes or goes.
      const isNews = share.presenceAt > (client.offeredAt ?? 0);
      const says = isNews || !isSenderHere(share.record);
      if (says && edge === undefined) this.#outlet.send(socket, share.senderPresence);
    }
    // As with the channel's.
    client.share = share.record.key;
    share.fanout.join(socket, join, now, client.address, edge?.relay);
  }
}

function asSeen({ record }: LocalShare): OfferSeen {
  const { offer } = record;
  const stored = storedOf(record);
  const seen = { ...offer, senderHere: isSenderHere(record) };
  // Before, it goes with its sender.
  if (stored?.isWhole !== true) return seen;
  const { until, downloadsLeft: downloads } = stored;
  const left = downloads === undefined ? {} : { downloads };
  return { ...seen, stored: { until: Math.floor(until / SECOND_MS), ...left } };
}

/** Whether others had all downloads of a stored share; receivers that have all of it only say so. */
function isExhausted({ record }: LocalShare, { receiver, from }: MessageOf<"join">): boolean {
  const { offer } = record;
  const stored = storedOf(record);
  if (stored?.downloadsLeft !== 0 || from >= (stored.records ?? offer.records)) return false;
  return !stored.begun.includes(toHex(receiver));
}

function isAbout(share: LocalShare, id: Uint8Array): boolean {
  return equalBytes(share.record.offer.share, id);
}
