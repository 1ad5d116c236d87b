import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  chmodSync,
  chownSync,
  lchownSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import {
  RECEIVES_KEPT,
  STATE_ENTRY_BYTES,
  keptReceives,
  registerReceive,
  statePath,
  unregisterReceive,
  type KeptReceive,
} from "../../../cli/system/state.ts";
import { parseCode, type Code } from "../../../protocol/code/code.ts";
import { environment, stateOfEachTest } from "../../support/clients/own-state.ts";

const folder = stateOfEachTest();
let temporary: Disposable;

// Without a place to fall back to.
beforeEach(() => (temporary = environment({ TMPDIR: "/nonexistent" })));
afterEach(() => temporary[Symbol.dispose]());

function kept(number: number, more: Partial<KeptReceive> = {}): KeptReceive {
  return {
    share: number.toString(16).padStart(32, "0"),
    code: parseCode("amused-oyster-velvet-crisp-lunar-solid-worry"),
    relay: "ws://127.0.0.1:8000/ws",
    again: { cwd: "/tmp", words: ["recv", "--yes"] },
    out: "/tmp/out",
    name: "a\u202eb.bin",
    bytes: 12,
    ...more,
  };
}

function plain(): KeptReceive[] {
  return keptReceives().map(({ at, ...receive }) => (expect(at).toBeGreaterThan(0), receive));
}

describe("a remembered receive", () => {
  test("comes back as it was, once per share and folder, until it is through", () => {
    expect(plain()).toEqual([]);
    expect(registerReceive(kept(1))).toBe(true);
    expect(registerReceive(kept(1, { bytes: 13 }))).toBe(true);
    expect(registerReceive(kept(1, { out: "/elsewhere" }))).toBe(true);
    expect(plain()).toHaveLength(2);
    expect(plain()).toContainEqual(kept(1, { bytes: 13 }));
    unregisterReceive(kept(1).share, "/tmp/out");
    expect(plain()).toEqual([kept(1, { out: "/elsewhere" })]);
    unregisterReceive(kept(1).share, "/tmp/out");
  });

  test("of an earlier version has a code of six words, which gets its seventh", () => {
    const six = "amused-oyster-velvet-crisp-lunar-solid";
    expect(registerReceive({ ...kept(1), code: six as Code })).toBe(true);
    expect(plain()).toEqual([kept(1)]);
    unregisterReceive(kept(1).share, "/tmp/out");
  });

  test("is this user's alone, also in a folder that was open to others", () => {
    mkdirSync(join(folder.path, "fileshare"), { mode: 0o755 });
    chmodSync(join(folder.path, "fileshare"), 0o755);
    registerReceive(kept(1));
    const path = statePath("receives");
    const [name] = readdirSync(path);
    const modes = [join(path, ".."), path, join(path, name!)].map(
      (at) => statSync(at).mode & 0o777,
    );
    expect(modes).toEqual([0o700, 0o700, 0o600]);
    expect(path).toBe(join(folder.path, "fileshare", "receives"));
  });

  test("leaves nothing half written, and what is odd is not looked at", () => {
    registerReceive(kept(1));
    const path = statePath("receives");
    const [name] = readdirSync(path);
    writeFileSync(join(path, "torn.json"), '{"share":"00');
    writeFileSync(join(path, "other.json"), '{"share":"../../x"}');
    writeFileSync(join(path, "long.json"), " ".repeat(STATE_ENTRY_BYTES + 1));
    symlinkSync(join(path, name!), join(path, "link.json"));
    mkdirSync(join(path, "folder.json"));
    expect(plain()).toEqual([kept(1)]);
  });

  test("is bounded in number and in length", () => {
    for (let number = 0; number < RECEIVES_KEPT + 3; number++) registerReceive(kept(number));
    expect(plain()).toHaveLength(RECEIVES_KEPT);
    expect(registerReceive(kept(0, { name: "x".repeat(STATE_ENTRY_BYTES) }))).toBe(false);
    expect(readdirSync(statePath("receives"))).toHaveLength(RECEIVES_KEPT);
  });

  test("hinders nobody where nothing can be written", () => {
    writeFileSync(join(folder.path, "fileshare"), "in the way");
    expect(registerReceive(kept(1))).toBe(false);
    unregisterReceive(kept(1).share, "/tmp/out");
    expect(plain()).toEqual([]);
  });

  test("goes through a link of this user's, and through none further in", () => {
    mkdirSync(join(folder.path, "elsewhere"));
    symlinkSync(join(folder.path, "elsewhere"), join(folder.path, "fileshare"));
    expect(registerReceive(kept(1))).toBe(true);
    expect(plain()).toEqual([kept(1)]);
    const receives = join(folder.path, "elsewhere/receives");
    renameSync(receives, join(folder.path, "aside"));
    symlinkSync(join(folder.path, "aside"), receives);
    expect(registerReceive(kept(2))).toBe(false);
    expect(plain()).toEqual([]);
    unregisterReceive(kept(1).share, "/tmp/out");
    expect(readdirSync(join(folder.path, "aside"))).toHaveLength(1);
  });

  test.skipIf(process.geteuid?.() !== 0)(
    "goes through no link of another user's, and is kept in no folder of one (needs root)",
    () => {
      const [victim, link] = [join(folder.path, "victim"), join(folder.path, "fileshare")];
      mkdirSync(victim, { mode: 0o755 });
      symlinkSync(victim, link);
      lchownSync(link, 65534, 65534);
      expect(registerReceive(kept(1))).toBe(false);
      expect(readdirSync(victim)).toEqual([]);
      expect(statSync(victim).mode & 0o777).toBe(0o755);
      rmSync(link);
      mkdirSync(link);
      chownSync(link, 65534, 65534);
      expect(registerReceive(kept(1))).toBe(false);
      expect(readdirSync(link)).toEqual([]);
    },
  );

  test("a relative XDG_STATE_HOME counts as none", () => {
    process.env["XDG_STATE_HOME"] = "state";
    expect(statePath("sends")).toEndWith("/.local/state/fileshare/sends");
  });
});
