/**
 * An answer of known length that the relay writes to the connection itself, past Bun.
 *
 * Bun's server drops `Content-Length` from each body that it streams and sends chunks instead
 * (https://github.com/oven-sh/bun/issues/10507). Then only a reset tells a cut file from a whole one, and proxies do
 * not pass it on: Caddy 2.6 ends the chunks as if all were there, and so does nginx towards a client of HTTP/1.0.
 * With a length, both the proxy and its client fail.
 *
 * So the head and the body go to the descriptor of the connection, and Bun's request stays open until its
 * client is gone. No byte of Bun's comes between: Bun answers no other request of a connection before this one, and
 * the head says that the connection ends with the answer.
 *
 * Rejected: `node:http` keeps the length, but has no WebSockets of Bun's on the same port, and its hooks in
 * `Bun.serve` are undocumented.
 */
import { utf8 } from "../../../protocol/mod.ts";

import type { Native } from "../../system/native.ts";
import type { Descriptor, PeerKey } from "../../system/connections.ts";
import { STEADY_PIECE_BYTES, partOf, type Body, type BodyEvents, type Part } from "../body.ts";

/** Until a full connection is polled again: at first, and doubled up to that. ms */
const POLL_MS = 1;
const POLL_IDLE_MS = 64;

/** The calls of the kernel that it uses. */
export type RawKernel = Pick<
  Native,
  "keyOf" | "find" | "isResting" | "isPeer" | "isWritable" | "send" | "shutdown"
>;

export interface RawBodyEvents extends BodyEvents {
  /** Bytes left after `end`: only the timer of the connection waits for the rest. */
  passes(): void;
}

export interface RawBodyOptions {
  readonly native: RawKernel;
  readonly peer: PeerKey;
  /** The status line and the headers, up to the empty line. */
  readonly head: string;
  /** Of the body. bytes */
  readonly length: number;
  readonly events: RawBodyEvents;
}

export class RawBody implements Body {
  readonly #options: RawBodyOptions;
  readonly #parts: Part[] = [];
  /** Bytes of the first part that have left. */
  #at = 0;
  /** Bytes that the head promised and that were not written yet. */
  #missing: number;
  #socket: Descriptor | undefined;
  #timer: NodeJS.Timeout | undefined;
  #delay = POLL_MS;
  #taken = 0;
  #step: "open" | "ending" | "over" = "open";
  #isBroken = false;

  constructor(options: RawBodyOptions) {
    this.#options = options;
    this.#missing = options.length;
    this.#parts.push(partOf(utf8(options.head)));
  }

  /** Sends the head. To be called once. */
  start(): void {
    this.#goOn();
  }

  get isFull(): boolean {
    return this.#parts.length > 0;
  }

  /** 0: the client was given nothing. */
  get taken(): number {
    return this.#taken;
  }

  write(part: Part): void {
    if (this.#step !== "open" || part.length === 0) {
      part.done();
      return;
    }
    // The client would read more than the head says as another answer.
    if (part.length > this.#missing) {
      part.done();
      this.fail();
      return;
    }
    this.#missing -= part.length;
    this.#push(part);
  }

  end(): void {
    if (this.#step !== "open") return;
    if (this.#missing > 0) {
      this.fail();
      return;
    }
    this.#step = "ending";
    if (!this.isFull) this.#finish("writing");
  }

  fail(): void {
    this.#finish("both");
  }

  #push(part: Part): void {
    this.#parts.push(part);
    if (this.#parts.length === 1) this.#goOn();
  }

  #goOn(): void {
    const socket = this.#find();
    if (socket === "gone") {
      this.#lost();
    } else if (socket !== "later" && this.#options.native.isWritable(socket)) {
      this.#send(socket);
    } else {
      this.#pollLater();
    }
  }

  #send(socket: Descriptor): void {
    for (let part = this.#parts[0]; part !== undefined; part = this.#parts[0]) {
      const end = Math.min(part.length, this.#at + STEADY_PIECE_BYTES);
      const sent = this.#options.native.send(socket, part.view(this.#at, end));
      if (sent === "dead") {
        this.#lost();
        return;
      }
      if (sent === "full") {
        this.#pollLater();
        return;
      }
      this.#taken++;
      this.#delay = POLL_MS;
      this.#at += sent;
      if (this.#step === "ending") this.#options.events.passes();
      if (this.#at < part.length) continue;
      this.#at = 0;
      this.#parts.shift();
      part.done();
    }
    if (this.#step === "ending") this.#finish("writing");
    // Not in the middle of a step of the writer.
    queueMicrotask(() => {
      if (!this.#isBroken && !this.isFull) this.#options.events.drained();
    });
  }

  #pollLater(): void {
    if (this.#step === "over") return;
    this.#timer = setTimeout(() => this.#goOn(), this.#delay);
    this.#delay = Math.min(2 * this.#delay, POLL_IDLE_MS);
  }

  /** The descriptor may belong to another connection by now. */
  #find(): Descriptor | "later" | "gone" {
    const { native, peer } = this.#options;
    if (this.#socket !== undefined) {
      return native.isPeer(this.#socket, peer) ? this.#socket : "gone";
    }
    this.#socket = native.find(peer);
    return this.#socket ?? (native.isResting ? "later" : "gone");
  }

  #lost(): void {
    this.#finish("both");
    this.#options.events.gone();
  }

  #finish(how: "writing" | "both"): void {
    if (this.#step === "over") return;
    const socket = this.#find();
    if (typeof socket === "number") this.#options.native.shutdown(socket, how);
    this.#step = "over";
    this.#isBroken = how === "both";
    clearTimeout(this.#timer);
    for (const part of this.#parts.splice(0)) part.done();
  }
}
