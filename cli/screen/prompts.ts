/** Questions to the person at the terminal. */
import { createInterface } from "node:readline";

import { FaultError } from "../../protocol/wire/faults.ts";
import { tolerate } from "../system/system-error.ts";
import { interrupt, onInterrupt } from "../system/interrupts.ts";
import { dropTyped, openTerminal } from "./own-terminal.ts";
import { LEAVE_PASTES, MARK_PASTES, PromptInput } from "./prompt-input.ts";
import { holdTerminal, suspendJob } from "./suspension.ts";

/** Beginnings of the line that `Tab` completes: the candidates, and the part that they complete. */
export type Complete = (line: string) => [string[], string];

export interface AskOptions {
  readonly complete?: Complete;
  readonly signal?: AbortSignal | undefined;
  /** A paste of several lines is one line, its lines joined; else its first line counts. */
  readonly joinLines?: boolean;
  /** Keys typed before the question was shown are no answer to it. */
  readonly fresh?: boolean;
}

/**
 * One line, without the spaces around it.
 * @throws FaultError "interrupted" on Ctrl-C, at the end of input, or when the question is taken back
 */
export async function askLine(question: string, options: AskOptions = {}): Promise<string> {
  const { complete, signal, joinLines = false, fresh = false } = options;
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const stop = (): void => reject(new FaultError("interrupted"));
  // Where a transfer is under way, Ctrl-C is for it; it takes the question back.
  using _stop = signal === undefined ? onInterrupt(stop) : undefined;
  const terminal = openTerminal();
  const { output } = terminal;
  const input = new PromptInput(terminal.input, joinLines);
  // A dumb terminal edits the line by itself, and sends signals for Ctrl-C and Ctrl-Z.
  const raw = process.env["TERM"] !== "dumb";
  const reader = createInterface({
    input,
    output,
    completer: complete,
    historySize: 0,
    terminal: raw,
  });
  if (fresh) dropTyped(terminal.input);
  const marks = joinLines && raw;
  if (marks) output.write(MARK_PASTES);
  using _hold = holdTerminal({
    release: () => {
      if (marks) output.write(LEAVE_PASTES);
      if (raw) input.setRawMode(false);
    },
    take: () => {
      // Bun remembers a mode that the shell has changed meanwhile.
      if (raw) input.setRawMode(false).setRawMode(true);
      if (marks) output.write(MARK_PASTES);
      reader.prompt(true);
    },
  });
  reader.on("SIGINT", interrupt);
  reader.on("SIGTSTP", suspendJob);
  reader.on("close", stop);
  signal?.addEventListener("abort", stop);
  reader.question(question, resolve);
  let answered = false;
  try {
    if (signal?.aborted === true) stop();
    const answer = await promise;
    answered = true;
    return answer.trim();
  } finally {
    signal?.removeEventListener("abort", stop);
    // A terminal that is gone can't be given back.
    tolerate(() => reader.close());
    input.release();
    if (marks) output.write(LEAVE_PASTES);
    if (!answered) output.write("\n");
  }
}

/** Asks until the answer is one of the letters; the first stands for Enter alone. */
export async function askChoice<Letter extends string>(
  question: string,
  choices: readonly [Letter, ...Letter[]],
  signal?: AbortSignal,
): Promise<Letter> {
  const [first] = choices;
  for (;;) {
    const answer = (await askLine(question, { signal, fresh: true })).toLowerCase();
    if (answer === "") return first;
    const chosen = choices.find((letter) => answer.startsWith(letter));
    if (chosen !== undefined) return chosen;
  }
}
