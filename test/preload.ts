/** Before the tests of a process: what clients remember is of this run alone, and goes with it. */
import { afterAll } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import "./spare-scrypt.ts";

const folder = mkdtempSync(join(tmpdir(), "fileshare-state-"));
process.env["XDG_STATE_HOME"] = folder;
const scrypts = mkdtempSync(join(tmpdir(), "fileshare-scrypts-"));
process.env["SPARED_SCRYPTS"] = scrypts;
// For every bun that a test starts; a path with spaces has no way in.
const spare = join(import.meta.dir, "spare-scrypt.ts");
if (!spare.includes(" ")) process.env["BUN_OPTIONS"] = `--preload=${spare}`;
afterAll(() => {
  for (const path of [folder, scrypts]) rmSync(path, { recursive: true, force: true });
});
