import { describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { join } from "node:path";

import { temporaryFolder } from "../../support/disk.ts";
import { mountNamespace } from "../../needs.ts";

const NAMESPACE = mountNamespace();

describe.skipIf(NAMESPACE === undefined)("a full disk (needs unshare and tmpfs)", () => {
  test("makes a relay not ready, until there is room again", () => {
    using folder = temporaryFolder();
    const child = join(import.meta.dir, "full-disk-child.ts");
    const script = 'mount -t tmpfs -o size=100m none "$1" && exec "$2" "$3" "$1"';
    const args = ["sh", "-c", script, "sh", folder.path, process.execPath, child];
    const run = spawnSync("unshare", [NAMESPACE!, ...args], { encoding: "utf8" });
    expect(run.stderr).toBe("");
    const full = "503 the disk of the log is full";
    expect(JSON.parse(run.stdout)).toEqual(["200 ok", full, "200 ok"]);
  });
});
