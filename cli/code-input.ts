/** Where a receiver's code comes from: the command line, the environment, a pipe, or a person. */
import { completeWord, LOBBY_CODE, makeCode, parseCode, type Code } from "../protocol/code.ts";
import { FaultError } from "../protocol/faults.ts";
import { CODE_INPUT_MS, CODE_MAX_CHARACTERS, CODE_TRIES, CODE_WORDS } from "../protocol/limits.ts";
import { escapeForDisplay } from "../protocol/names.ts";
import { usage } from "./args.ts";
import { onInterrupt } from "./interrupts.ts";
import { askLine, canAsk } from "./prompts.ts";

export interface CodeSources {
  /** From the command line. */
  readonly argument: string | undefined;
  readonly lobby: boolean;
  /** No prompts. */
  readonly json: boolean;
}

/**
 * The code of a receiver.
 * @throws FaultError "bad-code", "usage" when there is none, "interrupted"
 */
export async function receiverCode({ argument, lobby, json }: CodeSources): Promise<Code> {
  if (lobby) {
    if (argument !== undefined) throw usage("give either a code or --lobby");
    return LOBBY_CODE;
  }
  if (argument !== undefined) return parseCode(argument);
  const { FILESHARE_CODE: variable } = process.env;
  if (variable !== undefined && variable !== "") return parseCode(variable);
  if (!process.stdin.isTTY) return parseCode(await pipedLine());
  if (!json && canAsk()) return askCode();
  throw usage("a code is needed: as an argument, in FILESHARE_CODE, or on the standard input");
}

/** The code of a sender: its own if it has one, else a new one. @throws FaultError "bad-code" */
export function senderCode(own: string | undefined, lobby: boolean): Code {
  if (lobby) {
    if (own !== undefined) throw usage("give either --code or --lobby");
    return LOBBY_CODE;
  }
  const given = own ?? process.env["FILESHARE_CODE"];
  if (given !== undefined && given !== "") return parseCode(given);
  return makeCode((length) => crypto.getRandomValues(new Uint8Array(length)));
}

async function askCode(): Promise<Code> {
  for (let tries = 1; ; tries++) {
    const line = await askLine("Code (Enter alone: lobby): ", { complete: completeCode });
    if (line === "") return LOBBY_CODE;
    try {
      return parseCode(line);
    } catch (error) {
      if (!(error instanceof FaultError) || tries === CODE_TRIES) throw error;
      process.stdout.write(`${escapeForDisplay(error.message)}\n`);
    }
  }
}

/** The words that the last one typed may become; a sole one gets the "-" before the next. */
export function completeCode(line: string): [string[], string] {
  const parts = line.split(/[\s\-_.]+/);
  const last = parts.at(-1) ?? "";
  const words = completeWord(last);
  const more = words.length === 1 && parts.length < CODE_WORDS;
  return [more ? words.map((word) => `${word}-`) : words, last];
}

/** The first line that is piped in; the rest is not looked at. */
async function pipedLine(): Promise<string> {
  let text = "";
  const { stdin } = process;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  using _ = onInterrupt(() => reject(new FaultError("interrupted")));
  const timer = setTimeout(resolve, CODE_INPUT_MS);
  const read = (piece: string): void => {
    text += piece;
    if (text.includes("\n") || text.length > CODE_MAX_CHARACTERS) resolve();
  };
  stdin.setEncoding("utf8");
  stdin.on("data", read).on("end", resolve).on("error", resolve);
  try {
    await promise;
  } finally {
    clearTimeout(timer);
    stdin.off("data", read).pause();
  }
  const line = text.split("\n", 1)[0]?.trim() ?? "";
  if (line !== "") return line;
  throw usage(
    "there is no code on the standard input; give it there, as an argument or in FILESHARE_CODE",
  );
}
