/**
 * One receive, or one stay in the lobby. It owns the receiver's session, its link to the relay and the
 * share that comes in; the streaming thread (library/worker.ts) starts it.
 *
 *   relay --link--> frame --session decides--> `Incoming` opens it --> disk, standard output or text
 */
import { resolve } from "node:path";

import {
  CLIENT_TICK_MS,
  CONFIRM_MS,
  FAULTS,
  FaultError,
  ReceiverSession,
  STORE_ENDS,
  decodeControl,
  decodeFrame,
  faultMessage,
  isFrame,
  isOfShare,
  sealName,
  signerOf,
  toHex,
  type FaultCode,
  type Keys,
  type Message,
  type OfferSeen,
  type ReceiverEffect,
  type ReceiverEvent,
  type Unreadable,
} from "../../protocol/mod.ts";
import { SessionDriver } from "../../protocol/session/driver.ts";
import type { Introduction, LinkAction } from "../../protocol/session/link.ts";
import { EventPace } from "../job/event-pace.ts";
import { nodePrimitives as primitives } from "../../protocol/crypto/crypto-node.ts";

import type { ClientEvent } from "../job/event-schema.ts";
import { unsoundEvent } from "../job/unsound-event.ts";
import { Progress } from "../job/progress.ts";
import { makeDestination, removeEmptyDestination } from "../system/folder.ts";
import { unregisterReceive } from "../system/state.ts";
import { ChecksumFile } from "./checksum-file.ts";
import { FoundRelay, isOfRelay } from "./found-relay.ts";
import { Incoming } from "./incoming.ts";
import { OtherRelays } from "./other-relays.ts";
import type { Answer, OnExists, Outcome, ReceiveJob } from "../job/jobs.ts";
import { keysFor } from "../job/job-keys.ts";
import { RateLimit } from "../connection/link-flow.ts";
import type { Place, RelaySearch } from "../discovery/relay-search.ts";
import { SessionLink } from "../connection/session-link.ts";
import { markSaved, savedBefore } from "./saved-marks.ts";
import {
  forget,
  forgetFormer,
  needsAnswer,
  offerEvent,
  remember,
  renamedEvents,
  savedEvents,
} from "./share-reports.ts";

/** Time between two syncs of what a receiver has written. */
const CHECKPOINT_MS = 2000;

const STDOUT = 1;

/** How a receive comes to its relay. */
export interface ReceivingWay {
  readonly search?: RelaySearch;
  readonly link?: SessionLink;
}

/** Drives a `ReceiverSession`: socket, cipher and disk of one receive, or of a stay in the lobby. */
export class Receiving {
  readonly #job: ReceiveJob;
  readonly #pace: EventPace;
  /** Past the pace: for what is told once for a share, or only this side can cause. */
  readonly #emit: (event: ClientEvent) => void;
  readonly #end: (outcome: Outcome) => void;
  readonly #keys: Keys;
  #session: ReceiverSession;
  #driver: SessionDriver<ReceiverEvent, ReceiverEffect>;
  readonly #timer: NodeJS.Timeout;
  /** The folder to save in was not there. */
  readonly #madeOut: boolean;
  readonly #link: SessionLink;
  readonly #limit: RateLimit;
  #incoming: Incoming | undefined;
  /** The share that the session waits to be opened. */
  #opening: OfferSeen | undefined;
  /** The share before is offered anew. */
  #isMoving = false;
  /** Some of it was written to the standard output, and stays there. */
  #isOut = false;
  /** The frame that the session decides about. */
  #ciphertext: Uint8Array | undefined;
  /** Why nothing is read from the line. */
  readonly #held = new Set<"rate" | "output">();
  #shareStartedAt = 0;
  /** When the first content came that was agreed to. */
  #activeAt: number | undefined;
  #progress: Progress | undefined;
  #checkpointAt = 0;
  /** Some files of the share that was saved last did not arrive whole. */
  #notWhole = false;
  /** For --checksum-file. */
  readonly #list: ChecksumFile | undefined;
  readonly #relay: FoundRelay;
  /** Undefined: there is one relay. */
  readonly #others: OtherRelays | undefined;
  /** A message of the relay is handled, so a fault is the relay's. */
  #isHeeding = false;
  /** The stored share that the relay last said to be over. */
  #overShare: Uint8Array | undefined;
  /** The sender accepted the receipt of the last share. */
  #isConfirmed = false;
  /** Disk work under way; the thread ends only after it. */
  #disk: Promise<void> = Promise.resolve();

  /**
   * @param link that connects already, unless the relay is searched for
   * @throws FaultError when the folder is no good; nothing was started then
   */
  constructor(
    job: ReceiveJob,
    emit: (event: ClientEvent) => void,
    end: (outcome: Outcome) => void,
    { search, link = new SessionLink(job) }: ReceivingWay = {},
  ) {
    this.#job = { ...job, out: resolve(job.out) };
    this.#emit = emit;
    this.#pace = new EventPace(emit, () => performance.now());
    this.#end = end;
    this.#list = job.checksumFile ? new ChecksumFile(emit) : undefined;
    this.#madeOut = !job.stdout && makeDestination(this.#job.out);
    this.#keys = keysFor(job, job.code);
    this.#limit = new RateLimit(job.limit);
    const place = { relay: job.relay, route: job.route ?? "option", token: job.token } as const;
    // The receive closes the partial of the share before first.
    const relocate = (to: Place): void => void this.#disk.then(() => this.#relocate(to));
    this.#relay = new FoundRelay(place, search, relocate);
    this.#link = link;
    const { relay, further = [], ca, token } = job;
    const introduction = { signer: signerOf(this.#keys, primitives), token };
    const found = (at: number): void => this.#handle({ type: "moves", relay: at });
    if (further.length > 0)
      this.#others = new OtherRelays({ relays: [relay, ...further], ca, introduction, found });
    link.serve({
      opened: () => this.#handle({ type: "opened" }),
      message: (bytes) => this.#message(bytes),
      lost: (fault) => this.#handle({ type: "lost", fault }),
      furtherLost: () => this.#handle({ type: "connection-lost" }),
      stuck: (event) => this.#pace.tell(event),
    });
    this.#session = this.#newSession();
    this.#driver = this.#driverOf(this.#session);
    this.#timer = setInterval(() => this.#tick(), CLIENT_TICK_MS);
    this.#handle({ type: "tick" });
  }

  #newSession(): ReceiverSession {
    const { further, lobby, connectTimeoutMs, stdout } = this.#job;
    const options = {
      ...this.#introduction,
      further: further?.map((one) => new URL(one).hostname),
      lobby,
      agrees: () => !this.#job.ask && this.#link.extends,
      // The search has connected already, and goes on for ever.
      giveUpAfterMs: this.#relay.isSearched ? undefined : connectTimeoutMs,
      fixed: stdout,
      window: this.#limit.window,
      windowMost: this.#limit.windowMost,
      confirmMs: CONFIRM_MS,
      random: Math.random,
    };
    return new ReceiverSession(options, performance.now());
  }

  #driverOf(session: ReceiverSession): SessionDriver<ReceiverEvent, ReceiverEffect> {
    const now = (): number => performance.now();
    return new SessionDriver(session, this.#link, now, (effect) => {
      // A session that was left may still have effects.
      if (session === this.#session) this.#do(effect);
    });
  }

  /** A person's answer about a share; one about a share that is gone by now says nothing. */
  answer(share: string, answer: Answer): void {
    if (this.#incoming === undefined || toHex(this.#incoming.offer.share) !== share) return;
    if (!answer.accept) {
      this.#handle({ type: "declined", detail: answer.why });
      return;
    }
    this.#begin(answer.onExists);
  }

  interrupt(): void {
    this.#list?.stop();
    this.#handle({ type: "interrupted" });
  }

  #tick(): void {
    const now = performance.now();
    this.#link.watch(now);
    if (this.#held.size > 0) this.#handle({ type: "held" });
    this.#progress?.tick();
    if (now - this.#checkpointAt >= CHECKPOINT_MS) {
      this.#checkpointAt = now;
      this.#incoming?.checkpoint().catch((error: unknown) => this.#failed(error));
    }
    if (!this.#relay.isAway) this.#handle({ type: "tick" });
    if (!this.#session.finished) {
      this.#relay.lookAround(now);
      this.#others?.tick(now, this.#session.lacksSender, this.#link.relay);
    }
    this.#pace.tick();
  }

  #relocate(place: Place): void {
    if (this.#session.finished) return;
    this.#link.relocate(place);
    const { hostname: host } = new URL(place.relay);
    this.#handle({ type: "relocated", to: { host, token: place.token } });
    this.#relay.moved(place);
  }

  #leaveRelay(): void {
    this.#link.disconnect();
    this.#passOver(undefined);
    this.#session = this.#newSession();
    this.#driver = this.#driverOf(this.#session);
    this.#relay.leave();
  }

  #handle(event: ReceiverEvent): void {
    this.#driver.handle(event);
  }

  #do(effect: Exclude<ReceiverEffect, LinkAction>): void {
    switch (effect.type) {
      case "open-share": {
        const { offer } = effect;
        if (this.#session.finished) return;
        this.#opening = offer;
        // The partial of the share before has to be let go of first.
        if (this.#isMoving) void this.#disk.then(() => this.#openShare(offer));
        else this.#openShare(offer);
        return;
      }
      case "take":
        if (effect.early !== undefined) this.#ciphertext = effect.early;
        this.#take();
        return;
      case "ask": {
        if (this.#incoming === undefined) return;
        const question = needsAnswer(this.#incoming, this.#job);
        this.#tellOffer(this.#incoming, question);
        if (!question) this.#begin(undefined);
        return;
      }
      case "save":
        this.#disk = this.#save();
        return;
      case "share-over":
        this.#isConfirmed = effect.confirmed;
        this.#shareOver(effect.fault, effect.detail);
        return;
      case "passed-over":
        this.#passOver(effect.unreadable);
        this.#isMoving = effect.anew !== undefined;
        if (effect.anew === "told") this.#moveOn();
        return;
      case "link":
        this.#pace.tell(this.#link.news(effect));
        this.#relay.linked(effect.online);
        return;
      case "sender":
        this.#pace.tell({ event: "sender", here: effect.here });
        return;
      case "waiting":
        this.#pace.tell({ event: "waiting" });
        return;
      case "finish":
        if (this.#relay.isSearched && this.#isHeeding && isOfRelay(effect.fault)) {
          this.#leaveRelay();
        } else void this.#finish(effect.fault, effect.detail);
        return;
    }
  }

  #message(bytes: Uint8Array): void {
    this.#isHeeding = !this.#relay.isProved;
    this.#heed(bytes);
    this.#isHeeding = false;
  }

  #heed(bytes: Uint8Array): void {
    try {
      if (isFrame(bytes)) this.#frame(bytes);
      else this.#hear(decodeControl(bytes, "relay-to-receiver"));
    } catch (error) {
      this.#failed(error);
    }
  }

  #hear(message: Message): void {
    if (message.t === "offers") this.#overShare = message.over?.[0]?.share ?? this.#overShare;
    if (message.t === "cancel") this.#overShare = message.share;
    const isEnd = message.t === "fault" && !message.retry;
    if (this.#relay.isSearched && isEnd && this.#isHeeding) this.#leaveRelay();
    else this.#handle({ type: "message", message });
    if (message.t !== "welcome") return;
    const { session } = message;
    this.#link.extend({ session, role: "receiver", introduction: this.#introduction });
  }

  get #introduction(): Introduction {
    const { token } = this.#relay.place;
    return { signer: signerOf(this.#keys, primitives), host: this.#link.host, token };
  }

  #frame(bytes: Uint8Array): void {
    const frame = decodeFrame(bytes);
    const share = this.#incoming?.offer.share;
    // A frame of the share before may still be on its way.
    if (share === undefined || !isOfShare(frame.tag, share)) return;
    this.#ciphertext = frame.ciphertext;
    const { index } = frame;
    const ciphertext = this.#link.isSeveral ? frame.ciphertext : undefined;
    this.#handle({ type: "frame", index, ciphertext });
    this.#ciphertext = undefined;
  }

  #openShare(offer: OfferSeen): void {
    if (this.#opening !== offer) return;
    this.#isMoving = false;
    try {
      const { out, stdout, onExists, prefix, checksum, checksumFile, renameUnsafe } = this.#job;
      const output = stdout ? STDOUT : undefined;
      const rules = { onExists, prefix, checksum, checksumFile, renameUnsafe };
      const incoming = new Incoming(offer, this.#keys, { dir: out, output, ...rules });
      this.#incoming = incoming;
      if (offer.admit === true) this.#pace.tell({ event: "unadmitted" });
      this.#shareStartedAt = performance.now();
      this.#activeAt = undefined;
      this.#progress = undefined;
      const { receiver, next, records, agreed, manifest } = incoming;
      if (agreed && manifest !== undefined) {
        this.#tellOffer(incoming, false);
        this.#emit({ event: "resumed", bytes: incoming.bytes, size: incoming.size });
        this.#remember(incoming);
      }
      const of = { share: offer.share, receiver };
      const name = sealName(this.#job.name, of, this.#keys, primitives);
      this.#handle({ type: "share-opened", receiver, name, next, agreed, records });
    } catch (error) {
      this.#failed(error);
    }
  }

  #take(): void {
    const incoming = this.#incoming;
    if (incoming === undefined || this.#ciphertext === undefined) return;
    if (incoming.agreed) this.#activeAt ??= performance.now();
    let taken: ReturnType<Incoming["take"]>;
    try {
      taken = incoming.take(this.#ciphertext);
    } catch (error) {
      if (error instanceof FaultError && error.code === "corrupt-record") {
        this.#handle({ type: "corrupt" });
      } else {
        this.#failed(error);
      }
      return;
    }
    this.#relay.proved();
    this.#limitRate(this.#ciphertext.length);
    const { manifestKnown, last } = taken;
    this.#handle({ type: "stored", last, next: incoming.next });
    const before = incoming.manifest?.edition?.before ?? [];
    if (manifestKnown) this.#handle({ type: "manifest-known", before });
    else if (!incoming.agreed) this.#driver.perform(this.#session.previewMore());
    this.#tellProgress(incoming);
    // A line that came back is read again; it has to wait like the one before.
    if (this.#held.size > 0) this.#link.pause();
  }

  #begin(onExists: OnExists | undefined): void {
    const incoming = this.#incoming;
    if (incoming === undefined) return;
    try {
      incoming.begin(onExists, {
        pause: () => this.#hold("output"),
        resume: () => this.#letGo("output"),
        failed: (fault) => this.#failed(fault),
      });
      const { skipped, next } = incoming;
      if (skipped.files > 0) this.#emit({ event: "skipped", ...skipped });
      const { takenOver: bytes, size } = incoming;
      if (bytes > 0) this.#emit({ event: "resumed", bytes, size });
      forgetFormer(incoming, this.#job);
      for (const event of renamedEvents(incoming)) this.#emit(event);
      if (incoming.kept) this.#remember(incoming);
      this.#handle({ type: "accepted", next });
    } catch (error) {
      this.#failed(error);
    }
  }

  #remember(incoming: Incoming): void {
    const isSearched = this.#relay.isSearched;
    remember(incoming, isSearched ? this.#job : { ...this.#job, ...this.#link.relays });
  }

  async #save(): Promise<void> {
    const incoming = this.#incoming;
    if (incoming?.manifest === undefined) return;
    try {
      const { bytes: size } = incoming;
      await incoming.finish();
      await this.#list?.room();
      this.#emit({ event: "progress", bytes: size, size });
      for (const event of savedEvents(incoming, this.#job.out)) this.#emit(event);
      const { unsound } = incoming;
      this.#notWhole = unsound.length > 0;
      if (this.#notWhole) this.#emit(unsoundEvent(unsound));
      if (incoming.kept) forget(incoming, this.#job);
      this.#mark(incoming);
      this.#handle({ type: "saved", mac: incoming.receipt() });
      // The sender does not wait for files that are read.
      this.#list?.add(incoming.takeSums(), unsound, (fault) => this.#tellOneOfMany(fault));
    } catch (error) {
      this.#failed(error);
    }
  }

  /** Before the relay counts the download: a run that is killed after that is the last one that gets the share. */
  #mark({ offer, skipped, saved }: Incoming): void {
    if (offer.stored === undefined || this.#notWhole || skipped.files > 0) return;
    markSaved(toHex(offer.share), this.#job, saved);
  }

  /** An earlier run saved all of the share that is over. @returns whether it is told so */
  #tellSaved(): boolean {
    const { stdout, checksum, checksumFile } = this.#job;
    // These options want more than size and time show.
    if (this.#overShare === undefined || stdout || checksum || checksumFile) return false;
    const share = toHex(this.#overShare);
    const saved = savedBefore(share, this.#job);
    if (saved === undefined) return false;
    const sum = (of: "files" | "bytes"): number => saved.reduce((all, one) => all + one[of], 0);
    const bytes = sum("bytes");
    this.#emit({ event: "skipped", files: sum("files"), bytes });
    this.#emit({ event: "done", bytes, seconds: 0 });
    unregisterReceive(share, this.#job.out);
    return true;
  }

  /** A fault of the share at hand ends it; an error that is no fault of the table ends the thread. */
  #failed(error: unknown): void {
    if (!(error instanceof FaultError)) throw error;
    const { code, detail } = error;
    this.#handle(
      detail === undefined
        ? { type: "failed", fault: code }
        : { type: "failed", fault: code, detail },
    );
  }

  #shareOver(fault: FaultCode | undefined, detail: string | undefined): void {
    const incoming = this.#incoming;
    this.#incoming = undefined;
    this.#progress = undefined;
    if (incoming === undefined) return;
    incoming.release();
    const { size } = incoming;
    if (fault === undefined) {
      const now = performance.now();
      const seconds = (now - this.#shareStartedAt) / 1000;
      const active = (now - (this.#activeAt ?? now)) / 1000;
      this.#emit({ event: "done", bytes: size, seconds, active });
      return;
    }
    this.#keep(incoming, size);
    void this.#disk.then(() => this.#tellOneOfMany({ code: fault, detail }));
  }

  /** A fault of one share of many. */
  #tellOneOfMany({ code, detail }: Pick<FaultError, "code" | "detail">): void {
    if (this.#job.lobby) this.#pace.tell(this.#faultEvent(code, detail));
  }

  /** The session goes past the share at hand. No event named that share yet. */
  #passOver(unreadable: Unreadable | undefined): void {
    const incoming = this.#incoming;
    this.#isOut = this.#job.stdout && (incoming?.bytes ?? 0) > 0;
    this.#incoming = undefined;
    this.#opening = undefined;
    this.#progress = undefined;
    if (unreadable?.told === true) {
      const { fault: code, detail, count } = unreadable;
      this.#pace.tell({ event: "unreadable", code, message: faultMessage(code, detail), count });
    }
    this.#disk = this.#disk.then(async () => void (await incoming?.close()));
  }

  /** Its files changed: another share takes its place. */
  #moveOn(): void {
    this.#emit({ event: "edition" });
    if (this.#isOut) this.#handle({ type: "failed", fault: "source-changed" });
  }

  /** Its place has another name once it is given up, and a save under way may leave nothing to keep. */
  #keep(incoming: Incoming, size: number): void {
    const { bytes } = incoming;
    this.#disk = this.#disk.then(async () => {
      const path = await incoming.close();
      if (path !== undefined) this.#pace.tell({ event: "kept", path, bytes, size });
    });
  }

  async #finish(end: FaultCode | undefined, detail: string | undefined): Promise<void> {
    this.#opening = undefined;
    this.#relay.close();
    this.#others?.end();
    clearInterval(this.#timer);
    const incoming = this.#incoming;
    this.#incoming = undefined;
    if (incoming !== undefined) this.#keep(incoming, incoming.size);
    const closed = this.#link.close(end === undefined && this.#isConfirmed);
    await this.#disk;
    const isHere = end !== undefined && STORE_ENDS.has(end) && this.#tellSaved();
    const how = isHere ? undefined : end;
    const unlisted = await this.#list?.settled();
    const fault = how ?? unlisted?.code ?? (this.#notWhole ? "not-whole" : undefined);
    if (this.#madeOut) removeEmptyDestination(this.#job.out);
    this.#pace.flush();
    if (fault !== undefined) this.#emit(this.#faultEvent(fault, how ? detail : unlisted?.detail));
    await closed;
    this.#end({ fault, exitCode: fault === undefined ? 0 : FAULTS[fault].exitCode });
  }

  /** Under --limit the socket is not read until the rate allows the next record. */
  #limitRate(bytes: number): void {
    const now = performance.now();
    this.#limit.spend(bytes, now);
    const wait = this.#limit.wait(now);
    if (wait < 1) return;
    this.#hold("rate");
    setTimeout(() => this.#letGo("rate"), wait);
  }

  /** The link is read again once each reason to hold it is gone. */
  #hold(why: "rate" | "output"): void {
    this.#held.add(why);
    this.#link.pause();
  }

  #letGo(why: "rate" | "output"): void {
    if (this.#held.delete(why) && this.#held.size === 0) this.#link.resume();
  }

  // Events for people and scripts

  #tellOffer(incoming: Incoming, question: boolean): void {
    const event = offerEvent(incoming, this.#job, question);
    if (event !== undefined) this.#emit(event);
  }

  #tellProgress({ manifest, agreed, bytes, next, records }: Incoming): void {
    if (!agreed || manifest === undefined) return;
    this.#progress ??= new Progress(manifest, this.#emit);
    // The end is reported when all is saved.
    this.#progress.moved(bytes, next < records ? undefined : "elsewhere");
  }

  #faultEvent(code: FaultCode, detail: string | undefined): ClientEvent {
    const about = this.#link.about(code) ?? detail;
    return { event: "error", code, message: faultMessage(code, about) };
  }
}
