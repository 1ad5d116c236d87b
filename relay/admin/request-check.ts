/** Whether a request to the admin listener is meant for it, and whose it is. */
import { createHash, timingSafeEqual } from "node:crypto";
import { isIP } from "node:net";

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

/** In a time that says nothing of where they differ. */
export function isSameToken(one: string, other: string): boolean {
  const digest = (text: string): Buffer => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(one), digest(other));
}
