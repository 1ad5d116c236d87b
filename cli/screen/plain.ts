/**
 * The screens of plain lines: `PlainScreen` for files, pipes and dumb terminals, with a line when something changes and at
 * each tenth of the way; `QuietScreen` for `--quiet`. Both take their sentences from `story.ts`. `mod.ts` opens one of them.
 */
import { RECEIVERS_PER_SHARE } from "../../protocol/wire/limits.ts";
import type { ClientEvent } from "../job/event-schema.ts";
import type { Outcome } from "../job/jobs.ts";
import { percent, rate, shown, size } from "./format.ts";
import { People } from "./people.ts";
import { Rate } from "./position.ts";
import { resultLines } from "./receivers.ts";
import { LineScreen, isLast, type Ask, type Setting } from "./screen.ts";
import { Story, times, type Line } from "./story.ts";
import { makeStyle } from "./style.ts";
import { waitLine } from "./wait-line.ts";

/** Progress is told each time so many per cent are full, and no sooner than so long after the last. */
const STEP_PERCENT = 10;
const STEP_MS = 10_000;
/** There is no terminal to ask how wide it is. */
const PLAIN_COLUMNS = 100;

export interface PlainOutput {
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
  /** ms */
  readonly now: () => number;
  readonly ask?: Ask | undefined;
}

/** For files, pipes and dumb terminals: a line when something changes, and at each tenth. */
export class PlainScreen extends LineScreen {
  readonly #output: PlainOutput;
  readonly #story: Story;
  readonly #people = new People();
  #rate = new Rate();
  #step = 0;
  /** By the receiver's id. */
  readonly #steps = new Map<string, number>();
  #steppedAt = -Infinity;
  #hasResults = false;
  #shownWait: string | undefined;

  constructor(setting: Setting, output: PlainOutput) {
    super(setting, output.ask);
    this.#output = output;
    this.#story = new Story(setting, makeStyle(false));
  }

  show(event: ClientEvent): void {
    if (this.setting.side === "sender" && isLast(event)) this.#results();
    this.#print(this.#story.lines(event));
    if (event.event === "edition") this.#people.begin();
    if (event.event === "source") this.#people.source(event);
    if (event.event === "offer") this.#rate = new Rate();
    if (event.event === "offer") this.#step = 0;
    if (event.event === "resumed") this.#resumed(event);
    if (event.event === "progress") this.#progress(event);
    if (event.event === "receiver") this.#receiver(event);
    if (event.event === "gate") this.#people.heldBack(event, this.#output.now());
    if (["relay", "receiver", "gate"].includes(event.event)) this.#waits();
  }

  override end(outcome: Outcome): void {
    this.#print(this.#story.end(outcome));
  }

  #resumed({ bytes, size }: Extract<ClientEvent, { event: "resumed" }>): void {
    this.#step = stepOf(percent(bytes, size));
  }

  #progress(event: Extract<ClientEvent, { event: "progress" }>): void {
    const now = this.#output.now();
    this.#rate.reached(event.bytes, now);
    if (event.size === 0) return; // empty, or of unknown length
    const done = percent(event.bytes, event.size);
    if (stepOf(done) <= this.#step || (done < 100 && !this.#mayStep(now))) return;
    this.#step = stepOf(done);
    const speed = this.#rate.perSecond(now);
    const verb = this.setting.side === "sender" ? "Uploaded" : "Received";
    const pace = speed === undefined ? "" : `, ${rate(speed)}`;
    this.#write(`${verb} ${done} % (${size(event.bytes)} of ${size(event.size)}${pace})`);
  }

  #receiver(event: Extract<ClientEvent, { event: "receiver" }>): void {
    const now = this.#output.now();
    const { before, person } = this.#people.update(event, now);
    const moved = person.word === "receiving" || person.word === "catching up";
    const step = stepOf(person.percent ?? 0);
    const shownStep = this.#steps.get(person.id) ?? 0;
    const isNew = person.word !== before?.word;
    if (!isNew && !(moved && step > shownStep && this.#mayStep(now))) return;
    this.#steps.set(person.id, step);
    if (this.#steps.size > RECEIVERS_PER_SHARE) this.#steps.clear();
    const part = person.percent === undefined ? "" : `, ${person.percent} %`;
    this.#write(`${shown(person.name)}: ${person.word}${part}${times(event.untold)}`);
  }

  /** Of all positions together, so that a log of many receivers stays short. */
  #mayStep(now: number): boolean {
    if (now - this.#steppedAt < STEP_MS) return false;
    this.#steppedAt = now;
    return true;
  }

  /** Says what the sender waits for, whenever that changes. */
  #waits(): void {
    const waits = waitLine(this.setting.goal, this.#people.all, this.#people.gate);
    if (waits !== undefined && waits !== this.#shownWait) this.#write(waits);
    this.#shownWait = waits ?? this.#shownWait;
  }

  /** Once, before the last words. */
  #results(): void {
    if (this.#hasResults) return;
    this.#hasResults = true;
    const moment = { head: 0, size: 0, now: this.#output.now(), over: true };
    const lines = resultLines(this.#people.all, moment, PLAIN_COLUMNS, makeStyle(false));
    for (const line of lines) this.#write(line);
  }

  #print(lines: readonly Line[]): void {
    for (const { text, error } of lines) {
      if (error) this.#output.err(`${text}\n`);
      else this.#write(text);
    }
  }

  #write(text: string): void {
    this.#output.out(`${text}\n`);
  }
}

function stepOf(done: number): number {
  return Math.floor(done / STEP_PERCENT);
}

/**
 * For `--quiet`: a new code, a text, questions with their subject, errors, and the sum of receivers of
 * a send that is stopped.
 */
export class QuietScreen extends LineScreen {
  readonly #output: Omit<PlainOutput, "now">;

  constructor(setting: Setting, output: Omit<PlainOutput, "now">) {
    super(setting, output.ask);
    this.#output = output;
  }

  show(event: ClientEvent): void {
    const { out, err } = this.#output;
    if (event.event === "code" && !this.setting.lobby) out(`${event.code}\n`);
    if (event.event === "text") out(this.#story(event));
    if (event.event === "summary" || event.event === "unreadable") err(this.#story(event));
    if (event.event === "error" && event.code !== "interrupted") {
      err(`Error: ${shown(event.message)}\n`);
    }
  }

  #story(event: ClientEvent): string {
    const lines = new Story(this.setting, makeStyle(false)).lines(event);
    return lines.map(({ text }) => `${text}\n`).join("");
  }
}
