/**
 * How a client comes to its relay. This is the one place with the order: of several that could say it, the first
 * here counts. `connection/relay-choice.ts` and `connection/command-relay.ts` choose by it, the screen says it, and
 * docs/reference/cli.md prints it.
 */

/** `said` ends the screen's sentence about the relay; `meaning` is for the reference. */
interface RouteText {
  readonly said: string;
  readonly meaning: string;
}

const TEXTS = {
  option: { said: ", as --relay says", meaning: "`--relay` in the command line" },
  code: {
    said: ", as the text with the code says",
    meaning: "the command or the link that was pasted with the code",
  },
  environment: { said: ", as FILESHARE_RELAY says", meaning: "the variable `FILESHARE_RELAY`" },
  configuration: {
    said: ", as the configuration file says",
    meaning: "`relay` in the configuration file",
  },
  "this-machine": { said: " on this machine", meaning: "a relay at `ws://127.0.0.1:8000`" },
  network: {
    said: ", found in this network",
    meaning: "a relay that announces the code's channel in this network",
  },
  carried: { said: " of this command", meaning: "a relay that the command itself starts" },
} as const satisfies Readonly<Record<string, RouteText>>;

export type Route = keyof typeof TEXTS;

export const ROUTE_TEXTS: Readonly<Record<Route, RouteText>> = TEXTS;
/** Whether nobody named that relay, so that another run may come to another one. */
export function isFoundHere(route: Route | undefined): boolean {
  return route === "this-machine" || route === "network" || route === "carried";
}

/** The route that counts first comes first. */
export const ROUTES = Object.keys(TEXTS) as Route[];
