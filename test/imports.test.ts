import { describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";

import manifest from "../package.json" with { type: "json" };
import {
  ROOMS,
  circles,
  crowdedLayers,
  outsideWorld,
  reachedFrom,
  wrongArrows,
  wrongRooms,
  type SourceFile,
} from "./import-arrows.ts";

const root = `${import.meta.dir}/..`;
const dependencies = Object.keys(manifest.dependencies);

async function sources(folders: string): Promise<SourceFile[]> {
  const paths = await Array.fromAsync(new Bun.Glob(`${folders}/**/*.{ts,tsx}`).scan({ cwd: root }));
  return Promise.all(
    paths
      .toSorted()
      .map(async (path) => ({ path, text: await Bun.file(`${root}/${path}`).text() })),
  );
}

function arrows(path: string, text: string): string[] {
  return wrongArrows([{ path, text }], dependencies);
}

describe("the imports of the tree", () => {
  test("point one way", async () => {
    const files = await sources("{protocol,relay,cli,web}");
    expect(files.length).toBeGreaterThan(0);
    expect(wrongArrows(files, dependencies)).toEqual([]);
  });

  test("let the command line have the table of operator limits, which imports the protocol alone", async () => {
    const files = await sources("relay/limits");
    const text = files.find(({ path }) => path.endsWith("/operator-limits.ts"))?.text ?? "";
    const imports = [...text.matchAll(/ from "([^"]+)";/g)].map(([, path]) => path);
    expect(imports.length).toBeGreaterThan(0);
    for (const path of imports) expect(path).toStartWith("../../protocol/");
    const arrow = `import { x } from "../../relay/limits/operator-limits.ts"; x();`;
    expect(arrows("cli/commands/a.ts", arrow)).toEqual([]);
    expect(arrows("web/deep/a.ts", arrow)).toHaveLength(1);
  });

  test("point down from room to room", async () => {
    expect(wrongRooms(await sources("{protocol,relay,cli,web}"))).toEqual([]);
  });

  test("form no circle, lazy imports and types counted", async () => {
    expect(circles(await sources("{protocol,relay,cli,web,bench}"))).toEqual([]);
  });

  test("start from rooms: few files lie beside them", async () => {
    expect(crowdedLayers(await sources("{protocol,relay,cli,web}"))).toEqual([]);
  });

  test("lead to rooms that say what they own, import and are called by, in three to ten lines", async () => {
    for (const [layer, rooms] of Object.entries(ROOMS)) {
      for (const room of rooms.filter((each) => !each.endsWith(".ts"))) {
        const path = `${layer}/${room}/README.md`;
        const text = await Bun.file(`${root}/${path}`).text();
        const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
        expect([path, lines.length >= 3 && lines.length <= 10]).toEqual([path, true]);
        for (const [, name = ""] of text.matchAll(/`([a-z-]+\.ts)`/g)) {
          expect([path, name, existsSync(`${root}/${layer}/${room}/${name}`)]).toEqual([
            path,
            name,
            true,
          ]);
        }
        expect([path, /\bimports?\b/i.test(text), /\bcalled by\b/i.test(text)]).toEqual([
          path,
          true,
          true,
        ]);
      }
    }
  });

  test("the library, which runs in Node too, uses Bun by its own files for that alone", async () => {
    const apart = new Set([
      "cli/system/runtime.ts",
      "cli/connection/relay-socket.ts",
      "cli/connection/node-network.ts",
      "relay/system/binary.ts",
    ]);
    const entries = ["cli/mod.ts", "cli/library/worker.ts"];
    const files = reachedFrom(entries, await sources("{protocol,relay,cli}"));
    expect(files.length).toBeGreaterThan(100);
    const found = files.filter(({ path, text }) => {
      const code = text.replaceAll(/\/\*[^]*?\*\/|\/\/.*/g, "");
      return !apart.has(path) && /\bBun\.|\bWebSocket\(|declare const self\b/.test(code);
    });
    expect(found.map(({ path }) => path)).toEqual([]);
  });

  test("protocol/ uses no clock, no I/O and nothing of Bun", async () => {
    const found = (await sources("protocol")).flatMap(outsideWorld);
    expect(found).toEqual([]);
  });
});

describe("the checker", () => {
  test.each([
    ["protocol/a.ts", `import { x } from "../relay/mod.ts"; x();`, "../relay/mod.ts"],
    ["protocol/a.ts", `import { createHash } from "node:crypto"; createHash("x");`, "node:crypto"],
    ["protocol/a.ts", `import { file } from "bun"; file("x");`, "bun"],
    ["protocol/a.ts", `import { consola } from "consola"; consola.log(1);`, "consola"],
    ["protocol/a.ts", `import manifest from "../package.json"; manifest;`, "../package.json"],
    ["protocol/crypto/crypto-node.ts", `import "bun:ffi";`, "bun:ffi"],
    ["relay/deep/a.ts", `export * from "../../cli/mod.ts";`, "../../cli/mod.ts"],
    [
      "relay/a.ts",
      `import type { X } from "../cli/mod.ts"; export const x: X = 1;`,
      "../cli/mod.ts",
    ],
    [
      "relay/a.ts",
      `import { type X } from "../cli/mod.ts"; export const x: X = 1;`,
      "../cli/mod.ts",
    ],
    ["relay/a.ts", `export type { X } from "../cli/mod.ts";`, "../cli/mod.ts"],
    ["relay/a.ts", `import fc from "fast-check"; fc.check;`, "fast-check"],
    ["cli/a.ts", `import { serve } from "../relay/mod.ts"; serve();`, "../relay/mod.ts"],
    ["cli/a.ts", `await import("../relay/log.ts");`, "../relay/log.ts"],
    ["cli/a.ts", `import { run } from "../test/demo/main.ts"; run();`, "../test/demo/main.ts"],
    ["web/a.ts", `import { x } from "../cli/mod.ts"; x();`, "../cli/mod.ts"],
    ["web/a.ts", `import { join } from "node:path"; join();`, "node:path"],
    ["web/a.ts", `await import("../bench/mod.ts");`, "../bench/mod.ts"],
  ])("refuses in %s: %s", (path, text, specifier) => {
    expect(arrows(path, text)).toEqual([`${path} must not import ${specifier}`]);
  });

  test.each([
    ["protocol/a.ts", `import { b } from "./b.ts"; import * as v from "valibot"; v.any(b);`],
    ["protocol/a.ts", `import { sha256 } from "@noble/hashes/sha2.js"; sha256;`],
    [
      "protocol/crypto/crypto-node.ts",
      `import { createHash } from "node:crypto"; createHash("x");`,
    ],
    ["relay/a.ts", `import { x } from "../protocol/mod.ts"; import "bun"; import "node:fs"; x();`],
    ["cli/commands/relay.ts", `const { start } = await import("../../relay/mod.ts"); start();`],
    ["cli/main.ts", `#!/usr/bin/env bun\nimport { run } from "citty"; run();`],
    ["cli/a.ts", `import manifest from "../package.json" with { type: "json" }; manifest;`],
    ["web/a.ts", `import { x } from "../protocol/mod.ts"; x();`],
    ["test/a.ts", `import "../bench/mod.ts"; import "../relay/mod.ts"; import "fast-check";`],
    [
      "relay/a.ts",
      `// import { x } from "../cli/mod.ts"\nexport const said = 'from "../cli/mod.ts"';`,
    ],
  ])("allows in %s: %s", (path, text) => {
    expect(arrows(path, text)).toEqual([]);
  });

  test("finds an import that points up, also a lazy one and one of a type", () => {
    const up = [
      { path: "relay/log/a.ts", text: `import { x } from "../share/b.ts"; x();` },
      { path: "relay/log/b.ts", text: `import type { X } from "../share/b.ts"; let x: X;` },
      { path: "cli/system/c.ts", text: `await import("../commands/d.ts");` },
      { path: "cli/d.ts", text: "" },
      { path: "relay/share/e.ts", text: `import { x } from "../log/a.ts"; x();` },
    ];
    expect(wrongRooms(up)).toEqual([
      "relay/log/a.ts must not import relay/share/b.ts, which lies above it",
      "relay/log/b.ts must not import relay/share/b.ts, which lies above it",
      "cli/system/c.ts must not import cli/commands/d.ts, which lies above it",
      "cli/d.ts lies in no room",
    ]);
  });

  test("finds a circle of lazy and of type imports, and a crowded folder", () => {
    const ring = [
      { path: "relay/a.ts", text: `import type { B } from "./b.ts"; let b: B;` },
      { path: "relay/b.ts", text: `await import("./c.ts");` },
      { path: "relay/c.ts", text: `export * from "./a.ts";` },
      { path: "relay/d.ts", text: `import "./a.ts";` },
    ];
    expect(circles(ring)).toEqual([["relay/a.ts", "relay/b.ts", "relay/c.ts"]]);
    const seven = Array.from({ length: 7 }, (_, index) => ({ path: `cli/${index}.ts`, text: "" }));
    expect(crowdedLayers(seven)).toEqual(["cli/ holds 7 files outside its rooms"]);
    expect(crowdedLayers(seven.slice(1))).toEqual([]);
  });

  test.each([
    ["const now = Date.now();", ["Date.now"]],
    ["export const later = () => setTimeout(() => 1, 5);", ["setTimeout("]],
    ["export const hash = Bun.hash(1);", ["Bun.hash"]],
    ["// Bun.hash\nexport const at = new Date(5); at.fetch();", []],
  ])("finds the outside world in %s", (text, found) => {
    const path = "protocol/a.ts";
    expect(outsideWorld({ path, text })).toEqual(found.map((what) => `${path} uses ${what}`));
  });
});
