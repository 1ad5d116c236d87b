/**
 * The clients of one worker, whatever they speak. `Sockets`, the lobby's original clients and its HTTP exchanges
 * each make a `Peer` per client and register it here, so that one place counts them, limits them, and disconnects
 * those that are banned, whose token ended, or all when the relay goes away.
 */
import type { FaultError, SocketFault } from "../../protocol/mod.ts";

import type { Grant } from "../access/authorizer.ts";
import type { ClientAddress } from "../access/client-address.ts";
import type { AddressTable, Place } from "../limits/address-table.ts";
import type { LiveLimits } from "../limits/limits.ts";
import type { RelayLimitName } from "../limits/operator-limits.ts";
import { refusalResponse } from "./refusal.ts";

/** A WebSocket of the protocol, one of the original app, an HTTP request. */
export type PeerDoor = "socket" | "text" | "http";
export type PeerRole = "stranger" | "sender" | "receiver";

/** By door, then by role, how many are here. */
export type ClientCounts = Readonly<Record<PeerDoor, Readonly<Record<PeerRole, number>>>>;

/** Why the relay disconnects a peer that keeps the rules of its door. */
export type DisconnectReason = Extract<SocketFault, "banned" | "not-allowed" | "going-away">;

/** Why the relay disconnects for `not-allowed` a client that it let in before. */
export const TOKEN_OVER = "your token does not count any more";

export interface Peer {
  readonly door: PeerDoor;
  readonly role: PeerRole;
  readonly client: ClientAddress;
  /** Its client is counted by another connection; undefined: by this one. */
  readonly main?: Peer | undefined;
  /** Undefined before it was let in. */
  readonly grant: Grant | undefined;
  /** Where it is counted; undefined: nowhere, it is only told why it can't stay. */
  place: Place | undefined;
  /** TICK_MS passed: it pings, and ends itself when its client was silent or took nothing for too long. */
  tick(): void;
  /** Says why, as far as its client understands, and closes. */
  disconnect(reason: DisconnectReason): void;
}

export class Peers {
  readonly #addresses: AddressTable;
  readonly #limits: LiveLimits;
  readonly #clock: () => number;
  readonly #open = new Set<Peer>();

  /** @param clock the same for all workers. ms */
  constructor(addresses: AddressTable, limits: LiveLimits, clock: () => number) {
    this.#addresses = addresses;
    this.#limits = limits;
    this.#clock = clock;
  }

  /** A request came. @returns what to answer if that is too much */
  attempt({ limitKey }: ClientAddress): Response | undefined {
    const perMinute = this.#limits.now["attempts-per-minute"];
    if (this.#addresses.attempt(limitKey, perMinute, this.#clock())) return undefined;
    return this.refusal("attempts-per-minute");
  }

  /** Counts a client that stays until `close`. @returns a limit that it goes over; then it does not */
  enter({ limitKey }: ClientAddress): Place | RelayLimitName {
    return this.#addresses.enter(limitKey, this.#limits.now, this.#clock());
  }

  /** Whether a client that is in already may have no more connections: others would find no place. */
  isCrowded({ place }: Peer): boolean {
    if (place === undefined) return true;
    return this.#addresses.isCrowded(place, this.#limits.now, this.#clock());
  }

  over(name: RelayLimitName): FaultError {
    return this.#limits.over(name);
  }

  refusal(name: RelayLimitName): Response {
    return refusalResponse(name, this.over(name));
  }

  open(peer: Peer): void {
    this.#open.add(peer);
  }

  /** It is gone, or did not come in after all. */
  close(peer: Peer): void {
    this.#open.delete(peer);
    if (peer.place !== undefined) this.#addresses.leave(peer.place);
    peer.place = undefined;
  }

  tick(): void {
    for (const peer of this.#open) peer.tick();
  }

  disconnect(reason: DisconnectReason, isMeant: (peer: Peer) => boolean = () => true): void {
    for (const peer of this.#open) if (isMeant(peer)) peer.disconnect(reason);
  }

  /** The counted clients, each once. */
  get counts(): ClientCounts {
    const none = (): Record<PeerRole, number> => ({ stranger: 0, sender: 0, receiver: 0 });
    const counts = { socket: none(), text: none(), http: none() };
    for (const { door, role, place, main } of this.#open) {
      if (place !== undefined && main === undefined) counts[door][role]++;
    }
    return counts;
  }
}
