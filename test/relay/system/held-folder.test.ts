/** The relay's writes in a folder in which another user may rename. */
import { expect, test } from "bun:test";
import {
  chmodSync,
  closeSync,
  fstatSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { Bans } from "../../../relay/access/bans.ts";
import { HeldFolder } from "../../../relay/system/held-folder.ts";
import { createLogFile } from "../../../relay/log/store.ts";
import { list, temporaryFolder } from "../../support/disk.ts";

const ROOT = join(import.meta.dir, "../../..");
const isLinux = process.platform === "linux";

test("a ban is written through no link that was planted beside the file", () => {
  using folder = temporaryFolder();
  const [file, victim] = [join(folder.path, "bans"), join(folder.path, "victim")];
  writeFileSync(victim, "precious");
  for (const name of ["bans.new", ".bans"]) symlinkSync(victim, join(folder.path, name));
  new Bans(file).add("203.0.113.7", undefined, []);
  expect(readFileSync(file, "utf8")).toContain("\n203.0.113.7\n");
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(readFileSync(victim, "utf8")).toBe("precious");
  expect(list(folder.path)).toEqual([".bans", "bans", "bans.new", "victim"]);
});

test("the file itself may be a link: it is replaced, and what it leads to stays", () => {
  using folder = temporaryFolder();
  const [file, victim] = [join(folder.path, "bans"), join(folder.path, "victim")];
  writeFileSync(victim, "192.0.2.1\n");
  symlinkSync(victim, file);
  new Bans(file).add("203.0.113.7", undefined, []);
  expect(readFileSync(victim, "utf8")).toBe("192.0.2.1\n");
  expect(readFileSync(file, "utf8")).toContain("192.0.2.1\n203.0.113.7\n");
});

test.skipIf(!isLinux)("a folder that is exchanged while a file is replaced stays the one", () => {
  using folder = temporaryFolder();
  const [dir, away, victim] = ["dir", "away", "victim"].map((name) => join(folder.path, name)) as [
    string,
    string,
    string,
  ];
  for (const path of [dir, victim]) mkdirSync(path);
  writeFileSync(join(victim, "tokens"), "precious");
  using held = new HeldFolder(dir);
  expect(held.isReal).toBe(true);
  held.replace("tokens", "ours", () => {
    renameSync(dir, away);
    symlinkSync(victim, dir);
  });
  expect(held.isReal).toBe(false);
  expect(readFileSync(join(away, "tokens"), "utf8")).toBe("ours");
  expect(list(away)).toEqual(["tokens"]);
  expect(list(victim)).toEqual(["tokens"]);
  expect(readFileSync(join(victim, "tokens"), "utf8")).toBe("precious");
});

test.skipIf(!isLinux || process.geteuid?.() !== 0)(
  "a folder that the relay may not list is enough for its log and its bans (needs another user)",
  () => {
    using folder = temporaryFolder();
    const dir = join(folder.path, "dir");
    mkdirSync(dir);
    chmodSync(folder.path, 0o755);
    chmodSync(dir, 0o733);
    const code = `import { Bans } from ${JSON.stringify(join(ROOT, "relay/access/bans.ts"))};
      import { createLogFile } from ${JSON.stringify(join(ROOT, "relay/log/store.ts"))};
      process.setgid(65534);
      process.setuid(65534);
      const dir = ${JSON.stringify(dir)};
      new Bans(dir + "/bans").add("203.0.113.7", undefined, []);
      console.log(createLogFile(dir, 2) > 0);`;
    const child = Bun.spawnSync([process.execPath, "-e", code], { cwd: "/" });
    expect([child.stdout.toString(), child.stderr.toString()]).toEqual(["true\n", ""]);
    expect(list(dir)).toEqual(["bans"]);
  },
);

test("a write that fails leaves the file as it was and nothing beside it", () => {
  using folder = temporaryFolder();
  writeFileSync(join(folder.path, "tokens"), "old");
  using held = new HeldFolder(folder.path);
  const fail = (): never => {
    throw new Error("no owner");
  };
  expect(() => held.replace("tokens", "new", fail)).toThrow("no owner");
  expect(list(folder.path)).toEqual(["tokens"]);
  expect(readFileSync(join(folder.path, "tokens"), "utf8")).toBe("old");
});

test("the log's folder is gone when its file is made, and links in it lead nowhere", () => {
  using folder = temporaryFolder();
  const [dir, link] = [join(folder.path, "dir"), join(folder.path, "link")];
  mkdirSync(dir);
  symlinkSync(dir, link);
  // The operator named a link: that is followed, once.
  const file = createLogFile(link, 2);
  expect(fstatSync(file).nlink).toBe(0);
  closeSync(file);
  expect(readdirSync(dir)).toEqual([]);
});
