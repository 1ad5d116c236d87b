/** Values that people type, each to one parser; all throw FaultError "usage". */
import {
  CONNECTIONS_PER_SESSION,
  RECEIVERS_PER_SHARE,
  RECEIVE_RATE_MIN,
} from "../../protocol/wire/limits.ts";
import { usage } from "./command-line.ts";

/** The most that --receivers takes; more could never join. */
export const RECEIVERS_WANTED = RECEIVERS_PER_SHARE;
/** The most that --min-wait, --max-wait and --drop-slow take. */
export const WAIT_MAX_MS = 24 * 60 * 60 * 1000;
export const CONNECT_TIMEOUT_MAX_MS = 24 * 60 * 60 * 1000;
export const TIMEOUT_MAX_MS = 7 * 24 * 60 * 60 * 1000;

/** Decimal digits only: no sign, no fraction, no exponent. */
export function parseWhole(option: string, text: string, min: number, max: number): number {
  const value = /^\d{1,16}$/.test(text) ? Number(text) : NaN;
  if (value >= min && value <= max) return value;
  throw usage(`${option} takes a whole number from ${min} to ${max}, not "${text}"`);
}

/** Seconds such as `10` or `0.5`, to ms. */
export function parseSeconds(option: string, text: string, maxMs: number): number {
  const ms = secondsToMs(text);
  if (ms > 0 && ms <= maxMs) return ms;
  throw usage(`${option} takes seconds, more than 0 and at most ${maxMs / 1000}, not "${text}"`);
}

/** The seconds of `--connect-timeout`, to ms. */
export function parseConnectTimeout(text = "10"): number {
  return parseSeconds("--connect-timeout", text, CONNECT_TIMEOUT_MAX_MS);
}

/** The seconds of `--timeout`, to ms; undefined: no limit. */
export function parseTimeout(text: string | undefined): number | undefined {
  return text === undefined ? undefined : parseSeconds("--timeout", text, TIMEOUT_MAX_MS);
}

/** Seconds that may be none, to ms. */
export function parseSecondsOrNone(option: string, text: string, maxMs: number): number {
  const ms = secondsToMs(text);
  if (ms <= maxMs) return ms;
  throw usage(`${option} takes seconds, from 0 to ${maxMs / 1000}, not "${text}"`);
}

const UNITS: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000 };
/** A later time is a slip. */
const YEARS_MAX = 100;

/**
 * A time to come such as `30d`, `12h` or `2027-01-31`, which is the beginning of that day in UTC.
 * @returns ms since 1970
 */
export function parseUntil(option: string, text: string, now: number): number {
  const [, count = "", unit = ""] = /^(\d{1,5})([mhd])$/.exec(text) ?? [];
  const isDay = /^\d{4}-\d{2}-\d{2}$/.test(text);
  const until = isDay
    ? Date.parse(`${text}T00:00:00Z`)
    : now + Number(count) * (UNITS[unit] ?? NaN);
  if (Number.isNaN(until)) {
    throw usage(`${option} takes a time such as 30d, 12h, 45m or 2027-01-31, not "${text}"`);
  }
  if (until > now && until < now + YEARS_MAX * 366 * 86_400_000) return until;
  throw usage(`${option} takes a time to come, within ${YEARS_MAX} years`);
}

function secondsToMs(text: string): number {
  return /^\d{1,9}(?:\.\d{1,3})?$/.test(text) ? Math.round(Number(text) * 1000) : NaN;
}

const POWERS = ["", "k", "m", "g", "t"];

/** `8MiB`, `500k`, `1.5GB`, `100000`, to bytes; NaN for anything else. k is 1,000 and Ki is 1,024. */
function bytesOf(text: string): number {
  const parts = /^(\d{1,15}(?:\.\d{1,9})?) ?(?:([kmgt])(i?))?b?$/i.exec(text);
  if (parts === null) return NaN;
  const [, number = "", letter = "", binary = ""] = parts;
  const base = binary === "" ? 1000 : 1024;
  const bytes = Math.floor(Number(number) * base ** POWERS.indexOf(letter.toLowerCase()));
  return Number.isSafeInteger(bytes) ? bytes : Infinity;
}

/** A size such as `1GiB`. */
export function parseBytes(option: string, text: string, min: number, max: number): number {
  const bytes = bytesOf(text);
  if (Number.isNaN(bytes)) throw usage(`${option} takes a size such as 1GiB, not "${text}"`);
  if (bytes >= min && bytes <= max) return bytes;
  const [least, most] = [min / 1024 ** 2, max / 1024 ** 4];
  throw usage(`${option} takes ${least}MiB at least and ${most}TiB at most, not "${text}"`);
}

/** A rate such as `8MiB` or `1.5GB/s`, to bytes per second. */
export function parseRate(option: string, text: string): number {
  const rate = bytesOf(text.replace(/\/s$/i, ""));
  if (Number.isNaN(rate)) {
    throw usage(`${option} takes a rate such as 8MiB or 500k, not "${text}"`);
  }
  if (rate >= RECEIVE_RATE_MIN && rate < Infinity) return rate;
  throw usage(`${option} takes at least ${RECEIVE_RATE_MIN / 1024}KiB per second, not "${text}"`);
}

/** The number of `--connections`; undefined: `auto`, by the distance of the relay. */
export function parseConnections(text = "auto"): number | undefined {
  if (text === "auto") return undefined;
  const value = /^\d{1,3}$/.test(text) ? Number(text) : NaN;
  if (value >= 1 && value <= CONNECTIONS_PER_SESSION) return value;
  throw usage(
    `--connections takes auto or a whole number from 1 to ${CONNECTIONS_PER_SESSION}, not "${text}"`,
  );
}

/** One of a few words; undefined: the option was left out. */
export function oneOf<const Word extends string>(
  option: string,
  text: string | undefined,
  words: readonly Word[],
): Word | undefined {
  if (text === undefined) return undefined;
  const found = words.find((word) => word === text);
  if (found !== undefined) return found;
  throw usage(`${option} takes ${words.join(", ")}, not "${text}"`);
}
