import { FRAME_BYTES, PING_MS } from "../../protocol/mod.ts";

import type { Descriptor, Native, PeerKey } from "../system/native.ts";

/** The calls of the kernel that it uses. */
export type MeterKernel = Pick<Native, "find" | "isPeer" | "received">;

/**
 * Bytes that a message takes on the wire besides its own, at most: heads of RFC 6455 and of TLS. Who
 * cuts messages into fragments needs more, see SPARE_PART.
 */
const MESSAGE_OVERHEAD = 64;
/** One of so many bytes of whole messages may be more of such heads. */
const SPARE_PART = 16;
/** The request that became a WebSocket, and a TLS handshake. bytes */
const REQUEST_BYTES = 16 * 1024;
/** The least looks in the time that a message may take. */
const CHECKS = 4;
/** Of the least pace for messages, a line that brings one of so many parts is no dead one. */
const ALIVE_PART = 4;

/**
 * - `whole`: nothing but whole messages came, as far as anyone knows
 * - `arriving`: one is on its way, and comes on
 * - `stuck`: one is on its way, and nothing of it came since the last look
 * - `late`: one is on its way for too long
 */
export type Arrival = "whole" | "arriving" | "stuck" | "late";

/**
 * What comes in by one socket beyond whole messages. Bun tells of whole ones alone, so a message that
 * comes in drips, or whose fragments never end, is seen in the kernel's count of bytes: what is in
 * no message that was told, and in none of the pings and pongs between its parts, is a part of one.
 *
 * A whole message proves that no older one is unfinished: whatever is on its way began after it. Without
 * that, a slow line that is never empty (frames one behind the other) would seem to send one message for
 * ever. And what the allowances below are too large by ends with each look that finds nothing on its way:
 * it would add up until a frame went unseen, and its line would count as idle.
 */
export class ReceiveMeter {
  readonly #kernel: MeterKernel;
  readonly #peer: PeerKey;
  #descriptor: Descriptor | undefined;
  /**
   * Bytes that are none of messages to come: of requests before, on a line that a proxy uses again, and
   * of messages that were whole at a look. Undefined: not known yet.
   */
  #before: number | undefined = REQUEST_BYTES;
  /** With heads, since `#before`. bytes */
  #told = 0;
  #begunAt: number | undefined;
  #checkedAt: number;
  #checkedBytes = 0;

  constructor(kernel: MeterKernel, peer: PeerKey, now: number) {
    this.#kernel = kernel;
    this.#peer = peer;
    this.#checkedAt = now;
  }

  /** Whether it is time to look again. @param messageMs that a message of FRAME_BYTES may take */
  isDue(messageMs: number, now: number): boolean {
    return now - this.#checkedAt >= Math.min(PING_MS, messageMs / CHECKS);
  }

  /** A message came whole, or a ping or pong. @param length of its payload */
  came(length: number): void {
    this.#told += length + MESSAGE_OVERHEAD;
  }

  /** A message came, and no ping or pong, which may come amid one. */
  whole(): void {
    this.#begunAt = undefined;
  }

  /** Somebody else's requests may have come by the same line before. */
  countFromHere(): void {
    const bytes = this.#received();
    this.#before = bytes === undefined ? undefined : bytes + REQUEST_BYTES;
  }

  /** Bytes on their way were not read meanwhile, through no fault of their sender. */
  paused(now: number): void {
    this.#begunAt = undefined;
    this.#checkedAt = now;
  }

  /** @param messageMs that a message of FRAME_BYTES may take */
  check(messageMs: number, now: number): Arrival {
    const bytes = this.#received();
    if (bytes === undefined) return "whole";
    this.#before ??= bytes - this.#told;
    const arrived = bytes - this.#before - this.#told - Math.floor(this.#told / SPARE_PART);
    const fresh = bytes - this.#checkedBytes;
    const since = now - this.#checkedAt;
    this.#checkedBytes = bytes;
    this.#checkedAt = now;
    if (arrived <= 0) {
      this.#before = bytes;
      this.#told = 0;
      this.#begunAt = undefined;
      return "whole";
    }
    this.#begunAt ??= now;
    if (now - this.#begunAt >= messageMs * Math.max(1, arrived / FRAME_BYTES)) return "late";
    const pace = FRAME_BYTES / messageMs / ALIVE_PART;
    return fresh > 0 && fresh >= pace * since ? "arriving" : "stuck";
  }

  #received(): number | undefined {
    const kernel = this.#kernel;
    if (this.#descriptor === undefined || !kernel.isPeer(this.#descriptor, this.#peer)) {
      this.#descriptor = kernel.find(this.#peer);
    }
    return this.#descriptor === undefined ? undefined : kernel.received(this.#descriptor);
  }
}
