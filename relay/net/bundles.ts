/**
 * The outlet of a worker's sockets, where several of them may be one client's. The hub knows such a client by its
 * main socket; a frame goes by whichever has room. So the lanes see one receiver, which is full when all are.
 * Everything else goes by the main socket alone.
 */
import type { Message, Role, SocketFault } from "../../protocol/mod.ts";

import type { GivenRecord, RecordPlace } from "../log/block-log.ts";
import {
  SingleSends,
  type Outlet,
  type SendResult,
  type SocketId,
  type Topic,
} from "../share/outlet.ts";

/** The sockets themselves. */
export interface BundledSockets extends Outlet {
  /** The socket takes no more messages. */
  isClosing(socket: SocketId): boolean;
  /** Its messages count as those of the main one. */
  belongs?(further: SocketId, main: SocketId): void;
}

export class Bundles implements Outlet {
  readonly #sockets: BundledSockets;
  /** By main socket, all of a bundle; the one that had a frame last is the last. */
  readonly #bundles = new Map<SocketId, SocketId[]>();
  readonly #topics = new Set<BundleTopic>();

  constructor(sockets: BundledSockets) {
    this.#sockets = sockets;
  }

  bundle(main: SocketId, further: SocketId, role: Role): void {
    this.#sockets.belongs?.(further, main);
    // A sender gets no frame, and its news go by the main socket: that one alone says how much waits.
    if (role === "sender") return;
    const all = this.#bundles.get(main) ?? [main];
    this.#bundles.set(main, [...all, further]);
    for (const topic of this.#topics) topic.part(main);
  }

  connections(main: SocketId): number {
    return this.#bundles.get(main)?.length ?? 1;
  }

  unbundle(main: SocketId, further: SocketId): void {
    const rest = this.#bundles.get(main)?.filter((each) => each !== further) ?? [];
    if (rest.length > 1) this.#bundles.set(main, rest);
    else this.#bundles.delete(main);
  }

  holdsBack(socket: SocketId): boolean {
    return !this.#bundles.has(socket) && this.#sockets.holdsBack?.(socket) === true;
  }

  noPing(socket: SocketId): void {
    this.#sockets.noPing(socket);
  }

  buffered(socket: SocketId): number {
    const all = this.#bundles.get(socket);
    if (all === undefined) return this.#sockets.buffered(socket);
    let least = Infinity;
    for (const each of all) {
      if (this.#sockets.isClosing(each)) continue;
      const buffered = this.#sockets.buffered(each);
      if (buffered === 0) return 0;
      least = Math.min(least, buffered);
    }
    return least === Infinity ? 0 : least;
  }

  /** `queued` only when none of the bundle has room for more. */
  sendFrame(socket: SocketId, place: GivenRecord): SendResult {
    const all = this.#bundles.get(socket);
    if (all === undefined) return this.#sockets.sendFrame(socket, place);
    if (this.#sockets.isClosing(socket)) return "refused";
    for (const each of all) {
      if (this.#sockets.isClosing(each) || this.#sockets.buffered(each) > 0) continue;
      const result = this.#sockets.sendFrame(each, place);
      if (result === "refused") continue;
      this.#putLast(all, each);
      return result === "sent" || this.buffered(socket) === 0 ? "sent" : "queued";
    }
    return "refused";
  }

  passFrame(socket: SocketId, frame: Uint8Array, keep: () => RecordPlace | undefined): SendResult {
    // The next socket of a bundle reads from the log what another one could not take.
    if (this.#bundles.has(socket)) return "refused";
    return this.#sockets.passFrame?.(socket, frame, keep) ?? "refused";
  }

  paceBy(receiver: SocketId): void {
    // While one socket of a bundle is full, others may have room.
    if (!this.#bundles.has(receiver)) this.#sockets.paceBy?.(receiver);
  }

  hold(socket: SocketId, isHeld: boolean): void {
    this.#sockets.hold?.(socket, isHeld);
  }

  /** The next frame goes by another one first: a kernel takes much before it says that it is full. */
  #putLast(all: SocketId[], socket: SocketId): void {
    all.splice(all.indexOf(socket), 1);
    all.push(socket);
  }

  newTopic(): Topic {
    const topic = new BundleTopic(this.#sockets.newTopic(), new SingleSends(this), {
      isBundle: (socket) => this.#bundles.has(socket),
      closed: () => this.#topics.delete(topic),
    });
    this.#topics.add(topic);
    return topic;
  }

  send(socket: SocketId, message: Message): void {
    this.#sockets.send(socket, message);
  }

  sendToEdge(socket: SocketId, message: Uint8Array): void {
    this.#sockets.sendToEdge?.(socket, message);
  }

  fail(socket: SocketId, code: SocketFault, detail?: string, after?: number): void {
    this.#sockets.fail(socket, code, detail, after);
  }
}

interface TopicOwner {
  isBundle(socket: SocketId): boolean;
  closed(): void;
}

/** A topic whose bundles are served one by one, and all other sockets together. */
class BundleTopic implements Topic {
  readonly #together: Topic;
  readonly #apart: Topic;
  readonly #owner: TopicOwner;
  readonly #sockets = new Set<SocketId>();

  constructor(together: Topic, apart: Topic, owner: TopicOwner) {
    this.#together = together;
    this.#apart = apart;
    this.#owner = owner;
  }

  get size(): number {
    return this.#sockets.size;
  }

  get sockets(): Iterable<SocketId> {
    return this.#sockets;
  }

  subscribe(socket: SocketId): void {
    this.#sockets.add(socket);
    (this.#owner.isBundle(socket) ? this.#apart : this.#together).subscribe(socket);
  }

  unsubscribe(socket: SocketId): void {
    if (!this.#sockets.delete(socket)) return;
    this.#together.unsubscribe(socket);
    this.#apart.unsubscribe(socket);
  }

  /** The socket has become a bundle. */
  part(socket: SocketId): void {
    if (!this.#sockets.has(socket)) return;
    this.#together.unsubscribe(socket);
    this.#apart.subscribe(socket);
  }

  publishFrame(place: GivenRecord): ReadonlySet<SocketId> {
    const refused = this.#together.publishFrame(place);
    const others = this.#apart.publishFrame(place);
    return others.size === 0 ? refused : refused.union(others);
  }

  publish(message: Message): void {
    this.#together.publish(message);
    this.#apart.publish(message);
  }

  close(): void {
    this.#sockets.clear();
    this.#together.close();
    this.#apart.close();
    this.#owner.closed();
  }
}
