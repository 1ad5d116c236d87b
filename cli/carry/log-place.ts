/** The place of a carried relay's log: a folder with room for it. */
import { accessSync, constants, statfsSync } from "node:fs";
import { homedir, tmpdir } from "node:os";

/** Bytes of its log. Files are read again where it has forgotten them; of a pipe it bounds how far receivers differ. */
const LOG_BYTES = 256 * 1024 ** 2;
/** A relay works with no less. */
const LOG_BYTES_LEAST = 16 * 1024 ** 2;
/** Of the free room; the rest is for the files that are received, and for other programs. */
const ROOM_PART = 0.5;

export interface LogPlace {
  readonly logFolder: string;
  readonly logBytes: number;
}

/**
 * The folder for temporary files, unless it is nearly full: a log that cannot grow ends every share. Then it is the one with the
 * most room, and the log is as small as that demands.
 * @param roomOf free bytes of a folder; undefined: there is none
 */
export function logPlace(
  folders: readonly string[] = [tmpdir(), "/var/tmp", homedir()],
  roomOf: (folder: string) => number | undefined = freeBytes,
): LogPlace {
  let logFolder = folders[0] ?? tmpdir();
  let most = 0;
  for (const folder of folders) {
    const room = (roomOf(folder) ?? 0) * ROOM_PART;
    if (room > most) {
      most = room;
      logFolder = folder;
    }
    if (room >= LOG_BYTES) break;
  }
  const logBytes = Math.floor(Math.max(LOG_BYTES_LEAST, Math.min(LOG_BYTES, most)));
  return { logFolder, logBytes };
}

function freeBytes(folder: string): number | undefined {
  try {
    accessSync(folder, constants.W_OK);
    const { blocks, bavail, bsize } = statfsSync(folder);
    // A file system without a size of its own says nothing.
    return blocks === 0 ? Infinity : bavail * bsize;
  } catch {
    return undefined;
  }
}
