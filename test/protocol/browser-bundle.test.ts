import { expect, test } from "bun:test";
import { builtinModules } from "node:module";
import { createContext, runInContext } from "node:vm";

const entry = `${import.meta.dir}/../../protocol/mod.ts`;

test("protocol/mod.ts bundles for a browser without Node's or Bun's modules, and loads there", async () => {
  const builtins = new Set([...builtinModules, "bun"]);
  const asked: string[] = [];
  const built = await Bun.build({
    entrypoints: [entry],
    target: "browser",
    format: "iife",
    plugins: [
      {
        name: "record built-in modules",
        setup(build) {
          build.onResolve({ filter: /.*/ }, ({ path, importer }) => {
            if (/^(?:node|bun):/.test(path) || builtins.has(path))
              asked.push(`${importer}: ${path}`);
            return undefined;
          });
        },
      },
    ],
  });
  expect(asked).toEqual([]);
  const [output] = built.outputs;
  if (output === undefined) throw new Error("the bundle is empty");

  // The globals of a page that the protocol may use: no Bun, no process, no require.
  const page = createContext({ TextEncoder, TextDecoder, crypto, URL, console });
  const bundle = await output.text();
  expect(() => {
    runInContext(bundle, page);
  }).not.toThrow();
});
