/** Before each test file: what clients remember is of this run alone, and goes with it. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const folder = mkdtempSync(join(tmpdir(), "fileshare-state-"));
process.env["XDG_STATE_HOME"] = folder;
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
