/** The promises of every way of holding a folder: with /proc, and as systems without it do it. */
import { describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import {
  closeSync,
  constants,
  lstatSync,
  mkdirSync,
  readFileSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { HeldFolder, type HoldOptions } from "../../../cli/system/held-folder.ts";
import { bytesOf, faultOf, list, temporaryFolder } from "../../support/disk.ts";

const NEW = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL;
const isLinux = process.platform === "linux";
const WAYS = [
  ["through /proc", {}],
  ["by path", { byPath: true }],
  ["as on Windows", { platform: "win32" }],
] as const satisfies readonly (readonly [string, HoldOptions])[];

/** A folder that is held, and another one that nothing may touch. */
class Stage implements Disposable {
  readonly #folder = temporaryFolder();
  readonly held: HeldFolder;

  constructor(options: HoldOptions) {
    for (const name of ["it", "victim"]) mkdirSync(this.at(name));
    writeFileSync(this.at("victim/a"), "precious");
    writeFileSync(this.at("it/a"), "ours");
    this.held = HeldFolder.hold(this.at("it"), options);
  }

  at(path: string): string {
    return join(this.#folder.path, path);
  }

  /** As another user does it who owns the folder above. */
  swap(): void {
    renameSync(this.at("it"), this.at("away"));
    symlinkSync(this.at("victim"), this.at("it"));
  }

  /** Whether everything of the other folder is as it was. */
  get isVictimWhole(): boolean {
    return list(this.at("victim")).join() === "a" && read(this.at("victim/a")) === "precious";
  }

  [Symbol.dispose](): void {
    this.held.close();
    this.#folder[Symbol.dispose]();
  }
}

function read(path: string): string {
  return readFileSync(path, "utf8");
}

/** Everything that changes something, by what it is. */
const CHANGES: readonly (readonly [string, (held: HeldFolder) => void])[] = [
  ["opens", (held) => closeSync(held.open("a", constants.O_RDWR))],
  ["makes a file", (held) => closeSync(held.open("b", NEW, 0o600))],
  ["makes a folder", (held) => held.make("d")],
  ["renames", (held) => held.move("a", held, "c")],
  ["links", (held) => held.link("a", held, "c")],
  ["removes", (held) => held.remove("a")],
  ["clears", (held) => held.clear("a")],
  ["sets times", (held) => held.setTimes(5000)],
];

describe("a folder that is held through /proc", () => {
  test.skipIf(!isLinux).each(CHANGES)(
    "%s in the folder that was opened, whatever has its name",
    (_what, change) => {
      using stage = new Stage({});
      stage.swap();
      change(stage.held);
      expect(stage.isVictimWhole).toBe(true);
    },
  );
});

describe("a folder that is held by path", () => {
  test.each(CHANGES)("%s nowhere once another has its name", (what, change) => {
    using stage = new Stage({ byPath: true });
    stage.swap();
    // A time is set through the descriptor.
    expect(faultOf(() => change(stage.held))).toBe(
      what === "sets times" ? "no fault" : "write-failed",
    );
    expect(stage.isVictimWhole).toBe(true);
    expect(list(stage.at("away"))).toEqual(["a"]);
  });
});

/** Something else gets its name right after the next look at it. */
class Raced extends HeldFolder {
  swap: (() => void) | undefined;

  constructor(path: string) {
    super(path, path, "link-followed", { byPath: true });
  }

  override get isAtPath(): boolean {
    const was = super.isAtPath;
    const { swap } = this;
    this.swap = undefined;
    swap?.();
    return was;
  }
}

describe("a folder that is held by path, and exchanged between the look and the step", () => {
  const SEEN = new Set(["opens", "makes a file", "makes a folder", "renames", "links"]);
  test.each(CHANGES.filter(([what]) => SEEN.has(what)))("%s, and says so", (_what, change) => {
    using stage = new Stage({ byPath: true });
    using raced = new Raced(stage.at("it"));
    raced.swap = () => stage.swap();
    expect(faultOf(() => change(raced))).toBe("write-failed");
  });

  test("enters no other", () => {
    using stage = new Stage({ byPath: true });
    for (const at of ["it/d", "victim/d"]) mkdirSync(stage.at(at));
    using raced = new Raced(stage.at("it"));
    raced.swap = () => stage.swap();
    expect(faultOf(() => raced.enter("d"))).toBe("write-failed");
  });
});

describe.each(WAYS)("a folder that is held %s", (way, options) => {
  test("does all of it while its name is its own", () => {
    using stage = new Stage(options);
    const { held } = stage;
    held.make("d", 0o700);
    using inner = held.enter("d");
    const fd = inner.open("x", NEW, 0o600);
    closeSync(fd);
    expect(inner.lstat("x")?.isFile()).toBe(true);
    expect(inner.lstat("y")).toBeUndefined();
    inner.link("x", held, "x2");
    inner.move("x", held, "x3");
    expect(held.list().toSorted()).toEqual(["a", "d", "x2", "x3"]);
    expect(held.lstat("x2")?.ino).toBe(held.lstat("x3")?.ino);
    held.remove("x2");
    held.clear("x3");
    held.removeFolder("d");
    held.sync();
    expect(list(stage.at("it"))).toEqual(["a"]);
    expect(held.isAtPath).toBe(true);
    expect(held.whereabouts).toBe(stage.at("it"));
  });

  test("takes one name at a time", () => {
    using stage = new Stage(options);
    for (const name of ["..", ".", "../victim", "d/x", "/etc"]) {
      expect([name, faultOf(() => stage.held.lstat(name))]).toEqual([name, "internal"]);
    }
  });

  test("F15 enters no link and no file, and opens no link", () => {
    using stage = new Stage(options);
    symlinkSync(stage.at("victim"), stage.at("it/link"));
    symlinkSync(stage.at("victim/a"), stage.at("it/link-to-file"));
    expect(faultOf(() => stage.held.enter("link"))).toContain("E");
    expect(faultOf(() => stage.held.enter("a"))).toContain("ENOTDIR");
    expect(faultOf(() => stage.held.open("link-to-file", constants.O_RDWR))).toContain("ELOOP");
    expect(faultOf(() => stage.held.open("link-to-file", NEW))).toContain("EEXIST");
  });

  test("is not held up by a FIFO", () => {
    using stage = new Stage(options);
    expect(spawnSync("mkfifo", [stage.at("it/pipe")]).status).toBe(0);
    closeSync(stage.held.open("pipe", constants.O_RDONLY));
    expect(faultOf(() => stage.held.open("pipe", constants.O_WRONLY))).toContain("ENXIO");
  });

  test("renames what is meant", () => {
    using stage = new Stage(options);
    mkdirSync(stage.at("it/ours"));
    using ours = stage.held.enter("ours");
    expect(stage.held.moveSame("ours", "kept", (there) => ours.is(there))).toBe(true);
    expect(list(stage.at("it"))).toEqual(["a", "kept"]);
  });

  test("renames nothing else, also what came between the look and the step", () => {
    for (const when of ["before the look", "before the step"]) {
      using stage = new Stage(options);
      mkdirSync(stage.at("it/ours"));
      mkdirSync(stage.at("it/theirs"));
      writeFileSync(stage.at("it/theirs/t"), "t");
      using ours = stage.held.enter("ours");
      let swapped = false;
      const swap = (): void => {
        swapped = true;
        renameSync(stage.at("it/ours"), stage.at("it/away"));
        renameSync(stage.at("it/theirs"), stage.at("it/ours"));
      };
      if (when === "before the look") swap();
      const moved = stage.held.moveSame("ours", "kept", (there) => {
        const isMeant = ours.is(there);
        if (!swapped) swap();
        return isMeant;
      });
      expect(moved).toBe(false);
      expect(list(stage.at("it"))).toEqual(["a", "away", "ours"]);
      expect(list(stage.at("it/ours"))).toEqual(["t"]);
    }
  });

  test("is nothing any more once it is closed", () => {
    using stage = new Stage(options);
    stage.held.close();
    stage.held.close();
    expect(faultOf(() => stage.held.list())).not.toBe("no fault");
    expect(faultOf(() => stage.held.make("d"))).not.toBe("no fault");
  });
});

test.skipIf(!isLinux)("people are told where a folder is that was moved", () => {
  using stage = new Stage({});
  stage.swap();
  expect(stage.held.isAtPath).toBe(false);
  expect(stage.held.whereabouts).toBe(stage.at("away"));
});

test("a folder is closed to others, where it is open to them", () => {
  using stage = new Stage({});
  mkdirSync(stage.at("it/d"), 0o755);
  using d = stage.held.enter("d");
  d.keepPrivate();
  expect(lstatSync(stage.at("it/d")).mode & 0o777).toBe(0o700);
  expect(bytesOf(stage.at("it/a"))).toHaveLength(4);
});
