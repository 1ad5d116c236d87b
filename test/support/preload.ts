/** Before the tests of a process: what clients remember is of this run alone, and goes with it. */
import { afterAll } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { TEST_MS } from "./patience.ts";
import { spareCommand } from "./spare-scrypt.ts";

// Of several files in one process Bun heeds a default in the first alone, so each sets it anew: in its
// first line, which keeps the numbers of all lines.
const SETS_IT = `import { setDefaultTimeout as everyTestMay } from "bun:test"; everyTestMay(${TEST_MS}); `;

Bun.plugin({
  name: "the time that a test may take",
  setup(build) {
    build.onLoad({ filter: /\.test\.ts$/ }, async ({ path }) => {
      return { loader: "ts", contents: SETS_IT + (await Bun.file(path).text()) };
    });
  },
});

// Programs complain of variables with their name that they do not know.
const { FILESHARE_BINARY } = process.env;
if (FILESHARE_BINARY !== undefined) process.env["TESTED_BINARY"] = resolve(FILESHARE_BINARY);
delete process.env["FILESHARE_BINARY"];

const folder = mkdtempSync(join(tmpdir(), "fileshare-state-"));
process.env["XDG_STATE_HOME"] = folder;
const own = [folder];
// `bun run test` and `check` have one folder for all test files.
let scrypts = process.env["RUN_SCRYPTS"];
if (scrypts === undefined) {
  scrypts = mkdtempSync(join(tmpdir(), "fileshare-scrypts-"));
  own.push(scrypts);
}
process.env["SPARED_SCRYPTS"] = scrypts;
spareCommand(scrypts);
// For every bun that a test starts; a path with spaces has no way in.
const spare = join(import.meta.dir, "spare-scrypt.ts");
if (!spare.includes(" ")) process.env["BUN_OPTIONS"] = `--preload=${spare}`;
afterAll(() => {
  for (const path of own) rmSync(path, { recursive: true, force: true });
});
