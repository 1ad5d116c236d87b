/**
 * The line of one client to a relay, as a state machine without I/O: offline is a state like any
 * other, and a link never gives up by itself.
 *
 *   offline --tick--> connecting --opened--> greeting --challenged--> proving --welcomed--> online
 *      ^                  |                     |                        |                    |
 *      +---- lost --------+---------------------+------------------------+--------------------+
 *
 * Sessions own a link each and act on its effects. Of several relays it tries one after the other, and waits longer after
 * each round: `relay` is the one to connect to.
 */
import type { Message, MessageOf, Role } from "../wire/control.ts";
import type { Signer } from "../crypto/crypto.ts";
import { BACKOFF_FIRST_MS, BACKOFF_MAX_MS, CONNECT_MS } from "../wire/limits.ts";
import { FAULTS, FaultError, type FaultCode } from "../wire/faults.ts";
import { checkRelayName, proveHello } from "../crypto/proof.ts";
import { checkWelcome, saidVersions } from "../wire/version.ts";

export type LinkState =
  | { readonly at: "offline"; readonly retryAt: number; readonly attempt: number }
  | { readonly at: "connecting"; readonly deadline: number; readonly attempt: number }
  | { readonly at: "greeting"; readonly deadline: number; readonly attempt: number }
  | { readonly at: "proving"; readonly deadline: number; readonly attempt: number }
  | { readonly at: "online"; readonly attempt: number };

export interface LinkOptions {
  /** How long the first welcome may take before the session fails; undefined: for ever. ms */
  readonly giveUpAfterMs: number | undefined;
  /** A number in [0, 1) for jitter. */
  readonly random: () => number;
}

/** A relay that says this is of no use for now, though the client was at it. Others get it back after a short break. */
const ENDS_STAY: ReadonlySet<FaultCode> = new Set<FaultCode>([
  "going-away",
  "log-full",
  "relay-error",
  "relay-unreachable",
  "too-many",
]);

/**
 * One of several relays has so long for each step of a line: one that stands still must not use up the time of the others.
 * Less than CONNECT_MS, and a round trip of a second is no hindrance. ms
 */
const CONNECT_OF_SEVERAL_MS = 5000;

/** The owner of a link must do this after an event. */
export type LinkEffect = "connect" | "disconnect" | "nothing" | "timed-out";

export type LinkAction =
  /** `relay`: which of several, counted from 0; the first unless given. */
  | { readonly type: "connect"; readonly relay?: number }
  | { readonly type: "disconnect" }
  | { readonly type: "send"; readonly message: Message };

export class Link {
  state: LinkState;
  readonly #options: LinkOptions;
  #startedAt: number;
  #everOnline = false;
  /** Of each relay: why it was lost last, and until when it asked to be left alone. ms */
  readonly #relays: { fault: FaultCode | undefined; restUntil: number }[];
  #relay = 0;

  constructor(options: LinkOptions & Pick<Introduction, "further">, now: number) {
    this.#options = options;
    this.#startedAt = now;
    const count = 1 + (options.further?.length ?? 0);
    this.#relays = Array.from({ length: count }, () => ({ fault: undefined, restUntil: 0 }));
    this.state = { at: "offline", retryAt: now, attempt: 0 };
  }

  get online(): boolean {
    return this.state.at === "online";
  }

  /** The relay of the present line, or of the next one. */
  get relay(): number {
    return this.#relay;
  }

  get isOfSeveral(): boolean {
    return this.#relays.length > 1;
  }

  get everOnline(): boolean {
    return this.#everOnline;
  }

  /** The fault of a step that takes too long. A challenge comes from a relay, which may stand still since then. */
  get timeoutFault(): FaultCode {
    return this.state.at === "greeting" ? "not-a-relay" : "relay-unreachable";
  }

  /** The socket is open: the relay speaks first. */
  opened(now: number): LinkEffect {
    if (this.state.at !== "connecting") return "disconnect";
    this.state = { at: "greeting", deadline: now + this.#stepMs, attempt: this.state.attempt };
    return "nothing";
  }

  /**
   * The relay's challenge came: say hello.
   * @throws FaultError `bad-message` for a second one on the same line
   */
  challenged(): void {
    const { state } = this;
    if (state.at !== "greeting") throw new FaultError("bad-message", "a challenge out of turn");
    this.state = { ...state, at: "proving" };
  }

  /**
   * @throws FaultError `bad-message` for a welcome that answers no hello, `version-mismatch` when the
   * relay goes on in a version that we don't speak
   */
  welcomed(welcome: Pick<MessageOf<"welcome">, "v">): void {
    const { state } = this;
    if (state.at !== "proving") throw new FaultError("bad-message", "a welcome out of turn");
    checkWelcome(welcome);
    this.#everOnline = true;
    this.state = { at: "online", attempt: state.attempt };
  }

  /** Its relay is another one from now on, so earlier failures say nothing. @param relay of several */
  relocated(now: number, relay = 0): void {
    this.#relay = relay;
    this.state = { at: "offline", retryAt: now, attempt: 0 };
  }

  /**
   * The socket closed or could not be opened.
   * @param afterMs the relay asks to come again no earlier
   * @returns whether that is news: the line was up, or this is the first try of all at that relay
   * @throws FaultError when the first welcome did not come within `giveUpAfterMs`
   */
  lost(fault: FaultCode, now: number, afterMs = 0): boolean {
    const wasOnline = this.state.at === "online";
    const lost = this.#relays[this.#relay]!;
    const news = wasOnline || lost.fault === undefined;
    lost.fault = fault;
    lost.restUntil = now + afterMs;
    // A relay welcomes a sender before its store fails again, so that welcome ends no row of failures.
    const starts = wasOnline && fault !== "store-failed";
    const attempt = starts ? 0 : this.state.attempt;
    // The other side is most likely still at a relay that was there a moment ago.
    if (!wasOnline || ENDS_STAY.has(fault)) this.#relay = this.#next(now);
    const next = this.#relays[this.#relay]!;
    const count = this.#relays.length;
    const isRoundOver = next === lost || attempt % count === count - 1;
    // Clients of a relay that ended do not come to the next one all at once.
    const wait = isRoundOver
      ? this.#delay(Math.floor(attempt / count))
      : BACKOFF_FIRST_MS * this.#options.random();
    const retryAt = Math.max(next.restUntil, now + wait);
    this.state = { at: "offline", retryAt, attempt: attempt + 1 };
    this.#checkPatience(now);
    return news;
  }

  /**
   * Time passes. After `timed-out` the owner drops the socket and says `lost` with `timeoutFault`.
   * @throws FaultError as `lost`
   */
  tick(now: number): LinkEffect {
    const state = this.state;
    switch (state.at) {
      case "online":
        return "nothing";
      case "offline":
        this.#checkPatience(now);
        if (now < state.retryAt) return "nothing";
        this.state = { at: "connecting", deadline: now + this.#stepMs, attempt: state.attempt };
        return "connect";
      case "connecting":
      case "greeting":
      case "proving":
        return now < state.deadline && !this.#isOutOfPatience(now) ? "nothing" : "timed-out";
    }
  }

  #checkPatience(now: number): void {
    if (this.#everOnline || this.#options.giveUpAfterMs === undefined) return;
    const faults = this.#relays.map(({ fault }) => fault);
    const hopeless = faults.every((fault) => fault !== undefined && !FAULTS[fault].retry);
    if (!hopeless && !this.#isOutOfPatience(now)) return;
    // The fault that says the most.
    const telling = faults.find((fault) => fault !== undefined && fault !== "relay-unreachable");
    throw new FaultError(telling ?? "relay-unreachable");
  }

  /** The next in order; if all ask to be left alone, the one that does so for the shortest time. */
  #next(now: number): number {
    const { length } = this.#relays;
    const order = this.#relays.map((_, step) => (this.#relay + 1 + step) % length);
    const restOf = (relay: number): number => Math.max(now, this.#relays[relay]!.restUntil);
    return order.reduce((best, one) => (restOf(one) < restOf(best) ? one : best));
  }

  #isOutOfPatience(now: number): boolean {
    const patience = this.#options.giveUpAfterMs;
    const isOver = patience !== undefined && now - this.#startedAt >= patience;
    return !this.#everOnline && isOver && (!this.isOfSeveral || this.#hasTriedAll);
  }

  get #hasTriedAll(): boolean {
    return this.#relays.every(({ fault }) => fault !== undefined);
  }

  get #stepMs(): number {
    return this.isOfSeveral ? CONNECT_OF_SEVERAL_MS : CONNECT_MS;
  }

  /** Exponential with full jitter on its upper half: between half of the step and the step. */
  #delay(attempt: number): number {
    const step = Math.min(BACKOFF_MAX_MS, BACKOFF_FIRST_MS * 2 ** Math.min(attempt, 16));
    return step * (0.5 + this.#options.random() / 2);
  }
}

/** A client's description of itself for a relay. */
export interface Introduction {
  /** Proves the code. */
  readonly signer: Signer;
  /** The host that was asked for, to compare with what the relay calls itself. */
  readonly host?: string | undefined;
  /** The hosts of further relays, which are tried in turn. */
  readonly further?: readonly (string | undefined)[] | undefined;
  /** A relay may require it. */
  readonly token?: string | undefined;
}

/** @param relay which of several */
export function linkEffects(effect: LinkEffect, relay = 0): LinkAction[] {
  if (effect === "connect") return [relay === 0 ? { type: effect } : { type: effect, relay }];
  return effect === "disconnect" ? [{ type: effect }] : [];
}

/**
 * The hello that answers a challenge.
 * @param of the session that has this line beside its main one
 * @param relay which of several
 * @throws FaultError `wrong-relay` when the relay calls itself by another name than it was asked by
 */
export function helloMessage(
  challenge: MessageOf<"challenge">,
  role: Role,
  { signer, host, further, token }: Introduction,
  of?: Uint8Array,
  relay = 0,
): MessageOf<"hello"> {
  checkRelayName(challenge.name, relay === 0 ? host : further?.[relay - 1]);
  const claim = { ...saidVersions(), role };
  return {
    t: "hello",
    ...claim,
    ...proveHello(claim, challenge, signer),
    ...(token !== undefined && { token }),
    quiet: true,
    ...(further !== undefined && further.length > 0 && { others: true }),
    ...(of !== undefined && { of }),
  };
}
