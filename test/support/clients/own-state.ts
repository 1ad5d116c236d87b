/** A state folder of its own for each test of a file. */
import { afterEach, beforeEach } from "bun:test";

import { temporaryFolder } from "../disk.ts";

/**
 * To be called once, outside of tests: each test has a state folder of its own.
 * @returns the folder of the test that runs
 */
export function stateOfEachTest(): { readonly path: string } {
  const variable = "XDG_STATE_HOME";
  let folder: ReturnType<typeof temporaryFolder>;
  let before: string | undefined;
  beforeEach(() => {
    before = process.env[variable];
    folder = temporaryFolder();
    process.env[variable] = folder.path;
  });
  afterEach(() => {
    folder[Symbol.dispose]();
    if (before === undefined) delete process.env[variable];
    else process.env[variable] = before;
  });
  return {
    get path() {
      return folder.path;
    },
  };
}
