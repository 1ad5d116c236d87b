import type { PeerKey } from "../../system/connections.ts";
import { refusal } from "../../net/refusal.ts";
import { IDLE_AFTER_SECONDS, type Body, type Outgoing, type Part } from "../body.ts";
import { ByteStream, type ByteStreamOptions } from "./byte-stream.ts";
import { RawBody, type RawKernel } from "./raw-body.ts";

/** The connection of a request, to be written to by the kernel. */
export interface Wire {
  readonly native: RawKernel;
  readonly peer: PeerKey;
}

export interface ReplyTerms {
  /** Undefined: by Bun alone, as with TLS. */
  readonly wire: Wire | undefined;
  /** The answer may pass a proxy of HTTP/1.0, see `isOld`. */
  readonly isOld: boolean;
  /** Adds the headers that every answer to this client has. */
  readonly dress: (headers: Headers) => void;
  /** Gives the connection up when nothing passes for so long. */
  readonly idle: (seconds: number) => void;
}

export type ReplyOptions = ByteStreamOptions & { readonly terms: ReplyTerms };

/** For clients of HTTP/1.0, which take the end of the connection for the end of the file. */
const VERSION_NOT_SUPPORTED = 505;
const OLD =
  "The length of this is unknown, so a client of HTTP/1.0 could not tell a part from the whole. " +
  "Ask by HTTP/1.1, through a proxy too (nginx: proxy_http_version 1.1;), or have it sent as a file and not as a stream.";

const GONE = "The relay lost the connection of this request; try again.";

const REASONS = { 200: "OK", 206: "Partial Content" } as const;

type Status = keyof typeof REASONS;

const NOTHING: Outgoing = { isFull: false, taken: 0 };

/**
 * The answer to a request that waits for its content: a plain response, or a body that is written part by part. The
 * kernel writes a body of known length (`RawBody`); Bun streams all others (`ByteStream`).
 */
export class Reply {
  readonly response: Promise<Response>;
  readonly #options: ReplyOptions;
  readonly #answer: (response: Response) => void;
  #body: Body | undefined;

  constructor(options: ReplyOptions) {
    this.#options = options;
    const { promise, resolve } = Promise.withResolvers<Response>();
    this.response = promise;
    this.#answer = resolve;
  }

  get isFull(): boolean {
    return this.#body?.isFull === true;
  }

  get outgoing(): Outgoing {
    return this.#body ?? NOTHING;
  }

  /** Does nothing after another answer. */
  answer(response: Response): void {
    if (this.#body === undefined) this.#answer(response);
  }

  /**
   * Begins a body for `write`.
   * @param length undefined: unknown; bytes
   * @returns false: a client of HTTP/1.0 gets no body without a length; it was told so
   */
  begin(status: Status, headers: Headers, length: number | undefined): boolean {
    const options = this.#options;
    const { terms } = options;
    if (length === undefined && terms.isOld) {
      this.#answer(refusal(VERSION_NOT_SUPPORTED, OLD, { connection: "close" }));
      return false;
    }
    if (length !== undefined && terms.wire !== undefined) {
      terms.dress(headers);
      const head = headOf(status, headers, length);
      const lost = (): void => {
        if (body.taken === 0) this.#answer(refusal(503, GONE));
        options.gone();
      };
      // Bun does not see what passes.
      const passes = (): void => terms.idle(IDLE_AFTER_SECONDS);
      const drained = (): void => options.drained();
      const events = { drained, gone: lost, passes };
      const body = new RawBody({ ...terms.wire, head, length, events });
      this.#body = body;
      body.start();
      return true;
    }
    const stream = new ByteStream(options);
    this.#body = stream;
    this.#answer(new Response(stream.stream, { status, headers }));
    return true;
  }

  write(part: Part): void {
    if (this.#body === undefined) part.done();
    else this.#body.write(part);
  }

  end(): void {
    this.#body?.end();
  }

  fail(): void {
    this.#body?.fail();
  }

  /** The client is gone. Bun still waits for the response if the kernel wrote the answer. */
  gone(): void {
    this.#answer(new Response(null));
  }
}

function headOf(status: Status, headers: Headers, length: number): string {
  const all = new Headers(headers);
  all.set("content-length", length.toString());
  all.set("date", new Date().toUTCString());
  all.set("connection", "close");
  const lines = [...all].map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${status} ${REASONS[status]}\r\n${lines.join("")}\r\n`;
}
