/**
 * The memory of a client about shares that it stored at relays: one small file for each, for this user alone, as it has
 * the code and the proof. `stored` lists them, and `revoke` deletes one by its proof.
 */
import * as v from "valibot";

import { FaultError } from "../../protocol/wire/faults.ts";
import { STORE_DOWNLOADS_MOST } from "../../protocol/wire/limits.ts";
import { ROUTES } from "../job/routes.ts";
import {
  codeEntry,
  dropOldest,
  namesIn,
  openState,
  readEntry,
  stateFolder,
  syncEntry,
  writeEntry,
  type Dated,
} from "../system/state.ts";
import { errorCode, tolerate } from "../system/system-error.ts";

/** Stored shares that are remembered; one more takes the place of the one that was stored first. */
export const STORED_KEPT = 256;
/** An expired share is listed so long, so that its receipts are seen once more. ms */
const EXPIRED_KEPT_MS = 7 * 24 * 60 * 60 * 1000;

const whole = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const hex = (bytes: number) => v.pipe(v.string(), v.regex(new RegExp(`^[0-9a-f]{${2 * bytes}}$`)));
const storedEntry = v.object({
  share: hex(16),
  /** Its holder may delete the share. */
  proof: hex(32),
  code: codeEntry,
  /** WebSocket address, path included. */
  relay: v.string(),
  route: v.optional(v.picklist(ROUTES)),
  name: v.string(),
  bytes: whole,
  /** ms since 1970 */
  until: whole,
  downloads: v.optional(v.pipe(whole, v.maxValue(STORE_DOWNLOADS_MOST))),
});

export type StoredSend = Readonly<v.InferOutput<typeof storedEntry>>;

/** @returns whether it is remembered; a home that can't be written to hinders no send */
export function rememberStored(entry: StoredSend): boolean {
  try {
    using folder = stateFolder("stored");
    const name = nameOf(entry.share);
    writeEntry(folder, name, entry);
    syncEntry(folder, name);
    folder.sync();
    dropOldest(folder, STORED_KEPT);
    return true;
  } catch (error) {
    if (errorCode(error) === undefined && !(error instanceof FaultError)) throw error;
    return false;
  }
}

/** Newest first. */
export function storedSends(): Dated<StoredSend>[] {
  using folder = openState("stored");
  if (folder === undefined) return [];
  const all = namesIn(folder)
    .filter((name) => name.endsWith(".json"))
    .flatMap((name) => readEntry(folder, name, storedEntry) ?? [])
    .toSorted((a, b) => b.at - a.at);
  const isOld = ({ until }: StoredSend): boolean => until + EXPIRED_KEPT_MS < Date.now();
  for (const { share } of all.filter(isOld)) tolerate(() => folder.clear(nameOf(share)));
  return all.filter((entry) => !isOld(entry));
}

export function forgetStored(share: string): void {
  // An entry that can't be removed is in a list for too long.
  tolerate(() => {
    using folder = openState("stored");
    folder?.clear(nameOf(share));
  });
}

function nameOf(share: string): string {
  return `${share}.json`;
}
