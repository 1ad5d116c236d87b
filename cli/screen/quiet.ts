import { shown } from "./format.ts";
import type { ClientEvent } from "../job/event-schema.ts";
import type { PlainOutput } from "./plain.ts";
import { LineScreen, type Setting } from "./screen.ts";
import { Story } from "./story.ts";
import { makeStyle } from "./style.ts";

/**
 * For `--quiet`: a new code, a text, questions with their subject, errors, and the sum of receivers of
 * a send that is stopped.
 */
export class QuietScreen extends LineScreen {
  readonly #output: Omit<PlainOutput, "now">;

  constructor(setting: Setting, output: Omit<PlainOutput, "now">) {
    super(setting, output.ask);
    this.#output = output;
  }

  show(event: ClientEvent): void {
    const { out, err } = this.#output;
    if (event.event === "code" && !this.setting.lobby) out(`${event.code}\n`);
    if (event.event === "text") out(this.#story(event));
    if (event.event === "summary" || event.event === "unreadable") err(this.#story(event));
    if (event.event === "error" && event.code !== "interrupted") {
      err(`Error: ${shown(event.message)}\n`);
    }
  }

  #story(event: ClientEvent): string {
    const lines = new Story(this.setting, makeStyle(false)).lines(event);
    return lines.map(({ text }) => `${text}\n`).join("");
  }
}
