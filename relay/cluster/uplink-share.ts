/**
 * One share that an edge reads from its owner: a sender to the hub of the edge, and receivers to the owner.
 *
 *   hub of the edge --want--------------> streams --join, ack--> owner
 *                   <--frames-------------        <--frames------
 *                   --receivers, receipt--> control line ------> owner
 *                   <--receipted, admit, dismiss, presence, end, cancel--
 *
 * The hub's origin asks for each record once, and holds what it needs: so the share crosses to the edge once. No limit of
 * time ends it for its silence, since the owner limits the time of the sender: it lasts as long as its link. `Uplink` owns it.
 * No I/O.
 */
import {
  ADMISSIONS_PER_SHARE,
  decodeFrame,
  isOfShare,
  toHex,
  FaultError,
  type Message,
  type SocketFault,
} from "../../protocol/mod.ts";

import { isSameFacts } from "./stored-facts.ts";
import { STREAMS_MOST, Streams } from "./streams.ts";
import type { ClusterShare } from "./wire.ts";

/** The first wait between two tries to claim a share or to open a stream, and the longest; each is twice the one before. ms */
const AGAIN_MS = { first: 500, most: 8000 } as const;

/** A sender at the hub of the edge: a client of its process. */
export interface LocalSender {
  /** Claims the share. */
  offer(share: ClusterShare): void;
  control(message: Message): void;
  /** @param bytes may be reused after it returns */
  frame(bytes: Uint8Array): void;
  /** Whether the owner has its sender, and what it stores of the share. */
  presence(share: ClusterShare): void;
  /** The share has as many receivers as it may have, without this one. */
  full(receiver: Uint8Array): void;
  close(): void;
}

/** The words of the hub to a local sender; never during a call of `LocalSender`. */
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

/** When something is tried again that failed. */
class Again {
  #at: number | undefined;
  #wait: number = AGAIN_MS.first;

  failed(now: number): void {
    this.#at = now + this.#wait;
    this.#wait = Math.min(AGAIN_MS.most, this.#wait * 2);
  }

  worked(): void {
    this.#wait = AGAIN_MS.first;
  }

  waits(now: number): boolean {
    return this.#at !== undefined && now < this.#at;
  }
}

export class UplinkShare {
  readonly key: string;
  readonly #host: UplinkShareHost;
  readonly #streams: Streams;
  /** By stream: the owner takes a receiver that comes again for the same one. */
  readonly #receivers = new Map<number, Uint8Array>();
  #share: ClusterShare;
  /** Decisions of the sender, by receiver in hex; ADMISSIONS_PER_SHARE at most. The owner says each once. */
  readonly #decisions = new Map<string, Message>();
  /** The hub has given the share to this local sender. It hears no word about the share before. */
  #isAccepted = false;
  /** The share as the hub knows it. */
  #saidLast: ClusterShare;
  /** Undefined: the hub refused it, and it is claimed again. */
  #sender: LocalSender | undefined;
  readonly #claims = new Again();
  readonly #opens = new Again();
  readonly #toOpen = new Set<number>();
  #isOver = false;
  #now: number;

  constructor(share: ClusterShare, host: UplinkShareHost, now: number) {
    this.key = toHex(share.share);
    this.#share = share;
    this.#saidLast = share;
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
      share.seekable || share.stored !== undefined ? STREAMS_MOST : 1,
    );
    this.#claim();
  }

  /** The owner says it again. */
  update(share: ClusterShare): void {
    this.#share = share;
    this.#sayPresence();
  }

  /** A message of the owner about this share. @returns whether the share is over */
  heard(message: ShareMessage): boolean {
    if (message.t === "presence") {
      this.update({ ...this.#share, senderHere: message.senderHere });
      return false;
    }
    if (message.t === "admit" || message.t === "dismiss") {
      const key = toHex(message.receiver);
      const isKept = this.#decisions.size < ADMISSIONS_PER_SHARE || this.#decisions.has(key);
      if (isKept) this.#decisions.set(key, message);
      if (this.#isAccepted) this.#sender?.control(message);
      return false;
    }
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
    if (!this.#streams.came(id, index)) return;
    this.#opens.worked();
    this.#sender?.frame(bytes);
  }

  streamClosed(id: number, now: number): void {
    this.#now = now;
    this.#receivers.delete(id);
    this.#toOpen.delete(id);
    this.#opens.failed(now);
    this.#streams.broken(id);
  }

  tick(now: number): void {
    this.#now = now;
    if (this.#sender === undefined && !this.#isOver && !this.#claims.waits(now)) this.#claim();
    if (this.#opens.waits(now)) return;
    const toOpen = [...this.#toOpen];
    this.#toOpen.clear();
    for (const id of toOpen) this.#host.openStream(id);
  }

  /** The link ends, or its control line broke: the hub waits for another sender. */
  close(): void {
    this.#isOver = true;
    this.#leave();
  }

  #leave(): void {
    this.#streams.forget();
    this.#receivers.clear();
    this.#toOpen.clear();
    this.#sender?.close();
    this.#sender = undefined;
    this.#isAccepted = false;
  }

  #claim(): void {
    const sender = this.#host.sender({
      message: (message) => {
        if (this.#sender === sender) this.#said(message);
      },
      failed: () => {
        if (this.#sender !== sender) return;
        this.#leave();
        this.#claims.failed(this.#now);
      },
    });
    this.#sender = sender;
    this.#saidLast = this.#share;
    sender.offer(this.#share);
  }

  #sayPresence(): void {
    const { senderHere, stored } = this.#share;
    const said = this.#saidLast;
    const isSame = senderHere === said.senderHere && isSameFacts(stored, said.stored);
    if (!this.#isAccepted || isSame) return;
    this.#saidLast = this.#share;
    this.#sender?.presence(this.#share);
  }

  /** The hub of the edge speaks to its sender. */
  #said(message: Message): void {
    switch (message.t) {
      case "accepted":
        this.#claims.worked();
        this.#isAccepted = true;
        for (const decision of this.#decisions.values()) this.#sender?.control(decision);
        this.#sayPresence();
        return;
      case "want":
        this.#streams.want(message);
        return;
      case "receivers":
      case "receipt":
        this.#host.toOwner(message);
        return;
      default:
        return;
    }
  }

  #open(id: number): void {
    if (this.#opens.waits(this.#now)) this.#toOpen.add(id);
    else this.#host.openStream(id);
  }

  #join(id: number, from: number, window: number): void {
    const receiver = this.#receivers.get(id) ?? this.#host.receiverId();
    this.#receivers.set(id, receiver);
    const { share } = this.#share;
    const name = new Uint8Array(0);
    this.#host.toStream(id, { t: "join", share, receiver, name, from, window });
  }
}
