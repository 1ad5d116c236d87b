/**
 * Loaded before the clients of tests, in whatever process: scrypt, a good part of what a short transfer
 * costs, is computed once for each code of a run of tests, and never for known codes. The first client of
 * another code computes it truly.
 */
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Where masters are kept for the next, by the hash of their code; of this run alone. */
const folder = process.env["SPARED_SCRYPTS"];

/** Only threads derive keys that nobody looks at. */
async function spare(folder: string): Promise<void> {
  const { nodePrimitives } = await import("../../protocol/crypto/crypto-node.ts");
  const { KNOWN, WRITTEN_OUT } = await import("./clients/known-masters.ts");
  const known = new Map<string, string>([...KNOWN, ...WRITTEN_OUT]);
  const whole = { ...nodePrimitives };
  const scrypt: typeof nodePrimitives.scrypt = (secret, salt, length) => {
    const master = known.get(new TextDecoder().decode(secret));
    if (master !== undefined) return Uint8Array.fromHex(master);
    const name = new Bun.SHA256().update(secret).update(salt).update(`${length}`).digest("hex");
    const path = join(folder, name);
    if (existsSync(path)) return readFileSync(path);
    const made = whole.scrypt(secret, salt, length);
    const own = `${path}.${crypto.randomUUID()}`;
    writeFileSync(own, made);
    renameSync(own, path);
    return made;
  };
  Object.assign(nodePrimitives, { scrypt });
}

if (!Bun.isMainThread) {
  if (folder !== undefined) await spare(folder);
} else {
  globalThis.Worker = class extends Worker {
    constructor(url: string | URL, options: WorkerOptions = {}) {
      super(url, { ...options, preload: [import.meta.path] });
    }
  };
}
