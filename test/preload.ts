/** Before the tests of a process: what clients remember is of this run alone, and goes with it. */
import { afterAll } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const folder = mkdtempSync(join(tmpdir(), "fileshare-state-"));
process.env["XDG_STATE_HOME"] = folder;
afterAll(() => rmSync(folder, { recursive: true, force: true }));
