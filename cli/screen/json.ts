import type { ClientEvent } from "../job/event-schema.ts";
import { LineScreen, type Setting } from "./screen.ts";

// JSON.stringify leaves these as they are, and terminals act upon them.
const UNSAFE = /[\p{Cf}\p{Zl}\p{Zp}\u007F-\u009F]/gu;

/** One event as one line of plain JSON; characters that a terminal acts upon are \u escapes. */
export function jsonLine(event: unknown): string {
  const text = JSON.stringify(event).replaceAll(UNSAFE, (character) =>
    Array.from({ length: character.length }, (_, i) => {
      return `\\u${character.charCodeAt(i).toString(16).padStart(4, "0")}`;
    }).join(""),
  );
  return `${text}\n`;
}

/** For programs: every event as it comes, and nothing else. */
export class JsonScreen extends LineScreen {
  readonly #write: (text: string) => void;

  constructor(setting: Setting, write: (text: string) => void) {
    super(setting);
    this.#write = write;
  }

  show(event: ClientEvent): void {
    this.#write(jsonLine(event));
  }
}
