/**
 * The one place that says how tests start the command line: from its sources, or as the binary that FILESHARE_BINARY names.
 * `FILESHARE_BINARY=dist/fileshare-linux-x64 bun test test/e2e/...` runs the same tests against a binary.
 */
export const MAIN = new URL("../../../cli/main.ts", import.meta.url).pathname;

/** The binary, as test/support/preload.ts found it; undefined: the sources are tested. */
export const BINARY = process.env["TESTED_BINARY"];

/** The first words of each command. */
export const FILESHARE: readonly string[] =
  BINARY === undefined ? [process.execPath, MAIN] : [BINARY];

/** The same for a shell. */
export const SHELL_FILESHARE = FILESHARE.map((word) => `'${word}'`).join(" ");
