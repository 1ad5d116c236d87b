import { describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  renameSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { openSource, type Source } from "../../cli/source.ts";
import { concat } from "../../protocol/bytes.ts";
import { DATA_BYTES, faultOf, RECORD_SIZE, seededBytes, temporaryFolder } from "./disk.ts";

const SHARE = seededBytes(7, 16);

function readAll(source: Source, records: number): Uint8Array {
  const all: Uint8Array[] = [];
  for (let i = 0; i < records; i++) all.push(concat(...source.read(i)));
  return concat(...all);
}

describe("what can be opened", () => {
  test("a regular file, also through a link, with its name, size, time and mode", () => {
    using folder = temporaryFolder();
    const path = join(folder.path, "a.bin");
    writeFileSync(path, seededBytes(1, 10), { mode: 0o754 });
    utimesSync(path, 1_600_000_000, 1_600_000_000);
    symlinkSync(path, join(folder.path, "link.bin"));
    for (const [given, name] of [
      ["a.bin", "a.bin"],
      ["link.bin", "link.bin"],
    ] as const) {
      const source = openSource(join(folder.path, given));
      const { size, mtimeMs, mode } = source;
      expect({ name: String(source.name), size, mtimeMs, mode }).toEqual({
        name,
        size: 10,
        mtimeMs: 1_600_000_000_000,
        mode: 0o100,
      });
      source.close();
    }
  });

  test("F33 nothing else: missing, folders, devices, names that receivers refuse", () => {
    using folder = temporaryFolder();
    const at = (name: string): string => join(folder.path, name);
    mkdirSync(at("folder"));
    writeFileSync(at("file"), "x");
    writeFileSync(at("a:b"), "x");
    writeFileSync(at("line\nbreak"), "x");
    symlinkSync(at("nowhere"), at("dangling"));
    symlinkSync(at("loop"), at("loop"));
    const faults = {
      missing: faultOf(() => openSource(at("missing"))),
      empty: faultOf(() => openSource("")),
      nul: faultOf(() => openSource("a\0b")),
      tooLong: faultOf(() => openSource(at("x".repeat(300)))),
      belowFile: faultOf(() => openSource(at("file/x"))),
      dangling: faultOf(() => openSource(at("dangling"))),
      loop: faultOf(() => openSource(at("loop"))),
      folder: faultOf(() => openSource(at("folder"))),
      here: faultOf(() => openSource(".")),
      device: faultOf(() => openSource("/dev/zero")),
      colon: faultOf(() => openSource(at("a:b"))),
      newline: faultOf(() => openSource(at("line\nbreak"))),
    };
    expect(faults).toEqual({
      missing: "no-such-file",
      empty: "no-such-file",
      nul: "no-such-file",
      tooLong: "no-such-file",
      belowFile: "no-such-file",
      dangling: "no-such-file",
      loop: "no-such-file",
      folder: "is-folder",
      here: "is-folder",
      device: "not-a-file",
      colon: "unsafe-name",
      newline: "unsafe-name",
    });
  });

  test("F33 a FIFO is refused and not waited for", () => {
    using folder = temporaryFolder();
    const fifo = join(folder.path, "pipe");
    expect(spawnSync("mkfifo", [fifo]).status).toBe(0);
    expect(faultOf(() => openSource(fifo))).toBe("not-a-file");
  });

  test("F33 an unreadable file", () => {
    using folder = temporaryFolder();
    const path = join(folder.path, "secret");
    writeFileSync(path, "x", { mode: 0o000 });
    if (process.geteuid?.() !== 0) {
      expect(faultOf(() => openSource(path))).toBe("unreadable-file");
      return;
    }
    // Root reads everything, so it is someone else who tries; Bun itself may be where only root reads.
    const module = join(import.meta.dir, "../../cli/source.ts");
    const code = `import { openSource } from ${JSON.stringify(module)};
      process.setegid(65534);
      process.seteuid(65534);
      try { openSource(${JSON.stringify(path)}) } catch (error) { console.log(error.code) }`;
    chmodSync(folder.path, 0o755);
    const child = spawnSync(process.execPath, ["-e", code], { cwd: "/" });
    expect(child.stdout.toString().trim()).toBe("unreadable-file");
  });
});

describe("reading", () => {
  const D = DATA_BYTES;
  // The head's length depends on the name's, so that every border falls everywhere in a record.
  for (const size of [0, 1, D - 1, D, D + 1, 2 * D - 1, 2 * D, 2 * D + 1, 10 * D]) {
    test(`records of ${size} bytes hold the head and the file, byte by byte`, () => {
      using folder = temporaryFolder();
      for (const nameLength of [1, 30, 100, 160]) {
        const path = join(folder.path, "n".repeat(nameLength));
        const content = seededBytes(size, size);
        writeFileSync(path, content);
        const source = openSource(path);
        const { head, manifest, plainBytes } = source.describe(SHARE, RECORD_SIZE);
        for (let pad = 0; pad < 2; pad++) {
          const all = readAll(source, manifest.records);
          expect(all.length).toBe(plainBytes);
          expect(all).toEqual(concat(head, content));
        }
        const last = manifest.records - 1;
        expect(concat(...source.read(last))).toEqual(concat(head, content).subarray(last * D));
        source.close();
      }
    });
  }

  test("the file may end exactly where a record ends, and one byte before and behind", () => {
    using folder = temporaryFolder();
    const path = join(folder.path, "x");
    writeFileSync(path, "");
    const probe = openSource(path);
    const headBytes = probe.describe(SHARE, RECORD_SIZE).head.length;
    probe.close();
    for (let size = 0; size <= 3 * D; size++) {
      if (Math.abs(((headBytes + size + 2) % D) - 2) > 2) continue;
      const content = seededBytes(size, size);
      writeFileSync(path, content);
      const source = openSource(path);
      const { head, manifest } = source.describe(SHARE, RECORD_SIZE);
      expect(readAll(source, manifest.records)).toEqual(concat(head, content));
      source.close();
    }
  });

  test("an index that the share does not have is our own mistake", () => {
    using folder = temporaryFolder();
    const path = join(folder.path, "x");
    writeFileSync(path, "x");
    const source = openSource(path);
    expect(faultOf(() => source.read(0))).toBe("internal");
    const { manifest } = source.describe(SHARE, RECORD_SIZE);
    for (const index of [-1, 0.5, Number.NaN, manifest.records]) {
      expect(faultOf(() => source.read(index))).toBe("internal");
    }
    source.close();
  });
});

describe("F33 a file that changes is not sent on", () => {
  const size = 10 * DATA_BYTES;

  function changed(change: (path: string) => void): string {
    using folder = temporaryFolder();
    const path = join(folder.path, "x");
    writeFileSync(path, seededBytes(3, size));
    utimesSync(path, 1_600_000_000, 1_600_000_000);
    const source = openSource(path);
    source.describe(SHARE, RECORD_SIZE);
    source.read(0);
    source.read(5);
    change(path);
    try {
      return faultOf(() => source.read(5));
    } finally {
      source.close();
    }
  }

  test("cut, grown, touched, emptied, written in place", () => {
    expect(changed((path) => truncateSync(path, size - 1))).toBe("source-changed");
    expect(changed((path) => truncateSync(path, 1))).toBe("source-changed");
    expect(changed((path) => truncateSync(path, 0))).toBe("source-changed");
    expect(changed((path) => appendFileSync(path, "x"))).toBe("source-changed");
    expect(changed((path) => utimesSync(path, 1, 1))).toBe("source-changed");
    expect(changed((path) => writeFileSync(path, seededBytes(4, size)))).toBe("source-changed");
  });

  test("a file put in its place is not read: the one that was opened goes on", () => {
    const fault = changed((path) => {
      writeFileSync(`${path}.new`, seededBytes(4, size));
      renameSync(`${path}.new`, path);
    });
    expect(fault).toBe("no fault");
  });

  test("E8 other bytes for a record that was read before, with the time set back", () => {
    const fault = changed((path) => {
      writeFileSync(path, seededBytes(4, size));
      utimesSync(path, 1_600_000_000, 1_600_000_000);
    });
    expect(fault).toBe("source-changed");
  });
});
