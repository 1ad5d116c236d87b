/**
 * The relay that one command uses: the chosen one (`relay-choice.ts`), unless the text with the code names
 * another, and found on its host where only that was given. The commands call this before a transfer.
 */
import type { GivenCode } from "../../protocol/code/code.ts";
import { escapeForDisplay } from "../../protocol/wire/display.ts";
import { shownAddress } from "./relay-address.ts";
import { isTyped } from "../arguments/command-line.ts";
import {
  atPlaces,
  chooseRelay,
  chooseToken,
  isPlaced,
  isSameRelay,
  placesOf,
  startingAt,
  type RelayChoice,
  type Route,
} from "./relay-choice.ts";

interface RelayOfCode {
  readonly relay: RelayChoice;
  /** Empty: none. */
  readonly token: string;
  /** Sentences about that choice. */
  readonly notes: string[];
}

/** A command line, as far as the choice of a relay needs it. */
interface CommandLine {
  readonly raw: readonly string[];
  /** The way in which an option was set; undefined: it was not. */
  readonly routeOf: (option: string) => Route | undefined;
  /** The run that this one goes on with. */
  readonly earlier?: { readonly relay: string; readonly route: Route } | undefined;
}

interface RelayChosen {
  /** From the command line, the environment or a configuration, or the usual one. */
  readonly relay: RelayChoice;
  readonly token: string;
  readonly ca: string | undefined;
  /** Options that stand in the command line itself. */
  readonly typed: { readonly relay: boolean; readonly token: boolean };
}

/**
 * The relay and the token of the options, the environment or a configuration.
 * @throws FaultError as `chooseRelay` and `chooseToken`
 */
export function relayOfOptions(
  { relay, ca, token = "" }: Readonly<Record<"relay" | "ca" | "token", string | undefined>>,
  { raw, routeOf, earlier }: CommandLine,
): RelayChosen {
  return {
    relay:
      earlier === undefined
        ? chooseRelay(relay, ca, routeOf("relay"))
        : chooseRelay(earlier.relay, ca, earlier.route),
    token: chooseToken(token) ?? "",
    ca,
    typed: { relay: isTyped(raw, "relay"), token: isTyped(raw, "token") },
  };
}

/**
 * A command or a link names the relay at which its share is, so that one counts, unless another was
 * typed. Of a list that has it, it is tried first. A token that was not typed beside it is for the usual relay, and goes to no other.
 * @throws FaultError "bad-relay-address" when the text names something else
 */
export function relayOfCode({ relay: named }: GivenCode, chosen: RelayChosen): RelayOfCode {
  const { relay, token, ca, typed } = chosen;
  if (named === undefined) return { relay, token, notes: [] };
  const all = placesOf(relay);
  if (isSameRelay(named, all.map(({ address }) => address).join(","))) {
    const [begin] = named.split(",");
    const places = startingAt(all, ({ address }) => isSameRelay(address, begin));
    return { relay: atPlaces(relay, places), token, notes: [] };
  }
  if (typed.relay) {
    const note = `the relay is ${shownAddress(relay.address)}, as --relay says, and not ${named}, as the text with the code does`;
    return { relay, token, notes: [note] };
  }
  const other = chooseRelay(named, ca, "code");
  const notes = [`the relay is ${shownAddress(other.address)}, as the text with the code says`];
  if (typed.token || token === "") return { relay: other, token, notes };
  notes.push("the token is not given to that relay; --token gives it one");
  return { relay: other, token: "", notes };
}

export function note(notes: readonly string[]): void {
  for (const text of notes) process.stderr.write(`Note: ${escapeForDisplay(text)}\n`);
}

interface Search {
  /** The time for a relay to answer; undefined: no limit. ms */
  readonly connectTimeoutMs: number | undefined;
  readonly json: boolean;
  readonly quiet?: boolean;
}

/** @throws FaultError as `findRelay` */
export async function placeRelay(choice: RelayChoice, search: Search): Promise<RelayChoice> {
  const { connectTimeoutMs, json, quiet = false } = search;
  if (isPlaced(choice)) return choice;
  const { findRelay } = await import("./find-relay.ts");
  return findRelay(choice, connectTimeoutMs, {
    note: json || quiet ? undefined : (sentence) => note([sentence]),
  });
}
