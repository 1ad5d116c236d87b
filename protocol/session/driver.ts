import type { Message } from "../wire/control.ts";
import type { LinkAction } from "./link.ts";

/** The line that a session asks for: a WebSocket of a client, or the relay itself for its lobby. */
export interface LinkSocket {
  /** @param relay which of several; the first unless given */
  connect(relay?: number): void;
  disconnect(): void;
  control(message: Message): void;
}

/**
 * Runs a session over a line. All drivers connect, disconnect and write alike; every other effect is
 * the driver's own.
 *
 *   event --handle--> session --connect, disconnect, send--> line
 *                             --any other effect-----------> act
 */
export class SessionDriver<Event, Effect extends { readonly type: string }> {
  readonly #session: { handle(event: Event, now: number): Iterable<Effect> };
  readonly #link: LinkSocket;
  readonly #clock: () => number;
  readonly #act: (effect: Exclude<Effect, LinkAction>) => void;

  /** @param clock ms */
  constructor(
    session: { handle(event: Event, now: number): Iterable<Effect> },
    line: LinkSocket,
    clock: () => number,
    act: (effect: Exclude<Effect, LinkAction>) => void,
  ) {
    this.#session = session;
    this.#link = line;
    this.#clock = clock;
    this.#act = act;
  }

  readonly handle = (event: Event): void => {
    this.perform(this.#session.handle(event, this.#clock()));
  };

  /** Also for effects that the session gives outside of `handle`. */
  perform(effects: Iterable<Effect>): void {
    for (const effect of effects) {
      if (!isLinkAction(effect)) this.#act(effect as Exclude<Effect, LinkAction>);
      else if (effect.type === "connect") this.#link.connect(effect.relay);
      else if (effect.type === "disconnect") this.#link.disconnect();
      else this.#link.control(effect.message);
    }
  }
}

const LINK_ACTIONS: ReadonlySet<string> = new Set<LinkAction["type"]>([
  "connect",
  "disconnect",
  "send",
]);

function isLinkAction(effect: { readonly type: string }): effect is LinkAction {
  return LINK_ACTIONS.has(effect.type);
}
