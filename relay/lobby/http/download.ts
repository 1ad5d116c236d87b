/**
 * One file of the lobby as the body of a response. `HttpDoor` makes one for each GET and HEAD of `/lobby`. A
 * `LobbyReceiver` takes the file from its share and calls this sink; `Reply` carries the answer, as a whole file, a
 * range, or its headers alone.
 */
import {
  baseName,
  type FaultCode,
  type Manifest,
  type ManifestFile,
} from "../../../protocol/mod.ts";

import { refusal } from "../../net/refusal.ts";
import { parseRange } from "./http-request.ts";
import { asciiName } from "../clear-name.ts";
import { LobbyReceiver } from "../lobby-receiver.ts";
import type { Exchange, ExchangeOptions } from "./exchange.ts";
import type { Outgoing, Part } from "../body.ts";
import { Reply, type ReplyTerms } from "./reply.ts";
import type { ClearSink, PlainPart } from "../file-splitter.ts";

/** HEAD waits so long for a file that is being sent. ms */
const HEAD_WAIT_MS = 2000;

export interface DownloadOptions extends ExchangeOptions {
  /** Undefined: the next file, whatever its name. */
  readonly name: string | undefined;
  /** The name that the sender sees. */
  readonly clientName: string;
  readonly isHead: boolean;
  /** The header `Range`. */
  readonly range: string | null;
  readonly terms: ReplyTerms;
  /** All of the body was written; the receipt may take longer. */
  readonly ending: () => void;
}

export class Download implements Exchange, ClearSink {
  readonly response: Promise<Response>;
  readonly #options: DownloadOptions;
  readonly #receiver: LobbyReceiver;
  readonly #reply: Reply;
  readonly #late: NodeJS.Timeout | undefined;
  #step: "waiting" | "taking" | "through" = "waiting";
  #isOnlyFile = false;
  /** Its file has no known size. */
  #isOpen = false;
  #isGone = false;

  constructor(options: DownloadOptions) {
    this.#options = options;
    const { cut } = options;
    this.#reply = new Reply({
      ...options,
      drained: () => this.#receiver.drained(),
      gone: () => this.gone(),
    });
    this.response = this.#reply.response;
    this.#receiver = new LobbyReceiver({
      ...options,
      sink: this,
      name: options.clientName,
      lost: cut,
    });
    if (!options.isHead) return;
    this.#late = setTimeout(() => {
      this.#reply.answer(new Response(null, { status: 404 }));
      this.leave();
    }, HEAD_WAIT_MS);
  }

  get isFull(): boolean {
    return this.#reply.isFull;
  }

  get outgoing(): Outgoing {
    return this.#reply.outgoing;
  }

  wants({ files, open }: Manifest, headBytes: number): "files" | PlainPart | undefined {
    if (this.#step !== "waiting") return undefined;
    const { isHead, range: asked } = this.#options;
    this.#isOnlyFile = files.length === 1;
    this.#isOpen = open;
    const number = files.findIndex((each) => this.#isMeant(each));
    const file = files[number];
    if (file === undefined) return undefined;
    // The size of a stream is unknown, and a server may ignore a range.
    const range = asked === null || open ? undefined : parseRange(asked, file.size);
    if (!isHead && range === undefined) return "files";
    const headers = headersOf(file);
    if (isHead || range === undefined) {
      if (!open) headers.set("content-length", file.size.toString());
      return this.#answerAlone(new Response(null, { headers }));
    }
    if (range === "unsatisfiable") {
      // No header names the file: a client must not save an error under its name.
      const none = { "content-range": `bytes */${file.size}`, "accept-ranges": "bytes" };
      return this.#answerAlone(new Response(null, { status: 416, headers: none }));
    }
    const { first, last } = range;
    headers.set("content-range", `bytes ${first}-${last}/${file.size}`);
    this.#step = "taking";
    this.#isOnlyFile = false;
    this.#reply.begin(206, headers, last - first + 1);
    const before = files.slice(0, number).reduce((sum, { size }) => sum + size, headBytes);
    return { from: before + first, to: before + last + 1 };
  }

  #answerAlone(response: Response): undefined {
    this.#reply.answer(response);
    this.#step = "through";
    this.leave();
    return undefined;
  }

  begin(file: ManifestFile): boolean {
    if (this.#step !== "waiting" || !this.#isMeant(file)) return false;
    if (!this.#reply.begin(200, headersOf(file), this.#isOpen ? undefined : file.size)) {
      this.#step = "through";
      this.leave();
      return false;
    }
    this.#step = "taking";
    return true;
  }

  data(part: Part): void {
    this.#reply.write(part);
  }

  end(): void {
    this.#step = "through";
    this.#options.ending();
    this.#reply.end();
    // It took one of several files, and can't prove that it has all.
    if (!this.#isOnlyFile) this.leave();
  }

  over(fault: FaultCode | undefined): void {
    if (this.#step === "waiting") return;
    if (this.#step === "taking" && fault !== undefined) this.#reply.fail();
    this.leave();
  }

  cutOff(): void {
    this.disconnect();
  }

  tick(): void {
    this.#receiver.tick();
  }

  /** A client that took everything may go: its receipt is on its way. */
  gone(): void {
    this.#reply.gone();
    if (this.#step !== "through" || this.isFull) this.leave();
  }

  leave(): void {
    if (this.#isGone) return;
    this.#isGone = true;
    clearTimeout(this.#late);
    this.#options.left();
    // Not in the middle of a step of the receiver.
    this.#options.clientRouter.later(() => this.#receiver.leave());
  }

  disconnect(): void {
    if (this.#step === "taking") this.#reply.fail();
    this.#reply.answer(refusal(503, "The relay goes away."));
    this.leave();
  }

  #isMeant({ type, path }: ManifestFile): boolean {
    const { name } = this.#options;
    return type === "file" && (name === undefined || path === name || baseName(path) === name);
  }
}

/** The year 10000, in ms. */
const LATEST_HTTP_DATE = 253_402_300_800_000;

function headersOf({ path, mtime }: ManifestFile): Headers {
  const headers = new Headers({
    "content-type": "application/octet-stream",
    "content-disposition": disposition(baseName(path)),
    // A browser must not run the content as a page of the relay, and no proxy may keep it.
    "x-content-type-options": "nosniff",
    // The relay's page has the same origin, and keeps codes there.
    "content-security-policy": "default-src 'none'; sandbox",
    // A proxy that compressed it would drop its length, which tells a part from the whole.
    "cache-control": "no-store, no-transform",
    "accept-ranges": "bytes",
  });
  // An HTTP date has four digits for the year.
  if (mtime > 0 && mtime < LATEST_HTTP_DATE)
    headers.set("last-modified", new Date(mtime).toUTCString());
  return headers;
}

/** RFC 6266 and 8187: a plain name for old clients, the whole name for all others. */
function disposition(name: string): string {
  const plain = asciiName(name);
  const whole = encodeURIComponent(name).replaceAll(
    /['()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return `attachment; filename="${plain}"; filename*=UTF-8''${whole}`;
}
