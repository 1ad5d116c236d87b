/** The habits of other systems, with the system as an argument. */
import { expect, test } from "bun:test";
import {
  constants,
  mkdirSync,
  closeSync,
  readdirSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

import { workersOption } from "../../../cli/commands/relay-options.ts";
import { editorCommand } from "../../../cli/commands/run-config.ts";
import { checkOpenFiles } from "../../../cli/commands/doctor/machine.ts";
import { completePath } from "../../../cli/commands/what-to-send.ts";
import { onHangup, onInterrupt, stopSignals } from "../../../cli/system/interrupts.ts";
import { BUSY_WAITS_MS, retryBusy } from "../../../cli/system/retry-busy.ts";
import { expandHome, shellLine, shellQuote, userFolder } from "../../../cli/system/shell.ts";
import { HeldFolder } from "../../../cli/system/held-folder.ts";
import { Folder } from "../../../cli/system/folder.ts";
import { namesHere } from "../../../cli/receive/names-here.ts";
import { createLogFile, FileStore } from "../../../relay/log/store.ts";
import { faultOf, list, temporaryFolder } from "../../support/disk.ts";

function refusal(code: string): Error {
  return Object.assign(new Error(code), { code });
}

/** A call that the system refuses so many times. */
function refused(times: number, code: string): () => string {
  let left = times;
  return () => {
    if (left-- > 0) throw refusal(code);
    return "done";
  };
}

test.each(["EBUSY", "EPERM", "EACCES"])(
  "on Windows a call is tried again while another program holds the file: %s",
  (code) => {
    const waits: number[] = [];
    const wait = (ms: number): number => waits.push(ms);
    expect(retryBusy(refused(3, code), "win32", wait)).toBe("done");
    expect(waits).toEqual(BUSY_WAITS_MS.slice(0, 3));
    waits.length = 0;
    expect(() => retryBusy(refused(Infinity, code), "win32", wait)).toThrow(code);
    expect(waits).toEqual([...BUSY_WAITS_MS]);
  },
);

test("elsewhere, and for any other error, it fails at once", () => {
  const never = (): void => {
    throw new Error("a wait");
  };
  for (const platform of ["linux", "darwin"] as const) {
    expect(() => retryBusy(refused(1, "EACCES"), platform, never)).toThrow("EACCES");
  }
  expect(() => retryBusy(refused(1, "ENOENT"), "win32", never)).toThrow("ENOENT");
});

test("on Windows a folder is held without a descriptor, and is not synced", () => {
  using folder = temporaryFolder();
  const before = readdirSync("/proc/self/fd").length;
  using held = new Folder(folder.path, folder.path, { platform: "win32" });
  mkdirSync(join(folder.path, "d"));
  using inner = held.enter("d");
  expect(readdirSync("/proc/self/fd").length).toBe(before);
  held.sync();
  inner.setTimes(5000);
  expect(held.lstat("d")?.mtimeMs).toBe(5000n);
  for (const name of ["a:b", "C:", "..\\x", "a\\b"]) {
    expect([name, faultOf(() => held.lstat(name))]).toEqual([name, "internal"]);
  }
  expect(held.isGone).toBe(false);
  using again = held.holdAgain();
  expect(again.isAtPath).toBe(true);
});

test("F16 on Windows no file is opened that came under the name meanwhile", () => {
  using folder = temporaryFolder();
  writeFileSync(join(folder.path, "ours"), "ours");
  writeFileSync(join(folder.path, "theirs"), "theirs");
  class Raced extends HeldFolder {
    looks = 0;

    constructor() {
      super(folder.path, folder.path, "link-followed", { platform: "win32" });
    }

    /** After the first look another program puts a link in its place, and takes it away after the open. */
    override lstat(name: string): ReturnType<HeldFolder["lstat"]> {
      this.looks++;
      const there = super.lstat(name);
      if (this.looks === 1) {
        renameSync(join(folder.path, "ours"), join(folder.path, "aside"));
        symlinkSync("theirs", join(folder.path, "ours"));
      }
      return there;
    }
  }
  using raced = new Raced();
  expect(faultOf(() => raced.open("ours", constants.O_RDWR))).toContain("ELOOP");
});

test("on Windows a tree is removed step by step, and a link in it is not followed", () => {
  using folder = temporaryFolder();
  mkdirSync(join(folder.path, "keep"));
  writeFileSync(join(folder.path, "keep/it"), "");
  mkdirSync(join(folder.path, "it/in/deep"), { recursive: true });
  writeFileSync(join(folder.path, "it/in/file"), "");
  symlinkSync(join(folder.path, "keep"), join(folder.path, "it/link"));
  using held = HeldFolder.hold(folder.path, { platform: "win32" });
  held.clear("it");
  held.clear("nothing");
  expect(list(folder.path)).toEqual(["keep"]);
  expect(list(join(folder.path, "keep"))).toEqual(["it"]);
});

test("F9 on Windows none of its names is tried on the disk", () => {
  using folder = temporaryFolder();
  using held = HeldFolder.hold(folder.path);
  const { holds } = namesHere(held, false, "win32");
  const impossible = ["a:b", "con", "x.", "x ", "a?", "a\\b", "n".repeat(256)];
  for (const name of impossible) expect([name, holds(name)]).toEqual([name, false]);
  for (const name of ["a b", "console", ".x", "n".repeat(255)]) {
    expect([name, holds(name)]).toEqual([name, true]);
  }
  for (const name of impossible.slice(0, -1)) {
    expect([name, namesHere(held, false, "linux").holds(name)]).toEqual([name, true]);
  }
  expect(list(folder.path)).toEqual([]);
});

test("on Windows a log that cannot lose its name works, and the next relay removes it", () => {
  using folder = temporaryFolder();
  const keep = (): never => {
    throw refusal("EBUSY");
  };
  const file = createLogFile(folder.path, 2, "win32", keep);
  closeSync(file);
  expect(list(folder.path).length).toBe(1);
  closeSync(createLogFile(folder.path, 2, "win32"));
  expect(list(folder.path)).toEqual([]);
});

test("a log that cannot be mapped is read", () => {
  using folder = temporaryFolder();
  const file = createLogFile(folder.path, 2);
  try {
    const frame = Uint8Array.from({ length: 5000 }, (_, at) => at % 251);
    const unmapped = (): never => {
      throw refusal("ENOENT");
    };
    for (const store of [
      new FileStore(file, undefined),
      new FileStore(file, undefined, unmapped),
    ]) {
      expect(store.write(1, 300, frame)).toBe(true);
      expect(store.view(1, 300, frame.length)).toEqual(frame);
    }
  } finally {
    closeSync(file);
  }
});

test("several workers are refused where they cannot share a port", () => {
  for (const platform of ["darwin", "win32"] as const) {
    expect(faultOf(() => workersOption("2", platform))).toBe("usage");
    expect([workersOption("1", platform), workersOption(undefined, platform)]).toEqual([
      1,
      undefined,
    ]);
  }
  expect(workersOption("2", "linux")).toBe(2);
});

test("Ctrl-Break ends a command on Windows, SIGTERM elsewhere, and Ctrl-C everywhere", () => {
  expect(stopSignals("win32")).toEqual(["SIGINT", "SIGBREAK"]);
  for (const platform of ["linux", "darwin"] as const) {
    expect(stopSignals(platform)).toEqual(["SIGINT", "SIGTERM"]);
  }
});

test("a closed console on Windows is as Ctrl-C, also for a relay that reads its files again at SIGHUP", () => {
  const told: string[] = [];
  using _stop = onInterrupt(() => told.push("stop"));
  using _hangup = onHangup(() => told.push("read again"), "win32");
  process.emit("SIGHUP");
  expect(told).toEqual(["stop"]);
});

test("command lines to copy are quoted as the shells of the system read them", () => {
  expect(shellQuote("C:\\Users\\ann", "win32")).toBe("C:\\Users\\ann");
  expect(shellQuote("C:\\My Files", "win32")).toBe('"C:\\My Files"');
  expect(shellLine(["--out", "it's", "100%"], "win32")).toBe(`--out "it's" "100%"`);
  expect(shellLine(["--out", "it's"], "linux")).toBe(`--out 'it'\\''s'`);
});

test("the home folder of a path may be followed by a backslash on Windows alone", () => {
  expect(expandHome("~\\x", "win32")).toBe(`${homedir()}\\x`);
  expect(expandHome("~\\x", "linux")).toBe("~\\x");
});

test("files of a user are where the system has such files, and XDG variables come first", () => {
  const env = { APPDATA: "/a/Roaming", LOCALAPPDATA: "/a/Local" };
  expect(userFolder("configuration", env, "win32")).toBe("/a/Roaming");
  expect(userFolder("state", env, "win32")).toBe("/a/Local");
  expect(userFolder("state", { ...env, XDG_STATE_HOME: "/x" }, "win32")).toBe("/x");
  expect(userFolder("state", { ...env, XDG_STATE_HOME: "x" }, "win32")).toBe("/a/Local");
  for (const platform of ["linux", "darwin"] as const) {
    expect(userFolder("state", env, platform)).toBe(join(homedir(), ".local", "state"));
    expect(userFolder("configuration", env, platform)).toBe(join(homedir(), ".config"));
  }
});

test("a typed path is completed behind a backslash on Windows", () => {
  using folder = temporaryFolder();
  writeFileSync(join(folder.path, "file"), "");
  const [found] = completePath(`${folder.path}/f`, "win32");
  expect(found).toEqual([`${folder.path}/file`]);
  expect(completePath("C:\\none\\f", "win32")).toEqual([[], "C:\\none\\f"]);
});

test("Windows has an editor of its own, takes the words of EDITOR apart, and has no limit of open files", async () => {
  expect(editorCommand(undefined, "c.toml", "win32")).toEqual(["notepad", "c.toml"]);
  expect(editorCommand('"C:\\My Code\\code.exe" --wait', "c.toml", "win32")).toEqual([
    "C:\\My Code\\code.exe",
    "--wait",
    "c.toml",
  ]);
  expect(editorCommand(undefined, "c.toml", "darwin")).toEqual([
    "sh",
    "-c",
    'vi "$@"',
    "vi",
    "c.toml",
  ]);
  expect((await checkOpenFiles("win32")).verdict).toBe("fine");
});

test("a machine that starts no shell has a limit of open files that is not known", async () => {
  const { verdict } = await checkOpenFiles("linux", "/nowhere/sh");
  expect(verdict).toBe("warning");
});
