import { equalBytes } from "../wire/bytes.ts";
import { type LeaveReason, type Message, type OfferSeen } from "../wire/control.ts";
import {
  detailIn,
  FaultError,
  saidIn,
  aboutOf,
  type FaultCode,
  type Said,
} from "../wire/faults.ts";
import {
  ACK_EVERY_RECORDS,
  CORRUPT_RETRIES,
  KEEPALIVE_MS,
  MISSING_MS,
  SENDER_GRACE_MS,
  STALL_MS,
} from "../wire/limits.ts";
import { helloMessage, Link, linkEffects } from "./link.ts";
import {
  OfferBook,
  isAboutReceiver,
  isUnreadable,
  patienceWith,
  type Order,
} from "./offer-book.ts";
import type { ReceiverEffect, ReceiverEvent, ReceiverOptions } from "./receiver-events.ts";

/** What is known of the share at hand, whatever the step. */
interface Share {
  readonly offer: OfferSeen;
  readonly receiver: Uint8Array;
  readonly name: Uint8Array;
  /** How many it has; RECORD_INDEX as long as the end of an open share did not come. */
  records: number;
  /** The first record that is needed and not stored. */
  next: number;
  /** What the relay was told. */
  acked: number;
  /** Joined on the present line. */
  joined: boolean;
  /** A gap was seen and a join sent; frames other than `next` are late ones. */
  rejoining: boolean;
  corrupt: number;
  /** When it was opened, or a record last came. */
  cameAt: number;
  /** When a record last came, or the last join was sent. */
  progressAt: number;
  stallMs: number;
  /** When the relay last heard from our timer. */
  saidAt: number;
  /** Since when the share is not offered; undefined while it is. */
  missingSince: number | undefined;
  /** The share is over for all: nobody is left to take a receipt. */
  ended: boolean;
}

/**
 * Where a session stands. The line to the relay has its own states (see link.ts); losing it changes
 * no step, only `joined`.
 *
 *   waiting -> opening -> previewing -> asking -> receiving -> saving -> confirming
 *      ^          |  (resumed)                       ^                       |
 *      |          +----------------------------------+                       |
 *      +----- share over, lobby -----------------------------------------+---+--> finished
 */
type Step =
  | { readonly at: "waiting" }
  | { readonly at: "opening"; readonly offer: OfferSeen }
  | { readonly at: "previewing"; readonly share: Share }
  | { readonly at: "asking"; readonly share: Share }
  | { readonly at: "receiving"; readonly share: Share }
  | { readonly at: "saving"; readonly share: Share }
  | {
      readonly at: "confirming";
      readonly share: Share;
      readonly mac: Uint8Array;
      readonly deadline: number;
    }
  | { readonly at: "finished" };

/** The receiver's side without I/O: events in, effects out. */
export class ReceiverSession {
  readonly #options: ReceiverOptions;
  readonly #link: Link;
  readonly #offers = new OfferBook();
  /** Shares that were unreadable. */
  #unreadable = 0;
  /** Since when the beginning of a share that was promised in the place of another is waited for. */
  #movedAt: number | undefined;
  /** Left to see whether another takes its place, as it was offered no more. */
  #missing: { readonly offer: OfferSeen; readonly since: number } | undefined;
  #step: Step = { at: "waiting" };

  constructor(options: ReceiverOptions, now: number) {
    this.#options = options;
    this.#link = new Link(options, now);
  }

  get finished(): boolean {
    return this.#step.at === "finished";
  }

  /** The record that the next `take` is about; undefined when no share is open. */
  get next(): number | undefined {
    return "share" in this.#step ? this.#step.share.next : undefined;
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
      case "tick":
        return this.#tick(now);
      case "share-opened":
        return this.#shareOpened(event, now);
      case "frame":
        return this.#frame(event.index, now);
      case "stored":
        return this.#stored(event, now);
      case "corrupt":
        return this.#corrupt(now);
      case "held":
        if ("share" in this.#step) this.#step.share.progressAt = now;
        return [];
      case "manifest-known":
        if (this.#step.at !== "previewing") return [];
        if (this.#takesNoPlace(event.before ?? [])) return this.#goBack();
        this.#missing = undefined;
        this.#step = { at: "asking", share: this.#step.share };
        return [...this.#ack(this.#step.share), { type: "ask" }];
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

  // The line

  #lost(fault: FaultCode, now: number, said: Said = {}): ReceiverEffect[] {
    const news = this.#link.lost(fault, now, (said.after ?? 0) * 1000);
    this.#offers.clear();
    if ("share" in this.#step) {
      this.#step.share.joined = false;
      this.#step.share.missingSince ??= now;
    }
    return news ? [{ type: "link", online: false, fault, ...aboutOf(said) }] : [];
  }

  #dropLine(fault: FaultCode, now: number, said?: Said): ReceiverEffect[] {
    return [{ type: "disconnect" }, ...this.#lost(fault, now, said)];
  }

  #tick(now: number): ReceiverEffect[] {
    const effect = this.#link.tick(now);
    if (effect === "timed-out") return this.#dropLine(this.#link.timeoutFault, now);
    const effects: ReceiverEffect[] = linkEffects(effect);
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
          : this.#goneBeforeSeen("sender-gone");
        return [...effects, ...over];
      }
    }
    if (this.#step.at === "previewing" && now - share.cameAt >= patienceWith(share.offer)) {
      share.cameAt = now;
      if (this.#offers.postpone(share.offer, this.#order)) {
        return [...effects, ...this.#passOver()];
      }
    }
    if (this.#mayBeMoved(share, now)) return [...effects, ...this.#lookElsewhere(share)];
    if (!share.joined) return effects;
    if (share.acked < share.next || now - share.saidAt >= KEEPALIVE_MS) {
      share.saidAt = now;
      effects.push(...this.#ack(share));
    }
    const starved = this.#step.at === "receiving" || this.#step.at === "previewing";
    if (starved && share.next < share.records && now - share.progressAt >= share.stallMs) {
      share.stallMs = Math.min(share.stallMs * 2, 12 * STALL_MS);
      effects.push(...this.#join(share, now, true));
    }
    return effects;
  }

  #message(message: Message, now: number): ReceiverEffect[] {
    switch (message.t) {
      case "challenge":
        this.#link.challenged();
        return [{ type: "send", message: helloMessage(message, "receiver", this.#options) }];
      case "welcome":
        this.#link.welcomed(message);
        return [{ type: "link", online: true, fault: undefined }];
      case "offers":
        for (const offer of message.list) this.#offers.add(offer);
        return this.#offered(now);
      case "presence": {
        if (!this.#isCurrent(message.share)) return [];
        return [{ type: "sender", here: message.senderHere }];
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

  // Choosing a share

  #offered(now: number): ReceiverEffect[] {
    if (!("share" in this.#step)) return this.#choose();
    const { share } = this.#step;
    const offer = this.#offers.get(share.offer.share);
    if (offer === undefined || share.joined) return [];
    share.missingSince = undefined;
    const effects = this.#join(share, now);
    effects.push({ type: "sender", here: offer.senderHere });
    if (this.#step.at === "confirming") effects.push(this.#complete(share, this.#step.mac));
    return effects;
  }

  #choose(): ReceiverEffect[] {
    if (this.#step.at !== "waiting") return [];
    // The one that was left is waited for where no other is left to look at.
    const offer = this.#offers.choose(this.#order) ?? this.#missing?.offer;
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
    const share: Share = {
      offer,
      receiver: event.receiver,
      name: event.name,
      records: event.records ?? offer.records,
      next: event.next,
      acked: event.next,
      joined: false,
      rejoining: false,
      corrupt: 0,
      cameAt: now,
      progressAt: now,
      stallMs: STALL_MS,
      saidAt: now,
      missingSince:
        this.#offers.get(offer.share) === undefined ? (this.#missing?.since ?? now) : undefined,
      ended: false,
    };
    if (this.#missing?.offer === offer) this.#missing = undefined;
    if (!event.agreed) this.#step = { at: "previewing", share };
    else if (share.next < share.records) this.#step = { at: "receiving", share };
    else this.#step = { at: "saving", share };
    const effects = share.missingSince === undefined ? this.#join(share, now) : [];
    if (this.#step.at === "saving") effects.push({ type: "save" });
    return effects;
  }

  // Records

  #frame(index: number, now: number): ReceiverEffect[] {
    if (this.#step.at !== "previewing" && this.#step.at !== "receiving") return [];
    const { share } = this.#step;
    if (!share.joined || index < share.next || share.next >= share.records) return [];
    if (index > share.next) return share.rejoining ? [] : this.#join(share, now, true);
    share.rejoining = false;
    return [{ type: "take" }];
  }

  #stored(event: Extract<ReceiverEvent, { type: "stored" }>, now: number): ReceiverEffect[] {
    if (this.#step.at !== "previewing" && this.#step.at !== "receiving") return [];
    const { share } = this.#step;
    const following = share.next + 1;
    this.#movedAt = undefined;
    share.next = event.next ?? following;
    if (event.last === true) share.records = share.next;
    share.corrupt = 0;
    share.cameAt = now;
    share.progressAt = now;
    share.stallMs = STALL_MS;
    if (this.#step.at === "previewing") return [];
    const jumps = share.next > following;
    if (share.next >= share.records) {
      this.#step = { at: "saving", share };
      return [...this.#tellPlace(share, jumps, now), { type: "save" }];
    }
    if (jumps) return this.#tellPlace(share, jumps, now);
    const every = Math.min(ACK_EVERY_RECORDS, Math.floor(this.#options.window / 2));
    return share.next - share.acked >= every ? this.#ack(share) : [];
  }

  /** The manifest needs another record. */
  previewMore(): ReceiverEffect[] {
    return this.#step.at === "previewing" ? this.#ack(this.#step.share) : [];
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
    return this.#join(share, now, true);
  }

  #accepted(next: number | undefined, now: number): ReceiverEffect[] {
    if (this.#step.at !== "asking") return [];
    const { share } = this.#step;
    const jumps = next !== undefined && next > share.next;
    share.next = next ?? share.next;
    share.progressAt = now;
    if (share.next < share.records) {
      this.#step = { at: "receiving", share };
      return this.#tellPlace(share, jumps, now);
    }
    this.#step = { at: "saving", share };
    return [...this.#tellPlace(share, jumps, now), { type: "save" }];
  }

  /** A record that was never sent can't be acknowledged: a receiver that jumps over it joins again behind it. */
  #tellPlace(share: Share, jumps: boolean, now: number): ReceiverEffect[] {
    return jumps && share.joined ? this.#join(share, now, true) : this.#ack(share);
  }

  // The end of a share

  #saved(mac: Uint8Array, now: number): ReceiverEffect[] {
    if (this.#step.at !== "saving") return [];
    const { share } = this.#step;
    if (share.ended) return this.#shareOver(undefined, undefined, false);
    this.#step = { at: "confirming", share, mac, deadline: now + this.#options.confirmMs };
    return share.joined ? [this.#complete(share, mac)] : [];
  }

  #complete(share: Share, mac: Uint8Array): ReceiverEffect {
    const { offer, records } = share;
    const unconfirmed = this.#options.unconfirmed === true && { unconfirmed: true };
    const message = { t: "complete", share: offer.share, records, mac, ...unconfirmed } as const;
    return { type: "send", message };
  }

  #shareGone(id: Uint8Array, fault: FaultCode, now: number): ReceiverEffect[] {
    this.#offers.remove(id);
    if (this.#step.at === "opening" && equalBytes(this.#step.offer.share, id)) {
      return this.#goneBeforeSeen(fault);
    }
    if (!("share" in this.#step) || !this.#isCurrent(id)) return [];
    this.#step.share.joined = false;
    if (fault === "new-edition" && isUnfinished(this.#step.at)) return this.#moveOn(id, now);
    if (this.#step.at === "previewing" && this.#step.share.next === 0) {
      return this.#goneBeforeSeen(fault);
    }
    switch (this.#step.at) {
      case "saving":
        // Everything is here; only the receipt will find nobody.
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
    this.#step = { at: "waiting" };
    // In the lobby nothing ends the wait.
    if (!this.#options.lobby) this.#movedAt = now;
    return [{ type: "passed-over", anew: "told" }, ...this.#choose()];
  }

  /** A receiver without a line misses the sender's word that it offers the share anew. It finds another share in its place. */
  #mayBeMoved({ missingSince }: Share, now: number): boolean {
    const { lobby, fixed = false } = this.#options;
    if (this.#step.at !== "receiving" || lobby || fixed || missingSince === undefined) return false;
    if (now - missingSince < MISSING_MS) return false;
    return this.#offers.choose(this.#order)?.senderHere === true;
  }

  #lookElsewhere({ offer, missingSince: since = 0 }: Share): ReceiverEffect[] {
    this.#missing = { offer, since };
    this.#step = { at: "waiting" };
    return [{ type: "passed-over", anew: "perhaps" }, ...this.#choose()];
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
   * Nothing shows that it was made with this code; it must not end the wait for one that is. What a
   * sender says of us alone is told all the same, if there is nothing else to try.
   */
  #goneBeforeSeen(fault: FaultCode): ReceiverEffect[] {
    // After a share that was seen the one in its place is not any stranger's.
    const isOurs = isAboutReceiver(fault) || this.#movedAt !== undefined;
    const last = isOurs && this.#offers.choose(this.#order) === undefined;
    if (this.#options.lobby || last) return this.#shareOver(fault, undefined, false);
    return this.#passOver();
  }

  #shareOver(
    fault: FaultCode | undefined,
    detail: string | undefined,
    confirmed: boolean,
  ): ReceiverEffect[] {
    const over = "share" in this.#step ? this.#step.share.offer : this.#openingOffer();
    const effects: ReceiverEffect[] = [{ type: "share-over", fault, detail, confirmed }];
    if (!this.#options.lobby) return [...effects, ...this.#finish(fault, detail)];
    if (over !== undefined) this.#offers.ignore(over.share);
    this.#step = { at: "waiting" };
    return [...effects, ...this.#choose()];
  }

  /** A sender that holds its share back must not keep us from others. */
  #passOver(): ReceiverEffect[] {
    const left = this.#leave("interrupted");
    this.#step = { at: "waiting" };
    return [...left, { type: "passed-over" }, ...this.#choose()];
  }

  /**
   * Anybody who knows the channel can offer what this code does not open, and must not keep us from
   * what its holders send. In the lobby each share is one of many, and is over as others are.
   */
  #passUnreadable(fault: FaultCode, detail: string | undefined): ReceiverEffect[] {
    const left = this.#leave("failed");
    if (this.#options.lobby || !("share" in this.#step)) {
      return [...left, ...this.#shareOver(fault, detail, false)];
    }
    this.#offers.ignore(this.#step.share.offer.share);
    // The code opened it, so its sender has the code: without another share the receiver is told now.
    const isOpened = fault !== "corrupt-record";
    if (isOpened && this.#offers.choose(this.#order) === undefined) {
      return [...left, ...this.#shareOver(fault, detail, false)];
    }
    this.#step = { at: "waiting" };
    const count = ++this.#unreadable;
    const told = Number.isInteger(Math.log2(count));
    const next = this.#choose();
    const unreadable = { fault, detail, count, told };
    // A word that nothing else is offered comes only after one about this share.
    const rest = told ? next : next.filter(({ type }) => type !== "waiting");
    return [...left, { type: "passed-over", unreadable }, ...rest];
  }

  get #order(): Order {
    return this.#options.lobby ? "oldest" : "newest";
  }

  #openingOffer(): OfferSeen | undefined {
    return this.#step.at === "opening" ? this.#step.offer : undefined;
  }

  #leave(reason: LeaveReason): ReceiverEffect[] {
    if (!("share" in this.#step) || !this.#step.share.joined) return [];
    const { share } = this.#step.share.offer;
    this.#step.share.joined = false;
    return [{ type: "send", message: { t: "leave", share, reason } }];
  }

  #finish(fault: FaultCode | undefined, detail?: string): ReceiverEffect[] {
    this.#step = { at: "finished" };
    return [detail === undefined ? { type: "finish", fault } : { type: "finish", fault, detail }];
  }

  // What is said to the relay

  /**
   * How many records the relay may have in flight to us; 0 is attached and paused. One or none also
   * tells the sender that nobody has agreed yet.
   */
  #window(): number {
    switch (this.#step.at) {
      case "previewing":
        return 1;
      case "receiving":
      case "saving":
      case "confirming":
        return this.#options.window;
      default:
        return 0;
    }
  }

  #join(share: Share, now: number, gap = false): ReceiverEffect[] {
    share.joined = true;
    share.rejoining = gap;
    share.acked = share.next;
    share.progressAt = now;
    const { receiver, name, next: from } = share;
    const window = this.#window();
    const message: Message = { t: "join", share: share.offer.share, receiver, name, from, window };
    return [{ type: "send", message }];
  }

  #ack(share: Share): ReceiverEffect[] {
    if (!share.joined) return [];
    share.acked = share.next;
    const window = this.#window();
    const message: Message = { t: "ack", share: share.offer.share, next: share.next, window };
    return [{ type: "send", message }];
  }

  #isCurrent(id: Uint8Array): boolean {
    return "share" in this.#step && equalBytes(this.#step.share.offer.share, id);
  }
}

/** Whether the share is still needed for anything but its receipt. */
function isUnfinished(at: Step["at"]): boolean {
  return at === "previewing" || at === "asking" || at === "receiving";
}
