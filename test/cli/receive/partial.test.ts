import { describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import {
  appendFileSync,
  cpSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  closeSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { findPartial, openPartial } from "../../../cli/receive/find-partial.ts";
import { formatPartialName, parsePartialName, thisProcess } from "../../../cli/system/owner.ts";
import type { PartialShare } from "../../../cli/receive/partial.ts";
import { NUMBERED_NAMES } from "../../../cli/receive/place.ts";
import {
  bytesOf,
  DATA_BYTES,
  faultOf,
  laterFaultOf,
  list,
  reboot,
  temporaryFolder,
  testShare,
  type TestShare,
} from "../../support/disk.ts";

const D = DATA_BYTES;

function begin(dir: string, { manifest, head, receiver }: TestShare): PartialShare {
  return openPartial({ dir, manifest, head, receiver });
}

function writeUntil(partial: PartialShare, share: TestShare, end = share.manifest.records): void {
  while (partial.next < end) partial.write(partial.next, share.record(partial.next));
}

/** A partial with `records` written, given up; and the path of its directory. */
async function leave(dir: string, share: TestShare, records: number): Promise<string> {
  const partial = begin(dir, share);
  writeUntil(partial, share, records);
  await partial.close();
  return join(
    dir,
    list(dir).find((name) => name.endsWith(".partial"))!,
  );
}

describe("a whole file", () => {
  for (const size of [0, 1, D - 1, D, D + 1, 3 * D - 1, 3 * D, 3 * D + 1]) {
    test(`of ${size} bytes is byte for byte what was sent, whatever the head's length`, async () => {
      using folder = temporaryFolder();
      for (const length of [1, 60, 130, 196]) {
        const share = testShare(size, size, { name: `${"n".repeat(length)}.bin` });
        const partial = begin(folder.path, share);
        writeUntil(partial, share);
        const path = await partial.finish({ onExists: "fail" });
        expect(path).toBe(join(folder.path, share.name));
        expect(bytesOf(path)).toEqual(share.content);
        rmSync(path);
        expect(list(folder.path)).toEqual([]);
      }
    });
  }

  test("until then it is private and not under its name", async () => {
    using folder = temporaryFolder();
    const share = testShare(1, 500);
    const partial = begin(folder.path, share);
    writeUntil(partial, share);
    const names = list(folder.path);
    expect(names.length).toBe(1);
    expect(names[0]).toMatch(/^report\.pdf\.[0-9a-f]{8}-\d+-.*\.partial$/);
    expect(partial.path).toBe(join(folder.path, names[0]!));
    expect(statSync(partial.path).mode & 0o777).toBe(0o700);
    expect(statSync(join(partial.path, "journal")).mode & 0o777).toBe(0o600);
    expect(await laterFaultOf(begin(folder.path, share).finish({ onExists: "fail" }))).toBe(
      "internal",
    );
    await partial.discard();
  });

  test("F19 F20 it gets its time and at most the owner's x, within the umask", async () => {
    using folder = temporaryFolder();
    const before = process.umask(0o027);
    try {
      const modes: string[] = [];
      for (const mode of [0, 0o100]) {
        const share = testShare(mode, 10, { mode, name: `m${mode}` });
        const partial = begin(folder.path, share);
        writeUntil(partial, share);
        const stat = statSync(await partial.finish({ onExists: "fail" }));
        expect(stat.mtimeMs).toBe(1_700_000_000_123);
        modes.push((stat.mode & 0o7777).toString(8));
      }
      expect(modes).toEqual(["640", "740"]);
    } finally {
      process.umask(before);
    }
  });

  test("records come in turn, of the right length, and no more of them than there are", async () => {
    using folder = temporaryFolder();
    const share = testShare(2, 5 * D);
    const partial = begin(folder.path, share);
    expect(faultOf(() => partial.write(1, share.record(1)))).toBe("internal");
    expect(faultOf(() => partial.write(0, share.record(0).subarray(1)))).toBe("corrupt-record");
    expect(faultOf(() => partial.write(0, new Uint8Array(0)))).toBe("corrupt-record");
    writeUntil(partial, share);
    const { records } = share.manifest;
    expect(faultOf(() => partial.write(records, new Uint8Array(D)))).toBe("corrupt-record");
    expect(bytesOf(await partial.finish({ onExists: "fail" }))).toEqual(share.content);
  });

  test("a checkpoint asked for while it finishes leaves the finish alone", async () => {
    for (let round = 0; round < 20; round++) {
      using folder = temporaryFolder();
      const share = testShare(round, 5 * D);
      const partial = begin(folder.path, share);
      writeUntil(partial, share);
      const finishing = partial.finish({ onExists: "fail" });
      const state = { finished: false };
      void finishing.finally(() => {
        state.finished = true;
      });
      // As the timer of a receiver does, at whatever moment of it.
      while (!state.finished) {
        partial.checkSpace();
        await partial.checkpoint();
        await new Promise(setImmediate);
      }
      partial.checkSpace();
      expect(bytesOf(await finishing)).toEqual(share.content);
    }
  });
});

describe("its name", () => {
  async function receive(
    dir: string,
    share: TestShare,
    policy: Parameters<PartialShare["finish"]>[0],
  ): Promise<string> {
    const partial = begin(dir, share);
    writeUntil(partial, share);
    try {
      return (await partial.finish(policy)).slice(dir.length + 1);
    } catch (error) {
      await partial.discard();
      throw error;
    }
  }

  test("F17 takes the next free number and replaces nothing, not even a dangling link", async () => {
    using folder = temporaryFolder();
    const share = testShare(4, 100);
    mkdirSync(join(folder.path, "report.pdf"));
    symlinkSync(join(folder.path, "nowhere"), join(folder.path, "report (1).pdf"));
    writeFileSync(join(folder.path, "report (3).pdf"), "mine");
    const names: string[] = [];
    for (let i = 0; i < 3; i++)
      names.push(await receive(folder.path, share, { onExists: "number" }));
    expect(names).toEqual(["report (2).pdf", "report (4).pdf", "report (5).pdf"]);
    expect(readFileSync(join(folder.path, "report (3).pdf"), "utf8")).toBe("mine");
    expect(list(folder.path)).not.toContain("nowhere");
  });

  test("numbers go before the extension, if it is one", async () => {
    using folder = temporaryFolder();
    const names: string[] = [];
    for (const name of ["plain", ".hidden", "a.tar.gz", "a.b"]) {
      const share = testShare(5, 1, { name });
      await receive(folder.path, share, { onExists: "number" });
      names.push(await receive(folder.path, share, { onExists: "number" }));
    }
    expect(names).toEqual(["plain (1)", ".hidden (1)", "a.tar (1).gz", "a (1).b"]);
  });

  test("gives up after so many numbers", async () => {
    using folder = temporaryFolder();
    for (let i = 1; i <= NUMBERED_NAMES; i++) writeFileSync(join(folder.path, `x (${i})`), "");
    writeFileSync(join(folder.path, "x"), "");
    const share = testShare(6, 1, { name: "x" });
    expect(await laterFaultOf(receive(folder.path, share, { onExists: "number" }))).toBe(
      "name-exhausted",
    );
    rmSync(join(folder.path, `x (${NUMBERED_NAMES})`));
    expect(await receive(folder.path, share, { onExists: "number" })).toBe(`x (${NUMBERED_NAMES})`);
  });

  test("F17 overwrite replaces a file, also a read-only one, by another; and nothing else", async () => {
    using folder = temporaryFolder();
    const share = testShare(7, 100);
    const target = join(folder.path, "report.pdf");
    writeFileSync(target, "old", { mode: 0o444 });
    linkSync(target, join(folder.path, "other name"));
    expect(await receive(folder.path, share, { onExists: "overwrite" })).toBe("report.pdf");
    expect(bytesOf(target)).toEqual(share.content);
    expect(readFileSync(join(folder.path, "other name"), "utf8")).toBe("old");

    const outside = join(folder.path, "outside");
    writeFileSync(outside, "outside");
    for (const make of [
      () => mkdirSync(target),
      () => symlinkSync(outside, target),
      () => spawnSync("mkfifo", [target]),
    ]) {
      rmSync(target, { recursive: true });
      make();
      const kind = lstatSync(target).mode & 0o170000;
      expect(await laterFaultOf(receive(folder.path, share, { onExists: "overwrite" }))).toBe(
        "file-exists",
      );
      expect(lstatSync(target).mode & 0o170000).toBe(kind);
    }
    expect(readFileSync(outside, "utf8")).toBe("outside");
  });

  test("F17 fail fails, and the partial may be finished otherwise", async () => {
    using folder = temporaryFolder();
    const share = testShare(8, 100);
    writeFileSync(join(folder.path, "report.pdf"), "mine");
    const partial = begin(folder.path, share);
    writeUntil(partial, share);
    expect(await laterFaultOf(partial.finish({ onExists: "fail" }))).toBe("file-exists");
    await partial.close();
    const again = findPartial({ dir: folder.path, share: share.share });
    expect(again?.next).toBe(share.manifest.records);
    expect(await again!.finish({ onExists: "number" })).toBe(join(folder.path, "report (1).pdf"));
    expect(list(folder.path)).toEqual(["report (1).pdf", "report.pdf"]);
  });

  test("F10 with a prefix it is cut before its extension to what every file system holds", async () => {
    using folder = temporaryFolder();
    const short = testShare(9, 1, { name: "a.txt" });
    expect(await receive(folder.path, short, { onExists: "fail", prefix: "received_" })).toBe(
      "received_a.txt",
    );
    const long = testShare(9, 1, { name: `${"é".repeat(125)}.txt` });
    const name = await receive(folder.path, long, { onExists: "fail", prefix: "received_" });
    expect(name).toBe(`received_${"é".repeat(93)}.txt`);
    expect(await receive(folder.path, long, { onExists: "number", prefix: "received_" })).toBe(
      `received_${"é".repeat(93)} (1).txt`,
    );
  });

  test("F30 many receivers of one share in one folder get a whole file each", async () => {
    using folder = temporaryFolder();
    const share = testShare(10, 7 * D);
    const partials = Array.from({ length: 8 }, () => begin(folder.path, share));
    for (let i = 0; i < share.manifest.records; i++) {
      for (const partial of partials) partial.write(i, share.record(i));
    }
    const paths = await Promise.all(
      partials.map((partial) => partial.finish({ onExists: "number" })),
    );
    expect(new Set(paths).size).toBe(8);
    for (const path of paths) expect(bytesOf(path)).toEqual(share.content);
    expect(list(folder.path).length).toBe(8);
  });
});

describe("going on", () => {
  test("from every record, however often it was given up, with checkpoints or without", async () => {
    using folder = temporaryFolder();
    const share = testShare(11, 6 * D + 3);
    for (let step = 1; step <= share.manifest.records; step++) {
      let partial = begin(folder.path, share);
      while (partial.next < share.manifest.records) {
        writeUntil(partial, share, Math.min(partial.next + step, share.manifest.records));
        if (step % 2 === 0) await Promise.all([partial.checkpoint(), partial.checkpoint()]);
        const { next } = partial;
        await partial.close();
        const found = findPartial({ dir: folder.path, share: share.share });
        expect(found?.next).toBe(next);
        expect(found!.manifest).toEqual(share.manifest);
        expect(found!.receiver).toEqual(share.receiver);
        expect(found!.headBytes).toBe(share.head.length);
        partial = found!;
      }
      const path = await partial.finish({ onExists: "fail" });
      expect(bytesOf(path)).toEqual(share.content);
      rmSync(path);
      expect(list(folder.path)).toEqual([]);
    }
  });

  test("a live one is not taken, also not by its own process", async () => {
    using folder = temporaryFolder();
    const share = testShare(12, 3 * D);
    const partial = begin(folder.path, share);
    writeUntil(partial, share, 2);
    expect(findPartial({ dir: folder.path, share: share.share })).toBeUndefined();
    await partial.close();
    const first = findPartial({ dir: folder.path, share: share.share });
    expect(first?.next).toBe(2);
    expect(findPartial({ dir: folder.path, share: share.share })).toBeUndefined();
    await first!.discard();
    expect(list(folder.path)).toEqual([]);
  });

  test("of several the one with most in it", async () => {
    using folder = temporaryFolder();
    const share = testShare(13, 9 * D);
    const partials = [3, 7, 5].map((end) => {
      const partial = begin(folder.path, share);
      writeUntil(partial, share, end);
      return partial;
    });
    for (const partial of partials) await partial.close();
    const found: (number | undefined)[] = [];
    for (let i = 0; i < 4; i++)
      found.push(findPartial({ dir: folder.path, share: share.share })?.next);
    expect(found).toEqual([7, 5, 3, undefined]);
  });

  test("owners: another start time or a dead process is gone, another machine only when still", async () => {
    using folder = temporaryFolder();
    const share = testShare(14, 5 * D);
    const left = await leave(folder.path, share, 3);
    const parsed = parsePartialName(left.slice(folder.path.length + 1))!;
    expect(parsed.owner).toBeUndefined();
    const me = thisProcess();
    const ended = spawnSync("true");
    const still = (path: string): void => {
      const past = Date.now() / 1000 - 3600;
      utimesSync(join(path, "data"), past, past);
      utimesSync(join(path, "journal"), past, past);
    };
    const cases = [
      { owner: me, next: undefined },
      { owner: { ...me, start: "1" }, next: process.platform === "linux" ? 3 : undefined },
      { owner: { ...me, pid: ended.pid }, next: 3 },
      { owner: { ...me, machine: "00000000" }, next: undefined },
      { owner: { ...me, machine: "00000000" }, next: 3, still: true },
    ];
    let at = left;
    for (const one of cases) {
      const owned = join(folder.path, formatPartialName({ ...parsed, owner: one.owner }));
      renameSync(at, owned);
      if (one.still) still(owned);
      const found = findPartial({ dir: folder.path, share: share.share });
      expect({ owner: one.owner, next: found?.next }).toEqual({ owner: one.owner, next: one.next });
      await found?.close();
      at = join(folder.path, list(folder.path)[0]!);
    }
  });
});

describe("F29 a spoilt partial is never called whole", () => {
  /** The record from which a second receiver starts after `spoil`; it must end with the right bytes. */
  async function after(
    records: number,
    spoil: (path: string) => void,
  ): Promise<number | undefined> {
    using folder = temporaryFolder();
    const share = testShare(15, 8 * D + 9);
    const path = await leave(folder.path, share, records);
    const linked = join(folder.path, "linked");
    spoil(path);
    const found = findPartial({ dir: folder.path, share: share.share });
    const next = found?.next;
    const partial = found ?? begin(folder.path, share);
    writeUntil(partial, share);
    expect(bytesOf(await partial.finish({ onExists: "fail" }))).toEqual(share.content);
    rmSync(linked, { force: true });
    return next;
  }

  const inFile = (path: string, position: number, byte: number): void => {
    const fd = openSync(path, "r+");
    writeSync(fd, new Uint8Array([byte]), 0, 1, position);
    closeSync(fd);
    // As it would be a while later: the clock of a file system ticks in milliseconds.
    const later = Date.now() / 1000 + 5;
    utimesSync(path, later, later);
  };

  test("as it is, it is gone on with", async () => {
    expect(await after(5, () => {})).toBe(5);
  });

  test("the data is shorter, gone, written to, or much longer: all is received again", async () => {
    expect(await after(5, (path) => truncateSync(join(path, "data"), 10))).toBe(0);
    expect(await after(5, (path) => truncateSync(join(path, "data"), 0))).toBe(0);
    expect(await after(5, (path) => inFile(join(path, "data"), 7, 1))).toBe(0);
    expect(
      await after(5, (path) => appendFileSync(join(path, "data"), new Uint8Array(5 * D))),
    ).toBe(0);
    expect(await after(5, (path) => rmSync(join(path, "data")))).toBeUndefined();
  });

  test("longer by less than a record is a write that was cut off: it goes on", async () => {
    expect(
      await after(5, (path) => appendFileSync(join(path, "data"), new Uint8Array(D - 1))),
    ).toBe(5);
  });

  test("the data is a link, a folder, a FIFO or has another name: it is left alone", async () => {
    const replace = (make: (data: string, path: string) => void) => (path: string) => {
      renameSync(join(path, "data"), join(path, "was"));
      make(join(path, "data"), path);
    };
    expect(
      await after(
        5,
        replace((data, path) => symlinkSync(join(path, "was"), data)),
      ),
    ).toBeUndefined();
    expect(
      await after(
        5,
        replace((data) => mkdirSync(data)),
      ),
    ).toBeUndefined();
    expect(
      await after(
        5,
        replace((data) => spawnSync("mkfifo", [data])),
      ),
    ).toBeUndefined();
    expect(
      await after(5, (path) => linkSync(join(path, "data"), join(path, "../linked"))),
    ).toBeUndefined();
  });

  test("every byte of the journal may be wrong, and every length of it", async () => {
    using folder = temporaryFolder();
    const share = testShare(16, 3 * D);
    const left = await leave(folder.path, share, 2);
    const journal = readFileSync(join(left, "journal"));
    using scratch = temporaryFolder();
    const foundIn = async (bytes: Uint8Array): Promise<number | undefined> => {
      const copy = join(scratch.path, left.slice(folder.path.length + 1));
      cpSync(left, copy, { recursive: true, preserveTimestamps: true });
      writeFileSync(join(copy, "journal"), bytes);
      const found = findPartial({ dir: scratch.path, share: share.share });
      const next = found?.next;
      await found?.discard();
      rmSync(copy, { recursive: true, force: true });
      return next;
    };
    expect(await foundIn(journal)).toBe(2);
    for (let i = 0; i < journal.length; i++) {
      const wrong = new Uint8Array(journal);
      wrong[i]! ^= 1 << (i % 8);
      // Of the two cells the older may count, one record earlier: then the data is too long for it
      // or a record that was cut off.
      expect([undefined, 0, 1, 2]).toContain(await foundIn(wrong));
      expect([undefined, 0]).toContain(await foundIn(journal.subarray(0, i)));
    }
  });

  test("a torn cell costs one record, two cost the partial", async () => {
    const tear =
      (...cells: number[]) =>
      (path: string) => {
        for (const cell of cells) inFile(join(path, "journal"), cell + 5, 77);
      };
    // Odd marks go to the second cell. The mark of the fifth record is the sixth.
    expect(await after(5, tear(80))).toBe(5);
    expect(await after(5, tear(16))).toBe(4);
    expect(await after(5, tear(16, 80))).toBeUndefined();
  });

  test("another boot: only what was brought to the disk counts", async () => {
    using folder = temporaryFolder();
    const share = testShare(17, 9 * D);
    const partial = begin(folder.path, share);
    writeUntil(partial, share, 4);
    await partial.checkpoint();
    writeUntil(partial, share, 7);
    await partial.close();
    const journal = join(folder.path, list(folder.path)[0]!, "journal");
    reboot(journal);
    const found = findPartial({ dir: folder.path, share: share.share });
    expect(found?.next).toBe(4);
    writeUntil(found!, share, 6);
    await found!.close();
    const again = findPartial({ dir: folder.path, share: share.share });
    expect(again?.next).toBe(process.platform === "linux" ? 6 : 4);
    writeUntil(again!, share);
    expect(bytesOf(await again!.finish({ onExists: "fail" }))).toEqual(share.content);
  });

  test("another share whose id begins alike, and folders that only look like partials", async () => {
    using folder = temporaryFolder();
    const share = testShare(18, 3 * D);
    const path = await leave(folder.path, share, 2);
    const other = share.share.slice();
    other[15]! ^= 1;
    expect(findPartial({ dir: folder.path, share: other })).toBeUndefined();
    const name = path.slice(folder.path.length + 1);
    const fake = join(folder.path, name.replace(/[0-9a-f]{8}\.partial$/, "00000000.partial"));
    symlinkSync(path, fake);
    const file = join(folder.path, name.replace(/[0-9a-f]{8}\.partial$/, "11111111.partial"));
    writeFileSync(file, "x");
    const found = findPartial({ dir: folder.path, share: share.share });
    expect(found?.next).toBe(2);
    expect(lstatSync(fake).isSymbolicLink()).toBe(true);
    expect(readFileSync(file, "utf8")).toBe("x");
    await found!.close();
  });

  test.skipIf(process.geteuid?.() !== 0)(
    "a partial of another user is not believed (needs root)",
    async () => {
      using folder = temporaryFolder();
      const share = testShare(19, 3 * D);
      const path = await leave(folder.path, share, 2);
      spawnSync("chown", ["-R", "65534", path]);
      expect(findPartial({ dir: folder.path, share: share.share })).toBeUndefined();
      spawnSync("chown", ["-R", "0", path]);
      expect(findPartial({ dir: folder.path, share: share.share })?.next).toBe(2);
    },
  );
});

describe("the destination", () => {
  test("must be a folder that can be written to", () => {
    using folder = temporaryFolder();
    const { manifest, head, receiver } = testShare(20, 1);
    const file = join(folder.path, "file");
    writeFileSync(file, "x");
    for (const dir of [file, join(folder.path, "missing"), "", "a\0b", "/proc"]) {
      expect([dir, faultOf(() => openPartial({ dir, manifest, head, receiver }))]).toEqual([
        dir,
        "bad-destination",
      ]);
    }
  });

  test.skipIf(process.platform !== "linux")(
    "F15 F16 stays the folder that was opened when its path becomes a link elsewhere (Linux)",
    async () => {
      using folder = temporaryFolder();
      const share = testShare(21, 3 * D);
      const [out, moved, evil] = ["out", "moved", "evil"].map((name) => join(folder.path, name));
      mkdirSync(out!);
      mkdirSync(evil!);
      const partial = begin(out!, share);
      renameSync(out!, moved!);
      symlinkSync(evil!, out!);
      writeUntil(partial, share);
      await partial.finish({ onExists: "fail" });
      expect(list(evil!)).toEqual([]);
      expect(bytesOf(join(moved!, "report.pdf"))).toEqual(share.content);
    },
  );

  test("F25 nothing is taken for what is only claimed", async () => {
    using folder = temporaryFolder();
    const share = testShare(22, 50 * D);
    const partial = begin(folder.path, share);
    writeUntil(partial, share, 3);
    const { size } = statSync(join(partial.path, "data"));
    expect(size).toBeLessThanOrEqual(3 * D);
    await partial.discard();
  });
});
