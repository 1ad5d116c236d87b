/**
 * One share that an edge reads from its owner: a sender to the hub of the edge, and receivers to the owner.
 *
 *   hub of the edge --want--------------> streams --join, ack--> owner
 *                   <--frames-------------        <--frames------
 *                   --receivers, receipt--> control line ------> owner
 *                   <--receipted, admit, dismiss, presence, end, cancel--
 *
 * The hub's origin asks for each record once, and holds what it needs: so the share crosses to the edge once. `Uplink`
 * owns it. No I/O.
 */
import {
  decodeFrame,
  isOfShare,
  toHex,
  FaultError,
  type Message,
  type SocketFault,
} from "../../protocol/mod.ts";

import { STREAMS_MOST, Streams } from "./streams.ts";
import type { ClusterShare } from "./wire.ts";

/** Between two tries to claim the share, or to open a stream that broke. ms */
const AGAIN_MS = 500;

/** A sender at the hub of the edge: a client of its process. */
export interface LocalSender {
  offer(share: ClusterShare): void;
  control(message: Message): void;
  /** @param bytes may be reused after it returns */
  frame(bytes: Uint8Array): void;
  /** The share has as many receivers as it may have, without this one. */
  full(receiver: Uint8Array): void;
  close(): void;
}

/** What the hub says to a local sender; never during a call of `LocalSender`. */
export interface LocalSenderEvents {
  message(message: Message): void;
  failed(code: SocketFault, detail?: string): void;
}

export interface UplinkShareHost {
  sender(events: LocalSenderEvents): LocalSender;
  /** Over the control line. */
  toOwner(message: Message): void;
  openStream(stream: number): void;
  toStream(stream: number, message: Message): void;
  closeStream(stream: number): void;
  /** A new random id of a receiver. */
  receiverId(): Uint8Array;
}

/** A message of the owner about one share. */
export type ShareMessage = Extract<
  Message,
  { t: "presence" | "end" | "cancel" | "receipted" | "admit" | "dismiss" }
>;

export class UplinkShare {
  readonly key: string;
  readonly #host: UplinkShareHost;
  readonly #streams: Streams;
  /** By stream: the owner takes a receiver that comes again for the same one. */
  readonly #receivers = new Map<number, Uint8Array>();
  #share: ClusterShare;
  #sender: LocalSender | undefined;
  /** When it is claimed again after the hub refused it; undefined: it did not. */
  #claimAt: number | undefined;
  /** Streams that broke are opened again from then on. */
  #openAt = 0;
  readonly #toOpen = new Set<number>();
  #now: number;

  constructor(share: ClusterShare, host: UplinkShareHost, now: number) {
    this.key = toHex(share.share);
    this.#share = share;
    this.#host = host;
    this.#now = now;
    this.#streams = new Streams(
      {
        open: (id) => this.#open(id),
        join: (id, from, window) => this.#join(id, from, window),
        ack: (id, next, window) => {
          host.toStream(id, { t: "ack", share: this.#share.share, next, window });
        },
        close: (id) => host.closeStream(id),
      },
      share.seekable ? STREAMS_MOST : 1,
    );
    this.#claim();
  }

  /** The owner says it again. */
  update(share: ClusterShare): void {
    this.#share = share;
  }

  /** A message of the owner about this share. @returns whether the share is over */
  heard(message: ShareMessage): boolean {
    this.#sender?.control(message);
    if (message.t !== "end" && message.t !== "cancel") return false;
    this.close();
    return true;
  }

  full(receiver: Uint8Array): void {
    this.#sender?.full(receiver);
  }

  streamOpened(id: number): void {
    this.#streams.welcomed(id);
  }

  /** @throws FaultError `bad-message` for a frame that was not wanted, or of another share */
  frame(id: number, bytes: Uint8Array): void {
    const { index, tag } = decodeFrame(bytes);
    if (!isOfShare(tag, this.#share.share)) {
      throw new FaultError("bad-message", "a frame of another share");
    }
    if (this.#streams.came(id, index)) this.#sender?.frame(bytes);
  }

  streamClosed(id: number, now: number): void {
    this.#receivers.delete(id);
    this.#toOpen.delete(id);
    this.#openAt = now + AGAIN_MS;
    this.#streams.broken(id);
  }

  tick(now: number): void {
    this.#now = now;
    if (this.#claimAt !== undefined && now >= this.#claimAt) this.#claim();
    if (now < this.#openAt) return;
    for (const id of this.#toOpen) this.#host.openStream(id);
    this.#toOpen.clear();
  }

  /** The link ends, or its control line broke: the hub waits for another sender. */
  close(): void {
    this.#streams.forget();
    this.#receivers.clear();
    this.#toOpen.clear();
    this.#claimAt = undefined;
    this.#sender?.close();
    this.#sender = undefined;
  }

  #claim(): void {
    this.#claimAt = undefined;
    const sender = this.#host.sender({
      message: (message) => {
        if (this.#sender === sender) this.#said(message);
      },
      failed: () => {
        if (this.#sender !== sender) return;
        this.close();
        this.#claimAt = this.#now + AGAIN_MS;
      },
    });
    this.#sender = sender;
    sender.offer(this.#share);
  }

  /** The hub of the edge speaks to its sender. */
  #said(message: Message): void {
    switch (message.t) {
      case "want":
        this.#streams.want(message);
        return;
      case "accepted": {
        const { share, senderHere } = this.#share;
        if (!senderHere) this.#sender?.control({ t: "presence", share, senderHere });
        return;
      }
      case "receivers":
      case "receipt":
        this.#host.toOwner(message);
        return;
      default:
        return;
    }
  }

  #open(id: number): void {
    if (this.#now >= this.#openAt) this.#host.openStream(id);
    else this.#toOpen.add(id);
  }

  #join(id: number, from: number, window: number): void {
    const receiver = this.#receivers.get(id) ?? this.#host.receiverId();
    this.#receivers.set(id, receiver);
    const { share } = this.#share;
    const name = new Uint8Array(0);
    this.#host.toStream(id, { t: "join", share, receiver, name, from, window });
  }
}
