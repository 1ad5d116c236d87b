/** Tells this user's files on a mount that shows other owners than there are. */
import { closeSync, constants, fstatSync } from "node:fs";

import { tolerate } from "./system-error.ts";

/** A folder in which a file can be made for a moment. */
interface Place {
  open(name: string, flags: number, mode: number): number;
  remove(name: string): void;
}

/**
 * bindfs, sshfs, SMB and others show another number than ours for everything: there a new file tells
 * what "ours" looks like. Where a mount shows owners as they are, such a file is ours by number, and
 * others' files stay others'.
 */
export class ShownOwner {
  #tried = false;
  #uid: number | undefined;

  /** Whether an entry with that owner is this user's. @param place on the same mount */
  isOurs(uid: number, place: Place): boolean {
    const user = process.geteuid?.();
    if (user === undefined || uid === user) return true;
    if (!this.#tried) this.#uid = ownerOfNew(place);
    this.#tried = true;
    return this.#uid === uid;
  }
}

/** Undefined where nothing can be made. */
function ownerOfNew(place: Place): number | undefined {
  const { O_WRONLY, O_CREAT, O_EXCL } = constants;
  const name = temporaryName();
  let fd: number;
  try {
    fd = place.open(name, O_WRONLY | O_CREAT | O_EXCL, 0o600);
  } catch {
    return undefined;
  }
  try {
    // By its descriptor: another user may exchange what has the name.
    return fstatSync(fd).uid;
  } finally {
    closeSync(fd);
    removeTemporary(place, name);
  }
}

/**
 * A file of ours that is there for a moment. Where others may rename, something else may have its
 * name by now: nothing below that is removed.
 */
export function removeTemporary(place: Pick<Place, "remove">, name: string): void {
  tolerate(() => place.remove(name));
}

/** Of a file that is there for a moment. */
export function temporaryName(): string {
  return `.fileshare-${crypto.randomUUID()}.partial`;
}
