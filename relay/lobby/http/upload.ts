/**
 * The body of a request as a file in the lobby. `HttpDoor` makes one for each PUT and POST to `/lobby`. It feeds a
 * `LobbySender` as fast as that takes the bytes, and the response reports on the transfer line by line. A body of
 * known length that comes too slowly is ended.
 */
import {
  BoundedMap,
  FRAME_BYTES,
  RECEIVERS_PER_SHARE,
  TokenBucket,
  escapeForDisplay,
  faultMessage,
  toHex,
  type ReceiverView,
} from "../../../protocol/mod.ts";

import { StallTimer } from "../../limits/stall-timer.ts";
import { clearName } from "../clear-name.ts";
import { LobbySender, type LobbyOutcome } from "../lobby-sender.ts";
import type { Exchange, ExchangeOptions } from "./exchange.ts";
import { LinesAtOnce, LinesAtTheEnd, type UploadAnswer } from "./upload-answer.ts";

/** A line comes at least so often: proxies give up an answer that is silent for 60 s, HAProxy in Debian for 50 s. ms */
export const QUIET_MS = 25_000;
/** Lines about receivers, which come and go as they like: so many at once, then one per interval. */
const RECEIVER_LINES = { atOnce: 200, everyMs: 100 };

export interface UploadOptions extends ExchangeOptions {
  readonly request: Request;
  readonly name: string;
  readonly size: number | undefined;
  /** Receivers to wait for, one at least. */
  readonly waitFor: number;
  readonly answer: "at-once" | "at-end";
}

/**
 * Whether the body of a request comes on: FRAME_BYTES of it have as long as a message of a WebSocket. A body
 * of unknown length is not timed, since it may come from a program that is silent.
 */
export class BodyProgress {
  readonly #stall = new StallTimer();
  #bytes = 0;
  #steps = 0;
  #isPaused = false;

  constructor(now: number) {
    this.#stall.stalledFor(this.#steps, now);
  }

  came(bytes: number, now: number): void {
    this.#bytes += bytes;
    if (this.#bytes >= FRAME_BYTES) this.#step(now);
  }

  /** It is not read for a while: there is no room for it. */
  pause(): void {
    this.#isPaused = true;
  }

  resume(now: number): void {
    this.#isPaused = false;
    this.#step(now);
  }

  isLate(messageMs: number, now: number): boolean {
    return this.#stall.stalledFor(this.#isPaused ? undefined : this.#steps, now) >= messageMs;
  }

  #step(now: number): void {
    this.#bytes = 0;
    this.#stall.stalledFor(++this.#steps, now);
  }
}

export class Upload implements Exchange {
  readonly response: Response | Promise<Response>;
  readonly #options: UploadOptions;
  readonly #lines: UploadAnswer;
  readonly #sender: LobbySender;
  /** The last line about each receiver. */
  readonly #lastLines = new BoundedMap<string, string>(RECEIVERS_PER_SHARE);
  readonly #lineRate = new TokenBucket();
  /** Lines that were left out since the last. */
  #leftOut = 0;
  #lastLineAt = 0;
  #room: (() => void) | undefined;
  /** Undefined: everything came, or the length is unknown. */
  #progress: BodyProgress | undefined;
  #isOver = false;
  /** Its body came too slowly. */
  #isLate = false;

  /** @throws FaultError `share-too-big` */
  constructor(options: UploadOptions) {
    this.#options = options;
    const { request, size, waitFor } = options;
    const name = clearName(options.name, { stay: true });
    this.#lines =
      options.answer === "at-end"
        ? new LinesAtTheEnd()
        : new LinesAtOnce(
            { ...options, drained: () => undefined, gone: () => this.gone() },
            request.headers.has("expect"),
          );
    this.response = this.#lines.response;
    this.#sender = new LobbySender({
      ...options,
      name,
      size,
      waitFor,
      events: {
        room: () => this.#room?.(),
        receiver: (view) => this.#reportReceiver(view),
        over: (outcome) => this.#over(outcome),
      },
    });
    this.#write(`${escapeForDisplay(name)} is in the lobby; waiting for ${this.#awaited}`);
    if (size !== undefined && size > 0) this.#progress = new BodyProgress(options.clock());
    void this.#feed(request.body);
  }

  tick(): void {
    const { limits, clock } = this.#options;
    if (this.#progress?.isLate(limits.now["message-timeout"], clock()) === true) {
      this.#progress = undefined;
      this.#isLate = true;
      this.#write(`failed: ${limits.over("message-timeout").message}`);
      this.#sender.abort();
      return;
    }
    this.#sender.tick();
    if (this.#isOver || clock() - this.#lastLineAt < QUIET_MS) return;
    this.#write(this.#sender.isOpen ? "on its way" : `still waiting for ${this.#awaited}`);
  }

  get #awaited(): string {
    const { waitFor } = this.#options;
    return waitFor === 1 ? "a receiver" : `${waitFor} receivers`;
  }

  gone(): void {
    this.#sender.abort();
  }

  disconnect(): void {
    this.#sender.abort();
  }

  async #feed(body: ReadableStream<Uint8Array> | null): Promise<void> {
    const { clock } = this.#options;
    try {
      for await (const chunk of body ?? []) {
        if (this.#isOver) return;
        this.#progress?.came(chunk.length, clock());
        if (this.#sender.write(chunk)) continue;
        this.#progress?.pause();
        const { promise, resolve } = Promise.withResolvers<void>();
        this.#room = resolve;
        await promise;
        this.#room = undefined;
        this.#progress?.resume(clock());
      }
      this.#progress = undefined;
      this.#sender.end();
    } catch {
      // The client went away amid its body, or sent an invalid one.
      this.#sender.abort();
    }
  }

  #reportReceiver({ id, name, state, verified, unconfirmed }: ReceiverView): void {
    const all = unconfirmed === true ? "was sent all of it" : "has all of it";
    const line = verified ? all : STATE_LINES[state];
    const key = toHex(id);
    if (line === undefined || this.#lastLines.get(key) === line) return;
    this.#lastLines.set(key, line);
    // The line about a receiver that has everything always comes.
    if (!verified && !this.#lineRate.take(RECEIVER_LINES, this.#options.clock())) {
      this.#leftOut++;
      return;
    }
    const more = this.#leftOut === 0 ? "" : ` (${this.#leftOut} lines left out before)`;
    this.#leftOut = 0;
    this.#write(`${escapeForDisplay(name) || "a receiver"} ${line}${more}`);
  }

  #over(outcome: LobbyOutcome): void {
    const { fault, detail } = outcome;
    this.#isOver = true;
    if (this.#leftOut > 0) this.#write(`${this.#leftOut} lines about receivers were left out`);
    this.#room?.();
    this.#options.left();
    if (fault === undefined) {
      this.#write(outcomeText(outcome));
    } else if (!this.#isLate) {
      this.#write(`failed: ${faultMessage(fault, detail)}`);
    }
    const failed = this.#isLate ? "late" : "failed";
    this.#lines.end(fault === undefined ? "done" : failed);
  }

  #write(line: string): void {
    this.#lastLineAt = this.#options.clock();
    this.#lines.write(line);
  }
}

/** A client that speaks no fileshare can't confirm that it saved the file: it counts as sent to. */
function outcomeText({ verified, unconfirmed, failed }: LobbyOutcome): string {
  const missing = failed === 0 ? "" : `, ${failed} went away before the end`;
  const sure = verified - unconfirmed;
  const have = `done: ${sure} ${sure === 1 ? "receiver has" : "receivers have"} it`;
  if (unconfirmed === 0) return have + missing;
  const cannot = `can't say that ${unconfirmed === 1 ? "it" : "they"} saved it`;
  if (sure > 0) return `${have}, sent to ${unconfirmed} that ${cannot}${missing}`;
  const receivers = unconfirmed === 1 ? "receiver" : "receivers";
  return `sent: to ${unconfirmed} ${receivers} that ${cannot}${missing}`;
}

const STATE_LINES: Readonly<Partial<Record<ReceiverView["state"], string>>> = {
  live: "receives",
  behind: "receives",
  lost: "lost its line",
  left: "went away",
};
