/**
 * The sentences that every screen for people prints: one event in, lines out. It keeps the little state that sentences
 * depend on, such as whether the relay was reached before. Progress and positions are left to the screens. All text of
 * peers is escaped here.
 */
import { FAULTS, STORE_ENDS, sentenceOf } from "../../protocol/wire/faults.ts";
import { shownAddress } from "../connection/relay-address.ts";
import type { ClientEvent } from "../job/event-schema.ts";
import type { Outcome } from "../job/jobs.ts";
import { isFoundHere, ROUTE_TEXTS } from "../job/routes.ts";
import { count, duration, percent, shown, size, took } from "./format.ts";
import { carryingLines } from "./carrying-lines.ts";
import { offerLines, storedText } from "./offer-lines.ts";
import { isStopped, type Setting } from "./screen.ts";
import type { Style } from "./style.ts";

type EventOf<Name extends ClientEvent["event"]> = Extract<ClientEvent, { event: Name }>;

const CHANGES: Record<EventOf<"changed">["changes"][number]["what"], string> = {
  new: "is new",
  gone: "is gone",
  size: "another size",
  time: "another time",
  mode: "another mode",
  "other file": "another file of that name",
  content: "another content",
};

const DAY_S = 24 * 60 * 60;

const EDITION = {
  sender: "Files changed, so the sender offers the share anew; receivers keep their data",
  receiver: "Files changed at the sender, which offers them anew; received data is kept",
} as const;

const IN_LOBBY = {
  sender: "Sending to the lobby, where every client of this relay can receive",
  receiver: "Receiving from the lobby, where every client of this relay can send",
} as const;

const UNSOUND: Record<EventOf<"unsound">["files"][number]["what"], string> = {
  grown: "it grew, and is saved as far as it was offered",
  changed: "it changed, and is not saved",
  missing: "it went away or could not be read, and is not saved",
};

const OMITTED_WHY: Readonly<Record<EventOf<"omitted">["why"], string>> = {
  link: "it is a link (--follow sends what it leads to)",
  outside: "it leads out of its folder",
  broken: "it leads nowhere, or round in a circle",
  special: "it is a pipe, a socket or a device",
  unsafe: "receivers would refuse its name",
  unreadable: "it cannot be read",
  endless: "its size is unknown, and no end of it was found",
};

/** A line to print and leave; `error` ones go to stderr. */
export interface Line {
  readonly text: string;
  readonly error?: true;
}

/**
 * The events as sentences, the same on every screen for people. Positions (`progress`,
 * `receiver`) are left to the screens. All text of peers is escaped here.
 */
export class Story {
  readonly #setting: Setting;
  readonly #style: Style;
  #online: boolean | undefined;
  #knowsPage = false;
  #waiting = false;
  /** Addresses in the network, while the search goes on. */
  #found: number | undefined;
  #searchNote: string | undefined;
  #relayAt: string | undefined;
  /** The relay that was reached last. */
  /** Why the relay, which answers, cannot serve yet. */
  #unserved: string | undefined;
  #onlineAt: string | undefined;
  /** Bytes of the share at hand that were here before. */
  #before = 0;
  #kept = false;
  /** The part of the share that the relay has for good. */
  #stored: EventOf<"storing"> | undefined;
  /** The relay has all of it. */
  #isWhole = false;
  /** By an earlier run. */
  #wasStored = false;
  #interrupted = false;
  /** The share can be gone on with. */
  #resumable = false;

  constructor(setting: Setting, style: Style) {
    this.#setting = setting;
    this.#style = style;
  }

  lines(event: ClientEvent): Line[] {
    if (!["relay", "waiting"].includes(event.event)) this.#waiting = false;
    const { yellow } = this.#style;
    switch (event.event) {
      case "code":
        return this.#begins(event);
      case "carrying":
        return this.#carrying(event);
      case "checking":
        return [
          line(`${count(event.files, "file was", "files were")} touched; comparing what was sent`),
        ];
      case "changed":
        return this.#changed(event);
      case "alone":
        return [line(yellow(this.#alone(event)))];
      case "summary":
        return [line(summaryText(event))];
      case "asks":
      case "awaits": // the screens have a line for that
        return [];
      case "dismissed": {
        const why = event.reason === "too-slow" ? "took nothing for too long" : "was not admitted";
        return [line(`${this.#name(event.name)} ${why}, and is out`)];
      }
      case "unadmitted":
        return [line("Waiting for the sender to admit you")];
      case "search":
        return this.#search(event);
      case "gate":
        return [line(gateText(event))];
      case "edition":
        this.#resumable = event.kept ?? false;
        return [line(yellow(EDITION[this.#setting.side]))];
      case "unkept": {
        this.#resumable = false;
        const what = this.#setting.revoke === undefined ? "resume" : "resume or revoke";
        const why = "There is no room for the state of this send, so another run cannot";
        return [line(yellow(`${why} ${what} it`))];
      }
      case "source":
        return [line(`Sending ${this.#source(event)}`)];
      case "omitted":
        return this.#omitted(event);
      case "relay":
        return this.#relay(event);
      case "unreadable":
        return [{ text: yellow(unreadableText(event)), error: true }];
      case "waiting":
        return this.#waits();
      case "offer":
        this.#before = 0;
        return offerLines(event, this.#style).map(line);
      case "resumed":
        this.#before = event.bytes;
        return [
          line(`Resuming at ${percent(event.bytes, event.size)} %: ${of(event)} ${this.#were}`),
        ];
      case "sender":
        return [
          line(
            (event.here ? "The sender is back" : "The sender is away; waiting for its return") +
              times(event.untold),
          ),
        ];
      case "skipped":
        this.#before = event.bytes;
        return [
          line(
            `Not fetched: ${count(event.files, "file that is", "files that are")} here (${size(event.bytes)})`,
          ),
        ];
      case "renamed": {
        const more = event.more === undefined ? "" : `, and ${event.more} more`;
        const [from, to] = [shown(event.from), shown(event.to)];
        return [line(yellow(`Named ${to} here, because ${from} is not possible${more}`))];
      }
      case "text":
        return shownText(event.text).map(line);
      case "saved":
        this.#kept = false;
        return [line(`Saved ${this.#name(event.path)} (${saved(event)})`)];
      case "hashing":
        return [line(`Reading ${count(event.files, "file", "files")} for SHA256SUMS`)];
      case "checksums":
        return [this.#checksums(event)];
      case "kept":
        this.#kept = true;
        return [line(`Kept ${of(event)} in ${shown(event.path)}`)];
      case "unsound":
        return this.#unsound(event);
      case "storing":
        this.#stored = event;
        return [];
      case "stored":
        this.#isWhole = true;
        this.#wasStored = event.again === true;
        return [line(this.#storedText(event)), ...this.#lifeCut(event)];
      case "done":
        return this.#done(event);
      case "error":
        return this.#error(event);
      case "progress":
      case "receiver":
        return [];
    }
  }

  /** The last lines. */
  end(outcome: Outcome): Line[] {
    const sends = this.#setting.side === "sender";
    if (!isStopped(outcome.fault)) {
      const isOver = outcome.fault !== undefined && STORE_ENDS.has(outcome.fault);
      const unfinished = sends
        ? outcome.fault !== undefined && this.#resumable
        : this.#kept && !isOver;
      return unfinished ? [this.#again] : [];
    }
    const head = this.#interrupted ? [] : [line("Interrupted")];
    if (sends) head.push(...this.#storedPart);
    return this.#kept || sends ? [...head, this.#again] : head;
  }

  get #storedPart(): Line[] {
    if (this.#stored === undefined || this.#isWhole) return [];
    const { bytes, size: all } = this.#stored;
    const part = all === 0 ? size(bytes) : `${percent(bytes, all)} %`;
    const how = this.#resumable
      ? "the same command goes on from there within a day"
      : "a stream cannot be read again, so another run begins anew";
    return [line(`The relay has stored ${part}; ${how}`)];
  }

  get #again(): Line {
    return line(this.#setting.again());
  }

  /** The bytes of a receiver are on its disk, those of a sender at others. */
  get #were(): string {
    return this.#setting.side === "sender" ? "were sent before" : "are here already";
  }

  #storedText({ until, downloads, again }: EventOf<"stored">): string {
    const { bold } = this.#style;
    const when = bold(`Stored ${again ? "already, " : ""}${storedText({ until, downloads })}`);
    return `${when}; ${this.#setting.revoke ?? "fileshare revoke"} deletes it before`;
  }

  #lifeCut({ lifeMost }: EventOf<"stored">): Line[] {
    if (lifeMost === undefined) return [];
    const days = Math.floor(lifeMost / DAY_S);
    const life = days > 0 ? count(days, "day", "days") : duration(lifeMost);
    return [line(this.#style.yellow(`The relay keeps a share for ${life} at most`))];
  }

  #changed({ changes, more }: EventOf<"changed">): Line[] {
    const lines = changes.map(({ path, what }) => line(`  ${this.#name(path)}: ${CHANGES[what]}`));
    if (more > 0) lines.push(line(`  and ${count(more, "change", "changes")} more`));
    return [line("Changed since the last send, so the sender offers it anew:"), ...lines];
  }

  #unsound({ files, more }: EventOf<"unsound">): Line[] {
    const { yellow } = this.#style;
    const lines = files.map(({ path, what }) => line(yellow(`  ${shown(path)}: ${UNSOUND[what]}`)));
    if (more > 0) lines.push(line(yellow(`  and ${count(more, "file", "files")} more`)));
    return [line(yellow("Not whole, because they changed while they were sent:")), ...lines];
  }

  #checksums({ path, files, unlisted }: EventOf<"checksums">): Line {
    const { yellow } = this.#style;
    if (path === undefined) {
      // The share at hand may be a later one, so only the event tells what this one was.
      const why = unlisted === 0 ? "the share saves no file" : "no file arrived whole";
      return line(yellow(`SHA256SUMS lists nothing: ${why}`));
    }
    const listed = `Listed ${count(files, "file", "files")} in ${this.#name(path)}`;
    if (unlisted === 0) return line(listed);
    const left = count(unlisted, "file is", "files are");
    return line(yellow(`${listed}; ${left} not whole, gone or unreadable, and not listed`));
  }

  #alone({ why, seconds, relay }: EventOf<"alone">): string {
    const at = shown(shownAddress(relay));
    switch (why) {
      case "no-relay":
        if (this.#found !== undefined) return nothingFound(this.#found, seconds);
        if (this.#unserved !== undefined) {
          return `The relay ${at} does not serve you for ${seconds} s: ${shown(this.#unserved)}; Ctrl-C ends.`;
        }
        return `No connection to the relay ${at} for ${seconds} s. Check that it runs and that this machine is online; Ctrl-C ends.`;
      case "no-receiver":
        return `No receiver came in ${seconds} s. On the other machine, run: ${this.#setting.otherSide ?? ""} (Ctrl-C ends here)`;
      case "no-offer":
        return `No sender offers anything under this code at ${at}. The sender may have ended, or use another relay: compare the code and the relay with its screen; Ctrl-C ends.`;
    }
  }

  #source({ name, more, files, bytes, kind, open }: EventOf<"source">): string {
    const total = size(bytes);
    if (open) return `what comes, as ${this.#name(name)}`;
    if (kind === "text") return `a text (${total})`;
    if (files === 1 && more === 0) return `${this.#name(name)} (${total})`;
    const others = more === 0 ? "" : ` and ${more} more`;
    return `${this.#name(name)}${others} (${count(files, "file", "files")}, ${total})`;
  }

  #omitted({ path, why, reason, more = 0 }: EventOf<"omitted">): Line[] {
    const because = OMITTED_WHY[why] + (reason === undefined ? "" : ` (${shown(reason)})`);
    const first = line(this.#style.yellow(`Skipped ${shown(path)}: ${because}`));
    if (more === 0) return [first];
    return [first, line(this.#style.yellow(`Skipped ${more} more`))];
  }

  #begins({ code, kept = false }: EventOf<"code">): Line[] {
    this.#resumable = kept;
    const { lobby, side, otherSide = "", extra = [] } = this.#setting;
    const { bold, cyan } = this.#style;
    return [
      lobby ? IN_LOBBY[side] : `Code: ${bold(code)}`,
      "",
      "On the other side, run:",
      `  ${cyan(otherSide)}`,
      "",
      ...extra,
    ].map(line);
  }

  /** Says once that it looks, and then only what people can act upon. */
  #search({ looking, found, note }: EventOf<"search">): Line[] {
    const { yellow, dim } = this.#style;
    const before = this.#found;
    this.#found = looking ? found : undefined;
    if (!looking) return [];
    const lines: Line[] = [];
    if (before === undefined) {
      lines.push(line(dim("Looking for the sender on this machine and in this network")));
    }
    if (note !== undefined && note !== this.#searchNote) {
      this.#searchNote = note;
      lines.push(line(yellow(shown(note))));
    }
    return lines;
  }

  /** Once per change: every try that fails comes as an event of its own. */
  #relay(event: EventOf<"relay">): Line[] {
    const { online, code, detail, url, link, untold } = event;
    const before = this.#online;
    this.#unserved = code === "going-away" ? detail : undefined;
    if (online && code !== undefined) {
      return [line(this.#style.yellow(`${sentenceOf(code, detail)}: ${shown(detail ?? url)}`))];
    }
    const isSame = this.#relayAt === undefined || url === this.#relayAt;
    const isBack = before !== undefined && isSame;
    if (before === online && isSame && untold === undefined) return [];
    this.#online = online;
    this.#relayAt = url;
    if (online) {
      // The link of before leads to another relay.
      if (this.#onlineAt !== undefined && this.#onlineAt !== url) this.#knowsPage = false;
      const using = isBack ? `The relay is back${times(untold)}` : this.#route(event);
      this.#onlineAt = url;
      return [...this.#browsers(link !== undefined, url), line(using)];
    }
    const { advice } = FAULTS[code ?? "connection-lost"];
    const sentence = sentenceOf(code ?? "connection-lost", detail);
    const { yellow } = this.#style;
    const first = before === undefined && code === "relay-unreachable" ? ` ${advice}` : "";
    const about = detail === undefined ? "" : ` (${shown(detail)})`;
    return [
      line(yellow(`${sentence}: ${shown(url)}${about}; trying again.${first}${times(untold)}`)),
    ];
  }

  /** A relay of this command always has a page, so its link stands beside the command for the other side. */
  #carrying(event: EventOf<"carrying">): Line[] {
    const link = event.note === undefined ? this.#browsers(true) : [];
    return [...link, ...carryingLines(event, this.#setting).map(line)];
  }

  /** Once for each relay: the first connection to any other relay tells a sender whether there is a page. */
  #browsers(hasPage: boolean, url = ""): Line[] {
    if (this.#knowsPage) return [];
    this.#knowsPage = true;
    const { links, qr = false } = this.#setting;
    const link = links?.[url] ?? this.#setting.link;
    if (hasPage && link !== undefined) {
      return [line(`Or open in a browser: ${this.#style.cyan(link)}`)];
    }
    if (hasPage || !qr) return [];
    return [
      line(
        this.#style.yellow("This relay has no page, so the link opens nothing; use the command"),
      ),
    ];
  }

  #route({ url, route, proxy }: EventOf<"relay">): string {
    const named = route === undefined ? "" : ROUTE_TEXTS[route].said;
    const through = proxy === undefined ? "" : `, through the proxy ${shown(proxy)}`;
    const has = isFoundHere(route) || (this.#onlineAt ?? url) === url ? "Using" : "Now using";
    return this.#style.dim(`${has} the relay ${shown(shownAddress(url))}${named}${through}`);
  }

  #waits(): Line[] {
    if (this.#waiting) return [];
    this.#waiting = true;
    const { lobby } = this.#setting;
    return [line(lobby ? "Waiting in the lobby for a file" : "Waiting for a share with this code")];
  }

  /** The speed does not count the time of waiting for receivers and answers. */
  #done({ bytes, seconds, active = seconds, receivers, unconfirmed = 0 }: EventOf<"done">): Line[] {
    const now = bytes - this.#before;
    const part = now === bytes ? size(bytes) : `${size(now)} of ${size(bytes)}`;
    const isQuiet = receivers === undefined || (receivers === 0 && this.#setting.revoke);
    const who = isQuiet ? "" : receiversHave(receivers - unconfirmed, unconfirmed);
    const isLate = this.#before > 0 || this.#wasStored;
    if (this.#isWhole && isLate && now <= 0)
      return [line(this.#style.green("Done: nothing was left to send"))];
    const stored = this.#isWhole ? " stored" : "";
    const done = line(this.#style.green(`Done: ${who}${part}${stored}${took(now, active)}`));
    // Receivers of an earlier run counted, so this one may have ended before anyone could join.
    if (isQuiet || this.#before === 0 || now > 0) return [done];
    return [done, line("Earlier runs had sent everything; --new starts a new share, for others")];
  }

  #error({ code, message }: EventOf<"error">): Line[] {
    if (code === "deadline-over") this.#interrupted = true;
    if (code !== "interrupted") {
      return [{ text: this.#style.red(`Error: ${shown(message)}`), error: true }];
    }
    this.#interrupted = true;
    return [line("Interrupted")];
  }

  #name(name: string): string {
    return this.#style.bold(shown(name));
  }
}

function line(text: string): Line {
  return { text };
}

/** Its own lines, and whatever else a terminal would act upon made visible. */
function shownText(text: string): string[] {
  return text
    .replace(/\n$/, "")
    .split("\n")
    .map((line) => {
      return line
        .split("\t")
        .map((part) => shown(part))
        .join("\t");
    });
}

function saved({ bytes, files = 1 }: EventOf<"saved">): string {
  return files === 1 ? size(bytes) : `${count(files, "file", "files")}, ${size(bytes)}`;
}

/** A client that is no fileshare can't say that it saved what it was sent. */
function receiversHave(done: number, sent: number): string {
  const have = `${count(done, "receiver has", "receivers have")} everything, `;
  if (sent === 0) return have;
  const to = `sent to ${count(sent, "receiver that", "receivers that")} can't confirm it, `;
  return done === 0 ? to : have + to;
}

/** The changes that were left out before this line. */
export function times(untold: number | undefined): string {
  return untold === undefined ? "" : ` (${count(untold, "change", "changes")} not shown)`;
}

/** `2 of 5 receivers have everything, 1 has a part, 1 has nothing, 1 did not come`. */
export function summaryText({
  complete,
  partial,
  nothing,
  wanted = 0,
}: EventOf<"summary">): string {
  const came = complete + partial + nothing;
  if (came === 0) return "No receiver came";
  const missing = Math.max(0, wanted - came);
  const all = came + missing;
  const have = (number: number): string => (number === 1 ? "has" : "have");
  const parts = [
    `${complete} of ${count(all, "receiver", "receivers")} ${have(all === 1 ? 1 : complete)} everything`,
    ...(partial === 0 ? [] : [`${partial} ${have(partial)} a part`]),
    ...(nothing === 0 ? [] : [`${nothing} ${have(nothing)} nothing`]),
    ...(missing === 0 ? [] : [`${missing} did not come`]),
  ];
  return parts.join(", ");
}

function of(position: { readonly bytes: number; readonly size: number }): string {
  return `${size(position.bytes)} of ${size(position.size)}`;
}

/** The cause is unknown: a stranger can know the channel, and a relay can damage records. */
function unreadableText({ code, message, count: shares }: EventOf<"unreadable">): string {
  const what = count(shares, "share here is", "shares here are");
  if (code !== "corrupt-record") return `Skipped: ${what} not valid. ${shown(message)}`;
  return `Skipped: ${what} not made with this code, or damaged on the way`;
}

function gateText({ agreed, wanted, open, untold }: EventOf<"gate">): string {
  const ready = count(agreed, "receiver is ready", "receivers are ready");
  return open
    ? `${ready}: it begins`
    : `${ready} of ${wanted}; waiting for the others${times(untold)}`;
}

function nothingFound(found: number, seconds: number): string {
  const what = found === 0 ? "No sender was found" : "Relays were found, but none has the share";
  return `${what} in ${seconds} s on this machine and in this network. Check the code, and that the sender runs. A firewall or the network may block multicast (UDP port 5353): fileshare doctor tells. --relay with the address that the sender shows works without multicast; Ctrl-C ends.`;
}
