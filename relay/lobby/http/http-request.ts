/** The parts of a request that the lobby reads: path, query and headers. */
import { RECEIVERS_PER_SHARE, fromHex } from "../../../protocol/mod.ts";

export interface CiphertextPath {
  /** Id of the share in hex. */
  readonly share: string;
  /** 16 bytes */
  readonly capability: Uint8Array;
}

/** Of `/c/<share>/<capability>`, both 16 bytes in lower-case hex; undefined: another path. */
export function ciphertextIn(pathname: string): CiphertextPath | undefined {
  const [, share, hex = ""] = CIPHERTEXT.exec(pathname) ?? [];
  const capability = fromHex(hex);
  if (share === undefined || capability === undefined) return undefined;
  return { share, capability };
}

const CIPHERTEXT = /^\/c\/([0-9a-f]{32})\/([0-9a-f]{32})$/;

export function isGet(method: string): boolean {
  return method === "GET" || method === "HEAD";
}

/** Browsers name it for a page, and curl takes anything. */
export function wantsHtml({ headers }: Pick<Request, "headers">): boolean {
  return headers.get("accept")?.includes("text/html") === true;
}

/** The first word of `User-Agent` without its version, such as `curl`. */
export function clientOf(request: Request): string {
  const word = /^[A-Za-z][\w.-]*/.exec(request.headers.get("user-agent") ?? "")?.[0];
  return word ?? "HTTP client";
}

export function decoded(path: string): string | undefined {
  try {
    return decodeURIComponent(path);
  } catch {
    return undefined;
  }
}

/** @returns undefined: the query has no valid number */
export function receiversOf({ searchParams }: URL): number | undefined {
  const given = searchParams.get("receivers") ?? "1";
  const count = Number(given);
  return /^\d{1,6}$/.test(given) && count >= 1 && count <= RECEIVERS_PER_SHARE ? count : undefined;
}

/** Clients that never send `Connection: close`. A proxy of HTTP/1.0 (nginx by default) added it. */
const NEVER_CLOSE = /^(?:curl|Wget|Mozilla)\b/i;

/** In `Via`: a proxy that was asked by HTTP/1.0 (RFC 9110, 7.6.3). */
const OLD_HOP = /(?:^|,)\s*(?:HTTP\/)?1\.0\s/i;

/**
 * Whether a proxy of HTTP/1.0 asks, which takes the end of its connection for the end of the file. Bun does not
 * tell the version. A client of HTTP/1.0 without a proxy sees the reset.
 */
export function isOld(request: Pick<Request, "headers">): boolean {
  const { headers } = request;
  const closes = /\bclose\b/i.test(headers.get("connection") ?? "");
  return hasOldHop(request) || (closes && NEVER_CLOSE.test(headers.get("user-agent") ?? ""));
}

function hasOldHop({ headers }: Pick<Request, "headers">): boolean {
  return OLD_HOP.test(headers.get("via") ?? "");
}

/** When the client wants the lines about its upload. @returns undefined: the query has another value */
export function answerOf(
  request: Request,
  { searchParams }: URL,
): "at-once" | "at-end" | undefined {
  const given = searchParams.get("answer");
  if (given === null) return hasOldHop(request) ? "at-end" : "at-once";
  return given === "end" ? "at-end" : undefined;
}

/** Bytes of the body; undefined: not given. NaN: the header has two values. */
export function sizeOf(request: Request): number | undefined {
  const given = request.headers.get("content-length");
  if (given !== null) return /^\d{1,15}$/.test(given) ? Number(given) : NaN;
  return request.body === null ? 0 : undefined;
}

/** Bytes of a body, both ends included. */
export interface ByteRange {
  readonly first: number;
  readonly last: number;
}

const RANGE = /^bytes=(?:(\d{1,16})-(\d{0,16})|-(\d{1,16}))$/;

/**
 * RFC 9110, 14.1.2: one range of a body of `total` bytes. Undefined for headers that a server may ignore: several
 * ranges, other units, no valid range.
 */
export function parseRange(header: string, total: number): ByteRange | "unsatisfiable" | undefined {
  const match = RANGE.exec(header.trim());
  if (match === null) return undefined;
  const [, first, last, suffix] = match;
  if (suffix !== undefined) {
    const length = Math.min(Number(suffix), total);
    return length === 0 ? "unsatisfiable" : { first: total - length, last: total - 1 };
  }
  const from = Number(first);
  const to = last === "" || last === undefined ? total - 1 : Math.min(Number(last), total - 1);
  if (last !== "" && last !== undefined && Number(last) < from) return undefined;
  return from >= total ? "unsatisfiable" : { first: from, last: to };
}
