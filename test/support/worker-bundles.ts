/**
 * The threads of the product as bundles with bytecode, for all test files of a run. A relay or a client of a test loads 200
 * sources in a thread of its own, which costs more than a short test in it: from a bundle it starts in half the time.
 * `steps.ts` starts this program, and `spare-scrypt.ts` hands the bundles out; a test file alone runs the sources.
 *
 *   bun test/support/worker-bundles.ts FOLDER    writes the bundles, each at the path of its source below FOLDER
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

import { WORKER_SCRIPTS } from "../../relay/system/binary.ts";

const ROOT = join(import.meta.dir, "../..");

/** A worker of the relay that tests let fail. */
const UNRULY = "test/e2e/relay/unruly-worker.ts";

/** Only a module of its own kind may wait at its top. What the client's thread waits for there is of Node alone. */
const WAITS = /^await (networkHere\(\));$/m;

/** Files beside a source are found as from the source. */
function asSource(path: string): string {
  const text = readFileSync(path, "utf8");
  const url = JSON.stringify(pathToFileURL(path).href);
  return text.replaceAll("import.meta.url", url).replace(WAITS, "void $1;");
}

export async function bundleWorkers(folder: string): Promise<void> {
  await Bun.build({
    entrypoints: [...WORKER_SCRIPTS, UNRULY].map((script) => join(ROOT, script)),
    root: ROOT,
    outdir: folder,
    target: "bun",
    format: "cjs",
    bytecode: true,
    plugins: [
      {
        name: "as the source",
        setup(build) {
          build.onLoad({ filter: /^(?!.*node_modules).*\.ts$/ }, ({ path }) => ({
            contents: asSource(path),
            loader: "ts",
          }));
        },
      },
    ],
  });
}

if (import.meta.main) await bundleWorkers(process.argv[2]!);
