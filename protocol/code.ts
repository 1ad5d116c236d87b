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
/** Fewer different words, or so many in the list's order, are a pattern: of made codes one in 10^8. */
const WORDS_DIFFERENT = 4;
const WORDS_IN_ORDER = 4;
/** Draws of a new code; that two in a row are patterns shows a broken source of randomness. */
const DRAWS = 8;
/** What the documents show, and the beginning of the best known phrase of this list. */
const WORDS_SHOWN = new Set([
  "amused-oyster-velvet-crisp-lunar-solid",
  "legal-winner-thank-year-wave-sausage",
]);
/** Fewer different characters than this in a code of one's own is a pattern, not a secret. */
const OWN_CODE_DIFFERENT = 8;
/** An own code that has six parts, and so many of them on the list, is six words mistyped. */
const MISTYPED_WORDS = 4;

const words: readonly string[] = wordlist;
const wordPlaces = new Map(words.map((word, place) => [word, place]));
/** Whole words and all their beginnings of four letters or more. */
const byInput = new Map<string, string>();
for (const word of words) {
  for (let end = PREFIX_LETTERS; end < word.length; end++) byInput.set(word.slice(0, end), word);
  byInput.set(word, word);
}

/**
 * A new code of CODE_WORDS words, 11 bits each, which `checkWords` takes. `random(n)` gives n
 * unpredictable bytes.
 * @throws FaultError "internal" when they are none
 */
export function makeCode(random: (length: number) => Uint8Array): Code {
  for (let draw = 0; draw < DRAWS; draw++) {
    const code = drawCode(random);
    if (wordsProblem(code) === undefined) return code;
  }
  throw new FaultError("internal", "the source of random numbers repeats itself");
}

function drawCode(random: (length: number) => Uint8Array): Code {
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

/**
 * Refuses words of the list that nobody drew: repeats, neighbours in the list, published ones.
 * @throws FaultError "weak-code"
 */
export function checkWords(code: Code): void {
  const problem = isLobby(code) ? undefined : wordsProblem(code);
  if (problem !== undefined) throw new FaultError("weak-code", problem);
}

function wordsProblem(code: string): string | undefined {
  const picked = code.split("-");
  if (new Set(picked).size < WORDS_DIFFERENT) return "its words repeat";
  if (WORDS_SHOWN.has(code)) return "it is printed in documents that everybody can read";
  const places = picked.map((word) => wordPlaces.get(word) ?? -1);
  const following = places.filter((place, i) => Math.abs(place - (places[i - 1] ?? -9)) === 1);
  if (following.length >= WORDS_IN_ORDER - 1) return "its words follow each other in the list";
  return undefined;
}

/** Whether a person made it up: it is no words of the list, and not the lobby's. */
export function isOwnCode(code: Code): boolean {
  return !isLobby(code) && /\d/.test(code);
}

export function isLobby(code: Code): boolean {
  return code === LOBBY_CODE;
}

/** The shortest form that people can pass on: the first four letters of every word. */
export function abbreviateCode(code: Code): string {
  if (isLobby(code) || isOwnCode(code)) return code;
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
