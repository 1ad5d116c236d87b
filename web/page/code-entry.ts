/** The text field of a code: completion word by word, and what a text is when it is handed in. */
import {
  checkWords,
  completeWord,
  isCodeBegun,
  isLobby,
  readCode,
  type Code,
} from "../../protocol/code/code.ts";
import { FaultError } from "../../protocol/wire/faults.ts";
import { CODE_MAX_CHARACTERS, CODE_WORDS } from "../../protocol/wire/limits.ts";
import { escapeForDisplay } from "../../protocol/wire/display.ts";
import { pageMessage } from "../client/fault-texts.ts";
import { hostOf, isSameRelay, isThisMachine } from "./addresses.ts";

/** Candidates on the screen at once. */
const CANDIDATES = 6;
/** One letter begins a hundred words: too many to help. */
const LETTERS_LEAST = 2;

/** Separators between words, as the terminal completes them. */
const BETWEEN = /[\s\-_.]+/;
/** The word under way, at the end of a text. */
const LAST_WORD = /[^\s\-_.]*$/;

/** The words that the last one typed may become; none for a whole word, or for a text that is no code. */
export function candidatesFor(text: string): readonly string[] {
  const parts = text.split(BETWEEN);
  const last = (parts.at(-1) ?? "").toLowerCase();
  if (last.length < LETTERS_LEAST || parts.length > CODE_WORDS) return [];
  // A list below a whole code would only hide the button.
  if (isWhole(text)) return [];
  const words = completeWord(last);
  if ("lobby".startsWith(last) && parts.length === 1) words.push("lobby");
  return words.includes(last) ? [] : words.slice(0, CANDIDATES);
}

/** The text with its last word completed, and a "-" where more words follow. */
export function completed(text: string, word: string): string {
  const whole = text.replace(LAST_WORD, word);
  const words = whole.split(BETWEEN).filter((part) => part !== "").length;
  return words < CODE_WORDS && word !== "lobby" ? `${whole}-` : whole;
}

/** Whether a text has all words of a code, and its last word fits the others. */
function isWhole(text: string): boolean {
  if (text.length > CODE_MAX_CHARACTERS) return false;
  try {
    return !isLobby(readCode(text).code);
  } catch {
    return false;
  }
}

/** `3 more words`, while a text is the beginning of a code, and a word for a whole one; undefined otherwise. */
export function wordsLeft(text: string): string | undefined {
  if (isWhole(text)) return "The code is complete.";
  if (!isCodeBegun(text)) return undefined;
  const words = text.split(BETWEEN).filter((part) => part !== "").length;
  const left = CODE_WORDS - words;
  return left === 1 ? "1 more word" : `${left} more words`;
}

/** The meaning of a text as a code. */
export type Entry =
  | { readonly is: "code"; readonly code: Code }
  | { readonly is: "lobby" }
  | { readonly is: "problem"; readonly sentence: string };

/** @param here addresses of this page and its relay */
export function entryOf(text: string, here: readonly string[]): Entry {
  if (text.trim() === "") return { is: "problem", sentence: EMPTY };
  try {
    const { code, relay } = readCode(text);
    if (relay !== undefined && !isSameRelay(relay, here)) {
      return { is: "problem", sentence: otherRelay(relay) };
    }
    if (isLobby(code)) return { is: "lobby" };
    checkWords(code);
    return { is: "code", code };
  } catch (error) {
    if (!(error instanceof FaultError)) throw error;
    return { is: "problem", sentence: pageMessage(error.code, error.detail) };
  }
}

/** A longer host would hide the sentence. */
const HOST_CHARACTERS = 100;

const EMPTY =
  "Type the code that the sender's screen shows. Type lobby for the lobby, where everyone at the relay may send.";

function otherRelay(relay: string): string {
  const host = escapeForDisplay(hostOf(relay).slice(0, HOST_CHARACTERS));
  if (isThisMachine(host.replace(/:\d+$/, ""))) {
    return `This link leads to ${host}, which is the sender's own machine. Keep only the seven words to try the code at this relay.`;
  }
  return `This code belongs to another relay, ${host}. Open the page of that relay to receive it.`;
}
