/**
 * The states of a share's files: what became of each while it was sent. A sender describes its files before it reads
 * them, and they may change meanwhile; so it tells behind the last of them, a byte for each entry of
 * the manifest (see manifest.ts). The bytes are sealed like all else.
 *
 * A file that is not whole keeps its place: the sender puts zeros where it has nothing, so all
 * positions stay what the manifest made them.
 */

/** By their byte. */
export const FILE_STATES = ["whole", "grown", "changed", "missing"] as const;
/**
 * `whole`: as it was offered. `grown`: more was written behind it, and it is here as far as it was
 * offered. `changed`, `missing`: what came is not the file, and must not pass for it.
 */
export type FileState = (typeof FILE_STATES)[number];

/** A state that is not known yet is of a file that must not pass for a whole one. */
export function stateOf(byte: number): FileState {
  return FILE_STATES[byte] ?? "changed";
}

export function byteOf(state: FileState): number {
  return FILE_STATES.indexOf(state);
}

/** Whether what came of it may have its name. */
export function isUsable(state: FileState): boolean {
  return state === "whole" || state === "grown";
}

/** The owner's x bit. */
export const OWNER_EXECUTE = 0o100;
/** The part of a mode that travels: r, w and x of owner, group and others; never a set-id bit. */
export const PERMISSIONS = 0o777;
/** In every mode that says all permissions; without it a mode says only whether its owner executes it. */
export const OWNER_READ = 0o400;
