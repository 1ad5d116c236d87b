import { FAULTS } from "../../protocol/faults.ts";
import { NAMES_SHOWN } from "../../protocol/limits.ts";
import { isHiddenName } from "../../protocol/names.ts";
import type { ClientEvent } from "../events.ts";
import type { Outcome } from "../jobs.ts";
import { count, duration, percent, rate, shown, size } from "./format.ts";
import type { OfferEvent, Setting } from "./screen.ts";
import type { Style } from "./style.ts";

type EventOf<Name extends ClientEvent["event"]> = Extract<ClientEvent, { event: Name }>;

/** A line to print and leave; `error` ones go to stderr. */
export interface Line {
  readonly text: string;
  readonly error?: true;
}

/**
 * What happened as sentences, the same on every screen for people. Positions (`progress`,
 * `receiver`) are left to the screens. All text of peers is escaped here.
 */
export class Story {
  readonly #setting: Setting;
  readonly #style: Style;
  #online: boolean | undefined;
  #waiting = false;
  /** Bytes of the share at hand that were here before. */
  #before = 0;
  #kept = false;
  #interrupted = false;

  constructor(setting: Setting, style: Style) {
    this.#setting = setting;
    this.#style = style;
  }

  tell(event: ClientEvent): Line[] {
    if (!["relay", "waiting"].includes(event.event)) this.#waiting = false;
    switch (event.event) {
      case "code":
        return this.#code(event);
      case "source":
        return [say(`Sending ${this.#name(event.name)} (${size(event.bytes)})`)];
      case "relay":
        return this.#relay(event);
      case "waiting":
        return this.#waits();
      case "offer":
        this.#before = 0;
        return this.#offer(event);
      case "resumed":
        this.#before = event.bytes;
        return [
          say(`Going on at ${percent(event.bytes, event.size)} %: ${of(event)} are here already`),
        ];
      case "sender":
        return [
          say(
            event.here ? "The sender is back" : "The sender is away; waiting for it to come back",
          ),
        ];
      case "saved":
        this.#kept = false;
        return [say(`Saved ${this.#name(event.path)} (${size(event.bytes)})`)];
      case "kept":
        this.#kept = true;
        return [say(`Kept ${of(event)} in ${shown(event.path)}`)];
      case "done":
        return [this.#done(event)];
      case "error":
        return this.#error(event);
      case "progress":
      case "receiver":
        return [];
    }
  }

  /** The last lines. */
  end(outcome: Outcome): Line[] {
    if (outcome.fault !== "interrupted") return this.#kept ? [say(this.#setting.again)] : [];
    const head = this.#interrupted ? [] : [say("Interrupted")];
    const more = this.#kept || this.#setting.side === "sender";
    return more ? [...head, say(this.#setting.again)] : head;
  }

  #code({ code }: EventOf<"code">): Line[] {
    const { lobby, otherSide = "", extra = [] } = this.#setting;
    const { bold, cyan } = this.#style;
    return [
      lobby
        ? "Sending to the lobby, where everyone at this relay can receive"
        : `Code: ${bold(code)}`,
      "",
      "On the other side, run:",
      `  ${cyan(otherSide)}`,
      "",
      ...extra,
    ].map(say);
  }

  /** Once per change: every try that fails comes as an event of its own. */
  #relay({ online, code, url }: EventOf<"relay">): Line[] {
    const before = this.#online;
    if (before === online) return [];
    this.#online = online;
    if (online) return before === undefined ? [] : [say("The relay is back")];
    const { sentence, advice } = FAULTS[code ?? "connection-lost"];
    const { yellow } = this.#style;
    const first = before === undefined && code === "relay-unreachable" ? ` ${advice}` : "";
    return [say(yellow(`${sentence}: ${shown(url)}; trying again.${first}`))];
  }

  #waits(): Line[] {
    if (this.#waiting) return [];
    this.#waiting = true;
    const { lobby } = this.#setting;
    return [say(lobby ? "Waiting in the lobby for a file" : "Waiting for the sender")];
  }

  #offer({ files, bytes, names, exists }: OfferEvent): Line[] {
    const hidden = names.filter(isHiddenName);
    const listed =
      names.length <= NAMES_SHOWN ? names : [...names.slice(0, NAMES_SHOWN), ...hidden];
    const lines = [...new Set(listed)].map((name) => {
      const flag = isHiddenName(name)
        ? this.#style.yellow(" (hidden or acted upon by systems)")
        : "";
      return say(`  ${this.#name(name)}${flag}`);
    });
    const left = names.length - lines.length;
    if (left > 0) lines.push(say(`  and ${count(left, "file", "files")} more, none hidden`));
    if (exists) lines.push(say("A file of that name is in the folder already"));
    return [say(`Offered: ${count(files, "file", "files")}, ${size(bytes)}`), ...lines];
  }

  #done({ bytes, seconds, receivers }: EventOf<"done">): Line {
    const now = bytes - this.#before;
    const part = now === bytes ? size(bytes) : `${size(now)} of ${size(bytes)}`;
    const speed = seconds > 0 ? ` (${rate(now / seconds)})` : "";
    const who = receivers === undefined ? "" : `${receiversHave(receivers)} the whole file, `;
    return say(this.#style.green(`Done: ${who}${part} in ${duration(seconds)}${speed}`));
  }

  #error({ code, message }: EventOf<"error">): Line[] {
    if (code !== "interrupted") {
      return [{ text: this.#style.red(`Error: ${shown(message)}`), error: true }];
    }
    this.#interrupted = true;
    return [say("Interrupted")];
  }

  #name(name: string): string {
    return this.#style.bold(shown(name));
  }
}

function say(text: string): Line {
  return { text };
}

function receiversHave(number: number): string {
  return count(number, "receiver has", "receivers have");
}

function of(position: { readonly bytes: number; readonly size: number }): string {
  return `${size(position.bytes)} of ${size(position.size)}`;
}
