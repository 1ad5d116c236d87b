import { describe, expect, test } from "bun:test";
import {
  copyFileSync,
  linkSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
  type PathLike,
} from "node:fs";
import { basename, join } from "node:path";
import { Folder } from "../../../cli/system/folder.ts";
import { HeldFolder } from "../../../cli/system/held-folder.ts";
import { findPartial, openPartial } from "../../../cli/receive/find-partial.ts";
import { Journal, type Intent } from "../../../cli/receive/journal.ts";
import { finalName, place, type Move } from "../../../cli/receive/place.ts";
import { parseSafeName } from "../../../protocol/content/names.ts";
import {
  bytesOf,
  faultOf,
  laterFaultOf,
  list,
  temporaryFolder,
  testShare,
  testTree,
} from "../../support/disk.ts";

/** As FAT answers. */
function noLinks(from: PathLike, to: PathLike): void {
  throw Object.assign(new Error(`no links: ${String(from)} ${String(to)}`), { code: "EPERM" });
}

describe("on file systems without hard links", () => {
  async function receive(
    dir: string,
    onExists: Move["onExists"],
    link: typeof linkSync,
  ): Promise<Intent[]> {
    const data = join(dir, "data");
    const folder = new Folder(dir);
    const destinies: Intent[] = [];
    try {
      await place({
        folder,
        data: { folder, name: "data" },
        entry: 0,
        staged: statSync(data, { bigint: true }),
        name: parseSafeName("a.txt"),
        onExists,
        intend: (intent) => destinies.push(intent),
        link,
      });
    } finally {
      folder.close();
    }
    return destinies;
  }

  test("an empty file keeps the name, and nothing else is replaced", async () => {
    using folder = temporaryFolder();
    const at = (name: string): string => join(folder.path, name);
    writeFileSync(at("a.txt"), "mine");
    writeFileSync(at("data"), "new");
    const { ino } = statSync(at("data"), { bigint: true });
    const destinies = await receive(folder.path, "number", noLinks);
    expect(destinies).toEqual([
      { entry: 0, name: "a (1).txt", ino },
      { entry: 0, name: "a (1).txt", ino, placeholder: expect.any(BigInt) as bigint },
    ]);
    expect(list(folder.path)).toEqual(["a (1).txt", "a.txt"]);
    expect(readFileSync(at("a.txt"), "utf8")).toBe("mine");
    expect(readFileSync(at("a (1).txt"), "utf8")).toBe("new");
  });

  test("a name that is taken between the look and the step is not replaced", async () => {
    using folder = temporaryFolder();
    const at = (name: string): string => join(folder.path, name);
    writeFileSync(at("data"), "new");
    const taken = new Set(["a.txt", "a (1).txt"]);
    const quick = (from: PathLike, to: PathLike): void => {
      const name = basename(String(to));
      if (taken.has(name)) writeFileSync(at(name), "mine");
      if (name === "a.txt") noLinks(from, to); // taken before the empty file
      linkSync(from, to);
    };
    await receive(folder.path, "number", quick);
    expect(list(folder.path)).toEqual(["a (1).txt", "a (2).txt", "a.txt", "data"]);
    expect(readFileSync(at("a.txt"), "utf8")).toBe("mine");
    expect(readFileSync(at("a (1).txt"), "utf8")).toBe("mine");
    expect(readFileSync(at("a (2).txt"), "utf8")).toBe("new");
  });

  test("data that has gone leaves no empty file behind", async () => {
    using folder = temporaryFolder();
    writeFileSync(join(folder.path, "data"), "new");
    const vanish = (from: PathLike, to: PathLike): void => {
      rmSync(join(folder.path, "data"));
      noLinks(from, to);
    };
    expect(await laterFaultOf(receive(folder.path, "number", vanish))).toContain("ENOENT");
    expect(list(folder.path)).toEqual([]);
  });
});

describe.each([
  { what: "a file", share: testShare(1, 300, { name: "a.txt" }), data: "data" },
  {
    what: "one of several",
    share: testTree(1, [
      { path: "a.txt", size: 300 },
      { path: "b.txt", size: 5 },
    ]),
    data: "data/a.txt",
  },
])("where a receiver was killed while it placed $what", ({ share, data }) => {
  const { manifest, head, receiver, record } = share;

  /** @param begin makes what has the name by then. @returns what was noted about it */
  async function finishAfter(
    dir: string,
    begin: (data: string, target: string) => Partial<Intent>,
  ): Promise<void> {
    const partial = openPartial({ dir, manifest, head, receiver });
    while (partial.next < manifest.records) partial.write(partial.next, record(partial.next));
    await partial.checkpoint();
    const left = (await partial.close())!;
    const { ino } = statSync(join(left, data), { bigint: true });
    using held = HeldFolder.hold(left);
    const journal = Journal.open(held, manifest.share)!;
    const { records: written } = manifest;
    journal.mark({ written, synced: written, whole: true });
    const noted = begin(join(left, data), join(dir, "a.txt"));
    journal.intend({ entry: 0, name: "a.txt", ino, ...noted });
    journal.close();
    await findPartial({ dir, share: manifest.share })!.finish({ onExists: "number" });
    expect(bytesOf(join(dir, "a.txt")).length).toBe(300);
    expect(list(dir).filter((name) => name !== "b.txt")).toEqual(["a.txt"]);
  }

  test("the empty file that kept its name is replaced", async () => {
    using folder = temporaryFolder();
    await finishAfter(folder.path, (_data, target) => {
      writeFileSync(target, "");
      return { placeholder: statSync(target, { bigint: true }).ino };
    });
  });

  test("its copy under that name is not made again", async () => {
    using folder = temporaryFolder();
    await finishAfter(folder.path, (from, target) => {
      copyFileSync(from, target);
      return { ino: statSync(target, { bigint: true }).ino };
    });
  });
});

describe("names", () => {
  test("F10 a prefix never makes a name longer than names may be, nor unsafe", () => {
    const name = (text: string, prefix?: string): string => finalName(parseSafeName(text), prefix);
    expect(name("a.txt")).toBe("a.txt");
    expect(name("a.txt", "received_")).toBe("received_a.txt");
    expect(name("x".repeat(200), "p_")).toBe(`p_${"x".repeat(198)}`);
    expect(name(`${"x".repeat(196)}.txt`, "p_")).toBe(`p_${"x".repeat(194)}.txt`);
    expect(name(`${"😀".repeat(49)}.txt`, "p_")).toBe(`p_${"😀".repeat(48)}.txt`);
    expect(name(`${"x".repeat(197)}. x`, "p")).toBe(`p${"x".repeat(197)}`.slice(0, 197) + ". x");
    expect(faultOf(() => name("a", "../"))).toBe("unsafe-name");
  });
});
