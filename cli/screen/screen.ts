import type { FaultCode } from "../../protocol/wire/faults.ts";
import type { ClientEvent } from "../job/event-schema.ts";
import type { Answer, Outcome, OnExists } from "../job/jobs.ts";

export type OfferEvent = Extract<ClientEvent, { event: "offer" }>;

/** Where people, or programs, see what a client does. */
export interface Screen {
  show(event: ClientEvent): void;
  /**
   * Asks whether to take the last offer; without a person at a terminal the answer is no.
   * Rejects when the question is taken back.
   */
  ask(offer: OfferEvent, signal: AbortSignal): Promise<Answer>;
  /** Gives the terminal to a question of another kind meanwhile. */
  pause<T>(question: () => Promise<T>): Promise<T>;
  /** The last words. */
  end(outcome: Outcome): void;
  /** Gives the terminal back as it was; safe to call twice. */
  close(): void;
}

/** When a sender ends by itself. */
export interface Goal {
  readonly receivers: number;
  /** Not before Ctrl-C. */
  readonly stay: boolean;
}

/** The facts that screens need besides the events. */
export interface Setting {
  readonly side: "sender" | "receiver";
  readonly lobby: boolean;
  /** The command for the other side, ready to copy; undefined at a receiver. */
  readonly otherSide?: string;
  /** Where a browser on another machine opens the share, if the relay has a page; undefined: shown as a QR code. */
  readonly link?: string | undefined;
  /** The same at each relay of a list, by its address. */
  readonly links?: Readonly<Record<string, string>> | undefined;
  /** A QR code with that link is among the lines of `extra`. */
  readonly qr?: boolean;
  /** All addresses of a relay that this command carries are shown, and not the first alone. */
  readonly listsAddresses?: boolean;
  /** The command that deletes the share at the relay where it is stored; undefined: it is not to be stored. */
  readonly revoke?: string | undefined;
  /** When a sender ends by itself; undefined: with the transfer. */
  readonly goal?: Goal;
  /** Lines below that, ready to print. */
  readonly extra?: readonly string[];
  /** The advice after an interruption; its sentence may depend on the moment. */
  readonly again: () => string;
  /** The option about names that are taken. */
  readonly onExists?: OnExists | undefined;
  /** The standard output is for the content: what is said goes to the other one. */
  readonly stdout?: boolean;
}

export type Ask = (offer: OfferEvent, signal: AbortSignal) => Promise<Answer>;

/** A screen of lines, which nothing draws over: a question needs no room of its own. */
export abstract class LineScreen implements Screen {
  protected readonly setting: Setting;
  readonly #ask: Ask | undefined;

  /** @param ask asks the person; undefined: there is none */
  constructor(setting: Setting, ask?: Ask) {
    this.setting = setting;
    this.#ask = ask;
  }

  abstract show(event: ClientEvent): void;

  ask(offer: OfferEvent, signal: AbortSignal): Promise<Answer> {
    return this.#ask?.(offer, signal) ?? Promise.resolve(nobodyToAsk(offer, this.setting));
  }

  pause<T>(question: () => Promise<T>): Promise<T> {
    return question();
  }

  end(_outcome: Outcome): void {}

  close(): void {}
}

/** The answer without a person: only offers that need a yes of their own come this far. */
export function nobodyToAsk({ flagged = [] }: OfferEvent, { lobby }: Setting): Answer {
  const options = new Set(lobby ? ["--yes"] : []);
  let name: string | undefined;
  for (const one of flagged) {
    for (const flag of one.flags) {
      name ??= `${one.name} is ${flag === "autorun" ? "acted upon by systems" : flag}`;
      options.add(flag === "executable" ? "--executables" : "--hidden");
    }
  }
  const what = name ?? "very many files come at once";
  return {
    accept: false,
    why: `${what}, which needs a yes, and there is no terminal for a question (${[...options].join(" ")} takes it)`,
  };
}

/** A person or a deadline stopped it, and it can be resumed. */
export function isStopped(fault: FaultCode | undefined): boolean {
  return fault === "interrupted" || fault === "deadline-over";
}

/** A sender's bars stand still after these events. */
export function isLast(event: ClientEvent): boolean {
  return (
    event.event === "done" ||
    event.event === "summary" ||
    (event.event === "error" && event.code !== "receipt-refused")
  );
}
