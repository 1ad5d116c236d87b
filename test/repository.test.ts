import { expect, test } from "bun:test";
import { stat } from "node:fs/promises";

import manifest from "../package.json" with { type: "json" };
import { FROM_SOURCES, LONGEST, LONG_WIRE } from "./tiers.ts";

const root = `${import.meta.dir}/..`;
const read = (path: string): Promise<string> => Bun.file(`${root}/${path}`).text();

/** Every file of the repository that a person wrote, built and installed things left out. */
async function files(): Promise<string[]> {
  const all = await Array.fromAsync(new Bun.Glob("**/*").scan({ cwd: root, dot: true }));
  // In a worktree .git is a file.
  return all.filter((path) => !/(?:^|\/)(?:node_modules|\.git|dist)(?:\/|$)/.test(path)).toSorted();
}

test("the licence is MIT", async () => {
  expect(await read("LICENSE")).toStartWith(
    "MIT License\n\nCopyright (c) 2026 The fileshare authors",
  );
  expect(manifest.license).toBe("MIT");
});

test("the lockfile names no address", async () => {
  expect((await read("bun.lock")).match(/https?:\/\/|registry/gi)).toBeNull();
});

test("every dependency has an exact version", () => {
  const { fileshare, ...others } = { ...manifest.dependencies, ...manifest.devDependencies };
  expect(fileshare).toBe("file:.");
  const loose = Object.entries(others).filter(([, version]) => !/^\d+\.\d+\.\d+$/.test(version));
  expect(loose).toEqual([]);
});

test("no dependency's install script runs", () => {
  expect(manifest.trustedDependencies).toEqual([]);
});

test("one version of Bun is named everywhere", async () => {
  const version = manifest.devDependencies["bun-types"];
  expect(manifest.engines.bun).toBe(`>=${version}`);
  for (const path of await files()) {
    if (!/\.(?:md|ts|json|ya?ml)$|^\.ci\//.test(path)) continue;
    for (const [, named] of (await read(path)).matchAll(/\bbun@(\d[\w.]*\w)/g)) {
      expect(`${path}: ${named}`).toBe(`${path}: ${version}`);
    }
  }
});

test.each([manifest.bin.fileshare, ".ci/run"])("%s can be executed", async (path) => {
  expect(await read(path)).toStartWith("#!/usr/bin/env ");
  expect((await stat(`${root}/${path}`)).mode & 0o111).toBe(0o111);
});

test.each([...new Set([...LONG_WIRE, ...LONGEST, ...FROM_SOURCES])])(
  "%s, which the tiers name, is a test",
  async (path) => {
    expect((await stat(`${root}/test/${path}`)).isFile()).toBe(true);
  },
);

test("no file names the place where it was written", async () => {
  // Put together from pieces, so that this file doesn't match itself.
  const place = new RegExp(
    [
      ["(?<![\\w.~*)}])/(?:wo", "rk|fa", "rm)/"],
      ["tmp/p", "lan|opt/b", "unbox"],
      ["registry\\.n", "pmjs"],
    ]
      .map((pieces) => pieces.join(""))
      .join("|"),
  );
  expect(["see /wo", "rk/main"].join("")).toMatch(place);
  expect(["see bench", "work", "main"].join("/")).not.toMatch(place);
  const found: string[] = [];
  for (const path of await files()) {
    const line = (await read(path)).split("\n").find((text) => place.test(text));
    if (line !== undefined) found.push(`${path}: ${line.trim().slice(0, 120)}`);
  }
  expect(found).toEqual([]);
});
