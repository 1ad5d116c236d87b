/**
 * The ids under which senders know us: a receiver that runs again is the same receiver, wherever it
 * saves and whether it saves at all, so one person counts once. Empty files below `ids`, whose names
 * say it all; one rename claims an id, as with partials and kept sends:
 *
 *     <share>.<receiver>                           free
 *     <share>.<receiver>.<pid>-<machine>-<start>   a running process is that receiver
 *
 * A relay lets an id be in one place at a time, so of two processes that take a share at once the
 * second has an id of its own; both are kept, and later ones are one or the other. Both ids are known
 * to relays and say nothing of a code. Where nothing can be kept a receiver is a new one each time.
 */
import { utimesSync } from "node:fs";

import { fromHex, toHex } from "../../protocol/wire/bytes.ts";
import { FaultError } from "../../protocol/wire/faults.ts";
import { RECEIVER_BYTES } from "../../protocol/crypto/keys.ts";

import { nodePrimitives as primitives } from "../../protocol/crypto/crypto-node.ts";
import { errorCode } from "../system/system-error.ts";
import type { HeldFolder } from "../system/held-folder.ts";
import { isGone, thisProcess, type Owner } from "../system/owner.ts";
import { dropOldest, namesIn, openState, stateFolder, writeNew } from "../system/state.ts";

/**
 * Ids that a receiver had for its senders, by share; of more, those used longest ago are forgotten.
 */
export const RECEIVER_IDS_KEPT = 1024;
/** A receiver keeps its id for a share so long after it last took it: longer than senders wait. */
export const RECEIVER_IDS_MS = 7 * 24 * 60 * 60 * 1000;

const NAME = /^([0-9a-f]{32})\.([0-9a-f]{32})(?:\.([1-9]\d{0,9})-([0-9a-f]{8})-([0-9a-z]{1,13}))?$/;

interface Entry {
  readonly name: string;
  readonly share: string;
  readonly receiver: string;
  readonly owner: Owner | undefined;
}

/** An id that this process has for a share, until it is released. */
export class ReceiverId {
  readonly bytes: Uint8Array;
  /** Names of its entry: while this process has it (undefined: it is kept nowhere), and when nobody has. */
  #owned: string | undefined;
  readonly #free: string;

  private constructor(bytes: Uint8Array, owned: string | undefined, free: string) {
    this.bytes = bytes;
    this.#owned = owned;
    this.#free = free;
  }

  /**
   * @param share in hex
   * @param before who we were for it, as a partial of it knows; had if nobody else is that by now
   */
  static claim(share: string, before?: Uint8Array): ReceiverId {
    const wished = before === undefined ? undefined : toHex(before);
    try {
      using folder = stateFolder("ids");
      const known = entriesIn(folder).filter((entry) => entry.share === share);
      const mine = known
        .filter(({ receiver }) => wished === undefined || receiver === wished)
        .concat(known.filter(({ receiver }) => wished !== undefined && receiver !== wished));
      // No process has that id, and it was not kept.
      if (wished !== undefined && !known.some(({ receiver }) => receiver === wished)) {
        return ReceiverId.#make(folder, share, wished);
      }
      for (const entry of mine) {
        const id = ReceiverId.#take(folder, entry);
        if (id !== undefined) return id;
      }
      return ReceiverId.#make(folder, share, toHex(primitives.randomBytes(RECEIVER_BYTES)));
    } catch (error) {
      if (errorCode(error) === undefined && !(error instanceof FaultError)) throw error;
      return new ReceiverId(before ?? primitives.randomBytes(RECEIVER_BYTES), undefined, "");
    }
  }

  /** Shows other machines, which can't look for this process, that it lives. */
  touch(): void {
    const owned = this.#owned;
    if (owned !== undefined) inFolder((folder) => touch(folder, owned));
  }

  /** The next process that takes the share is this receiver. Safe to call twice. */
  release(): void {
    const owned = this.#owned;
    this.#owned = undefined;
    if (owned === undefined) return;
    // Removed meanwhile: then the next is another receiver.
    inFolder((folder) => {
      touch(folder, owned);
      folder.move(owned, folder, this.#free);
      forgetOld(folder);
    });
  }

  static #take(
    folder: HeldFolder,
    { name, share, receiver, owner }: Entry,
  ): ReceiverId | undefined {
    const age = Date.now() - Number(folder.lstat(name)?.mtimeMs ?? 0);
    if (!isGone(owner, age) || age > RECEIVER_IDS_MS) return undefined;
    const owned = ownedName(share, receiver);
    try {
      folder.move(name, folder, owned);
    } catch {
      return undefined; // another was faster
    }
    return ReceiverId.#had(folder, owned, share, receiver);
  }

  static #make(folder: HeldFolder, share: string, receiver: string): ReceiverId {
    dropOldest(folder, RECEIVER_IDS_KEPT - 1, (name) => mayGo(folder, name));
    const owned = ownedName(share, receiver);
    writeNew(folder, owned, new Uint8Array());
    return ReceiverId.#had(folder, owned, share, receiver);
  }

  static #had(folder: HeldFolder, owned: string, share: string, receiver: string): ReceiverId {
    const bytes = fromHex(receiver) ?? primitives.randomBytes(RECEIVER_BYTES);
    touch(folder, owned);
    return new ReceiverId(bytes, owned, `${share}.${receiver}`);
  }
}

/** A failure there is not worth a word: the next run may be another receiver then. */
function inFolder(act: (folder: HeldFolder) => void): void {
  try {
    using folder = openState("ids");
    if (folder !== undefined) act(folder);
  } catch (error) {
    if (errorCode(error) === undefined && !(error instanceof FaultError)) throw error;
  }
}

function touch(folder: HeldFolder, name: string): void {
  const now = new Date();
  utimesSync(folder.at(name), now, now);
}

function ownedName(share: string, receiver: string): string {
  const { pid, machine, start } = thisProcess();
  return `${share}.${receiver}.${pid}-${machine}-${start}`;
}

function entriesIn(folder: HeldFolder): Entry[] {
  return namesIn(folder)
    .toSorted()
    .flatMap((name) => entryOf(name) ?? []);
}

function entryOf(name: string): Entry | undefined {
  const [, share, receiver, pid, machine, start] = NAME.exec(name) ?? [];
  if (share === undefined || receiver === undefined) return undefined;
  const owned = pid !== undefined && machine !== undefined && start !== undefined;
  const owner = owned ? { pid: Number(pid), machine, start } : undefined;
  return { name, share, receiver, owner };
}

/** Looks at every entry, so only once a share is over: a claim is on the way of the first byte. */
function forgetOld(folder: HeldFolder): void {
  for (const name of namesIn(folder)) {
    if (ageOf(folder, name) > RECEIVER_IDS_MS && mayGo(folder, name)) folder.clear(name);
  }
}

function ageOf(folder: HeldFolder, name: string): number {
  const now = Date.now();
  return now - Number(folder.lstat(name)?.mtimeMs ?? now);
}

/** Whether no process has it. */
function mayGo(folder: HeldFolder, name: string): boolean {
  return isGone(entryOf(name)?.owner, ageOf(folder, name));
}
