import { describe, expect, test } from "bun:test";
import { linkSync, readFileSync, rmSync, statSync, writeFileSync, type PathLike } from "node:fs";
import { join } from "node:path";
import { Folder } from "../../../cli/system/folder.ts";
import type { Intent } from "../../../cli/receive/journal.ts";
import { finalName, place, type Move } from "../../../cli/receive/place.ts";
import { parseSafeName } from "../../../protocol/content/names.ts";
import { faultOf, laterFaultOf, list, temporaryFolder } from "../../support/disk.ts";

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
      const name = String(to).slice(String(to).lastIndexOf("/") + 1);
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
    expect(faultOf(() => name("a", "a:"))).toBe("unsafe-name");
  });
});
