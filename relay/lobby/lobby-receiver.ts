/**
 * A receiver session inside the relay, for a lobby client that knows nothing of shares. It takes one share after
 * another, opens their records and gives the files in clear to its sink: a download by HTTP, or a receiver of the
 * original app.
 */
import { nodePrimitives as primitives } from "../../protocol/crypto/crypto-node.ts";
import { SessionDriver } from "../../protocol/session/driver.ts";
import type { LinkAction } from "../../protocol/session/link.ts";
import {
  CONFIRM_MS,
  FaultError,
  ReceiverSession,
  WINDOW_RECORDS,
  receiptMac,
  sealName,
  type FaultCode,
  type Message,
  type OfferSeen,
  type ReceiverEffect,
  type ReceiverEvent,
} from "../../protocol/mod.ts";

import type { ClientAddress } from "../access/client-address.ts";
import type { GivenFrame, LocalClient, LocalLine } from "../net/client-router.ts";
import type { KeptFrame } from "../net/kept-frames.ts";
import type { LobbyContext } from "./context.ts";
import { lobbyKeys, lobbySigner } from "./lobby-keys.ts";
import type { OpenedFrame, RecordCache } from "./record-cache.ts";
import type { Part } from "./body.ts";
import { FileSplitter, type ClearSink } from "./file-splitter.ts";

export interface LobbyReceiverOptions extends LobbyContext {
  readonly client: ClientAddress;
  readonly sink: ClearSink;
  /** The log needs the block of a record that the sink has not taken, and there is no memory for it. */
  readonly lost: () => void;
  /** The name that its sender sees. */
  readonly name: string;
}

interface ArrivingShare {
  readonly offer: OfferSeen;
  readonly cache: RecordCache;
  readonly splitter: FileSplitter;
}

export class LobbyReceiver implements LocalClient {
  readonly #options: LobbyReceiverOptions;
  readonly #session: ReceiverSession;
  readonly #driver: SessionDriver<ReceiverEvent, ReceiverEffect>;
  readonly #line: LocalLine;
  /** The same for all shares: a client that comes again to a share is the same to its sender. */
  readonly #receiver = primitives.randomBytes(16);
  #arriving: ArrivingShare | undefined;
  /** The frame that the session decides about. */
  #opened: { readonly record: OpenedFrame; readonly given: GivenFrame } | undefined;
  /** The sink has everything, and not all has left yet. */
  #saving = false;

  constructor(options: LobbyReceiverOptions) {
    this.#options = options;
    const { clientRouter, client, clock } = options;
    this.#line = clientRouter.connect(this, client.limitKey);
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
    this.#driver = new SessionDriver(this.#session, this.#line, clock, (effect) =>
      this.#do(effect),
    );
    this.#handle({ type: "tick" });
  }

  // LocalClient

  opened(): void {
    this.#handle({ type: "opened" });
  }

  get isFull(): boolean {
    return this.#options.sink.isFull;
  }

  message(message: Message): void {
    this.#handle({ type: "message", message });
  }

  frame(given: GivenFrame): boolean {
    const { cache } = this.#arriving ?? {};
    // A frame of the share before may still come.
    if (cache === undefined) return !this.isFull;
    try {
      const record = cache.open(given);
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
    else this.#line.drained();
  }

  tick(): void {
    this.#handle({ type: "tick" });
  }

  /** The client is gone. */
  leave(): void {
    this.#handle({ type: "interrupted" });
    this.#line.close();
    this.#forget();
  }

  #handle(event: ReceiverEvent): void {
    this.#driver.handle(event);
  }

  #do(effect: Exclude<ReceiverEffect, LinkAction>): void {
    switch (effect.type) {
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
        // A receiver that passed over a file must not prove that it has all.
        if (this.#arriving?.splitter.passedOver === true) {
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
      case "link":
      case "sender":
      case "waiting":
      case "finish":
        return;
    }
  }

  #agree(): void {
    const { wanted, firstWanted } = this.#arriving?.splitter ?? {};
    if (wanted === undefined) this.#handle({ type: "declined" });
    else this.#handle({ type: "accepted", ...(firstWanted && { next: firstWanted }) });
  }

  #openShare(offer: OfferSeen): void {
    const cache = this.#options.recordCaches.take(offer.share);
    const splitter = new FileSplitter(offer, cache.head, this.#options.sink);
    this.#arriving = { offer, cache, splitter };
    const receiver = this.#receiver;
    const of = { share: offer.share, receiver };
    const name = sealName(this.#options.name, of, lobbyKeys(), primitives);
    this.#handle({ type: "share-opened", receiver, name, next: 0, agreed: false });
  }

  #take(): void {
    const arriving = this.#arriving;
    if (arriving === undefined || this.#opened === undefined) return;
    const { record, given } = this.#opened;
    const { splitter, cache } = arriving;
    const known = splitter.manifest !== undefined;
    try {
      splitter.take(record, (from, to) => this.#part(given, cache, from, to));
    } catch (error) {
      this.#refused(error);
      return;
    }
    const { manifest } = splitter;
    this.#handle({ type: "stored", last: manifest?.open === true && record.last });
    if (known) return;
    if (manifest !== undefined) this.#handle({ type: "manifest-known" });
    else this.#driver.perform(this.#session.previewMore());
  }

  /** The log keeps the record sealed. It is opened again if the client takes it late. */
  #part(given: GivenFrame, cache: RecordCache, from: number, to: number): Part {
    const { client, lost } = this.#options;
    const kept: KeptFrame = given.keep({ address: client.limitKey, lost });
    const read = (): Uint8Array => kept.read(0, kept.length);
    const view = (first: number, end: number): Uint8Array => {
      return cache.open({ key: kept.key, read }).data.subarray(from + first, from + end);
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
    const { offer, splitter } = arriving;
    const { records } = splitter;
    const mac = receiptMac(lobbyKeys(), primitives, offer.share, this.#receiver, records);
    this.#handle({ type: "saved", mac });
  }

  #over(fault: FaultCode | undefined): void {
    if (this.#arriving === undefined) return;
    this.#forget();
    this.#options.sink.over(fault);
  }

  #forget(): void {
    if (this.#arriving !== undefined)
      this.#options.recordCaches.release(this.#arriving.offer.share);
    this.#arriving = undefined;
    this.#saving = false;
  }
}
