import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { findPartial, openPartial } from "../../../cli/receive/find-partial.ts";
import type { FinishPolicy } from "../../../cli/receive/place.ts";
import { buildCrashing } from "./crashing-fs.ts";
import {
  bytesOf,
  DATA_BYTES,
  list,
  seededBytes,
  temporaryFolder,
  testShare,
} from "../../support/disk.ts";
import type { Orders } from "./receive-child.ts";

const CHILD = join(import.meta.dir, "receive-child.ts");
const SIZE = 3 * DATA_BYTES + 5;

const build = temporaryFolder();
let program: string;
beforeAll(async () => {
  program = await buildCrashing(CHILD, build.path);
});
afterAll(() => build[Symbol.dispose]());

interface Run {
  readonly killed: boolean;
  readonly lines: Record<string, unknown>[];
  readonly calls: string[];
}

async function run(orders: Orders, env: Record<string, string>): Promise<Run> {
  const child = Bun.spawn([process.execPath, program, JSON.stringify(orders)], {
    env: { ...process.env, ...env },
    stderr: "pipe",
  });
  const [out, err] = await Promise.all([textOf(child.stdout), textOf(child.stderr)]);
  await child.exited;
  if (child.signalCode === null && child.exitCode !== 0) throw new Error(err);
  return {
    killed: child.signalCode === "SIGKILL",
    lines: out
      .split("\n")
      .filter(Boolean)
      .map((line) => JSON.parse(line) as Record<string, unknown>),
    calls: err.split("\n").filter(Boolean),
  };
}

/** A second receiver goes on from the files that the killed one left. */
async function goOn(
  dir: string,
  seed: number,
  onExists: FinishPolicy["onExists"],
): Promise<number> {
  const { manifest, head, receiver, share, record } = testShare(seed, SIZE);
  const partial = findPartial({ dir, share }) ?? openPartial({ dir, manifest, head, receiver });
  const begun = partial.next;
  while (partial.next < manifest.records) partial.write(partial.next, record(partial.next));
  await partial.finish({ onExists });
  return begun;
}

function textOf(stream: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<string> {
  return new Response(stream).text();
}

/** In its place, and no longer known to be new: receiving again would be a second file. */
function isDone(dir: string, final: string): boolean {
  const partials = list(dir).filter((name) => name.endsWith(".partial"));
  const placed = existsSync(join(dir, final)) && statSync(join(dir, final)).size === SIZE;
  return placed && !partials.some((name) => list(join(dir, name)).includes("journal"));
}

describe("F28 kill -9 at every call to the file system, then another receiver goes on", () => {
  for (const onExists of ["number", "overwrite", "fail"] as const) {
    test(`on an existing file: ${onExists}`, async () => {
      using folder = temporaryFolder();
      const seed = 5;
      const { content, share } = testShare(seed, SIZE);
      const others = new Map(onExists === "fail" ? [] : [["report.pdf", "mine"]]);
      const place = (name: string): string => {
        const dir = join(folder.path, name);
        mkdirSync(dir);
        for (const [file, text] of others) writeFileSync(join(dir, file), text);
        return dir;
      };
      const final = onExists === "number" ? "report (1).pdf" : "report.pdf";
      const expected = [...new Set([...others.keys(), final])].toSorted();
      const orders = { seed, size: SIZE, onExists, checkpointEvery: 2 };

      const { calls } = await run({ ...orders, dir: place("trace") }, { CRASH_TRACE: "1" });
      expect(calls).toContain("fdatasync");
      expect(calls).toContain(onExists === "overwrite" ? "renameSync" : "linkSync");

      const crash = async (at: number, half: boolean): Promise<void> => {
        const dir = place(`${at}${half ? "-half" : ""}`);
        const { killed } = await run(
          { ...orders, dir },
          { CRASH_AT: `${at}`, ...(half && { CRASH_HALF: "1" }) },
        );
        expect(killed).toBe(true);
        if (isDone(dir, final)) expect(findPartial({ dir, share })).toBeUndefined();
        else await goOn(dir, seed, onExists);
        expect({ at, half, files: list(dir) }).toEqual({ at, half, files: expected });
        expect(bytesOf(join(dir, final))).toEqual(content);
        if (onExists === "number")
          expect(readFileSync(join(dir, "report.pdf"), "utf8")).toBe("mine");
      };
      const jobs: (() => Promise<void>)[] = [];
      for (const [i, name] of calls.entries()) {
        // The calls before the file is whole are the same for all policies.
        if (onExists !== "number" && i < calls.lastIndexOf("fsync")) continue;
        jobs.push(() => crash(i + 1, false));
        if (name === "writeSync") jobs.push(() => crash(i + 1, true));
      }
      await Promise.all(
        [0, 1, 2].map(async (lane) => {
          for (let i = lane; i < jobs.length; i += 3) await jobs[i]!();
        }),
      );
    });
  }
});

describe("F28 kill -9 from outside, again and again", () => {
  for (const seed of [11, 12, 13, 14]) {
    test(`seed ${seed}: each receiver begins where the last one was`, async () => {
      using folder = temporaryFolder();
      const dir = folder.path;
      const size = 20 * DATA_BYTES + seed;
      const { manifest, content } = testShare(seed, size);
      const stops = seededBytes(seed, 3)
        .map((byte) => 1 + (byte % (manifest.records - 1)))
        .toSorted((a, b) => a - b);
      let next = 0;
      for (const stopAfter of new Set(stops)) {
        const orders: Orders = { dir, seed, size, onExists: "fail", stopAfter, checkpointEvery: 4 };
        const child = Bun.spawn([process.execPath, CHILD, JSON.stringify(orders)]);
        const said = await firstLines(child.stdout, 2);
        expect(said).toEqual([{ found: next > 0, next }, { stopped: stopAfter }]);
        child.kill("SIGKILL");
        await child.exited;
        expect(list(dir)).not.toContain("report.pdf");
        next = stopAfter;
      }
      const last: Orders = { dir, seed, size, onExists: "fail", checkpointEvery: 4 };
      const child = Bun.spawn([process.execPath, CHILD, JSON.stringify(last)]);
      const lines = (await textOf(child.stdout)).trim().split("\n");
      expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual([
        { found: next > 0, next },
        { path: join(dir, "report.pdf") },
      ]);
      expect(bytesOf(join(dir, "report.pdf"))).toEqual(content);
      expect(list(dir)).toEqual(["report.pdf"]);
    });
  }

  test("F30 a partial whose receiver lives is left to it, and that of a dead one goes to one only", async () => {
    using folder = temporaryFolder();
    const dir = folder.path;
    const seed = 21;
    const size = 20 * DATA_BYTES;
    const { share, manifest, head, receiver } = testShare(seed, size);
    const orders: Orders = { dir, seed, size, onExists: "fail", stopAfter: 6, checkpointEvery: 4 };
    const child = Bun.spawn([process.execPath, CHILD, JSON.stringify(orders)]);
    await firstLines(child.stdout, 2);
    expect(findPartial({ dir, share })).toBeUndefined();
    child.kill("SIGKILL");
    await child.exited;
    const first = findPartial({ dir, share });
    const second = findPartial({ dir, share });
    expect({ first: first?.next, second }).toEqual({ first: 6, second: undefined });
    const third = openPartial({ dir, manifest, head, receiver });
    expect(third.path).not.toBe(first!.path);
    await first!.discard();
    await third.discard();
    expect(list(dir)).toEqual([]);
  });

  test("F30 receivers that race for the partial of a dead one all end with a whole file", async () => {
    using folder = temporaryFolder();
    const dir = folder.path;
    const seed = 22;
    const size = 200 * DATA_BYTES;
    const { content } = testShare(seed, size);
    const orders: Orders = { dir, seed, size, onExists: "number", checkpointEvery: 8 };
    const first = Bun.spawn([
      process.execPath,
      CHILD,
      JSON.stringify({ ...orders, stopAfter: 50 }),
    ]);
    await firstLines(first.stdout, 2);
    first.kill("SIGKILL");
    await first.exited;
    const racing = await Promise.all(
      [1, 2, 3, 4].map(async () => {
        const child = Bun.spawn([process.execPath, CHILD, JSON.stringify(orders)]);
        const lines = (await textOf(child.stdout)).trim().split("\n");
        return lines.map((line) => JSON.parse(line) as { found?: boolean; path?: string });
      }),
    );
    expect(racing.filter(([line]) => line?.found).length).toBe(1);
    const names = ["report (1).pdf", "report (2).pdf", "report (3).pdf", "report.pdf"];
    expect(racing.map(([, line]) => line?.path ?? "").toSorted()).toEqual(
      names.map((name) => join(dir, name)),
    );
    expect(list(dir)).toEqual(names);
    for (const name of names) expect(bytesOf(join(dir, name))).toEqual(content);
  });
});

async function firstLines(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
  count: number,
): Promise<unknown[]> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of stream) {
    text += decoder.decode(chunk, { stream: true });
    if (text.split("\n").length > count) break;
  }
  return text
    .split("\n")
    .slice(0, count)
    .map((line) => JSON.parse(line) as unknown);
}
