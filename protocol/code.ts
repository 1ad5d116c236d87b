/**
 * The code, the one secret that a person handles: six words of the BIP-39 English list, the word
 * `lobby`, or a code of the person's own making. The list's words differ in their first four
 * letters, so those are enough.
 */
import { wordlist } from "@scure/bip39/wordlists/english.js";
import { editDistance } from "./edit-distance.ts";
import { FaultError } from "./faults.ts";
import { CODE_MAX_CHARACTERS, CODE_WORDS, OWN_CODE_MIN_CHARACTERS } from "./limits.ts";
import { escapeForDisplay } from "./names.ts";

declare const parsed: unique symbol;
/** A code in its full form: lower case, whole words, joined by "-". Only `parseCode` makes one. */
export type Code = string & { readonly [parsed]: true };

/** The channel that is everyone's. */
export const LOBBY_CODE = "lobby" as Code;

const WORD_BITS = 11; // the list has 2^11 words
const PREFIX_LETTERS = 4;
/** Fewer different characters than this in a code of one's own is a pattern, not a secret. */
const OWN_CODE_DIFFERENT = 8;
/** An own code that has six parts, and so many of them on the list, is six words mistyped. */
const MISTYPED_WORDS = 4;

const words: readonly string[] = wordlist;
/** Whole words and all their beginnings of four letters or more. */
const byInput = new Map<string, string>();
for (const word of words) {
  for (let end = PREFIX_LETTERS; end < word.length; end++) byInput.set(word.slice(0, end), word);
  byInput.set(word, word);
}

/** A new code of CODE_WORDS words, 11 bits each. `random(n)` gives n unpredictable bytes. */
export function makeCode(random: (length: number) => Uint8Array): Code {
  const bytes = random(2 * CODE_WORDS);
  const picked = Array.from({ length: CODE_WORDS }, (_, i) => {
    const number = (bytes[2 * i]! << 8) | bytes[2 * i + 1]!;
    return words[number & ((1 << WORD_BITS) - 1)]!; // a power of two: no word comes more often
  });
  return picked.join("-") as Code;
}

/**
 * Reads a code as people type it: words in either case, whole or cut to four letters, with
 * spaces, "-", "_" or "." between them.
 * @throws FaultError "bad-code", whose detail says what is wrong
 */
export function parseCode(input: string): Code {
  if (input.length > CODE_MAX_CHARACTERS) {
    throw bad(`it is longer than ${CODE_MAX_CHARACTERS} characters`);
  }
  const text = input.trim().toLowerCase();
  const foreign = /[^\p{ASCII}]/u.exec(input.trim())?.[0];
  if (foreign !== undefined) throw bad(`it holds ${named(foreign)}, which no code has`);
  const parts = text.split(/[\s\-_.]+/).filter((part) => part !== "");
  if (parts.length === 0) throw bad("it is empty");
  if (parts.length === 1 && parts[0] === LOBBY_CODE) return LOBBY_CODE;
  if (/\d/.test(text) && !isMistyped(parts)) return ownCode(text);
  return wordCode(parts);
}

export function isLobby(code: Code): boolean {
  return code === LOBBY_CODE;
}

/** The shortest form that people can pass on: the first four letters of every word. */
export function abbreviateCode(code: Code): string {
  if (isLobby(code) || /\d/.test(code)) return code;
  const cut = code.split("-").map((word) => word.slice(0, PREFIX_LETTERS));
  return cut.join("-");
}

/** The words of the list that begin so, in its order; none for an empty prefix. */
export function completeWord(prefix: string): string[] {
  const start = prefix.toLowerCase();
  return start === "" ? [] : words.filter((word) => word.startsWith(start));
}

function wordCode(parts: string[]): Code {
  if (parts.length !== CODE_WORDS) {
    const count = parts.length === 1 ? "1 word" : `${parts.length} words`;
    throw bad(`it has ${count}, not ${CODE_WORDS}`);
  }
  const full = parts.map((part, i) => {
    const word = byInput.get(part);
    if (word !== undefined) return word;
    const shown = escapeForDisplay(part.slice(0, 20));
    throw bad(`word ${i + 1}, "${shown}", is not on the list (closest: "${closest(part)}")`);
  });
  return full.join("-") as Code;
}

function isMistyped(parts: string[]): boolean {
  const known = parts.filter((part) => byInput.has(part)).length;
  return parts.length === CODE_WORDS && known >= MISTYPED_WORDS;
}

/** Digits tell these from words; length and variety keep out the worst, nothing can keep out all. */
function ownCode(text: string): Code {
  const other = /[^a-z0-9-]/.exec(text)?.[0];
  if (other !== undefined) {
    throw bad(`a code of your own has letters, digits and "-" only, not ${named(other)}`);
  }
  if (text.length < OWN_CODE_MIN_CHARACTERS) {
    throw bad(`a code of your own needs ${OWN_CODE_MIN_CHARACTERS} characters, not ${text.length}`);
  }
  if (new Set(text).size < OWN_CODE_DIFFERENT) {
    throw bad(`a code of your own needs ${OWN_CODE_DIFFERENT} different characters`);
  }
  return text as Code;
}

/** A word of the list that the input begins, or else one that is the fewest slips away. */
function closest(input: string): string {
  const begun = words.find((word) => word.startsWith(input));
  if (begun !== undefined) return begun;
  let best = words[0]!;
  let least = Infinity;
  for (const word of words) {
    const slips = editDistance(input, word);
    if (slips < least) [best, least] = [word, slips];
  }
  return best;
}

function named(character: string): string {
  const number = character.codePointAt(0)!.toString(16).toUpperCase().padStart(4, "0");
  return `"${escapeForDisplay(character)}" (U+${number})`;
}

function bad(detail: string): FaultError {
  return new FaultError("bad-code", detail);
}
