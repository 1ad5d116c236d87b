/**
 * The code of a sender or a receiver: from the command line, the environment, a pipe, or a question. A receiver's text may
 * be words, a pasted command or a web link. A pipe is read only until its text is a code, or can't become one. `run-send`,
 * `run-recv` and `run-key` call this before anything goes to a relay.
 */
import {
  completeWord,
  isCodeBegun,
  LOBBY_CODE,
  makeCode,
  readCode,
  type GivenCode,
} from "../../protocol/code/code.ts";
import { FaultError } from "../../protocol/wire/faults.ts";
import { CODE_MAX_CHARACTERS, CODE_WORDS } from "../../protocol/wire/limits.ts";
import { escapeForDisplay } from "../../protocol/wire/display.ts";
import { usage } from "../arguments/command-line.ts";
import { printAtTerminal, canAsk } from "../screen/own-terminal.ts";
import { askLine } from "../screen/prompts.ts";
import { readInput } from "../system/standard-input.ts";

/** How long a receiver waits for a code on a standard input that is no terminal. */
const CODE_INPUT_MS = 30_000;
/** How often a receiver asks a person for a code. */
const CODE_TRIES = 3;

export interface CodeSources {
  /** From the command line: the code, or its words, or a whole command that was pasted. */
  readonly words: readonly string[];
  readonly lobby: boolean;
  /** No prompts. */
  readonly json: boolean;
}

const LOBBY: GivenCode = { code: LOBBY_CODE, relay: undefined };
const NO_CODE = "a code is needed: as an argument, in FILESHARE_CODE, or on the standard input";
const NO_CODE_PIPED =
  "standard input has no code; give it there, as an argument or in FILESHARE_CODE";

/**
 * The code of a receiver.
 * @throws FaultError "bad-code", "usage" when there is none, "interrupted"
 */
export async function receiverCode({ words, lobby, json }: CodeSources): Promise<GivenCode> {
  if (lobby) {
    if (words.length > 0) throw usage("give either a code or --lobby");
    return LOBBY;
  }
  if (words.length > 0) return typedCode(words);
  const { FILESHARE_CODE: variable } = process.env;
  if (variable !== undefined && variable !== "") return readCode(variable);
  if (!process.stdin.isTTY) {
    const piped = await pipedCode();
    if (piped !== "") return readCode(piped);
  }
  if (!json && canAsk()) return askCode();
  throw usage(process.stdin.isTTY ? NO_CODE : NO_CODE_PIPED);
}

/** In one word or several. @throws FaultError "usage" for one behind a whole code */
function typedCode(words: readonly string[]): GivenCode {
  const given = readCode(words.join(" "));
  const [first = "", second] = words;
  // Characters that a paste brings with it stand in front, or are an option whose dash a word processor changed.
  if (second === undefined || /^\p{Pd}/u.test(second) || !isWhole(first)) return given;
  throw usage(`"${second}" is one word too many (--out takes a folder to save in)`);
}

function isWhole(word: string): boolean {
  try {
    return readCode(word).code !== "";
  } catch {
    return false;
  }
}

/**
 * The code of a sender: its own if it has one, else a new one. Of its own it may leave out the word
 * that checks the others.
 * @throws FaultError "bad-code"
 */
export function senderCode(own: string | undefined, lobby: boolean): GivenCode {
  if (lobby) {
    if (own !== undefined) throw usage("give either --code or --lobby");
    return LOBBY;
  }
  const given = own ?? process.env["FILESHARE_CODE"];
  if (given !== undefined && given !== "") return readCode(given, true);
  const code = makeCode((length) => crypto.getRandomValues(new Uint8Array(length)));
  return { code, relay: undefined };
}

/**
 * The code of a receiver that carries the relay: its own if it has one, else a new one for its sender.
 * @throws FaultError "bad-code", "usage"
 */
export function carriedCode({ words, lobby }: Omit<CodeSources, "json">): GivenCode {
  if (words.length > 0 && lobby) throw usage("give either a code or --lobby");
  return senderCode(words.length > 0 ? typedCode(words).code : undefined, lobby);
}

/** Words may come in several lines. */
async function askCode(): Promise<GivenCode> {
  let before = "";
  for (let tries = 1; ;) {
    const question = before === "" ? "Code: " : `Code, ${wordsLeft(before)}: `;
    const line = await askLine(question, {
      complete: (typed) => completeCode(typed, wordsOf(before).length),
      joinLines: true,
      fresh: tries > 1 && before === "",
    });
    const typed = `${before} ${line}`.trim();
    if (wordsOf(line).length > 0 && isCodeBegun(typed)) {
      before = typed;
      continue;
    }
    before = "";
    try {
      return readCode(typed);
    } catch (error) {
      if (!(error instanceof FaultError) || tries === CODE_TRIES) throw error;
      printAtTerminal(typed === "" ? EMPTY : escapeForDisplay(error.message));
      tries++;
    }
  }
}

const EMPTY =
  "The sender's screen shows the code. Type lobby for the lobby, where everyone at the relay may send; Ctrl-C ends.";

function wordsLeft(typed: string): string {
  const left = CODE_WORDS - wordsOf(typed).length;
  return left === 1 ? "the last word" : `${left} more words`;
}

function wordsOf(typed: string): string[] {
  return typed.split(/[^a-z]+/i).filter((word) => word !== "");
}

/**
 * The words that the last one typed may become; a sole one gets the "-" before the next.
 * @param before how many words are there already
 */
export function completeCode(line: string, before = 0): [string[], string] {
  const parts = line.split(/[\s\-_.]+/);
  const last = parts.at(-1) ?? "";
  const words = completeWord(last);
  const more = words.length === 1 && before + parts.length < CODE_WORDS;
  return [more ? words.map((word) => `${word}-`) : words, last];
}

/** Text from the pipe until it is a code, or can't become one any more. Nothing behind that is read. */
async function pipedCode(): Promise<string> {
  const decided = (come: Buffer): boolean => {
    return come.length > CODE_MAX_CHARACTERS || isEnough(come.toString());
  };
  const text = (await readInput(decided, CODE_INPUT_MS)).toString();
  const lines = text.slice(0, text.lastIndexOf("\n") + 1).trim();
  // A program may write on behind the code.
  return lines !== "" && isEnough(text) ? lines : text.trim();
}

/** Whether whole lines hold a code, or so much that more lines can't make a code of it. */
function isEnough(text: string): boolean {
  const lines = text.slice(0, text.lastIndexOf("\n") + 1).trim();
  if (lines === "" || isCodeBegun(lines)) return false;
  return isWhole(lines) || wordsOf(lines).length >= CODE_WORDS - 1;
}
