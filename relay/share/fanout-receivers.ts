/**
 * The receivers of a fan-out: by id all that it remembers, and by socket those that are attached. A receiver that is gone
 * is remembered until it is reported, and until its receipt is answered. `Fanout` owns them, and tells them of each one
 * that comes, goes or asks again.
 */
import type { Message } from "../../protocol/mod.ts";

import type { Receiver } from "./fanout-receiver.ts";
import type { SocketId, Topic } from "./outlet.ts";
import { NOT_AGREED_WINDOW } from "./retention.ts";

/** Receivers by lane, and the records that the least and the most of them have. */
export interface FanoutStanding {
  readonly live: number;
  readonly catchUp: number;
  /** Receivers that have not agreed, or stopped to take. */
  readonly paused: number;
  /** Infinity: there is none. */
  readonly least: number;
  readonly most: number;
}

export class FanoutReceivers {
  readonly #byKey = new Map<string, Receiver>();
  readonly #bySocket = new Map<SocketId, Receiver>();
  /** The sockets of `#bySocket`. */
  readonly #topic: Topic;
  /**
   * Receivers that ever came here, and times that one asked again for what it was given: neither may cost the sender
   * one upload after another.
   */
  #came = 0;
  /** Streams of other relays among them. */
  #edges = 0;
  /** Receivers that have all, as their sender knows. In the lobby they stay for the next share, and take no place in this one. */
  #done = 0;

  constructor(topic: Topic) {
    this.#topic = topic;
  }

  /** The places that are taken, of `receivers-per-share`. */
  get places(): number {
    return this.#byKey.size - this.#edges - this.#done;
  }

  get edges(): number {
    return this.#edges;
  }

  get remembered(): Iterable<Receiver> {
    return this.#byKey.values();
  }

  get attached(): Iterable<Receiver> {
    return this.#bySocket.values();
  }

  get sockets(): ReadonlyMap<SocketId, Receiver> {
    return this.#bySocket;
  }

  get standing(): FanoutStanding {
    const standing = { live: 0, catchUp: 0, paused: 0, least: Infinity, most: 0 };
    for (const { live, window, acked, isEdge } of this.#bySocket.values()) {
      if (isEdge) continue;
      if (live) standing.live++;
      else if (window <= NOT_AGREED_WINDOW) standing.paused++;
      else standing.catchUp++;
      standing.least = Math.min(standing.least, acked);
      standing.most = Math.max(standing.most, acked);
    }
    return standing;
  }

  /** As `Fanout.takeSwitches`. */
  takeSwitches(into: Record<string, number>): void {
    for (const [key, receiver] of this.#byKey) {
      if (receiver.switches === 0) continue;
      into[key] = (into[key] ?? 0) + receiver.switches;
      receiver.switches = 0;
    }
  }

  /** @param key its id in hex */
  of(key: string): Receiver | undefined {
    return this.#byKey.get(key);
  }

  at(socket: SocketId): Receiver | undefined {
    return this.#bySocket.get(socket);
  }

  /** A receiver comes that was not known. */
  add(receiver: Receiver): void {
    this.#byKey.set(receiver.key, receiver);
    if (receiver.isEdge) this.#edges++;
    this.#came++;
  }

  forget({ key, isEdge, confirmed }: Receiver): void {
    if (!this.#byKey.delete(key)) return;
    if (isEdge) this.#edges--;
    if (confirmed) this.#done--;
  }

  /** The sender took the receipt of this receiver. */
  confirmed(receiver: Receiver): void {
    if (!receiver.confirmed) this.#done++;
    receiver.confirmed = true;
  }

  /** One asks again for what it was given. */
  askedAgain(): void {
    this.#came++;
  }

  /** Whether one receiver came, and asked for nothing twice. */
  get isAlone(): boolean {
    return this.#came === 1;
  }

  /** The only receiver that ever came, and came once. */
  get lone(): SocketId | undefined {
    return this.isAlone ? this.#bySocket.keys().next().value : undefined;
  }

  attach(socket: SocketId, receiver: Receiver): void {
    this.#bySocket.set(socket, receiver);
    if (!receiver.isEdge) this.#topic.subscribe(socket);
  }

  detach(socket: SocketId): void {
    this.#bySocket.delete(socket);
    this.#topic.unsubscribe(socket);
  }

  /** To all that are attached. */
  publish(message: Message): void {
    this.#topic.publish(message);
  }

  clear(): void {
    this.#bySocket.clear();
    this.#topic.close();
    this.#byKey.clear();
    this.#edges = 0;
    this.#done = 0;
  }
}
