import { FRAME_BYTES, PING_MS } from "../../protocol/mod.ts";

import type { Native } from "../system/native.ts";
import type { Descriptor, PeerKey } from "../system/connections.ts";

/** The calls of the kernel that it uses. */
export type MeterKernel = Pick<Native, "find" | "isPeer" | "received">;

/**
 * Bytes of a message on the wire beside its payload, at most: heads of RFC 6455 and of TLS. A client that
 * fragments its messages needs more, see SPARE_PART.
 */
const MESSAGE_OVERHEAD = 64;
/** One of so many bytes of whole messages may be further heads. */
const SPARE_PART = 16;
/** The request that became a WebSocket, and a TLS handshake. bytes */
const REQUEST_BYTES = 16 * 1024;
/** The fewest checks in the time that a message may take. */
const CHECKS = 4;
/** A line with this part of the least pace for messages is not dead. */
const ALIVE_PART = 4;

/**
 * - `whole`: only whole messages came, as far as the counts tell
 * - `arriving`: a message is on its way, and advances
 * - `stuck`: a message is on its way, and too little of it came since the last check
 * - `late`: a message is on its way for too long
 */
export type Arrival = "whole" | "arriving" | "stuck" | "late";

/**
 * Times the message that is on its way by one socket. Bun reports whole messages only. The kernel's count of
 * bytes shows a message that comes in drips, or whose fragments never end: bytes that are in no reported message,
 * ping or pong belong to it.
 *
 * A whole message proves that no older one is unfinished: the message on its way began after it. Without this rule, a
 * slow line that is never empty (frames one behind the other) would seem to send one message for ever. The
 * allowances above are too large by some bytes. Each check that finds nothing on its way forgets that error;
 * otherwise it would add up until a whole frame went unseen, and its line would count as idle.
 */
export class ReceiveMeter {
  readonly #kernel: MeterKernel;
  readonly #peer: PeerKey;
  #descriptor: Descriptor | undefined;
  /**
   * Bytes before the messages that count: requests on a connection that a proxy uses again, and messages that
   * were whole at a check. Undefined: not known yet.
   */
  #before: number | undefined = REQUEST_BYTES;
  /** Of reported messages with their heads, since `#before`. bytes */
  #told = 0;
  #begunAt: number | undefined;
  #checkedAt: number;
  #checkedBytes = 0;

  constructor(kernel: MeterKernel, peer: PeerKey, now: number) {
    this.#kernel = kernel;
    this.#peer = peer;
    this.#checkedAt = now;
  }

  /** @param messageMs that a message of FRAME_BYTES may take */
  isDue(messageMs: number, now: number): boolean {
    return now - this.#checkedAt >= Math.min(PING_MS, messageMs / CHECKS);
  }

  /** A message came whole, or a ping or pong. @param length of its payload */
  came(length: number): void {
    this.#told += length + MESSAGE_OVERHEAD;
  }

  /** A message came whole: no ping or pong, which may come amid one. */
  whole(): void {
    this.#begunAt = undefined;
  }

  /** Another client's requests may have come by the same connection before. */
  countFromHere(): void {
    const bytes = this.#received();
    this.#before = bytes === undefined ? undefined : bytes + REQUEST_BYTES;
  }

  /** The relay did not read meanwhile, so the client is not late. */
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
