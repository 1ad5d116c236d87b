import { CLIENT_CONTROL_BYTES } from "../../protocol/mod.ts";
import { type RelayLimitName } from "../limits/operator-limits.ts";

import type { Arrivals } from "../net/arrivals.ts";
import { closeReason } from "../net/close-reason.ts";
import type { Grant } from "../access/authorizer.ts";
import { isDirect } from "../net/receive-meter.ts";
import { Line, type LineRules, type Peer } from "../net/line-limits.ts";
import type { ClientAddress } from "../access/client-address.ts";
import { OriginalReceiver } from "./text-receiver.ts";
import { OriginalSender } from "./text-sender.ts";
import {
  GOING_AWAY,
  TOO_LONG,
  NORMAL,
  POLICY,
  TRY_AGAIN,
  type OriginalData,
  type OriginalOptions,
  type OriginalSocket,
} from "./text-socket.ts";

const ROLES: ReadonlyMap<string, OriginalData["role"]> = new Map([
  ["/sender", "text-sender"],
  ["/receiver", "text-receiver"],
]);

export interface OriginalClientsOptions extends OriginalOptions, LineRules {
  readonly arrivals: Arrivals | undefined;
}

/** The sockets of the original app's clients on one worker. */
export class OriginalClients {
  readonly #options: OriginalClientsOptions;
  readonly #open = new Set<OriginalSocket>();

  constructor(options: OriginalClientsOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#open.size;
  }

  /** The clients here by what they do. */
  get roles(): { stranger: number; sender: number; receiver: number } {
    const roles = { stranger: 0, sender: 0, receiver: 0 };
    for (const { data } of this.#open) {
      if (data.role === "text-sender") roles.sender++;
      else roles.receiver++;
    }
    return roles;
  }

  /** @param path of the request; undefined: no door of the original app */
  dataFor(path: string, client: ClientAddress, peer: Peer | null): OriginalData | undefined {
    const role = ROLES.get(path);
    if (role === undefined) return undefined;
    const { clock, kernel } = this.#options;
    const now = clock();
    const key = peer === null ? undefined : kernel?.keyOf(peer.address, peer.port);
    return {
      client,
      grant: undefined,
      place: undefined,
      role,
      line: new Line(this.#options, client, peer, key, now),
      peer: key,
      isDirect: isDirect(client, peer?.address),
      watched: undefined,
      session: undefined,
    };
  }

  opened(socket: OriginalSocket): void {
    this.#open.add(socket);
    const { data } = socket;
    const { peer, role } = data;
    data.watched =
      peer &&
      this.#options.arrivals?.watch({
        peer,
        isDirect: data.isDirect,
        isNarrow: role === "text-receiver",
        arrived: (bytes) => data.session?.arrived(bytes),
      });
    data.session =
      data.role === "text-sender"
        ? new OriginalSender(socket, this.#options)
        : new OriginalReceiver(socket, this.#options);
  }

  message(socket: OriginalSocket, message: string | Uint8Array): void {
    socket.data.line.whole();
    // Of the bytes of a file the slowest receiver says how fast they may come.
    const isData = socket.data.role === "text-sender" && typeof message !== "string";
    socket.data.watched?.message(message.length);
    if (!this.#came(socket, message.length, isData)) return;
    if (typeof message === "string" && message.length > CLIENT_CONTROL_BYTES) {
      socket.close(POLICY, TOO_LONG);
      return;
    }
    socket.data.session?.message(message);
  }

  /** A ping or a pong came. */
  signOfLife(socket: OriginalSocket, length: number): void {
    socket.data.watched?.control(length);
    this.#came(socket, length, false);
  }

  /** @returns whether it may be listened to */
  #came(socket: OriginalSocket, length: number, isFree: boolean): boolean {
    const { line } = socket.data;
    const now = this.#options.clock();
    line.came(length, now);
    if (isFree || line.maySay(now)) return true;
    this.#refuse(socket, "messages-per-second");
    return false;
  }

  #refuse(socket: OriginalSocket, name: RelayLimitName): void {
    const { code, detail } = this.#options.limits.over(name);
    socket.close(TRY_AGAIN, closeReason(code, detail));
  }

  drained(socket: OriginalSocket): void {
    // Bun tells of each part that the kernel took.
    if (socket.getBufferedAmount() > 0) return;
    socket.data.session?.drained();
  }

  closed(socket: OriginalSocket): void {
    this.#open.delete(socket);
    socket.data.watched?.leave();
    socket.data.session?.closed();
    socket.data.session = undefined;
  }

  /** Pings everybody now and then, and gives up who stays silent though it is read. */
  tick(): void {
    const { clock, limits } = this.#options;
    const now = clock();
    for (const socket of this.#open) {
      const { session, line } = socket.data;
      session?.tick();
      if (socket.isPaused) line.paused(now);
      const overdue = line.overdue(now) ?? session?.overdue(limits.now, now);
      if (overdue === "message-timeout" || overdue === "hello-timeout") {
        this.#refuse(socket, overdue);
      } else if (overdue === "done") {
        socket.close(NORMAL, "done");
      } else if (overdue !== undefined) {
        limits.count(overdue);
        socket.terminate();
      } else if (line.isPingDue(now)) {
        line.pinged(now);
        socket.ping();
      }
    }
  }

  /** Closes those whose grant is over. */
  disconnectRevoked(isOver: (grant: Grant | undefined) => boolean): void {
    for (const socket of this.#open) {
      if (isOver(socket.data.grant)) socket.close(POLICY, "your token does not count any more");
    }
  }

  disconnect(isMeant: (client: ClientAddress) => boolean): void {
    for (const socket of this.#open) {
      if (isMeant(socket.data.client)) socket.close(POLICY, "banned");
    }
  }

  closeAll(): void {
    for (const socket of this.#open) socket.close(GOING_AWAY, "the relay goes away");
  }
}
