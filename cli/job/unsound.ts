import { UNSOUND_TOLD } from "../../protocol/wire/limits.ts";
import type { FileState } from "../../protocol/content/states.ts";
import type { ClientEvent } from "./events.ts";

/** A file that did not stay what it was. */
export interface Unsound {
  /** As receivers see it. */
  readonly path: string;
  readonly what: Exclude<FileState, "whole">;
}

/** Of which each side tells: the first by name. */
export function unsoundEvent(files: readonly Unsound[]): ClientEvent {
  const told = files.slice(0, UNSOUND_TOLD);
  return { event: "unsound", files: told, more: files.length - told.length };
}
