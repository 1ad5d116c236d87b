import { createLogUpdate } from "log-update";

import { CURSOR_ON, inForeground, refreshSize } from "./suspension.ts";

export interface Surface {
  readonly columns: number;
  readonly rows: number;
  /** Whether this job may draw there: a background job would disturb another. */
  readonly ours: boolean;
  write(text: string): void;
}

/** A stream of this process. `marks` makes text fit for it. */
export function terminalSurface(
  stream: NodeJS.WriteStream,
  marks = (text: string): string => text,
): Surface {
  return {
    get columns() {
      refreshSize(stream);
      return stream.columns || 80;
    },
    get rows() {
      return stream.rows || 24;
    },
    get ours() {
      return inForeground();
    },
    write: (text) => void stream.write(marks(text)),
  };
}

const SYNC_ON = "\u001B[?2026h";
const SYNC_OFF = "\u001B[?2026l";
// A character that the terminal takes for wider than we do must not break the line.
const WRAP_OFF = "\u001B[?7l";
const WRAP_ON = "\u001B[?7h";
const LINE_START = "\r\u001B[K";
const CURSOR_OFF = "\u001B[?25l";

/**
 * Lines that stay, and below them lines that are drawn anew. Everything of one step reaches the
 * terminal in one write, so that nothing flickers.
 */
export class Painter {
  readonly #surface: Surface;
  readonly #update: ReturnType<typeof createLogUpdate>;
  #pending = "";
  #drawn: readonly string[] = [];
  #drawnColumns = 0;
  #hidden = false;

  constructor(surface: Surface) {
    this.#surface = surface;
    const stream = {
      get columns() {
        return surface.columns;
      },
      get rows() {
        return surface.rows;
      },
      write: (text: string) => {
        this.#pending += text;
        return true;
      },
    };
    // log-update uses these three members and no other.
    this.#update = createLogUpdate(stream as unknown as NodeJS.WritableStream, {
      showCursor: true,
    });
  }

  /** Columns that a drawn line may fill. */
  get width(): number {
    return Math.max(1, this.#surface.columns - 1);
  }

  /** Drawn lines that leave room for the one with the cursor. */
  get height(): number {
    return Math.max(0, this.#surface.rows - 1);
  }

  /** Whether lines can be drawn anew: a job in the background only prints. */
  get draws(): boolean {
    return this.#surface.ours;
  }

  /** Prints `fixed` for good and draws `live` below, in place of what was drawn before. */
  paint(fixed: readonly string[], live: readonly string[]): void {
    if (fixed.length > 0 || this.#drawnColumns !== this.#surface.columns) this.#erase();
    // The terminal may have echoed a ^C where the cursor was.
    for (const line of fixed) this.#pending += `${LINE_START}${line}\n`;
    const lines = live.slice(0, this.height).map((line) => Bun.sliceAnsi(line, 0, this.width));
    if (lines.length > 0) {
      const before = this.#pending;
      this.#pending = "";
      this.#update(lines.join("\n"));
      const drawn = this.#pending === "" ? "" : WRAP_OFF + this.#pending + WRAP_ON;
      this.#pending = before + drawn;
    } else {
      this.#erase();
    }
    this.#drawn = lines;
    this.#drawnColumns = this.#surface.columns;
    this.#flush(lines.length > 0);
  }

  /** Leaves what is drawn where it is, and gives the cursor back. */
  leave(): void {
    this.#update.done();
    this.#drawn = [];
    this.#flush(false);
  }

  #erase(): void {
    if (this.#drawn.length === 0) return;
    this.#update.clear();
    // A terminal that became narrower has broken the lines drawn before.
    const { columns } = this.#surface;
    const broken = this.#drawn
      .map((line) => Math.ceil(Bun.stringWidth(line) / columns) - 1)
      .reduce((sum, extra) => sum + Math.max(0, extra), 0);
    if (broken > 0) this.#pending += `\u001B[${broken}A\u001B[J`;
    this.#drawn = [];
  }

  #flush(hide: boolean): void {
    const cursor = hide === this.#hidden ? "" : hide ? CURSOR_OFF : CURSOR_ON;
    this.#hidden = hide;
    const text = this.#pending + cursor;
    this.#pending = "";
    if (text !== "") this.#surface.write(SYNC_ON + text + SYNC_OFF);
  }
}
