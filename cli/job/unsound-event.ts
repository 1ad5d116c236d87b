/** Apart from the schema, which the streaming thread does not load. */
import type { ClientEvent, Unsound } from "./event-schema.ts";

/** Files that changed while they were sent, as each side lists them; it counts the rest. */
export const UNSOUND_TOLD = 100;

/** The event about files that are not whole. It names the first of them. */
export function unsoundEvent(files: readonly Unsound[]): ClientEvent {
  const told = files.slice(0, UNSOUND_TOLD);
  return { event: "unsound", files: told, more: files.length - told.length };
}
