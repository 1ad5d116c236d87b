/**
 * One share of a send, from its offer to its end. It owns the sender's session, its link to the relay,
 * the cipher and the upload; `SendEditions` starts it, and starts the next one when files change.
 *
 *   source --read--> seal --resume store notes the tag--> frame --link--> relay
 */
import {
  CLIENT_TICK_MS,
  EXIT,
  FAULTS,
  FRAME_HEADER_BYTES,
  FaultError,
  RECEIVER_BYTES,
  STORE_ENDS,
  SenderSession,
  capabilityOf,
  ciphertextPath,
  decodeControl,
  dataPerRecord,
  encodeFrame,
  faultMessage,
  fromHex,
  openName,
  signerOf,
  toHex,
  verifyReceipt,
  type Code,
  type FaultCode,
  type Keys,
  type MessageOf,
  type ReceiverEntry,
  type ReceiverView,
  type SenderEffect,
  type SenderEvent,
  type SenderOutcome,
  type StartWhen,
  type SyncRecordCipher,
} from "../../protocol/mod.ts";
import { SessionDriver } from "../../protocol/session/driver.ts";
import type { Introduction, LinkAction } from "../../protocol/session/link.ts";
import { nodePrimitives as primitives } from "../../protocol/crypto/crypto-node.ts";

import { EventPace } from "../job/event-pace.ts";
import type { ClientEvent, Unsound } from "../job/event-schema.ts";
import { unsoundEvent } from "../job/unsound-event.ts";
import type { Outcome, SendJob } from "../job/jobs.ts";
import { ResumeStore } from "./resume-store.ts";
import { webLink } from "../connection/relay-address.ts";
import { startingAt } from "../connection/relay-choice.ts";
import { SessionLink } from "../connection/session-link.ts";
import { RateLimit } from "../connection/link-flow.ts";
import { Move } from "./move.ts";
import type { Moving, Past, OpenShare } from "./open-share.ts";
import type { Source } from "./source.ts";
import { StoreNews } from "./store-news.ts";
import { UploadProgress } from "./upload-progress.ts";

/** Unsent bytes in a sender's memory; above them it reads no record from disk. */
const UPLOAD_BUFFER_BYTES = 4 * 1024 ** 2;

/** How long the upload sleeps when the socket is full; a client's socket tells no drain. */
const FULL_SOCKET_SLEEP_MS = 2;

/** Figures of a share that go on in the one that takes its place in the same run. */
export interface Carried {
  /** Where it is. */
  readonly relay: string;
  readonly startedAt: number;
  readonly activeAt: number | undefined;
  /** Files that receivers which are through did not get whole. */
  readonly unsound: readonly Unsound[];
}

/** The end of a share: of the whole send, or with a share that takes its place. */
export type Ended =
  { readonly outcome: Outcome } | { readonly next: OpenShare; readonly carried: Carried };

/** Where a send goes that can't go on with its share. */
export interface Course {
  /** @throws FaultError when there is nowhere to go */
  readonly next: (moving: Moving) => Promise<OpenShare>;
  readonly end: (ended: Ended) => void;
}

/** Drives a `SenderSession`: socket, cipher and disk of one share. */
export class Sending {
  readonly #job: SendJob;
  readonly #pace: EventPace;
  /** Past the pace: for what only this side can cause. */
  readonly #emit: (event: ClientEvent) => void;
  readonly #course: Course;
  readonly #source: Source;
  readonly #keys: Keys;
  readonly #share: Uint8Array;
  readonly #cipher: SyncRecordCipher;
  readonly #session: SenderSession;
  readonly #driver: SessionDriver<SenderEvent, SenderEffect>;
  readonly #limit: RateLimit;
  /** The state that another run needs to go on with this share. */
  readonly #resumeStore: ResumeStore;
  readonly #timer: NodeJS.Timeout;
  readonly #startedAt: number;
  /** When the first content left for a receiver that had agreed. */
  #activeAt: number | undefined;
  /** When the last receiver, or the store, had everything. */
  #verifiedAt: number | undefined;
  /** A receiver has agreed, and nothing holds the content back. */
  #agreed = false;
  readonly #unsoundBefore: readonly Unsound[];
  readonly #past: Past | undefined;
  readonly #move: Move;
  readonly #progress: UploadProgress;
  readonly #storeNews: StoreNews;
  readonly #link: SessionLink;
  readonly #code: Code;
  /** The event of an open line. It waits until the relay took the share, so that another run can go on with it. */
  #untoldOnline: ClientEvent | undefined;
  /** Each frame is made here, in memory that is warm: the socket copies what it is given. */
  readonly #frameRoom: Uint8Array;
  #uploading = false;
  /** Files that were given up and are noted so. */
  #distrusted = 0;

  /** @throws FaultError when it can't be sent; nothing was started then */
  constructor(
    job: SendJob,
    opened: OpenShare,
    emit: (event: ClientEvent) => void,
    course: Course,
    carried?: Carried,
  ) {
    // Receivers of a share that goes on are where it was.
    const before = carried?.relay ?? opened.kept?.entry.relay;
    const all = startingAt([job.relay, ...(job.further ?? [])], (one) => one === before);
    const [relay = job.relay, ...further] = all;
    job = { ...job, relay, further };
    this.#job = job;
    this.#emit = emit;
    this.#pace = new EventPace(emit, () => performance.now());
    this.#course = course;
    this.#startedAt = carried?.startedAt ?? performance.now();
    this.#activeAt = carried?.activeAt;
    this.#unsoundBefore = carried?.unsound ?? [];
    const { source, keys, code, proof, share, encoded, cipher, kept, past } = opened;
    this.#past = past;
    const place = { keys, code, kept, past, share, head: encoded.head };
    this.#source = source;
    this.#keys = keys;
    this.#code = code;
    this.#share = share;
    this.#resumeStore = new ResumeStore(kept, () => emit({ event: "unkept", share: toHex(share) }));
    source.isSealed = (index) => this.#resumeStore.has(index);
    this.#cipher = cipher;
    this.#frameRoom = new Uint8Array(FRAME_HEADER_BYTES + encoded.manifest.recordSize);
    this.#limit = new RateLimit(job.limit);
    const sent = kept?.end ?? 0;
    const goesOn = job.store !== undefined && sent > 0;
    this.#progress = new UploadProgress(source, encoded.manifest, goesOn ? 0 : sent, emit);
    const { recordSize, records, bytes, files, open, kind } = encoded.manifest;
    this.#storeNews = new StoreNews({
      job,
      code,
      share,
      proof,
      source,
      size: bytes,
      progress: this.#progress,
      resumeStore: this.#resumeStore,
      wasStored: (kept?.entry.stored ?? 0) > 0,
      goesOn,
      emit,
    });
    const headRecords = Math.ceil(encoded.head.length / dataPerRecord(recordSize));
    const offer = { share, recordSize, records, bytes, seekable: source.seekable };
    const capability = capabilityOf(keys, primitives, share);
    this.#session = new SenderSession(
      {
        ...this.#introduction(relay),
        further: further.map((one) => new URL(one).hostname),
        offer: job.ask === true ? { ...offer, admit: true } : offer,
        proof,
        capability,
        // At least the one for which the share is offered anew.
        goal: {
          receivers: Math.max(1, job.receivers - (this.#past?.verified ?? 0)),
          stay: job.stay,
        },
        doneBefore: this.#resumeStore.doneBefore,
        store: job.store,
        startWhen: past === undefined ? this.#startWhen(headRecords) : undefined,
        dropSlowMs: job.dropSlowMs,
        giveUpAfterMs: job.connectTimeoutMs,
        random: Math.random,
      },
      performance.now(),
    );
    this.#move = new Move(place, source, this.#session, course.next);
    this.#link = new SessionLink(
      { ...job, connections: this.#connections },
      {
        opened: () => this.#handle({ type: "opened" }),
        message: (bytes) => this.#message(bytes),
        lost: (fault) => this.#handle({ type: "lost", fault }),
        furtherLost: (records) => this.#handle({ type: "connection-lost", records }),
        stuck: (event) => this.#pace.tell(event),
      },
    );
    const now = (): number => performance.now();
    this.#driver = new SessionDriver(this.#session, this.#link, now, (effect) => this.#do(effect));
    const ids = { share: toHex(share), path: ciphertextPath(share, capability) };
    const isKept = kept !== undefined;
    if (carried === undefined) {
      emit({ event: "code", code, channel: toHex(keys.channel), ...ids, kept: isKept });
      for (const skipped of source.skipped) emit({ event: "omitted", ...skipped });
    } else {
      emit({ event: "edition", ...ids, kept: isKept });
    }
    const { name, more } = source;
    emit({ event: "source", name, more, files: files.length, bytes, records, kind, open });
    if (this.#progress.records > 0) {
      emit({ event: "resumed", bytes: this.#progress.bytes, size: bytes });
    }
    for (const receiver of this.#session.receivers) this.#tellReceiver(receiver);
    source.onReady = () => this.#upload();
    this.#timer = setInterval(() => this.#tick(), CLIENT_TICK_MS);
    this.#handle({ type: "tick" });
  }

  /** A person's answer about a receiver, by its id in hex. */
  admit(receiver: string, admit: boolean): void {
    const id = fromHex(receiver);
    if (id?.length === RECEIVER_BYTES) this.#handle({ type: "judged", receiver: id, admit });
  }

  interrupt(): void {
    this.#handle({ type: "interrupted" });
  }

  #tick(): void {
    const now = performance.now();
    this.#link.watch(now);
    this.#resumeStore.tick(now);
    if (this.#move.isDue(now)) this.#handle({ type: "failed", fault: "new-edition" });
    this.#progress.tick();
    this.#tellStored();
    this.#handle({ type: "tick" });
    this.#pace.tick();
  }

  #handle(event: SenderEvent): void {
    this.#driver.handle(event);
    this.#upload();
  }

  #do(effect: Exclude<SenderEffect, LinkAction>): void {
    switch (effect.type) {
      case "open-name":
        this.#openName(effect.entry);
        return;
      case "check-receipt":
        this.#checkReceipt(effect.receipt);
        return;
      case "link":
        this.#tellOnline();
        if (effect.online)
          this.#untoldOnline = this.#link.news({ ...effect, link: this.#webLink(effect) });
        else this.#pace.tell(this.#link.news(effect));
        return;
      case "receiver":
        this.#tellReceiver(effect.receiver);
        if (this.#move.isWorthRenewing(effect.receiver)) void this.#renew();
        return;
      case "ask":
        this.#pace.tell({ event: "asks", ...this.#who(effect.receiver) });
        return;
      case "dismissed": {
        const { receiver, reason } = effect;
        this.#pace.tell({ event: "dismissed", ...this.#who(receiver), reason });
        return;
      }
      case "gate":
        this.#tellGate(effect.agreed, effect.open);
        return;
      case "refused-receipt": {
        const code = "receipt-refused";
        this.#pace.tell({ event: "error", code, message: faultMessage(code) });
        return;
      }
      case "storing":
        this.#storeNews.storing(effect.records);
        return;
      case "stored":
        this.#storeNews.stored(effect.stored);
        // The one word at the end; to a sender that stays a relay may say more of them than are worth a file.
        if (!this.#job.stay) this.#tellStored();
        return;
      case "finish":
        void this.#finish(effect.outcome);
        return;
    }
  }

  #tellStored(): void {
    if (!this.#storeNews.isUntold) return;
    this.#verifiedAt ??= performance.now();
    this.#storeNews.tell(this.#link.relay);
  }

  /** The relay took the share. */
  #accepted(): void {
    this.#resumeStore.accepted(this.#link.relays);
    this.#past?.kept?.forget();
    this.#tellOnline();
  }

  /** Where browsers receive the share; undefined: the relay has no page. */
  #webLink({ page = false }: { readonly page?: boolean }): string | undefined {
    return page ? webLink(this.#link.relay, this.#code) : undefined;
  }

  #tellOnline(): void {
    if (this.#untoldOnline !== undefined) this.#pace.tell(this.#untoldOnline);
    this.#untoldOnline = undefined;
  }

  #message(bytes: Uint8Array): void {
    try {
      const message = decodeControl(bytes, "relay-to-sender");
      this.#handle({ type: "message", message });
      if (message.t === "accepted") this.#accepted();
      if (message.t === "welcome") {
        const { session, store } = message;
        this.#storeNews.welcomed(store);
        const introduction = this.#introduction(this.#link.relay);
        this.#link.extend({ session, role: "sender", introduction });
      }
    } catch (error) {
      if (!(error instanceof FaultError)) throw error;
      this.#handle({ type: "failed", fault: error.code });
    }
  }

  /**
   * A record of a stream is kept only as long as few came after it: one that is late on a connection of several might
   * be asked for when it is gone.
   */
  get #connections(): number | undefined {
    return this.#source.seekable ? this.#job.connections : 1;
  }

  #introduction(relay: string): Introduction {
    const { token } = this.#job;
    return { signer: signerOf(this.#keys, primitives), host: new URL(relay).hostname, token };
  }

  /** Sends wanted records while the socket and the rate allow; else it comes back by itself. */
  #upload(): void {
    if (this.#uploading || this.#move.isUnderWay) return;
    let sleep = FULL_SOCKET_SLEEP_MS;
    for (;;) {
      const index = this.#session.wanted();
      const { buffered } = this.#link;
      if (index === undefined || buffered === undefined) return;
      if (buffered >= UPLOAD_BUFFER_BYTES) break;
      const wait = this.#limit.wait(performance.now());
      if (wait > 0) {
        sleep = Math.ceil(wait);
        break;
      }
      try {
        const frame = this.#frame(index);
        // Not there yet, or beyond the end: its source calls when it is.
        if (frame === undefined) return;
        this.#link.send(frame);
        if (this.#agreed || this.#job.store) this.#activeAt ??= performance.now();
        this.#limit.spend(frame.length, performance.now());
      } catch (error) {
        if (!(error instanceof FaultError)) throw error;
        this.#cannotSend(index, error);
        return;
      }
      // Events of the session can't arise here: sending a record has no effects.
      this.#session.handle({ type: "sent", index }, performance.now());
      this.#storeNews.goOnFrom(index);
      this.#progress.sent(index);
    }
    this.#uploading = true;
    setTimeout(() => {
      this.#uploading = false;
      this.#upload();
    }, sleep);
  }

  #frame(index: number): Uint8Array | undefined {
    const data = this.#source.read(index);
    if (data === undefined) return undefined;
    const { parts, last, padding } = data;
    const room = this.#frameRoom.subarray(FRAME_HEADER_BYTES);
    const ciphertext = this.#cipher.seal(index, parts, last, padding, room);
    for (const entry of this.#source.lost.slice(this.#distrusted))
      this.#resumeStore.distrust(entry);
    this.#distrusted = this.#source.lost.length;
    this.#resumeStore.note(index, ciphertext, this.#source.about);
    return encodeFrame(this.#share, index, last, ciphertext, this.#frameRoom);
  }

  /** A record that can't be had, or not as it was: receivers that need it need another share. */
  #cannotSend(index: number, error: FaultError): void {
    if (!this.#source.isRenewable) {
      this.#handle({ type: "failed", fault: error.code });
      return;
    }
    void this.#seekNext(index, error.code);
  }

  async #seekNext(index: number, fault: FaultCode): Promise<void> {
    if (!(await this.#move.seek(index))) this.#handle({ type: "failed", fault });
  }

  /** Offers the files as they are by now. This share goes on where that is not possible. */
  async #renew(): Promise<void> {
    if (!(await this.#move.renew())) this.#upload();
  }

  #openName(entry: ReceiverEntry): void {
    const of = { share: this.#share, receiver: entry.id };
    const name = openName(entry.name, of, this.#keys, primitives);
    this.#handle({ type: "name-opened", entry, name });
  }

  #checkReceipt(receipt: MessageOf<"receipt">): void {
    const { receiver, records, mac } = receipt;
    const valid =
      records === this.#source.records &&
      verifyReceipt(mac, this.#keys, primitives, this.#share, receiver, records);
    // Before it is told so: another run would wait for it.
    if (valid) this.#resumeStore.done(receiver);
    if (valid) this.#verifiedAt = performance.now();
    this.#handle({ type: "receipt-checked", receipt, valid });
  }

  /** A share that had begun before waits for nobody. */
  #startWhen(headRecords: number): StartWhen | undefined {
    const { startWhen } = this.#job;
    if (startWhen === undefined || this.#progress.records > headRecords) return undefined;
    return { ...startWhen, headRecords };
  }

  #tellGate(agreed: number, open: boolean): void {
    const wanted = this.#job.startWhen?.receivers ?? 1;
    this.#pace.tell({ event: "gate", agreed, wanted, open });
  }

  #who({ id, name }: ReceiverView): { id: string; name: string } {
    return { id: toHex(id), name };
  }

  #tellReceiver(receiver: ReceiverView): void {
    if (receiver.state === "live" || receiver.state === "behind") this.#agreed = true;
    const { state, next, verified, unconfirmed } = receiver;
    this.#pace.tell({
      event: "receiver",
      ...this.#who(receiver),
      state,
      records: next,
      done: verified,
      ...(unconfirmed === true && { confirmed: false }),
    });
  }

  async #finish({ fault: how, detail, verified, unconfirmed }: SenderOutcome): Promise<void> {
    clearInterval(this.#timer);
    this.#tellStored();
    this.#pace.flush();
    const unsound = this.#unsound;
    const { next } = this.#move;
    if (next !== undefined && how === "new-edition") {
      await this.#hand(next, verified > 0 ? unsound : this.#unsoundBefore);
      return;
    }
    this.#move.drop();
    if (unsound.length > 0) this.#emit(unsoundEvent(unsound));
    const fault = how ?? (unsound.length > 0 ? "files-changed" : undefined);
    const now = performance.now();
    const seconds = (now - this.#startedAt) / 1000;
    const until = this.#verifiedAt ?? now;
    const active = Math.max(0, until - (this.#activeAt ?? until)) / 1000;
    if (fault === undefined || FAULTS[fault].exitCode === EXIT.someFailed) {
      const { records } = this.#source;
      const bytes = records === undefined ? 0 : this.#source.bytesBefore(records);
      const receivers = verified + (this.#past?.verified ?? 0);
      const sent = unconfirmed !== undefined && { unconfirmed };
      this.#emit({ event: "done", bytes, seconds, active, receivers, ...sent });
    }
    if (fault !== undefined) {
      this.#emit({
        event: "error",
        code: fault,
        message: STORE_ENDS.has(fault)
          ? `${FAULTS[fault].sentence}. Run the same command again, which stores a new share.`
          : faultMessage(fault, this.#about(fault) ?? detail),
      });
    }
    await this.#link.close();
    this.#source.close();
    this.#resumeStore.letGo(how, this.#job.stay);
    this.#past?.kept?.close();
    const exitCode = fault === undefined ? 0 : FAULTS[fault].exitCode;
    this.#course.end({ outcome: { fault, exitCode } });
  }

  /** To the share that takes the place of this one, which is kept until a relay has that. */
  async #hand(next: OpenShare, unsound: readonly Unsound[]): Promise<void> {
    await this.#link.close();
    this.#source.close();
    this.#past?.kept?.close();
    const { relay } = this.#link;
    const carried = { relay, startedAt: this.#startedAt, activeAt: this.#activeAt, unsound };
    this.#course.end({ next, carried });
  }

  /** Files that receivers did not get whole, of this share and those before. */
  get #unsound(): readonly Unsound[] {
    const now = this.#source.unsound;
    const named = new Set(now.map(({ path }) => path));
    return [...this.#unsoundBefore.filter(({ path }) => !named.has(path)), ...now];
  }

  #about(fault: FaultCode): string | undefined {
    return fault.startsWith("source-") ? this.#source.about : this.#link.about(fault);
  }
}
