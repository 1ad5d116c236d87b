/**
 * The share of a send: the one that the same command offered before, if it is not through and
 * its files are provably what they were, else a new one.
 */
import { createHash } from "node:crypto";
import { resolve } from "node:path";
import { setImmediate } from "node:timers/promises";

import {
  EDITIONS,
  FaultError,
  PROOF_BYTES,
  RECORD_SIZE,
  dataPerRecord,
  decodeHead,
  deriveKeys,
  fromHex,
  isLobby,
  recordCipher,
  shareIdFromProof,
  toHex,
  type Code,
  type EncodedManifest,
  type Keys,
  type SyncRecordCipher,
} from "../../protocol/mod.ts";
import { nodePrimitives as primitives } from "../../protocol/crypto/crypto-node.ts";

import { compare, type Change } from "./changes.ts";
import { editionAfter, type Former } from "./editions.ts";
import type { OldShare } from "./end-earlier-share.ts";
import type { ClientEvent } from "../job/event-schema.ts";
import { errorCode } from "../system/system-error.ts";
import type { SendJob } from "../job/jobs.ts";
import { KeptSend, type Content } from "./kept-send.ts";
import { forgetSend, keptSends } from "./kept-sends.ts";
import { keysOfMasterText } from "../job/job-keys.ts";
import { isFoundHere } from "../job/routes.ts";
import { TAG_BYTES } from "./sealed-tags.ts";
import type { EditionOf, Source } from "./source.ts";
import type { SourceOptions } from "./open-source.ts";

/** Records compared before anything else has its turn. */
const RECORDS_AT_ONCE = 32;
/** Changes that are told one by one. */
const CHANGES_TOLD = 10;

export interface OpenShare {
  readonly source: Source;
  readonly code: Code;
  readonly keys: Keys;
  readonly proof: Uint8Array;
  readonly share: Uint8Array;
  readonly encoded: EncodedManifest;
  readonly cipher: SyncRecordCipher;
  /** Undefined: no other process can go on with it. */
  readonly kept: KeptSend | undefined;
  /** Undefined: it takes the place of none. */
  readonly past?: Past | undefined;
}

/** Of a share that takes the place of others, as its files changed. */
export interface Past {
  /** So many. */
  readonly editions: number;
  /** Receivers that had all of one of them. */
  readonly verified: number;
  /** The one before, to be kept until a relay has this one. */
  readonly kept: KeptSend | undefined;
  /** The one before, which an earlier run offered: the relay may still have it. */
  readonly offered?: OldShare;
}

/**
 * @param master of the job's code, in hex
 * @param open opens what the job names, each time it is called
 * @param signal ends the comparison with what was sent before
 * @throws FaultError when it can't be sent, or "interrupted"
 */
export async function openShare(
  job: SendJob,
  master: Promise<string>,
  open: (options: SourceOptions) => Promise<Source>,
  emit: (event: ClientEvent) => void,
  signal: AbortSignal,
): Promise<OpenShare> {
  const known = new Map<Code, Keys>();
  const keysOf = (code: Code): Keys => {
    const keys = known.get(code) ?? deriveKeys(code, primitives);
    known.set(code, keys);
    return keys;
  };
  const before = keptFor(job);
  let next = before.next();
  let kept = next.done === true ? undefined : next.value;
  let source: Source | undefined;
  try {
    // First of all: scrypt takes 64 MiB for a moment, and many files take more than that.
    if (kept !== undefined && kept.entry.code !== job.code) keysOf(kept.entry.code);
    const isAgain = kept !== undefined;
    source = await open({ isAgain });
    known.set(job.code, keysOfMasterText(await master));
    for (; next.done !== true; next = before.next()) {
      kept = next.value;
      if (leaksContent(kept, job)) {
        const { code } = kept.entry;
        kept.forget();
        return begin({ job, source, keys: keysOf(code), code });
      }
      const found = await goOn(kept, { source, keysOf, emit, signal });
      if ("source" in found) return found;
      const isStored = (kept.entry.stored ?? 0) > 0;
      if (!isStored) tellChanges(kept, found, emit);
      // A description is of one share alone.
      source.close();
      source = await open({ isAgain });
      // A stored share stays what it is, beside that of the files as they are now.
      const anew = isStored ? undefined : goOnAnew(kept, { job, source, keysOf });
      if (anew !== undefined) return anew;
      kept.forget();
    }
    if (job.keep?.share !== undefined && kept === undefined) {
      throw new FaultError(
        "usage",
        `there is no unfinished share ${job.keep.share} of this command`,
      );
    }
    return begin({ job, source, keys: keysOf(job.code), code: job.code });
  } catch (error) {
    source?.close();
    kept?.close();
    throw error;
  }
}

/** Whether the sender decides when, or to whom, content leaves. */
function holdsBack({ startWhen, ask }: SendJob): boolean {
  return startWhen !== undefined || ask === true;
}

/**
 * Whether a share that began without a gate has content in the records that a gate lets through. No
 * receiver has more than those, so a new share under the same code costs nobody anything.
 */
function leaksContent(kept: KeptSend, job: SendJob): boolean {
  if (!holdsBack(job) || kept.entry.apart) return false;
  const before = attempt(() => kept.content());
  return (
    before !== undefined && kept.end <= Math.ceil(before.head.length / dataPerRecord(RECORD_SIZE))
  );
}

/** The kept sends of the same command, the newest first. This process has claimed each of them. */
function* keptFor(job: SendJob): Generator<KeptSend> {
  const { keep, code, relay, further = [], route } = job;
  if (keep === undefined || keep.anew) return;
  const what = whatIsSent(job);
  for (const entry of keptSends()) {
    // A kept send of other files would be found changed, and be forgotten.
    const same = entry.what === what && entry.share.startsWith(keep.share ?? "");
    const isListed = entry.relay === relay || further.includes(entry.relay);
    const isThere = isListed || (isFoundHere(route) && isFoundHere(entry.route));
    const { stored } = entry;
    if (stored !== undefined && stored > 0 && stored <= Date.now()) {
      forgetSend(entry.share);
      continue;
    }
    const isAlike = (stored !== undefined) === (job.store !== undefined);
    if (entry.running || !same || !isThere || !isAlike) continue;
    if (keep.codeChosen && entry.code !== code) continue;
    const kept = KeptSend.claim(entry.folder);
    if (kept !== undefined) yield kept;
  }
}

/** The options that decide about the content, in one text: equal for the same command. */
function whatIsSent({ what }: SendJob): string {
  switch (what.from) {
    case "paths":
      return JSON.stringify({ ...what, paths: what.paths.map((path) => resolve(path)) });
    case "text":
      // Not the text itself: that is not for the disk.
      return JSON.stringify({
        ...what,
        text: createHash("sha256").update(what.text).digest("hex"),
      });
    case "stdin":
      return JSON.stringify(what);
  }
}

interface GoOn {
  readonly source: Source;
  readonly keysOf: (code: Code) => Keys;
  readonly emit: (event: ClientEvent) => void;
  readonly signal: AbortSignal;
}

/** @returns what changed, when it is not the same any more */
async function goOn(
  kept: KeptSend,
  { source, keysOf, emit, signal }: GoOn,
): Promise<OpenShare | readonly Change[]> {
  const proof = fromHex(kept.entry.proof);
  if (proof?.length !== PROOF_BYTES) return [];
  const { code } = kept.entry;
  const keys = keysOf(code);
  const share = shareIdFromProof(proof, primitives);
  const before = attempt(() => kept.content());
  const edition = kept.entry.editions > 0 && before ? decodeHead(before.head).edition : undefined;
  // Of other files it is no edition.
  const editionOf: EditionOf = ({ length }) =>
    edition?.since.length === length ? edition : undefined;
  const encoded = source.describe(share, kept.entry.apart, editionOf);
  const stamps = source.stamps();
  if (stamps === undefined || before === undefined || toHex(share) !== kept.entry.share) return [];
  const now: Content = { head: encoded.head, stamps };
  const { changes, touched } = compare(before, now);
  if (changes.length > 0) return changes;
  const cipher = recordCipher(keys.content, share, primitives);
  const opened: OpenShare = { source, code, keys, proof, share, encoded, cipher, kept };
  if (touched.size > 0) {
    emit({ event: "checking", files: touched.size });
    const changed = await changedContent(opened, kept, touched, signal);
    if (changed.length > 0) return changed;
    attempt(() => kept.restamp(now.stamps));
  }
  return opened;
}

/** Of the entries that were touched those whose records, as far as they were sent, are others now. */
async function changedContent(
  { source, encoded, cipher }: OpenShare,
  kept: KeptSend,
  touched: ReadonlySet<number>,
  signal: AbortSignal,
): Promise<Change[]> {
  const { manifest, head } = encoded;
  const data = dataPerRecord(manifest.recordSize);
  const changes: Change[] = [];
  source.isSealed = (index) => kept.has(index);
  let start = head.length;
  // Many small files share a record: each is looked at once.
  let unseen = 0;
  for (const [entry, { path, size }] of manifest.files.entries()) {
    const end = start + size;
    const first = Math.floor(start / data);
    start = end;
    if (!touched.has(entry) || size === 0) continue;
    for (let index = Math.max(first, unseen); index * data < end; index++) {
      unseen = index + 1;
      if (!kept.has(index)) continue;
      if (index % RECORDS_AT_ONCE === 0) {
        await setImmediate();
        kept.touch();
      }
      if (signal.aborted) throw new FaultError("interrupted");
      const record = source.read(index);
      if (record === undefined) continue;
      const { parts, last, padding } = record;
      const tag = cipher.seal(index, parts, last, padding).subarray(-TAG_BYTES);
      if (kept.note(index, tag)) continue;
      changes.push({ path, what: "content" });
      break;
    }
  }
  return changes;
}

/**
 * A share under the same code in the place of one whose files changed.
 * @returns undefined where nobody knows what that was
 */
function goOnAnew(
  kept: KeptSend,
  { job, source, keysOf }: Pick<GoOn, "source" | "keysOf"> & { readonly job: SendJob },
): OpenShare | undefined {
  const { code, verified, editions } = kept.entry;
  const proof = fromHex(kept.entry.proof);
  const content = attempt(() => kept.content());
  if (content === undefined || proof === undefined) return undefined;
  // After so many it is only the code that stays.
  const isLast = editions + 1 >= EDITIONS;
  const keys = keysOf(code);
  const { share, recordSize, records, bytes } = decodeHead(content.head);
  const offer = { share, recordSize, records, bytes, seekable: true };
  const past: Past = {
    editions: isLast ? 0 : editions + 1,
    verified: verified + (attempt(() => kept.done.length) ?? 0),
    kept,
    offered: {
      offer: job.ask === true ? { ...offer, admit: true } : offer,
      proof,
      keys,
      relay: job.further?.includes(kept.entry.relay) === true ? kept.entry.relay : job.relay,
    },
  };
  // The relay reads shares of the lobby itself, and knows nothing of editions.
  if (isLast || isLobby(code)) return begin({ job, source, keys, code, past });
  const former = { share, ...content, doubtful: new Set<number>() };
  return begin({ job, source, keys, code, past, former });
}

/** A share that the same run offers anew, and how far it came. */
export interface Moving extends Pick<OpenShare, "keys" | "code" | "kept" | "past"> {
  readonly former: Former;
  /** Receivers that have all of it. */
  readonly verified: number;
}

/**
 * The next edition of a share that runs: with the files as they are now.
 * @throws FaultError as `openShare`, and "source-changed" when there were EDITIONS of it
 */
export async function nextShare(
  job: SendJob,
  { keys, code, kept, past, former, verified }: Moving,
  open: (options: SourceOptions) => Promise<Source>,
): Promise<OpenShare> {
  const editions = (past?.editions ?? 0) + 1;
  if (editions >= EDITIONS) throw new FaultError("source-changed", "again and again");
  // The last one goes on as long as it can.
  const fill = editions === EDITIONS - 1 ? { fill: Infinity } : {};
  const source = await open({ ...fill, isAgain: true });
  try {
    const next = { editions, verified: (past?.verified ?? 0) + verified, kept };
    return begin({ job, source, keys, code, past: next, former });
  } catch (error) {
    source.close();
    throw error;
  }
}

interface Beginning {
  readonly job: SendJob;
  readonly source: Source;
  readonly keys: Keys;
  /** The code that the keys come from. */
  readonly code: Code;
  readonly past?: Past;
  /** The share before. */
  readonly former?: Former;
}

function begin({ job, source, keys, code, past, former }: Beginning): OpenShare {
  const { relay, further, route, keep } = job;
  const proof = primitives.randomBytes(PROOF_BYTES);
  const share = shareIdFromProof(proof, primitives);
  const apart = holdsBack(job);
  const editionOf: EditionOf | undefined = former && editionAfter.bind(undefined, former);
  const encoded = source.describe(share, apart, editionOf);
  const cipher = recordCipher(keys.content, share, primitives);
  const { bytes, records } = encoded.manifest;
  const stamps = source.stamps();
  const kept =
    keep &&
    stamps &&
    attempt(() => {
      const { again } = keep;
      const { name } = source;
      const ids = { share: toHex(share), proof: toHex(proof), what: whatIsSent(job) };
      const { editions = 0, verified = 0 } = past ?? {};
      const stored = job.store && 0;
      const about = { name, bytes, records, apart, editions, verified, stored };
      return KeptSend.create(
        { ...ids, code, relay, further, route, again, ...about },
        { head: encoded.head, stamps },
      );
    });
  return { source, code, keys, proof, share, encoded, cipher, kept, past };
}

function tellChanges(
  { entry }: KeptSend,
  changes: readonly Change[],
  emit: (event: ClientEvent) => void,
): void {
  if (changes.length === 0) return;
  const told = changes.slice(0, CHANGES_TOLD);
  emit({ event: "changed", share: entry.share, changes: told, more: changes.length - told.length });
}

/** Remembering helps, and hinders nothing where it can't be written or read. */
function attempt<T>(step: () => T): T | undefined {
  try {
    return step();
  } catch (error) {
    if (errorCode(error) === undefined && !(error instanceof FaultError)) throw error;
    return undefined;
  }
}
