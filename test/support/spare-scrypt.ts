/**
 * Loaded before the clients of tests, in whatever process: scrypt, a good part of what a short transfer
 * costs, is computed once for each code of a run of tests, and never for known codes. The first client of
 * another code computes it truly. So does `scryptSync` in the process of the tests, always. Threads of the product start from
 * bundles, where the run has made them, and the page is bundled once.
 */
import type { ScryptOptions } from "node:crypto";
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { join } from "node:path";

/** Where masters are kept for the next, by the hash of their code; of this run alone. */
const folder = process.env["SPARED_SCRYPTS"];

/** A thread that computes no scrypt. */
const WITHOUT_SCRYPT = "/relay/worker/worker.ts";

/** The address of the sources. */
const ROOT = new URL("../../", import.meta.url).href;

type Scrypt = (secret: Uint8Array, salt: Uint8Array, length: number) => Uint8Array;

/** The master of a code that is known or was computed before. */
async function spared(
  folder: string,
): Promise<(...of: Parameters<Scrypt>) => Uint8Array | undefined> {
  const { KNOWN, WRITTEN_OUT } = await import("./clients/known-masters.ts");
  const known = new Map<string, string>([...KNOWN, ...WRITTEN_OUT]);
  return (secret, salt, length) => {
    const master = known.get(new TextDecoder().decode(secret));
    if (master !== undefined) return Uint8Array.fromHex(master);
    const path = pathOf(folder, secret, salt, length);
    return existsSync(path) ? readFileSync(path) : undefined;
  };
}

function pathOf(folder: string, ...[secret, salt, length]: Parameters<Scrypt>): string {
  const name = new Bun.SHA256().update(secret).update(salt).update(`${length}`).digest("hex");
  return join(folder, name);
}

function keep(made: Uint8Array, path: string): void {
  const own = `${path}.${crypto.randomUUID()}`;
  try {
    writeFileSync(own, made);
    renameSync(own, path);
  } catch {
    // A command of another user, or with a full disk: the next client computes it too.
  }
}

/** A client of the library computes the master in its thread. */
async function spareThread(folder: string): Promise<void> {
  const node = process.getBuiltinModule("node:crypto");
  const find = await spared(folder);
  const whole = node.scryptSync;
  const scryptSync = (
    secret: Uint8Array,
    salt: Uint8Array,
    length: number,
    costs: ScryptOptions,
  ): Buffer => {
    const found = find(secret, salt, length);
    if (found !== undefined) return Buffer.from(found);
    const made = whole(secret, salt, length, costs);
    keep(made, pathOf(folder, secret, salt, length));
    return made;
  };
  Object.assign(node, { scryptSync });
  syncBuiltinESMExports();
}

/** A command, and the library in a test, compute the master beside their main thread, by `scrypt` of node:crypto. */
export function spareCommand(folder: string): void {
  const node = process.getBuiltinModule("node:crypto");
  const whole = node.scrypt;
  const scrypt = (
    secret: Uint8Array,
    salt: Uint8Array,
    length: number,
    costs: ScryptOptions,
    then: (error: Error | null, key: Buffer) => void,
  ): void => {
    const compute = (): void =>
      whole(secret, salt, length, costs, (error, key) => {
        if (!(error instanceof Error)) keep(key, pathOf(folder, secret, salt, length));
        then(error, key);
      });
    void spared(folder).then((find) => {
      const found = find(secret, salt, length);
      if (found === undefined) compute();
      else then(null, Buffer.from(found));
    });
  };
  Object.assign(node, { scrypt });
  syncBuiltinESMExports();
}

/** The same thread of the product as a bundle, where this run has one: see worker-bundles.ts. */
function bundleOf(script: string): string | undefined {
  const bundles = process.env["RUN_WORKERS"];
  if (bundles === undefined || !script.startsWith(ROOT)) return undefined;
  const path = join(bundles, script.slice(ROOT.length).replace(/\.ts$/, ".js"));
  return existsSync(path) ? path : undefined;
}

if (!Bun.isMainThread) {
  if (folder !== undefined) await spareThread(folder);
} else {
  Bun.plugin({
    name: "the page of this run",
    setup(build) {
      build.onResolve({ filter: /^\.\/build\.ts$/ }, ({ importer }) => {
        if (!importer.endsWith("/web/mod.ts")) return undefined;
        return { path: join(import.meta.dir, "spare-page.ts") };
      });
    },
  });
  // In the process of the tests the folder is named later, and preload.ts calls this.
  if (folder !== undefined) spareCommand(folder);
  globalThis.Worker = class extends Worker {
    constructor(url: string | URL, options: WorkerOptions = {}) {
      const script = String(url);
      const preload = script.endsWith(WITHOUT_SCRYPT) ? [] : [import.meta.path];
      super(bundleOf(script) ?? url, { ...options, preload });
    }
  };
}
