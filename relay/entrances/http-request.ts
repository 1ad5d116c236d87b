/** What a request at the entrances says, in its path, its query and its headers. */
import { CHANNEL_BYTES, RECEIVERS_PER_SHARE, SHARE_BYTES } from "../../protocol/mod.ts";

/** Channel and share in the path of a ciphertext. */
export function idsIn([, channel = "", share = ""]: RegExpExecArray): [Uint8Array, Uint8Array] {
  return [bytesOf(channel, CHANNEL_BYTES), bytesOf(share, SHARE_BYTES)];
}

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
