import { PassThrough } from "node:stream";
import type { ReadStream } from "node:tty";

/** Marks that terminals put around a paste when a program asks for them. */
const BEGIN = "\u001b[200~";
const END = "\u001b[201~";
/** Asks a terminal to mark pastes, and not to do so any more. */
export const MARK_PASTES = "\u001b[?2004h";
export const LEAVE_PASTES = "\u001b[?2004l";

const BREAK = /[\r\n]+/g;

/**
 * The keys of a person, for one line of an answer. A paste of several lines is one answer and no more:
 * its lines are joined (`join`), or its first one counts. Lines that come at once were pasted, too,
 * where the terminal does not mark a paste.
 */
export class PromptInput extends PassThrough {
  readonly isTTY = true;
  readonly #terminal: ReadStream;
  readonly #join: boolean;
  readonly #decoder = new TextDecoder();
  #pasting = false;
  /** The beginning of a mark whose rest has not come. */
  #rest = "";

  constructor(terminal: ReadStream, join: boolean) {
    super();
    this.#terminal = terminal;
    this.#join = join;
    terminal.on("data", this.#take).on("end", this.#over).on("error", this.#over);
    terminal.resume();
  }

  setRawMode(raw: boolean): this {
    this.#terminal.setRawMode(raw);
    return this;
  }

  release(): void {
    this.#terminal.off("data", this.#take).off("end", this.#over).off("error", this.#over);
    this.#terminal.pause();
    this.end();
  }

  readonly #over = (): void => void this.end();

  readonly #take = (bytes: Uint8Array | string): void => {
    const come = typeof bytes === "string" ? bytes : this.#decoder.decode(bytes, { stream: true });
    let text = this.#rest + come;
    this.#rest = "";
    while (text !== "") {
      const mark = this.#pasting ? END : BEGIN;
      const at = text.indexOf(mark);
      if (at === -1) {
        const begun = beginningOf(mark, text);
        this.#rest = text.slice(text.length - begun);
        this.#pass(text.slice(0, text.length - begun));
        return;
      }
      this.#pass(text.slice(0, at));
      this.#pasting = !this.#pasting;
      text = text.slice(at + mark.length);
    }
  };

  #pass(text: string): void {
    // Behind a paste that is marked, Enter is for the person to press.
    const line = this.#pasting ? plain(text.replaceAll(BREAK, " ")) : this.#typed(text);
    if (line !== "") this.write(line);
  }

  #typed(text: string): string {
    const body = text.replace(/[\r\n]+$/, "");
    const [first = "", ...more] = body.split(BREAK);
    if (more.length === 0) return this.#join ? text.replaceAll(/\t(?=[^\t])/g, " ") : text;
    if (!this.#join) return `${plain(first)}\r`;
    return plain([first, ...more].join(" ")) + (body === text ? "" : "\r");
  }
}

/** Without keys that would act upon the line. */
function plain(text: string): string {
  return text.replaceAll("\t", " ").replace(/\p{Cc}/gu, "");
}

/** The number of last characters that may begin the mark. */
function beginningOf(mark: string, text: string): number {
  for (let length = Math.min(mark.length - 1, text.length); length > 1; length--) {
    if (text.endsWith(mark.slice(0, length))) return length;
  }
  return 0;
}
