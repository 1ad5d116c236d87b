/** Numbers and names as people read them. */
import prettyBytes from "pretty-bytes";

import { escapeForDisplay } from "../../protocol/wire/display.ts";

/** `1.2 GiB`, always binary. */
export function size(bytes: number): string {
  return prettyBytes(bytes, { binary: true });
}

export function rate(bytesPerSecond: number): string {
  return `${size(Math.round(bytesPerSecond))}/s`;
}

/** A time below is too short for a rate to say anything: clocks, buffers and caches decide it. s */
const SHORT_SECONDS = 0.1;

/** ` in 8.0 s (25 MiB/s)`; nothing of a time that is too short. */
export function took(bytes: number, seconds: number): string {
  if (seconds < SHORT_SECONDS) return "";
  return ` in ${duration(seconds)} (${rate(bytes / seconds)})`;
}

/** Bytes per second; undefined where the time is too short to tell. */
export function speedOf(bytes: number, ms: number): number | undefined {
  return ms < SHORT_SECONDS * 1000 ? undefined : (1000 * bytes) / ms;
}

/** Whole per cent, 100 only when all is there; an empty file is all there. */
export function percent(bytes: number, whole: number): number {
  return whole === 0 ? 100 : Math.min(100, Math.floor((bytes / whole) * 100));
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

/** `Sun 6 Dec, 14:00` of this machine's time zone; of another year `6 Dec 2027, 14:00`. */
export function moment(iso: string, now = Date.now()): string {
  const at = new Date(iso);
  const isThisYear = at.getFullYear() === new Date(now).getFullYear();
  const day = isThisYear ? ({ weekday: "short" } as const) : ({ year: "numeric" } as const);
  const clock = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" } as const;
  return at
    .toLocaleString("en-GB", { ...day, day: "numeric", month: "short", ...clock })
    .replace(/^(\w+), /, "$1 ");
}

export function count(number: number, one: string, many: string): string {
  return `${number} ${number === 1 ? one : many}`;
}

/** Text of others, made harmless and cut to `columns`. */
export function shown(text: string, columns = Infinity): string {
  const safe = escapeForDisplay(text);
  if (columns === Infinity || Bun.stringWidth(safe) <= columns) return safe;
  const cut = Bun.sliceAnsi(safe, 0, columns, { ellipsis: "…" });
  // Where the cut is amid a wide character Bun fills one column too many.
  if (Bun.stringWidth(cut) <= columns) return cut;
  return Bun.sliceAnsi(safe, 0, columns - 1, { ellipsis: "…" });
}

/** Text that fills exactly `columns`. */
export function fill(text: string, columns: number): string {
  return text + " ".repeat(Math.max(0, columns - Bun.stringWidth(text)));
}
