import { PING_MS } from "../../protocol/mod.ts";

import { TokenBucket } from "../limits/token-bucket.ts";
import type { LiveLimits } from "../limits/limits.ts";
import { receiveMeterOf, type MeterKernel, type ReceiveMeter } from "./receive-meter.ts";
import type { Native, PeerKey } from "../system/native.ts";
import type { ClientAddress } from "../access/client-address.ts";

/** The calls of the kernel about a line, with the key by which it finds that. */
export type LineKernel = MeterKernel & Pick<Native, "keyOf">;

/** What holds for all lines of a worker. */
export interface LineRules {
  readonly limits: LiveLimits;
  /** Where the kernel tells how much came by a line; without it only whole messages are timed. */
  readonly kernel: LineKernel | undefined;
}

/** The address at the other end of a connection. */
export interface Peer {
  readonly address: string;
  readonly port: number;
}

/** What comes in by one WebSocket, as far as limits go: how much, how often, how late. Time is an argument. */
export class Line {
  readonly #rules: LineRules;
  /** Undefined where the kernel can't tell. */
  readonly #meter: ReceiveMeter | undefined;
  readonly #allowance: TokenBucket;
  /** When anything came last; a pong counts. */
  #heardAt: number;
  #pingedAt: number;

  constructor(
    rules: LineRules,
    client: ClientAddress,
    peer: Peer | null,
    key: PeerKey | undefined,
    now: number,
  ) {
    this.#rules = rules;
    this.#meter = receiveMeterOf(key, rules.kernel, client, peer?.address, now);
    this.#allowance = new TokenBucket(now);
    this.#heardAt = now;
    this.#pingedAt = now;
  }

  /** A message came whole, or a ping or pong. @param length of its payload */
  came(length: number, now: number): void {
    this.#heardAt = now;
    this.#meter?.came(length);
  }

  /** A whole message came, and no ping or pong. */
  whole(): void {
    this.#meter?.whole();
  }

  /** Whether what came may be listened to; false: it is too much. To be asked once for each. */
  maySay(now: number): boolean {
    return this.#allowance.spend(this.#rules.limits.now["messages-per-second"], now);
  }

  /** So many answers are owed for what it was given. */
  earn(answers: number): void {
    this.#allowance.earn(answers);
  }

  /** Its bytes are not read. */
  paused(now: number): void {
    this.#heardAt = now;
    this.#meter?.paused(now);
  }

  /** Which limit of time it goes over, if it does; to be asked at each tick. */
  overdue(now: number): "message-timeout" | "idle-timeout" | undefined {
    if (this.#isLate(now)) return "message-timeout";
    const limits = this.#rules.limits.now;
    return now - this.#heardAt >= limits["idle-timeout"] ? "idle-timeout" : undefined;
  }

  isPingDue(now: number): boolean {
    return now - this.#pingedAt >= PING_MS;
  }

  pinged(now: number): void {
    this.#pingedAt = now;
  }

  /** Whether a message takes too long; one that comes on is as good as a word. */
  #isLate(now: number): boolean {
    const messageMs = this.#rules.limits.now["message-timeout"];
    if (this.#meter?.isDue(messageMs, now) !== true) return false;
    const arrival = this.#meter.check(messageMs, now);
    if (arrival === "arriving") this.#heardAt = now;
    return arrival === "late";
  }
}
