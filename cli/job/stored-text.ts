import type { StoredSeen } from "../../protocol/wire/control.ts";

/** Beyond it a date has no text. s */
const LATEST_S = 8.64e12;

/** A stored share, as events tell of it. */
export function storedText({ until, downloads }: StoredSeen): {
  readonly until: string;
  readonly downloads?: number;
} {
  const end = new Date(Math.min(until, LATEST_S) * 1000).toISOString();
  return { until: end, ...(downloads !== undefined && { downloads }) };
}
