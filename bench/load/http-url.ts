import type { Plan } from "./contract.ts";

/** The address of a run: `{id}` and `{receivers}` in a system's address are the plan's. */
export function httpUrl({ url, id, groups }: Plan): URL {
  const receivers = groups.reduce((sum, { count }) => sum + count, 0);
  return new URL(url.replace("{id}", id).replace("{receivers}", receivers.toString()));
}
