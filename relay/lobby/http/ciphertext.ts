/**
 * The ciphertext of a share, as one RFC 8188 body. `HttpDoor` makes one for each GET and HEAD of `/c/`. The length
 * follows from the last record, so that is asked for first where a share is seekable.
 *
 *   choosing --offers--> measuring --last record--> reading --end of the range--> through
 */
import { nodePrimitives as primitives } from "../../../protocol/crypto/crypto-node.ts";
import {
  BODY_HEADER_BYTES,
  bodyHeader,
  FRAME_HEADER_BYTES,
  decodeFrame,
  equalBytes,
  toHex,
  type FaultCode,
  type Message,
  type OfferSeen,
} from "../../../protocol/mod.ts";

import { refusal } from "../../net/refusal.ts";
import type { GivenFrame, LocalClient, LocalLine } from "../../net/client-router.ts";
import { partOf, within, type Outgoing, type Part } from "../body.ts";
import type { Exchange, ExchangeOptions } from "./exchange.ts";
import { parseRange, type ByteRange } from "./http-request.ts";
import { Reply, type ReplyTerms } from "./reply.ts";

/** One record: that of a reader, which can't prove that it has all and does not count as a lost receiver. */
const WINDOW = 1;
/** Without the code it can prove nothing: a sender that checks receipts counts this one as unverified. */
const NO_MAC = new Uint8Array(16);

export interface CiphertextOptions extends ExchangeOptions {
  /** Id of its channel in hex. */
  readonly channel: string;
  /** Its id in hex. */
  readonly share: string;
  readonly range: string | null;
  readonly isHead: boolean;
  readonly terms: ReplyTerms;
}

/** One answer for a share that is over, that never was or that is another's: nobody learns which. */
export function noShare(): Response {
  return refusal(404, "The share is over, or the path is another's.");
}

export class Ciphertext implements Exchange, LocalClient {
  readonly response: Promise<Response>;
  readonly #options: CiphertextOptions;
  readonly #reply: Reply;
  readonly #line: LocalLine;
  readonly #receiver = primitives.randomBytes(16);
  #offer: OfferSeen | undefined;
  #step: "choosing" | "measuring" | "reading" | "through" = "choosing";
  #next = 0;
  /** The range of the body that has not left. */
  #from = 0;
  #end = Infinity;
  /** Bytes of the whole body; undefined: unknown. */
  #total: number | undefined;
  /** The answer holds the end of the body, whichever part came before. */
  #isAtEnd = false;
  #isGone = false;

  constructor(options: CiphertextOptions) {
    this.#options = options;
    const { clientRouter, channel, client } = options;
    this.#reply = new Reply({
      ...options,
      drained: () => this.#drained(),
      gone: () => this.gone(),
    });
    this.response = this.#reply.response;
    this.#line = clientRouter.connect(this, client.limitKey);
    this.#line.enter(channel);
  }

  get isFull(): boolean {
    return this.#reply.isFull;
  }

  get outgoing(): Outgoing {
    return this.#reply.outgoing;
  }

  message(message: Message): void {
    switch (message.t) {
      case "offers":
        if (this.#step === "choosing") this.#choose(message.list);
        return;
      case "end":
      case "cancel":
        if (this.#offer !== undefined && equalBytes(message.share, this.#offer.share)) {
          this.fail();
        }
        return;
      default:
    }
  }

  frame(given: GivenFrame): boolean {
    const { index, ciphertext, last } = decodeFrame(given.read());
    if (this.#step === "measuring") this.#measured(index, ciphertext.length);
    else if (this.#step === "reading" && index === this.#next) this.#take(given, ciphertext, last);
    return !this.isFull;
  }

  failed(fault: FaultCode): void {
    this.#reply.answer(refusal(503, fault));
    this.fail();
  }

  tick(): void {
    // The session is the relay's own and needs no sign of life.
  }

  fail(): void {
    this.#reply.answer(noShare());
    if (this.#step !== "through") this.#reply.fail();
    this.leave();
  }

  gone(): void {
    this.#reply.gone();
    this.leave();
  }

  disconnect(): void {
    this.fail();
  }

  leave(): void {
    if (this.#isGone) return;
    this.#isGone = true;
    this.#step = "through";
    this.#options.left();
    if (this.#offer !== undefined) {
      this.#line.control({ t: "leave", share: this.#offer.share, reason: "interrupted" });
    }
    this.#line.close();
  }

  #choose(list: readonly OfferSeen[]): void {
    const offer = list.find(({ share }) => toHex(share) === this.#options.share);
    if (offer === undefined) {
      this.fail();
      return;
    }
    // This reader has no name, so the sender never admits it.
    if (offer.admit === true) {
      this.#reply.answer(
        refusal(403, "The sender admits each receiver by its name: use fileshare recv."),
      );
      this.leave();
      return;
    }
    this.#offer = offer;
    if (offer.seekable) {
      this.#step = "measuring";
      this.#join(offer, offer.records - 1);
    } else {
      this.#begin(offer, undefined);
    }
  }

  #measured(index: number, length: number): void {
    const offer = this.#offer;
    if (offer === undefined || index !== offer.records - 1) return;
    this.#begin(offer, BODY_HEADER_BYTES + index * offer.recordSize + length);
  }

  /** @param total bytes of the body; undefined: unknown */
  #begin(offer: OfferSeen, total: number | undefined): void {
    const { range: asked, isHead } = this.#options;
    this.#total = total;
    const range = asked === null || total === undefined ? undefined : parseRange(asked, total);
    if (range === "unsatisfiable") {
      const headers = { "content-range": `bytes */${total}` };
      this.#reply.answer(new Response(null, { status: 416, headers }));
      this.leave();
      return;
    }
    const headers = headersOf(total, range);
    const status = range === undefined ? 200 : 206;
    this.#from = range?.first ?? 0;
    this.#end = range === undefined ? (total ?? Infinity) : range.last + 1;
    const length = total === undefined ? undefined : this.#end - this.#from;
    if (isHead) this.#reply.answer(new Response(null, { status, headers }));
    if (isHead || !this.#reply.begin(status, headers, length)) {
      this.leave();
      return;
    }
    const { share, recordSize } = offer;
    this.#emit(0, partOf(bodyHeader(share, recordSize)));
    this.#step = "reading";
    this.#next = Math.max(0, Math.floor((this.#from - BODY_HEADER_BYTES) / recordSize));
    if (this.#from >= this.#end) this.#through();
    else this.#join(offer, this.#next);
  }

  #take(given: GivenFrame, { length }: Uint8Array, last: boolean): void {
    const offer = this.#offer;
    if (offer === undefined) return;
    const kept = given.keep({
      address: this.#options.client.limitKey,
      lost: this.#options.cut,
    });
    const read = (from: number, to: number): Uint8Array => {
      return kept.read(FRAME_HEADER_BYTES + from, FRAME_HEADER_BYTES + to);
    };
    const record: Part = {
      length,
      read,
      view: read,
      done: () => kept.release(),
    };
    this.#emit(BODY_HEADER_BYTES + this.#next * offer.recordSize, record);
    this.#next++;
    this.#isAtEnd = last && this.#from >= (this.#total ?? 0);
    if (last || this.#from >= this.#end) this.#through();
    else if (!this.isFull) this.#drained();
  }

  /** Writes the wanted bytes of a part that lies at `at` of the body. */
  #emit(at: number, part: Part): void {
    const first = Math.max(this.#from - at, 0);
    const end = Math.min(this.#end - at, part.length);
    if (first >= end) {
      part.done();
      return;
    }
    this.#reply.write(within(part, first, end));
    this.#from = at + end;
  }

  #drained(): void {
    const offer = this.#offer;
    if (this.#step !== "reading" || offer === undefined) return;
    this.#line.control({ t: "ack", share: offer.share, next: this.#next, window: WINDOW });
    this.#line.later(() => this.#line.drained());
  }

  #through(): void {
    this.#reply.end();
    this.#tellComplete();
    this.leave();
  }

  /** A stored share counts its downloads; the sender of a live one need not hear of this reader. */
  #tellComplete(): void {
    const offer = this.#offer;
    if (offer?.stored === undefined || !this.#isAtEnd) return;
    const { share } = offer;
    this.#line.control({
      t: "complete",
      share,
      records: this.#next,
      mac: NO_MAC,
      unconfirmed: true,
    });
  }

  #join({ share }: OfferSeen, from: number): void {
    const name = new Uint8Array(0);
    const window = WINDOW;
    this.#line.control({ t: "join", share, receiver: this.#receiver, name, from, window });
  }
}

function headersOf(total: number | undefined, range: ByteRange | undefined): Headers {
  const headers = new Headers({
    "content-type": "application/octet-stream",
    "content-encoding": "aes128gcm",
    "cache-control": "no-store, no-transform",
    "x-content-type-options": "nosniff",
  });
  if (total !== undefined) headers.set("accept-ranges", "bytes");
  if (range !== undefined) {
    headers.set("content-range", `bytes ${range.first}-${range.last}/${total}`);
    headers.set("content-length", (range.last - range.first + 1).toString());
  } else if (total !== undefined) {
    headers.set("content-length", total.toString());
  }
  return headers;
}
