/** A way to move a file between two machines that have nothing, as the measurement drives it. */
import type { Files, PublicRelay } from "./internet.ts";
import type { Belongings, Mode, Person } from "./person.ts";

/** The file that is sent, in the home of the sender. */
export const FILE = "a.bin";

export interface Way {
  readonly name: string;
  /** Programs that the two machines have before; the table tells them. */
  readonly from: string;
  /** Ways of entering the code, in the order of the rounds. */
  readonly modes: readonly Mode[];
  /** Commands that must not be there when it begins. */
  readonly tools: readonly string[];
  readonly has?: Belongings;
  /** Downloads, and the relays that the tool finds at public addresses. */
  readonly files: Files;
  readonly relays?: readonly PublicRelay[];
  /** Opens what the receiver has open already, outside the time that counts. */
  before?(person: Person): Promise<AsyncDisposable>;
  /** Types what installs it, on one machine. */
  install(person: Person): Promise<void>;
  /** Types what sends the file. @returns the code, the ticket or the link on the screen */
  send(person: Person): Promise<string>;
  /** Receives. Resolves when the file is there, whole. */
  receive(person: Person, code: string, mode: Mode): Promise<void>;
}

export interface Missing {
  readonly name: string;
  readonly missing: string;
}

/**
 * Types a code of words. In the mode `tab`, each word gets as few letters as tell it from all others, and Tab where that
 * is shorter than the whole word.
 */
export async function typeWords(
  person: Person,
  code: string,
  isSole: (prefix: string, at: number) => boolean,
): Promise<void> {
  const words = code.split("-");
  let typed = "";
  for (const [at, word] of words.entries()) {
    const isLast = at === words.length - 1;
    typed += isLast ? word : `${word}-`;
    const whole = isLast ? word : `${word}-`;
    let letters = 1;
    while (letters < word.length && !isSole(word.slice(0, letters), at)) letters++;
    if (letters + 1 >= whole.length || /^\d/.test(word)) {
      person.types(whole);
      continue;
    }
    person.types(`${word.slice(0, letters)}\t`);
    // A program takes Tab for a completion only if it has seen the letters alone.
    await person.shows(typed);
  }
}

export async function enterCode(
  person: Person,
  code: string,
  mode: Mode,
  isSole: (prefix: string, at: number) => boolean = () => false,
): Promise<void> {
  if (mode === "pasted") person.pastesText(code);
  else if (mode === "tab") await typeWords(person, code, isSole);
  else person.types(code);
  person.enters();
}
