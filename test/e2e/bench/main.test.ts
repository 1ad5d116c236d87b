import { expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { BenchResult } from "../../../bench/result.ts";
import { startRelay } from "../../../relay/mod.ts";
import { breakRelay, dropping } from "../../support/bench/broken-relay.ts";

interface Ended {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function bench(...args: readonly string[]): Promise<Ended> {
  const child = Bun.spawn(
    [process.execPath, `${import.meta.dir}/../../../bench/main.ts`, ...args],
    {
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    },
  );
  const [stdout, stderr] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  return { exitCode: await child.exited, stdout, stderr };
}

const small = ["fanout", "--receivers", "2", "--size", "5MiB", "--rounds", "1"];

test("a relay that is there already is measured, and the report comes from the file alone", async () => {
  const folder = await mkdtemp(join(tmpdir(), "bench-"));
  try {
    await using relay = await startRelay();
    const json = join(folder, "result.json");
    const measured = await bench(...small, "--relay", relay.url, "--json", json);
    expect(measured).toMatchObject({ exitCode: 0 });
    expect(measured.stderr).toMatch(/\[1\/1\] round 1 fanout fileshare N=2 5MiB: .* s/);

    const result = (await Bun.file(json).json()) as BenchResult;
    expect(result.systems.map(({ name }) => name)).toEqual(["fileshare"]);
    expect(result.runs).toHaveLength(1);
    expect(result.runs[0]).toMatchObject({ scenario: "fanout", bytes: 10 * 1024 ** 2 });

    const again = await bench("report", json);
    expect(again).toMatchObject({ exitCode: 0, stdout: measured.stdout });
  } finally {
    await rm(folder, { recursive: true });
  }
});

test("a relay that loses a frame makes the bench fail loudly", async () => {
  await using relay = await startRelay();
  await using broken = breakRelay(relay.url, () => dropping(3));
  const { exitCode, stdout, stderr } = await bench(...small, "--relay", broken.url);
  expect(exitCode).toBe(1);
  expect(stderr).toContain("NO FIGURES: 2 times a frame was lost");
  expect(stdout).toMatch(/fileshare +2 +no figures/);
});

test("a report of what is no result says so in one sentence", async () => {
  const file = join(import.meta.dir, "../../../package.json");
  expect(await bench("report", file)).toEqual({
    exitCode: 2,
    stdout: "",
    stderr: `${file} is no result of the bench: version should be 1, not "0.1.0"\n`,
  });
  const missing = join(import.meta.dir, "missing.json");
  const { exitCode, stderr } = await bench("report", missing);
  expect(exitCode).toBe(2);
  expect(stderr).toStartWith(`${missing} can't be read: `);
});

test("a flag that is not known is refused", async () => {
  const { exitCode, stderr } = await bench("--sise", "1GiB");
  expect(exitCode).toBe(2);
  expect(stderr).toContain("--sise");
});
