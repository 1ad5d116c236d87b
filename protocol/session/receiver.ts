/**
 * The receiver's side without I/O: events in, effects out. Steps are in `receiver-step.ts`, the
 * position in a share in `receiver-share.ts`, the choice of a share in `offer-book.ts`. Drivers:
 * the CLI's `receiving.ts`, the lobby's receiver, and tests in virtual time.
 */
import { equalBytes } from "../wire/bytes.ts";
import type { LeaveReason, Message, MessageOf, OfferSeen } from "../wire/control.ts";
import {
  detailIn,
  FaultError,
  saidIn,
  aboutOf,
  type FaultCode,
  type Said,
} from "../wire/faults.ts";
import { CORRUPT_RETRIES, MISSING_MS, SENDER_GRACE_MS } from "../wire/limits.ts";
import { FlowWindow } from "./flow-window.ts";
import { helloMessage, Link, linkEffects, type Introduction } from "./link.ts";
import { OfferBook, isAboutReceiver, isUnreadable, patienceWith } from "./offer-book.ts";
import { ReceiverShare } from "./receiver-share.ts";
import { ackEvery, isUnfinished, shareOf, windowOf, type Step } from "./receiver-step.ts";
import type { ReceiverEffect, ReceiverEvent, ReceiverOptions } from "./receiver-events.ts";

export class ReceiverSession {
  #options: ReceiverOptions;
  readonly #link: Link;
  readonly #offers: OfferBook;
  #unreadable = 0;
  /** Since when the beginning of a share that was promised in the place of another is waited for. */
  #movedAt: number | undefined;
  /** Left to see whether another takes its place, as it was offered no more. */
  #missing: { readonly offer: OfferSeen; readonly since: number } | undefined;
  #step: Step = { at: "waiting" };
  /** The share that was joined has its sender at the relay. */
  #isSenderHere = false;
  /** As the person was told last. */
  #toldHere: boolean | undefined;
  /** Of the present line. */
  #flow: FlowWindow;
  #helloAt = 0;

  constructor(options: ReceiverOptions, now: number) {
    this.#options = options;
    this.#link = new Link(options, now);
    this.#flow = new FlowWindow(options.window, options.window);
    this.#offers = new OfferBook(options.lobby ? "oldest" : "newest");
  }

  get finished(): boolean {
    return this.#step.at === "finished";
  }

  /** The record that the next `take` is about; undefined when no share is open. */
  get next(): number | undefined {
    return this.#share?.next;
  }

  /** Whether its relay has no sender for it, so that another relay may. Undefined: there is no line. */
  get lacksSender(): boolean | undefined {
    if (!this.#link.online) return undefined;
    // There a sender is not missing.
    if (this.#options.lobby) return false;
    const { at } = this.#step;
    if (at === "waiting") return true;
    if (at !== "previewing" && at !== "asking" && at !== "receiving") return false;
    const { joined, offer } = this.#step.share;
    return !joined || (!this.#isSenderHere && offer.stored === undefined);
  }

  get #isUnconfirmed(): boolean {
    return this.#options.unconfirmed === true;
  }

  get #share(): ReceiverShare | undefined {
    return shareOf(this.#step);
  }

  handle(event: ReceiverEvent, now: number): ReceiverEffect[] {
    if (this.#step.at === "finished") return [];
    try {
      return this.#handle(event, now);
    } catch (error) {
      if (error instanceof FaultError) return this.#finish(error.code, error.detail);
      throw error;
    }
  }

  #handle(event: ReceiverEvent, now: number): ReceiverEffect[] {
    switch (event.type) {
      case "opened":
        return linkEffects(this.#link.opened(now));
      case "lost":
        return this.#lost(event.fault, now);
      case "message":
        return this.#message(event.message, now);
      case "relocated":
        return this.#relocated(event.to, now);
      case "moves":
        return this.#relocated({}, now, event.relay);
      case "tick":
        return this.#tick(now);
      case "share-opened":
        return this.#shareOpened(event, now);
      case "frame":
        return this.#frame(event, now);
      case "connection-lost":
        return this.#connectionLost(now);
      case "stored":
        return this.#stored(event, now);
      case "corrupt":
        return this.#corrupt(now);
      case "held":
        if (this.#share !== undefined) this.#share.progressAt = now;
        return [];
      case "manifest-known":
        if (this.#step.at !== "previewing") return [];
        if (this.#takesNoPlace(event.before ?? [])) return this.#goBack();
        this.#missing = undefined;
        this.#step = { at: "asking", share: this.#step.share };
        return [...this.#step.share.ack(this.#window, now), { type: "ask" }];
      case "accepted":
        return this.#accepted(event.next, now);
      case "declined":
        // A late answer, to the offer before, is none to this one.
        if (this.#step.at !== "asking") return [];
        return [...this.#leave("declined"), ...this.#shareOver("declined", event.detail, false)];
      case "saved":
        return this.#saved(event.mac, now);
      case "interrupted":
        return [...this.#leave("interrupted"), ...this.#finish("interrupted")];
      case "failed":
        if (this.#step.at === "previewing" && isUnreadable(event.fault)) {
          return this.#passUnreadable(event.fault, event.detail);
        }
        return [...this.#leave("failed"), ...this.#shareOver(event.fault, event.detail, false)];
    }
  }

  #lost(fault: FaultCode, now: number, said: Said = {}): ReceiverEffect[] {
    const news = this.#link.lost(fault, now, (said.after ?? 0) * 1000);
    this.#offers.clear();
    if (this.#share !== undefined) {
      this.#share.joined = false;
      this.#share.missingSince ??= now;
    }
    return news ? [{ type: "link", online: false, fault, ...aboutOf(said) }] : [];
  }

  #dropLine(fault: FaultCode, now: number, said?: Said): ReceiverEffect[] {
    return [{ type: "disconnect" }, ...this.#lost(fault, now, said)];
  }

  #relocated(
    to: Pick<Introduction, "host" | "token">,
    now: number,
    relay?: number,
  ): ReceiverEffect[] {
    this.#options = { ...this.#options, ...to };
    this.#lost("connection-lost", now);
    this.#link.relocated(now, relay);
    return [{ type: "disconnect" }];
  }

  #tick(now: number): ReceiverEffect[] {
    const effect = this.#link.tick(now);
    if (effect === "timed-out") return this.#dropLine(this.#link.timeoutFault, now);
    const effects: ReceiverEffect[] = linkEffects(effect, this.#link.relay);
    if (this.#step.at === "waiting" && now - (this.#movedAt ?? now) >= SENDER_GRACE_MS) {
      return [...effects, ...this.#finish("sender-gone")];
    }
    if (!("share" in this.#step)) return effects;
    const { share } = this.#step;
    if (this.#step.at === "confirming" && now >= this.#step.deadline) {
      return [...effects, ...this.#shareOver(undefined, undefined, false)];
    }
    if (this.#step.at !== "confirming" && this.#step.at !== "saving") {
      const missing = share.missingSince;
      if (missing !== undefined && now - missing >= SENDER_GRACE_MS) {
        const seen = this.#step.at !== "previewing" || share.next > 0;
        const over = seen
          ? this.#shareOver("sender-gone", undefined, false)
          : this.#goneUnseen("sender-gone");
        return [...effects, ...over];
      }
    }
    if (this.#step.at === "previewing" && now - share.cameAt >= patienceWith(share.offer)) {
      share.cameAt = now;
      if (this.#offers.postpone(share.offer)) {
        return [...effects, ...this.#passOver()];
      }
    }
    if (this.#mayBeMoved(share, now)) return [...effects, ...this.#lookElsewhere(share)];
    if (!share.joined) return effects;
    effects.push(...share.ackIfDue(this.#window, now));
    const takes = this.#step.at === "receiving" || this.#step.at === "previewing";
    if (takes) effects.push(...share.joinIfStarved(this.#window, now));
    return effects;
  }

  #message(message: Message, now: number): ReceiverEffect[] {
    switch (message.t) {
      case "challenge":
        this.#link.challenged();
        this.#helloAt = now;
        return this.#hello(message, now);
      case "welcome":
        this.#link.welcomed(message);
        this.#openFlow(message, now);
        return [{ type: "link", online: true, fault: undefined }];
      case "offers":
        for (const offer of message.list) this.#offers.add(offer);
        return this.#offered(message.over ?? [], now);
      case "presence": {
        if (!this.#isCurrent(message.share)) return [];
        // A relay says again at a join what its offer said.
        return message.senderHere === this.#toldHere ? [] : [this.#sender(message.senderHere)];
      }
      case "completed":
        if (this.#step.at !== "confirming" || !this.#isCurrent(message.share)) return [];
        return this.#shareOver(undefined, undefined, true);
      case "end":
        return this.#shareGone(message.share, "sender-stopped", now);
      case "cancel":
        return this.#shareGone(message.share, message.reason, now);
      case "fault":
        if (!message.retry) throw new FaultError(message.code, detailIn(message));
        return this.#dropLine(message.code, now, saidIn(message));
      default:
        throw new FaultError("bad-message", `a receiver gets no ${message.t}`);
    }
  }

  #sender(here: boolean): ReceiverEffect {
    this.#isSenderHere = here;
    this.#toldHere = here;
    return { type: "sender", here };
  }

  #hello(challenge: MessageOf<"challenge">, now: number): ReceiverEffect[] {
    const { relay } = this.#link;
    try {
      const hello = helloMessage(challenge, "receiver", this.#options, undefined, relay);
      return [{ type: "send", message: hello }];
    } catch (error) {
      if (!this.#link.isOfSeveral || !(error instanceof FaultError)) throw error;
      return this.#dropLine(error.code, now);
    }
  }

  /** @param over stored shares of the channel, which nobody gets any more */
  #offered(over: NonNullable<MessageOf<"offers">["over"]>, now: number): ReceiverEffect[] {
    const [latest] = over;
    if (latest !== undefined && this.#hasNothing) return this.#finish(latest.reason);
    if (!("share" in this.#step)) return this.#choose();
    const { share } = this.#step;
    const offer = this.#offers.get(share.offer.share);
    if (offer === undefined) {
      const own = over.find((one) => equalBytes(one.share, share.offer.share));
      return own === undefined ? [] : this.#shareGone(own.share, own.reason, now);
    }
    if (share.joined) return [];
    share.missingSince = undefined;
    const effects = share.join(this.#window, now);
    effects.push(this.#sender(offer.senderHere));
    if (this.#step.at === "confirming")
      effects.push(share.complete(this.#step.mac, this.#isUnconfirmed));
    return effects;
  }

  /** No share is offered, was begun or was promised. */
  get #hasNothing(): boolean {
    if (this.#options.lobby || this.#step.at !== "waiting") return false;
    const isAwaited = this.#missing !== undefined || this.#movedAt !== undefined;
    return !isAwaited && this.#offers.choose() === undefined;
  }

  #chooseAnother(): ReceiverEffect[] {
    this.#step = { at: "waiting" };
    return this.#choose();
  }

  #choose(): ReceiverEffect[] {
    if (this.#step.at !== "waiting") return [];
    // The session waits for the share that it left when there is no other to look at.
    const offer = this.#offers.choose() ?? this.#missing?.offer;
    if (offer === undefined) return [{ type: "waiting" }];
    this.#step = { at: "opening", offer };
    return [{ type: "open-share", offer }];
  }

  #shareOpened(
    event: Extract<ReceiverEvent, { type: "share-opened" }>,
    now: number,
  ): ReceiverEffect[] {
    if (this.#step.at !== "opening") return [];
    const { offer } = this.#step;
    const isOffered = this.#offers.get(offer.share) !== undefined;
    const missingSince = isOffered ? undefined : (this.#missing?.since ?? now);
    const share = new ReceiverShare(offer, event, missingSince, now);
    if (this.#missing?.offer === offer) this.#missing = undefined;
    const agreed = share.isWhole ? "saving" : "receiving";
    this.#step = { at: event.agreed ? agreed : "previewing", share };
    const effects = isOffered ? share.join(this.#window, now) : [];
    this.#isSenderHere = offer.senderHere;
    this.#toldHere = undefined;
    if (this.#step.at === "saving") effects.push({ type: "save" });
    return effects;
  }

  #frame(
    { index, ciphertext }: Extract<ReceiverEvent, { type: "frame" }>,
    now: number,
  ): ReceiverEffect[] {
    if (this.#step.at === "asking") this.#step.share.hold(index, this.#window, ciphertext);
    if (this.#step.at !== "previewing" && this.#step.at !== "receiving") return [];
    const { share } = this.#step;
    switch (share.frame(index, ciphertext)) {
      case "take":
        this.#flow.answered(share.answered(index, now));
        return [{ type: "take" }];
      case "join":
        return share.join(this.#window, now, true);
      case "drop":
        return [];
    }
  }

  /** Any record that is not here may have been on its way there. */
  #connectionLost(now: number): ReceiverEffect[] {
    if (this.#step.at === "asking") this.#step.share.lacks = true;
    if (this.#step.at !== "previewing" && this.#step.at !== "receiving") return [];
    const { share } = this.#step;
    return share.joined && !share.isWhole ? share.join(this.#window, now, true) : [];
  }

  #stored(event: Extract<ReceiverEvent, { type: "stored" }>, now: number): ReceiverEffect[] {
    return this.#withEarly(this.#afterStored(event, now));
  }

  #withEarly(effects: ReceiverEffect[]): ReceiverEffect[] {
    if (this.#step.at !== "receiving") return effects;
    const early = this.#step.share.takeEarly();
    return early === undefined ? effects : [...effects, { type: "take", early }];
  }

  #afterStored(event: Extract<ReceiverEvent, { type: "stored" }>, now: number): ReceiverEffect[] {
    if (this.#step.at !== "previewing" && this.#step.at !== "receiving") return [];
    const { share } = this.#step;
    this.#movedAt = undefined;
    const jumps = share.stored(event, now);
    if (this.#step.at === "previewing") return [];
    this.#flow.moved(now);
    if (jumps || share.isWhole) return this.#advance(share, jumps, now);
    return share.unacknowledged >= ackEvery(this.#window) ? share.ack(this.#window, now) : [];
  }

  /** The manifest needs another record. */
  previewMore(): ReceiverEffect[] {
    if (this.#step.at !== "previewing") return [];
    const { share } = this.#step;
    const acked = share.ack(this.#window);
    const early = share.takeEarly();
    return early === undefined ? acked : [...acked, { type: "take", early }];
  }

  #corrupt(now: number): ReceiverEffect[] {
    if (this.#step.at !== "previewing" && this.#step.at !== "receiving") return [];
    const { share } = this.#step;
    share.corrupt++;
    if (share.corrupt > CORRUPT_RETRIES) {
      if (this.#step.at === "previewing" && share.next === 0) {
        return this.#passUnreadable("corrupt-record", "record 0");
      }
      return [
        ...this.#leave("failed"),
        ...this.#shareOver("corrupt-record", `record ${share.next}`, false),
      ];
    }
    return share.join(this.#window, now, true);
  }

  #accepted(next: number | undefined, now: number): ReceiverEffect[] {
    if (this.#step.at !== "asking") return [];
    const { share } = this.#step;
    const jumps = next !== undefined && next > share.next;
    share.next = next ?? share.next;
    share.progressAt = now;
    return this.#withEarly(this.#advance(share, jumps, now));
  }

  /**
   * Goes on behind what is here, or saves the whole. A record that was never sent can't be acknowledged:
   * a receiver that jumps over it joins again behind it, as one does that could not keep what came while it was asked.
   */
  #advance(share: ReceiverShare, jumps: boolean, now: number): ReceiverEffect[] {
    this.#step = { at: share.isWhole ? "saving" : "receiving", share };
    const joins = (jumps || share.lacks) && share.joined;
    const effects = joins ? share.join(this.#window, now, true) : share.ack(this.#window, now);
    return share.isWhole ? [...effects, { type: "save" }] : effects;
  }

  #saved(mac: Uint8Array, now: number): ReceiverEffect[] {
    if (this.#step.at !== "saving") return [];
    const { share } = this.#step;
    if (share.ended) return this.#shareOver(undefined, undefined, false);
    this.#step = { at: "confirming", share, mac, deadline: now + this.#options.confirmMs };
    return share.joined ? [share.complete(mac, this.#isUnconfirmed)] : [];
  }

  #shareGone(id: Uint8Array, fault: FaultCode, now: number): ReceiverEffect[] {
    this.#offers.remove(id);
    if (this.#step.at === "opening" && equalBytes(this.#step.offer.share, id)) {
      return this.#goneUnseen(fault);
    }
    if (!("share" in this.#step) || !this.#isCurrent(id)) return [];
    this.#step.share.joined = false;
    if (fault === "new-edition" && isUnfinished(this.#step)) return this.#moveOn(id, now);
    if (this.#step.at === "previewing" && this.#step.share.next === 0) {
      return this.#goneUnseen(fault);
    }
    switch (this.#step.at) {
      case "saving":
        // Everything is here; only the receipt will find no sender.
        this.#step.share.ended = true;
        return [];
      case "confirming":
        return this.#shareOver(undefined, undefined, false);
      default:
        return this.#shareOver(fault, undefined, false);
    }
  }

  /** Its sender offers it anew, as another share, in a moment. */
  #moveOn(id: Uint8Array, now: number): ReceiverEffect[] {
    this.#offers.ignore(id);
    // In the lobby nothing ends the wait.
    if (!this.#options.lobby) this.#movedAt = now;
    return [{ type: "passed-over", anew: "told" }, ...this.#chooseAnother()];
  }

  /** A receiver without a line misses the sender's word that it offers the share anew. It finds another share in its place. */
  #mayBeMoved({ missingSince }: ReceiverShare, now: number): boolean {
    const { lobby, fixed = false } = this.#options;
    if (this.#step.at !== "receiving" || lobby || fixed || missingSince === undefined) return false;
    if (now - missingSince < MISSING_MS) return false;
    return this.#offers.choose()?.senderHere === true;
  }

  #lookElsewhere({ offer, missingSince: since = 0 }: ReceiverShare): ReceiverEffect[] {
    this.#missing = { offer, since };
    return [{ type: "passed-over", anew: "perhaps" }, ...this.#chooseAnother()];
  }

  #takesNoPlace(before: readonly Uint8Array[]): boolean {
    const left = this.#missing?.offer.share;
    return left !== undefined && !before.some((id) => equalBytes(id, left));
  }

  /** It is another share: the one that was left is waited for again. */
  #goBack(): ReceiverEffect[] {
    const missing = this.#missing;
    if (missing === undefined || !("share" in this.#step)) return [];
    const left = this.#leave("interrupted");
    this.#offers.ignore(this.#step.share.offer.share);
    this.#step = { at: "opening", offer: missing.offer };
    return [
      ...left,
      { type: "passed-over", anew: "perhaps" },
      { type: "open-share", offer: missing.offer },
    ];
  }

  /**
   * No proof shows that this code made it; it must not end the wait for one that the code made. A word of the
   * sender about us alone is reported all the same, if there is nothing else to try.
   */
  #goneUnseen(fault: FaultCode): ReceiverEffect[] {
    // After a share that was seen the one in its place is not any stranger's.
    const isOurs = isAboutReceiver(fault) || this.#movedAt !== undefined;
    const last = isOurs && this.#offers.choose() === undefined;
    if (this.#options.lobby || last) return this.#shareOver(fault, undefined, false);
    return this.#passOver();
  }

  #shareOver(
    fault: FaultCode | undefined,
    detail: string | undefined,
    confirmed: boolean,
  ): ReceiverEffect[] {
    const over = "offer" in this.#step ? this.#step.offer : this.#share?.offer;
    const effects: ReceiverEffect[] = [{ type: "share-over", fault, detail, confirmed }];
    if (!this.#options.lobby) return [...effects, ...this.#finish(fault, detail)];
    if (over !== undefined) this.#offers.ignore(over.share);
    return [...effects, ...this.#chooseAnother()];
  }

  /** A sender that holds its share back must not keep us from others. */
  #passOver(): ReceiverEffect[] {
    return [...this.#leave("interrupted"), { type: "passed-over" }, ...this.#chooseAnother()];
  }

  /**
   * A stranger who knows the channel can offer a share that this code does not open. It must not keep the
   * receiver from shares of the code's holders. In the lobby each share is one of many, and is over as others are.
   */
  #passUnreadable(fault: FaultCode, detail: string | undefined): ReceiverEffect[] {
    const left = this.#leave("failed");
    if (this.#options.lobby || !("share" in this.#step)) {
      return [...left, ...this.#shareOver(fault, detail, false)];
    }
    this.#offers.ignore(this.#step.share.offer.share);
    // The code opened it, so its sender has the code: without another share the receiver is told now.
    const isOpened = fault !== "corrupt-record";
    if (isOpened && this.#offers.choose() === undefined) {
      return [...left, ...this.#shareOver(fault, detail, false)];
    }
    const count = ++this.#unreadable;
    const told = Number.isInteger(Math.log2(count));
    const next = this.#chooseAnother();
    const unreadable = { fault, detail, count, told };
    // A word that nothing else is offered comes only after one about this share.
    const rest = told ? next : next.filter(({ type }) => type !== "waiting");
    return [...left, { type: "passed-over", unreadable }, ...rest];
  }

  #leave(reason: LeaveReason): ReceiverEffect[] {
    return this.#share?.leave(reason) ?? [];
  }

  #finish(fault: FaultCode | undefined, detail?: string): ReceiverEffect[] {
    this.#step = { at: "finished" };
    return [detail === undefined ? { type: "finish", fault } : { type: "finish", fault, detail }];
  }

  get #window(): number {
    return windowOf(this.#step, this.#flow.size, this.#agrees);
  }

  /** A stream that a person looks at for long would hold up others, so its first record is waited for. */
  get #agrees(): boolean {
    const { lobby, agrees } = this.#options;
    return !lobby && this.#share?.offer.seekable === true && agrees?.() === true;
  }

  /** On a new line everything is found out anew. A relay of before allows `window` alone. */
  #openFlow({ limits }: MessageOf<"welcome">, now: number): void {
    const { window, windowMost = window } = this.#options;
    const most = Math.min(windowMost, limits.windowMost ?? limits.window);
    this.#flow = new FlowWindow(window, Math.max(window, most));
    this.#flow.answered(now - this.#helloAt);
  }

  #isCurrent(id: Uint8Array): boolean {
    return this.#share !== undefined && equalBytes(this.#share.offer.share, id);
  }
}
