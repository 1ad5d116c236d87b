/**
 * Builds a program so that the process kills itself at the n-th call that changes the file
 * system (CRASH_AT), before it is done or, for a write, in the middle of it (CRASH_HALF).
 * All calls are the real ones. With CRASH_TRACE it lists them on stderr instead.
 */
import * as fs from "node:fs";
import { join } from "node:path";

const CHANGING = new Set([
  "closeSync",
  "fchmodSync",
  "fdatasync",
  "fsync",
  "fsyncSync",
  "ftruncateSync",
  "futimesSync",
  "linkSync",
  "mkdirSync",
  "openSync",
  "renameSync",
  "rmdirSync",
  "rmSync",
  "unlinkSync",
  "utimesSync",
  "writeSync",
]);

function moduleSource(): string {
  const lines = ['const real = process.getBuiltinModule("node:fs");'];
  lines.push(`let calls = 0;
    const at = Number(process.env.CRASH_AT ?? 0);
    function crash(name, args) {
      if (process.env.CRASH_TRACE) process.stderr.write(name + "\\n");
      if (++calls !== at) return;
      if (process.env.CRASH_HALF && name === "writeSync") {
        const [fd, bytes, offset, length, position] = args;
        real.writeSync(fd, bytes, offset, Math.floor(length / 2), position);
      }
      process.kill(process.pid, "SIGKILL");
    }`);
  for (const name of Object.keys(fs)) {
    if (name === "default" || !/^[A-Za-z_]\w*$/.test(name)) continue;
    lines.push(
      CHANGING.has(name)
        ? `export function ${name}(...args) { crash("${name}", args); return real.${name}(...args); }`
        : `export const ${name} = real.${name};`,
    );
  }
  return lines.join("\n");
}

/** @returns the path of the program in `outdir`. */
export async function buildCrashing(entry: string, outdir: string): Promise<string> {
  const built = await Bun.build({
    entrypoints: [entry],
    outdir,
    target: "bun",
    naming: "crashing.js",
    plugins: [
      {
        name: "crashing-fs",
        setup(build) {
          // The bundler takes node:fs for itself, so the sources ask for another name.
          build.onLoad({ filter: /[\\/]cli[\\/].+\.ts$/ }, async ({ path }) => ({
            contents: (await Bun.file(path).text()).replace('"node:fs"', '"crashing:fs"'),
            loader: "ts",
          }));
          build.onResolve({ filter: /^crashing:fs$/ }, () => ({
            path: "fs",
            namespace: "crashing",
          }));
          build.onLoad({ filter: /.*/, namespace: "crashing" }, () => ({
            contents: moduleSource(),
            loader: "js",
          }));
        },
      },
    ],
  });
  if (!built.success) throw new AggregateError(built.logs);
  return join(outdir, "crashing.js");
}
