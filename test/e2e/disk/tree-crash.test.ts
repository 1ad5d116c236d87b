import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { findPartial, openPartial } from "../../../cli/receive/find-partial.ts";
import type { OnExists } from "../../../cli/job/jobs.ts";
import { buildCrashing } from "./crashing-fs.ts";
import {
  bytesOf,
  DATA_BYTES,
  list,
  listTree,
  temporaryFolder,
  testTree,
} from "../../support/disk.ts";
import type { Orders } from "./receive-child.ts";

const D = DATA_BYTES;
const SEED = 31;
const ENTRIES = [
  { path: "d/a", size: D },
  { path: "d/deep/b", size: 2 * D + 5 },
  { path: "d/nothing" },
  { path: "d/empty", size: 0 },
  { path: "top", size: 20 },
];
const tree = testTree(SEED, ENTRIES);
const NAMES = ["d/", "d/a", "d/deep/", "d/deep/b", "d/empty", "d/nothing/", "top"];
/** Processes at once. */
const LANES = 3;

const build = temporaryFolder();
let program: string;
beforeAll(async () => {
  program = await buildCrashing(join(import.meta.dir, "receive-child.ts"), build.path);
});
afterAll(() => build[Symbol.dispose]());

async function run(orders: Orders, env: Record<string, string>): Promise<readonly string[]> {
  const child = Bun.spawn([process.execPath, program, JSON.stringify(orders)], {
    env: { ...process.env, ...env },
    stdout: "ignore",
    stderr: "pipe",
  });
  const said = await new Response(child.stderr).text();
  await child.exited;
  if (child.signalCode === null && child.exitCode !== 0) throw new Error(said);
  return said.split("\n").filter(Boolean);
}

/** Every file that has its name is whole, whatever happened; partials are left out. */
function expectWhole(dir: string, under: readonly string[]): void {
  for (const [path, bytes] of tree.contents) {
    const names = listTree(dir);
    for (const top of under) {
      const at = path.replace(/^d(?=\/)/, top);
      if (names.includes(at)) expect({ at, bytes: bytesOf(join(dir, at)) }).toEqual({ at, bytes });
    }
  }
}

describe("F28 kill -9 at every call to the file system, then another receiver goes on", () => {
  for (const onExists of ["number", "overwrite"] as const satisfies OnExists[]) {
    test(`with a folder of that name: ${onExists}`, async () => {
      using folder = temporaryFolder();
      const policy = { onExists, prefix: "", checksum: false };
      const place = (name: string): string => {
        const dir = join(folder.path, name);
        mkdirSync(join(dir, "d"), { recursive: true });
        writeFileSync(join(dir, "d/mine"), "mine");
        return dir;
      };
      const orders = { seed: SEED, size: 0, tree: ENTRIES, onExists, checkpointEvery: 2 };
      const calls = await run({ ...orders, dir: place("trace") }, { CRASH_TRACE: "1" });
      const top = onExists === "number" ? "d (1)" : "d";
      const theirs = NAMES.map((name) => name.replace(/^d(?=\/)/, top));
      const expected = [...new Set([...theirs, "d/", "d/mine"])].toSorted();
      expect(listTree(join(folder.path, "trace"))).toEqual(expected);

      const crash = async (at: number): Promise<void> => {
        const dir = place(`${at}`);
        await run({ ...orders, dir }, { CRASH_AT: `${at}` });
        expectWhole(dir, [top]);
        const found = findPartial({ dir, share: tree.share });
        const placed = listTree(dir).length === expected.length;
        if (found !== undefined || !placed) {
          const partial = found ?? openPartial({ ...tree, dir, policy });
          while (partial.next < partial.records) {
            partial.write(partial.next, tree.record(partial.next));
          }
          await partial.finish(policy);
        }
        expect({ at, names: listTree(dir) }).toEqual({ at, names: expected });
        expect({ at, left: list(dir).filter((name) => name.includes(".partial")) }).toEqual({
          at,
          left: [],
        });
        expectWhole(dir, [top]);
      };
      // The calls before the tree is whole are the same for both policies.
      const first = onExists === "number" ? 1 : calls.indexOf("renameSync") - 5;
      let next = first;
      await Promise.all(
        Array.from({ length: LANES }, async () => {
          while (next <= calls.length) await crash(next++);
        }),
      );
      expect(readdirSync(folder.path)).toHaveLength(calls.length - first + 2);
    });
  }
});
