/**
 * The reports of a receive about one share: its offer, whether a person has to agree, its saved files, and
 * its entry among the unfinished transfers of this machine.
 */
import { dirname } from "node:path";

import { toHex } from "../../protocol/wire/bytes.ts";
import { dangersOf, needsConsent, type Danger } from "../../protocol/content/dangers.ts";
import { LOBBY_ENTRIES, type ReceiveJob } from "../job/jobs.ts";
import type { Manifest, ManifestFile } from "../../protocol/content/manifest.ts";
import type { ClientEvent } from "../job/event-schema.ts";
import { storedText } from "../job/stored-text.ts";
import type { Incoming } from "./incoming.ts";
import { registerReceive, unregisterReceive } from "../system/state.ts";

/** Names of an offer that are listed, and as many flagged ones after them; the rest is counted. */
export const NAMES_SHOWN = 100;

/**
 * Executables and files that systems act upon need consent even where nothing else is asked. In the
 * lobby, where anybody may send, very many files need it too.
 */
export function needsAnswer({ manifest, isAgreed }: Incoming, job: ReceiveJob): boolean {
  const { ask, hidden, stdout, prefix, lobby, many = false, executables = false } = job;
  if (manifest === undefined || manifest.kind === "text" || stdout || isAgreed) return false;
  if (ask || (lobby && !many && entriesOf(manifest) > LOBBY_ENTRIES)) return true;
  const given = { hidden, executables };
  return manifest.files.some((file) => needsConsent(dangersOf(file, prefix), given));
}

/** Undefined: its manifest is not here yet. */
export function offerEvent(
  { manifest, found, diskBytes: disk, offer }: Incoming,
  { prefix, allNames }: ReceiveJob,
  question: boolean,
): ClientEvent | undefined {
  if (manifest === undefined) return undefined;
  const { files, bytes, kind, open, folders: made } = manifest;
  const { exists, same } = found;
  const folders = files.filter(({ type }) => type === "folder").length;
  const flagged: { name: string; flags: readonly Danger[] }[] = [];
  for (const file of files) {
    const flags = dangersOf(file, prefix);
    if (flags.length > 0) flagged.push({ name: nameOf(file), flags });
  }
  const named = allNames ? files : files.slice(0, NAMES_SHOWN);
  return {
    event: "offer",
    share: toHex(offer.share),
    files: files.length - folders,
    folders,
    bytes,
    names: named.map(nameOf),
    exists,
    question,
    kind,
    open,
    sizes: named.map(({ size }) => size),
    flagged,
    same: same.files,
    made,
    ...(disk === undefined ? {} : { disk }),
    ...(offer.stored && { stored: storedText(offer.stored) }),
  };
}

/** @param out the folder to save in */
export function savedEvents({ saved, text }: Incoming, out: string): ClientEvent[] {
  const texts: ClientEvent[] = text === undefined ? [] : [{ event: "text", text }];
  if (saved.length <= NAMES_SHOWN) {
    return [...texts, ...saved.map((one): ClientEvent => ({ event: "saved", ...one }))];
  }
  const sum = (of: "files" | "bytes"): number => saved.reduce((all, one) => all + one[of], 0);
  // Not as it was given: the folder may have been moved meanwhile.
  const path = saved[0] === undefined ? out : dirname(saved[0].path);
  return [...texts, { event: "saved", path, files: sum("files"), bytes: sum("bytes") }];
}

/** Files and folders, those that paths only lead through included. */
function entriesOf({ files, folders }: Manifest): number {
  return files.filter(({ type }) => type === "file").length + folders;
}

/** An empty folder is told from an empty file by what follows its name. */
function nameOf({ path, type }: ManifestFile): string {
  return type === "folder" ? `${path}/` : path;
}

/** The files that get another name than the sender's, the first by name. */
export function renamedEvents({ manifest }: Incoming): ClientEvent[] {
  const { told = [], more = 0 } = manifest?.renames ?? {};
  const events = told.map((renamed): ClientEvent =>
    Object.assign({ event: "renamed" as const }, renamed),
  );
  const last = events.at(-1);
  if (more > 0 && last !== undefined) Object.assign(last, { more });
  return events;
}

/** Notes the receive, so that `fileshare list` and `fileshare resume` find it. */
export function remember({ offer, manifest }: Incoming, job: ReceiveJob): void {
  const { again, code, relay, further, route, out } = job;
  if (again === undefined || manifest === undefined) return;
  const name = manifest.files[0]!.path.split("/", 1)[0]!;
  const share = toHex(offer.share);
  registerReceive({ share, code, relay, further, route, again, out, name, bytes: manifest.bytes });
}

export function forget({ offer }: Incoming, { again, out }: ReceiveJob): void {
  if (again !== undefined) unregisterReceive(toHex(offer.share), out);
}

/** The receive goes on in this share: the shares before it are no longer unfinished. */
export function forgetFormer({ manifest }: Incoming, { again, out }: ReceiveJob): void {
  if (again === undefined) return;
  for (const share of manifest?.edition?.before ?? []) unregisterReceive(toHex(share), out);
}
