import { PING_MS } from "../../protocol/mod.ts";

import { isLoopback } from "../access/address.ts";
import type { ClientAddress } from "../access/client-address.ts";
import type { LiveLimits } from "../limits/limits.ts";
import { MessageBudget } from "../limits/message-budget.ts";
import type { Native } from "../system/native.ts";
import type { PeerKey } from "../system/connections.ts";
import type { Arrivals, WatchedLine } from "./arrivals.ts";
import { ReceiveMeter, type MeterKernel } from "./receive-meter.ts";

/** The calls of the kernel about a line, with the key by which it finds that. */
export type LineKernel = MeterKernel &
  Pick<Native, "keyOf"> &
  Partial<Pick<Native, "followBandwidth">>;

/** The parts of a worker that all its lines share. */
export interface LineOptions {
  readonly limits: LiveLimits;
  readonly clock: () => number;
  /** Counts the bytes that came by a line; without it only whole messages are timed. */
  readonly kernel?: LineKernel | undefined;
  /** Sees messages that never become whole; undefined where the kernel can't tell. */
  readonly arrivals?: Arrivals | undefined;
}

/** The address at the other end of a connection. */
export interface RemoteEnd {
  readonly address: string;
  readonly port: number;
}

/**
 * The limits of one WebSocket of either door: how much comes in, how often, how late. Its door
 * reports each message, ping and pong, and asks at each tick.
 */
export class Line {
  readonly key: PeerKey | undefined;
  readonly #options: LineOptions;
  /** The client has no proxy, so nothing came by this connection before. Proxies use theirs again. */
  readonly #isDirect: boolean;
  readonly #meter: ReceiveMeter | undefined;
  readonly #messages = new MessageBudget();
  #watched: WatchedLine | undefined;
  /** When anything came last; a pong counts. */
  #heardAt: number;
  #pingedAt: number;

  /** @param isEdge it came to the port of other relays */
  constructor(
    options: LineOptions,
    { address }: ClientAddress,
    remote: RemoteEnd | null,
    isEdge = false,
  ) {
    const { clock, kernel } = options;
    const now = clock();
    this.#options = options;
    this.key = remote === null ? undefined : kernel?.keyOf(remote.address, remote.port, isEdge);
    this.#isDirect = address === remote?.address && !isLoopback(address);
    if (kernel !== undefined && this.key !== undefined) {
      this.#meter = new ReceiveMeter(kernel, this.key, now);
      if (!this.#isDirect) this.#meter.countFromHere();
    }
    this.#heardAt = now;
    this.#pingedAt = now;
  }

  /**
   * To be called when it has become a WebSocket, before any message is handled.
   * @param isNarrow only control messages come from it
   * @param arrived told how many bytes of a message came that is not whole
   */
  watch(isNarrow: boolean, arrived: (bytes: number) => void): void {
    if (this.key === undefined) return;
    const { key: peer } = this;
    const isDirect = this.#isDirect;
    this.#watched = this.#options.arrivals?.watch({ peer, isDirect, isNarrow, arrived });
  }

  /** From now on it may send frames. */
  widen(): void {
    this.#watched?.widen();
  }

  /** It will get frames: far away they must not wait for each lost packet. */
  carriesMuch(): void {
    if (this.key !== undefined) this.#options.kernel?.followBandwidth?.(this.key);
  }

  /** A whole message came. @param length of its payload */
  message(length: number): void {
    this.#meter?.whole();
    this.#watched?.message(length);
    this.#came(length);
  }

  /** A ping or a pong came. */
  control(length: number): void {
    this.#watched?.control(length);
    this.#came(length);
  }

  #came(length: number): void {
    this.#heardAt = this.#options.clock();
    this.#meter?.came(length);
  }

  /**
   * Whether what came may be handled; false: it is too much. To be asked once for each.
   * @param perSecond instead of the limit of clients
   */
  allows(perSecond = this.#options.limits.now["messages-per-second"]): boolean {
    return this.#messages.spend(perSecond, this.#options.clock());
  }

  /** So many answers are owed for what it was given. */
  earn(answers: number): void {
    this.#messages.earn(answers);
  }

  /** The limit of time that it exceeds, if any; asked at each tick. */
  overdue({
    isPaused,
  }: Pick<Bun.ServerWebSocket, "isPaused">): "message-timeout" | "idle-timeout" | undefined {
    const now = this.#options.clock();
    // Its messages wait for the relay.
    if (isPaused) {
      this.#heardAt = now;
      this.#meter?.paused(now);
    }
    const limits = this.#options.limits.now;
    if (this.#isLate(limits["message-timeout"], now)) return "message-timeout";
    return now - this.#heardAt >= limits["idle-timeout"] ? "idle-timeout" : undefined;
  }

  get isPingDue(): boolean {
    return this.#options.clock() - this.#pingedAt >= PING_MS;
  }

  /** Never into a frame that is on its way. */
  ping(socket: Pick<Bun.ServerWebSocket, "ping">): void {
    this.#pingedAt = this.#options.clock();
    socket.ping();
  }

  closed(): void {
    this.#watched?.leave();
  }

  /** Whether a message takes too long; one that comes on is as good as a whole one. */
  #isLate(messageMs: number, now: number): boolean {
    if (this.#meter?.isDue(messageMs, now) !== true) return false;
    const arrival = this.#meter.check(messageMs, now);
    if (arrival === "arriving") this.#heardAt = now;
    return arrival === "late";
  }
}
