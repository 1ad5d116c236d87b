/**
 * Addresses that people see or follow. All of them are relative to the page or to its relay, since a
 * relay may live behind a path prefix, and the page at another server. Those that the page itself
 * connects to are in `web/browser/page-addresses.ts`.
 */

/** The page, which opens at any relay without a code. */
export function pageAddress(page: string = location.href): string {
  const url = new URL(page);
  return url.origin + url.pathname.replace(/[^/]*$/, "");
}

/** The link that opens a share in a browser. Browsers keep the part behind `#` to themselves. */
export function shareLink(code: string, page: string = location.href): string {
  return `${pageAddress(page)}#${code}`;
}

/** The relay's address of HTTP, with a slash at its end. */
function relayFolder(socket: string): string {
  return socket.replace(/^ws/, "http").replace(/ws$/, "");
}

/** The command with which a terminal receives. `socket` as `wss://relay.example/ws` */
export function terminalCommand(code: string, socket: string): string {
  return `fileshare recv --relay ${relayFolder(socket).replace(/\/$/, "")} ${code}`;
}

/** An ordinary download of a file of the lobby, which the relay reads in the clear. */
export function lobbyDownload(path: string, socket: string): string {
  return `${relayFolder(socket)}lobby/${path.split("/").map(encodeURIComponent).join("/")}`;
}

/** Whether an address that a person gave, or one of a list with commas, is one of these, in any of its forms. */
export function isSameRelay(given: string, here: readonly string[]): boolean {
  const places = new Set(given.split(",").map(placeOf));
  return here.map(placeOf).some((place) => place !== undefined && places.has(place));
}

/** Host and folder, without the name of the socket. */
function placeOf(given: string): string | undefined {
  const url = urlOf(given);
  return url && url.host + url.pathname.replace(/\/ws$/, "").replace(/\/+$/, "");
}

/** The host of a relay's address, for people; of a list, that of the first. */
export function hostOf(given: string): string {
  const [first = given] = given.split(",");
  return urlOf(first)?.host ?? first;
}

/** Browsers of 2023 have no `URL.parse`. */
function urlOf(given: string): URL | undefined {
  const text = /^[a-z]+:\/\//i.test(given) ? given : `ws://${given}`;
  try {
    return new URL(text.replace(/^ws/i, "http"));
  } catch {
    return undefined;
  }
}

/** Whether other machines cannot open this page: its name means another machine on each of them. */
export function isThisMachine(hostname: string = location.hostname): boolean {
  return /^(?:localhost|.*\.localhost|127(?:\.\d+){3}|\[::1\])$/i.test(hostname);
}
