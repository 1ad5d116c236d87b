import type { ClientAddress } from "./client-address.ts";
import { isIP } from "node:net";

/**
 * The web pages that may reach the relay through a person's browser, and the names of the relay.
 *
 * A browser says in `Origin` which page asks, always for a WebSocket. A page whose own name was made to
 * lead here (DNS rebinding) has an origin that is the host it asks, so that alone proves nothing: the
 * name must also be one that nobody else can have. Programs send no `Origin`, and may call the relay
 * whatever they like; but nor do browsers, for what a page reads from where it came from itself. So
 * where clear files can be read, the name counts for all.
 */
export class WebOrigins {
  readonly #publicOrigin: string | undefined;
  readonly #origins: ReadonlySet<string>;
  readonly #publicName: string | undefined;

  /**
   * @param publicOrigin where people reach the relay; undefined: nobody said
   * @param origins of pages elsewhere that may use it
   */
  constructor(publicOrigin: string | undefined, origins: readonly string[]) {
    this.#publicOrigin = publicOrigin;
    this.#origins = new Set(origins);
    this.#publicName = publicOrigin === undefined ? undefined : new URL(publicOrigin).hostname;
  }

  /** Whether this request may be answered as far as browsers are concerned. */
  allows({ headers }: Pick<Request, "headers">, client: ClientAddress): boolean {
    const origin = headers.get("origin");
    if (origin !== null) return this.isListed(origin) || this.#isOwn(origin, client);
    // For content that a page shows or loads unread, browsers tell this instead of an origin. A link is fine.
    const isForeign = headers.get("sec-fetch-site") === "cross-site";
    return !isForeign || headers.get("sec-fetch-dest") === "document";
  }

  /** Whether it is a page elsewhere that the operator listed: it may read answers. */
  isListed(origin: string): boolean {
    return this.#origins.has(origin);
  }

  /** Whether a client called the relay by its public name. */
  isPublicName({ origin }: ClientAddress): boolean {
    return new URL(origin).hostname === this.#publicName;
  }

  /** Whether the relay was called by a name that no page elsewhere can have. */
  knowsName({ origin }: ClientAddress): boolean {
    const { protocol, hostname } = new URL(origin);
    // No other server has a certificate for it that leads here.
    return protocol === "https:" || hostname === this.#publicName || isNobodyElses(hostname);
  }

  #isOwn(origin: string, client: ClientAddress): boolean {
    if (origin === this.#publicOrigin) return true;
    const page = URL.parse(origin);
    if (page === null || page.origin !== origin) return false;
    if (page.host !== new URL(client.origin).host) return false;
    return page.protocol === "https:" || isNobodyElses(page.hostname);
  }
}

/** Top levels that are not on the internet: RFC 6761, 6762, 8375, ICANN's `internal`, and routers' `lan`. */
const LOCAL = /(?:^|\.)(?:localhost|local|lan|internal|home\.arpa)$/;

/** Addresses, names without a dot and those of local networks can't be made to lead here by a stranger. */
export function isNobodyElses(hostname: string): boolean {
  const name = hostname.replace(/\.$/, "");
  const bare = name.startsWith("[") ? name.slice(1, -1) : name;
  return isIP(bare) !== 0 || !name.includes(".") || LOCAL.test(name);
}

/** The answer to a browser's preflight for a listed page. */
export function preflight(): Response {
  return new Response(null, {
    status: 204,
    headers: {
      "access-control-allow-methods": "GET, HEAD, PUT, POST",
      "access-control-allow-headers": "authorization, content-type, range",
      "access-control-max-age": "600",
    },
  });
}

/** Lets a listed page read an answer. */
export function readable(response: Response, origin: string): Response {
  makeReadable(response.headers, origin);
  return response;
}

/** The same of the headers alone. */
export function makeReadable(headers: Headers, origin: string): void {
  headers.set("access-control-allow-origin", origin);
  headers.set(
    "access-control-expose-headers",
    "accept-ranges, content-disposition, content-range, retry-after, www-authenticate",
  );
  headers.append("vary", "origin");
}

/** A name or an address, and perhaps a port: no user, no path. */
const HOST = /^(?:[\w.-]+|\[[\da-f:.]+\])(?::\d{1,5})?$/i;

/**
 * A page whose name was made to lead to this machine (DNS rebinding) has that name as its host; an
 * address can't be made to lead elsewhere.
 * @param host the header. @param own what the listener was given as its address
 */
export function isOwnHost(host: string | null, own: string): boolean {
  if (host === null || !HOST.test(host)) return false;
  const name = URL.parse(`http://${host}`)?.hostname;
  if (name === undefined) return false;
  const bare = name.startsWith("[") ? name.slice(1, -1) : name;
  return isIP(bare) !== 0 || name === "localhost" || name === own.toLowerCase();
}

/** Browsers say which page asks; programs say nothing. */
export function isOwnOrigin(origin: string | null, host: string | null): boolean {
  if (origin === null) return true;
  return host !== null && URL.parse(origin)?.host === host;
}
