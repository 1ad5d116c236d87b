/**
 * The code, the one secret that a person handles: six words of the BIP-39 English list and a seventh
 * that checks them, the word `lobby`, or a code of the person's own making. The list's words differ
 * in their first four letters, so those are enough.
 */
import { wordlist } from "@scure/bip39/wordlists/english.js";
import { checkNumber, editDistance } from "./mistyping.ts";
import { codeReadings } from "./code-text.ts";
import { FaultError } from "../wire/faults.ts";
import {
  CODE_MAX_CHARACTERS,
  CODE_WORDS,
  OWN_CODE_MIN_CHARACTERS,
  SECRET_WORDS,
} from "../wire/limits.ts";
import { escapeForDisplay } from "../wire/display.ts";

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
/** Words of the documents, and the beginning of the best known phrase of this list. */
const WORDS_SHOWN = new Set([
  "amused-oyster-velvet-crisp-lunar-solid",
  "legal-winner-thank-year-wave-sausage",
]);
/** Fewer different characters than this in a code of one's own is a pattern, not a secret. */
const OWN_CODE_DIFFERENT = 8;
/** A text of six or seven parts is a mistyped code, and no own one, if so many parts are on the list. */
const MISTYPED_WORDS = new Map([
  [SECRET_WORDS, 4],
  [CODE_WORDS, 5],
]);

/** Stands between the words of a list. */
const BETWEEN = /^(?:\d+|and)$/;

/** The list that the words of codes are from: that of BIP-39 in English, which never changes. */
export const WORD_LIST: readonly string[] = wordlist;
let places: Map<string, number> | undefined;

/** Places in the list by whole words and all their beginnings of four letters or more. It takes 3 ms to make, and relays need none. */
function placeOf(input: string): number | undefined {
  if (places === undefined) {
    places = new Map();
    for (const [place, word] of WORD_LIST.entries()) {
      for (let end = PREFIX_LETTERS; end < word.length; end++)
        places.set(word.slice(0, end), place);
      places.set(word, place);
    }
  }
  return places.get(input);
}

/**
 * A new code: SECRET_WORDS words, 11 bits each, which `checkWords` takes, and the word that checks
 * them. `random(n)` gives n unpredictable bytes.
 * @throws FaultError "internal" when they are none
 */
export function makeCode(random: (length: number) => Uint8Array): Code {
  for (let draw = 0; draw < DRAWS; draw++) {
    const drawn = drawWords(random);
    if (wordsProblem(drawn) === undefined) return withCheck(drawn);
  }
  throw new FaultError("internal", "the source of random numbers repeats itself");
}

function drawWords(random: (length: number) => Uint8Array): string[] {
  const bytes = random(2 * SECRET_WORDS);
  return Array.from({ length: SECRET_WORDS }, (_, i) => {
    const number = (bytes[2 * i]! << 8) | bytes[2 * i + 1]!;
    return WORD_LIST[number & ((1 << WORD_BITS) - 1)]!; // a power of two: no word comes more often
  });
}

function withCheck(secret: readonly string[]): Code {
  return [...secret, checkWord(secret)].join("-") as Code;
}

function checkWord(secret: readonly string[]): string {
  return WORD_LIST[checkNumber(secret.map((word) => placeOf(word)!))]!;
}

export interface GivenCode {
  readonly code: Code;
  /** Of the command or the link that the code stood in: an address, or what should be one. */
  readonly relay: string | undefined;
}

/**
 * Reads a code as people type and paste it: words in either case, whole or cut to four letters, with
 * anything but letters and digits between and around them; the command or the link of the sender's
 * screen.
 * @param checkMayLack Six words are given their check word. Only the maker of a code may leave it out.
 * @throws FaultError "bad-code", whose detail says what is wrong
 */
export function readCode(input: string, checkMayLack = false): GivenCode {
  if (input.length > CODE_MAX_CHARACTERS) {
    throw bad(`it is longer than ${CODE_MAX_CHARACTERS} characters`);
  }
  let problem: Problem | undefined;
  for (const { text, relay, loose } of codeReadings(input)) {
    const code = codeOf(text.toLowerCase(), checkMayLack && !loose);
    if (typeof code !== "string") problem ??= code;
    else if (!loose || isChecked(code)) return { code, relay };
  }
  const within = codeWithin(input);
  if (within !== undefined) return { code: within, relay: undefined };
  throw bad(problem?.() ?? "it is empty");
}

/** The words of a code among others, such as "amused, oyster, ... and worry": no more and no fewer. */
function codeWithin(text: string): Code | undefined {
  let run: string[] = [];
  for (const part of [...partsOf(text.toLowerCase()), ""]) {
    if (placeOf(part) !== undefined) run.push(part);
    else if (!BETWEEN.test(part)) {
      const code = wordCode(run, false);
      if (typeof code === "string") return code;
      run = [];
    }
  }
  return undefined;
}

/** As `readCode`, for a receiver. @throws FaultError "bad-code" */
export function parseCode(input: string): Code {
  return readCode(input).code;
}

/** As `readCode`, for the maker of a code; it may lack the check word. @throws FaultError "bad-code" */
export function parseSenderCode(input: string): Code {
  return readCode(input, true).code;
}

/** Whether a text is words of a code, and more of them have to follow. */
export function isCodeBegun(input: string): boolean {
  const [reading] = input.length > CODE_MAX_CHARACTERS ? [] : codeReadings(input);
  const parts = partsOf(reading?.text.toLowerCase() ?? "");
  const isFull = parts.length === 0 || parts.length >= CODE_WORDS;
  return !isFull && parts.every((part) => placeOf(part) !== undefined);
}

/** Why a text is no code. Told of one reading alone, as the closest word takes a while to find. */
type Problem = () => string;

function codeOf(text: string, checkMayLack: boolean): Code | Problem {
  const foreign = /(?!\p{ASCII})[\p{L}\p{N}\p{M}]/u.exec(text)?.[0];
  if (foreign !== undefined) return () => `it holds ${named(foreign)}, which no code has`;
  const parts = partsOf(text);
  if (parts.length === 0) return () => "it is empty";
  if (parts.length === 1 && parts[0] === LOBBY_CODE) return LOBBY_CODE;
  if (/\d/.test(text) && !isMistyped(parts)) return ownCode(text);
  return wordCode(parts, checkMayLack);
}

function partsOf(text: string): string[] {
  return text.split(/[^\p{L}\p{N}\p{M}]+/u).filter((part) => part !== "");
}

/**
 * The secret that keys are made of: the words without the check word, which is no secret. Other codes
 * are a secret as a whole.
 */
export function secretOf(code: Code): string {
  return isLobby(code) || isOwnCode(code) ? code : secretWords(code).join("-");
}

function secretWords(code: Code): string[] {
  return code.split("-").slice(0, SECRET_WORDS);
}

/**
 * Refuses words of the list that nobody drew: repeats, neighbours in the list, published ones.
 * @throws FaultError "weak-code"
 */
export function checkWords(code: Code): void {
  const problem = isLobby(code) ? undefined : wordsProblem(secretWords(code));
  if (problem !== undefined) throw new FaultError("weak-code", problem);
}

function wordsProblem(picked: readonly string[]): string | undefined {
  if (new Set(picked).size < WORDS_DIFFERENT) return "its words repeat";
  if (WORDS_SHOWN.has(picked.join("-")))
    return "it is printed in documents that everybody can read";
  const drawn = picked.map((word) => placeOf(word) ?? -1);
  const following = drawn.filter((place, i) => Math.abs(place - (drawn[i - 1] ?? -9)) === 1);
  if (following.length >= WORDS_IN_ORDER - 1) return "its words follow each other in the list";
  return undefined;
}

/** Whether a person made it up: it is no words of the list, and not the lobby's. */
export function isOwnCode(code: Code): boolean {
  return !isLobby(code) && /\d/.test(code);
}

function isChecked(code: Code): boolean {
  return !isLobby(code) && !isOwnCode(code);
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
  return start === "" ? [] : WORD_LIST.filter((word) => word.startsWith(start));
}

function wordCode(parts: readonly string[], checkMayLack: boolean): Code | Problem {
  const lacksCheck = parts.length === SECRET_WORDS;
  if (parts.length !== CODE_WORDS && !(lacksCheck && checkMayLack)) {
    const count = parts.length === 1 ? "1 word" : `${parts.length} words`;
    return () => `it has ${count}, not ${CODE_WORDS}${lacksCheck ? ": one is missing" : ""}`;
  }
  const full: string[] = [];
  for (const [i, part] of parts.entries()) {
    const place = placeOf(part);
    if (place === undefined) return () => notListed(part, i);
    full.push(WORD_LIST[place]!);
  }
  const secret = full.slice(0, SECRET_WORDS);
  if (lacksCheck || checkWord(secret) === full.at(-1)) return withCheck(secret);
  const advice = checkMayLack
    ? `give the first ${SECRET_WORDS} of a code of your own, and the last is added`
    : "compare them with the sender's screen";
  return () =>
    `the words do not belong together: one of them is mistyped or two are swapped; ${advice}`;
}

function notListed(part: string, i: number): string {
  const shown = escapeForDisplay(part.slice(0, 20));
  return `word ${i + 1}, "${shown}", is not on the list (closest: "${closest(part)}")`;
}

function isMistyped(parts: readonly string[]): boolean {
  const known = parts.filter((part) => placeOf(part) !== undefined).length;
  return known >= (MISTYPED_WORDS.get(parts.length) ?? Infinity);
}

/** Digits tell these from words; length and variety keep out the worst, nothing can keep out all. */
function ownCode(typed: string): Code | Problem {
  // Marks of a sentence, a quotation or a broken line are no part of it.
  const text = typed
    .replace(/^[\s"'`*<([{.,;:]+|[\s"'`*>)\]}.,;:]+$|[\p{Pi}\p{Pf}]+/gu, "")
    .replace(/(?<=-)\s*\n\s*/g, "");
  const other = /[^a-z0-9-]/.exec(text)?.[0];
  if (other !== undefined) {
    return () => `a code of your own has letters, digits and "-" only, not ${named(other)}`;
  }
  if (text.length < OWN_CODE_MIN_CHARACTERS) {
    return () =>
      `a code of your own needs ${OWN_CODE_MIN_CHARACTERS} characters, not ${text.length}`;
  }
  if (new Set(text).size < OWN_CODE_DIFFERENT) {
    return () => `a code of your own needs ${OWN_CODE_DIFFERENT} different characters`;
  }
  return text as Code;
}

/** A word of the list that the input begins, or else one that is the fewest slips away. */
function closest(input: string): string {
  const begun = WORD_LIST.find((word) => word.startsWith(input));
  if (begun !== undefined) return begun;
  let best = WORD_LIST[0]!;
  let least = Infinity;
  for (const word of WORD_LIST) {
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
