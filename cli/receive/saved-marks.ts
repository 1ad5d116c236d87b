/**
 * Marks of stored shares that this machine saved whole, written before the relay counts the download. A receiver that
 * was killed after that finds by its mark that all of the share is here, although the relay has it no more.
 */
import { lstatSync, readdirSync } from "node:fs";
import { join } from "node:path";
import * as v from "valibot";

import { FaultError } from "../../protocol/wire/faults.ts";
import type { ReceiveJob } from "../job/jobs.ts";
import { shortHash } from "../system/runtime.ts";
import {
  dropOldest,
  openState,
  readEntry,
  stateFolder,
  syncEntry,
  writeEntry,
} from "../system/state.ts";
import { errorCode, tolerate } from "../system/system-error.ts";
import type { Saved } from "./partial.ts";

/** Marks that are kept; of more, those written first are forgotten. */
export const SAVED_KEPT = 1024;
/** Relays tell so long that a share is over. ms */
const SAVED_MS = 30 * 24 * 60 * 60 * 1000;
/** A share with more has no mark: each entry is looked at before its sender hears of it. files and folders */
const ENTRIES_MOST = 1000;

const mark = v.object({
  saved: v.array(v.object({ path: v.string(), files: v.number(), bytes: v.number() })),
  state: v.string(),
});

type Destination = Pick<ReceiveJob, "out" | "prefix">;

/** @param share in hex. A home that can't be written to hinders no receive. */
export function markSaved(share: string, job: Destination, saved: readonly Saved[]): void {
  try {
    const state = stateOf(saved);
    if (state === undefined) return;
    using folder = stateFolder("saved");
    const name = nameOf(share, job);
    writeEntry(folder, name, { saved, state });
    syncEntry(folder, name);
    folder.sync();
    dropOldest(folder, SAVED_KEPT);
  } catch (error) {
    if (errorCode(error) === undefined && !(error instanceof FaultError)) throw error;
  }
}

/** The saved files of the share, if all are there unchanged; undefined: some are not, or no mark tells. */
export function savedBefore(share: string, job: Destination): readonly Saved[] | undefined {
  using folder = openState("saved");
  const entry = folder && readEntry(folder, nameOf(share, job), mark);
  if (entry === undefined || Date.now() - entry.at > SAVED_MS) return undefined;
  let state: string | undefined;
  tolerate(() => (state = stateOf(entry.saved)));
  return state === entry.state ? entry.saved : undefined;
}

/** A share may be received into several folders, and under several names. */
function nameOf(share: string, { out, prefix }: Destination): string {
  return `${share}-${shortHash(`${prefix}/${out}`, 16)}.json`;
}

/** Names, sizes and times of all entries, as one hash. @throws what the file system throws */
function stateOf(saved: readonly Saved[]): string | undefined {
  if (saved.reduce((all, { files }) => all + files, 0) > ENTRIES_MOST) return undefined;
  const paths = saved.map(({ path }) => path);
  const lines: string[] = [];
  // It grows amid the loop.
  for (const path of paths) {
    if (paths.length > ENTRIES_MOST) return undefined;
    const stat = lstatSync(path, { bigint: true });
    const isFolder = stat.isDirectory();
    lines.push(isFolder ? `${path}/` : `${path}\0${stat.mode}\0${stat.size}\0${stat.mtimeNs}`);
    if (!isFolder) continue;
    for (const name of readdirSync(path).toSorted()) paths.push(join(path, name));
  }
  return paths.length === 0 ? undefined : shortHash(lines.join("\0\n"), 64);
}
