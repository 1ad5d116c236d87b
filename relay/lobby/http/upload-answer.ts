import { utf8 } from "../../../protocol/mod.ts";

import { PLAIN_TEXT, refusal } from "../../net/refusal.ts";
import { ByteStream, type ByteStreamOptions } from "./byte-stream.ts";
import { partOf } from "../body.ts";

/** Lines that may wait for a client that does not read, or for the end. */
const LINES_WAITING = 1000;

const HEADERS = { ...PLAIN_TEXT, "cache-control": "no-store" };

/** The lines about an upload, as its response. */
export interface UploadAnswer {
  readonly response: Response | Promise<Response>;
  write(line: string): void;
  end(outcome: UploadOutcome): void;
}

/** `late`: the body came too slowly. */
export type UploadOutcome = "done" | "failed" | "late";

const STATUS: Readonly<Record<UploadOutcome, number>> = { done: 200, failed: 503, late: 408 };

/**
 * The delay after `100 Continue`: HAProxy 2.6 takes an answer that follows at once for a part of that, and drops the
 * rest (compare https://github.com/haproxy/haproxy/issues/2587). ms
 */
const APART_MS = 100;

/** Each line leaves at once. After a failure the connection is reset, since the status has left. */
export class LinesAtOnce implements UploadAnswer {
  readonly response: Response | Promise<Response>;
  readonly #lines: ByteStream;

  /** @param isExpecting the client waits for `100 Continue` before it sends */
  constructor(options: ByteStreamOptions, isExpecting: boolean) {
    this.#lines = new ByteStream(options);
    const response = new Response(this.#lines.stream, { headers: HEADERS });
    this.response = isExpecting ? Bun.sleep(APART_MS).then(() => response) : response;
  }

  write(line: string): void {
    // A client that does not read misses lines.
    if (this.#lines.waiting < LINES_WAITING) this.#lines.write(partOf(utf8(`${line}\n`)));
  }

  end(outcome: UploadOutcome): void {
    if (outcome === "done") this.#lines.end();
    else this.#lines.breakOff();
  }
}

/** All lines leave at the end, and the status tells the outcome: for scripts, and behind proxies that hide a reset. */
export class LinesAtTheEnd implements UploadAnswer {
  readonly response: Promise<Response>;
  readonly #answer: (response: Response) => void;
  readonly #lines: string[] = [];

  constructor() {
    const { promise, resolve } = Promise.withResolvers<Response>();
    this.response = promise;
    this.#answer = resolve;
  }

  write(line: string): void {
    this.#lines.push(line);
    // The last lines matter.
    if (this.#lines.length > LINES_WAITING) this.#lines.shift();
  }

  end(outcome: UploadOutcome): void {
    this.#answer(refusal(STATUS[outcome], this.#lines.join("\n"), HEADERS));
  }
}
