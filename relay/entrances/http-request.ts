/** What a request at the entrances says, in its path, its query and its headers. */
import { CAPABILITY_BYTES, RECEIVERS_PER_SHARE } from "../../protocol/mod.ts";

/** What the path of a ciphertext names. */
export interface CiphertextPath {
  /** Id of the share in hex. */
  readonly share: string;
  /** 16 bytes */
  readonly capability: Uint8Array;
}

/** Of `/c/<share>/<capability>`, both 16 bytes in lower-case hex; undefined: another path. */
export function ciphertextIn(pathname: string): CiphertextPath | undefined {
  const [, share, capability] = CIPHERTEXT.exec(pathname) ?? [];
  if (share === undefined || capability === undefined) return undefined;
  return { share, capability: bytesOf(capability, CAPABILITY_BYTES) };
}

const CIPHERTEXT = /^\/c\/([0-9a-f]{32})\/([0-9a-f]{32})$/;

export function isGet(method: string): boolean {
  return method === "GET" || method === "HEAD";
}

/** Of what a client says it is, the first word without its version, such as `curl`. */
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

/** @returns undefined for what is no number of receivers */
export function receiversOf(request: Request): number | undefined {
  const given = new URL(request.url).searchParams.get("receivers") ?? "1";
  const count = Number(given);
  return /^\d{1,6}$/.test(given) && count >= 1 && count <= RECEIVERS_PER_SHARE ? count : undefined;
}

/** Bytes of the body; undefined: its client does not say. NaN: it says two things at once. */
export function sizeOf(request: Request): number | undefined {
  const given = request.headers.get("content-length");
  if (given !== null) return /^\d{1,15}$/.test(given) ? Number(given) : NaN;
  return request.body === null ? 0 : undefined;
}

function bytesOf(hex: string, length: number): Uint8Array {
  return new Uint8Array(Buffer.from(hex, "hex").subarray(0, length));
}
