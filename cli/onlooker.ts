/**
 * Looks at what happens in a send or receive, and adds what no single event says: that nobody comes,
 * what became of each receiver when a send is stopped, and that its time was over.
 */
import { FAULTS, faultMessage } from "../protocol/faults.ts";
import { ALONE_MS, RECEIVERS_PER_SHARE, SUMMARY_RECEIVERS } from "../protocol/limits.ts";
import type { ClientEvent } from "./events.ts";
import type { Job, Outcome } from "./jobs.ts";

type ReceiverEvent = Extract<ClientEvent, { event: "receiver" }>;
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
  /** The other side was seen. */
  #met = false;
  #why: Alone["why"] | undefined;
  #since: number;
  #told = false;
  #late = false;
  #timer: NodeJS.Timeout | undefined;

  /** @param now ms */
  constructor(job: Job, post: (event: ClientEvent) => void, now = () => performance.now()) {
    this.#job = job;
    this.#post = post;
    this.#now = now;
    this.#since = now();
  }

  /** Looks by itself, until `end`. */
  begin(): void {
    this.#timer = setInterval(() => this.look(), LOOK_EVERY_MS);
  }

  /** The time given for all of it is over: the interruption that follows is for that. */
  late(): void {
    this.#late = true;
  }

  see(event: ClientEvent): void {
    if (event.event === "relay") this.#online = event.online;
    else if (event.event === "source") this.#records = event.open ? 0 : event.records;
    else if (event.event === "receiver") this.#note(event);
    else if (event.event === "edition") this.#beginAnew();
    const here = ["receiver", "asks", "offer", "unadmitted", "done"].includes(event.event);
    if (here) this.#met = true;
    if (event.event !== "error" || event.code !== "interrupted") {
      this.#post(event);
      return;
    }
    if (this.#job.kind === "send" && this.#receivers.size > 0) this.#post(this.#summary());
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
    const now = this.#now();
    const why = this.#reason();
    if (why !== this.#why) {
      this.#why = why;
      this.#since = now;
      this.#told = false;
    }
    if (why === undefined || this.#told || now - this.#since < ALONE_MS) return;
    this.#told = true;
    this.#post({ event: "alone", why, seconds: ALONE_MS / 1000, relay: this.#job.relay });
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
    if (this.#job.kind === "send") return "no-receiver";
    // In the lobby to wait is usual.
    return this.#job.lobby ? undefined : "no-offer";
  }

  /** Receivers that lack something come first. */
  #summary(): ClientEvent {
    const all = [...this.#receivers.values()];
    const lacking = all.filter(({ done }) => !done);
    const done = all.filter(({ done }) => done);
    const listed = [...lacking, ...done].slice(0, SUMMARY_RECEIVERS);
    const whole = this.#records;
    return {
      event: "summary",
      complete: done.length,
      partial: lacking.filter(({ records }) => records > 0).length,
      nothing: lacking.filter(({ records }) => records === 0).length,
      receivers: listed.map(({ id, name, state, records, done }) => {
        const percent = Math.min(99, Math.floor((100 * records) / whole));
        const part = done ? { percent: 100 } : whole === 0 ? {} : { percent };
        return { id, name, state, records, done, ...part };
      }),
      more: all.length - listed.length,
    };
  }
}
