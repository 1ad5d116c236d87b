/**
 * Looks at what happens in a send or receive, and adds what no single event says: that nobody comes,
 * what a sender waits for, what became of each receiver when a send is stopped, and that its time was over.
 */
import { isDeepStrictEqual } from "node:util";

import { FAULTS, faultMessage } from "../../protocol/wire/faults.ts";
import { RECEIVERS_PER_SHARE } from "../../protocol/wire/limits.ts";
import type { ClientEvent } from "../job/event-schema.ts";
import type { Job, Outcome, SendJob } from "../job/jobs.ts";

/** After so long without a relay, sender or receiver a client says what may be the reason. */
export const ALONE_MS = 20_000;
/** Receivers that the summary of a stopped send lists; it counts the rest. */
const SUMMARY_RECEIVERS = 1000;

type ReceiverEvent = Extract<ClientEvent, { event: "receiver" }>;
type Awaits = Extract<ClientEvent, { event: "awaits" }>;
type Alone = Extract<ClientEvent, { event: "alone" }>;

/** Between two looks at how long nobody has come. ms */
const LOOK_EVERY_MS = 1000;

export class Onlooker {
  readonly #job: Job;
  readonly #post: (event: ClientEvent) => void;
  readonly #now: () => number;
  readonly #receivers = new Map<string, ReceiverEvent>();
  /** Records of the share; 0 where nobody knows. */
  #records = 0;
  #online = false;
  /** The search may find another than that of the job. */
  #relay: string;
  /** The other side was seen. */
  #met = false;
  /** The content waits for more receivers. Those here have the list of files alone. */
  #heldBack = false;
  #awaits: Awaits | undefined;
  #why: Alone["why"] | undefined;
  #since: number;
  #told = false;
  #late = false;
  #timer: NodeJS.Timeout | undefined;

  /** @param now ms */
  constructor(job: Job, post: (event: ClientEvent) => void, now = () => performance.now()) {
    this.#job = job;
    this.#relay = job.relay;
    this.#post = post;
    this.#now = now;
    this.#since = now();
    this.#why = this.#reason();
  }

  /** Looks by itself, until `end`. */
  begin(): void {
    this.#timer = setInterval(() => this.look(), LOOK_EVERY_MS);
  }

  /** The time limit of the run is over: the interruption that follows is for that. */
  late(): void {
    this.#late = true;
  }

  see(event: ClientEvent): void {
    if (event.event === "relay") {
      this.#online = event.online;
      this.#relay = event.url;
    } else if (event.event === "source") this.#records = event.open ? 0 : event.records;
    else if (event.event === "receiver") this.#note(event);
    else if (event.event === "edition") this.#beginAnew();
    else if (event.event === "gate") this.#heldBack = !event.open;
    const here = ["receiver", "asks", "offer", "unadmitted", "done"].includes(event.event);
    if (here) this.#met = true;
    this.#notice();
    if (event.event !== "error" || event.code !== "interrupted") {
      this.#post(event);
      this.#tellAwaits();
      return;
    }
    if (this.#job.kind === "send" && !this.#job.store) this.#post(this.#summary(this.#job));
    const code = this.#late ? "deadline-over" : event.code;
    this.#post({ ...event, code, message: faultMessage(code) });
  }

  end(outcome: Outcome): Outcome {
    clearInterval(this.#timer);
    if (!this.#late || outcome.fault !== "interrupted") return outcome;
    return { fault: "deadline-over", exitCode: FAULTS["deadline-over"].exitCode };
  }

  /** Tells once for each reason, as soon as it has lasted. */
  look(): void {
    this.#notice();
    const why = this.#why;
    if (why === undefined || this.#told || this.#now() - this.#since < ALONE_MS) return;
    this.#told = true;
    this.#post({ event: "alone", why, seconds: ALONE_MS / 1000, relay: this.#relay });
  }

  /** Notes the reason for which it is alone, and since when. */
  #notice(): void {
    const why = this.#reason();
    if (why === this.#why) return;
    this.#why = why;
    this.#since = this.#now();
    this.#told = false;
  }

  #tellAwaits(): void {
    if (this.#job.kind !== "send" || this.#job.store || !this.#online) return;
    const now = this.#awaited(this.#job);
    const before = this.#awaits;
    this.#awaits = now;
    if (before === undefined || !isDeepStrictEqual(before, now)) this.#post(now);
  }

  #awaited(job: SendJob): Awaits {
    const all = [...this.#receivers.values()];
    const lacking = all.filter(({ done }) => !done);
    const having = (...states: ReceiverEvent["state"][]): number => {
      return lacking.filter(({ state }) => states.includes(state)).length;
    };
    const complete = all.length - lacking.length;
    const [unanswered, lost] = [having("waiting"), having("lost")];
    const agreed = having("live", "behind", "done");
    const receiving = this.#heldBack ? 0 : agreed;
    const missing = Math.max(0, job.receivers - complete - agreed - unanswered - lost);
    const goal = job.stay ? { missing: 0 } : { wanted: job.receivers, missing };
    return { event: "awaits", complete, receiving, unanswered, lost, ...goal };
  }

  /** The share is offered anew: receivers that lack something come again, under other ids. */
  #beginAnew(): void {
    for (const [id, { done }] of this.#receivers) if (!done) this.#receivers.delete(id);
  }

  /** Of too many that came and went the oldest is forgotten, but for those that have everything. */
  #note(event: ReceiverEvent): void {
    this.#receivers.set(event.id, event);
    if (this.#receivers.size <= RECEIVERS_PER_SHARE) return;
    for (const [id, { done }] of this.#receivers) {
      if (done) continue;
      this.#receivers.delete(id);
      return;
    }
  }

  #reason(): Alone["why"] | undefined {
    if (!this.#online) return "no-relay";
    if (this.#met) return undefined;
    if (this.#job.kind === "send") return this.#job.store ? undefined : "no-receiver";
    // In the lobby to wait is usual.
    return this.#job.lobby ? undefined : "no-offer";
  }

  /** Receivers that lack something come first. */
  #summary({ receivers: wanted, stay }: SendJob): ClientEvent {
    const all = [...this.#receivers.values()];
    const lacking = all.filter(({ done }) => !done);
    const done = all.filter(({ done }) => done);
    const listed = [...lacking, ...done].slice(0, SUMMARY_RECEIVERS);
    const whole = this.#records;
    const begun = (records: number): boolean => records > 0 && !this.#heldBack;
    return {
      event: "summary",
      complete: done.length,
      partial: lacking.filter(({ records }) => begun(records)).length,
      nothing: lacking.filter(({ records }) => !begun(records)).length,
      receivers: listed.map(({ id, name, state, records, done }) => {
        const percent = Math.min(99, Math.floor((100 * records) / whole));
        const part = done ? { percent: 100 } : whole === 0 ? {} : { percent };
        return { id, name, state, records, done, ...part };
      }),
      more: all.length - listed.length,
      ...(stay ? {} : { wanted }),
    };
  }
}
