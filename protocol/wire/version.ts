/** The versions of the protocol, and how two sides that are not of one age find one for both. */
import { FaultError } from "./faults.ts";

/** The newest version that this program speaks, of everything in this folder. */
export const PROTOCOL_VERSION = 2;
/** The oldest that it still speaks. */
export const LEAST_VERSION = 2;
/** No version has a higher number. */
export const VERSION_MAX = 0xffff;

export interface Versions {
  readonly v: number;
  readonly least: number;
}

export const OUR_VERSIONS: Versions = { v: PROTOCOL_VERSION, least: LEAST_VERSION };

/** How a hello says them: `least` only where it is not the same. */
export function saidVersions({ v, least }: Versions = OUR_VERSIONS): { v: number; least?: number } {
  return least === v ? { v } : { v, least };
}

/** The versions that a hello says, or undefined where they can't be read. */
export function versionsIn({
  v,
  least = v,
}: {
  v?: unknown;
  least?: unknown;
}): Versions | undefined {
  return isVersion(v) && isVersion(least) && least <= v ? { v, least } : undefined;
}

/** The newest that both speak, or undefined where there is none. */
export function commonVersion(
  { v, least }: Versions,
  ours: Versions = OUR_VERSIONS,
): number | undefined {
  const newest = Math.min(v, ours.v);
  return newest >= Math.max(least, ours.least) ? newest : undefined;
}

/** The fault of two sides without a common version. */
export function versionMismatch(client: Versions | undefined, relay: Versions): FaultError {
  const speaks = `the relay speaks ${named(relay)}`;
  if (client === undefined) {
    return new FaultError("version-mismatch", `${speaks} and can't read which this program speaks`);
  }
  const older = client.v < relay.least ? "this program" : "the relay";
  const detail = `${speaks} and this program ${named(client)}, so ${older} is the older one`;
  return new FaultError("version-mismatch", detail);
}

/** @throws FaultError `version-mismatch` when the relay goes on in a version that we don't speak */
export function checkWelcome({ v = 1 }: { readonly v?: number | undefined }): void {
  const chosen = { v, least: v };
  if (commonVersion(chosen) === undefined) throw versionMismatch(OUR_VERSIONS, chosen);
}

function named({ v, least }: Versions): string {
  return least === v ? `version ${v}` : `versions ${least} to ${v}`;
}

function isVersion(value: unknown): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= VERSION_MAX;
}
