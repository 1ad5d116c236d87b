/** Numbers, names and texts as the page shows them. */
import prettyBytes from "pretty-bytes";

import { escapeForDisplay } from "../../protocol/wire/display.ts";

/** `1.2 GiB`, always binary, as in the terminal. */
export function size(bytes: number): string {
  return prettyBytes(bytes, { binary: true });
}

/** `0.4 s`, `12 s`, `2 min 5 s`, `3 h 10 min`. */
export function duration(seconds: number): string {
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes} min ${whole % 60} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** Whole per cent, 100 only when all is there; an empty file is all there. */
export function percent(bytes: number, whole: number): number {
  return whole === 0 ? 100 : Math.min(100, Math.floor((bytes / whole) * 100));
}

/** `Sun 6 Dec, 14:00`. ms since 1970 */
export function moment(at: number): string {
  const date = new Date(at);
  const day = date.toLocaleDateString("en", { weekday: "short", day: "numeric", month: "short" });
  const isThisYear = date.getFullYear() === new Date().getFullYear();
  const year = isThisYear ? "" : ` ${date.getFullYear()}`;
  const time = date.toLocaleTimeString("en", { hour: "2-digit", minute: "2-digit", hour12: false });
  return `${day}${year}, ${time}`;
}

/** A whole sentence. */
export function storedText({
  until,
  downloads,
}: {
  readonly until: number;
  readonly downloads?: number | undefined;
}): string {
  const most =
    downloads === undefined ? "" : `, for ${count(downloads, "more receiver", "more receivers")}`;
  return `Stored at the relay until ${moment(until)}${most}.`;
}

export function count(number: number, one: string, many: string): string {
  return `${number.toLocaleString("en")} ${number === 1 ? one : many}`;
}

/** Text of a peer, made harmless; it goes into `<bdi>`, so that its direction stays its own. */
export function shown(text: string): string {
  return escapeForDisplay(text);
}

/** Direction overrides and controls, which could make a text look like another. Joiners of emoji and of scripts stay. */
// oxlint-disable-next-line no-control-regex -- they are what is looked for
const DECEPTIVE = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g;

/** A text of a peer as it is read; copying gives it unchanged. */
export function shownText(text: string): string {
  return text.replaceAll("\r\n", "\n").replaceAll(DECEPTIVE, escapeForDisplay);
}

/** The last part of a path, and the folders before it. */
export function splitPath(path: string): { readonly folders: string; readonly name: string } {
  const cut = path.lastIndexOf("/", path.length - 2) + 1;
  return { folders: path.slice(0, cut), name: path.slice(cut) };
}

/** The name of a thing of several files: that of its only file, or of its only folder. */
export function nameOfAll(paths: readonly string[]): string {
  const [first = ""] = paths;
  if (paths.length === 1) return splitPath(first).name;
  const [top = ""] = first.split("/");
  const isOneFolder = top !== first && paths.every((path) => path.startsWith(`${top}/`));
  return isOneFolder ? top : count(paths.length, "file", "files");
}
