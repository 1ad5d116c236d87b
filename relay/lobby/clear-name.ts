/** Names of files in clear: made safe for receivers, and plain for clients that read ASCII only. */
import { createHash } from "node:crypto";

import {
  NAME_BYTES,
  cutUtf8,
  nameProblem,
  senderName,
  utf8,
  type SafeName,
} from "../../protocol/mod.ts";

/** The name of a file whose own name can't be made safe. */
const NAMELESS = "file";

/** Hexadecimal digits of the hash that tells two names apart. */
const MARK_DIGITS = 6;

/** The extension of a name, such as `.jpg` or `.tar.gz`. */
const EXTENSION = /(?:\.tar)?\.[^.\s]{1,16}$/i;

/**
 * A safe name for the file of a client that knows no safe names: the last part of its path, with all characters
 * replaced that receivers would refuse.
 * @param stay two names that differ only in those characters stay two; the original app merged them
 */
export function clearName(given: string, { stay = false } = {}): SafeName {
  const last = given.slice(Math.max(given.lastIndexOf("/"), given.lastIndexOf("\\")) + 1);
  const whole = last.toWellFormed().normalize("NFC");
  const plain = whole.replaceAll(/[\p{C}\p{Zl}\p{Zp}<>:"|?*]/gu, "_").replace(/[. ]+$/, "_");
  // One byte less, for the underscore before it.
  const told = distinct(plain, stay ? whole : plain, NAME_BYTES - 1);
  for (const name of plain === "" ? [NAMELESS] : [told, `_${told}`, NAMELESS]) {
    // The next one is tamer; the last is safe.
    if (nameProblem(name) === undefined) return senderName(name);
  }
  throw new Error("no name is safe");
}

/** For clients that know ASCII only: drops accents and replaces other letters. Two names stay two and keep their extension. */
export function asciiName(name: string): string {
  const plain = name
    .normalize("NFKD")
    .replaceAll(/\p{M}/gu, "")
    .replaceAll(/[^\x20-\x7e]|["\\%]/gu, "_");
  return distinct(plain, name, NAME_BYTES);
}

/** `plain`, if it equals `meant` and is short enough; else cut, and marked with a hash of `meant`. */
function distinct(plain: string, meant: string, most: number): string {
  if (plain === meant && utf8(plain).length <= most) return plain;
  const mark = `-${createHash("sha256").update(meant).digest("hex").slice(0, MARK_DIGITS)}`;
  const extension = plain.length > 1 ? (EXTENSION.exec(plain.slice(1))?.[0] ?? "") : "";
  const stem = plain.slice(0, plain.length - extension.length);
  return cutUtf8(stem, most - utf8(mark + extension).length) + mark + extension;
}
