/** Variables of this process's environment for a while, and a state folder of its own for each test of a file. */
import { afterEach, beforeEach } from "bun:test";

import { temporaryFolder } from "../disk.ts";

/** Sets variables, or unsets those that are undefined, until the end of the block. */
export function environment(changes: Readonly<Record<string, string | undefined>>): Disposable {
  const set = (values: typeof changes): void => {
    for (const [name, value] of Object.entries(values)) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  };
  const before = Object.fromEntries(Object.keys(changes).map((name) => [name, process.env[name]]));
  set(changes);
  return { [Symbol.dispose]: () => set(before) };
}

/**
 * To be called once, outside of tests: each test has a state folder of its own.
 * @returns the folder of the test that runs
 */
export function stateOfEachTest(): { readonly path: string } {
  let folder: ReturnType<typeof temporaryFolder>;
  let variable: Disposable;
  beforeEach(() => {
    folder = temporaryFolder();
    variable = environment({ XDG_STATE_HOME: folder.path });
  });
  afterEach(() => {
    folder[Symbol.dispose]();
    variable[Symbol.dispose]();
  });
  return {
    get path() {
      return folder.path;
    },
  };
}
