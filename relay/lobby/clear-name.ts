/** Names of files in the clear: made safe for receivers, and plain for clients that read ASCII alone. */
import { createHash } from "node:crypto";

import { NAME_BYTES, senderName, utf8, type SafeName } from "../../protocol/mod.ts";

/** Under which a file travels whose name can't be made safe. */
const NAMELESS = "file";

/** Of the hash that tells two names apart which would be one: hexadecimal digits */
const MARK_DIGITS = 6;

/** The end of a name that tells the kind of its file, such as `.jpg` or `.tar.gz`. */
const EXTENSION = /(?:\.tar)?\.[^.\s]{1,16}$/i;

/**
 * The name of a share for what a client without a notion of safe names calls its file: its last part,
 * with all that receivers would refuse replaced.
 * @param stay two names stay two though they differ in that alone, which the original app's never did
 */
export function clearName(given: string, { stay = false } = {}): SafeName {
  const last = given.slice(Math.max(given.lastIndexOf("/"), given.lastIndexOf("\\")) + 1);
  const whole = last.toWellFormed().normalize("NFC");
  const plain = whole.replaceAll(/[\p{C}\p{Zl}\p{Zp}<>:"|?*]/gu, "_").replace(/[. ]+$/, "_");
  // One byte less, for what is put before it.
  const told = distinct(plain, stay ? whole : plain, NAME_BYTES - 1);
  for (const name of plain === "" ? [NAMELESS] : [told, `_${told}`, NAMELESS]) {
    try {
      return senderName(name);
    } catch {
      // The next one is tamer; the last is safe.
    }
  }
  throw new Error("no name is safe");
}

/**
 * In ASCII, for clients that know no more: accents are left away, other letters replaced. Two names stay two, and keep
 * their extension.
 */
export function asciiName(name: string): string {
  const plain = name
    .normalize("NFKD")
    .replaceAll(/\p{M}/gu, "")
    .replaceAll(/[^\x20-\x7e]|["\\%]/gu, "_");
  return distinct(plain, name, NAME_BYTES);
}

/** `plain` as it is, if it is what was meant and short enough; else cut, and marked with a hash of what was meant. */
function distinct(plain: string, meant: string, most: number): string {
  if (plain === meant && utf8(plain).length <= most) return plain;
  const mark = `-${createHash("sha256").update(meant).digest("hex").slice(0, MARK_DIGITS)}`;
  const extension = plain.length > 1 ? (EXTENSION.exec(plain.slice(1))?.[0] ?? "") : "";
  const stem = plain.slice(0, plain.length - extension.length);
  return cut(stem, most - utf8(mark + extension).length) + mark + extension;
}

/** Whole characters, at most so many bytes of them. */
function cut(name: string, most: number): string {
  let short = "";
  let bytes = 0;
  for (const character of name) {
    bytes += utf8(character).length;
    if (bytes > most) break;
    short += character;
  }
  return short;
}
