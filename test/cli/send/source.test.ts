import { describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import {
  appendFileSync,
  chmodSync,
  renameSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { listPaths } from "../../../cli/send/file-list.ts";
import { FilesContent } from "../../../cli/send/files-content.ts";
import { KnownSource } from "../../../cli/send/known-source.ts";
import { concat } from "../../../protocol/wire/bytes.ts";
import { FaultError } from "../../../protocol/wire/faults.ts";
import { DATA_BYTES, RECORD_SIZE, seededBytes, temporaryFolder } from "../../support/disk.ts";

const SHARE = seededBytes(7, 16);

const RUNNING = new AbortController().signal;

/** As a sender opens it, with small records. */
async function open(path: string): Promise<KnownSource> {
  const list = await listPaths({ paths: [path] }, RUNNING);
  return new KnownSource(new FilesContent(list, { strict: true }), list.skipped, RECORD_SIZE);
}

async function faultOf(call: () => unknown): Promise<string> {
  try {
    await call();
  } catch (error) {
    return error instanceof FaultError ? error.code : String(error);
  }
  return "no fault";
}

function readAll(source: KnownSource, records: number): Uint8Array {
  return concat(...Array.from({ length: records }, (_, i) => concat(...source.read(i)!.parts)));
}

describe("a source that can be opened", () => {
  test("a regular file, also through a link, with its name, size, time and mode", async () => {
    using folder = temporaryFolder();
    const path = join(folder.path, "a.bin");
    writeFileSync(path, seededBytes(1, 10), { mode: 0o754 });
    utimesSync(path, 1_600_000_000, 1_600_000_000);
    symlinkSync(path, join(folder.path, "link.bin"));
    for (const [given, name] of [
      ["a.bin", "a.bin"],
      ["link.bin", "link.bin"],
    ] as const) {
      const source = await open(join(folder.path, given));
      const [file] = source.describe(SHARE).manifest.files;
      const [mtime, mode] = [1_600_000_000_000, 0o754];
      expect({ ...file, path: `${file?.path}` }).toEqual({
        path: name,
        type: "file",
        size: 10,
        mtime,
        mode,
      });
      source.close();
    }
  });

  test("F33 nothing else: missing, devices, names that receivers refuse", async () => {
    using folder = temporaryFolder();
    const at = (name: string): string => join(folder.path, name);
    writeFileSync(at("file"), "x");
    writeFileSync(at("a:b"), "x");
    writeFileSync(at("line\nbreak"), "x");
    symlinkSync(at("nowhere"), at("dangling"));
    symlinkSync(at("loop"), at("loop"));
    const faults = {
      missing: await faultOf(() => open(at("missing"))),
      empty: await faultOf(() => open("")),
      nul: await faultOf(() => open("a\0b")),
      tooLong: await faultOf(() => open(at("x".repeat(300)))),
      belowFile: await faultOf(() => open(at("file/x"))),
      dangling: await faultOf(() => open(at("dangling"))),
      loop: await faultOf(() => open(at("loop"))),
      device: await faultOf(() => open("/dev/zero")),
      colon: await faultOf(() => open(at("a:b"))),
      newline: await faultOf(() => open(at("line\nbreak"))),
    };
    expect(faults).toEqual({
      missing: "no-such-file",
      empty: "no-such-file",
      nul: "no-such-file",
      tooLong: "no-such-file",
      belowFile: "no-such-file",
      dangling: "no-such-file",
      loop: "no-such-file",
      device: "not-a-file",
      colon: "no fault",
      newline: "unsendable-name",
    });
  });

  test("F33 a FIFO is refused and not waited for", async () => {
    using folder = temporaryFolder();
    const fifo = join(folder.path, "pipe");
    expect(spawnSync("mkfifo", [fifo]).status).toBe(0);
    expect(await faultOf(() => open(fifo))).toBe("not-a-file");
  });

  test("F33 an unreadable file", async () => {
    using folder = temporaryFolder();
    const path = join(folder.path, "secret");
    writeFileSync(path, "x", { mode: 0o000 });
    if (process.geteuid?.() !== 0) {
      expect(await faultOf(() => open(path))).toBe("unreadable-file");
      return;
    }
    // Root reads everything, so it is someone else who tries; Bun itself may be where only root reads.
    const module = join(import.meta.dir, "../../../cli/send/file-list.ts");
    const code = `import { listPaths } from ${JSON.stringify(module)};
      process.setgid(65534);
      process.setuid(65534);
      const { signal } = new AbortController();
      await listPaths({ paths: [${JSON.stringify(path)}] }, signal).catch(({ code }) => console.log(code));`;
    chmodSync(folder.path, 0o755);
    const child = spawnSync(process.execPath, ["-e", code], { cwd: "/" });
    expect(child.stdout.toString().trim()).toBe("unreadable-file");
  });
});

describe("reading", () => {
  const D = DATA_BYTES;
  // The head's length depends on the name's, so that every border falls everywhere in a record.
  for (const size of [0, 1, D - 1, D, D + 1, 2 * D - 1, 2 * D, 2 * D + 1, 10 * D]) {
    test(`records of ${size} bytes hold the head and the file, byte by byte`, async () => {
      using folder = temporaryFolder();
      for (const nameLength of [1, 30, 100, 160]) {
        const path = join(folder.path, "n".repeat(nameLength));
        const content = seededBytes(size, size);
        writeFileSync(path, content);
        const source = await open(path);
        const { head, manifest, plainBytes } = source.describe(SHARE);
        for (let pad = 0; pad < 2; pad++) {
          const all = readAll(source, manifest.records);
          expect(all.length).toBe(plainBytes);
          expect(all).toEqual(concat(head, content));
        }
        const last = manifest.records - 1;
        expect(concat(...source.read(last)!.parts)).toEqual(
          concat(head, content).subarray(last * D),
        );
        source.close();
      }
    });
  }

  test("the file may end exactly where a record ends, and one byte before and behind", async () => {
    using folder = temporaryFolder();
    const path = join(folder.path, "x");
    writeFileSync(path, "");
    const probe = await open(path);
    const headBytes = probe.describe(SHARE).head.length;
    probe.close();
    for (let size = 0; size <= 3 * D; size++) {
      if (Math.abs(((headBytes + size + 2) % D) - 2) > 2) continue;
      const content = seededBytes(size, size);
      writeFileSync(path, content);
      const source = await open(path);
      const { head, manifest } = source.describe(SHARE);
      expect(readAll(source, manifest.records)).toEqual(concat(head, content));
      source.close();
    }
  });

  test("an index that the share does not have is our own mistake", async () => {
    using folder = temporaryFolder();
    const path = join(folder.path, "x");
    writeFileSync(path, "x");
    const source = await open(path);
    expect(await faultOf(() => source.read(0))).toBe("internal");
    const { manifest } = source.describe(SHARE);
    for (const index of [-1, 0.5, Number.NaN, manifest.records]) {
      expect(await faultOf(() => source.read(index))).toBe("internal");
    }
    source.close();
  });
});

describe("F33 a file that changes is not sent on", () => {
  const size = 10 * DATA_BYTES;

  async function changed(change: (path: string) => void): Promise<string> {
    using folder = temporaryFolder();
    const path = join(folder.path, "x");
    writeFileSync(path, seededBytes(3, size));
    utimesSync(path, 1_600_000_000, 1_600_000_000);
    const source = await open(path);
    source.describe(SHARE);
    source.read(0);
    source.read(5);
    change(path);
    try {
      return await faultOf(() => source.read(5));
    } finally {
      source.close();
    }
  }

  test("cut, grown, touched, emptied, written in place", async () => {
    expect(await changed((path) => truncateSync(path, size - 1))).toBe("source-changed");
    expect(await changed((path) => truncateSync(path, 1))).toBe("source-changed");
    expect(await changed((path) => truncateSync(path, 0))).toBe("source-changed");
    expect(await changed((path) => appendFileSync(path, "x"))).toBe("source-changed");
    expect(await changed((path) => utimesSync(path, 1, 1))).toBe("source-changed");
    expect(await changed((path) => writeFileSync(path, seededBytes(4, size)))).toBe(
      "source-changed",
    );
  });

  test("a file put in its place is not read: the one that was opened goes on", async () => {
    const fault = await changed((path) => {
      writeFileSync(`${path}.new`, seededBytes(4, size));
      renameSync(`${path}.new`, path);
    });
    expect(fault).toBe("no fault");
  });
});
