/** The names of the folders in which sends are kept: they say whose each is; see kept-send.ts. */
import type { BigIntStats } from "node:fs";

import type { HeldFolder } from "../system/held-folder.ts";
import { isGone, thisProcess, type Owner } from "../system/owner.ts";

/** The file that is written with every record that leaves. */
export const TAGS = "tags";

/** Of a folder's name: the share's id in hex, if it is one. */
export function shareOf(name: string): string {
  return name.split(".", 1)[0] ?? "";
}

/** The name of a folder that this process has. */
export function ownedName(share: string): string {
  const { pid, machine, start } = thisProcess();
  return `${share}.${pid}-${machine}-${start}`;
}

/** Whether no running process has it. */
export function isFree(folder: HeldFolder, name: string): boolean {
  const match = /^[0-9a-f]{32}(?:\.([1-9]\d{0,9})-([0-9a-f]{8})-([0-9a-z]{1,13}))?$/.exec(name);
  if (match === null) return false;
  const [, pid, machine, start] = match;
  if (pid === undefined || machine === undefined || start === undefined) return true;
  const owner: Owner = { pid: Number(pid), machine, start };
  const touched = lookInside(folder, name, TAGS)?.mtimeMs;
  return isGone(owner, touched === undefined ? 0 : Date.now() - Number(touched));
}

/** The entry with that name in a folder below, if both are there. */
export function lookInside(
  folder: HeldFolder,
  name: string,
  file: string,
): BigIntStats | undefined {
  try {
    using own = folder.enter(name);
    return own.lstat(file);
  } catch {
    return undefined;
  }
}
