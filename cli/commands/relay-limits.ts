/** The options of `fileshare relay` that set its limits, made from the protocol's table of them. */
import {
  RELAY_LIMITS,
  RELAY_LIMIT_NAMES,
  type RelayLimitKind,
  type RelayLimitName,
} from "../../relay/limits/operator-limits.ts";
import { parseBytes, parseRate, parseSeconds, parseWhole } from "../arguments/values.ts";

interface LimitArg {
  readonly type: "string";
  readonly valueHint: string;
  readonly description: string;
}

const POWERS = ["", "KiB", "MiB", "GiB", "TiB"];

const HINTS: Readonly<Record<RelayLimitKind, string>> = {
  number: "n",
  seconds: "seconds",
  bytes: "bytes",
  rate: "rate",
};

export const relayLimitArgs = Object.fromEntries(
  RELAY_LIMIT_NAMES.map((name): [string, LimitArg] => {
    const { kind, meaning, default: value } = RELAY_LIMITS[name];
    const unit = kind === "seconds" ? " s" : kind === "rate" && value !== Infinity ? "/s" : "";
    const description = `Limit: ${meaning.charAt(0).toLowerCase()}${meaning.slice(1)} (default: ${typed(value, kind)}${unit})`;
    return [name, { type: "string", valueHint: HINTS[kind], description }];
  }),
) as Record<RelayLimitName, LimitArg>;

/**
 * All limits of a relay: those that were given, and the defaults of the others.
 * @throws FaultError "usage"
 */
export function parseRelayLimits(
  given: Readonly<Record<RelayLimitName, string | undefined>>,
): Record<RelayLimitName, number> {
  const limits = RELAY_LIMIT_NAMES.map((name) => [name, parse(name, given[name])] as const);
  return Object.fromEntries(limits) as Record<RelayLimitName, number>;
}

function parse(name: RelayLimitName, text: string | undefined): number {
  const { kind, default: value, least, most } = RELAY_LIMITS[name];
  if (text === undefined) return value;
  const option = `--${name}`;
  switch (kind) {
    case "number":
      return parseWhole(option, text, least, most);
    case "seconds":
      return parseSeconds(option, text, most);
    case "bytes":
      return parseBytes(option, text, least, most);
    case "rate":
      return Math.min(parseRate(option, text), most);
  }
}

/** As a person types it. */
export function typed(value: number, kind: RelayLimitKind): string {
  if (value === Infinity) return "none";
  if (kind === "number") return value.toString();
  if (kind === "seconds") return (value / 1000).toString();
  let power = 0;
  let rest = value;
  while (rest % 1024 === 0 && power + 1 < POWERS.length) {
    rest /= 1024;
    power++;
  }
  return `${rest}${POWERS[power]}`;
}
