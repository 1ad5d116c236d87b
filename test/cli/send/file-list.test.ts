/** For a record that did not leave before. */
const NEW = { record: 0, lostThen: undefined, told: false } as const;
const STRICT = { strict: true } as const;
/** The files that a sender finds below the paths that a person named. */
import { describe, expect, spyOn, test } from "bun:test";
import { spawn, spawnSync } from "node:child_process";
import {
  chmodSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { listPaths, type FileList, type ListOptions } from "../../../cli/send/file-list.ts";
import { HeldFolder } from "../../../cli/system/held-folder.ts";
import { FilesContent, SOURCE_FILES_OPEN } from "../../../cli/send/files-content.ts";
import { UNSENDABLE_TOLD } from "../../../cli/send/unsendable.ts";
import { SKIPPED_TOLD } from "../../../cli/send/skipped.ts";
import { FaultError } from "../../../protocol/wire/faults.ts";
import { temporaryFolder } from "../../support/disk.ts";
import { boundByModes } from "../../needs.ts";
import { faultOfAsync } from "../../support/faults.ts";

/** Makes files with a content; paths that end with "/" are folders. */
function plant(folder: string, tree: Readonly<Record<string, string>>): void {
  for (const [path, content] of Object.entries(tree)) {
    const at = join(folder, path);
    mkdirSync(path.endsWith("/") ? at : dirname(at), { recursive: true });
    if (!path.endsWith("/")) writeFileSync(at, content);
  }
}

function list(
  paths: string | readonly string[],
  options: Partial<ListOptions> = {},
): Promise<FileList> {
  const all = typeof paths === "string" ? [paths] : paths;
  return listPaths({ paths: all, ...options }, new AbortController().signal);
}

function pathsOf({ files }: Pick<FileList, "files">): string[] {
  return files.map(({ path }) => path);
}

/** Paths of the entries; those of folders end with "/". */
async function found(...given: Parameters<typeof list>): Promise<string[]> {
  const { files } = await list(...given);
  return files.map(({ path, type }) => (type === "folder" ? `${path}/` : path));
}

describe("a folder", () => {
  test("is sent with all that is in it, folders that hold nothing by themselves", async () => {
    using folder = temporaryFolder();
    plant(folder.path, {
      "top/b.txt": "b",
      "top/a/deep/er/x": "",
      "top/a/y": "yy",
      "top/empty/": "",
      "top/.hidden/z": "z",
      "top/ünï/日本 語.txt": "1",
    });
    const top = join(folder.path, "top");
    const expected = [
      "top/.hidden/z",
      "top/a/deep/er/x",
      "top/a/y",
      "top/b.txt",
      "top/empty/",
      "top/ünï/日本 語.txt",
    ];
    expect(await found(top)).toEqual(expected);
    expect(await found(`${top}/`)).toEqual(expected);
    expect(await found(top, { name: "other" })).toEqual(
      expected.map((path) => path.replace("top", "other")),
    );
  });

  test("that is empty is sent too", async () => {
    using folder = temporaryFolder();
    plant(folder.path, { "empty/": "" });
    expect(await found(join(folder.path, "empty"))).toEqual(["empty/"]);
  });

  test("keeps permissions, sizes and times", async () => {
    using folder = temporaryFolder();
    plant(folder.path, { "top/run": "#!", "top/plain": "123", "top/nothing/": "" });
    const at = (name: string): string => join(folder.path, "top", name);
    chmodSync(at("run"), 0o4751);
    chmodSync(at("plain"), 0o640);
    for (const name of ["run", "plain", "nothing"]) utimesSync(at(name), 1_600_000_000.25, 1e9);
    const { files } = await list(join(folder.path, "top"));
    expect<object[]>(files).toEqual([
      { path: "top/nothing", type: "folder", size: 0, mode: 0, mtime: 1e12 },
      { path: "top/plain", type: "file", size: 3, mode: 0o640, mtime: 1e12 },
      { path: "top/run", type: "file", size: 2, mode: 0o751, mtime: 1e12 },
    ]);
  });

  test("goes with others, each by its own name", async () => {
    using folder = temporaryFolder();
    plant(folder.path, { "a/x": "x", "b/c/y": "y", z: "z" });
    const paths = ["a", "b/c", "z"].map((path) => join(folder.path, path));
    const files = await list(paths);
    expect(pathsOf(files)).toEqual(["a/x", "c/y", "z"]);
    const content = new FilesContent(files);
    expect(Buffer.from(content.read(0, 3, NEW)).toString()).toBe("xyz");
    content.close();
  });

  test("is searched until somebody ends it", async () => {
    using folder = temporaryFolder();
    for (let i = 0; i < 1200; i++) writeFileSync(join(folder.path, `${i}`), "");
    const abort = new AbortController();
    const search = listPaths({ paths: [folder.path] }, abort.signal);
    abort.abort();
    await faultOfAsync(() => search, "interrupted");
  });

  test.each(["\u202ea", "\u200b", "tab\there"])(
    "with a name that receivers refuse is refused: %j",
    async (name) => {
      using folder = temporaryFolder();
      plant(folder.path, { "fine/fine": "" });
      writeFileSync(join(folder.path, "fine", name), "");
      const { detail } = await faultOfAsync(
        () => list(join(folder.path, "fine")),
        "unsendable-name",
      );
      expect(detail).toContain("receivers would refuse it");
      expect(await found(join(folder.path, "fine"), { exclude: ["[!f]*"] })).toEqual(["fine/fine"]);
    },
  );

  test("F9 names that only some systems lack are offered, also long ones", async () => {
    using folder = temporaryFolder();
    const names = ["a:b", "con", "n".repeat(230), "x.", "y?"];
    for (const name of names) writeFileSync(join(folder.path, name), "");
    const top = basename(folder.path);
    expect(await found(folder.path)).toEqual(names.map((name) => `${top}/${name}`));
  });

  test("with names that receivers refuse says all of them at once, or leaves them out", async () => {
    using folder = temporaryFolder();
    const top = join(folder.path, "top");
    plant(folder.path, {
      "top/fine": "",
      "top/in/c\u202en": "",
      "top/a\tb": "",
      "top/x\r": "",
      "top/A": "",
    });
    plant(folder.path, { "top/a": "", "top/bad\n/inside": "" });
    writeFileSync(Buffer.concat([Buffer.from(`${top}/`), Buffer.from([0x66, 0xff])]), "x");
    const { detail } = await faultOfAsync(() => list(top), "unsendable-name");
    expect(detail).toStartWith("5 names: ");
    for (const name of ["top/in/c\\u{202e}n", "top/a\\u{9}b", "top/x\\u{d}", "top/bad\\u{a}"]) {
      expect(detail).toContain(`"${name}": receivers would refuse it`);
    }
    expect(detail).toContain("it is not UTF-8");
    const { files, skipped } = await list(top, { skipUnsafe: true });
    expect(files.map(({ path }) => String(path))).toEqual(["top/A", "top/a", "top/fine", "top/in"]);
    expect(skipped.map(({ why }) => why)).toEqual(Array.from({ length: 5 }, () => "unsafe"));
    await faultOfAsync(() => list(join(top, "x\r"), { skipUnsafe: true }), "unsendable-name");
    const offered = await list(top, { skipUnsafe: true, offerUnsafe: true });
    expect(offered.files.map(({ path }) => String(path))).toEqual(
      ["A", "a", "a\tb", "bad\n/inside", "fine", "in/c\u202en", "x\r"].map((name) => `top/${name}`),
    );
    expect(offered.skipped.map(({ why }) => why)).toEqual(["unsafe"]);
    await faultOfAsync(() => list(top, { offerUnsafe: true }), "unsendable-name");
    const exclude = ["c*n", "a?b", "x?", "a", "bad*", "f\uFFFD"];
    expect(await found(top, { exclude })).toEqual(["top/A", "top/fine", "top/in/"]);
  });

  test("of very many such names says some, and counts the others", async () => {
    using folder = temporaryFolder();
    for (let i = 0; i < UNSENDABLE_TOLD + 5; i++) writeFileSync(join(folder.path, `${i}\t`), "");
    const { detail } = await faultOfAsync(() => list(folder.path), "unsendable-name");
    expect(detail).toEndWith("; and 5 more");
  });

  test("with a name that is not UTF-8 is refused", async () => {
    using folder = temporaryFolder();
    const name = Buffer.concat([Buffer.from(`${folder.path}/`), Buffer.from([0x66, 0xff, 0x67])]);
    writeFileSync(name, "x");
    const { detail } = await faultOfAsync(() => list(folder.path), "unsendable-name");
    expect(detail).toContain("it is not UTF-8");
  });
});

describe("F33 links, sockets and devices inside a folder", () => {
  test("links are skipped, and said to be", async () => {
    using folder = temporaryFolder();
    plant(folder.path, { "top/a": "a", "secret/shadow": "s" });
    const top = join(folder.path, "top");
    symlinkSync("/etc/shadow", join(top, "shadow"));
    symlinkSync("../secret", join(top, "out"));
    symlinkSync("a", join(top, "inside"));
    symlinkSync("nowhere", join(top, "dangling"));
    const { files, skipped } = await list(top);
    expect(pathsOf({ files })).toEqual(["top/a"]);
    expect(skipped).toEqual(
      ["dangling", "inside", "out", "shadow"].map((name) => ({
        path: join(top, name),
        why: "link",
      })),
    );
  });

  test("with --follow those that stay inside are sent, and no others", async () => {
    using folder = temporaryFolder();
    plant(folder.path, { "top/a": "a", "top/d/x": "xx", "secret/shadow": "s", "topper/t": "t" });
    const top = join(folder.path, "top");
    const link = (to: string, name: string): void => symlinkSync(to, join(top, name));
    link("a", "to-file");
    link("d", "to-folder");
    link(join(top, "d", "x"), "absolute");
    link("..", "d/up");
    link(".", "self");
    link("../secret", "out");
    link("../topper", "beside"); // whose name only begins alike
    link("to-out", "chain");
    link("out/shadow", "to-out");
    link("nowhere", "dangling");
    const { files, skipped } = await list(top, { follow: true });
    const names = files.map(({ path, size }) => `${path} ${size}`);
    expect(names).toEqual([
      "top/a 1",
      "top/absolute 2",
      "top/d/x 2",
      "top/to-file 1",
      "top/to-folder/x 2",
    ]);
    const why = Object.fromEntries(
      skipped.map((entry) => [entry.path.slice(top.length + 1), entry.why]),
    );
    expect(why).toEqual({
      beside: "outside",
      chain: "outside",
      dangling: "broken",
      "d/up": "broken",
      out: "outside",
      self: "broken",
      "to-folder/up": "broken",
      "to-out": "outside",
    });
    const content = new FilesContent(await list(top, { follow: true }));
    expect(Buffer.from(content.read(0, 8, NEW)).toString()).toBe("axxxxaxx");
    content.close();
  });

  test("a FIFO and a socket are skipped, and not waited for", async () => {
    using folder = temporaryFolder();
    plant(folder.path, { "top/a": "a" });
    const top = join(folder.path, "top");
    expect(spawnSync("mkfifo", [join(top, "pipe")]).status).toBe(0);
    using _ = Bun.listen({ unix: join(top, "socket"), socket: { data: () => undefined } });
    const { files, skipped } = await list(top);
    expect(pathsOf({ files })).toEqual(["top/a"]);
    expect(skipped.map(({ why }) => why)).toEqual(["special", "special"]);
  });

  test("unreadable files are named all at once before a send begins, or left out", async () => {
    using folder = temporaryFolder();
    const top = join(folder.path, "top");
    plant(top, { a: "a", b: "b", "c/d": "d", "e/f": "f", "e/g": "g", "fine/x": "x" });
    plant(top, { "d\u202e/y": "y", "git/.gitignore": "secret", "git/secret": "s" });
    for (const name of ["b", "c", "git/.gitignore"]) chmodSync(join(top, name), 0);
    chmodSync(join(top, "e"), 0o644); // may be listed, and not searched
    const module = join(import.meta.dir, "../../../cli/send/file-list.ts");
    const code = `import { listPaths } from ${JSON.stringify(module)};
      const { signal } = new AbortController();
      const top = ${JSON.stringify(top)};
      const all = { paths: [top], gitignore: true };
      const named = ["b", "c", "e"].map((name) => ({ paths: [top + "/" + name], skipUnsafe: true }));
      const told = [];
      for (const options of [
        all,
        { ...all, exclude: ["d?", "c", "e", "git"] },
        ...named,
        { ...all, skipUnsafe: true },
        { ...all, exclude: ["b", "c", "d?", "e/*", "git"] },
        { paths: [top], exclude: ["b", "c", "d?", "e", ".gitignore"] },
      ]) {
        told.push(await listPaths(options, signal).then(
          ({ files, skipped }) => ({ files: files.map(({ path }) => path), skipped }),
          ({ code, detail }) => ({ code, detail }),
        ));
      }
      console.log(JSON.stringify(told));`;
    const child = spawnSync("env", boundByModes([process.execPath, "-e", code]), { cwd: "/" });
    for (const name of ["c", "e"]) chmodSync(join(top, name), 0o755);
    const denied = (name: string): string => `${join(top, name)} (permission denied, EACCES)`;
    const fault = "unreadable-file";
    const reason = "permission denied, EACCES";
    const odd = String.raw`"top/d\u{202e}": receivers would refuse it: it has a character that reorders text`;
    const unread = ["b", "c", "e", "git/.gitignore"].map(denied).join("; ");
    expect(JSON.parse(child.stdout.toString())).toEqual([
      {
        code: fault,
        detail: `4 files and folders: ${unread}; besides, ${odd}`,
      },
      { code: fault, detail: denied("b") },
      ...["b", "c", "e"].map((name) => ({ code: fault, detail: denied(name) })),
      {
        files: ["top/a", "top/fine/x"],
        skipped: [
          { path: join(top, "b"), why: "unreadable", reason },
          { path: join(top, "c"), why: "unreadable", reason },
          { path: join(top, "d\u202e"), why: "unsafe" },
          { path: join(top, "e"), why: "unreadable", reason },
          { path: join(top, "git"), why: "unreadable", reason: denied("git/.gitignore") },
        ],
      },
      { code: fault, detail: denied("e") },
      { files: ["top/a", "top/fine/x", "top/git/secret"], skipped: [] },
    ]);
  });

  test.skipIf(process.platform !== "linux")(
    "files of the kernel without an end, or that refuse to be read, are among them",
    async () => {
      const options = { exclude: ["*", "!clear_refs", "!limits", "!pagemap"] };
      const { detail } = await faultOfAsync(() => list("/proc/self", options), "unreadable-file");
      expect(detail).toStartWith("2 files and folders: /proc/self/clear_refs (");
      expect(detail).toContain("; /proc/self/pagemap (it continues after ");
      const { files, skipped } = await list("/proc/self", {
        ...options,
        skipUnsafe: true,
        name: "me",
      });
      expect(pathsOf({ files })).toEqual(["me/limits"]);
      expect(skipped.map(({ path, why }) => [path, why])).toEqual([
        ["/proc/self/clear_refs", "unreadable"],
        ["/proc/self/pagemap", "endless"],
      ]);
      await faultOfAsync(() => list("/proc/self", { exclude: ["*", "!pagemap"] }), "endless-file");
      await faultOfAsync(() => list("/proc/self/pagemap", { skipUnsafe: true }), "endless-file");
    },
  );

  test("many are counted, and the first are told", async () => {
    using folder = temporaryFolder();
    for (let i = 0; i < SKIPPED_TOLD + 23; i++) symlinkSync("x", join(folder.path, `${i}`));
    const { skipped } = await list(folder.path);
    expect(skipped).toHaveLength(SKIPPED_TOLD);
    expect(skipped.map(({ more }) => more).filter((more) => more !== undefined)).toEqual([23]);
  });
});

/** Puts a link to another folder in the place of one and takes it away, again and again. */
async function swapping(
  inside: string,
  outside: string,
  evil: string,
  meanwhile: () => Promise<void>,
): Promise<void> {
  const swapper = spawn(
    process.execPath,
    [
      "-e",
      `const { renameSync, symlinkSync, unlinkSync } = require("node:fs");
       const [inside, outside, evil] = process.argv.slice(1);
       console.log("ready");
       for (;;) { renameSync(inside, outside); symlinkSync(evil, inside); unlinkSync(inside); renameSync(outside, inside); }`,
      inside,
      outside,
      evil,
    ],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  try {
    await new Promise((resolve) => swapper.stdout.once("data", resolve));
    await meanwhile();
  } finally {
    const ended = new Promise((resolve) => swapper.once("exit", resolve));
    swapper.kill("SIGKILL");
    await ended;
  }
}

describe("F33 F16 a folder that becomes a link while it is searched leads nowhere else", () => {
  /** What a search finds when `top/d` becomes a link right before or after the search enters it. */
  const foundMeanwhile = async (when: "before" | "after", skipUnsafe: boolean) => {
    using folder = temporaryFolder();
    plant(folder.path, { "evil/fine": "secret", "evil/passwd": "", "top/d/fine": "", "top/e": "" });
    const inside = join(folder.path, "top/d");
    const exchange = (): void => {
      renameSync(inside, join(folder.path, "aside"));
      symlinkSync(join(folder.path, "evil"), inside);
    };
    // oxlint-disable-next-line unbound-method -- it is called with the folder that the search enters
    const { enter } = HeldFolder.prototype;
    using entering = spyOn(HeldFolder.prototype, "enter");
    entering.mockImplementation(function enterLate(this: HeldFolder, name) {
      if (name === "d" && when === "before") exchange();
      const inner = enter.call(this, name);
      if (name === "d" && when === "after") exchange();
      return inner;
    });
    const { files, skipped } = await list(join(folder.path, "top"), { skipUnsafe });
    const names = files.map(({ path, size }) => `${path} ${size}`);
    return { names, why: skipped.map(({ why }) => why) };
  };

  test("right before it is entered, the search names it, or leaves it out", async () => {
    const { detail } = await faultOfAsync(() => foundMeanwhile("before", false), "unreadable-file");
    expect(detail).toContain("top/d (");
    const { names, why } = await foundMeanwhile("before", true);
    expect(names).toEqual(["top/e 0"]);
    expect(why).toEqual(["unreadable"]);
  });

  test("right after it was entered, the search lists the folder that it entered", async () => {
    const { names, why } = await foundMeanwhile("after", false);
    expect(names).toEqual(["top/d/fine 0", "top/e 0"]);
    expect(why).toEqual([]);
  });
});

test("F33 F16 a link that is followed never leads out, also when its goal is exchanged", async () => {
  using folder = temporaryFolder();
  plant(folder.path, { "evil/x": "a secret", "top/d/x": "fine", "top/links/none": "" });
  for (let i = 0; i < 40; i++) symlinkSync("../d/x", join(folder.path, `top/links/${i}`));
  const [inside, outside] = [join(folder.path, "top/d"), join(folder.path, "aside")];
  await swapping(inside, outside, join(folder.path, "evil"), async () => {
    for (let times = 0; times < 300; times++) {
      const { files } = await list(join(folder.path, "top"), { follow: true }).catch(() => ({
        files: [],
      }));
      expect(files.filter(({ size }) => size === "a secret".length)).toEqual([]);
    }
  });
});

describe("F33 of a folder that was listed", () => {
  const FIRST = 3 * (SOURCE_FILES_OPEN + 5);
  const read = async (change: (dir: string) => void): Promise<string> => {
    using folder = temporaryFolder();
    // The first files are held open; the one that is read is not.
    for (let i = 0; i < SOURCE_FILES_OPEN + 5; i++) plant(folder.path, { [`top/a${i}`]: "123" });
    plant(folder.path, { "top/d/x": "abc", "top/e/x": "def" });
    // The same files outside of it.
    mkdirSync(join(folder.path, "beside"));
    linkSync(join(folder.path, "top/d/x"), join(folder.path, "beside/x"));
    const content = new FilesContent(await list(join(folder.path, "top")), STRICT);
    change(folder.path);
    try {
      return Buffer.from(content.read(FIRST, 6, NEW)).toString();
    } catch (error) {
      return error instanceof FaultError ? error.code : String(error);
    } finally {
      content.close();
    }
  };

  test("as it was is read", async () => {
    expect(await read(() => undefined)).toBe("abcdef");
  });

  test("no link on the way to a file is followed, also one to the same file", async () => {
    const told = await read((dir) => {
      renameSync(join(dir, "top/d"), join(dir, "aside"));
      symlinkSync(join(dir, "beside"), join(dir, "top/d"));
    });
    expect(told).toBe("source-changed");
  });
});

describe("F33 of a folder's file", () => {
  const changed = async (change: (path: string) => void): Promise<string> => {
    using folder = temporaryFolder();
    // The first files are held open; this one is not.
    for (let i = 0; i < SOURCE_FILES_OPEN + 5; i++)
      writeFileSync(join(folder.path, `a${i}`), "123");
    const path = join(folder.path, "z");
    writeFileSync(path, "abc");
    utimesSync(path, 1e9, 1e9);
    const content = new FilesContent(await list(folder.path), STRICT);
    change(path);
    try {
      content.read(3 * (SOURCE_FILES_OPEN + 5), 3, NEW);
      return "no fault";
    } catch (error) {
      return error instanceof FaultError ? error.code : String(error);
    } finally {
      content.close();
    }
  };

  test.each([
    ["grows", (path: string) => writeFileSync(path, "abcd")],
    ["shrinks", (path: string) => writeFileSync(path, "ab")],
    ["is written to", (path: string) => writeFileSync(path, "abd")],
    ["goes away", (path: string) => rmSync(path)],
    ["becomes a folder", (path: string) => (rmSync(path), mkdirSync(path))],
    ["becomes a FIFO", (path: string) => (rmSync(path), spawnSync("mkfifo", [path]))],
    [
      "becomes a link",
      (path: string) => (renameSync(path, `${path}2`), symlinkSync(`${path}2`, path)),
    ],
  ])("that %s before it is read nothing is sent", async (_, change) => {
    expect(await changed(change)).toBe("source-changed");
  });

  test("as it was is read", async () => {
    expect(await changed(() => undefined)).toBe("no fault");
  });

  test("one of the same size and time in its place is sent whole, as nothing of the first left", async () => {
    const fault = await changed((path) => {
      writeFileSync(`${path}.new`, "abc");
      utimesSync(`${path}.new`, 1e9, 1e9);
      renameSync(`${path}.new`, path);
    });
    expect(fault).toBe("no fault");
  });
});

describe("entries that go away while a folder is searched", () => {
  test("are left out, and end nothing", async () => {
    using folder = temporaryFolder();
    const top = join(folder.path, "top");
    const many = Array.from({ length: 400 }, (_, i) => `${100 + i}`);
    plant(
      top,
      Object.fromEntries(
        many.flatMap((name) => [
          [`f${name}`, ""],
          [`d${name}/x`, "x"],
        ]),
      ),
    );
    plant(top, { "a-first": "1" });
    // By another process, as a search gives way seldom.
    const remover = spawn("rm", [
      "-rf",
      ...many.flatMap((name) => [join(top, `f${name}`), join(top, `d${name}`)]),
    ]);
    const ended = new Promise((resolve) => remover.once("exit", resolve));
    let count = Infinity;
    while (count > 1) {
      const { files } = await list(top);
      count = files.length;
    }
    await ended;
    expect(await found(top)).toEqual(["top/a-first"]);
  });

  test("are given up when they go before the first are opened", async () => {
    using folder = temporaryFolder();
    plant(folder.path, { "top/a": "a", "top/b": "b" });
    const all = await list(join(folder.path, "top"));
    rmSync(join(folder.path, "top/a"));
    const content = new FilesContent(all);
    expect(content.read(0, 2, NEW)).toEqual(Uint8Array.of(0, "b".charCodeAt(0)));
    expect(content.unsound).toEqual([{ path: "top/a", what: "missing" }]);
    content.close();
    expect(() => new FilesContent(all, STRICT)).toThrow(FaultError);
  });
});

test("a few files are open at a time, however many there are and in whatever order", async () => {
  using folder = temporaryFolder();
  for (let i = 0; i < 300; i++)
    writeFileSync(join(folder.path, `${i}`.padStart(3, "0")), `${i % 10}`);
  const open = (): number =>
    readdirSync("/proc/self/fd").filter((fd) => {
      try {
        return readlinkSync(`/proc/self/fd/${fd}`).startsWith(`${folder.path}/`);
      } catch {
        return false; // the one of this listing itself
      }
    }).length;
  const content = new FilesContent(await list(folder.path));
  expect(open()).toBe(SOURCE_FILES_OPEN);
  for (let i = 0; i < 300; i++) {
    const at = (i * 77) % 300;
    expect(Buffer.from(content.read(at, 1, NEW)).toString()).toBe(`${at % 10}`);
    expect(open()).toBeLessThanOrEqual(SOURCE_FILES_OPEN);
  }
  expect(Buffer.from(content.read(0, 300, NEW)).toString()).toBe("0123456789".repeat(30));
  content.close();
  expect(open()).toBe(0);
});
