/**
 * A copy of this machine's root that takes writes and forgets them: an overlay in memory, in a mount namespace of its own. An
 * installation there never touches the machine.
 */
import { existsSync, readFileSync } from "node:fs";

/** Makes the root, and runs the script `$1` there. It sees a folder of the machine, and all that it has changed. */
const SCRIPT = `
set -e
mount -t tmpfs -o size=1g overlay /mnt
mkdir /mnt/upper /mnt/work /mnt/root
mount -t overlay overlay -o lowerdir=/,upperdir=/mnt/upper,workdir=/mnt/work /mnt/root
mount --rbind /proc /mnt/root/proc
mount --rbind /dev /mnt/root/dev
mount -t tmpfs overlay /mnt/root/media
mkdir /mnt/root/media/folder /mnt/root/media/changed
mount --bind "$2" /mnt/root/media/folder
mount --bind /mnt/upper /mnt/root/media/changed
exec chroot /mnt/root sh -ec "$1"
`;

/** Where the script finds the folder. */
export const FOLDER_THERE = "/media/folder";

/** A command of the script that lists what it has made or changed. */
export const CHANGED_THERE = "find /media/changed -mindepth 1 -printf '/%P\\n' | sort";

/** Whether this process may make such a root: the kernel lets root alone lay one file system over another. */
export function canOverlay(): boolean {
  if (process.platform !== "linux" || process.geteuid?.() !== 0) return false;
  if (!existsSync("/proc/filesystems")) return false;
  if (!readFileSync("/proc/filesystems", "utf8").includes("\toverlay\n")) return false;
  return inOverlay("true", "/").exitCode === 0;
}

export interface Ran {
  readonly exitCode: number;
  readonly out: string;
  readonly err: string;
}

/** Runs a script of sh in a new root. @param folder is at FOLDER_THERE */
export function inOverlay(script: string, folder: string): Ran {
  const { exitCode, stdout, stderr } = Bun.spawnSync(
    [
      "unshare",
      "--mount",
      "--pid",
      "--fork",
      "--kill-child",
      "sh",
      "-c",
      SCRIPT,
      "sh",
      script,
      folder,
    ],
    {
      env: {
        PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        DEBIAN_FRONTEND: "noninteractive",
        LC_ALL: "C",
      },
      stdin: "ignore",
    },
  );
  return { exitCode, out: stdout.toString(), err: stderr.toString() };
}
