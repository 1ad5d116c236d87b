import { stripVTControlCharacters, styleText } from "node:util";

import logUpdate from "log-update";
import prettyBytes from "pretty-bytes";

/** One line of the table. */
export interface Row {
  readonly name: string;
  readonly role: string;
  state: string;
  bytes: number;
}

const BAR_COLUMNS = 32;
const PLAIN_EVERY_MS = 3000;
const DRAW_EVERY_MS = 80;

/** A table that is drawn anew on a terminal, and now and then printed elsewhere. */
export class Table implements Disposable {
  readonly #rows: readonly Row[];
  readonly #size: number;
  readonly #live = process.stdout.isTTY;
  readonly #timer: NodeJS.Timeout;
  readonly #startedAt = performance.now();
  #printed = "";

  constructor(rows: readonly Row[], size: number) {
    this.#rows = rows;
    this.#size = size;
    this.#timer = setInterval(() => this.#draw(), this.#live ? DRAW_EVERY_MS : PLAIN_EVERY_MS);
  }

  /** A line above the table that stays. */
  say(text: string): void {
    const seconds = ((performance.now() - this.#startedAt) / 1000).toFixed(1).padStart(5);
    const line = `${styleText("dim", `${seconds} s`)}  ${text}`;
    if (this.#live) logUpdate.clear();
    console.log(line);
    if (this.#live) this.#draw();
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.#draw();
    if (this.#live) logUpdate.done();
  }

  #draw(): void {
    const lines = this.#rows.map((row) => this.#line(row)).join("\n");
    if (this.#live) {
      logUpdate(`\n${lines}\n`);
    } else if (lines !== this.#printed) {
      this.#printed = lines;
      console.log(`${stripVTControlCharacters(lines)}\n`);
    }
  }

  #line({ name, role, state, bytes }: Row): string {
    const part = this.#size === 0 ? 1 : bytes / this.#size;
    const full = Math.floor(part * BAR_COLUMNS);
    const color = state === "done" ? "green" : state === "killed" ? "red" : "cyan";
    const bar =
      styleText(color, "█".repeat(full)) + styleText("dim", "░".repeat(BAR_COLUMNS - full));
    const percent = `${Math.floor(part * 100)} %`.padStart(5);
    const amount = prettyBytes(bytes, { binary: true, space: true }).padStart(9);
    const told = styleText(color, state.padEnd(11));
    return `  ${styleText("bold", name.padEnd(8))} ${bar} ${percent} ${amount}  ${told} ${styleText("dim", role)}`;
  }
}
