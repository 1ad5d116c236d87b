import { describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import {
  closeSync,
  fstatSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { FRAME_BYTES } from "../../../protocol/mod.ts";
import { startRelay } from "../../../relay/mod.ts";
import { FileStore, MESSAGE_HEAD_BYTES, createLogFile } from "../../../relay/log/store.ts";
import { laterFaultOf, list, temporaryFolder } from "../../support/disk.ts";
import { RelayProcess } from "../../support/clients/processes.ts";
import { fileRoom, frameOf } from "../../support/relay/log-rooms.ts";
import { mountNamespace } from "../../needs.ts";

const NAMESPACE = mountNamespace();

describe("the file of the log", () => {
  test("P14 has no name, belongs to nobody else, and takes no space before it is written", () => {
    using folder = temporaryFolder();
    const before = process.umask(0);
    const file = createLogFile(folder.path, 100);
    process.umask(before);
    const { mode, nlink, size, blocks } = fstatSync(file);
    closeSync(file);
    expect(mode & 0o777).toBe(0o600);
    expect(nlink).toBe(0);
    expect(size).toBeGreaterThanOrEqual(100 * FRAME_BYTES);
    expect(blocks).toBe(0);
    expect(list(folder.path)).toEqual([]);
  });

  test("P14 is gone when its relay has ended, and there is no other way to it meanwhile", async () => {
    using folder = temporaryFolder();
    const mine = (): string[] =>
      readdirSync("/proc/self/fd")
        .map((fd) => linkOf(`/proc/self/fd/${fd}`))
        .filter((path) => path.startsWith(folder.path));
    const relay = await startRelay({ logFolder: folder.path });
    expect(list(folder.path)).toEqual([]);
    expect(mine()).toHaveLength(1);
    await relay.stop();
    expect(mine()).toEqual([]);
  });

  test("P14 is gone when its relay is killed", async () => {
    using folder = temporaryFolder();
    await using relay = await RelayProcess.start({ logFolder: folder.path });
    expect(list(folder.path)).toEqual([]);
    await relay.kill();
    expect(list(folder.path)).toEqual([]);
  });

  test("P14 is its own: an existing file of such a name is neither opened nor followed", async () => {
    using folder = temporaryFolder();
    using elsewhere = temporaryFolder();
    const victim = join(elsewhere.path, "victim");
    writeFileSync(victim, "as it was");
    for (const name of ["fileshare-log-", "fileshare-log-aaaaaa", "log"]) {
      symlinkSync(elsewhere.path, join(folder.path, name));
    }
    symlinkSync(victim, join(elsewhere.path, "log"));
    await using _relay = await startRelay({ logFolder: folder.path });
    expect(readFileSync(victim, "utf8")).toBe("as it was");
    expect(list(folder.path)).toEqual(["fileshare-log-", "fileshare-log-aaaaaa", "log"]);
    expect(list(elsewhere.path)).toEqual(["log", "victim"]);
  });

  test.each([
    { what: "not there", make: (path: string) => join(path, "missing") },
    {
      what: "a link to nowhere",
      make: (path: string) => {
        symlinkSync(join(path, "missing"), join(path, "link"));
        return join(path, "link");
      },
    },
    {
      what: "a file",
      make: (path: string) => {
        writeFileSync(join(path, "file"), "");
        return join(path, "file");
      },
    },
  ])("P14 can't be in a folder that is $what", async ({ make }) => {
    using folder = temporaryFolder();
    expect(await laterFaultOf(startRelay({ logFolder: make(folder.path) }))).toBe("bad-log-folder");
  });

  // RFC 6455, 5.2: unmasked, whole, binary; 7 bits of length, or 126 and 16, or 127 and 64.
  test.each([
    { length: 20, head: "82 14" },
    { length: 125, head: "82 7d" },
    { length: 126, head: "82 7e 00 7e" },
    { length: 65_535, head: "82 7e ff ff" },
    { length: 65_536, head: "82 7f 00 00 00 00 00 01 00 00" },
    { length: FRAME_BYTES, head: "82 7f 00 00 00 00 00 10 00 00" },
  ])("holds frames of $length bytes as messages that begin with $head", ({ length, head }) => {
    using room = fileRoom({ blocks: 3, blockBytes: FRAME_BYTES });
    const { store } = room.pool;
    if (!(store instanceof FileStore)) throw new Error("no file");
    const due = Buffer.concat([Buffer.from(head.replaceAll(" ", ""), "hex"), frameOf(1, length)]);
    const second = length + MESSAGE_HEAD_BYTES;
    const offsets = second + length <= FRAME_BYTES ? [second, 0] : [0];
    for (const block of [0, 2]) {
      for (const offset of offsets) store.write(block, offset, frameOf(1, length));
      for (const offset of offsets) {
        const extent = store.extent(block, offset, length);
        expect(extent.length).toBe(due.length);
        const file = readFileSync(`/proc/self/fd/${store.file}`);
        const message = file.subarray(extent.offset, extent.offset + extent.length);
        expect(Buffer.compare(message, due)).toBe(0);
      }
    }
  });
});

describe.skipIf(NAMESPACE === undefined)("a disk that is full (needs unshare and tmpfs)", () => {
  /** The answer of a child that runs in a file system of 4 MiB. */
  function inSmallRoom(which: string): unknown {
    using folder = temporaryFolder();
    const child = join(import.meta.dir, "full-log-child.ts");
    const script = 'mount -t tmpfs -o size=4m none "$1" && exec "$2" "$3" "$1" "$4"';
    const args = ["sh", "-c", script, "sh", folder.path, process.execPath, child, which];
    const run = spawnSync("unshare", [NAMESPACE!, ...args], { encoding: "utf8" });
    expect(run.stderr).toBe("");
    return JSON.parse(run.stdout);
  }

  test("is said of each record that does not fit, and those before stay whole", () => {
    expect(inSmallRoom("log")).toEqual({
      kept: true,
      last: "full",
      again: "full",
      small: "kept",
      whole: true,
    });
  });

  test.each(["relay", "copying relay"])(
    "costs a sender its line and nobody else anything (%s)",
    (which) => {
      expect(inSmallRoom(which)).toEqual({
        fault: "log-full",
        retry: true,
        firstIsWhole: true,
        smallIsServed: true,
        largeIsServed: true,
        troubles: [],
      });
    },
  );
});

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    // The descriptor that listed the others.
    return "";
  }
}
