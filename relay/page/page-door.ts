/**
 * The door for browsers. The worker's router asks it first: it has an answer for the page and its files, and for no other
 * path. It asks the main thread for the files with the first request, and answers from memory after that.
 */
import type { PageFile } from "../../web/mod.ts";
import { isLoopback } from "../access/address.ts";
import { isNobodyElses } from "../access/origins.ts";
import type { RequestContext } from "../lobby/http/exchange.ts";
import { isGet, wantsHtml } from "../lobby/http/http-request.ts";
import { refusal } from "../net/refusal.ts";

type Answer = Response | Promise<Response>;
type Encoding = "br" | "gzip" | "identity";

/** A file with its bytes in each encoding; a Blob is not copied for a response. */
interface Served {
  readonly headers: PageFile["headers"];
  readonly bodies: ReadonlyMap<Encoding, Blob>;
}

/**
 * After the main thread had no files, requests get the help page for so long, and the next one asks again. A
 * bundling takes about a second of CPU. ms
 */
export const PAGE_RETRY_MS = 10_000;

const BELOW = "/page/";
const MANIFEST = "/manifest.webmanifest";
/** The two places that the page's service worker answers; a request for them that comes here found none. */
const SAVES = "/page/save/";
const SHARE_PATH = "/page/share";

const NO_SAVE =
  "This download came from a page of fileshare that is closed, or whose service worker is gone. " +
  "Open the page again, and receive once more.";
const NO_SHARE =
  "The page was not ready to take what you shared. Open the page, and share again, or choose the files there.";

/** Whether it is of the page alone, whatever the relay has there. */
export function isPagePath(pathname: string): boolean {
  return pathname.startsWith(BELOW) || pathname === MANIFEST;
}

export class PageDoor {
  readonly #want: () => void;
  readonly #now: () => number;
  /** `asked`: the main thread will answer in any case. */
  #at: "unknown" | "asked" | "known" = "unknown";
  #files: ReadonlyMap<string, Served> | undefined;
  /** When the main thread had no files; ms. */
  #failedAt = -Infinity;
  /** Requests that wait for the files; each has a connection, and those are limited. */
  #waiting: (() => void)[] = [];

  /**
   * @param want asks for the files; `take` gets them
   * @param now ms
   */
  constructor(want: () => void, now = () => performance.now()) {
    this.#want = want;
    this.#now = now;
  }

  /** @param files undefined: there are none */
  take(files: readonly PageFile[] | undefined): void {
    this.#at = "known";
    if (files === undefined) this.#failedAt = this.#now();
    this.#files = files && new Map(files.map((file) => [`/${file.path}`, served(file)]));
    for (const go of this.#waiting.splice(0)) go();
  }

  /**
   * @param otherwise the answer of a relay without a page
   * @returns undefined: not its path
   */
  fetch(context: RequestContext, otherwise: () => Answer): Answer | undefined {
    const { request, url } = context;
    const { pathname } = url;
    if (!isPagePath(pathname) && !(pathname === "/" && wantsHtml(request))) return undefined;
    if (pathname === SHARE_PATH) return refusal(303, NO_SHARE, { location: "../", ...NO_STORE });
    if (pathname.startsWith(SAVES)) return refusal(404, NO_SAVE, NO_STORE);
    if (!isGet(request.method)) return refusal(405, "Not that method.", { allow: "GET, HEAD" });
    const isDue = this.#files === undefined && this.#now() - this.#failedAt >= PAGE_RETRY_MS;
    if (this.#at === "known" && !isDue) return this.#answer(context) ?? otherwise();
    return this.#later(context, otherwise);
  }

  async #later(context: RequestContext, otherwise: () => Answer): Promise<Response> {
    await new Promise<void>((resolve) => {
      this.#waiting.push(resolve);
      if (this.#at === "asked") return;
      this.#at = "asked";
      this.#want();
    });
    return this.#answer(context) ?? otherwise();
  }

  #answer({ request, url, client }: RequestContext): Response | undefined {
    const file = this.#files?.get(url.pathname);
    if (file === undefined) return undefined;
    const { headers: asked } = request;
    const headers = new Headers(file.headers);
    // Chromium ignores it there, and complains of it to the person who looks.
    if (isPlainLan(client.origin)) headers.delete("cross-origin-opener-policy");
    // Also where the file has one encoding: the page itself and its help share an address.
    headers.set("vary", "accept, accept-encoding");
    if (hasTag(asked.get("if-none-match"), file.headers["etag"])) {
      headers.delete("content-type");
      return new Response(null, { status: 304, headers });
    }
    const encoding = encodingOf(asked.get("accept-encoding"), file.bodies);
    if (encoding !== "identity") headers.set("content-encoding", encoding);
    return new Response(file.bodies.get(encoding) ?? null, { headers });
  }
}

const NO_STORE = { "cache-control": "no-store" };

function served({ headers, bytes, brotli, gzip }: PageFile): Served {
  const bodies = new Map<Encoding, Blob>([["identity", new Blob([bytes])]]);
  if (brotli !== undefined) bodies.set("br", new Blob([brotli]));
  if (gzip !== undefined) bodies.set("gzip", new Blob([gzip]));
  return { headers, bodies };
}

/**
 * Whether a browser of another machine certainly came without TLS. A name of the internet may be that of a proxy with TLS,
 * which the relay was not told to trust.
 */
function isPlainLan(origin: string): boolean {
  const { protocol, hostname } = new URL(origin);
  const isHere = hostname === "localhost" || isLoopback(hostname.replace(/^\[(.*)\]$/, "$1"));
  return protocol === "http:" && !isHere && isNobodyElses(hostname);
}

/** The smallest that the client takes. A weight counts only as far as 0 refuses the encoding. */
function encodingOf(accepted: string | null, has: ReadonlyMap<Encoding, Blob>): Encoding {
  const taken = new Set<string>();
  for (const entry of (accepted ?? "").toLowerCase().split(",")) {
    const [name = "", ...parameters] = entry.split(";").map((part) => part.trim());
    if (!parameters.some((parameter) => /^q=0(?:\.0*)?$/.test(parameter))) taken.add(name);
  }
  const order: readonly Encoding[] = ["br", "gzip"];
  return order.find((encoding) => taken.has(encoding) && has.has(encoding)) ?? "identity";
}

function hasTag(asked: string | null, tag: string | undefined): boolean {
  if (asked === null || tag === undefined) return false;
  return asked.split(",").some((each) => each.trim() === tag || each.trim() === "*");
}
