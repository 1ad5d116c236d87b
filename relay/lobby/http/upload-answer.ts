import { utf8 } from "../../../protocol/mod.ts";

import { refusal } from "../../net/http-refusal.ts";
import { ByteStream, type ByteStreamOptions } from "./byte-stream.ts";
import { partOf } from "../body.ts";

/** Lines that may wait for a client that does not read them, or for the end. */
const LINES_WAITING = 1000;

const HEADERS = { "content-type": "text/plain; charset=utf-8", "cache-control": "no-store" };

/** The lines that say what becomes of an upload. */
export interface UploadAnswer {
  readonly response: Response | Promise<Response>;
  say(line: string): void;
  end(outcome: UploadOutcome): void;
}

/** `late`: the body came too slowly. */
export type UploadOutcome = "done" | "failed" | "late";

const STATUS: Readonly<Record<UploadOutcome, number>> = { done: 200, failed: 503, late: 408 };

/**
 * HAProxy 2.6 takes an answer that follows `100 Continue` at once for a part of that, and drops the rest
 * (https://github.com/haproxy/haproxy/issues/2587 is of this kind). After so long they are apart. ms
 */
const APART_MS = 100;

/** Each line leaves when it is said. Of a failure the status says nothing any more: the connection is reset. */
export class LinesAtOnce implements UploadAnswer {
  readonly response: Response | Promise<Response>;
  readonly #lines: ByteStream;

  /** @param isExpecting the client waits for `100 Continue` before it sends */
  constructor(options: ByteStreamOptions, isExpecting: boolean) {
    this.#lines = new ByteStream(options);
    const response = new Response(this.#lines.stream, { headers: HEADERS });
    this.response = isExpecting ? Bun.sleep(APART_MS).then(() => response) : response;
  }

  say(line: string): void {
    // A client that reads none of it misses some.
    if (this.#lines.waiting < LINES_WAITING) this.#lines.write(partOf(utf8(`${line}\n`)));
  }

  end(outcome: UploadOutcome): void {
    if (outcome === "done") this.#lines.end();
    else this.#lines.breakOff();
  }
}

/** All lines are one answer, whose status says how it ended: for scripts, and through what hides a reset. */
export class LinesAtTheEnd implements UploadAnswer {
  readonly response: Promise<Response>;
  readonly #answer: (response: Response) => void;
  readonly #lines: string[] = [];

  constructor() {
    const { promise, resolve } = Promise.withResolvers<Response>();
    this.response = promise;
    this.#answer = resolve;
  }

  say(line: string): void {
    this.#lines.push(line);
    // The last are those that count.
    if (this.#lines.length > LINES_WAITING) this.#lines.shift();
  }

  end(outcome: UploadOutcome): void {
    this.#answer(refusal(STATUS[outcome], this.#lines.join("\n"), HEADERS));
  }
}
