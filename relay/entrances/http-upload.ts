import {
  RECEIVERS_PER_SHARE,
  Tempo,
  escapeForDisplay,
  faultMessage,
  utf8,
  type ReceiverView,
} from "../../protocol/mod.ts";

import { BodyPace } from "./body-pace.ts";
import { ByteStream } from "./byte-stream.ts";
import { clearName } from "./clear-name.ts";
import { LobbySender, type LobbyOutcome } from "./lobby-sender.ts";
import type { EntranceOptions } from "./mod.ts";
import { partOf } from "./part.ts";

/** Lines that may wait for a client that does not read them. */
const LINES_WAITING = 1000;
/** Lines about receivers, who come and go as they like: as many at once, and then one each so often. */
const RECEIVER_LINES = { atOnce: 200, everyMs: 100 };

export interface UploadOptions extends EntranceOptions {
  readonly request: Request;
  readonly name: string;
  readonly size: number | undefined;
  /** Receivers to wait for, one at least. */
  readonly waitFor: number;
}

/** The body of a request as a file in the lobby. The response says, line by line, what becomes of it. */
export class Upload {
  readonly response: Response;
  readonly #options: UploadOptions;
  readonly #lines: ByteStream;
  readonly #sender: LobbySender;
  /** What each receiver was last said to do. */
  readonly #told = new Map<string, string>();
  readonly #tempo = new Tempo(RECEIVER_LINES);
  /** Lines that were left out since the last. */
  #untold = 0;
  #room: (() => void) | undefined;
  /** Undefined: everything came, or nobody knows how much will. */
  #pace: BodyPace | undefined;
  #isOver = false;

  /** @throws FaultError `share-too-big` */
  constructor(options: UploadOptions) {
    this.#options = options;
    const { request, size, waitFor } = options;
    const name = clearName(options.name);
    this.#lines = new ByteStream({
      memory: options.memory,
      address: options.visitor.limitKey,
      drained: () => undefined,
      gone: () => this.gone(),
      cut: () => options.cut(this),
    });
    this.#sender = new LobbySender({
      ...options,
      name,
      size,
      waitFor,
      events: {
        room: () => this.#room?.(),
        receiver: (view) => this.#tell(view),
        over: (outcome) => this.#over(outcome),
      },
    });
    const many = waitFor === 1 ? "a receiver" : `${waitFor} receivers`;
    this.#say(`${escapeForDisplay(name)} is in the lobby; waiting for ${many}`);
    this.response = new Response(this.#lines.stream, {
      headers: { "content-type": "text/plain; charset=utf-8", "cache-control": "no-store" },
    });
    if (size !== undefined && size > 0) this.#pace = new BodyPace(options.clock());
    void this.#feed(request.body);
  }

  tick(): void {
    const { bounds, clock } = this.#options;
    if (this.#pace?.isLate(bounds.limits["message-timeout"], clock()) === true) {
      this.#pace = undefined;
      this.#say(`failed: ${bounds.over("message-timeout").message}`);
      this.#sender.abort();
      return;
    }
    this.#sender.tick();
  }

  gone(): void {
    this.#sender.abort();
  }

  farewell(): void {
    this.#sender.abort();
  }

  async #feed(body: ReadableStream<Uint8Array> | null): Promise<void> {
    const { clock } = this.#options;
    try {
      for await (const chunk of body ?? []) {
        if (this.#isOver) return;
        this.#pace?.came(chunk.length, clock());
        if (this.#sender.write(chunk)) continue;
        this.#pace?.pause();
        const { promise, resolve } = Promise.withResolvers<void>();
        this.#room = resolve;
        await promise;
        this.#room = undefined;
        this.#pace?.resume(clock());
      }
      this.#pace = undefined;
      this.#sender.end();
    } catch {
      // The client went away amid its body, or sent one that is no body.
      this.#sender.abort();
    }
  }

  #tell({ id, name, state, verified }: ReceiverView): void {
    const says = verified ? "has all of it" : SAYS[state];
    const key = Buffer.from(id).toString("hex");
    if (says === undefined || this.#told.get(key) === says) return;
    this.#told.set(key, says);
    if (this.#told.size > RECEIVERS_PER_SHARE) {
      const [oldest] = this.#told.keys();
      if (oldest !== undefined) this.#told.delete(oldest);
    }
    // Who has everything says so once.
    if (!verified && !this.#tempo.take(this.#options.clock())) {
      this.#untold++;
      return;
    }
    const more = this.#untold === 0 ? "" : ` (${this.#untold} lines left out before)`;
    this.#untold = 0;
    this.#say(`${escapeForDisplay(name) || "a receiver"} ${says}${more}`);
  }

  #over({ fault, detail, verified, failed }: LobbyOutcome): void {
    this.#isOver = true;
    if (this.#untold > 0) this.#say(`${this.#untold} lines about receivers were left out`);
    this.#room?.();
    this.#options.left(this);
    if (fault === undefined) {
      const missing = failed === 0 ? "" : `, ${failed} went away before the end`;
      this.#say(
        `done: ${verified} ${verified === 1 ? "receiver has" : "receivers have"} it${missing}`,
      );
      this.#lines.end();
    } else {
      this.#say(`failed: ${faultMessage(fault, detail)}`);
      this.#lines.breakOff();
    }
  }

  #say(line: string): void {
    // Who reads none of it misses some.
    if (this.#lines.waiting >= LINES_WAITING) return;
    this.#lines.write(partOf(utf8(`${line}\n`)));
  }
}

const SAYS: Readonly<Partial<Record<ReceiverView["state"], string>>> = {
  live: "receives",
  behind: "receives",
  lost: "lost its line",
  left: "went away",
};
