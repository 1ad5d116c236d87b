/**
 * Drives a `ReceiverSession` in the page's worker: socket, cipher, and the pieces for the page's saver.
 *
 *   relay --link--> queue --session decides--> `Incoming` opens it --pieces--> page, which saves
 *
 * Cipher and saver answer later, so between a record and its `stored` the share may be over. Each
 * answer is compared with the share at hand before it counts.
 */
import type { Primitives } from "../../protocol/crypto/crypto.ts";
import { RECEIVER_BYTES, type Keys } from "../../protocol/crypto/keys.ts";
import { signerOf } from "../../protocol/crypto/proof.ts";
import { sealName } from "../../protocol/crypto/seal.ts";
import { SessionDriver } from "../../protocol/session/driver.ts";
import type { LinkAction } from "../../protocol/session/link.ts";
import { ReceiverSession } from "../../protocol/session/receiver.ts";
import type {
  ReceiverEffect,
  ReceiverEvent,
  ReceiverOptions,
  Unreadable,
} from "../../protocol/session/receiver-events.ts";
import { BoundedMap } from "../../protocol/wire/bounded-map.ts";
import { equalBytes, toHex } from "../../protocol/wire/bytes.ts";
import { decodeControl, type Message, type OfferSeen } from "../../protocol/wire/control.ts";
import { FaultError, type FaultCode } from "../../protocol/wire/faults.ts";
import { decodeFrame, isFrame, isOfShare } from "../../protocol/wire/frame.ts";
import {
  CLIENT_TICK_MS,
  CONFIRM_MS,
  SHARES_REMEMBERED,
  WINDOW_RECORDS,
} from "../../protocol/wire/limits.ts";
import type { ReceiveCommand, ReceiveJob } from "../job/receive-messages.ts";
import { asFault, pageMessage } from "./fault-texts.ts";
import { Delivery, type PostReceive } from "./delivery.ts";
import { Incoming, type OpenedPart } from "./incoming.ts";
import { LinkQueue, PAGE_WINDOW_RECORDS } from "./link-queue.ts";
import { RelayLink, ToldLink } from "./relay-link.ts";
import { ResumedShare } from "./resumed-share.ts";

export class ReceiverDriver {
  readonly #job: ReceiveJob;
  readonly #keys: Keys;
  readonly #primitives: Primitives;
  readonly #post: PostReceive;
  readonly #told: ToldLink;
  /** The session reads `unconfirmed` when it says `complete`; the saver of each share decides. */
  readonly #options: ReceiverOptions & { unconfirmed: boolean };
  readonly #session: ReceiverSession;
  readonly #driver: SessionDriver<ReceiverEvent, ReceiverEffect>;
  readonly #link: RelayLink;
  readonly #queue: LinkQueue;
  readonly #delivery: Delivery;
  readonly #timer: ReturnType<typeof setInterval>;
  #incoming: Incoming | undefined;
  /** A share that was begun and is not offered any more. The session may come back to it. */
  #parked: Incoming | undefined;
  /** The share that the session waits to be opened. */
  #opening: OfferSeen | undefined;
  /** The ids that we have for shares, by their ids in hex: one receiver counts once. */
  readonly #receivers = new BoundedMap<string, Uint8Array>(SHARES_REMEMBERED);
  /** The only share that is taken, of a receive that goes on. */
  #only: ResumedShare | undefined;
  /** The session decided to take the record at hand. */
  #takes = false;
  /** The end of the last frame's work. */
  #turn: Promise<void> = Promise.resolve();
  #asks = false;
  #saves = false;
  #notWhole = false;
  #tickedAt = 0;

  constructor(job: ReceiveJob, keys: Keys, primitives: Primitives, post: PostReceive) {
    this.#job = job;
    this.#keys = keys;
    this.#primitives = primitives;
    this.#post = post;
    this.#told = new ToldLink(post);
    this.#delivery = new Delivery(post);
    if (job.resume !== undefined) {
      this.#only = new ResumedShare(job.resume);
      this.#receivers.set(toHex(this.#only.share), this.#only.receiver);
    }
    this.#options = {
      signer: signerOf(keys, primitives),
      host: new URL(job.relay).hostname,
      token: job.token,
      lobby: job.lobby,
      giveUpAfterMs: undefined,
      unconfirmed: false,
      window: WINDOW_RECORDS,
      windowMost: PAGE_WINDOW_RECORDS,
      confirmMs: CONFIRM_MS,
      random: Math.random,
    };
    this.#session = new ReceiverSession(this.#options, performance.now());
    this.#queue = new LinkQueue(
      {
        opened: () => this.#handle({ type: "opened" }),
        message: (bytes) => this.#message(bytes),
        losing: (fault) => this.#told.tell(this.#link.news({ online: false, fault })),
        lost: (fault) => this.#handle({ type: "lost", fault }),
        flooded: () => {
          this.#link.disconnect();
          this.#handle({ type: "lost", fault: "bad-message" });
        },
      },
      (error) => this.#failed(error),
    );
    this.#link = new RelayLink(job.relay, this.#queue);
    const line = {
      connect: () => {
        this.#queue.clear();
        this.#link.connect();
      },
      disconnect: () => {
        this.#queue.clear();
        this.#link.disconnect();
      },
      control: (message: Message) => this.#link.control(message),
    };
    const now = (): number => performance.now();
    this.#driver = new SessionDriver(this.#session, line, now, (effect) => this.#do(effect));
    this.#timer = setInterval(() => this.#tick(), CLIENT_TICK_MS);
    this.#tick();
  }

  command(command: ReceiveCommand): void {
    switch (command.t) {
      case "receive":
        return;
      case "accept":
        if (this.#isAsked(command.share)) this.#accept(command.position, command.unconfirmed);
        return;
      case "decline":
        if (this.#isAsked(command.share)) this.#handle({ type: "declined" });
        return;
      case "written":
        this.#delivery.written(command.bytes);
        return;
      case "saved":
        void this.#saved();
        return;
      case "failed":
        // The saver of a share that is over has nothing to end.
        if (this.#asks || this.#incoming?.content !== undefined) {
          this.#failed(new FaultError(command.fault, command.detail));
        }
        return;
      case "stop":
        this.#handle({ type: "interrupted" });
        return;
    }
  }

  #isAsked(share: string): boolean {
    return this.#asks && this.#incoming?.share === share;
  }

  #handle(event: ReceiverEvent): void {
    this.#driver.handle(event);
  }

  /** By elapsed time: a browser may call it late, so each message calls it too when it is due. */
  #tick(): void {
    if (this.#session.finished) return;
    this.#tickedAt = performance.now();
    // The records wait here, and not at the relay.
    if (this.#queue.isBusy) this.#handle({ type: "held" });
    if (this.#incoming !== undefined) this.#delivery.tellProgress(this.#incoming);
    if (this.#only?.isMissed(this.#tickedAt) === true) this.#post({ t: "elsewhere" });
    this.#handle({ type: "tick" });
  }

  #do(effect: Exclude<ReceiverEffect, LinkAction>): void {
    switch (effect.type) {
      case "open-share":
        this.#opening = effect.offer;
        void this.#openShare(effect.offer).catch((error: unknown) => this.#failed(error));
        return;
      case "take":
        this.#takes = true;
        return;
      case "ask":
        if (this.#incoming === undefined) return;
        this.#asks = true;
        this.#post({ t: "offer", offer: this.#incoming.describe() });
        return;
      case "save":
        this.#save();
        return;
      case "share-over":
        this.#shareOver(effect);
        return;
      case "passed-over":
        this.#passOver(effect.unreadable, effect.anew);
        return;
      case "link":
        this.#told.tell(this.#link.news(effect));
        return;
      case "sender":
        this.#post({ t: "sender", here: effect.here });
        return;
      case "waiting":
        this.#post({ t: "waiting" });
        return;
      case "finish":
        void this.#finish(effect.fault, effect.detail);
        return;
    }
  }

  async #message(bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    if (performance.now() - this.#tickedAt >= CLIENT_TICK_MS) this.#tick();
    try {
      if (isFrame(bytes)) await this.#inTurn(() => this.#frame(bytes));
      else this.#hear(decodeControl(bytes, "relay-to-receiver"));
    } catch (error) {
      this.#failed(error);
    }
  }

  /** One frame at a time, also where the line before left one that the saver has not taken. */
  async #inTurn(take: () => Promise<void>): Promise<void> {
    const turn = this.#turn.then(take);
    this.#turn = turn.catch(() => undefined);
    await turn;
  }

  #hear(message: Message): void {
    const filtered = this.#only?.filter(message, performance.now());
    this.#handle({ type: "message", message: filtered ?? message });
  }

  async #frame(bytes: Uint8Array): Promise<void> {
    const frame = decodeFrame(bytes);
    const incoming = this.#incoming;
    // A frame of the share before may still be on its way.
    if (incoming === undefined || !isOfShare(frame.tag, incoming.offer.share)) return;
    this.#takes = false;
    this.#handle({ type: "frame", index: frame.index });
    if (!this.#takes) return;
    const isWanted = (): boolean => this.#incoming === incoming;
    let part: OpenedPart;
    try {
      part = await incoming.decipher(frame.ciphertext);
    } catch (error) {
      if (!isWanted()) return;
      if (!(error instanceof FaultError) || error.code !== "corrupt-record") throw error;
      this.#handle({ type: "corrupt" });
      return;
    }
    if (!isWanted() || !(await this.#delivery.give(incoming, part, isWanted))) return;
    const manifestKnown = incoming.stored(part);
    this.#handle({ type: "stored", last: part.last, next: incoming.next });
    if (manifestKnown) this.#manifestKnown(incoming);
    else if (incoming.content === undefined) this.#driver.perform(this.#session.previewMore());
  }

  #manifestKnown(incoming: Incoming): void {
    const before = incoming.manifest?.edition?.before ?? [];
    const parked = this.#parked?.offer.share;
    if (parked !== undefined && before.some((id) => equalBytes(id, parked))) {
      this.#parked = undefined;
      this.#delivery.end();
      this.#post({ t: "edition" });
    }
    this.#handle({ type: "manifest-known", before });
  }

  async #openShare(offer: OfferSeen): Promise<void> {
    const parked = this.#parked;
    const isBack = parked !== undefined && equalBytes(parked.offer.share, offer.share);
    const incoming = isBack ? parked : await this.#open(offer);
    const { receiver } = incoming;
    const of = { share: offer.share, receiver };
    const name = await sealName(this.#job.name, of, this.#keys, this.#primitives);
    if (this.#opening !== offer || this.#session.finished) return;
    this.#opening = undefined;
    this.#incoming = incoming;
    if (isBack) this.#parked = undefined;
    if (offer.admit === true && !isBack) this.#post({ t: "unadmitted" });
    const { next, records } = incoming;
    const agreed = incoming.content !== undefined;
    this.#handle({ type: "share-opened", receiver, name, next, agreed, records });
  }

  #open(offer: OfferSeen): Promise<Incoming> {
    const key = toHex(offer.share);
    const receiver = this.#receivers.get(key) ?? this.#primitives.randomBytes(RECEIVER_BYTES);
    this.#receivers.set(key, receiver);
    return Incoming.open(offer, receiver, this.#keys, this.#primitives);
  }

  #accept(position: number, unconfirmed: boolean): void {
    const incoming = this.#incoming;
    if (incoming === undefined) return;
    this.#asks = false;
    this.#options.unconfirmed = unconfirmed;
    try {
      const early = incoming.agree(position);
      if (early === undefined) return;
      // From now on the session itself finds a share that takes the place of this one.
      this.#only = undefined;
      this.#delivery.giveFirst(incoming, early);
      incoming.jump();
      this.#handle({ type: "accepted", next: incoming.next });
    } catch (error) {
      this.#failed(error);
    }
  }

  #save(): void {
    const incoming = this.#incoming;
    const { manifest, content, text } = incoming ?? {};
    if (incoming === undefined || manifest === undefined || content === undefined) return;
    this.#delivery.tellProgress(incoming, true);
    const { position } = content;
    if (!content.isWhole) {
      this.#failed(new FaultError("corrupt-record", `${position} of ${manifest.bytes} bytes`));
      return;
    }
    this.#saves = true;
    if (text !== undefined) {
      void this.#saved(text);
      return;
    }
    const { unsound } = content;
    this.#notWhole = unsound.length > 0;
    this.#post({ t: "save", unsound });
  }

  /** @param text is shown and has no name to get: it is saved when the page has it */
  async #saved(text?: readonly Uint8Array[]): Promise<void> {
    const incoming = this.#incoming;
    if (incoming === undefined || !this.#saves) return;
    this.#saves = false;
    try {
      if (text !== undefined) this.#delivery.showText(text);
      const mac = await incoming.receipt();
      if (this.#incoming === incoming) this.#handle({ type: "saved", mac });
    } catch (error) {
      this.#failed(error);
    }
  }

  /** A fault of the share at hand ends it; an error that is no fault is `internal`. */
  #failed(error: unknown): void {
    const { code, detail } = asFault(error);
    this.#handle({ type: "failed", fault: code, ...(detail !== undefined && { detail }) });
  }

  #shareOver({ fault, detail, confirmed }: Extract<ReceiverEffect, { type: "share-over" }>): void {
    this.#letGo();
    const message = fault === undefined ? {} : { fault, message: pageMessage(fault, detail) };
    this.#post({ t: "over", ...message, confirmed });
  }

  /** The session goes past the share at hand. */
  #passOver(unreadable: Unreadable | undefined, anew: "told" | "perhaps" | undefined): void {
    const incoming = this.#incoming;
    if (anew === "perhaps" && incoming?.content !== undefined) {
      this.#parked = incoming;
      this.#incoming = undefined;
      this.#opening = undefined;
      this.#delivery.pause();
    } else {
      this.#letGo();
    }
    if (unreadable?.told === true) {
      const { fault, detail, count } = unreadable;
      this.#post({ t: "unreadable", count, message: pageMessage(fault, detail) });
    }
    if (anew !== "told") return;
    // The share that is gone on with has another id now.
    this.#only = undefined;
    this.#post({ t: "edition" });
  }

  #letGo(): void {
    this.#incoming = undefined;
    this.#opening = undefined;
    this.#asks = false;
    this.#saves = false;
    // The saver of a parked share goes on taking what it has.
    if (this.#parked === undefined) this.#delivery.end();
    else this.#delivery.pause();
  }

  async #finish(how: FaultCode | undefined, detail: string | undefined): Promise<void> {
    clearInterval(this.#timer);
    this.#letGo();
    this.#parked = undefined;
    this.#queue.clear();
    await this.#link.close();
    const fault = how ?? (this.#notWhole ? "not-whole" : undefined);
    if (fault === undefined) this.#post({ t: "end" });
    else this.#post({ t: "end", fault, message: pageMessage(fault, detail) });
  }
}
