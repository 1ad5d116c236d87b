/**
 * The sender's side of a share without I/O: events in, effects out. The driver reads, encrypts and
 * sends record `wanted()` whenever the socket has room, and tells with `sent`. It owns the roster,
 * the admissions and the queue of wanted records. Drivers: the CLI's `sending.ts`, the lobby's
 * sender, and tests in virtual time.
 */
import { toHex } from "../wire/bytes.ts";
import { Admission, Laggards, decisionMessage } from "./admission.ts";
import type {
  DismissReason,
  Message,
  MessageOf,
  ReceiverEntry,
  StoredSeen,
} from "../wire/control.ts";
import {
  detailIn,
  FAULTS,
  FaultError,
  saidIn,
  aboutOf,
  type FaultCode,
  type Said,
} from "../wire/faults.ts";
import { CREDIT_RECORDS, LOST_GRACE_MS, RECEIVERS_EVERY_MS } from "../wire/limits.ts";
import { helloMessage, Link, linkEffects } from "./link.ts";
import { NameBook, Roster, isAttached } from "./roster.ts";
import { RecordRanges } from "../wire/ranges.ts";
import { StartGate } from "./start-gate.ts";
import { cancelReason } from "../wire/wire-faults.ts";
import type {
  ReceiverView,
  SenderEffect,
  SenderEvent,
  SenderOptions,
  SenderOutcome,
} from "./sender-events.ts";

/**
 * Where a session stands. The line to the relay has its own states (see link.ts):
 *
 *   offering --accepted--> serving --goal reached--> finished
 *      ^                      |
 *      +-- line lost ---------+     interrupted, failed, fatal fault: from any to finished
 */
type SenderState =
  | { readonly at: "offering" }
  | { readonly at: "serving"; readonly wanted: RecordRanges }
  | { readonly at: "finished" };

const LISTED_MS = 4 * RECEIVERS_EVERY_MS;

export class SenderSession {
  readonly #options: SenderOptions;
  readonly #link: Link;
  readonly #roster = new Roster();
  readonly #names = new NameBook();
  #state: SenderState = { at: "offering" };
  #lastLossAt: number;
  readonly #gate: StartGate | undefined;
  readonly #admission = new Admission();
  readonly #laggards: Laggards | undefined;
  #sentUpTo = 0;
  /** On a line that came back, the first list of receivers has come by then. */
  #listedBy: number | undefined;
  /** Why relays that welcome this sender do not take its share yet; the line is no news until one does. */
  #unserved: string | undefined;
  /** Of the present line. */
  #hasPage = false;
  /** The relay has all of it on its disk. */
  #stored: StoredSeen | undefined;

  constructor(options: SenderOptions, now: number) {
    this.#options = options;
    this.#link = new Link(options, now);
    this.#lastLossAt = now;
    const { dropSlowMs, doneBefore, offer } = options;
    for (const receiver of doneBefore ?? []) {
      this.#roster.verify({ receiver, records: offer.records });
    }
    this.#laggards = dropSlowMs === undefined ? undefined : new Laggards(dropSlowMs);
    this.#gate = options.startWhen && new StartGate(options.startWhen);
  }

  /** The record to send next, or undefined when the relay wants none that may leave by now. */
  wanted(): number | undefined {
    if (this.#state.at !== "serving") return undefined;
    const { wanted } = this.#state;
    // The relay holds records back from each receiver that was not admitted. Until one was, nothing
    // leaves that a dishonest relay could give to others.
    if (this.#options.offer.admit === true && !this.#admission.anyAdmitted) return undefined;
    const closedFrom = this.#gate?.closedFrom;
    return closedFrom === undefined ? wanted.first : wanted.firstBelow(closedFrom);
  }

  /**
   * The first record that the relay may want. A record that was read once is gone where it can't be
   * read again, but the relay wants at most CREDIT_RECORDS at once and in order: more than that can't
   * have got lost with a line, and the driver of this session keeps so many.
   */
  get firstKept(): number {
    return this.#options.offer.seekable ? 0 : Math.max(0, this.#sentUpTo - CREDIT_RECORDS);
  }

  get finished(): boolean {
    return this.#state.at === "finished";
  }

  /** Whether a relay has the share, on the present line. */
  get isServing(): boolean {
    return this.#state.at === "serving";
  }

  get receivers(): Iterable<ReceiverView> {
    return this.#roster.all.values();
  }

  handle(event: SenderEvent, now: number): SenderEffect[] {
    if (this.#state.at === "finished") return [];
    try {
      return this.#step(event, now);
    } catch (error) {
      if (error instanceof FaultError) return this.#finish(error.code, error.detail);
      throw error;
    }
  }

  #step(event: SenderEvent, now: number): SenderEffect[] {
    switch (event.type) {
      case "opened":
        return linkEffects(this.#link.opened(now));
      case "lost":
        return this.#lost(event.fault, now);
      case "message":
        return this.#message(event.message, now);
      case "tick":
        return this.#tick(now);
      case "sent":
        this.#sentUpTo = Math.max(this.#sentUpTo, event.index + 1);
        if (this.#state.at === "serving") this.#state.wanted.take(event.index);
        return [];
      case "connection-lost":
        if (this.#state.at !== "serving") return [];
        // The relay drops those that it has. It may have seen the break before some of them were sent.
        for (const index of event.records) this.#state.wanted.add(index, 1);
        return [];
      case "name-opened":
        this.#names.note(toHex(event.entry.id), event.entry, event.name);
        return event.name === undefined ? [] : this.#present(event.entry, event.name, now);
      case "receipt-checked":
        if (event.valid) return this.#verified(event.receipt, now);
        // A stored share counts downloads by HTTP, whose client has no code to prove them with.
        if (this.#options.store && event.receipt.unconfirmed === true) return [];
        return this.#refusedReceipt(event.receipt.receiver, now);
      case "judged":
        return this.#decide(event.receiver, event.admit ? undefined : "not-admitted");
      case "interrupted":
        return this.#finish("interrupted");
      case "failed":
        return this.#finish(event.fault);
    }
  }

  #lost(fault: FaultCode, now: number, said: Said = {}): SenderEffect[] {
    const news = this.#link.lost(fault, now, (said.after ?? 0) * 1000);
    const wasUnserved = this.#unserved;
    if (fault === "going-away" && this.#state.at === "offering") this.#unserved = said.detail;
    this.#state = { at: "offering" };
    const effects: SenderEffect[] = this.#loseReceivers(now);
    const isTold = wasUnserved !== undefined && this.#unserved === wasUnserved;
    if (news && !isTold) effects.push({ type: "link", online: false, fault, ...aboutOf(said) });
    return effects;
  }

  #loseReceivers(now: number): SenderEffect[] {
    this.#lastLossAt = now;
    return this.#roster.loseAll().map((receiver) => {
      this.#admission.gone(toHex(receiver.id));
      return { type: "receiver", receiver };
    });
  }

  #tick(now: number): SenderEffect[] {
    const effect = this.#link.tick(now);
    if (effect === "timed-out") return this.#dropLine(this.#link.timeoutFault, now);
    const effects: SenderEffect[] = linkEffects(effect, this.#link.relay);
    effects.push(...this.#pollGate(now), ...this.#dropSlow(now), ...this.#endWhenReached(now));
    return effects;
  }

  #pollGate(now: number): SenderEffect[] {
    if (this.#gate === undefined) return [];
    const { agreed } = this.#roster;
    if (!this.#gate.poll(agreed, now)) return [];
    return [{ type: "gate", agreed, open: this.#gate.isOpen }];
  }

  #dropSlow(now: number): SenderEffect[] {
    if (this.#laggards === undefined || this.#state.at !== "serving") return [];
    return this.#laggards.poll(this.#roster.all, now).flatMap((key) => {
      const receiver = this.#roster.all.get(key);
      return receiver === undefined ? [] : this.#decide(receiver.id, "too-slow");
    });
  }

  /** @param dismissed undefined: it is admitted */
  #decide(id: Uint8Array, dismissed: DismissReason | undefined): SenderEffect[] {
    if (!this.#admission.decide(id, dismissed)) return [];
    const { share } = this.#options.offer;
    const effects: SenderEffect[] = [];
    // On a line that is down it is said when that is up again.
    if (this.#state.at === "serving") {
      effects.push({ type: "send", message: decisionMessage(share, { receiver: id, dismissed }) });
    }
    if (dismissed === undefined) return effects;
    // A receiver that was let in and dropped is missing in the end; one that never was is not.
    const receiver = this.#roster.takeOut(toHex(id), dismissed !== "not-admitted");
    if (receiver === undefined) return effects;
    return [
      ...effects,
      { type: "receiver", receiver },
      { type: "dismissed", receiver, reason: dismissed },
    ];
  }

  #message(message: Message, now: number): SenderEffect[] {
    const { offer } = this.#options;
    switch (message.t) {
      case "challenge":
        this.#link.challenged();
        return this.#hello(message, now);
      case "welcome":
        this.#link.welcomed(message);
        if (this.#options.store !== undefined && message.store === undefined) {
          throw new FaultError("no-store");
        }
        this.#hasPage = message.page === true;
        return [
          ...(this.#unserved === undefined ? [this.#online] : []),
          { type: "send", message: this.#offer() },
        ];
      case "accepted": {
        const online = this.#unserved === undefined ? [] : [this.#online];
        this.#unserved = undefined;
        this.#lastLossAt = now;
        this.#listedBy = this.#mayBeAwaited() ? now + LISTED_MS : now;
        this.#state = { at: "serving", wanted: new RecordRanges() };
        const decisions = this.#admission
          .messages(offer.share)
          .map((decision) => ({ type: "send", message: decision }) as const);
        return [...online, ...decisions];
      }
      case "want":
        if (this.#state.at !== "serving") return [];
        if (message.first + message.count > offer.records) {
          throw new FaultError("bad-message", "records wanted beyond the end");
        }
        if (message.first < this.firstKept) {
          throw new FaultError("bad-message", "records wanted that can't be read again");
        }
        this.#state.wanted.add(message.first, message.count);
        return [];
      case "receivers":
        return message.list.flatMap((entry) => this.#onEntry(entry, now));
      case "receipt":
        return [{ type: "check-receipt", receipt: message }];
      case "storing":
        if (this.#options.store === undefined) return [];
        return [{ type: "storing", records: Math.min(message.records, offer.records) }];
      case "stored":
        return this.#onStored(message);
      case "fault":
        if (!message.retry) throw new FaultError(message.code, detailIn(message));
        return this.#dropLine(message.code, now, saidIn(message));
      default:
        throw new FaultError("bad-message", `a sender gets no ${message.t}`);
    }
  }

  get #online(): SenderEffect {
    return {
      type: "link",
      online: true,
      fault: undefined,
      ...(this.#hasPage && { page: true }),
    };
  }

  #hello(challenge: MessageOf<"challenge">, now: number): SenderEffect[] {
    const { relay } = this.#link;
    try {
      const hello = helloMessage(challenge, "sender", this.#options, undefined, relay);
      return [{ type: "send", message: hello }];
    } catch (error) {
      if (!this.#link.isOfSeveral || !(error instanceof FaultError)) throw error;
      return this.#dropLine(error.code, now);
    }
  }

  /** Whether receivers may wait at the relay, which were there before this line. */
  #mayBeAwaited(): boolean {
    return this.#listedBy !== undefined || (this.#options.doneBefore?.length ?? 0) > 0;
  }

  #offer(): Message {
    const { offer, proof, capability, store } = this.#options;
    const more = { ...(capability && { capability }), ...(store && { store }) };
    const message = { t: "offer", ...offer, proof, ...more } as const;
    return offer.seekable ? message : { ...message, first: this.firstKept };
  }

  #dropLine(fault: FaultCode, now: number, said?: Said): SenderEffect[] {
    return [{ type: "disconnect" }, ...this.#lost(fault, now, said)];
  }

  #onEntry(entry: ReceiverEntry, now: number): SenderEffect[] {
    const key = toHex(entry.id);
    // A relay's words about this receiver count no more.
    if (this.#roster.isVerified(key)) return [];
    const known = this.#names.find(key, entry);
    switch (known.is) {
      case "unknown":
        return [{ type: "open-name", entry }];
      case "opened":
        return this.#present(entry, known.name, now);
      case "refused":
        // No client with the code sealed it: such a receiver counts for nothing and is not shown.
        return [];
    }
  }

  /** News of a receiver that has the code. */
  #present(entry: ReceiverEntry, name: string, now: number): SenderEffect[] {
    const key = toHex(entry.id);
    // News about a dismissed receiver is old, and so is news from before a line broke.
    if (this.#admission.isDismissed(key) || !this.#link.online) return [];
    const receiver = this.#roster.update(entry, name);
    if (receiver === undefined) return [];
    if (entry.state === "lost") this.#lastLossAt = now;
    // Whether that is all is for the next tick: more of the list may follow.
    return [{ type: "receiver", receiver }, ...this.#askAbout(key, receiver)];
  }

  #askAbout(key: string, receiver: ReceiverView): SenderEffect[] {
    if (this.#options.offer.admit !== true) return [];
    if (!isAttached(receiver)) this.#admission.gone(key);
    else if (this.#admission.asks(key, receiver.name)) return [{ type: "ask", receiver }];
    return [];
  }

  #verified(receipt: MessageOf<"receipt">, now: number): SenderEffect[] {
    const verified = this.#roster.verify(receipt);
    if (verified === undefined) return [];
    const { receiver, displaced } = verified;
    const { share } = this.#options.offer;
    if (displaced !== undefined) this.#admission.gone(toHex(displaced.id));
    return [
      { type: "send", message: { t: "receipted", share, receiver: receiver.id } },
      ...(displaced === undefined ? [] : [{ type: "receiver", receiver: displaced } as const]),
      { type: "receiver", receiver },
      ...this.#endWhenReached(now),
    ];
  }

  #refusedReceipt(id: Uint8Array, now: number): SenderEffect[] {
    if (this.#roster.refuse(id)) this.#lastLossAt = now;
    return [{ type: "refused-receipt", receiver: id }];
  }

  /** Receivers that have not everything yet get it from the store. */
  #onStored({ until, downloads }: StoredSeen): SenderEffect[] {
    const { goal, store } = this.#options;
    if (store === undefined || this.#state.at !== "serving") return [];
    const before = this.#stored;
    this.#stored = { until, ...(downloads !== undefined && { downloads }) };
    const isNews = before?.until !== until || before.downloads !== downloads;
    const news: SenderEffect[] = isNews ? [{ type: "stored", stored: this.#stored }] : [];
    return goal.stay ? news : [...news, ...this.#finish(undefined)];
  }

  #endWhenReached(now: number): SenderEffect[] {
    const { goal, store } = this.#options;
    if (this.#state.at !== "serving" || goal.stay || store !== undefined) return [];
    if (this.#listedBy !== undefined && now < this.#listedBy) return [];
    const { verified, attached, lost } = this.#roster.counts;
    if (verified < goal.receivers || attached > 0) return [];
    if (lost > 0 && now - this.#lastLossAt < LOST_GRACE_MS) return [];
    return this.#finish(undefined);
  }

  #finish(fault: FaultCode | undefined, detail?: string): SenderEffect[] {
    const { offer, goal } = this.#options;
    const { counts, unconfirmed } = this.#roster;
    const isStored = this.#stored !== undefined;
    const failed = isStored ? 0 : counts.attached + counts.lost + counts.left;
    // A sender that stays until Ctrl-C has done its job by then.
    const isDone = isStored || (failed === 0 && counts.verified > 0);
    const ended = fault === "interrupted" && goal.stay && isDone;
    const calm = fault === undefined || ended;
    const outcome: SenderOutcome = {
      fault: calm ? (failed > 0 ? "some-failed" : undefined) : fault,
      verified: counts.verified,
      ...(unconfirmed > 0 && { unconfirmed }),
      failed,
      ...(detail === undefined ? {} : { detail }),
    };
    this.#state = { at: "finished" };
    const effects: SenderEffect[] = [];
    if (this.#link.online) {
      const { share } = offer;
      const last: Message = calm
        ? { t: "end", share }
        : { t: "cancel", share, reason: cancelReason(fault) };
      // The relay needs no answer to its own fault.
      if (calm || !isOfSocket(fault)) effects.push({ type: "send", message: last });
    }
    effects.push({ type: "finish", outcome });
    return effects;
  }
}

/** Whether it closes the socket, so that nothing more can be said. */
function isOfSocket(fault: FaultCode | undefined): boolean {
  return fault !== undefined && FAULTS[fault].closeCode !== 0;
}
