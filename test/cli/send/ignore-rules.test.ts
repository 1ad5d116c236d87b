/** The files that a sender leaves out of folders. Git is the reference for its own rules. */
import { describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import * as fc from "fast-check";
import { listPaths } from "../../../cli/send/file-list.ts";
import { IGNORE_FILE_BYTES, IGNORE_TESTS, type LeaveOut } from "../../../cli/send/ignore-rules.ts";
import { temporaryFolder } from "../../support/disk.ts";
import { faultOfAsync } from "../../support/faults.ts";

function plant(folder: string, tree: Readonly<Record<string, string>>): void {
  for (const [path, content] of Object.entries(tree)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), content);
  }
}

/** Files that are sent of a folder, below it. */
async function sent(folder: string, options: LeaveOut): Promise<string[]> {
  const { files } = await listPaths(
    { paths: [folder], name: "top", ...options },
    new AbortController().signal,
  );
  const paths = files.filter(({ type }) => type === "file").map(({ path }) => path.slice(4));
  return paths.toSorted();
}

function git(folder: string, ...words: string[]): string {
  const env = { ...process.env, GIT_CONFIG_GLOBAL: "/dev/null", GIT_CONFIG_NOSYSTEM: "1" };
  const { stdout, stderr, status } = spawnSync("git", words, { cwd: folder, env });
  if (status !== 0) throw new Error(`${words.join(" ")}: ${stderr.toString()}`);
  return stdout.toString();
}

/** The files that git sees in a folder of a repository with an empty index. */
function seenByGit(folder: string): string[] {
  const out = git(folder, "ls-files", "--others", "--exclude-standard", "-z");
  return out
    .split("\0")
    .filter((path) => path !== "")
    .toSorted();
}

describe("--exclude", () => {
  const tree = {
    "a.log": "",
    "keep.txt": "",
    "build/x": "",
    "src/build/y": "",
    "src/a.log": "",
    "src/deep/b.tmp": "",
    "A.LOG": "",
  };

  test.each([
    [["*.log"], ["A.LOG", "build/x", "keep.txt", "src/build/y", "src/deep/b.tmp"]],
    [["/build"], ["A.LOG", "a.log", "keep.txt", "src/a.log", "src/build/y", "src/deep/b.tmp"]],
    [["build"], ["A.LOG", "a.log", "keep.txt", "src/a.log", "src/deep/b.tmp"]],
    [
      ["build/", "*.tmp", "*.log", "!src/*.log"],
      ["A.LOG", "keep.txt", "src/a.log"],
    ],
    [
      ["src/**/b.*", "[!k]*.log"],
      ["A.LOG", "build/x", "keep.txt", "src/build/y"],
    ],
    [["*"], []],
  ])("%j", async (exclude, left) => {
    using folder = temporaryFolder();
    plant(folder.path, tree);
    expect(await sent(folder.path, { exclude })).toEqual(left);
  });

  test("a path that is named itself is sent all the same", async () => {
    using folder = temporaryFolder();
    plant(folder.path, { "a.log": "" });
    const paths = [join(folder.path, "a.log")];
    const { files } = await listPaths({ paths, exclude: ["*.log"] }, new AbortController().signal);
    expect(files.map(({ path }): string => path)).toEqual(["a.log"]);
  });

  test("goes on being right behind many paths", async () => {
    using folder = temporaryFolder();
    const names = Array.from({ length: IGNORE_TESTS + 100 }, (_, i) => `${i}`);
    for (const name of names) writeFileSync(join(folder.path, name), "");
    const left = await sent(folder.path, { exclude: ["*7"] });
    expect(left).toEqual(names.filter((name) => !name.endsWith("7")).toSorted());
  });
});

describe("--gitignore", () => {
  test("leaves out what git leaves out, in a repository and below its top", async () => {
    using folder = temporaryFolder();
    plant(folder.path, {
      ".gitignore":
        "*.log\n/build\nnode_modules/\n!important.log\n# a comment\n\\#odd\ntrailing  \n",
      ".git/info/exclude": "secret*\n",
      "a.log": "",
      "important.log": "",
      "build/x": "",
      "src/build/x": "",
      "src/.gitignore": "*.gen\n!a.log\n/only-here\r\n",
      "src/a.log": "",
      "src/b.log": "",
      "src/x.gen": "",
      "src/only-here": "",
      "src/deep/only-here": "",
      "src/node_modules/m/index.js": "",
      "src/[odd] name/.gitignore": "x*\n!/x1\n",
      "src/[odd] name/x1": "",
      "src/[odd] name/x2": "",
      "src/o/x2": "",
      "#odd": "",
      trailing: "",
      "secret.txt": "",
    });
    rmSync(join(folder.path, ".git"), { recursive: true });
    git(folder.path, "init", "-q");
    writeFileSync(join(folder.path, ".git/info/exclude"), "secret*\n");
    for (const below of ["", "src", "src/[odd] name", "src/deep"]) {
      const path = join(folder.path, below);
      expect(await sent(path, { gitignore: true })).toEqual(seenByGit(path));
    }
    expect(await sent(folder.path, { gitignore: true })).toContain("important.log");
  });

  test("of a folder that is left out itself sends it all: its person named it", async () => {
    using folder = temporaryFolder();
    plant(folder.path, { ".gitignore": "build\n*.o\n", "build/a": "", "build/b.o": "" });
    git(folder.path, "init", "-q");
    expect(await sent(join(folder.path, "build"), { gitignore: true })).toEqual(["a", "b.o"]);
  });

  test("works without a repository, and never sends .git", async () => {
    using folder = temporaryFolder();
    plant(folder.path, { ".gitignore": "*.o\n", a: "", "b.o": "", "c/.git": "", "c/d": "" });
    expect(await sent(folder.path, { gitignore: true })).toEqual([".gitignore", "a", "c/d"]);
  });

  test("a .gitignore that is a link is none, and one that is too long is refused", async () => {
    using folder = temporaryFolder();
    plant(folder.path, { rules: "*\n", a: "" });
    symlinkSync("rules", join(folder.path, ".gitignore"));
    expect(await sent(folder.path, { gitignore: true })).toEqual(["a", "rules"]);
    rmSync(join(folder.path, ".gitignore"));
    writeFileSync(join(folder.path, ".gitignore"), "#".repeat(IGNORE_FILE_BYTES + 1));
    await faultOfAsync(() => sent(folder.path, { gitignore: true }), "unreadable-file");
  });

  test("any rules leave out what git leaves out", async () => {
    using folder = temporaryFolder();
    const names = ["a", "b", "ab", "a.b", "b.a"];
    const folders = ["", "a/", "b/", "a/b/", "b/a/", "ab/a.b/"];
    plant(
      folder.path,
      Object.fromEntries(folders.flatMap((at) => names.map((name) => [`${at}${name}/f`, ""]))),
    );
    for (const at of folders)
      for (const name of names) writeFileSync(join(folder.path, `${at}${name}.f`), "");
    git(folder.path, "init", "-q");
    const piece = fc.constantFrom("a", "b", "*", "?", "[ab]", "[!a]", "a.b", "*.f", "f", "**");
    const pattern = fc
      .tuple(
        fc.constantFrom("", "!"),
        fc.constantFrom("", "/"),
        fc.array(piece, { minLength: 1, maxLength: 3 }),
        fc.constantFrom("", "/"),
      )
      .map(([not, first, pieces, last]) => `${not}${first}${pieces.join("/")}${last}`);
    const file = fc.array(pattern, { maxLength: 4 }).map((lines) => `${lines.join("\n")}\n`);
    const rules = fc.tuple(file, file, file);
    const places = ["", "a/", "a/b/"].map((at) => join(folder.path, `${at}.gitignore`));
    await fc.assert(
      fc.asyncProperty(rules, async (contents) => {
        for (const [i, place] of places.entries()) writeFileSync(place, contents[i] ?? "");
        expect(await sent(folder.path, { gitignore: true })).toEqual(seenByGit(folder.path));
      }),
      { numRuns: 60 },
    );
  });
});
