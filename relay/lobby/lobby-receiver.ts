import { nodePrimitives as primitives } from "../../protocol/crypto/crypto-node.ts";
import {
  CONFIRM_MS,
  FaultError,
  ReceiverSession,
  WINDOW_RECORDS,
  encodeControl,
  receiptMac,
  sealName,
  type FaultCode,
  type Message,
  type OfferSeen,
  type ReceiverEffect,
  type ReceiverEvent,
} from "../../protocol/mod.ts";

import type { SocketId } from "../share/outlet.ts";
import type { Visitor } from "../access/client-address.ts";
import type { GivenFrame, Inside, Insider, Insiders } from "../net/client-router.ts";
import type { KeptFrame } from "../net/kept-frames.ts";
import { lobbyKeys, lobbySigner } from "./proof.ts";
import type { OpenedFrame, Opener, Openers } from "./record-cache.ts";
import type { Part } from "./body-part.ts";
import { Unpacking, type ClearSink } from "./file-splitter.ts";

export interface LobbyReceiverOptions {
  readonly insiders: Insiders;
  readonly inside: Inside;
  readonly visitor: Visitor;
  readonly openers: Openers;
  readonly sink: ClearSink;
  /** The log needs the room of a record that the sink has not taken, and there is no memory for it. */
  readonly lost: () => void;
  /** What its sender sees of it. */
  readonly name: string;
  readonly clock: () => number;
}

/** A share that is being taken. */
interface Arriving {
  readonly offer: OfferSeen;
  readonly opener: Opener;
  readonly unpacking: Unpacking;
}

/**
 * A receiver of the lobby that the relay is itself, on behalf of a client that knows nothing of
 * shares: takes one after another, opens their records and hands the files on in clear.
 */
export class LobbyReceiver implements Insider {
  readonly #options: LobbyReceiverOptions;
  readonly #session: ReceiverSession;
  readonly #id: SocketId;
  /** A client that comes again to a share that it passed over is the same to its sender. */
  readonly #receiver = primitives.randomBytes(16);
  #arriving: Arriving | undefined;
  /** The frame that the session decides about. */
  #opened: { readonly record: OpenedFrame; readonly given: GivenFrame } | undefined;
  /** Everything was handed on, and not all has left yet. */
  #saving = false;

  constructor(options: LobbyReceiverOptions) {
    this.#options = options;
    const { insiders, clock } = options;
    this.#id = insiders.enter(this);
    this.#session = new ReceiverSession(
      {
        signer: lobbySigner(),
        lobby: true,
        unconfirmed: true,
        giveUpAfterMs: undefined,
        window: WINDOW_RECORDS,
        confirmMs: CONFIRM_MS,
        random: Math.random,
      },
      clock(),
    );
    this.#handle({ type: "tick" });
  }

  // Insider

  get isFull(): boolean {
    return this.#options.sink.isFull;
  }

  message(message: Message): void {
    this.#handle({ type: "message", message });
  }

  frame(given: GivenFrame): boolean {
    const { opener } = this.#arriving ?? {};
    // One of the share before may still be given.
    if (opener === undefined) return !this.isFull;
    try {
      const record = opener.open(given);
      this.#opened = { record, given };
      this.#handle({ type: "frame", index: record.index });
    } catch (error) {
      this.#refused(error);
    }
    this.#opened = undefined;
    return !this.isFull;
  }

  failed(fault: FaultCode): void {
    this.#over(fault);
    this.#options.sink.cutOff(fault);
  }

  // The client

  /** The sink has room again. */
  drained(): void {
    if (this.#saving) this.#saved();
    else this.#options.inside.drained(this.#id);
  }

  tick(): void {
    this.#handle({ type: "tick" });
  }

  /** The client is gone. */
  leave(): void {
    this.#handle({ type: "interrupted" });
    const { insiders, inside } = this.#options;
    // After what the session had to say.
    insiders.later(() => {
      insiders.leave(this.#id);
      inside.closed(this.#id);
    });
    this.#forget();
  }

  #handle(event: ReceiverEvent): void {
    for (const effect of this.#session.handle(event, this.#options.clock())) this.#do(effect);
  }

  #do(effect: ReceiverEffect): void {
    const { insiders, inside, visitor } = this.#options;
    switch (effect.type) {
      case "connect":
        insiders.later(() => {
          inside.opened(this.#id, visitor.limitKey);
          this.#handle({ type: "opened" });
        });
        return;
      case "send": {
        const bytes = encodeControl(effect.message);
        insiders.later(() => inside.message(this.#id, bytes));
        return;
      }
      case "open-share":
        this.#openShare(effect.offer);
        return;
      case "take":
        this.#take();
        return;
      case "ask":
        this.#agree();
        return;
      case "save":
        // A receiver that passed over a file has not all, and must not prove that it has.
        if (this.#arriving?.unpacking.passedOver === true) {
          this.#handle({ type: "failed", fault: "declined" });
          return;
        }
        this.#saving = true;
        if (!this.isFull) this.#saved();
        return;
      case "share-over":
        this.#over(effect.fault);
        return;
      case "passed-over":
        this.#forget();
        return;
      case "disconnect":
      case "link":
      case "sender":
      case "waiting":
      case "finish":
        return;
    }
  }

  #agree(): void {
    const { wanted, firstWanted } = this.#arriving?.unpacking ?? {};
    if (wanted === undefined) this.#handle({ type: "declined" });
    else this.#handle({ type: "accepted", ...(firstWanted && { next: firstWanted }) });
  }

  #openShare(offer: OfferSeen): void {
    const opener = this.#options.openers.take(offer.share);
    const unpacking = new Unpacking(offer, opener.head, this.#options.sink);
    this.#arriving = { offer, opener, unpacking };
    const receiver = this.#receiver;
    const of = { share: offer.share, receiver };
    const name = sealName(this.#options.name, of, lobbyKeys(), primitives);
    this.#handle({ type: "share-opened", receiver, name, next: 0, agreed: false });
  }

  #take(): void {
    const arriving = this.#arriving;
    if (arriving === undefined || this.#opened === undefined) return;
    const { record, given } = this.#opened;
    const { unpacking, opener } = arriving;
    const known = unpacking.manifest !== undefined;
    try {
      unpacking.take(record, (from, to) => this.#part(given, opener, from, to));
    } catch (error) {
      this.#refused(error);
      return;
    }
    const { manifest } = unpacking;
    this.#handle({ type: "stored", last: manifest?.open === true && record.last });
    if (known) return;
    if (manifest !== undefined) this.#handle({ type: "manifest-known" });
    else for (const effect of this.#session.previewMore()) this.#do(effect);
  }

  /** Opened again if it takes long until somebody wants it: the log keeps it, sealed. */
  #part(given: GivenFrame, opener: Opener, from: number, to: number): Part {
    const { visitor, lost } = this.#options;
    const kept: KeptFrame = given.keep({ address: visitor.limitKey, lost });
    const read = (): Uint8Array => kept.read(0, kept.length);
    const view = (first: number, end: number): Uint8Array => {
      return opener.open({ key: kept.key, read }).data.subarray(from + first, from + end);
    };
    return {
      length: to - from,
      read: (first, end) => view(first, end).slice(),
      view,
      done: () => kept.release(),
    };
  }

  #refused(error: unknown): void {
    if (!(error instanceof FaultError)) throw error;
    if (error.code === "corrupt-record") this.#handle({ type: "corrupt" });
    else this.#handle({ type: "failed", fault: error.code });
  }

  #saved(): void {
    this.#saving = false;
    const arriving = this.#arriving;
    if (arriving === undefined) return;
    const { offer, unpacking } = arriving;
    const { records } = unpacking;
    const mac = receiptMac(lobbyKeys(), primitives, offer.share, this.#receiver, records);
    this.#handle({ type: "saved", mac });
  }

  #over(fault: FaultCode | undefined): void {
    if (this.#arriving === undefined) return;
    this.#forget();
    this.#options.sink.over(fault);
  }

  #forget(): void {
    if (this.#arriving !== undefined) this.#options.openers.release(this.#arriving.offer.share);
    this.#arriving = undefined;
    this.#saving = false;
  }
}
