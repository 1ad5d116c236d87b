import { expect, test } from "bun:test";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { checkOut, ROOT } from "../../../bench/guard/checkout.ts";
import type { GuardResult } from "../../../bench/guard/guard.ts";
import { fileshareTls } from "../../../bench/systems/fileshare.ts";
import { withProduct } from "../../../bench/systems/product.ts";
import { measure, MiB } from "../../support/bench/load.ts";

test("guard compares a commit with the working tree, and keeps every run", async () => {
  const folder = mkdtempSync(join(tmpdir(), "bench-guard-"));
  try {
    const json = join(folder, "guard.json");
    const args = ["guard", "HEAD", "--rows", "small", "--rounds", "1", "--bound", "9999"];
    const child = Bun.spawn([process.execPath, "bench/main.ts", ...args, "--json", json], {
      cwd: ROOT,
      env: { ...process.env, TMPDIR: folder },
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    });
    const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text()]);
    expect(await child.exited, stderr).toBe(0);
    expect(stdout).toMatch(/^small +send to saved, s +\d/m);
    const { runs, compared } = (await Bun.file(json).json()) as GuardResult;
    expect(runs.map(({ side, run }) => [run.round, side])).toEqual([
      [0, "before"],
      [0, "after"],
    ]);
    expect(compared[0]?.ratio?.median).toBeGreaterThan(0);
    const left = [...new Bun.Glob("fileshare-bench-*").scanSync({ cwd: folder, onlyFiles: false })];
    expect(left).toEqual([]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("a commit is a folder of its own until it is disposed", async () => {
  let folder: string;
  {
    using checkout = await checkOut("HEAD");
    folder = checkout.folder;
    expect(folder).not.toBe(ROOT);
    const child = Bun.spawn([process.execPath, `${folder}/cli/main.ts`, "--version"]);
    expect(await child.exited).toBe(0);
  }
  expect(existsSync(folder)).toBe(false);
  // eslint-disable-next-line typescript/await-thenable -- the matcher is one
  await expect(checkOut("no-such-commit")).rejects.toThrow("no commit of this repository");
});

test("a relay of a checkout is loaded over TLS too", async () => {
  const run = await withProduct(ROOT, () => measure(fileshareTls, [{ kind: "healthy", count: 2 }]));
  expect(run.invalid).toBeUndefined();
  expect(run.bytes).toBe(2 * (5 * MiB + 1000));
  // The kernel counts in steps of 10 ms, so a short run may have none.
  expect(run.relayCpuSecondsPerGiB).toBeNumber();
});
