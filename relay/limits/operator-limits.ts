import {
  FaultError,
  RELAY_LIMITS,
  RELAY_LIMIT_NAMES,
  type RelayLimitKind,
  type RelayLimitName,
} from "../../protocol/mod.ts";

/** What an operator set, in the units of the table; times in ms, sizes in bytes. */
export type Limits = Readonly<Record<RelayLimitName, number>>;

export const DEFAULT_LIMITS = Object.fromEntries(
  RELAY_LIMIT_NAMES.map((name) => [name, RELAY_LIMITS[name].default]),
) as Limits;

/**
 * @throws RangeError for a limit that is no number above 0, or more than it may be: a comparison with
 * such a one lets everything through, or nothing
 */
export function checkLimits(limits: Limits): void {
  for (const name of RELAY_LIMIT_NAMES) {
    const { most, default: given } = RELAY_LIMITS[name];
    const value: unknown = limits[name];
    if (typeof value === "number" && value > 0 && (value <= most || value === given)) continue;
    throw new RangeError(`the limit ${name} can't be ${String(value)}`);
  }
}

/** Why a client over a limit is refused, in its words. */
export function overLimit(name: RelayLimitName, limits: Limits): FaultError {
  const { fault = "too-many", after } = RELAY_LIMITS[name];
  return new FaultError(fault, limitDetail(name, limits), after === undefined ? {} : { after });
}

/** Such as `max-sockets: clients at once, 20000 at most`. */
export function limitDetail(name: RelayLimitName, limits: Limits): string {
  const { meaning, kind } = RELAY_LIMITS[name];
  const what = meaning.charAt(0).toLowerCase() + meaning.slice(1);
  return `${name}: ${what}, ${asText(limits[name], kind)} at most`;
}

function asText(value: number, kind: RelayLimitKind): string {
  switch (kind) {
    case "number":
      return value.toString();
    case "seconds":
      return `${value / 1000} s`;
    case "bytes":
      return `${value} bytes`;
    case "rate":
      return `${value} bytes per second`;
  }
}
